#!/usr/bin/env python3
"""rest.py BUILD: the connector rest beside curl, which fetches the same pages and throws them away.

Pages of 1000 rows come from a server of this script, made beforehand. Prints the scan of 100 k rows as a ratio of
the times (best of fifteen, by turns), and the peak of memory over 100 k and over 1 M rows.
"""
import http.server
import os
import pathlib
import subprocess
import sys
import threading
import time

ROW = '{"id":%d,"name":"name of row %d","price":%d.25,"ok":true,"at":"2024-05-06T07:08:09Z"}'
PAGE = 1000


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pages = {}
    last = 0

    def log_message(self, *args):
        pass

    def do_GET(self):
        number = int(self.path.partition("=")[2] or 0)
        after = f',"next":"/rows?p={number + 1}"' if number + 1 < Pages.last else ""
        body = Pages.pages[number % len(Pages.pages)] + after.encode() + b"}"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.wfile.write(head % len(body) + body)


def make(n):
    return {p: ('{"items":[' + ",".join(ROW % (i, i, i) for i in range(p * PAGE, (p + 1) * PAGE)) + "]").encode()
            for p in range(n)}


def scan(build, base):
    done = subprocess.run([f"{build}/bin/bench_rest", f"{build}/plugins/rest.so", base], capture_output=True,
                          text=True, check=True)
    rows, _, seconds, peak = done.stdout.split()
    assert int(rows) == Pages.last * PAGE, done.stdout
    return float(seconds), int(peak)


def curl(base):
    urls = [f"{base}/rows?p={p}" for p in range(Pages.last)]
    config = "\n".join(f'url = "{u}"\noutput = /dev/null' for u in urls)
    begin = time.monotonic()
    subprocess.run(["curl", "-s", "-f", "-K", "-"], input=config, text=True, check=True)
    return time.monotonic() - begin


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    Pages.pages = make(100)
    Pages.last = 100
    pairs = [(scan(build, base), curl(base)) for _ in range(15)]
    ours, theirs = zip(*pairs)
    best, beside = min(seconds for seconds, _ in ours), min(theirs)
    print(f"rest: 100 k rows in {best:.3f} s, curl fetching the same pages {beside:.3f} s: ratio {best / beside:.2f}")
    Pages.last = 1000
    _, peak = scan(build, base)
    before = max(p for _, p in ours)
    print(f"rest: peak of memory {before / 1024:.1f} MiB over 100 k rows, {peak / 1024:.1f} MiB over 1 M rows")


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "*")
    main()
