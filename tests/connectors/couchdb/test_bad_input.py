"""couchdb and a server that is not what it should be; and what only CouchDB 3 has: partitions, ICU."""
import gzip
import json
import pathlib
import re
import sys
import time

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[2] / "api")]
from client import Server, check_end  # noqa: E402
from peer import Peer  # noqa: E402

DOCS = [{"_id": f"p{i % 2}:{i:02d}", "n": i, "s": f"t{i}"} for i in range(12)]
WORST_KB = 400_000  # of the server, whatever it is sent


@pytest.fixture(scope="module")
def peer():
    made = Peer()
    made.fill("db", DOCS, partitioned=True)
    made.fill("words", [{"_id": "a", "s": "\u00e9"}, {"_id": "b", "s": "e\u0301"}, {"_id": "c", "s": "f"}])
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    check_end(made.stop(), made.read_log())


@pytest.fixture(scope="module")
def api(server, peer):
    made = server.client()
    made.data("POST", "apps", 201, json={"name": "bad"})
    for name in peer.databases:
        made.data("POST", "apps/bad/datasources", 201, json={
            "name": name, "connector": "couchdb", "config": {"url": f"{peer.url}/{name}", "retries": 1}})
        assert made.data("POST", f"apps/bad/data/{name}/{name}/query", json={"limit": 1})
    return made


@pytest.fixture
def fault(peer):
    """Sets what answers instead of the peer, where the path has this in it."""
    def set_fault(part, act):
        peer.faults[:] = [lambda request: part in request.path and (act(request), True)[1]]
    yield set_fault
    peer.faults[:] = []


def query(api, table="db", **asked):
    return api.post(f"apps/bad/data/{table}/{table}/query", json=asked)


def memory_kb(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1))


def plain(status, body, **headers):
    return lambda request: request.answer(status, body, **headers)


def cut(request):
    """Says more than it sends."""
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", "100000")
    request.end_headers()
    request.wfile.write(b'{"docs":[{"_id":"a","n":1},')
    request.close_connection = True


def endless(piece, start, encoding=None):
    def send(request):
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        if encoding:
            request.send_header("Content-Encoding", encoding)
        request.end_headers()
        request.close_connection = True
        try:
            request.wfile.write(start)
            for _ in range(2000):
                request.wfile.write(piece)
        except OSError:
            pass
    return send


BOMB = gzip.compress(b'{"docs":[{"_id":"a","s":"' + b"x" * 200_000_000 + b'"}]}', 9)
DEEP = b'{"docs":[{"_id":"a","n":' + b"[" * 5000 + b"]" * 5000 + b"}]}"


# ---- Answers to a query ----------------------------------------------------------------------

@pytest.mark.parametrize("act, codes", [
    (plain(200, b'{"docs":[{"_id":"a","n":1},{"_id":'), {"datasource-protocol"}),
    (plain(200, b'{"docs":[{"_id":"a" "n":1}]}'), {"datasource-protocol"}),
    (plain(200, b'{"docs":[{"_id":"a","n":1}]} {"more":1}'), {"datasource-protocol"}),
    (plain(200, b"<html>It works</html>", Content_Type="text/html"), {"datasource-protocol"}),
    (plain(200, b""), {"datasource-protocol"}),
    (plain(200, {"rows": []}), {"datasource-protocol"}),
    (plain(200, {"docs": {"_id": "a"}}), {"datasource-protocol"}),
    (plain(200, {"docs": [1, None, "x"]}), {"datasource-protocol"}),
    (plain(200, b'{"docs":[{"_id":"\xff\xfe"}]}'), {"datasource-protocol"}),
    (plain(200, DEEP), {"datasource-protocol"}),
    (cut, {"datasource-unavailable"}),
    (plain(500, {"error": "unknown_error", "reason": "case_clause"}), {"datasource-unavailable"}),
    (plain(503, b"<html>busy</html>", Content_Type="text/html"), {"datasource-unavailable"}),
    (plain(429, {"error": "too_many"}), {"rate-limited"}),
    (plain(403, {"error": "forbidden", "reason": "no"}), {"datasource-permission"}),
    (plain(401, {"error": "unauthorized"}), {"datasource-auth"}),
    (plain(302, b"", Location="http://169.254.169.254/latest"), {"datasource-protocol"}),
    (plain(200, b"not gzip", Content_Encoding="gzip"), {"datasource-protocol", "datasource-unavailable"}),
    (plain(200, BOMB, Content_Encoding="gzip"), {"budget-exceeded"}),
    (endless(b"x" * 1_000_000, b'{"docs":[{"_id":"a","s":"'), {"budget-exceeded"}),
    (endless(b" " * 1_000_000, b'{"bookmark":"' + b"x" * 1000), {"budget-exceeded", "datasource-protocol"}),
], ids=lambda value: None if callable(value) else sorted(value)[0])
def test_answers_that_are_none(api, server, fault, act, codes):
    fault("_find", act)
    began = time.monotonic()
    answer = query(api, where={"n": {"gte": 0}}, order=["s"])
    assert answer.json()["code"] in codes, answer.text[:500]
    assert time.monotonic() - began < 60 and "s3cret" not in answer.text
    assert memory_kb(server) < WORST_KB
    fault("nothing", None)
    assert len(query(api, where={"n": {"gte": 0}}, order=["s"]).json()["data"]) == len(DOCS)


