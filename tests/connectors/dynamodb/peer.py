#!/usr/bin/env python3
"""DynamoDB with faults, for tests: it checks signatures, and passes requests on to a server that does not.

    peer.py SERVER

Prints its port (127.0.0.1) on one line and ends when its standard input does. It knows the key "rowhouse" with
the secret "s3cret", and the session token "t0ken" with the key "session". What it is to do wrong is asked for
with POST /faults and a JSON list of {"action", "times", …}, which are used up in this order:

    {"status": 400, "type": "ThrottlingException"}   an exception; "retry_after" adds a header
    {"body": "text"}                                  this body, with status 200; "content_type", "gzip"
    {"unprocessed": 2}                                BatchGetItem: the keys from that one on are left over
    {"again": true}                                   LastEvaluatedKey is that of the page before
    {"cut": 10}                                       so many bytes of the body, then the end
    {"drop": "before" or "after"}                     the connection ends before, after it was done
    {"redirect": "http://…"}                          307

GET /log: the requests since the last POST /faults, as [action, body, status].
"""
import gzip
import hashlib
import hmac
import http.client
import http.server
import json
import sys
import threading
import time
import urllib.parse

SECRETS = {"rowhouse": "s3cret", "session": "s3cret"}
TOKENS = {"session": "t0ken"}
LOCK = threading.Lock()
FAULTS, LOG = [], []
ACTIONS = {"ListTables", "DescribeTable", "Scan", "Query", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem",
           "TransactWriteItems", "TransactGetItems", "ExecuteStatement"}


class Refused(Exception):
    pass


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def check_signature(request, body):
    """Signature 4, from its public description."""
    headers = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
    kind, _, rest = headers.get("authorization", "").partition(" ")
    if kind != "AWS4-HMAC-SHA256":
        raise Refused("MissingAuthenticationTokenException")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    key, day, region, service, end = parts["Credential"].split("/")
    if key not in SECRETS or headers.get("x-amz-security-token") != TOKENS.get(key):
        raise Refused("UnrecognizedClientException")
    stamp = headers["x-amz-date"]
    if service != "dynamodb" or end != "aws4_request" or not stamp.startswith(day) or \
            abs(time.time() - time.mktime(time.strptime(stamp + "UTC", "%Y%m%dT%H%M%SZ%Z")) + time.timezone) > 900:
        raise Refused("InvalidSignatureException")
    names = parts["SignedHeaders"].split(";")
    if names != sorted(names) or not {"host", "x-amz-date", "x-amz-target"} <= set(names):
        raise Refused("InvalidSignatureException")
    canonical = "\n".join([request.command, "/", "", *(f"{n}:{headers[n]}" for n in names), "", ";".join(names),
                           hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/{end}"
    text = "\n".join([kind, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = ("AWS4" + SECRETS[key]).encode()
    for part in (day, region, service, end):
        secret = digest(secret, part)
    if not hmac.compare_digest(digest(secret, text).hex(), parts["Signature"]):
        raise Refused("InvalidSignatureException")


class Peer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet
    server_name = None
    previous = None

    def log_message(self, *arguments):
        pass

    def send(self, status, body, headers=()):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/x-amz-json-1.0", "Content-Length": len(body),
                            **dict(headers)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with LOCK:
            self.send(200, LOG)

    def exception(self, name, status=400, headers=()):
        self.send(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": f"{name} it is"}, headers)
        return status

    def forward(self, body):
        connection = http.client.HTTPConnection(self.server_name, timeout=60)
        connection.request("POST", "/", body, {n: v for n, v in self.headers.items()
                                               if n.lower() not in ("host", "accept-encoding", "content-length")})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def spoil(self, fault, action, body):
        """The answer with its fault; None: the connection ends."""
        if "status" in fault:
            after = [("Retry-After", fault["retry_after"])] if "retry_after" in fault else []
            return self.exception(fault["type"], fault["status"], after)
        if "redirect" in fault:
            self.send(307, b"", [("Location", fault["redirect"])])
            return 307
        if "body" in fault:
            data = fault["body"].encode("latin-1")
            encoded = [("Content-Encoding", "gzip")] if "gzip" in fault else []
            if "gzip" in fault:
                data = gzip.compress(b" " * fault["gzip"])
            self.send(200, data, [("Content-Type", fault.get("content_type", "application/x-amz-json-1.0")), *encoded])
            return 200
        if fault.get("drop") == "before":
            return None
        if "unprocessed" in fault:
            return self.leave_over(json.loads(body), fault["unprocessed"])
        status, data = self.forward(body)
        if fault.get("drop") == "after":
            return None
        if "cut" in fault:
            self.send(status, data[:fault["cut"]], [("Content-Length", len(data))])
            return None
        if "again" in fault:
            value = json.loads(data)
            value["LastEvaluatedKey"] = fault["again"]
            data = json.dumps(value).encode()
        self.send(status, data)
        return status

    def leave_over(self, request, n):
        (table, asked), = request["RequestItems"].items()
        left = asked["Keys"][n:]
        data = b'{"Responses":{"%s":[]}}' % table.encode()
        if n:
            asked["Keys"] = asked["Keys"][:n]
            _, data = self.forward(json.dumps(request).encode())
        answer = json.loads(data)
        answer["UnprocessedKeys"] = {table: {**asked, "Keys": left}} if left else {}
        self.send(200, answer)
        return 200

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/faults":
            with LOCK:
                FAULTS[:] = json.loads(body)
                LOG.clear()
            self.send(200, [])
            return
        action = self.headers.get("X-Amz-Target", "").removeprefix("DynamoDB_20120810.")
        status = self.serve(action, body)
        with LOCK:
            LOG.append([action, body.decode(errors="replace"), status])
        self.close_connection = self.close_connection or status is None

    def serve(self, action, body):
        kind = self.headers.get("Content-Type")
        if self.path != "/" or kind != "application/x-amz-json-1.0" or action not in ACTIONS:
            return self.exception("UnknownOperationException")
        try:
            check_signature(self, body)
        except Refused as refused:
            return self.exception(str(refused))
        except (KeyError, ValueError):
            return self.exception("IncompleteSignatureException")
        fault = None
        with LOCK:
            if FAULTS and FAULTS[0].get("action", action) == action:
                fault = FAULTS[0]
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    FAULTS.pop(0)
        if fault:
            return self.spoil(fault, action, body)
        status, data = self.forward(body)
        self.send(status, data)
        return status


def main():
    Peer.server_name = urllib.parse.urlsplit(sys.argv[1]).netloc
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
