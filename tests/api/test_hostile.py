"""Input that means no good: the answer is a problem below 500, soon, and the server lives on."""
import json
import random

import pytest

from client import problem


@pytest.fixture(autouse=True)
def lives_on(api):
    yield
    assert api.get("me").status_code == 200


def test_a_filter_of_ten_megabytes(sqlite):
    api, path = sqlite.api, sqlite.path("orders", "/query")
    body = {"where": {"status": {"in": ["x" * 1000 + str(i) for i in range(10000)]}}}
    answer = api.post(path, json=body)
    assert answer.status_code == 200 and answer.json()["data"] == [], answer.text[:500]
    body = {"where": {"or": [{"id": i} for i in range(400000)]}}
    assert len(json.dumps(body)) > 5e6
    assert api.post(path, json=body).status_code in (200, 400, 413, 422)
    assert api.post(path, json={"where": {"status": "x" * 10_000_000}}).json()["data"] == []
    assert api.post(path, json={"where": {"status": {"matches": "(" * 1_000_000}}}).status_code in (400, 422)


@pytest.mark.parametrize("depth", [129, 10000, 1000000])
def test_deep_nesting(sqlite, depth):
    api = sqlite.api
    for body in ("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth,
                 '{"where":' + '{"not":' * depth + '{"id":1}' + "}" * depth + "}",
                 '{"where":' + '{"and":[' * depth + '{"id":1}' + "]}" * depth + "}"):
        for path in (sqlite.path("orders", "/query"), sqlite.path("orders"), "apps", f"apps/{sqlite.app}/transaction"):
            answer = api.post(path, data=body)
            assert answer.status_code == 400, answer.text[:300]
    problem(api.post(sqlite.path("orders", "/query"), data="[" * depth), "too-deep", 400)


def test_deep_nesting_in_a_url(sqlite):
    for depth in (200, 2000):
        text = "and=(" + "or(" * depth + "id.eq.1" + ")" * depth + ")"
        answer = sqlite.api.get(sqlite.path("orders", "?" + text))
        assert answer.status_code in (400, 414)


MALFORMED = [b"", b"{", b"}", b"{]", b'{"a":}', b'{"a":1,}', b"[1,]", b"nul", b"01", b"1e", b'"', b'"\\u12"',
             b'{"where":{"id":1}} x', b'{"where":1,"where":2}', b"{'a':1}", b"\xff\xfe", b'{"a":"\xff"}', b"\x00",
             b'{"a":"\x01"}', b"NaN", b"// x\n{}", b'\xef\xbb\xbf{}']


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_json(sqlite, body):
    for path in (sqlite.path("orders"), "apps", f"apps/{sqlite.app}/datasources", f"apps/{sqlite.app}/transaction"):
        answer = sqlite.api.post(path, data=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"] in ("invalid-json", "invalid-request"), answer.text
    if body:
        problem(sqlite.api.post(sqlite.path("orders", "/query"), data=body), "invalid-json", 400)


@pytest.mark.parametrize("query", [
    "nothing=eq.1", "id=7x", "id=eq.x", "id=foo.1", "id=eq.", "id=in.(1,x)", "id=in.(1", "total=gte.x", "order=nothing",
    "order=-", "limit=-1", "limit=x", "limit=10001", "offset=-5", "count=perhaps", "select=nothing", "select=id,",
    "or=(", "or=()", "or=(id.eq.1", "and=(id)", "created_at=gte.yesterday", "status=matches.(", "after=x", "format=xml",
    "id=eq.%zz", "paid=eq.5", "%00=eq.1", "id=eq.1%00", "select=customer(name",
])
def test_queries_that_make_no_sense(source, query):
    answer = source.api.get(source.path("orders", "?" + query))
    assert answer.status_code in (400, 406, 422), (query, answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize("body, pointer", [
    ({"where": {"nothing": 1}}, "/where/nothing"), ({"where": {"id": {"foo": 1}}}, "/where/id/foo"),
    ({"where": {"id": "x"}}, "/where/id"), ({"where": {"and": [{"id": 1}, {"id": "x"}]}}, "/where/and/1/id"),
    ({"where": []}, "/where"), ({"were": {}}, "/were"), ({"order": ["nothing"]}, "/order/0"), ({"order": 5}, "/order"),
    ({"select": ["nothing"]}, "/select/0"), ({"limit": "x"}, "/limit"), ({"limit": -1}, "/limit"),
    ({"where": {"id": {"in": 5}}}, "/where/id/in"), ({"aggregate": {"n": {"foo": "id"}}}, "/aggregate/n"),
])
def test_pointers_name_the_place(source, body, pointer):
    answer = source.api.post(source.path("orders", "/query"), json=body)
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer), answer.text


@pytest.mark.parametrize("query, hint", [
    ("order=total.desc", "write -total"), ("order=total.asc", "write total"), ("status=null", "write status=null.true"),
    ("status=is.null", "write status=null.true"), ("not.status=eq.open", "status=not.eq.open"),
    ("not=status.eq.open", "(a.gt.1)"), ("group=status&aggregate=n:count(*)&having=n.gt.1", "(a.gt.1)"),
    ("created_at=gte.2024-01-01T00:00:00+01:00", "write it as %2B"), ("status=open", "write status=eq.open"), ("total.x=eq.1", '"total" is a column'),
])
def test_slips_are_told_what_to_write(sqlite, query, hint):
    answer = sqlite.api.get(sqlite.path("orders", "?" + query))
    assert answer.status_code in (400, 422) and hint in answer.json()["hint"], answer.text


def test_noise_in_the_url(source):
    rng = random.Random(7)
    words = ["id", "total", "status", "eq", "gt", "in", "and", "or", "not", "(", ")", ",", ".", "=", "&", "%", "%28", "\"",
             "'", "*", "-", "order", "select", "limit", "after", "1", "x", "null", "col.", "group", "aggregate", "having",
             "%00", "%ff", "🐙", ";--", "\\", " ", "+", ":"]
    for _ in range(600):
        query = "".join(rng.choice(words) for _ in range(rng.randrange(1, 15)))
        answer = source.api.get(source.path("orders", "?" + query))
        assert answer.status_code < 500, (query, answer.text)


def mutate(rng, text):
    text = bytearray(text)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(text))
        text[at:at + rng.randrange(3)] = rng.choice([b"", b"{", b"}", b"[", b"]", b"\"", b",", b":", b"null", b"-1e999", b"\xff"])
    return bytes(text)


