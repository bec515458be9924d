#!/usr/bin/env python3
"""The connectors with a client library: rows through the row SDK against a loop with that library that sends the same
commands; memory; commands of a page. Called by run.sh, which starts the servers:

    clients.py BUILD [redis|mongodb] [ROWS …]

Alternates ours and theirs, RH_BENCH_ROUNDS rounds (3), and prints the medians and their ratio, over 100 000 and over a
million rows where nothing else is said. Nothing passes or fails. The redis is a real one; the server with MongoDB's
protocol is slow, so what Rowhouse adds is told by the CPU, too, and has no room for more than 400 000.
"""
import collections
import os
import pathlib
import socketserver
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "connectors" / id) for id in ("redis", "mongodb")]
from cli import Redis as RedisCli  # noqa: E402
from wire import OP_MSG, Client, read_exactly  # noqa: E402

BUILD = sys.argv[1]
ROUNDS = int(os.environ.get("RH_BENCH_ROUNDS", "3"))
os.environ.setdefault("ROWHOUSE_PLUGINS", f"{BUILD}/plugins")


def query(*words):
    subprocess.run([f"{BUILD}/bin/rowhouse", "query", *words], check=True, stdout=subprocess.DEVNULL)


class Redis:
    sizes = [100_000, 1_000_000]
    fields = ["name", "kind", "price", "stock"]

    def __init__(self):
        self.url, self.cli = os.environ["ROWHOUSE_TEST_REDIS"], RedisCli()
        at = urllib.parse.urlparse(self.url)
        self.raw = [f"{BUILD}/bin/bench_raw_redis", at.hostname, str(at.port), at.username, at.password, "product",
                    *self.fields]
        self.ours = [f"{BUILD}/bin/bench_scan", self.url, "hash.product"]

    def fill(self, n):
        self.cli.run([["FLUSHALL"]])
        for begin in range(0, n, 5000):
            self.cli.run([["HSET", f"product:{i:08d}", "name", f"product number {i}", "kind", "tool",
                           "price", f"{i % 900}.25", "stock", i % 77] for i in range(begin, min(n, begin + 5000))])

    def commands(self, *words):
        self.cli.run([["CONFIG", "RESETSTAT"]])
        query(self.url, "hash.product", *words)
        lines = self.cli.run([["INFO", "commandstats"]])[0].decode().split()
        return {line.split("_")[1].split(":")[0]: int(line.split("calls=")[1].split(",")[0])
                for line in lines if "calls=" in line}

    def pages(self):
        yield "three keys", self.commands("--where", "key=in.(00000001,00000002,00000003)")
        yield "ten by the key's beginning", self.commands("--where", "key=starts.0000001", "--limit", "10")


class Relay(socketserver.BaseRequestHandler):
    """Passes a connection on to the server with MongoDB's protocol, and counts its commands by name."""
    upstream, counts = None, collections.Counter()

    def handle(self):
        server = Client(self.upstream).stream
        threading.Thread(target=self.give_back, args=(server,), daemon=True).start()
        try:
            while True:
                head = read_exactly(self.request, 16)
                rest = read_exactly(self.request, int.from_bytes(head[:4], "little") - 16)
                if int.from_bytes(head[12:], "little") == OP_MSG:
                    # behind flags, kind of section, length and type: the first member's name
                    self.counts[rest[10:rest.index(b"\0", 10)].decode()] += 1
                server.sendall(head + rest)
        except OSError:
            server.close()

    def give_back(self, server):
        try:
            while data := server.recv(1 << 16):
                self.request.sendall(data)
        except OSError:
            pass


class Mongodb:
    sizes = [100_000, 400_000]

    def __init__(self):
        self.server = os.environ["ROWHOUSE_TEST_MONGODB"]
        self.url, self.client = self.server + "/bench", Client(self.server)
        self.raw = [f"{BUILD}/bin/bench_raw_mongodb", self.url, "product"]
        self.ours = [f"{BUILD}/bin/bench_scan", self.url, "product"]

    def fill(self, n):
        if self.client.call("bench", {"count": "product"})["n"]:
            self.client.call("bench", {"drop": "product"})
        for begin in range(0, n, 5000):
            self.client.insert("bench", "product", [
                {"_id": i, "name": f"product number {i}", "kind": "tool", "price": i % 900 + 0.25, "stock": i % 77}
                for i in range(begin, min(n, begin + 5000))])

    def commands(self, *words):
        Relay.upstream, Relay.counts = self.server, collections.Counter()
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as relay:
            relay.daemon_threads = True
            threading.Thread(target=relay.serve_forever, daemon=True).start()
            query("mongodb://127.0.0.1:%d/bench?directConnection=true" % relay.server_address[1], "product", *words)
            relay.shutdown()
        return dict(Relay.counts)

    def pages(self):
        yield "ten by a condition", self.commands("--where", "stock=gte.70", "--order", "_id", "--limit", "10")


SOURCES = {"redis": Redis, "mongodb": Mongodb}


def measure(command):
    """Seconds, seconds of CPU, and the words that were printed."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        shown = process.stdout.read().split()
        _, process.returncode, usage = os.wait4(process.pid, 0)
    assert process.returncode == 0 and shown, command
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, shown


def compare(source, name, n):
    source.fill(n)
    theirs, ours = zip(*((measure(source.raw), measure(source.ours)) for _ in range(ROUNDS)))
    assert ours[0][2][0] == theirs[0][2][0] == str(n)
    fast, slow = (statistics.median(run[0] for run in runs) for runs in (theirs, ours))
    least, cpu = (statistics.median(run[1] for run in runs) / n * 1e6 for runs in (theirs, ours))
    peak = max(int(shown[-2]) for _, _, shown in ours) / 1024
    print(f"{name}: {n} rows: the library {n / fast:.0f} rows/s, Rowhouse {n / slow:.0f} rows/s, "
          f"{fast / slow:.2f} of it; {least:.2f} and {cpu:.2f} us of CPU per row; at most {peak:.1f} MiB", flush=True)


def main():
    words = sys.argv[2:]
    sizes = [int(word) for word in words if word.isdigit()]
    names = [word for word in words if not word.isdigit()] or list(SOURCES)
    for name in names:
        source = SOURCES[name]()
        for n in sizes or source.sizes:
            compare(source, name, n)
        for what, commands in source.pages():
            print(f"{name}: a page of {what}: {commands}", flush=True)


if __name__ == "__main__":
    main()
