#!/usr/bin/env python3
"""Scans through an HTTP API beside curl doing the same requests, on a scripted peer. For example:

    tests/connectors/airtable/peer.py run tests/bench/api_scan.py BUILD airtable
    tests/connectors/googlesheets/peer.py run tests/bench/api_scan.py BUILD googlesheets

The peer answers what it was asked before from memory, so it costs next to nothing. Writes
tests/bench/results/api_scan_NAME.json. RH_BENCH_ROUNDS rounds (3), RH_BENCH_ROWS rows (20000).
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = int(os.environ.get("RH_BENCH_ROUNDS", "3"))
ROWS = int(os.environ.get("RH_BENCH_ROWS", "20000"))
BUILD, NAME = sys.argv[1:3]
sys.path.insert(0, os.path.join(HERE, "../connectors", NAME))
import client  # noqa: E402

ORIGIN = os.environ[client.NEEDS].removesuffix("/v0")
COLUMNS = ["name", "kind", "price", "stock"]


def row(i):
    return {"name": f"Thing number {i}", "kind": ("tool", "toy", "food")[i % 3], "price": i % 997 / 4, "stock": i % 40}


def control(what, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{ORIGIN}/control/{what}", data) as answer:
        return json.load(answer)


def fill():
    """Returns the settings and the token of the peer."""
    if NAME == "airtable":
        client.make_table("bench", {"name": "singleLineText", "kind": "singleLineText",
                                    "price": ("number", {"precision": 2}), "stock": ("number", {"precision": 0})},
                          [row(i) for i in range(ROWS)])
        return client.settings(), client.TOKEN
    client.make_sheet("bench", COLUMNS, [[row(i)[c] for c in COLUMNS] for i in range(ROWS)], grid_rows=ROWS + 1)
    return client.settings(sheets=["bench"]), "test-edit"


def measure(command):
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                         env={**os.environ, "ROWHOUSE_PLUGINS": f"{BUILD}/plugins"}).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begin, cpu, out


def peak_mib(command):
    """The most memory that the process had resident, as the kernel counts it until shortly before its end."""
    peak = 0
    environment = {**os.environ, "ROWHOUSE_PLUGINS": f"{BUILD}/plugins"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                found = [line for line in status if line.startswith("VmHWM")]
            peak = int(found[0].split()[1]) if found else peak
            time.sleep(0.002)
    return round(peak / 1024, 1)


def curl_config(requests, token, file):
    """All requests in one process, on one connection."""
    for i, r in enumerate(requests):
        file.write("next\n" if i else "")
        file.write(f"url = \"{ORIGIN}{r['path']}\"\ngloboff\nsilent\noutput = /dev/null\nrequest = {r['method']}\n"
                   f"header = \"Authorization: Bearer {token}\"\nheader = \"Content-Type: application/json\"\n")
        if r["body"]:
            quoted = r["body"].replace("\\", "\\\\").replace("\"", "\\\"")
            file.write(f"data-raw = \"{quoted}\"\n")
    file.flush()


def main():
    settings, token = fill()
    control("set", {"replay": True})
    ours = [f"{BUILD}/bin/bench_scan", NAME, json.dumps(settings), "bench"]
    control("log")
    peak = peak_mib(ours)
    requests = [r for r in control("log") if r["path"] != "/token"]
    seconds, cpus, curls = [], [], []
    with tempfile.NamedTemporaryFile("w", suffix=".curl") as file:
        curl_config(requests, token, file)
        for _ in range(ROUNDS):
            took, cpu, out = measure(ours)
            assert out.startswith(f"{ROWS} rows"), out
            seconds.append(took)
            cpus.append(cpu)
            curls.append(measure(["curl", "-K", file.name])[0])
    took, curl = statistics.median(seconds), statistics.median(curls)
    result = {"rows": ROWS, "requests": len(requests), "rows_per_second": round(ROWS / took),
              "curl_rows_per_second": round(ROWS / curl), "time_ratio": round(took / curl, 2),
              "cpu_us_per_row": round(statistics.median(cpus) / ROWS * 1e6, 2),
              "peak_rss_mib": peak}
    os.makedirs(os.path.join(HERE, "results"), exist_ok=True)
    with open(os.path.join(HERE, "results", f"api_scan_{NAME}.json"), "w", encoding="ascii") as file:
        json.dump(result, file, indent=1)
    print(NAME, json.dumps(result))


if __name__ == "__main__":
    main()
