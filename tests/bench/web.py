#!/usr/bin/env python3
"""Scans through the connectors over HTTP, beside curl doing the same requests. Called by run.sh, which starts the
servers and peers of the connectors' tests:

    web.py BUILD [NAME …]

The table of those tests stands on each. A proxy before it passes on what is asked about the table, but answers what
asks for its rows by itself: page after page, made on the fly, so that a million rows cost neither memory nor time
that would be measured. One curl with one connection asks for the same pages and throws them away.

Prints, per connector: rows per second of both over ROWS rows (RH_BENCH_WEB_ROWS, 100 000), and their time of CPU, as
medians of RH_BENCH_ROUNDS (3), alternating; the most memory over ROWS and over ten times as many; and the requests of
a filtered page on the server or peer itself. On a machine that has other work the CPU says more than the rows per
second: curl waits for the peer most of the time. Nothing passes or fails.
"""
import functools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.path.abspath(sys.argv[1])
os.environ["ROWHOUSE_BUILD"] = BUILD
os.environ["ROWHOUSE_PLUGINS"] = f"{BUILD}/plugins"
sys.path[:0] = [str(ROOT / "tests" / "api"), str(ROOT / "tests" / "connectors")]
from client import Server  # noqa: E402
from test_bad_input import OVER_HTTP, Source  # noqa: E402

ROUNDS = int(os.environ.get("RH_BENCH_ROUNDS", "3"))
ROWS = int(os.environ.get("RH_BENCH_WEB_ROWS", "100000"))
PAGE = "@@@@@@"  # stands in a page for its number, which has as many digits


# ---- Pages of each API -----------------------------------------------------------------------

def rows(n):
    return [{"code": f"{PAGE}-{i:05d}", "name": f"Thing number {i}", "kind": ("tool", "toy", "food")[i % 3],
             "price": i % 997 / 4, "stock": i % 40, "active": i % 2 == 0, "added": "2024-06-01T08:00:00Z"}
            for i in range(n)]


def numbered(template, number):
    return template.replace(PAGE.encode(), b"%06d" % number)


def number_in(text):
    """Of the page that a key of its rows names."""
    return int(re.search(r"(\d{6})-\d{5}", text).group(1))


class Airtable:
    n = 100

    def number(self, request):
        if request.path.endswith("/listRecords"):
            return int(json.loads(request.body).get("offset", "0"))
        return None

    @functools.cache
    def template(self, last):
        return json.dumps({"records": [{"id": f"rec{PAGE}{i:08d}", "createdTime": "2024-01-01T00:00:00.000Z",
                                        "fields": row} for i, row in enumerate(rows(self.n))],
                           **({} if last else {"offset": "NEXT"})}).encode()

    def page(self, request, number, n_pages):
        last = number + 1 >= n_pages
        return numbered(self.template(last), number).replace(b'"NEXT"', b'"%d"' % (number + 1))


class Dynamodb:
    n = 1000

    def number(self, request):
        if not request.headers["X-Amz-Target"].endswith(".Scan"):
            return None
        after = json.loads(request.body).get("ExclusiveStartKey")
        return number_in(after["code"]["S"]) + 1 if after else 0

    @functools.cache
    def template(self, last):
        kinds = {str: lambda v: {"S": v}, bool: lambda v: {"BOOL": v}}
        items = [{name: kinds.get(type(v), lambda v: {"N": str(v)})(v) for name, v in row.items()}
                 for row in rows(self.n)]
        return json.dumps({"Items": items, "Count": self.n, "ScannedCount": self.n, **(
            {} if last else {"LastEvaluatedKey": {"code": items[-1]["code"]}})}).encode()

    def page(self, request, number, n_pages):
        return numbered(self.template(number + 1 >= n_pages), number)


class Elasticsearch:
    n = 1000

    def number(self, request):
        if not request.path.startswith("/_search"):
            return None
        after = json.loads(request.body).get("search_after")
        return number_in(after[0]) + 1 if after else 0

    @functools.cache
    def template(self):
        hits = [{"_index": "bench", "_id": row["code"], "_score": None, "_seq_no": i, "_primary_term": 1,
                 "_source": row, "sort": [row["code"]]} for i, row in enumerate(rows(self.n))]
        return json.dumps({"took": 1, "timed_out": False, "_shards": {"total": 1, "successful": 1, "skipped": 0,
                                                                      "failed": 0}, "hits": {"hits": hits}}).encode()

    def page(self, request, number, n_pages):
        if number >= n_pages:
            return re.sub(rb'"hits": \[.*\]', b'"hits": []', self.template())
        return numbered(self.template(), number)


