#!/usr/bin/env python3
"""The conformance suite on the connector couchdb: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills a database of the server at ROWHOUSE_TEST_COUCHDB with rows that are hard to tell apart, and runs
`rowhouse connector check` on it. Ids begin with ASCII: PouchDB in memory loses others in _all_docs.
"""
import base64
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

SERVER = os.environ["ROWHOUSE_TEST_COUCHDB"]
HOST = SERVER.split("@")[1]
ABSENT = object()
COLUMNS = ["_id", "n", "s", "b", "f", "j"]
ROWS = [
    ("B", None, "é", None, 1e-3, {"k": "v"}),
    ("a", 1, "x", True, 1.5, [1, 2]),
    ("b", 2, "X", False, -2.5, None),
    ("c", -3, "e\u0301", True, None, "text"),
    ("d", 9007199254740991, "", ABSENT, ABSENT, 7),
    ("e é", 2, "100%", ABSENT, 0, ABSENT),
    ("f/g", "two", "a_b", 1, "1.5", []),
    ("q€", 5, "a.b*c", True, 1e20, [{"a": None}]),
    ("r\U0001F600", 7, "line\nbreak", False, 3, False),
    ("z", 0, ABSENT, False, 2.5, None),
]


def call(method, path, body):
    request = urllib.request.Request(f"http://{HOST}{path}", method=method,
                                     data=json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + base64.b64encode(b"rowhouse:s3cret").decode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def fill():
    call("PUT", "/things", {})
    call("PUT", "/things/_design%2Fview", {"language": "javascript"})
    docs = [{c: v for c, v in zip(COLUMNS, row) if v is not ABSENT} for row in ROWS]
    assert all("error" not in outcome for outcome in call("POST", "/things/_bulk_docs", {"docs": docs}))


def configuration():
    rows = [[None if v is ABSENT else v for v in row] for row in ROWS]
    return {
        "settings": {"url": f"{SERVER}/things"},
        "wrong_credentials": {"url": f"http://rowhouse:wrong@{HOST}/things"},
        "unreachable": {"url": "http://127.0.0.1:1"},
        "through": {"to": HOST, "settings": {"url": "http://rowhouse:s3cret@{host}:{port}/things"}},
        "slow": None,
        "echo": None,
        "tables": [{"name": "things", "columns": COLUMNS, "rows": rows}],
    }


def main():
    fill()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(), file)
        file.flush()
        sys.exit(subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--config", file.name,
                                 *sys.argv[3:]], check=False).returncode)


if __name__ == "__main__":
    main()
