#!/usr/bin/env python3
"""An HTTP peer for the connector rest: peer.py run COMMAND…

Runs the command with ROWHOUSE_TEST_REST set to http://127.0.0.1:PORT and exits as it did.

    /shop/…      collections that can be read and written (below); they refuse whatever is not theirs
    /github/…    the issues of GitHub's API, /stripe/… the customers of Stripe's, /ecb/… the rates of the
                 European Central Bank: public_apis.py
    /bad/KIND    answers that no API should give: hostile.py
    /peer/…      for the tests: PUT /peer/shop/NAME makes a collection; GET /peer/log gives the requests
                 since DELETE /peer/log

The shop wants the bearer token "s3cret", or that as password of "me", in the header X-Key or as parameter
key; /shop/token gives it by OAuth 2. A collection NAME with the key KEY has

    GET    /shop/NAME?page=&per_page=&COLUMN=&COLUMN_from=&COLUMN_to=&KEYs=a,b&search=&sort=
    POST   /shop/NAME       201 with the row; 409 when the key is there; 422 for another type
    POST   /shop/NAME/search?page=&per_page=    the same conditions as a JSON object; lists are arrays
    GET PATCH DELETE  /shop/NAME/KEY    404 when it is not there
"""
import base64
import datetime
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import hostile  # noqa: E402
import public_apis  # noqa: E402

LOCK = threading.RLock()
LOG = []


class Refused(Exception):
    """An answer that is no success: status and message."""


# ---- The shop --------------------------------------------------------------------------------

class Collection:
    PER_PAGE = 100

    def __init__(self, made):
        self.key, self.types = made["key"], made["types"]
        self.rows = {str(row[self.key]): row for row in made["rows"]}

    def check(self, row):
        kinds = {"int": int, "text": str, "bool": bool, "float": (int, float), "decimal": (int, float),
                 "timestamp": str,
                 "json": object}
        for name, value in row.items():
            if name not in self.types:
                raise Refused(422, f"unknown field {name}")
            if value is not None and (not isinstance(value, kinds[self.types[name]]) or
                                      isinstance(value, bool) != (self.types[name] == "bool") and
                                      self.types[name] != "json"):
                raise Refused(422, f"{name} is no {self.types[name]}")

    @staticmethod
    def typed(kind, text):
        if kind == "bool":
            return {"true": True, "false": False}[text]
        if kind == "timestamp":
            return datetime.datetime.fromisoformat(text)
        return text if kind == "text" else float(text) if kind in ("float", "decimal") else int(text)

    def comparable(self, row, column):
        return self.typed("timestamp", row[column]) if self.types[column] == "timestamp" else row[column]

    @staticmethod
    def holds(suffix, value, asked):
        return value == asked if not suffix else value >= asked if suffix == "_from" else value <= asked

    def condition(self, name, text):
        """The function that a parameter stands for."""
        if name == "search":
            return lambda row: any(text.casefold() in v.casefold() for v in row.values() if isinstance(v, str))
        if name == self.key + "s":
            return lambda row: str(row[self.key]) in text.split(",")
        for suffix in ("", "_from", "_to"):
            column = name.removesuffix(suffix) if suffix else name
            if name.endswith(suffix) and column in self.types:
                try:
                    value = self.typed(self.types[column], text)
                except (ValueError, KeyError):
                    raise Refused(400, f"{name} is malformed") from None
                return lambda row: row.get(column) is not None and self.holds(suffix, self.comparable(row, column),
                                                                              value)
        raise Refused(400, f"unknown parameter {name}")

    def list(self, query):
        names = [name for name, _ in query]
        if len(set(names)) < len(names):
            raise Refused(400, "a parameter is given twice")
        query = dict(query)
        try:
            page, per_page = int(query.pop("page", "1")), int(query.pop("per_page", "20"))
        except ValueError:
            raise Refused(400, "page and per_page are numbers") from None
        if page < 1 or not 1 <= per_page <= self.PER_PAGE:
            raise Refused(400, "page or per_page is out of range")
        sort = query.pop("sort", "")
        if sort and self.types.get(sort.lstrip("-")) not in ("int", "float", "decimal"):
            raise Refused(400, "cannot sort by that")
        conditions = [self.condition(name, text) for name, text in query.items()]
        rows = [row for row in self.rows.values() if all(holds(row) for holds in conditions)]
        if sort:
            rows.sort(key=lambda row: row[sort.lstrip("-")], reverse=sort.startswith("-"))
        return 200, {"items": rows[(page - 1) * per_page:page * per_page], "page": page, "total": len(rows)}

    def search(self, query, body):
        if set(body) & {"page", "per_page", "sort"} or {name for name, _ in query} - {"page", "per_page", "sort"}:
            raise Refused(400, "conditions are in the body, pages in the URL")
        texts = {name: ",".join(map(str, value)) if isinstance(value, list) else
                 json.dumps(value) if isinstance(value, bool) else str(value) for name, value in body.items()}
        return self.list([*query, *texts.items()])

    def insert(self, row):
        self.check(row)
        if row.get(self.key) is None:
            raise Refused(422, f"{self.key} is needed")
        if str(row[self.key]) in self.rows:
            raise Refused(409, f"{self.key} {row[self.key]} is there already")
        self.rows[str(row[self.key])] = row
        return 201, row

    def one(self, method, key, body):
        if key not in self.rows:
            raise Refused(404, "there is no such row")
        if method == "DELETE":
            del self.rows[key]
            return 204, None
        if method == "PATCH":
            if self.key in body:
                raise Refused(422, f"{self.key} cannot be changed")
            self.check(body)
            self.rows[key] = {**self.rows[key], **body}
        return 200, self.rows[key]


