#!/usr/bin/env python3
"""The conformance suite on the connector rest: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills two collections of the peer at ROWHOUSE_TEST_REST with rows that are hard to tell apart, and runs
`rowhouse connector check` on them.
"""
import json
import os
import subprocess
import sys
import tempfile

from description import make, resource, settings

HOST = os.environ["ROWHOUSE_TEST_REST"].removeprefix("http://")
ABSENT = object()
THINGS = {"id": "text", "n": "int", "s": "text", "b": "bool", "f": "float", "d": "decimal", "t": "timestamp",
          "j": "json"}
ROWS = [
    ("B", None, "é", None, 1e-3, 1, "2024-01-01T00:00:00Z", {"k": "v"}),
    ("a", 1, "x", True, 1.5, 1.0, "1969-12-31T23:59:59.5Z", [1, 2]),
    ("b", 2, "X", False, -2.5, 0.125, None, None),
    ("c", -3, "e\u0301", True, None, -7.25, "2024-02-29T12:00:00Z", "text"),
    ("d", 9007199254740991, "", ABSENT, ABSENT, None, "2024-01-01T00:00:00Z", 7),
    ("e é", 2, "100%", ABSENT, 0, 100, ABSENT, ABSENT),
    ("f/g", -1, "a_b", False, 1e20, 99.75, "1582-10-04T00:00:00Z", []),
    ("h?x=1&y#z", None, " a ", True, 3, 2, "9999-12-31T23:59:59Z", [{"a": None}]),
    ("q€", 5, "a.b*c", True, 2.5, 3, "2024-01-01T00:00:00.25Z", False),
    ("r\U0001F600", 7, "line\nbreak", False, 3, 4, None, True),
    ("z,y", 0, ABSENT, False, 2.5, 5, "2024-06-01T08:00:00Z", {"a": [1, {"b": 2}]}),
]
NUMBERS = {"k": "int", "s": "text"}
WRITTEN = {"id": "text", "n": "int", "v": "text"}


def table(name, types, rows):
    key = next(iter(types))
    make(name, key, types, [{c: v for c, v in zip(types, row) if v is not ABSENT} for row in rows])
    return {"name": name, "columns": list(types),
            "rows": [[None if v is ABSENT else v for v in row] for row in rows]}


def configuration():
    numbers = [(i, None if i % 7 == 0 else f"s{i % 5}") for i in range(-20, 230)]
    tables = [table("things", THINGS, ROWS), table("numbers", NUMBERS, numbers)]
    make("written", "id", WRITTEN, [])
    good = settings({"numbers": resource("numbers", "k", NUMBERS), "things": resource("things", "id", THINGS),
                     "written": resource("written", "id", WRITTEN)})
    return {
        "settings": good,
        "wrong_credentials": {**good, "secret": "wr0ng"},
        "unreachable": {**good, "url": "http://127.0.0.1:1/shop"},
        "through": {"to": HOST, "settings": {**good, "url": "http://{host}:{port}/shop"}},
        "slow": None,
        "echo": None,
        "tables": tables,
        "writable": {"table": "written", "key": "id", "number": "n", "text": "v"},
    }


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(), file)
        file.flush()
        sys.exit(subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--config", file.name,
                                 *sys.argv[3:]], check=False).returncode)


if __name__ == "__main__":
    main()
