#!/usr/bin/env python3
"""The conformance suite on the connector elasticsearch: conformance.py FLAVOUR ROWHOUSE PLUGIN [OPTION…]

FLAVOUR: "mixed" has an index with arrays, long and analysed texts, numbers that are not what they are mapped as;
"single" one for the setting single_values; "opensearch" is mixed, without points in time.
"""
import json
import os
import subprocess
import sys
import tempfile

from elasticsearch import call, make_index, settings

ABSENT = object()
MIXED = {"b": "boolean", "d": "date", "f": "float", "j": "object", "k": "keyword", "n": "integer", "s": "text",
         "x": "double"}
MIXED_ROWS = [
    ("B", True, "2024-01-01T00:00:00Z", 0.125, {"k": "v"}, "é", 1, "é e", 0.0625),
    ("a", False, 1704067200123, -2.5, ABSENT, ["x", "y"], [1, 5], "x", 1.5),
    ("b", "true", None, 1e3, {}, "X", 5.75, "X", -2.5),
    ("c", None, "2024-02-29T13:00:00.123456Z", None, {"a": [{"b": None}]}, "e\u0301", "7", ["one", "two"], None),
    ("d", ABSENT, "1900-01-01", ABSENT, ABSENT, "", 2147483647, "", ABSENT),
    ("e é", True, ABSENT, 0, ABSENT, "100%", -5.75, "x" * 300, 0),
    ("f/g", False, "2024-01-01T00:00:00.000999Z", 16777217, {"c": 1}, "a_b*c?", -1, "a_b*c?", [2.5]),
    ("q€", [], "2024-01-01T01:00:00+01:00", [0.125], ABSENT, [], 0, "line\nbreak", 1048576.5),
    ("z\U0001F600", [True, False], "1969-12-31T23:59:59.9999Z", 0.25, {"k": []}, "\U0001F600", None, None, 3),
    ("\uff5e", True, "2024-12-31T00:00:00Z", 2, ABSENT, "\uff5e", 3, "\uff5e", 2.5),
]
SINGLE = {"b": "boolean", "d": "date", "k": "keyword", "l": "long", "x": "double"}
SINGLE_ROWS = [
    ("a", True, "2024-01-01T00:00:00Z", "é", 9007199254740993, 0.125),
    ("b", False, "2024-01-01T00:00:00.123Z", "x", 1, -2.5),
    ("c", None, "1900-01-01T00:00:00Z", "X", -1, 1048576.5),
    ("d", True, None, "", None, 0.0625), ("e", ABSENT, ABSENT, None, 0, None),
    ("f", False, "2024-01-01T00:00:00Z", "a_b*c?", -9223372036854775807, 2.5),
    ("g", True, "2024-02-29T00:00:00Z", "100%\\", 1, ABSENT),
    ("h", True, "2024-02-29T00:00:00.001Z", "\U0001F600", 7, 3),
    ("i", False, "2030-01-01T00:00:00Z", "\uff5e", ABSENT, 2.5)]


# What stands in _source in another spelling than the column's.
TOLD = {1704067200123: "2024-01-01T00:00:00.123Z", "1900-01-01": "1900-01-01T00:00:00Z", "7": 7,
        "2024-01-01T01:00:00+01:00": "2024-01-01T00:00:00Z"}


def told(value):
    if value is ABSENT or isinstance(value, (list, dict)):
        return None if value is ABSENT else value
    return TOLD.get(value, value)


def table(name, types, rows):
    columns = ["_id", *types]
    docs = [{c: v for c, v in zip(columns, row) if v is not ABSENT} for row in rows]
    fields = {n: {} if t == "object" else {"type": t} for n, t in types.items()}
    for field in fields.values():
        if field.get("type") == "text":
            field["fields"] = {"keyword": {"type": "keyword", "ignore_above": 256}}
    fields = {n: f or {"properties": {}} for n, f in fields.items()}
    make_index(name, fields, docs)
    return {"name": name, "columns": columns, "rows": [[told(v) for v in row] for row in rows]}


def configuration(flavour):
    url = os.environ["ROWHOUSE_TEST_OPENSEARCH" if flavour == "opensearch" else "ROWHOUSE_TEST_ELASTICSEARCH"]
    base = settings(url=url, single_values=flavour == "single")
    tables = [table("things", SINGLE, SINGLE_ROWS)] if flavour == "single" else [table("things", MIXED, MIXED_ROWS)]
    make_index("written", {"n": {"type": "integer"}, "s": {"type": "keyword"}}, dynamic="strict")
    call("POST", "/_aliases", {"actions": [{"add": {"index": "things", "alias": "other_things"}}]})
    return {
        "settings": base,
        "wrong_credentials": {"password": "wr0ng"},
        "unreachable": {"url": "http://127.0.0.1:1"},
        "through": {"to": url.removeprefix("http://"), "settings": {**base, "url": "http://{host}:{port}"}},
        "slow": None,
        "echo": None,
        "writable": {"table": "written", "key": "_id", "number": "n", "text": "s"},
        "tables": tables,
    }


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(sys.argv[1]), file)
        file.flush()
        sys.exit(subprocess.run([sys.argv[2], "connector", "check", sys.argv[3], "--config", file.name,
                                 *sys.argv[4:]], check=False).returncode)


if __name__ == "__main__":
    main()
