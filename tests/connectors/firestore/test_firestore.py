"""Firestore through the server: what is pushed down, what is asked, and what bad answers become."""
import json
import os
import pathlib
import sys
import uuid

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "api")]
from client import Server, check_end, problem  # noqa: E402
import store  # noqa: E402

URL = os.environ.get("ROWHOUSE_TEST_FIRESTORE")
pytestmark = pytest.mark.skipif(not URL, reason="ROWHOUSE_TEST_FIRESTORE is not set")
PLACE = "projects/{}/databases/(default)/documents"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    client = server.client()
    client.data("POST", "apps", 201, json={"name": "fire"})
    yield client
    check_end(server.stop(), server.read_log())


class Source:
    def __init__(self, api, documents, **settings):
        self.api = api
        self.name = "f" + uuid.uuid4().hex[:10]
        self.project = "demo-" + self.name
        store.control()
        store.put(documents, self.project)
        api.data("POST", "apps/fire/datasources", 201,
                 json={"name": self.name, "connector": "firestore",
                       "config": {"url": URL, "project": self.project, "retries": 0, **settings}})

    def ask(self, table, **query):
        return self.api.post(f"apps/fire/data/{self.name}/{table}/query", json=query)

    def rows(self, table, **query):
        answer = self.ask(table, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ids(self, table, **query):
        return [row["_id"] for row in self.rows(table, select=["_id"], **query)]

    def asked(self, table, **query):
        """The ids, and the bodies of what was asked for them."""
        self.api.get(f"apps/fire/data/{self.name}/{table}?limit=1")
        store.control(log=True)
        ids = self.ids(table, **query)
        return ids, [json.loads(r["body"]) for r in store.control(log=True)]

    def write(self, method, rest, status, **more):
        answer = self.api.call(method, f"apps/fire/data/{self.name}/{rest}", **more)
        assert answer.status_code == status, answer.text
        return answer.json().get("data") if answer.content else None


THINGS = {f"things/t{i:02d}": {"n": i, "kind": "ab"[i % 2], "name": f"n{i:02d}", "x": i / 2} for i in range(30)}


@pytest.fixture(scope="module")
def things(api):
    documents = dict(THINGS)
    documents["things/t05"] = {"n": None, "kind": "a", "x": store.Typed(doubleValue="NaN")}
    documents["things/t06"] = {"kind": "b", "name": 7, "n": 6.0}
    return Source(api, documents)


def where(body):
    return body["structuredQuery"].get("where")


def test_equality_is_pushed_down(things):
    ids, (body,) = things.asked("things", where={"kind": "a", "n": 4}, order=["_id"])
    assert ids == ["t04"]
    filters = where(body)["compositeFilter"]["filters"]
    assert {"fieldFilter": {"field": {"fieldPath": "n"}, "op": "EQUAL", "value": {"integerValue": "4"}}} in filters \
        or {"fieldFilter": {"field": {"fieldPath": "n"}, "op": "EQUAL", "value": {"doubleValue": 4}}} in filters


def test_a_range_beside_an_equality_is_the_hosts(things):
    ids, (body,) = things.asked("things", where={"kind": "a", "n": {"gte": 24}}, order=["_id"])
    assert ids == ["t24", "t26", "t28"]
    assert where(body)["fieldFilter"]["op"] == "EQUAL"


def test_a_range_alone_is_pushed_down(things):
    ids, (body,) = things.asked("things", where={"name": {"gte": "n27"}})
    assert sorted(ids) == ["t27", "t28", "t29"]
    assert [o["field"]["fieldPath"] for o in body["structuredQuery"]["orderBy"]] == ["name", "__name__"]
    ids, (body,) = things.asked("things", where={"name": {"starts": "n1"}})
    assert len(ids) == 10 and len(where(body)["compositeFilter"]["filters"]) == 2


def test_not_a_number_is_above_all_numbers(things):
    ids, _ = things.asked("things", where={"x": {"gt": 14}})
    assert sorted(ids) == ["t05", "t29"]
    ids, _ = things.asked("things", where={"x": {"lt": 1}})
    assert sorted(ids) == ["t00", "t01"]


def test_what_loses_rows_is_not_pushed_down(things):
    for condition in ({"kind": {"ne": "a"}}, {"n": None}, {"n": {"nin": [1, 2]}}):
        _, (body,) = things.asked("things", where=condition)
        assert where(body) is None
    assert sorted(things.ids("things", where={"n": None})) == ["t05"]
    store.control(log=True)
    assert things.rows("things", aggregate={"n": {"count": "*"}}, where={"name": {"null": False}}) == [{"n": 29}]
    assert '"IS_NOT_NULL"' in store.control(log=True)[0]["body"]


def test_order_by_a_field_is_not_pushed_down(things):
    ids, (body,) = things.asked("things", order=["-n", "_id"], limit=3)
    assert ids == ["t05", "t29", "t28"]  # null is the largest
    assert [o["field"]["fieldPath"] for o in body["structuredQuery"]["orderBy"]] == ["__name__"]


def test_pages_by_id(things):
    seen, after = [], {}
    while True:
        page = things.ask("things", select=["_id"], order=["-_id"], limit=7, **after).json()
        seen += [row["_id"] for row in page["data"]]
        if not page["page"]["next"]:
            break
        after = {"after": page["page"]["next"]}
    assert seen == sorted((f"t{i:02d}" for i in range(30)), reverse=True)


def test_keys_are_got(things):
    store.control(log=True)
    assert things.ids("things", where={"_id": {"in": ["t03", "no/path", "", "t01", "t03", "absent"]}},
                      order=["_id"]) == ["t01", "t03"]
    asked = [r for r in store.control(log=True) if r["method"] == "batchGet"]
    assert len(asked) == 1 and len(json.loads(asked[0]["body"])["documents"]) == 3


def test_a_count_is_counted_there(things):
    store.control(log=True)
    assert things.rows("things", aggregate={"n": {"count": "*"}}, where={"kind": "a"}) == [{"n": 15}]
    assert [r["method"] for r in store.control(log=True)] == ["runAggregationQuery"]


def test_many_pages_and_large_collections(api):
    source = Source(api, {f"many/{i:05d}": {"n": i} for i in range(1203)})
    ids, bodies = source.asked("many", order=["_id"], limit=10000)
    assert ids == [f"{i:05d}" for i in range(1203)]
    assert [b["structuredQuery"]["limit"] for b in bodies] == [500, 500, 500]
    assert "startAt" in bodies[1]["structuredQuery"] and "startAt" not in bodies[0]["structuredQuery"]
    ids, bodies = source.asked("many", where={"n": {"gte": 100}}, limit=10000)
    assert len(ids) == 1103 and len(bodies) == 3
    assert len(bodies[1]["structuredQuery"]["startAt"]["values"]) == 2


def test_values_of_all_types(api):
    source = Source(api, {"kinds/a": {
        "where": store.Typed(geoPointValue={"latitude": 1.5, "longitude": -2}),
        "raw": store.Typed(bytesValue="AP+A"), "big": 2**62, "inf": store.Typed(doubleValue="-Infinity"),
        "list": [1, "two", None, {"three": [True]}], "odd `name`.x": "y"}})
    (row,) = source.rows("kinds")
    assert row["where"] == {"latitude": 1.5, "longitude": -2} and row["raw"] == "AP+A" and row["big"] == 2**62
    assert row["list"] == [1, "two", None, {"three": [True]}] and row["odd `name`.x"] == "y"
    assert source.ids("kinds", where={"odd `name`.x": "y"}) == ["a"]
    source.write("PATCH", "kinds/a", 200, json={"odd `name`.x": "z", "raw": "AAAA", "big": 5})
    (row,) = source.rows("kinds")
    assert (row["odd `name`.x"], row["raw"], row["big"]) == ("z", "AAAA", 5)
    assert row["where"] == {"latitude": 1.5, "longitude": -2}, "what is not named stays"


def test_references_and_groups(api):
    source = Source(api, {
        "cities/SF/sights/bridge": {"name": "Golden Gate"}, "cities/LDN/sights/bridge": {"name": "Tower"},
        "cities/LDN/sights/eye": {"name": "Eye"}}, collection_groups=["sights"])
    assert sorted(source.ids("sights")) == \
        ["cities/LDN/sights/bridge", "cities/LDN/sights/eye", "cities/SF/sights/bridge"]
    ids, (body,) = source.asked("sights", where={"name": "Eye"})
    assert ids == ["cities/LDN/sights/eye"] and where(body) is None, "a group's filter needs an index"
    source.write("POST", "sights", 201, json={"_id": "cities/SF/sights/pier", "name": "Pier 39"})
    assert source.ids("sights", where={"_id": "cities/SF/sights/pier"}) == ["cities/SF/sights/pier"]
    source.write("POST", "sights", 422, json={"_id": "cities/SF/museums/x", "name": "no sight"})


def test_an_index_that_is_missing_is_told(api):
    source = Source(api, dict(THINGS), composite_indexes=True)
    answer = source.ask("things", where={"kind": "a", "n": {"gte": 24}})
    assert answer.status_code == 422 and "index" in answer.json()["detail"]
    assert "https://console.firebase.google.com" in answer.text
    store.control(indexes=["things"])
    assert source.ids("things", where={"kind": "a", "n": {"gte": 24}}, order=["_id"]) == ["t24", "t26", "t28"]
    store.control()


def test_a_write_is_whole(api):
    source = Source(api, {"docs/a": {"n": 1, "deep": [1]}})
    source.write("POST", "docs", 409, json=[{"_id": "b", "n": 1}, {"_id": "a", "n": 2}])
    assert source.ids("docs") == ["a"]
    (made,) = source.write("POST", "docs?returning=rows", 201, json=[{"n": 7}])
    assert len(made["_id"]) == 20 and made["n"] == 7
    source.write("POST", "docs", 422, json={"_id": "c", "deep": [[1]]})


def test_a_document_made_in_between(api):
    """The look finds nothing to ignore, the commit fails once: it looks again."""
    source = Source(api, {"docs/a": {"n": 1}})
    refused = json.dumps({"error": {"code": 409, "message": "Document already exists", "status": "ALREADY_EXISTS"}})
    store.control(answers=[{"method": "commit", "status": 409, "body": refused}])
    answer = api.post(f"apps/fire/data/{source.name}/docs?on_conflict=_id&resolution=ignore", json={"_id": "b", "n": 2})
    assert answer.status_code in (200, 201), answer.text
    assert sorted(source.ids("docs")) == ["a", "b"]


# ---- Bad answers -----------------------------------------------------------------------------

def error(code, status, message="no"):
    return json.dumps([{"error": {"code": code, "status": status, "message": message}}])


DOCUMENT = {"name": PLACE.format("P") + "/docs/a", "fields": {"n": {"integerValue": "1"}},
            "createTime": "2024-01-01T00:00:00Z", "updateTime": "2024-01-01T00:00:00Z"}
BAD = [
    ("not JSON", 200, "<html>", 502),
    ("cut off", 200, '[{"document": {"name": "x"', 502),
    ("another collection", 200, json.dumps([{"document": {**DOCUMENT, "name": PLACE.format("P") + "/other/a"}}]), 502),
    ("a name of nobody", 200, json.dumps([{"document": {**DOCUMENT, "name": "a"}}]), 502),
    ("an error at the end", 200, error(13, "INTERNAL"), 503),
    ("unauthenticated", 401, error(401, "UNAUTHENTICATED"), 502),
    ("forbidden", 403, error(403, "PERMISSION_DENIED"), 502),
    ("too much", 429, error(429, "RESOURCE_EXHAUSTED"), 429),
    ("unavailable", 503, error(503, "UNAVAILABLE"), 503),
    ("no JSON, unavailable", 503, "<h1>Service Unavailable</h1>", 503),
    ("late", 504, error(504, "DEADLINE_EXCEEDED"), 504),
]


@pytest.mark.parametrize("status,body,expected", [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_answers(api, status, body, expected):
    source = Source(api, {"docs/a": {"n": 1}})
    assert source.ids("docs") == ["a"]
    store.control(answers=[{"method": "runQuery", "status": status, "body": body.replace("P/", source.project + "/"),
                            "times": 9}])
    answer = source.ask("docs")
    store.control()
    assert answer.status_code in (expected, 502, 503) and answer.json()["detail"], answer.text
    assert answer.status_code == expected, answer.text
    assert source.ids("docs") == ["a"]


def test_a_page_that_comes_again_and_again(api):
    source = Source(api, {"docs/a": {"n": 1}})
    assert source.ids("docs") == ["a"]
    page = [{"document": {**DOCUMENT, "name": PLACE.format(source.project) + f"/docs/a{i:03d}"}} for i in range(500)]
    store.control(answers=[{"method": "runQuery", "status": 200, "body": json.dumps(page), "times": 1000}])
    answer = source.ask("docs", limit=10000)
    store.control()
    assert answer.status_code == 502 and "again and again" in answer.json()["detail"]


def test_a_list_of_collections_without_end(api):
    source = Source(api, {"docs/a": {"n": 1}})
    store.control(answers=[{"method": "listCollectionIds", "status": 200, "times": 1000,
                            "body": json.dumps({"collectionIds": ["docs"], "nextPageToken": "same"})}])
    answer = api.get(f"apps/fire/data/{source.name}/docs")
    store.control()
    assert answer.status_code == 502 and "again and again" in answer.json()["detail"]


def test_strange_values_are_kept(api):
    source = Source(api, {"docs/a": {"n": 1}})
    assert source.ids("docs") == ["a"]
    deep = {"integerValue": "1"}
    for _ in range(30):
        deep = {"mapValue": {"fields": {"m": deep}}}
    fields = {"n": {"vectorValue": {"x": 1}}, "k": deep}
    for odd in ({"n": {"integerValue": "99999999999999999999"}}, {"n": {"timestampValue": "when?"}}, {"n": {}},
                {"n": {"booleanValue": "yes"}}, {"n": 5}, {"n": {"bytesValue": "%%"}}, fields):
        body = json.dumps([{"document": {**DOCUMENT, "name": PLACE.format(source.project) + "/docs/a", "fields": odd}}])
        store.control(answers=[{"method": "runQuery", "status": 200, "body": body}])
        (row,) = source.rows("docs", select=["_id", "n"], limit=1)
        assert row["_id"] == "a" and row["n"] is not None
    store.control()


def test_a_lost_answer_to_a_write_is_told(api):
    source = Source(api, {"docs/a": {"n": 1}})
    store.control(answers=[{"method": "commit", "status": 200, "body": "{", "times": 1}])
    answer = api.post(f"apps/fire/data/{source.name}/docs", json={"_id": "b"})
    store.control()
    assert answer.json()["code"] == "unknown-outcome", answer.text


def test_a_service_account(api):
    with open(os.environ["ROWHOUSE_TEST_FIRESTORE_ACCOUNT"], encoding="utf-8") as file:
        account = file.read()
    name = "account" + uuid.uuid4().hex[:6]
    api.data("POST", "apps/fire/datasources", 201, json={
        "name": name, "connector": "firestore", "config": {"url": URL, "service_account": account}})
    assert api.get(f"apps/fire/datasources/{name}/tables").status_code == 200
    assert "PRIVATE KEY" not in api.get(f"apps/fire/datasources/{name}").text
    made = api.post(f"apps/fire/data/{name}/first", json={"_id": "x", "n": 1})
    problem(made, "unknown-table", 404)


@pytest.mark.parametrize("config,text", [
    ({"project": "p"}, "service account"), ({"url": "http://x"}, "project"),
    ({"url": "ftp://x", "project": "p"}, "http"), ({"service_account": "{}"}, "service_account"),
    ({"service_account": "secret", "project": "p"}, "service_account"),
    ({"url": "http://x", "project": "a/b"}, "name")])
def test_settings_that_make_no_sense(api, config, text):
    name = "bad" + uuid.uuid4().hex[:6]
    api.post("apps/fire/datasources", json={"name": name, "connector": "firestore", "config": config})
    answer = api.get(f"apps/fire/datasources/{name}/tables")
    assert answer.status_code in (404, 422, 502) and "secret" not in answer.text
