#!/usr/bin/env python3
"""The conformance suite on the connector s3: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills a bucket of the service at ROWHOUSE_TEST_S3 with rows that are hard to tell apart, in each format, and
runs `rowhouse connector check` on them.
"""
import json
import subprocess
import sys
import tempfile

from bucket import HOST, ask, settings

BUCKET = "things"
TEXTS = ["a", "b", "", "é", "e\u0301", "q€", "r\U0001F600", "A", "100%", "a_b", "a\"b,c", "line\nbreak"]
COLUMNS = [{"name": "id", "type": "int"}, {"name": "s", "type": "text"}, {"name": "n", "type": "int"},
           {"name": "b", "type": "bool"}, {"name": "f", "type": "float"}]
TABLES = [
    {"name": "one", "object": "one.csv", "format": "csv", "key": ["id"], "columns": COLUMNS},
    {"name": "many", "prefix": "many/", "format": "ndjson", "key": ["id"]},
    {"name": "array", "object": "deep/é 100%/array.json", "format": "json", "key": ["id"]},
    {"name": "guessed", "prefix": "csv/", "format": "csv", "separator": ";"},
    {"name": "written", "object": "written.csv", "format": "csv", "key": ["id"],
     "columns": [{"name": "id", "type": "int"}, {"name": "n", "type": "int"}, {"name": "v", "type": "text"}]},
]


def rows_of(n, start=0):
    return [{"id": start + i, "s": TEXTS[(start + i * 5) % len(TEXTS)] if i % 6 else None,
             "n": i % 5 - 2 if i % 4 else None, "b": i % 2 == 0 if i % 3 else None,
             "f": i / 4 - 1 if i % 5 else None} for i in range(n)]


def field(value, separator):
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '""') + '"' if not text or any(c in text for c in '",;\r\n') else text


def csv(rows, separator=","):
    lines = [list(rows[0])] + [row.values() for row in rows]
    return "\r\n".join(separator.join(field(v, separator) for v in line) for line in lines).encode()


def fill():
    ask("PUT", f"/{BUCKET}")
    one, array = rows_of(30), rows_of(12)
    many = [rows_of(7, 10 * i) for i in range(5)]
    ask("PUT", f"/{BUCKET}/one.csv", csv(one))
    ask("PUT", f"/{BUCKET}/deep/é 100%/array.json", json.dumps(array).encode())
    ask("PUT", f"/{BUCKET}/many/")
    for i, rows in enumerate(many):
        ask("PUT", f"/{BUCKET}/many/{'bAc-_'[i]}{i}", "\n".join(json.dumps(r) for r in rows).encode())
    ask("PUT", f"/{BUCKET}/csv/x.csv", csv(one[:9], ";"))
    names = list(one[0])
    table = lambda name, rows: {"name": name, "columns": names, "rows": [list(r.values()) for r in rows]}
    return [table("one", one), table("many", sum(many, [])), table("array", array)]


def main():
    expected, good = fill(), settings(BUCKET, TABLES)
    config = {
        "settings": good,
        "wrong_credentials": {**good, "access_key": "wrong", "secret_key": "wr0ng"},
        "unreachable": {**good, "url": "http://127.0.0.1:1"},
        "through": {"to": HOST, "settings": {**good, "url": "http://{host}:{port}"}},
        "slow": None,
        "echo": None,
        "tables": expected,
        "writable": {"table": "written", "key": "id", "number": "n", "text": "v"},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        sys.exit(subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--config", file.name,
                                 *sys.argv[3:]], check=False).returncode)


if __name__ == "__main__":
    main()
