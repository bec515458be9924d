"""The table as a collection of an API, which peer.py plays."""
import importlib.util
import pathlib

NEEDS = "ROWHOUSE_TEST_REST"
TYPES = {"code": "text", "name": "text", "kind": "text", "price": "decimal", "stock": "int", "active": "bool",
         "added": "timestamp"}

spec = importlib.util.spec_from_file_location("rest_description", pathlib.Path(__file__).with_name("description.py"))
description = importlib.util.module_from_spec(spec)
spec.loader.exec_module(description)


def make(name, rows, folder):
    description.make(name, "code", TYPES, rows)
    return {"config": description.settings({name: description.resource(name, "code", TYPES)}), "filled": True}
