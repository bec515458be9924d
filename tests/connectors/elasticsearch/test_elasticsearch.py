"""The connector elasticsearch through the API: writing, the requests that it makes, and a server that fails.

What reading must do is the conformance suite's. Run below peer.py, whose faults these tests ask for.
"""
import json
import os
import pathlib
import sys
import urllib.request
import uuid

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "api")]
from client import Server, check_end  # noqa: E402
from elasticsearch import NEEDS, call, make_index, settings  # noqa: E402

pytestmark = pytest.mark.skipif(NEEDS not in os.environ, reason=f"{NEEDS} is not set")
TYPES = {"n": {"type": "integer"},
         "name": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
         "kind": {"type": "keyword"}, "at": {"type": "date"}, "more": {"properties": {}}}
THINGS = [{"_id": str(i), "n": i, "name": f"Thing {i}", "kind": "ab"[i % 2], "at": f"2024-01-0{i}T00:00:00Z",
           "more": {"x": i}} for i in range(1, 6)]


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(os.environ[NEEDS] + path, data=data), timeout=60) as answer:
        return json.load(answer)


def faults(*wanted):
    control("/-/faults", wanted)


def log():
    return control("/-/log")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    client = server.client()
    client.data("POST", "apps", 201, json={"name": "t"})
    yield client
    check_end(server.stop(), server.read_log())


