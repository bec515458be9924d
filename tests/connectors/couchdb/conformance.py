#!/usr/bin/env python3
"""The conformance suite on the connector couchdb: conformance.py KIND ROWHOUSE PLUGIN [OPTION…]

Runs `rowhouse connector check` on databases of the server at ROWHOUSE_TEST_COUCHDB. KIND is

    inferred   a database with documents that are hard to tell apart, whose columns are inferred, and one to write
    indexed    the same, with indexes on them
    declared   tables that the suite makes, in one database
    databases  tables that the suite makes, each a database

The first and the last are certified: every test, in this process and isolated. The others are asked what differs
there, the suites about rows. The random queries are the same in every run; ROWHOUSE_TEST_SEED=N asks others. Ids
begin with ASCII: PouchDB in memory loses others in _all_docs.
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
SUITES = ["config", "introspection", "types", "oracle", "cursors", "write", "transactions", "native", "ddl", "feed"]
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


def fill(indexed):
    call("PUT", "/things", {})
    call("PUT", "/things/_design%2Fview", {"language": "javascript"})
    docs = [{c: v for c, v in zip(COLUMNS, row) if v is not ABSENT} for row in ROWS]
    assert all("error" not in outcome for outcome in call("POST", "/things/_bulk_docs", {"docs": docs}))
    call("PUT", "/written", {})
    call("POST", "/written/_bulk_docs", {"docs": [{"_id": "1", "n": 1, "s": "x"}]})
    for name in ["n", "s", "b", "f"] if indexed else []:
        call("POST", "/things/_index", {"index": {"fields": [name]}, "name": name, "ddoc": "by-" + name})


def configuration(kind, where):
    more = {"table_field": "kind"} if kind == "declared" else {}
    made = {
        "settings": {"url": SERVER + where, **more},
        "wrong_credentials": {"url": f"http://rowhouse:wrong@{HOST}{where}", **more},
        "unreachable": {"url": "http://127.0.0.1:1" + where, **more},
        "through": {"to": HOST, "settings": {"url": "http://rowhouse:s3cret@{host}:{port}" + where, **more}},
        "slow": None,
        "echo": None,
    }
    if kind in ("inferred", "indexed"):
        rows = [[None if v is ABSENT else v for v in row] for row in ROWS]
        made["make_tables"] = False
        made["writable"] = {"table": "written", "key": "_id", "number": "n", "text": "s"}
        made["tables"] = [{"name": "things", "columns": COLUMNS, "rows": rows}]
    return made


def check(kind, where, words):
    rowhouse, plugin, *options = words
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(kind, where), file)
        file.flush()
        return subprocess.run([rowhouse, "connector", "check", plugin, "--config", file.name, "--seed",
                               os.environ.get("ROWHOUSE_TEST_SEED", "1"), *options], check=False).returncode


def check_declared(words):
    """Each suite in a database of its own: a document that was deleted stays in it, and makes PouchDB slower."""
    status = 0
    for suite in SUITES:
        call("PUT", "/in-" + suite, {})
        status = max(status, check("declared", "/in-" + suite, [*words, "--suite", suite]))
    return status


def main():
    kind, *words = sys.argv[1:]
    if kind == "declared":
        sys.exit(check_declared(words))
    if kind != "databases":
        fill(kind == "indexed")
    more = [word for suite in SUITES for word in ("--suite", suite)] if kind == "indexed" else ["--certify"]
    sys.exit(check(kind, "", [*words, *more]))


if __name__ == "__main__":
    main()
