#!/usr/bin/env python3
"""The conformance suite on the connector airtable: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills a table on the peer at ROWHOUSE_TEST_AIRTABLE with rows that are hard to tell apart, and runs
`rowhouse connector check` on it.
"""
import json
import os
import subprocess
import sys
import tempfile

import client

FIELDS = {"s": "singleLineText", "n": ("number", {"precision": 0}), "d": ("number", {"precision": 8}),
          "b": ("checkbox", {"icon": "check", "color": "greenBright"}),
          "day": ("date", {"dateFormat": {"name": "iso"}}),
          "at": ("dateTime", {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"}),
          "k": ("singleSelect", {"choices": [{"name": n} for n in ("x", "X", "it's \"so\"", "back\\slash")]}),
          "tags": ("multipleSelects", {"choices": [{"name": "p"}, {"name": "q"}]})}
ROWS = [
    ("é", None, 0.001, None, "2024-02-29", "2024-02-29T23:59:59.999Z", "x", ["p", "q"]),
    ("x", 0, 1.5, True, "1582-10-14", None, "X", None),
    ("X", 2, -2.5, None, None, "1969-12-31T23:59:59Z", None, ["q"]),
    ("e\u0301", -3, 0, True, "2024-03-01", "2024-03-01T00:00:00Z", "x", None),
    ("100%", 9007199254740991, None, None, "1969-12-31", "2024-02-29T23:59:59.998Z", "it's \"so\"", ["p"]),
    ("a_b", 2, 1.5, None, "1970-01-01", None, "back\\slash", None),
    ("a.b*c", 5, 100, True, "9989-12-31", "1970-01-01T00:00:00Z", None, None),
    ("line\nbreak", 7, 3, None, None, "2001-09-09T01:46:40Z", "x", None),
    ("quote\"d 'text' \\ {n}", None, 0.125, True, "2024-02-28", None, "X", ["p"]),
    (None, 1, 123456789.125, None, None, None, None, None),
    (" x ", -7, -0.5, True, "0999-01-01", "2024-02-29T00:00:00Z", "x", None),
    ("\U0001F600 r", 12, 2.5, None, "2024-02-29", "2024-02-29T12:00:00Z", "x", ["q"]),
]


def configuration():
    rows = [{c: v for c, v in zip(FIELDS, row) if v is not None} for row in ROWS]
    ids = client.make_table("things", FIELDS, rows)
    client.make_table("written", {"code": ("number", {"precision": 0}), "n": ("number", {"precision": 0}),
                                  "v": "singleLineText"}, [])
    in_order = [row for _, row in sorted(zip(ids, ROWS), key=lambda pair: pair[0])]  # as the suite does
    host = client.settings()["url"].removeprefix("http://").removesuffix("/v0")
    return {
        "settings": client.settings(),
        "wrong_credentials": {"token": "patWrong.s3cret"},
        "unreachable": {"url": "http://127.0.0.1:1/v0"},
        "through": {"to": host, "settings": client.settings(url="http://{host}:{port}/v0")},
        "slow": None,
        "echo": None,
        "writable": {"table": "written", "identity": "_id", "key": "code", "number": "n", "text": "v"},
        "tables": [{"name": "things", "columns": list(FIELDS),
                    "rows": [[False if c == "b" and v is None else v for c, v in zip(FIELDS, row)]
                             for row in in_order]}],
    }


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(), file)
        file.flush()
        sys.exit(subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--config", file.name,
                                 *sys.argv[3:]], check=False).returncode)


if __name__ == "__main__":
    main()
