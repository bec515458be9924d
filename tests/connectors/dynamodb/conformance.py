#!/usr/bin/env python3
"""The conformance suite on the connector dynamodb: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills tables on the server at ROWHOUSE_TEST_DYNAMODB with rows that are hard to tell apart, and runs
`rowhouse connector check` on them, through a peer that checks signatures: one has a partition key alone, one a
sort key and two indexes.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from dynamodb import ABSENT, NEEDS, make_table, settings

PEER = pathlib.Path(__file__).with_name("peer.py")
THINGS = ["id", "b", "f", "j", "n", "s", "x"]
THING_ROWS = [
    ("B", None, 0.001, {"k": "v"}, None, "é", 1),
    ("a", True, 1.5, [1, 2], 1, "x", "one"),
    ("b", False, -2.5, None, 2, "X", True),
    ("c", True, None, "text", -3, "e\u0301", None),
    ("d", ABSENT, ABSENT, 7, 9007199254740993, "", 0.5),
    ("e é", ABSENT, 0, ABSENT, 2, "100%", ABSENT),
    ("f/g", False, 1.25, [], "two", "a_b", "x"),
    ("q€", True, 1e20, [{"a": None}], 5, "a.b*c", False),
    ("r\U0001F600", False, 3, False, 7, "line\nbreak", "\uff5e"),
    ("\uff5ez", False, 2.5, None, 0, ABSENT, "\U0001F600"),
]
PARTS = ["pk", "sk", "at", "kind", "v"]
PART_ROWS = [
    (1, "B", 11, "x", ABSENT), (1, "a", 10, "x", "one"), (1, "b", 10, "y", "two"), (1, "ba", ABSENT, "x", "three"),
    (1, "é", -5, ABSENT, "four"), (2, "a", 10, "y", "five"), (2, "c", 3, "x", "six"), (2, "\uff5e", 8, "x", ABSENT),
    (2, "\U0001F600", 7, "y", "7"), (3, "a", 1, "z", "seven")]
INDEXES = [{"name": "by_kind", "kind": "S", "at": "N"}, {"name": "by_at", "local": True, "pk": "N", "at": "N"},
           {"name": "of_kind", "kind": "S"}, {"name": "keys_alone", "v": "S", "projection": "KEYS_ONLY"}]


def rows_of(columns, rows):
    return [dict(zip(columns, row)) for row in rows]


def fill():
    make_table("rows_things", rows_of(THINGS, THING_ROWS), id="S")
    make_table("rows_parts", rows_of(PARTS, PART_ROWS), INDEXES, pk="N", sk="S")
    make_table("rows_written", id="S")


def configuration(endpoint):
    def told(rows):
        return [[None if v is ABSENT else v for v in row] for row in rows]

    return {
        "settings": settings(endpoint),
        "wrong_credentials": {"secret_key": "wr0ng"},
        "unreachable": {"endpoint": "http://127.0.0.1:1"},
        "through": {"to": endpoint.removeprefix("http://"), "settings": settings("http://{host}:{port}")},
        "slow": None,
        "echo": None,
        "writable": {"table": "rows_written", "key": "id", "number": "n", "text": "s"},
        "tables": [{"name": "rows_things", "columns": THINGS, "rows": told(THING_ROWS)},
                   {"name": "rows_parts", "columns": PARTS, "rows": told(PART_ROWS)}],
    }


def main():
    fill()
    peer = subprocess.Popen([sys.executable, PEER, os.environ[NEEDS]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(configuration(f"http://127.0.0.1:{peer.stdout.readline().strip()}"), file)
            file.flush()
            status = subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--config", file.name,
                                     *sys.argv[3:]], check=False).returncode
    finally:
        peer.stdin.close()
        peer.wait(60)
    sys.exit(status)


if __name__ == "__main__":
    main()
