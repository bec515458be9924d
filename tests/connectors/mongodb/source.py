"""The table on a server with MongoDB's protocol: a collection with a document for every row, whose prices
are decimals and whose times are dates."""
import datetime
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from wire import Client, Date, I32, decimal  # noqa: E402

NEEDS = "ROWHOUSE_TEST_MONGODB"


def document(row):
    added = datetime.datetime.fromisoformat(row["added"].replace("Z", "+00:00"))
    return {**row, "price": decimal(row["price"]), "added": Date(int(added.timestamp() * 1000))}


def make(name, rows, folder):
    client = Client(os.environ[NEEDS])
    client.insert("same", name, [document(row) for row in rows])
    client.call("same", {"createIndexes": name, "indexes": [{"key": {"code": I32(1)}, "name": "code", "unique": True}]})
    return {"config": {"url": os.environ[NEEDS] + "/same"}, "filled": True}
