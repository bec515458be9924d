#!/usr/bin/env python3
"""The conformance suite on the connector firestore: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills the peer at ROWHOUSE_TEST_FIRESTORE with rows that are hard to tell apart, and runs `rowhouse connector
check` on it.
"""
import json
import os
import subprocess
import sys
import tempfile

import store

URL = os.environ["ROWHOUSE_TEST_FIRESTORE"]
ABSENT = object()
DEVIATIONS = {"config/errors": "a collection without documents is none: reading one that is not there gives no rows"}
COLUMNS = ["_id", "n", "s", "b", "f", "t", "j", "m"]
# The last column is of several types: what is there is told as JSON.
ROWS = [
    ("B", None, "é", None, 1e-3, "2024-02-29T13:05:00.25Z", {"k": "v"}, 1),
    ("a", 1, "x", True, 1.5, "1969-12-31T23:59:59.999999Z", [1, 2], "one"),
    ("b", 2, "X", False, -2.5, None, None, True),
    ("c", -3, "e\u0301", True, None, "0001-01-01T00:00:00Z", {"t": {"u": [None]}}, None),
    ("d", 9007199254740993, "", ABSENT, ABSENT, ABSENT, ABSENT, ABSENT),
    ("e é", 2, "100%", ABSENT, 0.0, "2024-02-29T13:05:00.25Z", ABSENT, 2.5),
    ("g.h", -9223372036854775808, "a_b", True, 1e20, "9999-12-31T23:59:59Z", [], [1]),
    ("q€", 5, "a.b*c", True, 9007199254740992.0, None, [{"a": None}], {"x": 1}),
    ("r\U0001F600", 7, "line\nbreak\U0001F600", False, 3.0, ABSENT, {}, "two"),
    ("s", ABSENT, "\U0010ffff", ABSENT, -0.5, "2024-03-01T00:00:00Z", ABSENT, 1),
    ("z", 0, ABSENT, False, 2.5, None, None, ABSENT),
]


def document(row):
    fields = {c: v for c, v in zip(COLUMNS[1:], row[1:]) if v is not ABSENT}
    if fields.get("t"):
        fields["t"] = store.Typed(timestampValue=fields["t"])
    return fields


def fill():
    store.put({f"things/{row[0]}": document(row) for row in ROWS}, "demo-check")
    store.put({f"written/{i}": {"n": i, "s": "x"} for i in range(3)}, "demo-check")
    store.put({"towns/SF/sights/bridge": {"name": "Golden Gate", "length": 2737, "at": store.Typed(
        geoPointValue={"latitude": 37.8, "longitude": -122.5})},
               "towns/LDN/sights/bridge": {"name": "Tower", "city": store.Typed(
                   referenceValue="projects/demo-check/databases/(default)/documents/towns/LDN")},
               "towns/LDN": {"name": "London", "photo": store.Typed(bytesValue="AP8=")}}, "demo-check")


def configuration():
    with open(os.environ["ROWHOUSE_TEST_FIRESTORE_STRANGER"], encoding="utf-8") as file:
        stranger = file.read()
    return {
        "settings": {"url": URL, "project": "demo-check", "collection_groups": ["sights"]},
        "wrong_credentials": {"service_account": stranger},
        "unreachable": {"url": "http://127.0.0.1:1"},
        "through": {"to": URL.removeprefix("http://"), "settings": {"url": "http://{host}:{port}"}},
        "slow": None,
        "echo": None,
        "writable": {"table": "written", "key": "_id", "number": "n", "text": "s"},
        "tables": [{"name": "things", "columns": COLUMNS,
                    "rows": [[None if v is ABSENT else v for v in row] for row in ROWS]}],
    }


def main():
    fill()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("config", configuration()), ("deviations", DEVIATIONS)):
            with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
                json.dump(content, file)
        sys.exit(subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--config", f"{folder}/config.json",
                                 "--deviations", f"{folder}/deviations.json", *sys.argv[3:]], check=False).returncode)


if __name__ == "__main__":
    main()
