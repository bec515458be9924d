#!/usr/bin/env python3
"""A peer that speaks Firestore's REST API (v1): peer.py run COMMAND…

It keeps documents, and refuses what the public API refuses: unknown members, wrong tokens, malformed
values and names, queries without the index that they need, too many of anything. Tokens come from an
OAuth 2 endpoint that checks the signature of the assertion; projects whose names begin with "demo-" are
an emulator's and take the token "owner".

COMMAND gets ROWHOUSE_TEST_FIRESTORE (the URL), ROWHOUSE_TEST_FIRESTORE_ACCOUNT (a service account's key
file of the project "rowhouse") and ROWHOUSE_TEST_FIRESTORE_STRANGER (one that is refused).

POST /_peer {"answers": [{"method": "runQuery", "status": 503, "body": "…", "headers": {…}, "times": 1}]}
makes the next requests of that method answer so; {"indexes": [...]} names collections whose queries
have all indexes; {"log": true} returns the requests since the last time.
"""
import base64
import functools
import http.server
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

LOCK = threading.RLock()
DOCUMENTS = {}  # root → {path: {"fields", "createTime", "updateTime"}}
ANSWERS, INDEXES, LOG, TOKENS = [], set(), [], set()
CLOCK = [1700000000000000]
ACCOUNT = {}
KINDS = ["nullValue", "booleanValue", "NaN", "number", "timestampValue", "stringValue", "bytesValue",
         "referenceValue", "geoPointValue", "arrayValue", "mapValue"]
MISSING = object()


class Refusal(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


def invalid(message):
    return Refusal(400, "INVALID_ARGUMENT", message)


def only(value, *names, what="the message"):
    if not isinstance(value, dict):
        raise invalid(f"Invalid value at {what}: an object is expected")
    for name in value:
        if name not in names:
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}" at {what}: Cannot find field.')
    return value


def now():
    CLOCK[0] += 1
    seconds, micros = divmod(CLOCK[0], 1000000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros:06d}Z"


# ---- Values ----------------------------------------------------------------------------------

def instant(text):
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", text)
    if not found:
        raise invalid(f"Invalid value at 'timestamp_value': {text}")
    return text[:19] + "." + (found[7] or "").ljust(9, "0")[:6] + "Z"


def check_name(root, name, documents=True):
    if not isinstance(name, str) or not name.startswith(root + "/"):
        raise invalid(f'Document name "{name}" is not below "{root}".')
    parts = name[len(root) + 1:].split("/")
    if len(parts) % 2 != (0 if documents else 1):
        raise invalid(f'Document name "{name}" has an odd number of segments.')
    for part in parts:
        if not part or part in (".", "..") or len(part.encode()) > 1500 or re.fullmatch(r"__.*__", part):
            raise invalid(f'Resource id "{part}" is invalid.')
    return name[len(root) + 1:]


def check_value(root, value, in_array=False, depth=1):
    """The value as it is stored."""
    if not isinstance(value, dict) or len(value) != 1:
        raise invalid("A value has not precisely one type.")
    (kind, of), = value.items()
    if depth > 21:
        raise invalid("Property is nested too deeply: 20 levels at most.")
    if kind == "nullValue" and of in (None, "NULL_VALUE"):
        return {"nullValue": None}
    if kind == "booleanValue" and isinstance(of, bool):
        return value
    if kind == "integerValue" and re.fullmatch(r"-?\d+", str(of)) and -2**63 <= int(of) < 2**63:
        return {kind: str(int(of))}
    if kind == "doubleValue" and (of in ("NaN", "Infinity", "-Infinity") or
                                  isinstance(of, (int, float)) and not isinstance(of, bool)):
        return {kind: of if isinstance(of, str) else float(of)}
    if kind == "timestampValue" and isinstance(of, str):
        return {kind: instant(of)}
    if kind == "stringValue" and isinstance(of, str) and len(of.encode()) < 1 << 20:
        return value
    if kind == "bytesValue" and isinstance(of, str):
        base64.b64decode(of, validate=True)
        return value
    if kind == "referenceValue":
        check_name(root, of)
        return value
    if kind == "geoPointValue":
        only(of, "latitude", "longitude")
        if abs(of.get("latitude", 0)) > 90 or abs(of.get("longitude", 0)) > 180:
            raise invalid("A geographical point is out of range.")
        return value
    if kind == "arrayValue":
        if in_array:
            raise invalid("Cannot convert an array value in an array value.")
        values = only(of, "values").get("values", [])
        return {kind: {"values": [check_value(root, v, True, depth + 1) for v in values]}}
    if kind == "mapValue":
        return {kind: {"fields": check_fields(root, only(of, "fields").get("fields", {}), depth + 1)}}
    raise invalid(f"Invalid value of {kind}.")