SHOP = {}


def is_known(request):
    """Any one of the ways, and no secret elsewhere."""
    given = [request.headers.get("authorization"), request.headers.get("x-key"), dict(request.query).get("key")]
    request.query = [pair for pair in request.query if pair[0] != "key"]
    return given in (["Bearer s3cret", None, None], ["Basic " + base64.b64encode(b"me:s3cret").decode(), None, None],
                     [None, "s3cret", None], [None, None, "s3cret"])


def token(request):
    """OAuth 2: client credentials and refresh."""
    form = dict(urllib.parse.parse_qsl(request.body.decode()))
    basic = request.headers.get("authorization") == "Basic " + base64.b64encode(b"me:cl1ent").decode()
    if form.get("grant_type") == "client_credentials" and basic and form.get("scope") == "read" or \
            form.get("grant_type") == "refresh_token" and form.get("refresh_token") == "r3fresh":
        return 200, {"access_token": "s3cret", "token_type": "Bearer", "expires_in": 3600}
    return 400, {"error": "invalid_grant"}


def shop(request):
    if request.path == "/shop/token":
        return token(request)
    if not is_known(request):
        raise Refused(401, "wrong token")
    parts = [urllib.parse.unquote(part, errors="strict") for part in request.path.split("/")[2:]]
    if parts[0] == "" and len(parts) == 1:
        return 200, {"shop": "open"}
    if parts[0] not in SHOP:
        raise Refused(404, "there is no such collection")
    collection = SHOP[parts[0]]
    if len(parts) == 1 and request.method == "GET":
        return collection.list(request.query)
    if len(parts) == 2 and parts[1] == "search" and request.method == "POST":
        return collection.search(request.query, request.json())
    if request.query:
        raise Refused(400, "unknown parameter")
    if len(parts) == 1 and request.method == "POST":
        return collection.insert(request.json())
    if len(parts) == 2 and request.method in ("GET", "PATCH", "DELETE"):
        return collection.one(request.method, parts[1], request.json() if request.method == "PATCH" else None)
    raise Refused(405, "method not allowed")


def control(request):
    what, _, name = request.path.removeprefix("/peer/").partition("/")
    if what == "log":
        if request.method == "DELETE":
            LOG.clear()
        return 200, list(LOG)
    made = request.json()
    SHOP[name] = Collection(made)
    return 201, {}


# ---- The server ------------------------------------------------------------------------------

class Request:
    def __init__(self, handler, body):
        self.method, self.target, self.body = handler.command, handler.path, body
        self.path, _, query = handler.path.partition("?")
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
        self.headers = {name.lower(): value for name, value in handler.headers.items()}

    def json(self):
        if self.headers.get("content-type") != "application/json":
            raise Refused(415, "a body in JSON is needed")
        try:
            value = json.loads(self.body)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(value, dict):
            raise Refused(400, "the body is no object")
        return value


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer leaves in one piece
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, BrokenPipeError):
            self.close_connection = True

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def answer_json(self, status, value, headers=()):
        body = b"" if value is None else json.dumps(value).encode()
        self.answer(status, body, [("Content-Type", "application/json; charset=utf-8"), *headers])

    def respond(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = Request(self, body)
        if not request.path.startswith("/peer/"):
            with LOCK:
                LOG.append({"method": request.method, "target": request.target, "body": body.decode("latin-1")})
        try:
            if request.path.startswith("/bad/"):
                hostile.respond(self, request)
            elif request.path.startswith(("/github/", "/stripe/", "/ecb/")):
                self.answer(*public_apis.respond(request))
            else:
                with LOCK:
                    self.answer_json(*(control if request.path.startswith("/peer/") else shop)(request))
        except Refused as refused:
            self.answer_json(refused.args[0], {"error": refused.args[1]})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    if sys.argv[1:2] != ["run"] or len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {**os.environ, "ROWHOUSE_TEST_REST": f"http://127.0.0.1:{server.server_address[1]}"}
    return subprocess.run(sys.argv[2:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
