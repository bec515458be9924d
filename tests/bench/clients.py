#!/usr/bin/env python3
"""Redis: rows through the row SDK against a hiredis loop with the same commands; memory; commands of a page.

    tests/lib/redis.sh run tests/bench/redis.py BUILD [KEYS …]

Alternates ours and theirs, five rounds, and prints the medians and their ratio. Nothing passes or fails.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "connectors" / "redis"))
from cli import Redis  # noqa: E402

BUILD = sys.argv[1]
URL = os.environ["ROWHOUSE_TEST_REDIS"]
AT = urllib.parse.urlparse(URL)
FIELDS = ["name", "kind", "price", "stock"]
RAW = [f"{BUILD}/bin/bench_raw_redis", AT.hostname, str(AT.port), AT.username, AT.password, "product", *FIELDS]
OURS = [f"{BUILD}/bin/bench_scan", URL, "hash.product"]


def measure(command):
    """Seconds and the most memory in MiB."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        shown = process.stdout.read().split()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    assert status == 0 and shown, command
    return time.monotonic() - begin, usage.ru_maxrss / 1024, int(shown[0])


def fill(redis, n):
    redis.run([["FLUSHALL"]])
    for begin in range(0, n, 5000):
        redis.run([["HSET", f"product:{i:08d}", "name", f"product number {i}", "kind", "tool", "price", f"{i % 900}.25",
                    "stock", i % 77] for i in range(begin, min(n, begin + 5000))])


def commands(redis, *query):
    redis.run([["CONFIG", "RESETSTAT"]])
    subprocess.run([f"{BUILD}/bin/rowhouse", "query", URL, "hash.product", *query], check=True,
                   stdout=subprocess.DEVNULL)
    lines = redis.run([["INFO", "commandstats"]])[0].decode().split()
    return {line.split("_")[1].split(":")[0]: int(line.split("calls=")[1].split(",")[0])
            for line in lines if "calls=" in line}


def main():
    redis = Redis()
    for n in [int(word) for word in sys.argv[2:]] or [100_000, 1_000_000]:
        fill(redis, n)
        ours, theirs = [], []
        for _ in range(5 if n <= 100_000 else 3):
            theirs.append(measure(RAW))
            ours.append(measure(OURS))
        assert ours[0][2] == theirs[0][2] == n
        fast, slow = (statistics.median(seconds for seconds, _, _ in runs) for runs in (theirs, ours))
        print(f"{n} keys: hiredis {n / fast:.0f} rows/s, Rowhouse {n / slow:.0f} rows/s, {fast / slow:.2f} of it; "
              f"at most {max(m for _, m, _ in theirs):.0f} MiB and {max(m for _, m, _ in ours):.0f} MiB")
    print("a page of three keys:", commands(redis, "--where", "key=in.(00000001,00000002,00000003)"))
    print("a page of ten by the key's beginning:", commands(redis, "--where", "key=starts.0000001", "--limit", "10"))


if __name__ == "__main__":
    main()