def check_fields(root, fields, depth=1):
    for name in fields:
        if not name or re.fullmatch(r"__.*__", name) or len(name.encode()) > 1500:
            raise invalid(f'The field name "{name}" is reserved or invalid.')
    return {name: check_value(root, value, False, depth) for name, value in fields.items()}


def number(value):
    (kind, of), = value.items()
    return int(of) if kind == "integerValue" else float(of)


def rank(value):
    (kind, of), = value.items()
    if kind in ("integerValue", "doubleValue"):
        return KINDS.index("NaN" if math.isnan(number(value)) else "number")
    return KINDS.index(kind)


def compare(a, b):
    """Firestore's order of all values."""
    if rank(a) != rank(b):
        return rank(a) - rank(b)
    (kind, left), (_, right) = *a.items(), *b.items()
    if kind in ("integerValue", "doubleValue"):
        left, right = number(a), number(b)
        return 0 if rank(a) == 2 else (left > right) - (left < right)
    if kind == "stringValue":
        left, right = left.encode(), right.encode()
    elif kind == "bytesValue":
        left, right = base64.b64decode(left), base64.b64decode(right)
    elif kind == "referenceValue":
        left, right = ([part.encode() for part in name.split("/")] for name in (left, right))
    elif kind == "geoPointValue":
        left, right = ([p.get("latitude", 0), p.get("longitude", 0)] for p in (left, right))
    elif kind == "arrayValue":
        for x, y in zip(left["values"], right["values"]):
            if compare(x, y):
                return compare(x, y)
        left, right = len(left["values"]), len(right["values"])
    elif kind == "mapValue":
        left, right = (sorted(m["fields"].items()) for m in (left, right))
        for (n, x), (m, y) in zip(left, right):
            if n != m:
                return -1 if n < m else 1
            if compare(x, y):
                return compare(x, y)
        left, right = len(left), len(right)
    elif kind == "nullValue":
        return 0
    return (left > right) - (left < right)


# ---- Queries ---------------------------------------------------------------------------------

def parse_path(path):
    """The segments of a field's path."""
    segments, rest = [], path
    while True:
        found = re.match(r"`((?:[^`\\]|\\.)+)`|([A-Za-z_][A-Za-z_0-9]*)", rest)
        if not found:
            raise invalid(f'Invalid property path "{path}".')
        segments.append(re.sub(r"\\(.)", r"\1", found[1]) if found[1] else found[2])
        rest = rest[found.end():]
        if not rest:
            return segments
        if rest[0] != ".":
            raise invalid(f'Invalid property path "{path}".')
        rest = rest[1:]