def test_noise_in_bodies(source):
    rng = random.Random(8)
    query = json.dumps({"select": ["id"], "where": {"and": [{"total": {"gte": 5}}, {"or": [{"id": 1}, {"status": None}]}]},
                        "order": ["-id"], "limit": 3, "group": [], "aggregate": {"n": {"count": "*"}}}).encode()
    change = json.dumps({"where": {"id": 0}, "set": {"status": "x"}}).encode()
    steps = json.dumps({"datasource": source.name, "operations": [{"query": "orders", "where": {"id": 1}}]}).encode()
    for _ in range(250):
        for method, path, body in (("POST", source.path("orders", "/query"), query),
                                   ("POST", source.path("orders", "/explain"), query),
                                   ("PATCH", source.path("orders"), change),
                                   ("POST", f"apps/{source.app}/transaction", steps)):
            answer = source.api.call(method, path, data=mutate(rng, body))
            assert answer.status_code < 500, (path, answer.text)


def test_names_from_outside_stay_names(source):
    for name in ("orders;drop table orders", "orders\"", "../orders", "orders%00", "sqlite_master", "pg_catalog.pg_authid",
                 "%2e%2e", "o" * 5000, "ørders", "orders--"):
        answer = source.api.get(source.path(name))
        assert answer.status_code in (400, 404), (name, answer.text)
    body = {"where": {"status": "x' or '1'='1"}, "search": "'; drop table orders; --"}
    assert source.api.post(source.path("orders", "/query"), json=body).json()["data"] == []
    assert len(source.api.data("GET", source.path("orders", "?limit=1000"))) == 200


def test_media_types(sqlite):
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "text/csv", "application/jsonx"):
        for path in (sqlite.path("orders"), sqlite.path("orders", "/query"), "apps"):
            problem(sqlite.api.post(path, data="{}", headers={"Content-Type": kind}), "unsupported-media-type", 415)
    for kind in ("application/json; charset=utf-8", "application/vnd.x+json", "application/x-www-form-urlencoded"):
        answer = sqlite.api.post(sqlite.path("orders", "/query"), data="{}", headers={"Content-Type": kind})
        assert answer.status_code == 200