class Table:
    def __init__(self, api, name, **more):
        self.api, self.name, self.source = api, name, "s" + uuid.uuid4().hex[:8]
        api.data("POST", "apps/t/datasources", 201, json={"name": self.source, "connector": "elasticsearch",
                                                          "config": settings(**more)})
        self.path = f"apps/t/data/{self.source}/{name}"
        self.rows(limit=1)
        faults()

    def rows(self, **query):
        return self.api.data("POST", self.path + "/query", json=query)

    def ids(self, **query):
        return [row["_id"] for row in self.rows(select=["_id"], **query)]

    def write(self, method, rest, status, **more):
        answer = self.api.call(method, self.path + rest, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def source_of(self, key):
        found = call("POST", f"/{self.name}/_mget", {"ids": [key]})["docs"][0]
        return found.get("_source")


@pytest.fixture()
def name():
    made = "things_" + uuid.uuid4().hex[:8]
    make_index(made, TYPES, THINGS)
    yield made
    faults()
    call("DELETE", f"/{made}")


@pytest.fixture()
def things(api, name):
    return Table(api, name)


# ---- Writing -----------------------------------------------------------------------------------

def test_insert(things):
    new = {"_id": "10", "n": 10, "name": "ten", "kind": None}
    made = things.write("POST", "?returning=rows", 201, json=new)["data"]
    row = made[0] if isinstance(made, list) else made
    assert (row["_id"], row["n"], row["_version"]) == ("10", 10, "5.1")
    assert things.source_of("10") == {"n": 10, "name": "ten", "kind": None}
    assert things.ids(where={"n": 10}) == ["10"], "it is seen by the next search"
    assert things.write("POST", "", 409, json={"_id": "3", "n": 1})["code"] == "constraint"
    assert things.write("POST", "", 422, json={"_id": "11", "n": 3000000000})["code"] == "invalid-value"
    made = things.write("POST", "?returning=rows", 201, json={"n": 12})["data"]
    row = made[0] if isinstance(made, list) else made
    assert things.source_of(row["_id"]) == {"n": 12}, "Elasticsearch makes an _id"


def test_a_strict_mapping(things):
    call("DELETE", f"/{things.name}")
    made = {name: TYPES[name] for name in ("n", "more")}
    make_index(things.name, made, [{"_id": "1", "n": 1}], dynamic="strict")
    detail = things.write("POST", "", 404, json={"_id": "2", "kind": "a"})["detail"]
    assert "[kind]" in detail and "is not allowed" in detail, "a column no more, and the whole reason"
    things.write("POST", "", 422, json={"_id": "2", "more": {"new": 1}})
    assert things.source_of("2") is None


def test_each_row_for_itself(things):
    answer = things.write("POST", "?atomic=false", 207, json=[{"_id": "20"}, {"_id": "3"}, {"_id": "21", "n": 2**40}])
    assert [row["ok"] for row in answer["data"]] == [True, False, False]
    assert things.source_of("20") == {} and things.source_of("21") is None


def test_update_replaces_what_it_sets(things):
    things.write("PATCH", "/2", 200, json={"more": {"y": 1}, "name": None})
    assert things.source_of("2") == {"n": 2, "name": None, "kind": "a", "at": "2024-01-02T00:00:00Z", "more": {"y": 1}}
    things.write("PATCH", "/77", 404, json={"n": 1})
    assert things.source_of("77") is None


def test_upsert_and_delete(things):
    things.write("POST", "?on_conflict=_id&atomic=false", 200, json=[{"_id": "1", "n": 100}, {"_id": "30", "n": 30}])
    assert things.source_of("1")["n"] == 100 and things.source_of("1")["kind"] == "b"
    assert things.source_of("30") == {"n": 30}
    things.write("DELETE", "/30", 204)
    assert things.source_of("30") is None
    things.write("DELETE", "/30", 404)


def test_somebody_else_was_quicker(things):
    conflict = json.dumps({"errors": True, "items": [{"index": {"_id": "1", "status": 409, "error": {
        "type": "version_conflict_engine_exception", "reason": "x"}}}]})
    faults({"path": "_bulk", "body": conflict})
    things.write("PATCH", "/1", 200, json={"n": 7})
    assert things.source_of("1")["n"] == 7
    faults({"path": "_bulk", "body": conflict, "times": 20})
    assert things.write("PATCH", "/1", 409, json={"n": 8})["code"] == "conflict"


# ---- Requests ----------------------------------------------------------------------------------

def test_keys_are_got(things):
    assert sorted(things.ids(where={"_id": {"in": ["1", "2", "2", "x"]}})) == ["1", "2"]
    (method, target, body, status), = log()
    assert target == f"/{things.name}/_mget" and json.loads(body) == {"ids": ["1", "2", "x"]}


def test_a_page_is_of_one_point_in_time(things):
    assert things.ids(where={"kind": "a"}) == ["2", "4"]
    paths = [(method, target.split("?")[0]) for method, target, _, _ in log()]
    assert paths == [("POST", f"/{things.name}/_pit"), ("POST", "/_search"), ("DELETE", "/_pit")]
    assert control("/-/open")["pits"] == 0


def test_literals_are_json(things):
    assert things.ids(where={"kind": '"}}],"x":"'}) == []
    assert things.ids(where={"kind": {"contains": "*"}}) == []
    assert things.ids(where={"kind": {"contains": "a"}}) == ["2", "4"]


@pytest.mark.parametrize("server", [NEEDS, "ROWHOUSE_TEST_OPENSEARCH"])
def test_a_large_index_comes_in_pages(api, server):
    name = "large_" + uuid.uuid4().hex[:8]
    make_index(name, {"n": {"type": "long"}}, [{"_id": f"k{i}", "n": i} for i in range(3500)])
    table = Table(api, name, url=os.environ[server])
    answer = api.get(table.path + "?select=n&format=ndjson")
    assert sorted(json.loads(line)["n"] for line in answer.text.splitlines()) == list(range(3500))
    assert control("/-/open") == {"pits": 0, "scrolls": 0}
    assert len([1 for method, target, _, _ in log() if "_search" in target and method == "POST"]) == 4
    call("DELETE", f"/{name}")


def test_order_and_limit_with_single_values(api, name):
    """Of an alias without a key, because to others the key is added to the order, and _id has none."""
    make_index(name + "_more", TYPES, [{**THINGS[0], "at": "2025-01-01T00:00:00Z"}])
    for index in (name, name + "_more"):
        call("POST", "/_aliases", {"actions": [{"add": {"index": index, "alias": name + "_all"}}]})
    table = Table(api, name + "_all", single_values=True)
    assert table.ids(where={"n": {"gte": 1}}, order=["-at"], limit=2) == ["1", "5"]
    (_, target, body, _), = [one for one in log() if "_search" in one[1]]
    body = json.loads(body)
    assert body["sort"] == [{"at": {"order": "desc", "missing": "_first"}}] and "range" in str(body["query"])
    assert body["size"] == 3, "one more, to see whether there are others"
    assert target.startswith(f"/{name}_all/_search"), "in one page"
    call("DELETE", f"/{name}_more")


def test_a_count_with_single_values(api, name):
    table = Table(api, name, single_values=True)
    page = api.post(table.path + "/query", json={"where": {"kind": "a"}, "count": "exact", "limit": 1}).json()["page"]
    assert page["count"] == 2 and any("_count" in target for _, target, _, _ in log())


def test_an_alias_is_a_table_to_read(api, name):
    call("POST", "/_aliases", {"actions": [{"add": {"index": name, "alias": name + "_alias"}}]})
    table = Table(api, name + "_alias")
    assert sorted(table.ids(where={"_id": {"in": ["1", "2"]}})) == ["1", "2"]
    assert table.api.post(table.path, json={"_id": "9"}).status_code >= 400 and table.source_of("9") is None


# ---- Native searches ---------------------------------------------------------------------------

def native(things, status=200, parameters=(), **search):
    text = json.dumps({"index": things.name, **search})
    answer = things.api.post(f"apps/t/datasources/{things.source}/native",
                             json={"text": text, "parameters": list(parameters)})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_native(things):
    query = {"terms": {"kind": ["$1"]}}
    rows = native(things, query=query, parameters=["a"], size=1)["data"]
    assert [(row["_id"], row["_source"]["n"]) for row in rows] == [("2", 2)]
    for hostile in ('"', '"}}],"x":"', "$1", "\\", "é"):
        assert native(things, query=query, parameters=[hostile])["data"] == []
    native(things, 400, query=query)
    native(things, 400, query=query, parameters=["a", "b"])
    native(things, 400, query={"script": {}})
    native(things, 400, index="")
    native(things, 400, query=query, parameters=["a"], pit={"id": "x"})
    native(things, 404, index="no_such_index")
    faults({"path": "/_search", "body": '{"hits":{"hits":[]},"aggregations":{"n":{"value":3}}}'})
    assert native(things, size=0)["data"] == [{"aggregations": {"n": {"value": 3}}}]


# ---- A server that fails -----------------------------------------------------------------------

HIT = '{"_id":"1","_seq_no":1,"_primary_term":1,"_source":{"n":1},"sort":[1]}'
BAD = {
    "no json": {"body": "<html>Sorry</html>", "type": "text/html"},
    "nothing": {"body": ""},
    "half": {"body": '{"hits":{"hits":[' + HIT},
    "no hits": {"body": '{"took":1}'},
    "no object": {"body": '{"hits":{"hits":[7]}}'},
    "no _id": {"body": '{"hits":{"hits":[{"_source":{"n":1}}]}}'},
    "no UTF-8": {"body": '{"hits":{"hits":[{"_id":"\xff"}]}}'},
    "too deep": {"body": '{"hits":{"hits":[{"_id":"1","_source":{"more":' + "[" * 100000},
    "a bomb": {"gzip": 200 << 20},
    "the same page for ever": {"body": '{"hits":{"hits":[' + ",".join([HIT] * 1000) + "]}}", "times": 1000},
}


@pytest.mark.parametrize("fault", BAD.values(), ids=BAD)
def test_answers_that_make_no_sense(things, fault):
    faults({**fault, "path": "/_search"})
    answer = things.api.get(things.path + "?format=ndjson&select=n")
    last = json.loads(answer.text.splitlines()[-1])
    said = last if answer.status_code >= 400 else last.get("error", last)
    assert said.get("code") in ("datasource-protocol", "budget-exceeded"), (answer.status_code, answer.text[-500:])
    faults()
    assert len(things.rows()) == 5, "the connection goes on"


@pytest.mark.parametrize("fault, status, code", [
    ({"cut": 20}, 503, "datasource-unavailable"),
    ({"drop": "before", "times": 20}, 503, "datasource-unavailable"),
    ({"status": 500, "times": 20}, 503, "datasource-unavailable"),
    ({"status": 503, "times": 20}, 503, "datasource-unavailable"),
    ({"status": 403}, 502, "datasource-permission"),
    ({"status": 401}, 502, "datasource-auth"),
    ({"expire": True}, 503, "datasource-unavailable"),
    ({"set": {"timed_out": True}}, 504, "timeout"),
    ({"set": {"_shards": {"total": 2, "successful": 1, "failed": 1}}}, 503, "datasource-unavailable"),
    ({"status": 307, "headers": {"Location": "http://169.254.169.254/"}}, 502, None),
], ids=["cut", "dropped", "500", "503", "denied", "unauthorised", "expired", "timed out", "a shard failed",
        "redirected"])
def test_errors_have_their_class(things, fault, status, code):
    faults(*[{**fault, "path": "/_search", "times": 1} for _ in range(fault.get("times", 3))])
    answer = things.api.post(things.path + "/query", json={})
    assert answer.status_code == status and code in (None, answer.json()["code"]), answer.text
    assert "s3cret" not in answer.text


def test_throttled(things):
    faults({"path": "/_search", "status": 429})
    assert len(things.rows()) == 5
    faults({"path": "/_search", "status": 429, "headers": {"Retry-After": "1"}})
    assert len(things.rows()) == 5


def test_a_lost_answer_to_a_write(things):
    faults({"path": "_bulk", "drop": "after"})
    assert things.write("POST", "", 502, json={"_id": "70"})["code"] == "unknown-outcome"
    assert things.source_of("70") == {}, "it was written, which could not be known"


def test_credentials(api):
    for wrong, status in (({"password": "wr0ng"}, 502), ({"api_key": "bm8="}, 422), ({"url": "ftp://x"}, 422)):
        name = "w" + uuid.uuid4().hex[:8]
        made = api.post("apps/t/datasources", json={"name": name, "connector": "elasticsearch",
                                                    "config": settings(**wrong)})
        answer = made if made.status_code >= 300 else api.get(f"apps/t/datasources/{name}/tables")
        assert answer.status_code == status and "wr0ng" not in answer.text, answer.text
    config = {"url": os.environ[NEEDS], "api_key": "c2VjcmV0"}
    api.data("POST", "apps/t/datasources", 201, json={"name": "by_key", "connector": "elasticsearch", "config": config})
    assert api.get("apps/t/datasources/by_key/tables").status_code == 200
