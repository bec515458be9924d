#!/usr/bin/env python3
"""The measurements of the product page, as ratios in one run. Called by run.sh.

    bench.py BUILD FOLDER [NAME …]

Each measurement alternates ours and theirs, ROUNDS times, and reports the median of each and the
ratio of the medians. Nothing here passes or fails: it writes tests/bench/results/<name>.json and
prints a table.
"""
import contextlib
import glob
import http.client
import itertools
import json
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = int(os.environ.get("RH_BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("RH_BENCH_SECONDS", "5"))
ROWS = int(os.environ.get("RH_BENCH_ROWS", "1000000"))
MANY = int(os.environ.get("RH_BENCH_SCAN_ROWS", "10000000"))
CLIENTS = 8
VANDALS = 300  # datasources whose connector crashes
HANGING = 60  # more than there are workers
RESTS = 0.03  # seconds between two crashes
KEY = "bench-administrator-key"
COLUMNS = "id, customer_id, status, total, created_at, note"


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout


def pg_tool(name):
    found = subprocess.run(["sh", "-c", f"ls /usr/lib/postgresql/*/bin/{name} | tail -1"],
                           stdout=subprocess.PIPE, text=True).stdout.strip()
    return found or name


class Bench:
    def __init__(self, build, folder):
        self.build, self.folder = os.path.abspath(build), folder
        self.postgres = os.environ["ROWHOUSE_TEST_POSTGRES"]
        self.sqlite = os.path.join(folder, "bench.db")
        self.mariadb = os.environ.get("ROWHOUSE_TEST_MARIADB")
        self.results = {}

    def psql(self, sql):
        return run("psql", "-qXAt", "-v", "ON_ERROR_STOP=1", self.postgres, "-c", sql)

    def mysql(self, sql):
        url = urllib.parse.urlsplit(self.mariadb)
        run("mariadb", "--no-defaults", "-h", url.hostname, "-P", str(url.port), "-u", url.username, url.path[1:],
            "-e", sql)

    # -- data -------------------------------------------------------------------------------
    def load(self):
        self.psql("CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL,"
                  " total numeric(10,2) NOT NULL, created_at timestamptz NOT NULL, note text)")
        self.psql("INSERT INTO orders SELECT i, i % 5000, (ARRAY['open','paid','late','sent'])[i % 4 + 1],"
                  " (i % 100000) / 100.0, '2020-01-01Z'::timestamptz + i * interval '1 minute',"
                  f" 'note number ' || i FROM generate_series(1, {ROWS}) i")
        self.psql("VACUUM ANALYZE orders")
        if self.mariadb:
            self.mysql("CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL,"
                       " status varchar(20) NOT NULL, total decimal(10,2) NOT NULL, created_at datetime NOT NULL,"
                       " note text);"
                       " INSERT INTO orders SELECT seq, seq % 5000, ELT(seq % 4 + 1, 'open', 'paid', 'late', 'sent'),"
                       " (seq % 100000) / 100, '2020-01-01' + INTERVAL seq MINUTE, CONCAT('note number ', seq)"
                       f" FROM seq_1_to_{ROWS}")
        import sqlite3
        db = sqlite3.connect(self.sqlite)
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, status TEXT NOT NULL,"
                   " total REAL NOT NULL, created_at TEXT NOT NULL, note TEXT)")
        db.executemany("INSERT INTO orders VALUES (?,?,?,?,?,?)",
                       ((i, i % 5000, ("open", "paid", "late", "sent")[i % 4], i % 100000 / 100,
                         "2020-01-01 00:00:00", f"note number {i}") for i in range(1, ROWS + 1)))
        db.commit()
        db.close()

    # -- server -----------------------------------------------------------------------------
    @contextlib.contextmanager
    def server(self, **settings):
        data = os.path.join(self.folder, f"data-{time.monotonic_ns()}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = dict(os.environ, ROWHOUSE_ADMIN_KEY=KEY, ROWHOUSE_DATA=data,
                           ROWHOUSE_LISTEN=f"127.0.0.1:{port}", ROWHOUSE_LOG_LEVEL="error", **settings)
        begin = time.monotonic()
        with open(os.path.join(self.folder, "server.log"), "a") as log:
            process = subprocess.Popen([os.path.join(self.build, "bin", "rowhouse-server")],
                                       env=environment, stdout=subprocess.DEVNULL, stderr=log)
        try:
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", port), 1) as s:
                        s.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        if s.recv(100).startswith(b"HTTP/1.1 200"):
                            break
                except OSError:
                    time.sleep(0.0005)
            self.cold_ms = (time.monotonic() - begin) * 1000
            self.port, self.pid = port, process.pid
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def call(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        c.request(method, "/api/v1" + path, body if isinstance(body, (bytes, type(None))) else json.dumps(body),
                  {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **(headers or {})})
        answer = c.getresponse()
        data = answer.read()
        c.close()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {data[:500]}")
        return data

    def setup_app(self):
        self.call("POST", "/apps", {"name": "bench"})
        url = urllib.parse.urlsplit(self.postgres)
        self.call("POST", "/apps/bench/datasources",
                  {"name": "pg", "connector": "postgres", "config": {"url": self.postgres}})
        self.call("GET", "/apps/bench/data/pg/orders?limit=1")
        return url

    def memory_kib(self, field):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(rf"{field}:\s+(\d+)", status.read()).group(1))

    def wrk_output(self, path_lua, clients=CLIENTS):
        script = os.path.join(self.folder, "wrk.lua")
        with open(script, "w") as f:
            f.write(f'local headers = {{["Authorization"] = "Bearer {KEY}"}}\n'
                    "math.randomseed(os.time())\n"
                    "request = function()\n"
                    f"  local id = math.random(1, {ROWS - 20})\n"
                    f'  return wrk.format("GET", {path_lua}, headers)\nend\n'
                    "done = function(summary)\n"
                    '  io.write("errors " .. summary.errors.status .. "\\n")\nend\n')
        out = run("wrk", "--latency", "-t1", f"-c{clients}", f"-d{SECONDS}s", "-s", script,
                  f"http://127.0.0.1:{self.port}").decode()
        if re.search(r"errors [1-9]", out):
            raise SystemExit("wrk saw errors:\n" + out)
        return out

    def wrk(self, path_lua, clients=CLIENTS):
        return float(re.search(r"Requests/sec:\s+([\d.]+)", self.wrk_output(path_lua, clients)).group(1))

    def latency_us(self, path_lua, clients):
        """The 50th and the 99th percentile."""
        found = re.findall(r"^\s+(?:50|99)%\s+([\d.]+)(us|ms|s)$", self.wrk_output(path_lua, clients), re.M)
        return [float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit] for number, unit in found]

    def pgbench(self, sql, clients=CLIENTS):
        script = os.path.join(self.folder, "pgbench.sql")
        with open(script, "w") as f:
            f.write(f"\\set id random(1, {ROWS - 20})\n{sql}\n")
        out = run(pg_tool("pgbench"), "-n", "-M", "prepared", f"-c{clients}", "-j1", f"-T{SECONDS}",
                  "-f", script, self.postgres, stderr=subprocess.DEVNULL).decode()
        return float(re.search(r"tps = ([\d.]+)", out).group(1))

    # -- measuring --------------------------------------------------------------------------
    @staticmethod
    def cpu(*command, **options):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(*command, **options)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    @staticmethod
    def wall(function):
        begin = time.monotonic()
        function()
        return time.monotonic() - begin

    def compare(self, name, target, unit, ours, theirs, rate):
        """rate: True when larger is better (ratio = ours/theirs), False for costs."""
        a, b = [], []
        for _ in range(ROUNDS):
            a.append(ours())
            b.append(theirs())
        mine, other = statistics.median(a), statistics.median(b)
        if rate is None:  # seconds, reported as speed
            ratio = other / mine
        else:
            ratio = mine / other
        self.report(name, target, f"{ratio:.2f}", f"{mine:.4g} against {other:.4g} {unit}")

    def report(self, name, target, value, detail):
        self.results[name] = {"target": target, "value": value, "detail": detail}
        print(f"{name:34} {value:>10}   target {target:12} ({detail})", flush=True)

    # -- the table --------------------------------------------------------------------------
    def page(self):
        with self.server():
            self.setup_app()
            self.compare("page of 20 rows / pgbench", ">= 0.50", "per second",
                         lambda: self.wrk('"/api/v1/apps/bench/data/pg/orders?id=gte." .. id .. "&order=id&limit=20"'),
                         lambda: self.pgbench(f"SELECT {COLUMNS} FROM orders WHERE id >= :id ORDER BY id LIMIT 20;"),
                         True)

    def row(self):
        with self.server():
            self.setup_app()
            self.compare("row by key / pgbench -S", ">= 0.40", "per second",
                         lambda: self.wrk('"/api/v1/apps/bench/data/pg/orders/" .. id'),
                         lambda: self.pgbench(f"SELECT {COLUMNS} FROM orders WHERE id = :id;"), True)

    def scan(self):
        environment = dict(os.environ, ROWHOUSE_PLUGINS=os.path.join(self.build, "plugins"))
        tool = lambda name: os.path.join(self.build, "bin", "bench_" + name)
        self.compare("scan CPU / libpq cursor loop", "<= 1.15", "s CPU",
                     lambda: self.cpu(tool("scan"), self.postgres, "orders", env=environment),
                     lambda: self.cpu(tool("raw_postgres"), self.postgres, "orders"), False)
        self.compare("scan CPU / libpq single-row loop", "<= 1.15", "s CPU",
                     lambda: self.cpu(tool("scan"), self.postgres, "orders", env=environment),
                     lambda: self.cpu(tool("raw_postgres"), self.postgres, "orders", "single"), False)
        if self.mariadb:
            plain = self.mariadb + "?ssl_mode=disable"  # as the loop: its connection is not encrypted
            self.compare("scan CPU / libmariadb loop", "<= 1.15", "s CPU",
                         lambda: self.cpu(tool("scan"), plain, "orders", env=environment),
                         lambda: self.cpu(tool("raw_mysql"), self.mariadb, "orders"), False)
        self.compare("scan CPU / sqlite3 loop", "<= 1.15", "s CPU",
                     lambda: self.cpu(tool("scan"), "sqlite:" + self.sqlite, "orders", env=environment),
                     lambda: self.cpu(tool("raw_sqlite"), self.sqlite, "orders"), False)

    def held(self):
        """Descriptors and threads of the server."""
        return [len(os.listdir(f"/proc/{self.pid}/{kind}")) for kind in ("fd", "task")]

    def plugins_with_vandal(self):
        """A folder with the connectors that `crash` needs: among them one that crashes on request."""
        folder = os.path.join(self.folder, "plugins")
        os.mkdir(folder)
        for name in ("plugins/postgres.so", "plugins/sqlite.so", "tests/isolation/plugins/vandal.so"):
            os.symlink(os.path.join(self.build, name), os.path.join(folder, os.path.basename(name)))
        return folder

    @contextlib.contextmanager
    def crashing(self):
        """VANDALS datasources in turn, so that none waits for its back-off: a request starts the connector of
        one, which dies of SIGSEGV in the middle of it. RESTS between two of them."""
        stop = threading.Event()

        def crash_all():
            for n in itertools.cycle(range(VANDALS)):
                with contextlib.suppress(SystemExit):
                    self.call("GET", f"/apps/bench/data/vandal{n}/t?limit=1")
                if stop.wait(RESTS):
                    return

        thread = threading.Thread(target=crash_all)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def metric(self, name):
        """The sum over its labels."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics",
                                         headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = re.findall(rf"^{name}(?:\{{.*\}})? (\d+)$", answer.read().decode(), re.M)
        return sum(map(int, found))

    def crashes(self):
        return self.metric("rowhouse_isolated_crashed_total")

    def crash(self):
        """One client, so that what is measured is the wait for an answer and not for a free core."""
        path = '"/api/v1/apps/bench/data/pg/orders/" .. id'
        quiet, noisy = [], []
        with self.server(ROWHOUSE_PLUGINS=self.plugins_with_vandal(), ROWHOUSE_ISOLATE="vandal"):
            self.setup_app()
            for n in range(VANDALS):
                self.call("POST", "/apps/bench/datasources", {"name": f"vandal{n}", "connector": "vandal", "config": {
                    "at": "tables", "do": "crash", "arg": str(n)}})
            self.latency_us(path, 1)
            with self.crashing():
                time.sleep(1)
            before, crashes = self.held(), self.crashes()
            for _ in range(ROUNDS):
                quiet.append(self.latency_us(path, 1))
                with self.crashing():
                    noisy.append(self.latency_us(path, 1))
            crashes = self.crashes() - crashes
            grown = [b - a for a, b in zip(before, self.held())]
        for i, rank in enumerate(("p50", "p99")):
            a, b = (statistics.median(x[i] for x in side) for side in (noisy, quiet))
            self.report(f"row by key, others crashing / quiet, {rank}", "<= 1.1", f"{a / b:.2f}",
                        f"{a:.0f} against {b:.0f} us, {crashes} crashes in {ROUNDS * SECONDS} s")
        self.report(f"held after {crashes} crashes", "0", f"{max(grown)}",
                    f"{grown[0]} descriptors and {grown[1]} threads more than before")

    @contextlib.contextmanager
    def hanging(self):
        """HANGING requests to a datasource that does not answer them."""
        wait = b'{"text": "select pg_sleep(600)"}'
        head = (f"POST /api/v1/apps/bench/datasources/pg/native HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(wait)}\r\n\r\n").encode()
        with contextlib.ExitStack() as stack:
            for _ in range(HANGING):
                stack.enter_context(socket.create_connection(("127.0.0.1", self.port))).sendall(head + wait)
            time.sleep(0.5)
            yield
        while self.metric("rowhouse_requests_active") > 1:  # this one
            time.sleep(0.1)

    def slow(self):
        """Sources that make wait: one of 2 ms, by many, on the ten connections of its pool; and one that hangs."""
        self.psql("CREATE VIEW slow AS SELECT 1 AS id FROM pg_sleep(0.002)")
        beside, quiet = [], []
        with self.server():
            self.setup_app()
            self.call("POST", "/apps/bench/datasources",
                      {"name": "lite", "connector": "sqlite", "config": {"path": self.sqlite, "read_only": True}})
            self.compare("statement of 2 ms, 32 clients / pgbench, 10", "1.0", "per second",
                         lambda: self.wrk('"/api/v1/apps/bench/data/pg/slow"', 32),
                         lambda: self.pgbench("SELECT id FROM slow;", 10), True)
            path = '"/api/v1/apps/bench/data/lite/orders/" .. id'
            for _ in range(ROUNDS):
                quiet.append(self.latency_us(path, 1))
                with self.hanging():
                    beside.append(self.latency_us(path, 1))
        for i, rank in enumerate(("p50", "p99")):
            a, b = (statistics.median(x[i] for x in side) for side in (beside, quiet))
            self.report(f"row by key, {HANGING} hanging beside / quiet, {rank}", "<= 1.1", f"{a / b:.2f}",
                        f"{a:.0f} against {b:.0f} us")

    def memory(self):
        """The most that a scan of MANY rows holds above one of a single row."""
        environment = dict(os.environ, ROWHOUSE_PLUGINS=os.path.join(self.build, "plugins"))

        def peak_kib(url, table):
            out = run(os.path.join(self.build, "bin", "bench_scan"), url, table, env=environment)
            return int(out.split()[-2])

        series = ("WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {})"
                  " INSERT INTO {} SELECT i, i % 100, 'text number ' || i FROM s")
        columns = "(id bigint PRIMARY KEY, n int, t varchar(40))"
        import sqlite3
        path = os.path.join(self.folder, "many.db")
        db = sqlite3.connect(path)
        for name, n in (("many", MANY), ("one", 1)):
            db.execute(f"CREATE TABLE {name} {columns.replace('bigint', 'INTEGER')}")
            db.execute(series.format(n, name))
        db.commit()
        db.close()
        sources = [("SQLite", "sqlite:" + path)]
        if self.mariadb:
            for name, n in (("many", MANY), ("one", 1)):
                self.mysql(f"CREATE TABLE {name} {columns}; INSERT INTO {name}"
                           f" SELECT seq, seq % 100, CONCAT('text number ', seq) FROM seq_1_to_{n}")
            sources.append(("MariaDB", self.mariadb))
        for name, url in sources:
            one, many = peak_kib(url, "one"), peak_kib(url, "many")
            self.report(f"memory of a scan of {MANY} rows, {name}", "< 32 MiB", f"{(many - one) / 1024:.1f} MiB",
                        f"{many / 1024:.1f} MiB at most, {one / 1024:.1f} with one row")

    def scan_odbc(self):
        """In one process, as the loop is; and isolated, as the connector runs."""
        tool = lambda name: os.path.join(self.build, "bin", "bench_" + name)
        plugins = os.path.join(self.build, "plugins")
        environment = dict(os.environ, ROWHOUSE_PLUGINS=plugins)
        server = "DRIVER={{{}}};Server={};Port={};Database={};UID={}"
        strings = {"SQLite3": "DRIVER=SQLite3;StepAPI=1;Database=" + self.sqlite}
        for driver, url, options in (
                ("PostgreSQL Unicode", self.postgres,
                 ";UseDeclareFetch=1;Fetch=1000;BoolsAsChar=0;LFConversion=0;MaxVarcharSize=4094"),
                ("MariaDB Unicode", self.mariadb, ";OPTION=3145730;CHARSET=utf8mb4")):
            if url:
                at = urllib.parse.urlsplit(url)
                strings[driver] = server.format(driver, at.hostname, at.port, at.path[1:], at.username) + options
        for driver, string in strings.items():
            for way, more in (("", ["--in-process", os.path.join(plugins, "odbc.so")]), (", isolated", [])):
                self.compare(f"scan CPU / {driver} loop{way}", "<= 1.15", "s CPU",
                             lambda: self.cpu(tool("scan"), *more, "odbc:" + string, "orders", env=environment),
                             lambda: self.cpu(tool("raw_odbc"), string, "orders"), False)

    def isolation(self):
        environment = dict(os.environ, ROWHOUSE_PLUGINS=os.path.join(self.build, "plugins"))
        for name, url in (("PostgreSQL", self.postgres), ("SQLite", "sqlite:" + self.sqlite)):
            out = run(os.path.join(self.build, "bin", "bench_isolation"), url, "orders", str(ROWS), "20000",
                      env=environment).decode().split()
            for at, rank in ((1, "p50"), (5, "p99")):
                self.report(f"page isolated / in-process, row SDK, {name}, {rank}", "<= 1.3", out[at + 2],
                            f"{out[at + 1]} against {out[at]} us")
        for name in ("pg", "lite"):
            self.compare(f"page isolated / in-process, HTTP, {name}, p50", "<= 1.3", "us",
                         lambda: self.page_latency(name, ROWHOUSE_ISOLATE="*"),
                         lambda: self.page_latency(name), False)

    def page_latency(self, datasource, **settings):
        with self.server(**settings):
            self.setup_app()
            self.call("POST", "/apps/bench/datasources",
                      {"name": "lite", "connector": "sqlite", "config": {"path": self.sqlite, "read_only": True}})
            return self.latency_us(f'"/api/v1/apps/bench/data/{datasource}/orders?id=gte." .. id'
                                   ' .. "&order=id&limit=20"', 1)[0]

    def export(self):
        copy = lambda: self.wall(lambda: run("sh", "-c", f'psql -qX "{self.postgres}" -c "COPY orders TO STDOUT CSV" >/dev/null'))
        for kind, accept in (("NDJSON", "application/x-ndjson"), ("CSV", "text/csv")):
            with self.server():
                self.setup_app()
                idle = self.memory_kib("VmRSS")
                get = lambda: self.wall(lambda: run(
                    "sh", "-c", f'curl -sf -o /dev/null -H "Authorization: Bearer {KEY}" -H "Accept: {accept}"'
                    f' "http://127.0.0.1:{self.port}/api/v1/apps/bench/data/pg/orders"'))
                self.compare(f"export {kind} speed / COPY", ">= 0.60", "s", get, copy, None)
                self.report(f"export {kind} memory above idle", "< 32 MiB",
                            f"{(self.memory_kib('VmHWM') - idle) / 1024:.1f} MiB", "VmHWM - idle VmRSS")

    def insert(self):
        n = 100000
        rows = [(i, i % 5000, "open", f"{i % 100000 / 100:.2f}", "2024-02-29T13:05:00Z", f"note number {i}")
                for i in range(n)]
        names = [c.strip() for c in COLUMNS.split(",")]
        body = json.dumps([dict(zip(names, r[:3] + (float(r[3]),) + r[4:])) for r in rows]).encode()
        csv = os.path.join(self.folder, "rows.csv")
        with open(csv, "w") as f:
            f.writelines(",".join(map(str, r)) + "\n" for r in rows)
        self.psql("CREATE TABLE IF NOT EXISTS target (LIKE orders INCLUDING ALL)")
        with self.server():
            self.setup_app()

            def post():
                self.psql("TRUNCATE target")
                return self.wall(lambda: self.call("POST", "/apps/bench/data/pg/target?returning=none", body))

            def copy():
                self.psql("TRUNCATE target")
                return self.wall(lambda: run("sh", "-c", f'psql -qX "{self.postgres}" -c "COPY target FROM STDIN CSV" <{csv}'))
            self.compare("insert 100k rows speed / COPY", ">= 0.50", "s", post, copy, None)

    def idle(self):
        colds, idles = [], []
        for _ in range(ROUNDS):
            with self.server():
                colds.append(self.cold_ms)
                data = json.loads(self.call("GET", "/connectors"))
                n = len(data["data"])
                idles.append(self.memory_kib("VmRSS") / 1024)
        self.report("cold start to first answer", "< 100 ms", f"{statistics.median(colds):.0f} ms", "median")
        self.report(f"idle RSS, {n} connectors loaded", "< 20 MiB", f"{statistics.median(idles):.1f} MiB", "median")

    def lookup(self):
        self.psql("CREATE SCHEMA many")
        for first in range(1, 5001, 500):  # one transaction holds a lock for each
            self.psql(f"DO $$ BEGIN FOR i IN {first}..{first + 499} LOOP"
                      " EXECUTE format('CREATE TABLE many.t%s (id int PRIMARY KEY, v text)', i); END LOOP; END $$")
        self.psql("INSERT INTO many.t77 SELECT i, 'x' FROM generate_series(1, 100) i; CREATE SCHEMA few;"
                  " CREATE TABLE few.t77 (id int PRIMARY KEY, v text); INSERT INTO few.t77 SELECT * FROM many.t77")
        with self.server():
            self.call("POST", "/apps", {"name": "bench"})
            for name in ("many", "few"):
                self.call("POST", "/apps/bench/datasources", {"name": name, "connector": "postgres", "config": {
                    "url": self.postgres, "schemas": [name]}})
                self.call("GET", f"/apps/bench/data/{name}/{name}.t77/7")
            self.compare("requests, 5 000 tables / 1 table", "flat (1.0)", "per second",
                         lambda: self.wrk('"/api/v1/apps/bench/data/many/many.t77/" .. (id % 100 + 1)'),
                         lambda: self.wrk('"/api/v1/apps/bench/data/few/few.t77/" .. (id % 100 + 1)'), True)


def main():
    bench = Bench(sys.argv[1], sys.argv[2])
    names = sys.argv[3:] or ["idle", "scan", "scan_odbc", "page", "row", "isolation", "crash", "slow", "memory", "export",
                             "insert", "lookup"]
    print(f"{ROWS} rows, {ROUNDS} rounds of {SECONDS} s, {CLIENTS} clients, {os.cpu_count()} cores", flush=True)
    bench.load()
    for name in names:
        getattr(bench, name)()
    os.makedirs(os.path.join(HERE, "results"), exist_ok=True)
    with open(os.path.join(HERE, "results", "latest.json"), "w") as f:
        json.dump(bench.results, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
