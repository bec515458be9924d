"""Native requests, attachments, replication and indexes of couchdb, through the server."""
import base64
import os
import pathlib
import sys
import uuid

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[2] / "api")]
from client import Server, check_end, problem  # noqa: E402
from source import call  # noqa: E402

URL = os.environ["ROWHOUSE_TEST_COUCHDB"]
DOCS = [{"_id": f"d{i}", "kind": "a" if i % 2 else "b", "n": i} for i in range(6)]
VIEW = {"views": {"kinds": {"map": "function (doc) { emit(doc.kind, doc.n); }", "reduce": "_sum"}}}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    made = server.client()
    made.data("POST", "apps", 201, json={"name": "req"})
    made.data("POST", "apps/req/datasources", 201, json={"name": "all", "connector": "couchdb", "config": {"url": URL}})
    yield made
    check_end(server.stop(), server.read_log())


@pytest.fixture(scope="module")
def database():
    name = "req_" + uuid.uuid4().hex[:8]
    call("PUT", f"/{name}")
    call("PUT", f"/{name}/_design%2Fsales", VIEW)
    call("POST", f"/{name}/_bulk_docs", {"docs": DOCS})
    return name


@pytest.fixture(scope="module")
def bound(api, database):
    """A datasource that is one database."""
    api.data("POST", "apps/req/datasources", 201,
             json={"name": "one", "connector": "couchdb", "config": {"url": URL, "database": database}})
    return "one"


def native(api, datasource, text, *parameters, **more):
    return api.post(f"apps/req/datasources/{datasource}/native", json={"text": text, "parameters": parameters, **more})


def rows(answer):
    assert answer.status_code == 200, answer.text
    return [row["answer"] for row in answer.json()["data"]]


# ---- Reading ---------------------------------------------------------------------------------

def test_a_view(api, database):
    found = rows(native(api, "all", f"GET /{database}/_design/sales/_view/kinds?group=true"))
    assert found == [{"key": "a", "value": 9}, {"key": "b", "value": 6}]


def test_parameters_are_bound(api, database):
    found = rows(native(api, "all", "POST /$1/_find {\"selector\": {\"n\": {\"$gte\": $2}}, \"fields\": [\"n\"]}",
                        database, 4))
    assert sorted(row["n"] for row in found) == [4, 5]
    assert rows(native(api, "all", "GET /$1/$2", database, "d3"))[0]["n"] == 3
    hostile = "d3/../../_all_dbs?x=\"$1\" } é"
    answer = native(api, "all", "GET /$1/$2", database, hostile)
    assert answer.status_code == 404, answer.text
    found = rows(native(api, "all", "POST /$1/_find {\"selector\": {\"_id\": {\"$eq\": $2}, \"x\": \"$1\"}}",
                        database, hostile))
    assert found == []


@pytest.mark.parametrize("text, parameters", [
    ("select 1", []), ("GET all", []), ("GET", []), ("PATCH /x", []), ("GET /$1", []), ("GET /x", ["unused"]),
    ("GET /$2", ["a"]), ("GET /x y", []), ("POST /x/_find {\"a\": }", []), ("GET /x/../y", []),
    ("GET /x/%2E%2e/y", []), ("GET /x/.%2e", []), ("GET /x#y", []), ("", []), ("GET /x {} {}", []),
])
def test_requests_that_make_no_sense(api, text, parameters):
    answer = native(api, "all", text, *parameters)
    assert answer.status_code == 400, answer.text


# ---- What may be sent ------------------------------------------------------------------------

@pytest.mark.parametrize("text", ["PUT /{}/new {{}}", "DELETE /{}/d1?rev=1-x", "POST /{}/_bulk_docs {{\"docs\": []}}",
                                  "POST /{}/ {{}}", "POST /_replicate {{}}", "DELETE /{}"])
def test_read_only_is_read_only(api, database, text):
    problem(native(api, "all", text.format(database)), "read-only")
    assert call("GET", f"/{database}")["doc_count"] >= len(DOCS)


def test_a_database_is_no_way_to_others(api, database, bound):
    assert rows(native(api, bound, f"GET /{database}/d1"))[0]["n"] == 1
    for text in ("GET /_all_dbs", "GET /", f"GET /{database}x", "POST /_replicate {}", "GET /_users/_all_docs",
                 f"GET //{database}", f"GET /{database}%2Fx"):
        answer = native(api, bound, text, read_only=False)
        assert answer.json()["code"] == "datasource-permission", answer.text


def test_replication(api, database):
    copy = database + "_copy"
    answer = native(api, "all", "POST /_replicate {\"source\": $1, \"target\": $2, \"create_target\": true}",
                    database, copy, read_only=False)
    assert rows(answer)[0]["ok"] is True
    assert call("GET", f"/{copy}/d5")["n"] == 5


# ---- Attachments -----------------------------------------------------------------------------

def test_attachments(api, bound, database):
    content = bytes(range(256)) * 40
    document = {"kind": "photo", "_attachments": {"a b.bin": {"content_type": "application/octet-stream",
                                                             "data": base64.b64encode(content).decode()}}}
    answer = native(api, bound, f"PUT /{database}/photo $1", document, read_only=False)
    assert rows(answer)[0]["ok"] is True
    row = native(api, bound, f"GET /{database}/photo/$1", "a b.bin").json()["data"][0]
    assert base64.b64decode(row["content"]) == content and row["content_type"] == "application/octet-stream"

    # In rows they are a column, that tells of them, and that puts them there.
    api.data("POST", f"apps/req/datasources/{bound}/refresh")
    path = f"apps/req/data/{bound}/{database}"
    told = api.data("GET", path + "/photo")["_attachments"]["a b.bin"]
    assert told["length"] == len(content) and "data" not in told
    made = {"_id": "note", "_attachments": {"x.txt": {"content_type": "text/plain", "data": "aGVsbG8="}}}
    assert api.post(path + "?atomic=false", json=made).status_code == 201
    assert api.patch(path + "/note", json={"n": 7}).status_code == 200
    row = native(api, bound, f"GET /{database}/note/x.txt").json()["data"][0]
    assert base64.b64decode(row["content"]) == b"hello"


# ---- Indexes ---------------------------------------------------------------------------------

def test_an_index_is_made_and_used(api, bound, database):
    tables = f"apps/req/datasources/{bound}/tables/{database}"
    api.data("PATCH", tables, json={"add_indexes": [{"name": "by_n", "columns": ["n"]}]})
    assert ("by_n", ["n"]) in [(i["name"], i["columns"]) for i in api.data("GET", tables)["indexes"]]
    again = api.patch(tables, json={"add_indexes": [{"name": "by_n", "columns": ["n"]}]})
    problem(again, "already-exists", 409)
    problem(api.patch(tables, json={"add_indexes": [{"name": "u", "columns": ["n"], "unique": True}]}),
            "unsupported", 422)
    # The server is asked for nothing that would make it take _all_docs.
    found = api.post(f"apps/req/data/{bound}/{database}/explain", json={"where": {"n": {"gt": 3}}}).text
    assert "$gt" in found and "_id\\\":{\\\"$gt\\\":null" not in found
    assert [r["n"] for r in api.data("POST", f"apps/req/data/{bound}/{database}/query",
                                     json={"where": {"n": {"gt": 3, "lt": 6}}, "order": ["n"]})] == [4, 5]
    api.data("PATCH", tables, json={"drop_indexes": ["by_n"]})
    problem(api.patch(tables, json={"drop_indexes": ["by_n"]}), "not-found", 404)