class Query:
    def __init__(self, root, query):
        self.root = root
        only(query, "select", "from", "where", "orderBy", "startAt", "endAt", "offset", "limit",
             what="'structured_query'")
        if len(query.get("from", [])) != 1:
            raise invalid("A query needs one collection.")
        source = only(query["from"][0], "collectionId", "allDescendants", what="'from'")
        self.collection, self.group = source["collectionId"], source.get("allDescendants", False)
        self.equals, self.ranges, self.n_in = set(), set(), 1
        self.test = self.compile(query["where"]) if "where" in query else lambda name, doc: True
        if self.n_in > 30:
            raise invalid("'IN' supports up to 30 comparison values.")
        self.order = [(self.field(only(o, "field", "direction")["field"]),
                       self.direction(o.get("direction", "ASCENDING"))) for o in query.get("orderBy", [])]
        for name in sorted(self.ranges):
            if name not in [field for field, _ in self.order]:
                self.order.append((name, 1))
        if "__name__" not in [field for field, _ in self.order]:
            self.order.append(("__name__", self.order[-1][1] if self.order else 1))
        self.start = self.cursor(query.get("startAt"))
        if "endAt" in query:
            raise invalid("not in this peer")
        limit = query.get("limit")
        if limit is not None and (not isinstance(limit, int) or limit < 0 or limit >= 2**31):
            raise invalid("limit is negative")
        self.limit = limit
        self.fields = [self.field(only(f, "fieldPath")) for f in query["select"]["fields"]] \
            if "select" in query else None
        self.check_index()

    @staticmethod
    def direction(text):
        if text not in ("ASCENDING", "DESCENDING"):
            raise invalid(f"Invalid direction {text}")
        return 1 if text == "ASCENDING" else -1

    @staticmethod
    def field(reference):
        path = only(reference, "fieldPath", what="'field'")["fieldPath"]
        return path if path == "__name__" else ".".join(parse_path(path))

    def get(self, field, name, doc):
        if field == "__name__":
            return {"referenceValue": f"{self.root}/{name}"}
        return doc["fields"].get(field, MISSING)

    def compile(self, where):
        (kind, of), = only(where, "compositeFilter", "fieldFilter", "unaryFilter", what="'where'").items()
        if kind == "compositeFilter":
            only(of, "op", "filters")
            tests = [self.compile(f) for f in of["filters"]]
            if of["op"] not in ("AND", "OR") or not tests:
                raise invalid("Invalid composite filter.")
            every = all if of["op"] == "AND" else any
            return lambda name, doc: every(test(name, doc) for test in tests)
        if kind == "unaryFilter":
            return self.unary(only(of, "field", "op"))
        return self.binary(only(of, "field", "op", "value"))

    def unary(self, of):
        field, op = self.field(of["field"]), of["op"]
        if op == "IS_NAN":
            self.equals.add(field)
        elif op == "IS_NOT_NULL":
            self.ranges.add(field)
        else:
            raise invalid(f"Invalid unary operator {op}")

        def test(name, doc):
            value = self.get(field, name, doc)
            if value is MISSING:
                return False
            return rank(value) == 2 if op == "IS_NAN" else rank(value) != 0
        return test

    def binary(self, of):
        field, op, literal = self.field(of["field"]), of["op"], check_value(self.root, of["value"])
        if field == "__name__":
            for value in literal["arrayValue"]["values"] if op == "IN" else [literal]:
                if "referenceValue" not in value:
                    raise invalid("__key__ filter value must be a Key")
        if op == "IN":
            values = literal.get("arrayValue", {}).get("values", [])
            if not values:
                raise invalid("'IN' requires a non-empty array.")
            self.n_in *= len(values)
            self.equals.add(field)
        elif op == "EQUAL":
            values = [literal]
            self.equals.add(field)
        elif op in ("LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"):
            self.ranges.add(field)
            sign, least = (-1 if op.startswith("LESS") else 1), 0 if op.endswith("EQUAL") else 1
        else:
            raise invalid(f"Invalid operator {op}")

        def test(name, doc):
            value = self.get(field, name, doc)
            if value is MISSING:
                return False
            if op in ("IN", "EQUAL"):
                return any(rank(v) == rank(value) and compare(v, value) == 0 and rank(v) != 2 for v in values)
            return rank(value) == rank(literal) and compare(value, literal) * sign >= least
        return test

    def cursor(self, cursor):
        if cursor is None:
            return None
        values = [check_value(self.root, v) for v in only(cursor, "values", "before").get("values", [])]
        if len(values) > len(self.order):
            raise invalid("Too many cursor values specified.")
        for (field, _), value in zip(self.order, values):
            if field == "__name__" and "referenceValue" not in value:
                raise invalid("Cursor has a wrong type for __name__.")
        return values, cursor.get("before", False)

    def check_index(self):
        fields = [field for field, _ in self.order if field != "__name__"]
        ranges, equals = self.ranges - {"__name__"}, self.equals - self.ranges - {"__name__"}
        needs = len(ranges) > 1 or (ranges and equals) or (fields and set(fields) - ranges) or \
            (ranges and "__name__" in self.ranges) or (ranges and self.order[0][0] not in ranges) or \
            len({direction for _, direction in self.order}) > 1 or \
            (self.group and (ranges or equals or fields))
        if needs and self.collection not in INDEXES:
            raise Refusal(400, "FAILED_PRECONDITION", "The query requires an index. You can create it here: "
                          "https://console.firebase.google.com/v1/r/project/p/firestore/indexes?create_composite=Ck")

    def key(self, item):
        return [self.get(field, *item) for field, _ in self.order]

    def compare_keys(self, a, b):
        for (_, direction), x, y in zip(self.order, a, b):
            found = compare(x, y) * direction
            if found:
                return found
        return 0

    def run(self):
        def belongs(name):
            parts = name.split("/")
            return parts[-2] == self.collection and (self.group or len(parts) == 2)
        found = [(name, doc) for name, doc in DOCUMENTS.get(self.root, {}).items()
                 if belongs(name) and self.test(name, doc) and MISSING not in self.key((name, doc))]
        found.sort(key=functools.cmp_to_key(lambda a, b: self.compare_keys(self.key(a), self.key(b))))
        if self.start:
            values, before = self.start
            found = [item for item in found
                     if self.compare_keys(self.key(item), values) >= (0 if before else 1)]
        return found[:self.limit]


