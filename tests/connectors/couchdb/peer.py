"""A small CouchDB 3 in Python, for what PouchDB Server has not, and for answers that no server should give.

It has databases, partitioned ones among them, and refuses what CouchDB refuses: unknown parameters and members,
other methods, wrong types, no credentials. `faults` are asked first: each gets the request and may write anything.
"""
import base64
import http.server
import json
import threading
import unicodedata
import urllib.parse

ADMIN = "Basic " + base64.b64encode(b"rowhouse:s3cret").decode()
ALL_DOCS = {"include_docs", "limit", "skip", "startkey", "endkey", "descending", "keys"}
FIND = {"selector", "fields", "limit", "sort", "skip", "bookmark", "use_index", "execution_stats"}


class Refusal(Exception):
    def __init__(self, status, error, reason=""):
        super().__init__(reason)
        self.status, self.body = status, {"error": error, "reason": reason or error}


def folded(value):
    """As ICU sees a text, near enough: what is composed and what is not are the same."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def rank(value):
    """The order of types: null, booleans, numbers, texts."""
    return (value is not None) + (value is not None and not isinstance(value, bool)) + isinstance(value, str)


def holds(document, selector):
    for name, condition in selector.items():
        if name == "$and":
            good = all(holds(document, one) for one in condition)
        elif name == "$or":
            good = any(holds(document, one) for one in condition)
        elif name == "$not":
            good = not holds(document, condition)
        elif name.startswith("$"):
            raise Refusal(400, "invalid_operator", name)
        else:
            good = all(compare(document, name, op, value) for op, value in condition.items())
        if not good:
            return False
    return True


def compare(document, name, op, wanted):
    if op == "$exists":
        return (name in document) == wanted
    if name not in document:
        return False
    value = document[name]
    if op == "$type":
        return isinstance(value, (int, float)) and not isinstance(value, bool) if wanted == "number" else False
    if op == "$eq":
        return rank(value) == rank(wanted) and folded(value) == folded(wanted)
    if op in ("$gt", "$gte", "$lt", "$lte"):
        a, b = (rank(value), folded(value) or 0), (rank(wanted), folded(wanted) or 0)
        return {"$gt": a > b, "$gte": a >= b, "$lt": a < b, "$lte": a <= b}[op]
    raise Refusal(400, "invalid_operator", op)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet

    def log_message(self, *args):
        pass

    def answer(self, status, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data)

    def handle_one(self):
        peer = self.server.peer
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length) if length else b""
        peer.requests.append(f"{self.command} {self.path}")
        for fault in list(peer.faults):
            if fault(self):
                return
        try:
            if self.headers.get("Authorization") != ADMIN:
                raise Refusal(401, "unauthorized")
            self.answer(200, self.route(peer))
        except Refusal as refusal:
            self.answer(refusal.status, refusal.body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one

    def route(self, peer):
        path, _, query = self.path.partition("?")
        parameters = {k: json.loads(v) for k, v in urllib.parse.parse_qsl(query, strict_parsing=bool(query))}
        parts = [urllib.parse.unquote(part) for part in path.split("/")[1:]]
        if parts == [""]:
            return {"couchdb": "Welcome", "version": "3.3.3", "vendor": {"name": "The Apache Software Foundation"}}
        if parts[0] not in peer.databases:
            raise Refusal(404, "not_found", "Database does not exist.")
        documents, rest = peer.databases[parts[0]], parts[1:]
        if not rest and self.command == "GET":
            props = {"partitioned": True} if parts[0] in peer.partitioned else {}
            return {"db_name": parts[0], "doc_count": len(documents), "props": props}
        if rest == ["_index"] and self.command == "GET":
            return {"total_rows": 1, "indexes": [{"ddoc": None, "name": "_all_docs", "type": "special",
                                                  "def": {"fields": [{"_id": "asc"}]}}]}
        if rest == ["_all_docs"]:
            return self.all_docs(documents, parameters)
        if rest[-1:] == ["_find"] and self.command == "POST" and not parameters:
            if len(rest) == 3 and rest[0] == "_partition" and parts[0] in peer.partitioned:
                documents = {k: v for k, v in documents.items() if k.startswith(rest[1] + ":")}
            elif len(rest) != 1:
                raise Refusal(400, "bad_request", "database is not partitioned")
            return self.find(documents)
        if self.command == "GET" and "/".join(rest) in documents:
            return documents["/".join(rest)]
        raise Refusal(404, "not_found", "missing")

    def all_docs(self, documents, parameters):
        if self.command == "POST":
            parameters.update(json.loads(self.body))
        if set(parameters) - ALL_DOCS or self.command not in ("GET", "POST"):
            raise Refusal(400, "query_parse_error", str(parameters))
        if "keys" in parameters:
            return {"rows": [{"id": k, "key": k, "value": {}, "doc": documents[k]} if k in documents
                             else {"key": k, "error": "not_found"} for k in parameters["keys"]]}
        low, high = parameters.get("startkey"), parameters.get("endkey")
        down = parameters.get("descending", False)
        low, high = (high, low) if down else (low, high)
        ids = [k for k in sorted(documents, key=lambda k: k.encode(), reverse=down)
               if (low is None or k >= low) and (high is None or k <= high)][parameters.get("skip", 0):]
        return {"total_rows": len(documents), "offset": 0, "rows": [
            {"id": k, "key": k, "value": {}, "doc": documents[k]} for k in ids[:parameters.get("limit", len(ids))]]}

    def find(self, documents):
        asked = json.loads(self.body)
        if set(asked) - FIND or not isinstance(asked.get("selector"), dict) or asked.get("limit", 0) > 1 << 28:
            raise Refusal(400, "invalid_key", str(asked))
        found = [d for k, d in sorted(documents.items()) if not k.startswith("_design/")
                 and holds(d, asked["selector"])]
        if asked.get("sort"):
            assert asked["sort"] in ([{"_id": "asc"}], [{"_id": "desc"}])
            found.sort(key=lambda d: d["_id"], reverse=asked["sort"] == [{"_id": "desc"}])
        found = found[asked.get("skip", 0):][:asked.get("limit", 25)]
        fields = asked.get("fields")
        return {"docs": [{k: v for k, v in d.items() if not fields or k in fields} for d in found],
                "bookmark": "nil"}


class Peer:
    def __init__(self):
        self.databases, self.partitioned, self.faults, self.requests = {}, set(), [], []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.peer, self.server.daemon_threads = self, True
        self.url = f"http://rowhouse:s3cret@127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fill(self, name, documents, partitioned=False):
        self.databases[name] = {d["_id"]: {"_rev": "1-a", **d} for d in documents}
        if partitioned:
            self.partitioned.add(name)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
