"""A proxy in front of a test's server or peer, which passes everything on but for what it is told to answer itself."""
import http.client
import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet

    def log_message(self, *args):
        pass

    def forward(self):
        proxy = self.server.proxy
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if proxy.front and proxy.front(self):
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
        upstream = http.client.HTTPConnection(proxy.upstream, timeout=600)
        upstream.request(self.command, self.path, self.body, headers)
        answer = upstream.getresponse()
        good = answer.read()
        upstream.close()
        kept = {name: value for name, value in answer.getheaders()
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server")}
        proxy.n_requests += 1
        proxy.n_faults += 1
        if not proxy.fault or proxy.fault(self, kept, good) is False:
            proxy.n_faults -= 1
            self.answer(answer.status, kept, good)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = forward

    def answer(self, status, headers, body, length=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Proxy:
    """Before the server at `upstream` (host:port); it is at `address` itself.

    front(handler)                  is asked first; true: it has answered, and the server is not asked
    fault(handler, headers, good)   may answer instead of the good answer; False: it has not
    """

    def __init__(self, upstream):
        self.upstream, self.front, self.fault, self.n_requests, self.n_faults = upstream, None, None, 0, 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.proxy, self.server.daemon_threads = self, True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