# ---- Methods ---------------------------------------------------------------------------------

def shown(root, name, doc, fields=None):
    kept = doc["fields"] if fields is None else {n: v for n, v in doc["fields"].items() if n in fields}
    return {"name": f"{root}/{name}", **({"fields": kept} if kept else {}),
            "createTime": doc["createTime"], "updateTime": doc["updateTime"]}


def run_query(root, body):
    only(body, "structuredQuery")
    query = Query(root, body["structuredQuery"])
    found = [{"document": shown(root, name, doc, query.fields), "readTime": now()} for name, doc in query.run()]
    return found or [{"readTime": now()}]


def run_aggregation(root, body):
    of = only(only(body, "structuredAggregationQuery")["structuredAggregationQuery"], "structuredQuery",
              "aggregations")
    if not 1 <= len(of["aggregations"]) <= 5:
        raise invalid("1 to 5 aggregations")
    found = len(Query(root, of["structuredQuery"]).run())
    fields = {}
    for aggregation in of["aggregations"]:
        only(aggregation, "alias", "count")
        only(aggregation["count"], "upTo")
        fields[aggregation["alias"]] = {"integerValue": str(found)}
    return [{"result": {"aggregateFields": fields}, "readTime": now()}]


def batch_get(root, body):
    only(body, "documents", "mask")
    mask = [".".join(parse_path(p)) for p in body["mask"]["fieldPaths"]] if "mask" in body else None
    answer, seen = [], set()
    for name in reversed(body["documents"]):  # in no order that one could rely on
        path = check_name(root, name)
        doc = DOCUMENTS.get(root, {}).get(path)
        if name in seen:
            continue
        seen.add(name)
        answer.append({"found": shown(root, path, doc, mask), "readTime": now()} if doc
                      else {"missing": name, "readTime": now()})
    return answer


def list_collections(root, body):
    only(body, "pageSize", "pageToken")
    names = sorted({name.split("/")[0] for name in DOCUMENTS.get(root, {})})
    first, size = int(body.get("pageToken") or 0), body.get("pageSize", 100)
    answer = {"collectionIds": names[first:first + size]} if names else {}
    if first + size < len(names):
        answer["nextPageToken"] = str(first + size)
    return answer


def write_one(root, documents, write):
    only(write, "update", "delete", "updateMask", "currentDocument")
    condition = only(write.get("currentDocument", {}), "exists", "updateTime")
    name = write["delete"] if "delete" in write else only(write["update"], "name", "fields")["name"]
    path = check_name(root, name)
    old = documents.get(path)
    if condition.get("exists") is False and old:
        raise Refusal(409, "ALREADY_EXISTS", f"Document already exists: {name}")
    if (condition.get("exists") or "updateTime" in condition) and not old:
        raise Refusal(404, "NOT_FOUND", f"No document to update: {name}")
    if "updateTime" in condition and instant(condition["updateTime"]) != instant(old["updateTime"]):
        raise Refusal(400, "FAILED_PRECONDITION", "the stored version does not match the required base version")
    if "delete" in write:
        documents.pop(path, None)
        return
    fields = check_fields(root, write["update"].get("fields", {}))
    if "updateMask" in write:
        paths = {".".join(parse_path(p)) for p in only(write["updateMask"], "fieldPaths").get("fieldPaths", [])}
        if set(fields) - paths:
            raise invalid("a field is not in the mask")
        kept = {n: v for n, v in (old["fields"] if old else {}).items() if n not in paths}
        fields = {**kept, **fields}
    stamp = now()
    documents[path] = {"fields": fields, "createTime": old["createTime"] if old else stamp, "updateTime": stamp}


def commit(root, body):
    only(body, "writes")
    documents = dict(DOCUMENTS.get(root, {}))
    for write in body["writes"]:
        write_one(root, documents, write)
    DOCUMENTS[root] = documents
    return {"writeResults": [{"updateTime": now()} for _ in body["writes"]], "commitTime": now()}


METHODS = {"runQuery": run_query, "runAggregationQuery": run_aggregation, "batchGet": batch_get,
           "listCollectionIds": list_collections, "commit": commit}


# ---- OAuth 2 ---------------------------------------------------------------------------------

