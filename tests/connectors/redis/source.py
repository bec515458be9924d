"""The table in Redis: a hash for every row."""
import importlib.util
import os
import pathlib

NEEDS = "ROWHOUSE_TEST_REDIS"


def redis():
    path = pathlib.Path(__file__).with_name("cli.py")
    spec = importlib.util.spec_from_file_location("redis_cli", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Redis()


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def make(name, rows, folder):
    columns = [{"name": "name", "type": "text"}, {"name": "kind", "type": "text"},
               {"name": "price", "type": "decimal", "precision": 12, "scale": 2}, {"name": "stock", "type": "int"},
               {"name": "active", "type": "bool"}, {"name": "added", "type": "timestamp"}]
    redis().run([["HSET", f"{name}:{row['code']}"] + [w for k, v in row.items() if k != "code" for w in (k, text(v))]
                 for row in rows])
    return {"filled": True, "config": {"url": os.environ[NEEDS], "tables": [
        {"name": name, "pattern": name + ":{code}", "kind": "hash", "columns": columns}]}}
