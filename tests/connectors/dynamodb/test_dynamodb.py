"""The connector dynamodb through the API: writing, PartiQL, the requests that it makes, and a server that fails.

What reading must do is the conformance suite's. Needs ROWHOUSE_TEST_DYNAMODB; peer.py stands between.
"""
import json
import os
import pathlib
import subprocess
import sys
import urllib.request
import uuid

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "api")]
from client import Server, check_end  # noqa: E402
from dynamodb import NEEDS, call, make_table, settings  # noqa: E402

pytestmark = pytest.mark.skipif(NEEDS not in os.environ, reason=f"{NEEDS} is not set")
THINGS = [{"id": i, "name": f"thing {i}", "kind": "ab"[i % 2], "price": i / 4, "tags": {"x", "y"}, "raw": b"\0\1",
           "open": i % 2 == 0, "big": 12345678901234567890} for i in range(1, 6)]


class Peer:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, HERE / "peer.py", os.environ[NEEDS]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"

    def faults(self, *faults):
        request = urllib.request.Request(self.url + "/faults", data=json.dumps(faults).encode())
        urllib.request.urlopen(request, timeout=60).close()

    def log(self):
        with urllib.request.urlopen(self.url + "/log", timeout=60) as answer:
            return json.load(answer)

    def actions(self):
        return [action for action, _, _ in self.log()]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


@pytest.fixture(scope="module")
def peer():
    made = Peer()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def api(tmp_path_factory, peer):
    server = Server(tmp_path_factory.mktemp("server"))
    client = server.client()
    client.data("POST", "apps", 201, json={"name": "t"})
    yield client
    check_end(server.stop(), server.read_log())


