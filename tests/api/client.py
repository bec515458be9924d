"""A running rowhouse-server, and a client for it."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ROWHOUSE_BUILD", ROOT / "build" / "release"))
PROGRAM = BUILD / "bin" / "rowhouse-server"
KEY = "an-administrator-key-for-tests"
PATIENCE = 180  # seconds: a safety net for what hangs, not a measure of anything


def until(condition):
    """Waits until the condition holds; returns what it last gave."""
    deadline = time.monotonic() + PATIENCE
    while True:
        holds = condition()
        if holds or time.monotonic() > deadline:
            return holds
        time.sleep(0.02)


def metric(server, name):
    text = requests.get(server.url + "/metrics", timeout=PATIENCE).text
    return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))


def active(server):
    """Requests that run or wait, besides the question itself."""
    return metric(server, "rowhouse_requests_active") - 1


def environment(**more):
    """Ours without settings that would reach the server."""
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith("ROWHOUSE_") or k.startswith("ROWHOUSE_PLUGINS")}
    kept.update({k: v for k, v in more.items() if v is not None})
    return kept


def store_of_its_own():
    """Settings for a store that no other server has: on CouchDB where ROWHOUSE_TEST_STORE says so."""
    if os.environ.get("ROWHOUSE_TEST_STORE") != "couchdb":
        return {}
    url = os.environ["ROWHOUSE_TEST_COUCHDB"].replace("http://", "couchdb://")
    return {"ROWHOUSE_STORE": f"{url}/rowhouse_{uuid.uuid4().hex[:12]}"}


class Server:
    """A rowhouse-server in a folder of its own, on a free port."""

    def __init__(self, folder, *flags, key=KEY, env=None):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.flags = ["--data", str(self.data), "--listen", "127.0.0.1:0", *flags]
        self.key = key
        self.env = {**store_of_its_own(), **(env or {})}
        self.lines = []
        self.start()

    def start(self):
        admin = {"ROWHOUSE_ADMIN_KEY": self.key} if self.key else {}
        self.log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen([str(PROGRAM), *self.flags], stdout=subprocess.PIPE,
                                        stderr=self.log, text=True,
                                        env=environment(**admin, **self.env))
        self.lines = []
        self.url = None
        for line in self.process.stdout:
            self.lines.append(line)
            found = re.search(r"listens on (http://\S+)", line)
            if found:
                self.url = found.group(1)
                break
        if not self.url:
            self.process.wait()
            raise RuntimeError("the server did not start: " + self.read_log())
        self.port = int(self.url.rsplit(":", 1)[1])
        self.reader = threading.Thread(target=self.drain, daemon=True)
        self.reader.start()

    def drain(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def read_log(self):
        return (self.folder / "server.log").read_text(errors="replace")

    def stop(self, sig=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(timeout=PATIENCE)
        self.reader.join(timeout=PATIENCE)
        self.log.close()
        return status

    def client(self, key=None):
        return Client(self.url, key or self.key)


class Client:
    """Calls the API. Paths that do not begin with '/' are below /api/v1/."""

    def __init__(self, url, key):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Accept-Encoding"] = "identity"
        if key:
            self.session.headers["Authorization"] = "Bearer " + key

    def call(self, method, path, **more):
        more.setdefault("timeout", PATIENCE)
        if not path.startswith("/"):
            path = "/api/v1/" + path
        return self.session.request(method, self.url + path, **more)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, json=None, **more):
        return self.call("POST", path, json=json, **more)

    def patch(self, path, json=None, **more):
        return self.call("PATCH", path, json=json, **more)

    def put(self, path, json=None, **more):
        return self.call("PUT", path, json=json, **more)

    def delete(self, path, json=None, **more):
        return self.call("DELETE", path, json=json, **more)

    def data(self, method, path, status=200, **more):
        """The `data` of an answer that must have this status."""
        answer = self.call(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]


def refused(server, path, statement, n):
    """Sends n + 2 queries that do not end to a server with a place for one that runs and one that
    waits; the answers to the others. The server must be stopped then, without patience."""
    answers = []

    def ask():
        try:
            answers.append(server.client().post(path, json={"text": statement}))
        except requests.RequestException:
            pass  # the server was stopped

    for _ in range(n + 2):
        threading.Thread(target=ask, daemon=True).start()
    assert until(lambda: len(answers) >= n)
    return answers


def problem(answer, code, status=None):
    """Checks that the answer is this problem, in the form that all have; returns it."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["code"] == code, body
    assert body["type"] == "https://rowhouse.dev/problems/" + code
    assert body["status"] == answer.status_code
    assert body["title"] and body["detail"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    if status:
        assert answer.status_code == status, body
    return body


def raw(server, data, enough=None, timeout=PATIENCE):
    """Sends bytes as they are and returns what comes back until the server closes (or `enough` has
    come)."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as conn:
        conn.sendall(data)
        answer = b""
        while True:
            part = conn.recv(65536)
            if not part:
                return answer
            answer += part
            if enough and enough in answer:
                return answer


def check_end(status, log):
    """A server must end well, and the sanitizers, where it was built with them, find nothing."""
    assert status == 0, log
    for word in ("AddressSanitizer", "runtime error:", "ThreadSanitizer", "LeakSanitizer"):
        assert word not in log, log


def temporary_server(*flags, **more):
    """A context manager for a server with settings of its own."""
    return _Temporary(flags, more)


class _Temporary:
    def __init__(self, flags, more):
        self.flags, self.more = flags, more

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="rowhouse-api-")
        try:
            self.server = Server(self.folder.name, *self.flags, **self.more)
        except BaseException:
            self.folder.cleanup()
            raise
        return self.server

    def __exit__(self, *failure):
        status = self.server.stop(signal.SIGTERM)
        log = self.server.read_log()
        self.folder.cleanup()
        check_end(status, log)
