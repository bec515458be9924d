"""The table in Firestore: a collection with a document for every row."""
import importlib.util
import os
import pathlib

NEEDS = "ROWHOUSE_TEST_FIRESTORE"


def make(name, rows, folder):
    spec = importlib.util.spec_from_file_location("firestore_store", pathlib.Path(__file__).with_name("store.py"))
    store = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(store)
    project = "demo-" + name.replace("_", "-")

    def document(row):
        row = {**row, "price": float(row["price"])}
        return {**row, "added": store.Typed(timestampValue=row["added"])}
    store.put({f"{name}/{row['code']}": document(row) for row in rows}, project)
    return {"config": {"url": os.environ[NEEDS], "project": project}, "filled": True}
