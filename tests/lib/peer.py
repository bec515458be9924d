#!/usr/bin/env python3
"""An HTTP peer for tests: it does what it is asked to in the path, good or bad.

    peer.py [--tls DIR]

Prints its port (127.0.0.1) on one line and ends when its standard input does. --tls DIR: speaks TLS
with a certificate for "localhost" and 127.0.0.1 that it makes there: DIR/cert.pem.

    /echo                 what arrived, as JSON: method, target, headers (names in lower case), body
    /status/N             status N; ?after=S adds Retry-After
    /body/N               N bytes "x"; ?encoding=gzip|deflate|raw compresses them
    /flaky/K/S/N          the first N requests of this key fail with status S (0: the connection is
                          closed without an answer); ?after=S adds Retry-After; then /echo
    /redirect/S/N?to=URL  redirects N times with status S to itself, then to URL
    /raw                  ?answer=BYTES: sends exactly these and closes; &hold=1: sends them and waits
    /drip                 a body that comes byte by byte and never ends
    /silent               no answer at all
    /token                an OAuth 2 token endpoint; see below
    /private              200 with the bearer token "token-N" of the newest token, else 401
    /log                  every request since /reset as a JSON array, without those to /log
    /reset                forgets the log and all keys

As a proxy it takes requests in absolute form (they count as its own, marked "proxied") and CONNECT.
/token answers by ?mode=: "" a token of ?life= seconds; "body" refuses HTTP Basic with
invalid_client; "refuse" invalid_grant; "text" no JSON; "rotate" gives a new refresh token.
"""
import base64
import gzip
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib

LOCK = threading.Lock()
LOG, COUNTS = [], {}
LIMIT = 1 << 16


class Gone(Exception):
    pass


class Stream:
    """A socket with lines."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.rest += data

    def line(self):
        while b"\r\n" not in self.rest:
            self.more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line.decode("latin-1")

    def take(self, n):
        while len(self.rest) < n:
            self.more()
        data, self.rest = self.rest[:n], self.rest[n:]
        return data


def read_body(stream, headers):
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            n = int(stream.line().split(";")[0], 16)
            body += stream.take(n)
            if stream.line() != "":
                raise Gone
            if n == 0:
                return body
    return stream.take(int(headers.get("content-length", "0")))


def read_request(stream, connection):
    method, target, _ = stream.line().split(" ")
    headers, pairs = {}, []
    while True:
        line = stream.line()
        if not line:
            break
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
        pairs.append([name, value.strip()])
    request = {"method": method, "target": target, "headers": headers, "pairs": pairs,
               "connection": connection, "proxied": False}
    if method != "CONNECT":
        if target.startswith("http://"):
            request["proxied"] = True
            target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
            request["target"] = target
        body = read_body(stream, headers)
        request["body"] = body[:LIMIT].decode("latin-1")
        request["n_body"] = len(body)
    return request


def answer(status, body=b"", headers=()):
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def answer_json(status, value, headers=()):
    return answer(status, json.dumps(value).encode(),
                  [("Content-Type", "application/json"), *headers])


def compress(body, encoding):
    if encoding == "gzip":
        return gzip.compress(body)
    if encoding == "deflate":
        return zlib.compress(body)
    if encoding == "raw":
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(body) + packer.flush()
    return body


def count(key):
    with LOCK:
        COUNTS[key] = COUNTS.get(key, 0) + 1
        return COUNTS[key]


def after(query):
    return [("Retry-After", query["after"])] if "after" in query else []


def flaky(parts, query, request):
    key, status, n = parts[1], int(parts[2]), int(parts[3])
    if count(key) > n:
        return answer_json(200, request)
    if status == 0:
        raise Gone
    return answer(status, b"no", after(query))


def redirect(parts, query, target):
    status, n = int(parts[1]), int(parts[2])
    to = query["to"] if n <= 1 else f"/redirect/{status}/{n - 1}?" + target.split("?", 1)[1]
    return answer(status, b"over there", [("Location", to)])


def token(query, request):
    mode = query.get("mode", "")
    form = dict(urllib.parse.parse_qsl(request["body"]))
    basic = request["headers"].get("authorization", "")
    if mode == "body" and basic:
        return answer_json(401, {"error": "invalid_client"})
    if mode == "refuse":
        return answer_json(400, {"error": "invalid_grant", "error_description": "s3cret"})
    if mode == "text":
        return answer(200, b"<html>")
    if form.get("grant_type") == "client_credentials" and mode != "body":
        if base64.b64decode(basic[6:]) != b"me%3Amyself:s3cret":
            return answer_json(401, {"error": "invalid_client"})
    fresh = {"access_token": f"token-{count('token')}", "token_type": "Bearer",
             "expires_in": int(query.get("life", "3600"))}
    if mode == "rotate":
        fresh["refresh_token"] = f"refresh-{COUNTS['token']}"
    return answer_json(200, fresh)


def private(request):
    with LOCK:
        wanted = f"Bearer token-{COUNTS.get('token', 0)}"
    if request["headers"].get("authorization") != wanted or count(wanted) == 3:
        return answer(401)
    return answer_json(200, request)


def respond(sock, request):
    path, _, rest = request["target"].partition("?")
    query = dict(urllib.parse.parse_qsl(rest, keep_blank_values=True, encoding="latin-1"))
    parts = path.strip("/").split("/")
    kind = parts[0]
    if kind == "status":
        return answer(int(parts[1]), b"", after(query))
    if kind == "body":
        encoding = query.get("encoding", "")
        body = compress(b"x" * int(parts[1]), encoding)
        name = "deflate" if encoding == "raw" else encoding
        return answer(200, body, [("Content-Encoding", name)] if name else [])
    if kind == "flaky":
        return flaky(parts, query, request)
    if kind == "redirect":
        return redirect(parts, query, request["target"])
    if kind == "raw":
        sock.sendall(query["answer"].encode("latin-1"))
        if "hold" in query:
            threading.Event().wait()
        raise Gone
    if kind == "drip":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            sock.sendall(b"x")
            time.sleep(0.01)
    if kind == "silent":
        threading.Event().wait()
    if kind == "token":
        return token(query, request)
    if kind == "private":
        return private(request)
    if kind == "log":
        with LOCK:
            return answer_json(200, [r for r in LOG if not r["target"].startswith("/log")])
    if kind == "reset":
        with LOCK:
            LOG.clear()
            COUNTS.clear()
        return answer(200)
    return answer_json(200, request)


def relay(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def tunnel(sock, stream, target):
    host, _, port = target.rpartition(":")
    far = socket.create_connection((host.strip("[]"), int(port)))
    sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
    far.sendall(stream.rest)
    threading.Thread(target=relay, args=(far, sock), daemon=True).start()
    relay(sock, far)


def serve(sock, connection, context):
    try:
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        stream = Stream(sock)
        while True:
            request = read_request(stream, connection)
            with LOCK:
                LOG.append(request)
            if request["method"] == "CONNECT":
                tunnel(sock, stream, request["target"])
                break
            data = respond(sock, request)
            if request["method"] == "HEAD":
                data = data.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            sock.sendall(data)
    except (Gone, OSError, ValueError, KeyError, IndexError):
        pass
    finally:
        sock.close()


def make_context(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def accept(listener, context):
    connection = 0
    while True:
        sock, _ = listener.accept()
        connection += 1
        threading.Thread(target=serve, args=(sock, connection, context), daemon=True).start()


def main():
    context = make_context(sys.argv[2]) if sys.argv[1:2] == ["--tls"] else None
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