def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def issue(form):
    if form.get("grant_type") != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
        return 400, {"error": "unsupported_grant_type"}
    head, claims, signature = form["assertion"][0].split(".")
    import hashlib
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + \
        hashlib.sha256(f"{head}.{claims}".encode()).digest()
    size = (ACCOUNT["n"].bit_length() + 7) // 8
    expected = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    given = pow(int.from_bytes(unbase64(signature), "big"), 65537, ACCOUNT["n"]).to_bytes(size, "big")
    told = json.loads(unbase64(claims))
    if given != expected or told["iss"] != ACCOUNT["email"] or json.loads(unbase64(head))["alg"] != "RS256" or \
            told["scope"] != "https://www.googleapis.com/auth/datastore" or not told["iat"] <= told["exp"]:
        return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    token = base64.urlsafe_b64encode(os.urandom(24)).decode()
    TOKENS.add(token)
    return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}


# ---- HTTP ------------------------------------------------------------------------------------

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet

    def log_message(self, *_):
        pass

    def send(self, status, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value, indent=1).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(body)),
                           **dict(headers)}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, refusal, streams=False):
        error = {"error": {"code": refusal.status, "message": str(refusal), "status": refusal.code}}
        self.send(refusal.status, [error] if streams else error)

    def do_GET(self):
        self.refuse(Refusal(404, "NOT_FOUND", "The requested URL was not found."))

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/token":
            return self.send(*issue(urllib.parse.parse_qs(raw.decode())))
        if self.path == "/_peer":
            return self.control(json.loads(raw))
        found = re.fullmatch(r"/v1/(projects/([\w.:-]+)/databases/([\w()-]+)/documents):(\w+)", self.path)
        method = found and METHODS.get(found[4])
        if not method:
            return self.do_GET()
        with LOCK:
            LOG.append({"method": found[4], "body": raw.decode()})
            for answer in ANSWERS:
                if answer["method"] == found[4] and answer.setdefault("times", 1):
                    answer["times"] -= 1
                    return self.send(answer["status"], answer.get("body", "").encode(), answer.get("headers", {}).items())
            try:
                self.answer(found, method, raw)
            except Refusal as refusal:
                self.refuse(refusal, found[4] in ("runQuery", "runAggregationQuery", "batchGet"))

    def answer(self, found, method, raw):
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not (token in TOKENS or token == "owner" and found[2].startswith("demo-")):
            raise Refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if found[2] not in ("rowhouse",) and not found[2].startswith("demo-"):
            raise Refusal(403, "PERMISSION_DENIED", "Missing or insufficient permissions.")
        if found[3] != "(default)":
            raise Refusal(404, "NOT_FOUND", f"The database {found[3]} does not exist for project {found[2]}")
        if len(raw) > 10 << 20:
            raise invalid("Request payload size exceeds the limit: 10485760 bytes.")
        if self.headers.get("Content-Type") != "application/json":
            raise invalid("a wrong content type")
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise invalid("Invalid JSON payload received.") from error
        self.send(200, method(found[1], body))

    def control(self, body):
        with LOCK:
            ANSWERS[:] = body.get("answers", [])
            INDEXES.clear()
            INDEXES.update(body.get("indexes", []))
            log = list(LOG)
            LOG.clear()
        self.send(200, log if body.get("log") else {})


def make_account(folder, name, url):
    path = os.path.join(folder, name)
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                         check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    email = "tests@rowhouse.iam.gserviceaccount.com"
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"type": "service_account", "project_id": "rowhouse", "private_key": key, "client_email": email,
                   "token_uri": url + "/token"}, file)
    modulus = subprocess.run(["openssl", "rsa", "-noout", "-modulus"], input=key, check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    return path, email, int(modulus.strip().partition("=")[2], 16)


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "run":
        sys.exit(__doc__)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory(prefix="rowhouse-firestore") as folder:
        account, ACCOUNT["email"], ACCOUNT["n"] = make_account(folder, "account.json", url)
        stranger, _, _ = make_account(folder, "stranger.json", url)
        done = subprocess.run(sys.argv[2:], check=False, env={
            **os.environ, "ROWHOUSE_TEST_FIRESTORE": url, "ROWHOUSE_TEST_FIRESTORE_ACCOUNT": account,
            "ROWHOUSE_TEST_FIRESTORE_STRANGER": stranger})
    sys.exit(done.returncode if done.returncode >= 0 else 1)


if __name__ == "__main__":
    main()
