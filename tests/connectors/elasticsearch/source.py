"""The table in Elasticsearch: a document for every row, mapped."""
import importlib.util
import pathlib

NEEDS = "ROWHOUSE_TEST_ELASTICSEARCH"
SPEC = importlib.util.spec_from_file_location("rowhouse_elasticsearch",
                                              pathlib.Path(__file__).with_name("elasticsearch.py"))
elasticsearch = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(elasticsearch)
TYPES = {"code": "keyword", "name": "keyword", "kind": "keyword", "price": "double", "stock": "integer",
         "active": "boolean", "added": "date"}


def make(name, rows, folder):
    elasticsearch.make_index(name, {field: {"type": kind} for field, kind in TYPES.items()}, rows)
    return {"config": elasticsearch.settings(), "filled": True}