class Firestore:
    n = 500

    def number(self, request):
        if not request.path.endswith(":runQuery"):
            return None
        after = json.loads(request.body)["structuredQuery"].get("startAt")
        return number_in(json.dumps(after)) + 1 if after else 0

    @functools.cache
    def template(self, n, place):
        kinds = {str: "stringValue", bool: "booleanValue", float: "doubleValue", int: "integerValue"}
        at = "2024-01-01T00:00:00.000000Z"

        def document(row):
            fields = {name: {kinds[type(v)]: str(v) if type(v) is int else v} for name, v in row.items()}
            return {"document": {"name": f"{place}/{row['code']}", "fields": fields, "createTime": at,
                                 "updateTime": at}, "readTime": at}
        return json.dumps([document(row) for row in rows(n)], indent=1).encode()

    def page(self, request, number, n_pages):
        query = json.loads(request.body)["structuredQuery"]
        place = request.path.removeprefix("/v1/").removesuffix(":runQuery") + "/" + query["from"][0]["collectionId"]
        return numbered(self.template(query["limit"], place), number) if number < n_pages else b"[]"


class Googlesheets:
    n = 1000

    def number(self, request):
        return 0 if "values:batchGet" in request.path else None

    @functools.cache
    def template(self, n):
        return json.dumps([list(row.values()) for row in rows(n)]).encode()

    def page(self, request, number, n_pages):
        ranges = re.findall(r"!(\d+):(\d+)", urllib.parse.unquote(request.path))
        values = [json.dumps([list(rows(1)[0])]).encode() if int(first) == 1
                  else numbered(self.template(int(last) - int(first) + 1), int(first) // self.n)
                  for first, last in ranges]
        return b'{"valueRanges": [%s]}' % b",".join(b'{"values": %s}' % value for value in values)

    def fault(self, handler, headers, good, n_rows):
        """As long as it is to be."""
        longer = re.sub(rb'"rowCount": 1000(?!.*"rowCount")', b'"rowCount": %d' % (n_rows + 1), good)
        handler.answer(200, headers, longer)


class Couchdb:
    """One answer has all."""
    n = 1000
    start, end, between = b'{"total_rows":1,"offset":0,"rows":[\n', b"\n]}", b",\n"

    def number(self, request):
        return 0 if "_all_docs" in request.path else None

    @functools.cache
    def template(self):
        return b",\n".join(json.dumps({"id": row["code"], "key": row["code"], "value": {"rev": "1-0a"},
                                       "doc": {"_id": row["code"], "_rev": "1-0a", **row}}).encode()
                           for row in rows(self.n))

    def is_sample(self, request):
        return "limit=" in request.path


class S3:
    """One object."""
    n = 1000
    start, end, between = (",".join(rows(1)[0]) + "\n").encode(), b"", b""

    def number(self, request):
        return 0 if request.path.endswith(".csv") else None

    @functools.cache
    def template(self):
        return "".join(",".join(str(v).lower() if isinstance(v, bool) else str(v) for v in row.values()) + "\n"
                       for row in rows(self.n)).encode()

    def is_sample(self, request):
        return False


APIS = {api.__name__.lower(): api for api in (Airtable, Couchdb, Dynamodb, Elasticsearch, Firestore, Googlesheets, S3)}


class Endless:
    """Answers for the table, which has as many rows as it is told."""

    def __init__(self, api):
        self.api, self.n_rows, self.log = api, 0, []

    def front(self, handler):
        number = self.api.number(handler)
        if number is None:
            return False
        self.log.append((handler.command, handler.path, dict(handler.headers.items()), handler.body.decode()))
        n_pages = self.n_rows // self.api.n
        try:
            if hasattr(self.api, "page"):
                handler.answer(200, {"Content-Type": "application/json"}, self.api.page(handler, number, n_pages))
            else:
                self.stream(handler, 1 if self.api.is_sample(handler) else n_pages)
        except OSError:
            handler.close_connection = True  # it has seen enough
        return True

    def stream(self, handler, n_pages):
        api, template = self.api, self.api.template()
        length = len(api.start) + len(api.end) + len(template) * n_pages + len(api.between) * (n_pages - 1)
        handler.answer(200, {"Content-Type": "application/octet-stream", "ETag": '"1"'}, api.start, length)
        for number in range(n_pages):
            handler.wfile.write((api.between if number else b"") + numbered(template, number))
        handler.wfile.write(api.end)

    def fault(self, handler, headers, good):
        if hasattr(self.api, "fault") and b'"rowCount"' in good:
            self.api.fault(handler, headers, good, self.n_rows)
            return True
        return False


# ---- Measuring -------------------------------------------------------------------------------

def timed(command):
    """Seconds, seconds of CPU, and what was printed."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        out = process.stdout.read()
        _, process.returncode, used = os.wait4(process.pid, 0)
    assert process.returncode == 0, command[0]
    return time.monotonic() - began, used.ru_utime + used.ru_stime, out


def write_curl(proxy, log, folder):
    lines = []
    for i, (method, path, headers, body) in enumerate(log):
        lines += [*(["next"] if i else []), f'url = "http://{proxy.address}{path}"', "globoff", f"request = {method}",
                  'output = "/dev/null"']
        lines += [f'header = "{n}: {v}"' for n, v in headers.items() if n.lower() not in ("host", "content-length")]
        if body:
            (folder / f"{i}").write_text(body)
            lines += [f'data-binary = "@{folder}/{i}"']
    (folder / "curl").write_text("\n".join(lines))
    return ["curl", "-sf", "-K", str(folder / "curl")]


def scan(source, endless, n_rows):
    """Seconds, seconds of CPU, and the most MiB."""
    endless.n_rows, endless.log = n_rows, []
    seconds, cpu, out = timed([f"{BUILD}/bin/bench_scan", source.connector, json.dumps(source.config), source.table])
    found, _, _, kib, _ = out.split()
    assert int(found) == n_rows, out
    return seconds, cpu, int(kib) / 1024


def requests_of_a_page(source):
    source.proxy.n_requests = 0
    answer = source.api.post(source.path + "/query", json={
        "where": {"kind": "tool", "price": {"gte": 10}}, "select": ["code", "name"], "limit": 5})
    assert len(answer.json()["data"]) == 5, answer.text
    return source.proxy.n_requests


def measure(api, name, folder):
    source = Source(api, name, folder)
    n_requests = requests_of_a_page(source)
    if name not in APIS:  # rest.py measures it
        print(f"{name:14} a filtered page: {n_requests} requests", flush=True)
        return
    source.config.pop("row_ids", None)  # Google's sheets: values alone are the usual way
    endless = Endless(APIS[name]())
    source.proxy.front, source.proxy.fault = endless.front, endless.fault
    scan(source, endless, ROWS)
    log = endless.log
    curl = write_curl(source.proxy, log, folder)
    ours, theirs = zip(*((scan(source, endless, ROWS), timed(curl)) for _ in range(ROUNDS)))
    mine, bare, cpu, least = (statistics.median(t[i] for t in runs) for i in (0, 1) for runs in (ours, theirs))
    *_, large = scan(source, endless, 10 * ROWS)
    print(f"{name:14} {ROWS / mine:7.0f} rows/s, curl {ROWS / bare:7.0f}: {bare / mine:.2f} of it, "
          f"in {len(log)} requests; {cpu / ROWS * 1e6:.2f} and {least / ROWS * 1e6:.2f} us of CPU per row; "
          f"{max(t[2] for t in ours):.1f} MiB over {ROWS} rows, {large:.1f} MiB over {10 * ROWS}; "
          f"a filtered page: {n_requests} requests", flush=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(folder)
        api = server.client()
        api.data("POST", "apps", 201, json={"name": "bad"})
        for connector in sys.argv[2:] or OVER_HTTP:
            (folder / connector).mkdir()
            measure(api, connector, folder / connector)
        server.stop()


if __name__ == "__main__":
    main()
