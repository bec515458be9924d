"""What scripted peers with a JSON API have in common: serving, faults on order, a log, `run COMMAND`.

A peer is a class with `answer(request) → (status, value)`; `value` is sent as JSON. Beside its API it
has /control, which is no part of the API it plays:

    POST /control/faults   a JSON array; the next requests to the API meet these, in turn:
        {"pass": N}                           N requests are answered as they should be
        {"status": S, "json": …, "text": …, "headers": {…}}    this answer
        {"close": true}                       the connection is closed without an answer
        {"cut": N}                            the right answer, but only its first N bytes
        {"bytes": N}                          200 with a JSON text of N bytes that never ends well
        {"bomb": N}                           200 with N zero bytes, compressed
        {"deep": N}                           200 with arrays N levels deep
        {"silent": true}                      no answer at all
    POST /control/set      a JSON object; the peer's attributes of these names (they must exist)
    GET /control/log       [{method, path, body}] of the API's requests since the last such call
"""
import gzip
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status, value, headers=()):
        super().__init__(status)
        self.status, self.value, self.headers = status, value, headers


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        self.path, _, query = target.partition("?")
        self.segments = [urllib.parse.unquote(s) for s in self.path.strip("/").split("/")]
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True)

    def json(self):
        return json.loads(self.body) if self.body else {}


class Headers(dict):
    """By their names in lower case."""

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def parse_request(self):
        """Without the mail parser of the base class, which takes more time than most answers."""
        words = self.raw_requestline.decode("latin-1").split()
        self.close_connection, self.requestline = True, " ".join(words)
        self.command, self.path, self.request_version = words if len(words) == 3 else (None, "", "HTTP/1.1")
        if not self.command:
            self.send_error(400)
            return False
        self.headers = Headers()
        while (line := self.rfile.readline(1 << 16)).strip():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return True

    def log_message(self, *args):
        pass

    def send(self, status, body, headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def send_json(self, status, value, headers=()):
        self.send(status, value if isinstance(value, bytes) else json.dumps(value).encode(),
                  [("Content-Type", "application/json; charset=utf-8"), *headers])

    def control(self, request):
        peer, what = self.server.peer, request.segments[1]
        with peer.lock:
            if what == "faults":
                peer.faults = request.json()
                answer = {}
            elif what == "set":
                for name, value in request.json().items():
                    assert hasattr(peer, name), name
                    setattr(peer, name, value)
                answer = {}
            else:
                answer, peer.log = peer.log, []
        self.send_json(200, answer)

    def fault(self):
        """The next fault; None: the request is to be answered."""
        peer = self.server.peer
        with peer.lock:
            if not peer.faults:
                return None
            first = peer.faults[0]
            if "pass" not in first:
                return peer.faults.pop(0)
            first["pass"] -= 1
            if first["pass"] <= 0:
                peer.faults.pop(0)
            return None

    def fail(self, fault):
        json_type = [("Content-Type", "application/json")]
        if "status" in fault:
            body = fault["text"].encode() if "text" in fault else json.dumps(fault.get("json")).encode()
            self.send(fault["status"], body, list(fault.get("headers", {}).items()))
        elif "bytes" in fault:
            n = fault["bytes"]
            self.send(200, b"[\"", json_type, n)
            try:
                for _ in range(n >> 20):
                    self.wfile.write(b"x" * (1 << 20))
            except OSError:
                pass
            self.close_connection = True
        elif "bomb" in fault:
            self.send(200, gzip.compress(b" " * fault["bomb"]), [*json_type, ("Content-Encoding", "gzip")])
        elif "deep" in fault:
            self.send(200, b"[" * fault["deep"] + b"]" * fault["deep"], json_type)
        elif "silent" in fault:
            threading.Event().wait()
        else:
            self.close_connection = True

    def respond(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        if request.segments[0] == "control":
            self.control(request)
            return
        peer = self.server.peer
        with peer.lock:
            if peer.keep_log:
                peer.log.append({"method": self.command, "path": self.path, "body": body.decode("utf-8", "replace")})
        known = (self.command, self.path, body)
        if peer.replay and known in peer.answers:
            self.send_json(200, peer.answers[known])
            return
        fault = self.fault()
        if fault is not None and "cut" not in fault:
            self.fail(fault)
            return
        try:
            with peer.lock:
                status, value = peer.answer(request)
            headers = ()
        except Refusal as refusal:
            status, value, headers = refusal.status, refusal.value, refusal.headers
        if peer.replay and status == 200:
            value = peer.answers[known] = json.dumps(value).encode()
        if fault is None:
            self.send_json(status, value, headers)
            return
        whole = json.dumps(value).encode()
        self.send(status, whole[:fault["cut"]], [("Content-Type", "application/json")], len(whole))
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # clients may go as they like
            super().handle_error(request, client_address)


class Peer:
    variable = ""  # the environment variable that tells where it is
    prefix = ""    # of its URLs

    def __init__(self):
        self.lock, self.faults, self.log, self.keep_log = threading.RLock(), [], [], True
        self.port = 0
        self.replay, self.answers = False, {}  # for measurements: what was answered once is answered again

    def environment(self):
        return {self.variable: f"http://127.0.0.1:{self.port}{self.prefix}"}

    def serve(self):
        server = Server(("127.0.0.1", 0), Handler)
        server.peer = self
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def main(self):
        if sys.argv[1:2] != ["run"] or len(sys.argv) < 3:
            sys.exit(f"usage: {sys.argv[0]} run COMMAND…")
        self.serve()
        sys.exit(subprocess.run(sys.argv[2:], env={**os.environ, **self.environment()}, check=False).returncode)
