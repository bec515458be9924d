#!/usr/bin/env python3
"""The conformance suite on the connector googlesheets: conformance.py ROWHOUSE PLUGIN [OPTION…]

Fills a sheet on the peer at ROWHOUSE_TEST_GOOGLESHEETS with rows that are hard to tell apart, and runs
`rowhouse connector check` on it. ROWHOUSE_KEYS=row_ids or key_column (default) says what the key is.
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile

import client

COLUMNS = ["a", "n", "s", "b", "d", "day", "at", "t", "m"]
DAY, AT, T = datetime.date, datetime.datetime, datetime.time
ROWS = [
    ("B", None, "é", None, 1e-3, DAY(2024, 2, 29), AT(2024, 2, 29, 23, 59, 59), T(0, 0, 1), "two"),
    ("a", 1, "x", True, 1.5, DAY(1899, 12, 29), None, T(12, 30), 2),
    ("b", 2, "X", False, -2.5, None, AT(1970, 1, 1), None, True),
    ("c", -3, "e\u0301", True, None, DAY(2024, 3, 1), AT(2024, 2, 29, 12, 0, 0), None, None),
    ("d", 9007199254740991, None, None, None, DAY(9999, 12, 31), None, T(23, 59, 59), 0.5),
    ("e é", 2, "100%", None, 0.5, None, AT(1969, 12, 31, 23, 59, 59), None, "2"),
    ("f/g", 4, "a_b", None, 1.5, DAY(1970, 1, 1), None, None, None),
    ("q€", 5, "a.b*c", True, 1e15 + 0.5, None, AT(2001, 9, 9, 1, 46, 40), None, False),
    ("r\U0001F600", 7, "line\nbreak", False, 3.25, None, None, T(6, 0), "=1+1"),
    ("z", 0, None, False, 2.5, DAY(2024, 2, 28), None, None, None),
]


def shown(value):
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    return str(value) if isinstance(value, (datetime.date, datetime.time)) else value


def configuration():
    keys = os.environ.get("ROWHOUSE_KEYS", "key_column")
    client.make_sheet("things", COLUMNS, ROWS, grid_rows=40)
    client.make_sheet("written", ["a", "n", "v"], [], grid_rows=100)
    settings = client.settings(**({"row_ids": True} if keys == "row_ids" else {"key_column": "a"}),
                               sheets=["things", "written"])
    host = settings["url"].removeprefix("http://")
    wrong = {**settings, "service_account": settings["service_account"].replace("rowhouse@", "nobody@")}
    return {
        "settings": settings,
        "wrong_credentials": {"service_account": wrong["service_account"]},
        "unreachable": {"url": "http://127.0.0.1:1"},
        "through": {"to": host, "settings": {**settings, "url": "http://{host}:{port}"}},
        "slow": None,
        "echo": None,
        "writable": {"table": "written", "key": "a", "number": "n", "text": "v",
                     **({"identity": "_row"} if keys == "row_ids" else {})},
        **({"tables": None} if keys == "row_ids" else
           {"tables": [{"name": "things", "columns": COLUMNS, "rows": [[shown(v) for v in row] for row in ROWS]}]}),
    }


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(), file)
        file.flush()
        sys.exit(subprocess.run([sys.argv[1], "connector", "check", sys.argv[2], "--config", file.name,
                                 *sys.argv[3:]], check=False).returncode)


if __name__ == "__main__":
    main()
