#!/usr/bin/env python3
"""couchdb.py BUILD [ROWS]: a scan of ROWS documents (default 100000) through the connector couchdb, against curl
that sends the same request and throws the answer away. To be run by tests/lib/couchdb.sh run.

Prints documents per second of both (median of ROUNDS, alternating), their ratio, the memory that the scan
took at most, and the same for a scan of a tenth of the rows, which shows that it does not grow.
"""
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request

ROUNDS = int(os.environ.get("RH_BENCH_ROUNDS", "3"))
URL = os.environ["ROWHOUSE_TEST_COUCHDB"]
USER, HOST = URL.removeprefix("http://").split("@")


def call(method, path, body):
    request = urllib.request.Request(f"http://{HOST}{path}", method=method, data=json.dumps(body).encode(), headers={
        "Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(USER.encode()).decode()})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def fill(database, rows):
    call("PUT", f"/{database}", {})
    for start in range(0, rows, 5000):
        call("POST", f"/{database}/_bulk_docs", {"docs": [
            {"_id": f"{i:09d}", "n": i, "name": f"Thing number {i}", "kind": ["tool", "toy", "food"][i % 3],
             "price": i % 1000 / 4, "active": i % 2 == 0, "note": "A sentence of usual length about it. " * 2}
            for i in range(start, min(start + 5000, rows))]})


def timed(command, stdin=None):
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=stdin)
    output = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, output
    return time.monotonic() - began, used.ru_maxrss, output


def scan(build, database, rows):
    seconds, kb, output = timed([f"{build}/bin/bench_scan", f"couchdb://{USER}@{HOST}/{database}", database])
    assert int(re.match(r"\d+", output).group()) == rows
    return seconds, kb


def curl(database):
    return timed(["curl", "-sf", "-u", USER, "-H", "Accept-Encoding: gzip", "-o", "/dev/null",
                  f"http://{HOST}/{database}/_all_docs?include_docs=true"])[0]


def main():
    build, rows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100000
    os.environ.setdefault("ROWHOUSE_PLUGINS", f"{build}/plugins")
    for size in (rows // 10, rows):
        fill(f"bench{size}", size)
        rounds = [(scan(build, f"bench{size}", size), curl(f"bench{size}")) for _ in range(ROUNDS)]
        ours = statistics.median(r[0][0] for r in rounds)
        theirs = statistics.median(r[1] for r in rounds)
        print(f"{size} documents: {size / ours:,.0f}/s, curl {size / theirs:,.0f}/s, ratio {theirs / ours:.2f}; "
              f"memory {max(r[0][1] for r in rounds) / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
