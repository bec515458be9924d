#!/usr/bin/env python3
"""The conformance suite on the connector redis: conformance.py KIND ROWHOUSE PLUGIN [OPTION…]

Fills the server at ROWHOUSE_TEST_REDIS with rows that are hard to tell apart, in a table of each kind, and
runs `rowhouse connector check` on them. KIND is that of the table that the suite writes to: json or hash.
"""
import json
import os
import subprocess
import sys
import tempfile

from cli import Redis

URL = os.environ["ROWHOUSE_TEST_REDIS"]
HOST = URL.split("@")[1]
ABSENT = object()
DEVIATIONS = {"json": {}, "hash": {"write/insert": "a hash has at least one field, so no row has none but NULL"}}
KEYS = ["a", "b", "", "*", "a[b]?", "e é", "e\u0301", "q€", "r\U0001F600", "A", "100%", "a_b", "z\\", "line\nbreak"]
TABLES = [
    {"name": "things", "pattern": "thing:{code}", "kind": "hash",
     "columns": [{"name": "n", "type": "int"}, {"name": "s", "type": "text"}, {"name": "b", "type": "bool"},
                 {"name": "f", "type": "float"}, {"name": "d", "type": "decimal"}]},
    {"name": "pairs", "pattern": "pair:{a}:{n}:x", "kind": "string", "columns": [{"name": "n", "type": "int"}]},
    {"name": "notes", "pattern": "note:{code}", "kind": "json"},
    {"name": "tags", "pattern": "tag:{code}", "kind": "set"},
    {"name": "scores", "pattern": "score:{code}", "kind": "zset"},
    {"name": "events", "pattern": "event:{code}", "kind": "stream",
     "columns": [{"name": "what", "type": "text"}, {"name": "n", "type": "int"}]},
    {"name": "written", "pattern": "written:{id}", "kind": sys.argv[1],
     "columns": [{"name": "n", "type": "int"}, {"name": "s", "type": "text"}]},
    {"name": "log", "pattern": "log", "kind": "stream",
     "columns": [{"name": "n", "type": "int"}, {"name": "s", "type": "text"}]},
    {"name": "one", "pattern": "thing:a", "kind": "hash", "columns": [{"name": "n", "type": "int"}]},
]


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def things():
    rows = []
    for i, key in enumerate(KEYS):
        rows.append([key, ABSENT if i % 5 == 4 else i % 4 - 2, KEYS[(i * 5) % len(KEYS)] if i % 3 else ABSENT,
                     ABSENT if i % 4 == 3 else i % 2 == 0, i / 4 - 1 if i % 6 else ABSENT,
                     f"{i * 7 % 5}.{25 * (i % 4):02d}" if i % 7 else ABSENT])
    return [["thing", ["code", "n", "s", "b", "f", "d"], rows]]


def fill(redis):
    redis.run([["FLUSHALL"]])
    expected = []
    (_, columns, rows), = things()
    kept = []
    for row in rows:
        words = [w for c, v in zip(columns[1:], row[1:]) if v is not ABSENT for w in (c, text(v))]
        if not words:
            words, row = ["n", "0"], [row[0], 0] + row[2:]
        redis.run([["HSET", "thing:" + row[0], *words]])
        kept.append([None if v is ABSENT else v for v in row[:5]] + [None if row[5] is ABSENT else float(row[5])])
    expected.append({"name": "things", "columns": columns, "rows": kept})
    pairs = [[k, n, f"v{n}{k}"] for i, k in enumerate(KEYS) if ":" not in k for n in (i, -i - 1, 2**60 + i)]
    redis.run([["SET", f"pair:{k}:{n}:x", v] for k, n, v in pairs])
    redis.run([["SET", "pair:a:07:x", "no row"], ["SET", "pair:a:b:x", "no row"], ["HSET", "pair:h:1:x", "no", "row"]])
    expected.append({"name": "pairs", "columns": ["a", "n", "value"], "rows": pairs})
    notes = [[k, i if i % 3 else None, None if i % 4 == 0 else f"t{i}"] for i, k in enumerate(KEYS)]
    redis.run([["SET", "note:" + k, json.dumps({"n": n, "s": s})] for k, n, s in notes])
    expected.append({"name": "notes", "columns": ["code", "n", "s"], "rows": notes})
    tags = [[k, m] for i, k in enumerate(KEYS[:6]) for m in KEYS[i:]]
    redis.run([["SADD", "tag:" + k, m] for k, m in tags])
    expected.append({"name": "tags", "columns": ["code", "member"], "rows": tags})
    scores = [[k, m, i * j % 7 - 3 + 0.5] for i, k in enumerate(KEYS[:4]) for j, m in enumerate(KEYS)]
    redis.run([["ZADD", "score:" + k, s, m] for k, m, s in scores])
    expected.append({"name": "scores", "columns": ["code", "member", "score"], "rows": scores})
    events = [[k, f"{1700000000000 + 10 * j}-{j}", KEYS[j], j if j % 3 else None]
              for k in KEYS[:3] for j in range(10)]
    redis.run([["XADD", "event:" + k, i, "what", w] + ([] if n is None else ["n", n]) for k, i, w, n in events])
    expected.append({"name": "events", "columns": ["code", "id", "what", "n"], "rows": events})
    for table in expected:
        table["rows"].sort(key=lambda row: [w.encode() if isinstance(w, str) else w for w in row[:2]])
    return expected


def configuration(expected):
    return {
        "settings": {"url": URL, "tables": TABLES},
        "wrong_credentials": {"url": f"redis://rowhouse:wrong@{HOST}", "tables": TABLES},
        "unreachable": {"url": "redis://127.0.0.1:1"},
        "through": {"to": HOST, "settings": {"url": "redis://rowhouse:s3cret@{host}:{port}", "tables": TABLES}},
        "slow": "BLPOP rh_check_nothing 600",
        "echo": "ECHO $1",
        "writable": {"table": "written", "key": "id", "number": "n", "text": "s"},
        "log": {"table": "log", "number": "n", "text": "s"},
        "tables": expected,
    }


def main():
    expected = fill(Redis())
    kind, rowhouse, plugin, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("config", configuration(expected)), ("deviations", DEVIATIONS[kind])):
            with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
                json.dump(content, file)
        sys.exit(subprocess.run([rowhouse, "connector", "check", plugin, "--config", f"{folder}/config.json",
                                 "--deviations", f"{folder}/deviations.json", *options], check=False).returncode)


if __name__ == "__main__":
    main()
