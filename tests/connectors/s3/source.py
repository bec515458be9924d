"""The table in S3: one object of CSV, with a header."""
import csv
import importlib.util
import io
import pathlib

NEEDS = "ROWHOUSE_TEST_S3"


def load():
    path = pathlib.Path(__file__).with_name("bucket.py")
    spec = importlib.util.spec_from_file_location("s3_bucket", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def make(name, rows, folder):
    bucket, columns = load(), ["code", "name", "kind", "price", "stock", "active", "added"]
    types = ["text", "text", "text", "decimal", "int", "bool", "timestamp"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([text(row[c]) if c in row else None for c in columns] for row in rows)
    where = name.replace("_", "-")
    bucket.ask("PUT", f"/{where}")
    bucket.ask("PUT", f"/{where}/data/{name}.csv", out.getvalue().encode())
    return {"filled": True, "config": bucket.settings(where, [
        {"name": name, "object": f"data/{name}.csv", "format": "csv", "key": ["code"],
         "columns": [{"name": c, "type": t} for c, t in zip(columns, types)]}])}
