#!/usr/bin/env python3
"""Certifies the connector mongodb: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills a collection of the server at ROWHOUSE_TEST_MONGODB with documents that are hard to tell apart, and
runs `rowhouse connector check --certify` on it, or on the peer at ROWHOUSE_TEST_MONGODB_PEER that stands
before it. The random queries are the same in every run; ROWHOUSE_TEST_SEED=N asks others.
"""
import json
import os
import subprocess
import sys
import tempfile

from wire import Binary, Client, Date, I32, ObjectId

DEVIATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deviations.json")
ABSENT = object()
COLUMNS = ["_id", "n", "s", "b", "f", "j", "o"]
OIDS = ["507f1f77bcf86cd7994390%02x" % i for i in range(20)]
NAN = float("nan")
ROWS = [
    (None, "é", None, 1e-3, {"k": "v"}, None),
    (1, "x", True, 1.5, [1, 2], OIDS[3]),
    (I32(2), "X", False, -2.5, None, OIDS[1]),
    (-3, "e\u0301", True, None, "text", OIDS[3]),
    (9007199254740993, "", ABSENT, ABSENT, 7, ABSENT),
    (9007199254740992.0, "100%", ABSENT, 0.0, ABSENT, OIDS[7]),
    ("two", "a_b", 1, NAN, [], OIDS[2]),
    (5, "a.b*c", True, 1e20, [{"a": None}], OIDS[1]),
    (7, "line\nbreak", False, 3.0, False, OIDS[9]),
    (0, ABSENT, False, 2.5, "", OIDS[8]),
    ([1, 5], ["x", "é"], [True], [2.5], {}, OIDS[4]),
    (NAN, "Straße", None, float("inf"), None, OIDS[5]),
    (5.0, "STRASSE", True, I32(3), 1.25, OIDS[6]),
    ({"n": 5}, "\u212aelvin", False, -0.0, [None], None),
    (True, "Kelvin", False, 0.1, "5", OIDS[1]),
    (Date(5), "zz\U0001F600", False, 7, True, OIDS[0]),
]


def documents():
    found = []
    for i, row in enumerate(ROWS):
        values = [ObjectId(OIDS[i])] + list(row[:5]) + [ObjectId(row[5]) if isinstance(row[5], str) else row[5]]
        found.append({c: v for c, v in zip(COLUMNS, values) if v is not ABSENT})
    return found


def configuration(server):
    host = server.split("@")[-1].removeprefix("mongodb://")
    login = "rowhouse:s3cret@" if "@" in server else ""
    return {
        "settings": {"url": f"{server}/check"},
        "wrong_credentials": {"url": f"mongodb://rowhouse:wrong@{host}/check"} if login else None,
        "unreachable": {"url": "mongodb://127.0.0.1:1/check"},
        "through": {"to": host, "settings": {"url": f"mongodb://{login}{{host}}:{{port}}/check?directConnection=true"}},
        "slow": None,
        "echo": None,
        "writable": {"table": "written", "key": "_id", "number": "n", "text": "s"},
        "tables": [{"name": "things", "columns": ["_id"], "rows": [[OIDS[i]] for i in range(len(ROWS))]}],
    }


def main():
    client = Client(os.environ["ROWHOUSE_TEST_MONGODB"])
    client.insert("check", "things", documents())
    client.insert("check", "written", [{"_id": "1", "n": 1, "s": "x"}])
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(os.environ.get("ROWHOUSE_TEST_MONGODB_PEER") or os.environ["ROWHOUSE_TEST_MONGODB"]),
                  file)
        file.flush()
        sys.exit(subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--certify", "--config", file.name,
                                 "--deviations", DEVIATIONS, "--seed", os.environ.get("ROWHOUSE_TEST_SEED", "1"),
                                 *sys.argv[3:]], check=False).returncode)


if __name__ == "__main__":
    main()
