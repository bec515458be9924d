#!/usr/bin/env python3
"""Reading a whole table over HTTP: Rowhouse against curl, which sends the same requests and throws the answers away.

    tests/lib/dynamodb.sh run                   tests/bench/http_scan.py BUILD dynamodb [ROWS]
    tests/connectors/elasticsearch/peer.py run  tests/bench/http_scan.py BUILD elasticsearch [ROWS]

One curl keeps its connection and sends all pages; where each page begins is found out before. Rowhouse's server
streams the rows as NDJSON to another curl. Prints medians of ROUNDS in rows per second, their ratio, what was
pushed down of a filtered page, and by how much the server's memory grew. Servers for tests are slow: the ratio says
what Rowhouse adds.
"""
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["ROWHOUSE_BUILD"] = os.path.abspath(sys.argv[1])
KIND = sys.argv[2]
ROWS = int(sys.argv[3]) if len(sys.argv) > 3 else 100000
ROUNDS = int(os.environ.get("RH_BENCH_ROUNDS", "3"))
sys.path[:0] = [str(ROOT / "tests" / "api"), str(ROOT / "tests" / "connectors" / KIND)]
from client import Server  # noqa: E402


def rows():
    return [{"id": i, "name": f"thing number {i}", "kind": "abcd"[i % 4], "price": i / 4, "open": i % 2 == 0}
            for i in range(ROWS)]


class Dynamodb:
    connector = "dynamodb"
    condition = {"kind": "a", "price": {"between": [100, 109]}}

    def __init__(self):
        import dynamodb
        self.dynamodb = dynamodb
        self.settings = dynamodb.settings()
        dynamodb.make_table("bench", rows(), [{"name": "by_kind", "kind": "S", "price": "N"}], id="N")

    def pages(self):
        body = {"TableName": "bench", "ConsistentRead": True, "ProjectionExpression": "#0,#1,#2,#3,#4",
                "ExpressionAttributeNames": {"#0": "id", "#1": "kind", "#2": "name", "#3": "open", "#4": "price"}}
        while True:
            yield "POST", self.settings["endpoint"], body, {
                "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.Scan",
                "X-Amz-Date": "20260101T000000Z", "Authorization": self.dynamodb.SIGNATURE}
            last = self.dynamodb.call("Scan", **body).get("LastEvaluatedKey")
            if not last:
                return
            body = {**body, "ExclusiveStartKey": last}


class Elasticsearch:
    connector = "elasticsearch"
    condition = {"kind": "a", "price": {"between": [100, 109]}}

    def __init__(self):
        import elasticsearch
        self.elasticsearch = elasticsearch
        self.settings = elasticsearch.settings()
        types = {"id": "integer", "name": "keyword", "kind": "keyword", "price": "double", "open": "boolean"}
        elasticsearch.make_index("bench", {n: {"type": t} for n, t in types.items()},
                                 [{"_id": str(row["id"]), **row} for row in rows()])

    def pages(self):
        token = self.elasticsearch.call("POST", "/bench/_pit?keep_alive=5m")["id"]
        body = {"size": 1000, "query": {"match_all": {}}, "seq_no_primary_term": True, "track_total_hits": False,
                "_source": ["id", "kind", "name", "open", "price"], "sort": ["_shard_doc"],
                "pit": {"keep_alive": "5m", "id": token}}
        for at in range(0, ROWS + 1, 1000):
            more = {"search_after": [at - 1, at - 1]} if at else {}
            yield "POST", self.settings["url"] + "/_search?allow_partial_search_results=false", {**body, **more}, {
                "Content-Type": "application/json", "Authorization": "Basic ZWxhc3RpYzpzM2NyZXQ="}


def write_curl(source, folder):
    lines = []
    for i, (method, url, body, headers) in enumerate(source.pages()):
        (folder / f"{i}.json").write_text(json.dumps(body))
        lines += [*(["next"] if i else []), f'url = "{url}"', f'request = "{method}"', 'output = "/dev/null"',
                  f'data-binary = "@{folder / str(i)}.json"', *(f'header = "{n}: {v}"' for n, v in headers.items())]
    (folder / "curl").write_text("\n".join(lines))
    return lines.count("next") + 1


def timed(command):
    begin = time.monotonic()
    subprocess.run(command, shell=True, check=True)
    return time.monotonic() - begin


def memory(pid, what):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1])
    return 0


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    source = {"dynamodb": Dynamodb, "elasticsearch": Elasticsearch}[KIND]()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        n_pages = write_curl(source, folder)
        (folder / "server").mkdir()
        server = Server(folder / "server")
        api = server.client()
        api.data("POST", "apps", 201, json={"name": "b"})
        api.data("POST", "apps/b/datasources", 201,
                 json={"name": "s", "connector": source.connector, "config": source.settings})
        path = "apps/b/data/s/bench"
        columns = "id,kind,name,open,price"
        api.data("GET", f"{path}?limit=1")
        used = cpu(server.process.pid)
        before = memory(server.process.pid, "VmRSS")
        key = shlex.quote(f"Authorization: Bearer {server.key}")
        ours = f"curl -sf -o {folder}/rows -H {key} '{server.url}/api/v1/{path}?format=ndjson&select={columns}'"
        theirs = f"curl -sf -K {folder}/curl"
        times = [(timed(ours), timed(theirs)) for _ in range(ROUNDS)]
        assert sum(1 for _ in open(folder / "rows")) == ROWS
        used = (cpu(server.process.pid) - used) / ROUNDS / ROWS * 1e6
        grown = memory(server.process.pid, "VmHWM") - before
        mine, bare = (statistics.median(t) for t in zip(*times))
        page = api.post(f"{path}/query", json={"where": source.condition, "limit": 10})
        server.stop()
    print(f"{KIND}: {ROWS} rows in {n_pages} pages: rowhouse {ROWS / mine:.0f} rows/s, curl {ROWS / bare:.0f} rows/s,"
          f" ratio {bare / mine:.2f}; {used:.1f} us of CPU per row; memory grew by {grown} KiB")
    print("filtered page:", page.headers["Rowhouse-Plan"])


if __name__ == "__main__":
    main()