class Table:
    def __init__(self, api, peer, name):
        self.api, self.peer, self.name = api, peer, name
        self.source = "s" + uuid.uuid4().hex[:8]
        api.data("POST", "apps/t/datasources", 201, json={"name": self.source, "connector": "dynamodb",
                                                          "config": {**settings(peer.url), "retries": 2}})
        self.path = f"apps/t/data/{self.source}/{name}"
        self.rows(limit=1)  # the tables are known from here on
        peer.faults()

    def rows(self, **query):
        return self.api.data("POST", self.path + "/query", json=query)

    def problem(self, status, code, **query):
        answer = self.api.post(self.path + "/query", json=query)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        return answer.json()["detail"]

    def write(self, method, rest, status, **more):
        answer = self.api.call(method, self.path + rest, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def item(self, **key):
        return call("GetItem", TableName=self.name, Key={k: {"N": str(v)} for k, v in key.items()},
                    ConsistentRead=True).get("Item")

    def native(self, status=200, **body):
        answer = self.api.post(f"apps/t/datasources/{self.source}/native", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture()
def things(api, peer):
    name = "things_" + uuid.uuid4().hex[:8]
    make_table(name, THINGS, [{"name": "by_kind", "kind": "S", "price": "N"}], id="N")
    yield Table(api, peer, name)
    peer.faults()
    call("DeleteTable", TableName=name)


# ---- Writing -----------------------------------------------------------------------------------

def test_inserts_are_one_transaction(things):
    things.write("POST", "", 201, json=[{"id": 10, "name": "ten"}, {"id": 11, "name": None}])
    assert things.peer.actions() == ["TransactWriteItems"]
    assert things.item(id=10) == {"id": {"N": "10"}, "name": {"S": "ten"}}
    assert things.item(id=11) == {"id": {"N": "11"}, "name": {"NULL": True}}
    answer = things.write("POST", "", 409, json=[{"id": 12}, {"id": 3}, {"id": 13}])
    assert answer["code"] == "constraint" and "already" in answer["detail"] and answer["errors"][0]["row"] == 1
    assert things.item(id=12) is None and things.item(id=13) is None


def test_one_row_is_one_request(things):
    things.write("POST", "", 201, json={"id": 20, "big": 99999999999999999999999999999999999999})
    assert things.peer.actions()[0] == "PutItem"
    assert things.item(id=20)["big"] == {"N": "99999999999999999999999999999999999999"}
    assert things.write("POST", "", 409, json={"id": 20})["code"] == "constraint"
    things.write("POST", "", 422, json={"id": 21, "big": 123456789012345678901234567890123456789})
    assert things.item(id=21) is None


def test_the_same_key_twice_and_too_many_rows(things):
    things.write("POST", "", 409, json=[{"id": 30}, {"id": 30}])
    assert things.item(id=30) is None
    answer = things.write("POST", "", 422, json=[{"id": i} for i in range(100, 201)])
    assert "100" in answer["detail"] and things.item(id=100) is None
    things.write("POST", "?returning=none", 201, json=[{"id": i} for i in range(100, 200)])
    assert things.peer.actions()[-1] == "TransactWriteItems" and things.item(id=199)


def test_update_sets_and_keeps(things):
    things.write("PATCH", "/2", 200, json={"name": "second", "tags": ["z", "y"], "open": None})
    item = things.item(id=2)
    assert item["name"] == {"S": "second"} and item["open"] == {"NULL": True} and item["price"] == {"N": "0.5"}
    assert sorted(item["tags"]["SS"]) == ["y", "z"], "a set stays a set"
    things.write("PATCH", "/77", 404, json={"name": "none"})
    assert things.item(id=77) is None, "an update makes no item"


def test_upsert_and_delete(things):
    things.write("POST", "?on_conflict=id", 200, json=[{"id": 1, "name": "one"}, {"id": 40, "name": "forty"}])
    assert things.item(id=1)["name"] == {"S": "one"} and things.item(id=1)["kind"] == {"S": "b"}
    assert things.item(id=40) == {"id": {"N": "40"}, "name": {"S": "forty"}}
    things.write("POST", "?on_conflict=id&resolution=ignore", 200,
                 json=[{"id": 1, "name": "no"}, {"id": 41, "name": "x"}])
    assert things.item(id=1)["name"] == {"S": "one"} and things.item(id=41)
    things.write("DELETE", "/41", 204)
    assert things.item(id=41) is None
    things.write("DELETE", "/41", 404)


def test_rows_are_returned_as_they_are_stored(things):
    rows = things.write("POST", "?returning=rows", 201, json=[{"id": 51, "name": "b"}, {"id": 50, "name": "a"}])["data"]
    assert [(r["id"], r["name"]) for r in rows] == [(51, "b"), (50, "a")]
    row = things.write("PATCH", "/3?returning=rows", 200, json={"name": "third"})["data"]
    row = row[0] if isinstance(row, list) else row
    assert (row["name"], row["kind"], row["price"]) == ("third", "b", 0.75)


def test_values_come_back_as_they_are(things):
    row = things.rows(where={"id": 2})[0]
    assert row == {"id": 2, "name": "thing 2", "kind": "a", "price": 0.5, "tags": ["x", "y"], "raw": "AAE=",
                   "open": True, "big": 12345678901234567890}


# ---- Requests ----------------------------------------------------------------------------------

@pytest.mark.parametrize("query, action, part", [
    ({"where": {"id": {"in": [1, 2, 9]}}}, "BatchGetItem", '"Keys":[{"id":{"N":"1"}}'),
    ({"where": {"kind": "a", "price": {"gte": 1}}, "order": ["price"]}, "Query", '"IndexName":"by_kind"'),
    ({"where": {"kind": "a", "price": {"between": [0, 9]}}, "order": ["-price"], "limit": 1}, "Query", "BETWEEN"),
    ({"where": {"kind": "a"}}, "Scan", "#"),
    ({"where": {"name": {"starts": "thing"}, "open": True}}, "Scan", "begins_with"),
], ids=["keys", "index", "between", "no-index-without-its-range", "filter"])
def test_one_request_for_a_page(things, query, action, part):
    rows = things.rows(**query)
    (done, body, status), = things.peer.log()
    assert (done, status) == (action, 200) and part in body and rows
    assert "thing" not in json.loads(body).get("FilterExpression", ""), "literals are bound"


def test_a_count_is_counted_there(things):
    answer = things.api.post(things.path + "/query", json={"where": {"open": True}, "count": "exact", "limit": 1})
    assert answer.json()["page"]["count"] == 2
    assert any('"Select":"COUNT"' in body for _, body, _ in things.peer.log())


def test_a_large_table_comes_in_pages(api, peer):
    name = "large_" + uuid.uuid4().hex[:8]
    make_table(name, [{"id": i, "text": "x" * 3000} for i in range(1500)], id="N")
    table = Table(api, peer, name)
    answer = table.api.get(table.path + "?select=id,text&format=ndjson")
    assert sorted(json.loads(line)["id"] for line in answer.text.splitlines()) == list(range(1500))
    assert peer.actions() == ["Scan"] * 5
    call("DeleteTable", TableName=name)


# ---- PartiQL -----------------------------------------------------------------------------------

def test_partiql(things):
    select = f'SELECT id, name FROM "{things.name}" WHERE id = ?'
    assert things.native(text=select, parameters=[2])["data"] == [{"id": 2, "name": "thing 2"}]
    assert things.native(text=select, parameters=["2' OR '1'='1"], status=400)["code"]
    for hostile in ("'; --", "\\", "%s", "é"):
        things.native(text=f'INSERT INTO "{things.name}" VALUE {{\'id\': 60, \'name\': ?}}', parameters=[hostile],
                      read_only=False)
        assert things.item(id=60)["name"] == {"S": hostile}
        assert things.native(text=f'DELETE FROM "{things.name}" WHERE id = 60', read_only=False)
        assert things.item(id=60) is None
    things.native(text=f'DELETE FROM "{things.name}" WHERE id = 1', status=422)
    assert things.item(id=1), "read-only unless it is said otherwise"
    things.native(text=select, status=400)
    things.native(text="this is no statement", status=400, read_only=False)


# ---- A server that fails -----------------------------------------------------------------------

def test_throttled_requests_are_repeated(things):
    things.peer.faults({"action": "Scan", "status": 400, "type": "ProvisionedThroughputExceededException", "times": 2})
    assert len(things.rows()) == 5
    things.peer.faults({"action": "Scan", "status": 400, "type": "ThrottlingException", "times": 50})
    things.problem(429, "rate-limited")
    things.peer.faults({"action": "Scan", "status": 429, "type": "ThrottlingException", "retry_after": "1"})
    assert len(things.rows()) == 5


def test_keys_left_over_are_asked_for_again(things):
    things.peer.faults({"unprocessed": 1}, {"unprocessed": 0}, {"unprocessed": 1})
    assert sorted(r["id"] for r in things.rows(where={"id": {"in": [1, 2, 3]}})) == [1, 2, 3]
    assert things.peer.actions() == ["BatchGetItem"] * 4
    things.peer.faults({"unprocessed": 0, "times": 1000})
    things.problem(429, "rate-limited", where={"id": {"in": [1, 2, 3]}})


@pytest.mark.parametrize("circle", [1, 3])
def test_pages_that_never_end(things, circle):
    keys = [{"again": {"id": {"N": str(i)}}, "action": "Scan"} for i in range(circle)]
    things.peer.faults(*keys * 40)
    detail = things.problem(502, "datasource-protocol", where={"name": "none of them"})
    assert "again and again" in detail


BAD_BODIES = {
    "no json": {"body": "<html>Sorry</html>", "content_type": "text/html"},
    "nothing": {"body": ""},
    "half": {"body": '{"Items":[{"id":{"N":"1"}}'},
    "no items": {"body": '{"Count":0}'},
    "no object": {"body": '{"Items":[7]}'},
    "no type": {"body": '{"Items":[{"id":"1"}]}'},
    "unknown type": {"body": '{"Items":[{"id":{"X":"1"}}]}'},
    "two types": {"body": '{"Items":[{"id":{"N":"1","S":"1"}}]}'},
    "no number": {"body": '{"Items":[{"id":{"N":"one"}}]}'},
    "no base 64": {"body": '{"Items":[{"id":{"B":"???"}}]}'},
    "no UTF-8": {"body": '{"Items":[{"id":{"S":"\xff\xfe"}}]}'},
    "too deep": {"body": '{"Items":[{"id":' + '{"L":[' * 100 + '{"NULL":true}' + "]}" * 100 + "}]}"},
    "too deep, no end": {"body": '{"Items":[{"id":' + '{"L":[' * 100000},
    "a bomb": {"gzip": 200 << 20, "body": ""},
}


@pytest.mark.parametrize("fault", BAD_BODIES.values(), ids=BAD_BODIES)
def test_answers_that_make_no_sense(things, fault):
    things.peer.faults({**fault, "action": "Scan"})
    answer = things.api.post(things.path + "/query", json={"where": {"name": "x"}})
    assert answer.status_code in (502, 422) and answer.json()["code"] in ("datasource-protocol", "budget-exceeded"), \
        answer.text
    assert len(things.rows()) == 5, "the connection goes on"


@pytest.mark.parametrize("fault, status, code", [
    ({"cut": 20}, 503, "datasource-unavailable"),
    ({"drop": "before", "times": 20}, 503, "datasource-unavailable"),
    ({"status": 500, "type": "InternalServerError", "times": 20}, 503, "datasource-unavailable"),
    ({"status": 503, "type": "ServiceUnavailableException", "times": 20}, 503, "datasource-unavailable"),
    ({"status": 400, "type": "AccessDeniedException"}, 502, "datasource-permission"),
    ({"status": 400, "type": "ExpiredTokenException"}, 502, "datasource-auth"),
    ({"status": 400, "type": "ResourceNotFoundException"}, 404, "not-found"),
    ({"redirect": "http://169.254.169.254/latest/meta-data/"}, 502, None),
], ids=["cut", "dropped", "500", "503", "denied", "expired", "gone", "redirected"])
def test_errors_have_their_class(things, fault, status, code):
    things.peer.faults({**fault, "action": "Scan"})
    answer = things.api.post(things.path + "/query", json={})
    assert answer.status_code == status and code in (None, answer.json()["code"]), answer.text
    assert "s3cret" not in answer.text


def test_a_lost_answer_to_a_write(things):
    things.peer.faults({"action": "PutItem", "drop": "after"})
    assert things.write("POST", "", 502, json={"id": 70})["code"] == "unknown-outcome"
    assert things.item(id=70), "it was written, which could not be known"
    things.peer.faults({"action": "TransactWriteItems", "drop": "after"})
    things.write("POST", "", 201, json=[{"id": 71}, {"id": 72}])
    assert things.peer.actions().count("TransactWriteItems") == 2 and things.item(id=72), "its token made it safe"


def test_wrong_credentials(api, peer):
    for wrong, status in (({"secret_key": "wr0ng"}, 502), ({"access_key": "nobody"}, 502), ({"region": "../x"}, 422),
                          ({"endpoint": "ftp://x"}, 422)):
        name = "w" + uuid.uuid4().hex[:8]
        made = api.post("apps/t/datasources", json={"name": name, "connector": "dynamodb",
                                                    "config": {**settings(peer.url), **wrong}})
        answer = made if made.status_code >= 300 else api.get(f"apps/t/datasources/{name}/tables")
        assert answer.status_code == status and "wr0ng" not in answer.text, answer.text
    config = {**settings(peer.url), "access_key": "session", "session_token": "t0ken"}
    api.data("POST", "apps/t/datasources", 201, json={"name": "session", "connector": "dynamodb", "config": config})
    assert api.get("apps/t/datasources/session/tables").status_code == 200