def test_a_moment_of_trouble_is_repeated(api, fault, peer):
    count = []

    def once(request):
        count.append(1)
        if len(count) == 1:
            request.answer(429, {"error": "too_many"}, Retry_After="1")
            return True
        return False
    peer.faults[:] = [lambda request: "_find" in request.path and once(request)]
    assert len(query(api, where={"n": {"gte": 0}}, order=["s"]).json()["data"]) == len(DOCS)
    peer.faults[:] = []
    assert len(count) == 2


def test_trouble_for_a_day(api):
    """A peer of its own: nobody asks it again before that is over."""
    other = Peer()
    other.fill("late", DOCS)
    api.data("POST", "apps/bad/datasources", 201,
             json={"name": "late", "connector": "couchdb", "config": {"url": other.url + "/late"}})
    assert query(api, "late", limit=1).status_code == 200
    other.faults[:] = [lambda request: (request.answer(429, {"error": "too_many"}, Retry_After="100000"), True)[1]]
    assert query(api, "late", limit=1).json()["code"] == "rate-limited"
    asked = len(other.requests)
    assert query(api, "late", limit=1).json()["code"] == "rate-limited" and len(other.requests) == asked
    other.close()


def test_values_of_other_kinds(api, fault):
    kinds = [1, "1", 1.5, None, True, [1], {"a": 1}, 12345678901234567890123, "\u0000", -0.0, 1e300]
    fault("_all_docs", lambda request: request.answer(200, {"rows": [
        {"id": f"k{i}", "doc": {"_id": f"k{i}", "n": value}} for i, value in enumerate(kinds)]}))
    found = query(api, order=["_id"], select=["_id", "n"]).json()["data"]
    assert [row["n"] for row in found] == kinds


def test_pages_that_repeat(api, fault):
    page = {"rows": [{"id": "_design/x", "key": "_design/x", "doc": {"_id": "_design/x"}}] * 36}
    fault("_all_docs", lambda request: request.answer(200, page))
    answer = query(api, order=["_id"], limit=3)
    assert answer.json()["code"] == "datasource-protocol" and "again" in answer.text


# ---- Answers to other requests ---------------------------------------------------------------

@pytest.mark.parametrize("part, body, codes", [
    ("_design/rowhouse", {"tables": {"db": {"columns": [{"name": 5}]}}}, {"invalid-value"}),
    ("_design/rowhouse", {"tables": {"db": {"columns": [], "key": ["gone"]}}}, {"invalid-value"}),
    ("_design/rowhouse", b"[", {"datasource-protocol"}),
    ("_all_docs", {"rows": 5}, {"datasource-protocol"}),
    ("_all_docs", b"[]", {"datasource-protocol"}),
    ("_index", b"nonsense", {"datasource-protocol"}),
])
def test_catalogues_that_are_none(api, fault, part, body, codes):
    fault(part, plain(200, body))
    answer = api.post("apps/bad/datasources/db/refresh")
    assert answer.json()["code"] in codes, answer.text
    fault("nothing", None)
    assert api.data("POST", "apps/bad/datasources/db/refresh")["tables"] == 1


@pytest.mark.parametrize("body, code", [
    (b"[]", "unknown-outcome"), (b"{}", "unknown-outcome"), (b"[1, 2, 3]", "unknown-outcome"),
    (b"[", "unknown-outcome"),
    ([{"error": "forbidden", "reason": "not you"}], "datasource-permission"),
    ([{"error": "conflict", "reason": "x"}], "constraint"),
])
def test_writes_whose_answers_are_none(api, fault, body, code):
    fault("_bulk_docs", plain(201, body))
    answer = api.post("apps/bad/data/db/db?atomic=false", json={"_id": "p0:new", "n": 1})
    assert answer.json().get("code") == code, answer.text


# ---- What CouchDB has and PouchDB has not ----------------------------------------------------

def test_partitions(api, peer):
    peer.requests.clear()
    found = query(api, where={"_partition": "p1", "n": {"gt": 4}}, order=["n"], select=["n", "_partition"]).json()
    assert found["data"] == [{"n": n, "_partition": "p1"} for n in (5, 7, 9, 11)]
    assert [r for r in peer.requests if "_find" in r] == ["POST /db/_partition/p1/_find"]
    columns = {c["name"]: c for c in api.data("GET", "apps/bad/datasources/db/tables/db")["columns"]}
    assert columns["_partition"]["generated"] is True
    assert len(query(api, where={"_partition": {"ne": "p1"}}).json()["data"]) == 6
    assert query(api, where={"_partition": "none"}).json()["data"] == []
    told = api.data("GET", "apps/bad/datasources/words/tables/words")["columns"]
    assert "_partition" not in {c["name"] for c in told}


def test_a_page_is_one_request(api, peer):
    for asked in ({"where": {"n": {"gt": 3}}, "limit": 3}, {"limit": 3}, {"where": {"_id": "p0:02"}},
                  {"where": {"_id": {"gt": "p0:02"}}, "order": ["_id"], "limit": 2}):
        peer.requests.clear()
        assert query(api, **asked).json()["data"]
        assert len(peer.requests) == 1, peer.requests


def test_texts_that_only_icu_takes_for_equal(api):
    assert [r["_id"] for r in query(api, "words", where={"s": "\u00e9"}).json()["data"]] == ["a"]
    assert [r["_id"] for r in query(api, "words", where={"s": {"ne": "e\u0301"}}, order=["_id"]).json()["data"]] \
        == ["a", "c"]
    assert [r["_id"] for r in query(api, "words", where={"s": {"gt": "e\u0301"}}, order=["_id"]).json()["data"]] \
        == ["a", "c"]
