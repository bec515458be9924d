"""The connector rest through the server: the public APIs of docs/rest.md, with the descriptions of
docs/examples/rest; needed conditions; answers that no API should give; `rowhouse rest import`."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "api")]
from client import BUILD, Server, check_end  # noqa: E402
import description  # noqa: E402
import public_apis  # noqa: E402
from description import make, peer  # noqa: E402

PEER = os.environ.get("ROWHOUSE_TEST_REST")
pytestmark = pytest.mark.skipif(not PEER, reason="ROWHOUSE_TEST_REST is not set")
EXAMPLES = ROOT / "docs" / "examples" / "rest"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    client = server.client()
    client.data("POST", "apps", 201, json={"name": "t"})
    yield client
    check_end(server.stop(), server.read_log())


class Source:
    """A datasource, and the requests that its queries send."""

    def __init__(self, api, name, config):
        self.api, self.path = api, f"apps/t/data/{name}"
        api.data("POST", "apps/t/datasources", 201, json={"name": name, "connector": "rest", "config": config})

    def ask(self, table, status=200, **query):
        peer("DELETE", "/peer/log")
        answer = self.api.post(f"{self.path}/{table}/query", json=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    def rows(self, table, **query):
        return self.ask(table, **query)["data"]

    def write(self, method, table, status, **more):
        answer = self.api.call(method, f"{self.path}/{table}", **more)
        assert answer.status_code == status, answer.text
        return answer.json()


def requests():
    """What was asked since, with its parameters in order; without what a new connection asks."""
    def one(request):
        path, mark, query = request["target"].partition("?")
        return f"{request['method']} {path}{mark}{'&'.join(sorted(query.split('&')))}"
    return [r for r in map(one, peer("GET", "/peer/log")) if not r.endswith(("/user", "?limit=1", "/shop/"))]


def example(api, name, prefix, called=None, **settings):
    described_api = json.loads((EXAMPLES / f"{name}.json").read_text())
    return Source(api, called or name, {"description": described_api, "url": f"{PEER}/{prefix}", **settings})


# ---- Public APIs -----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def github(api):
    return example(api, "github", "github", secret="ghp_s3cret")


def test_github_names_the_columns_that_it_needs(github):
    problem = github.ask("issues", 422)
    assert problem["code"] == "needs-filter" and "owner, repo" in problem["detail"] + problem.get("hint", ""), problem
    assert requests() == []
    problem = github.ask("issues", 422, where={"owner": "octo-org", "or": [{"repo": "a"}, {"state": "open"}]})
    assert "value of repo" in problem["detail"], problem


REPO = {"owner": "octo-org", "repo": "octo-repo"}


def test_github_reads_every_page_by_its_links(github):
    rows = github.rows("issues", where=REPO, select=["owner", "number", "creator"], order=["number"], limit=1000)
    assert [r["number"] for r in rows] == list(range(1, 251)) and rows[0] == {"owner": "octo-org", "number": 1,
                                                                              "creator": "Mona"}
    asked = requests()
    assert len(asked) == 3 and all("per_page=100" in r and "state=all" in r for r in asked)
    assert "page=2" in asked[1] and "page=3" in asked[2]


def test_github_takes_conditions_as_parameters(github):
    rows = github.rows("issues", where={**REPO, "state": "closed", "creator": "Mona"}, select=["number"], limit=500)
    assert sorted(r["number"] for r in rows) == [n for n in range(1, 251) if n % 3 == 0 and n % 2]
    assert "state=closed" in requests()[0] and "creator=Mona" in requests()[0]
    assert github.rows("issues", where={**REPO, "creator": "mona"},
                       select=["number"]) == [], "GitHub ignores case, we do not"
    rows = github.rows("issues", where={**REPO, "updated_at": {"gte": "2024-12-01T00:00:00Z"}}, select=["number"])
    assert rows and "since=2024-12-01T00%3A00%3A00Z" in requests()[0]


def test_github_looks_issues_up(github):
    rows = github.rows("issues", where={**REPO, "number": {"in": [7, 3, 9999]}}, select=["number", "body"],
                       order=["number"])
    assert rows == [{"number": 3, "body": "Body 3"}, {"number": 7, "body": None}]
    assert sorted(requests()) == [f"GET /github/repos/octo-org/octo-repo/issues/{n}" for n in (3, 7, 9999)]


def test_github_makes_and_changes_issues(github):
    made = github.write("POST", "issues?returning=rows", 201, json=[{**REPO, "title": "New", "labels": ["bug"]}])
    number = made["data"][0]["data"]["number"] if "data" in made["data"][0] else made["data"][0]["number"]
    github.write("PATCH", f"issues/octo-org,octo-repo,{number}", 200, json={"state": "closed"})
    assert github.rows("issues", where={**REPO, "number": number}, select=["title", "state"]) == [{"title": "New",
        "state": "closed"}]


@pytest.fixture(scope="module")
def stripe(api):
    return example(api, "stripe", "stripe", secret="sk_test_s3cret")


def test_stripe_pages_with_the_last_id(stripe):
    rows = stripe.rows("customers", select=["id"], limit=1000)
    assert [r["id"] for r in rows] == [f"cus_{n:04d}" for n in range(230)]
    assert requests() == ["GET /stripe/v1/customers?limit=100",
                          "GET /stripe/v1/customers?limit=100&starting_after=cus_0130",
                          "GET /stripe/v1/customers?limit=100&starting_after=cus_0030"]


def test_stripe_takes_times_as_seconds(stripe):
    rows = stripe.rows("customers", where={"created": {"gte": "2023-11-14T22:13:20.5Z", "lt": "2023-11-15T01:13:20Z"}},
                       select=["id", "created"], order=["id"])
    assert rows == [{"id": "cus_0001", "created": "2023-11-14T23:13:20Z"}, {"id": "cus_0002",
                                                                            "created": "2023-11-15T00:13:20Z"}]
    assert "created%5Bgte%5D=1700000000&created%5Blt%5D=1700010800" in requests()[0]
    assert len(stripe.rows("customers", where={"email": "c7@example.com"}, select=["id"])) == 6 and len(requests()) == 1


def test_stripe_writes_forms(stripe):
    made = stripe.write("POST", "customers?returning=rows", 201, json=[{"email": "é&=@example.com", "balance": -5}])
    row = made["data"][0].get("data", made["data"][0])
    assert row["email"] == "é&=@example.com" and row["balance"] == -5
    where = {"id": row["id"]}
    stripe.write("PATCH", f"customers/{row['id']}", 200, json={"name": "Ann", "email": None})
    assert stripe.rows("customers", where=where, select=["name", "email"]) == [{"name": "Ann", "email": None}]
    assert stripe.api.delete(f"{stripe.path}/customers/{row['id']}").status_code == 204
    assert stripe.rows("customers", where=where) == []


def rate_of(currency, day):
    return float(public_apis.rate(currency, public_apis.DAYS[day]))


def test_ecb_csv(api):
    ecb = example(api, "ecb", "ecb")
    assert ecb.ask("rates", 422)["code"] == "needs-filter"
    rows = ecb.rows("rates", where={"currency": {"in": ["NOK", "USD"]}, "day": {"between": ["2024-01-31",
        "2024-02-01"]}},
                    order=["currency", "day"])
    assert [(r["currency"], r["day"]) for r in rows] == [(c, d) for c in ("NOK", "USD") for d in ("2024-01-31",
        "2024-02-01")]
    assert sorted(requests()) == [
        f"GET /ecb/service/data/EXR/D.{c}.EUR.SP00.A?endPeriod=2024-02-01&format=csvdata&startPeriod=2024-01-31"
        for c in ("NOK", "USD")]
    assert ecb.rows("rates", where={"currency": "USD", "day": "2024-02-01"},
                    select=["rate"]) == [{"rate": rate_of("USD", 31)}]


def test_ecb_xml(api):
    ecb = example(api, "ecb-daily", "ecb")
    assert ecb.rows("rates", order=["currency"], where={"currency": {"starts": "N"}}) == \
        [{"currency": "NOK", "rate": rate_of("NOK", 59), "day": "2024-02-29"}]


# ---- The shop --------------------------------------------------------------------------------

TYPES = {"id": "int", "kind": "text", "n": "int", "ok": "bool"}
ITEMS = [{"id": i, "kind": "abc"[i % 3], "n": i % 10, "ok": i % 2 == 0} for i in range(250)]


def shop_of(api, name, **more):
    """A collection with its resource, changed by `more`."""
    make(name, "id", TYPES, ITEMS)
    resource = {**description.resource(name, "id", TYPES), **more}
    return Source(api, name, description.settings({name: {k: v for k, v in resource.items() if v is not None}}))


OAUTH = {"token_url": f"{PEER}/shop/token", "scope": "read"}
AUTHS = {
    "basic": ({"type": "basic", "user": "me"}, {"secret": "s3cret"}),
    "basic-user": ({"type": "basic"}, {"user": "me", "secret": "s3cret"}),
    "header": ({"type": "header", "name": "X-Key"}, {"secret": "s3cret"}),
    "query": ({"type": "query", "name": "key"}, {"secret": "s3cret"}),
    "oauth2_client": ({"type": "oauth2_client", **OAUTH}, {"user": "me", "secret": "cl1ent"}),
    "oauth2_refresh": ({"type": "oauth2_refresh", **OAUTH}, {"user": "me", "refresh_token": "r3fresh"}),
}


@pytest.mark.parametrize("kind", AUTHS)
def test_ways_to_authenticate(api, kind):
    auth, given = AUTHS[kind]
    make("auth", "id", TYPES, ITEMS[:3])
    config = description.settings({"auth": description.resource("auth", "id", TYPES)})
    config = {"description": {**config["description"], "auth": auth}, **given}
    assert len(Source(api, "auth-" + kind, config).rows("auth")) == 3
    problem = Source(api, "noauth-" + kind, {**config, "secret": "wr0ng", "refresh_token": "wr0ng"}).ask("auth", 502)
    assert problem["code"] == "datasource-auth" and "wr0ng" not in json.dumps(problem)


def test_lists_of_keys_are_batched(api):
    shop = shop_of(api, "batched")
    rows = shop.rows("batched", where={"id": {"in": list(range(100, 200))}}, order=["id"], limit=1000)
    assert [r["id"] for r in rows] == list(range(100, 200))
    assert len(requests()) == 3 and all("ids=1" in r for r in requests()), "40 in a request"


def test_lookups_are_kept_for_as_long_as_is_said(api):
    shop = shop_of(api, "kept", cache=60, parameters={})
    for _ in range(2):
        assert [r["id"] for r in shop.rows("kept", where={"id": {"in": [3, 5]}}, order=["id"])] == [3, 5]
    assert requests() == [], "the second time"
    assert shop.api.patch(shop.path + "/kept/3", json={"kind": "new"}).status_code == 200
    assert shop.rows("kept", where={"id": 3}, select=["kind"]) == [{"kind": "new"}]


def test_conditions_in_a_body(api):
    shop = shop_of(api, "searched", path="/searched/search", method="POST", one=None, parameters={
        "kind": {"in": "body", "exact": True}, "n_from": {"in": "body", "column": "n", "op": "gte"},
        "ok": {"in": "body", "value": True},
        "ids": {"in": "body", "column": "id", "list": "repeat"}})
    rows = shop.rows("searched", where={"kind": "b", "n": {"gte": 8}}, order=["id"], limit=1000)
    assert [r["id"] for r in rows] == [i["id"] for i in ITEMS if i["kind"] == "b" and i["n"] >= 8 and i["ok"]]
    assert json.loads(peer("GET", "/peer/log")[-1]["body"]) == {"kind": "b", "n_from": 8, "ok": True}
    assert len(shop.rows("searched", where={"id": {"in": [2, 4, 6]}})) == 3


def test_one_of_several_keys_is_needed(api):
    shop = shop_of(api, "either", any_of=[["kind", "n"]], one=None)
    problem = shop.ask("either", 422, where={"ok": True})
    assert problem["code"] == "needs-filter" and "kind or n" in problem["detail"], problem
    assert len(shop.rows("either", where={"n": 3}, limit=1000)) == 25


def test_a_full_list_wants_no_request_more(api):
    pages = {"style": "offset", "name": "page", "size": "per_page", "max": 100}
    shop = shop_of(api, "paged", page={**pages, "style": "page", "short_is_last": True})
    assert len(shop.rows("paged", limit=1000)) == 250 and len(requests()) == 3
    shop = shop_of(api, "unsaid", page={**pages, "style": "page"})
    assert len(shop.rows("unsaid", limit=1000)) == 250 and len(requests()) == 4, "an empty page is the last"


def test_a_limit_is_the_size_of_the_page(api):
    shop = shop_of(api, "limited", key=None, one=None, update=None, delete=None)
    assert len(shop.rows("limited", limit=7, where={"ok": True})) == 7
    assert requests() == ["GET /shop/limited?ok=true&page=1&per_page=8"], "one more tells whether there is another page"


def test_an_order_of_the_api_makes_a_limit_end_early(api):
    shop = shop_of(api, "sorted")
    assert [r["id"] for r in shop.rows("sorted", order=["-id"], limit=3, where={"ok": True})] == [248, 246, 244]
    assert requests() == ["GET /shop/sorted?ok=true&page=1&per_page=4&sort=-id"]
    shop = shop_of(api, "natural", order={"natural": "id"})
    assert [r["id"] for r in shop.rows("natural", order=["id"], limit=3)] == [0, 1, 2]
    assert requests() == ["GET /shop/natural?page=1&per_page=4"]
    assert [r["id"] for r in shop.rows("natural", order=["-id"], limit=2)] == [249, 248] and len(requests()) == 3


# ---- What no API should answer -----------------------------------------------------------------

LINK, TOKEN = {"style": "link"}, {"style": "token", "name": "token", "path": "next"}
NUMBERED = {"style": "page", "name": "page", "size": "per_page", "max": 2}
XML, CSV = {"format": "xml", "rows": "a.b"}, {"format": "csv"}
# kind, what the resource has besides, status, code and a part of what is said
BAD = [
    ("html", {}, 502, "the answer is of the type text/html; charset=utf-8, not JSON"),
    ("no-json", {}, 502, "not well-formed JSON"),
    ("object", {}, 502, "the answer is no array of rows"),
    ("object", {"rows": "data.items"}, 502, "no rows at \"data.items\""),
    ("nothing", {}, 502, "not well-formed JSON"),
    ("cut-json", {}, 502, "it ends in the middle"),
    ("half", {}, 503, "cannot read"),
    ("too-deep", {}, 502, "nested"),
    ("not-utf8", {}, 502, "not well-formed JSON"),
    ("twice", {}, 502, "not well-formed JSON"),
    ("mixed", {}, 422, 'row 2, column "id": the description says int, the answer has "two"'),
    ("no-key", {}, 422, 'row 2, column "id": the description says int, the answer has nothing'),
    ("refused", {}, 502, "not yours (HTTP 403)"),
    ("gone", {}, 404, "no such place (HTTP 404)"),
    ("storm", {}, 503, "HTTP 503"),
    ("limited", {}, 429, "slow down"),
    ("limited-silently", {}, 429, "HTTP 429"),
    ("to-private", {}, 502, "169.254.169.254"),
    ("in-circles", {}, 502, "redirect"),
    ("huge-row", {}, 422, "longer than 16777216 bytes"),
    ("huge-field", CSV, 422, "longer than 16777216 bytes"),
    ("huge-element", XML, 422, "longer than 16777216 bytes"),
    ("gzip-bomb", {}, 422, "longer than 16777216 bytes"),
    ("link-elsewhere", {"page": LINK}, 502, "the next page is at another origin"),
    ("link-scheme", {"page": LINK}, 502, "is not understood"),
    ("link-circle", {"page": LINK}, 502, "they have no end"),
    ("token-circle", {"rows": "rows", "page": TOKEN}, 502, "they have no end"),
    ("token-circle", {"rows": "rows", "page": TOKEN, "key": []}, 502, "they have no end"),
    ("token-object", {"rows": "rows", "page": TOKEN}, 502, "neither text nor number"),
    ("same-page", {"page": NUMBERED}, 502, "they have no end"),
    ("empty-pages", {"rows": "rows", "page": TOKEN}, 502, "100 pages without a row"),
    ("xml-entities", XML, 502, "has a document type, which is not read"),
    ("xml-unknown", XML, 502, "the entity \"&x;\", which is not known"),
    ("xml-cut", XML, 502, "it ends in the middle"),
    ("csv-ragged", CSV, 502, "line 2 has 3 fields"),
    ("csv-quote", CSV, 502, "line 2: a quoted field is not closed"),
    ("csv-twice", CSV, 502, "names the column \"id\" twice"),
    ("csv-number", CSV, 422, 'row 2, column "id": the description says int, the answer has one'),
]


def described(resource, secret="s"):
    """A secret of its own: a limit that one was told holds for all with the same credentials."""
    return {"description": {"base": PEER, "auth": {"type": "bearer"}, "ping": "/bad/good",
                            "resources": {"rows": resource}},
            "retries": 0, "secret": secret}


@pytest.mark.parametrize("at", range(len(BAD)), ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(BAD)])
def test_bad_answers(api, at):
    kind, more, status, said = BAD[at]
    resource = {"path": f"/bad/{kind}", "columns": {"id": "int", "s": "text"}, "key": ["id"], **more}
    problem = Source(api, f"bad{at}", described(resource, f"key-{at}")).ask("rows", status, select=["id"])
    assert said in problem["detail"], problem


def test_odd_answers_are_read(api):
    columns = {"id": "int", "s": "text"}
    odd = Source(api, "odd", described({"path": "/bad/numbers-as-text", "columns": columns}))
    assert odd.rows("rows", select=["id", "s"]) == [{"id": 7, "s": "12.50"}]
    deep = Source(api, "deep", described({"path": "/bad/deep", "columns": {"id": "int", "s": "json"}}))
    assert len(json.dumps(deep.rows("rows", select=["s"])[0]["s"])) == 200
    mixed = Source(api, "mixed", described({"path": "/bad/mixed"}))
    assert sorted(map(str, (r["id"] for r in mixed.rows("rows")))) == ["1",
                                                                       "two"], "inferred: each value keeps its type"


WRONG = [
    ({"resources": {}}, "resources is no object with a member"),
    ({"resourses": {}}, "has no \"resourses\""),
    ({"headers": {"Authorization": "Bearer x"}}, "which is secret"),
    ({"auth": {"type": "bearer"}}, "needs the setting secret"),
    ({"auth": {"type": "magic"}}, "knows no \"magic\""),
    ({"resources": {"t": {"path": "t"}}}, "has no \"path\" that begins with '/'"),
    ({"resources": {"t": {"path": "/t", "columns": {"a": "integer"}}}}, "knows no type \"integer\""),
    ({"resources": {"t": {"path": "/t", "columns": {"a": "int"}, "key": ["b"]}}}, "has \"b\", which is no column"),
    ({"resources": {"t": {"path": "/t", "columns": {"a": "int"}, "one": {"path": "/t/{a}"}}}}, "no \"key\""),
    ({"resources": {"t": {"path": "/t", "columns": {"a": "int"}, "key": ["a"], "update": {"path": "/t/{b}"}}}},
     "{b}, which is no column"),
    ({"resources": {"t": {"path": "/t", "format": "xml", "columns": {"a": "int"}}}}, "has no \"rows\""),
    ({"resources": {"t": {"path": "/t", "page": {"style": "token", "name": "t"}}}}, "has no \"path\""),
    ({"resources": {"t": {"path": "/t", "parameters": {"q": {"op": "gte"}}}}}, "needs a \"column\" of the answer"),
    ({"resources": {"t": {"path": "/t/{x}"}}}, "needs \"columns\""),
]


@pytest.mark.parametrize("at", range(len(WRONG)))
def test_wrong_descriptions_are_told(api, at):
    part, said = WRONG[at]
    description = {"base": PEER, "ping": "/bad/good", "resources": {"t": {"path": "/bad/good"}}, **part}
    api.call("POST", "apps/t/datasources", json={"name": f"wrong{at}", "connector": "rest",
                                                 "config": {"description": description}})
    answer = api.post(f"apps/t/data/wrong{at}/t/query", json={})
    assert answer.status_code == 422 and said in answer.json()["detail"], answer.text


def test_secrets_are_not_shown(api, github):
    bad = example(api, "github", "github", called="wrongkey", secret="ghp_wr0ng")
    problem = bad.ask("issues", 502, where=REPO)
    assert "wr0ng" not in json.dumps(problem) and problem["code"] == "datasource-auth"
    assert "ghp_s3cret" not in api.get("apps/t/datasources/github").text


# ---- rowhouse describe -------------------------------------------------------------------------

def describe(*words, status=0):
    done = subprocess.run([BUILD / "bin" / "rowhouse", "describe", *words], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if status == 0 else done.stderr


OPENAPI = {
    "openapi": "3.0.3", "info": {"title": "Shop", "version": "1"}, "servers": [{"url": "https://shop.example/"}],
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "parameters": {"page": {"name": "page", "in": "query", "schema": {"type": "integer"}}},
        "schemas": {
            "Named": {"properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string"}}},
            "Item": {"allOf": [{"$ref": "#/components/schemas/Named"}, {"properties": {
                "price": {"type": "number"}, "at": {"type": "string", "format": "date-time"},
                "tags": {"type": "array"}}}]},
            "Circle": {"$ref": "#/components/schemas/Circle"}}},
    "paths": {
        "/items": {
            "parameters": [{"$ref": "#/components/parameters/page"}],
            "get": {"summary": "All items", "parameters": [
                {"name": "per_page", "in": "query", "schema": {"maximum": 50}}, {"name": "name", "in": "query"},
                {"name": "verbose", "in": "query"}], "responses": {"200": {"content": {"application/json": {"schema": {
                    "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}}}}}}}},
            "post": {}},
        "/items/{itemId}": {"get": {}, "patch": {}, "delete": {}},
        "/circle": {"get": {"responses": {"200": {"content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Circle"}}}}}}},
    },
}


def test_describe_openapi(api, tmp_path):
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(OPENAPI))
    description = describe(file, "--base", f"{PEER}/shop")
    assert description == {
        "base": f"{PEER}/shop", "auth": {"type": "bearer"}, "resources": {"items": {
            "path": "/items", "rows": "items", "about": "All items", "key": ["id"],
            "columns": {"id": {"type": "int", "write": False}, "name": "text", "price": "decimal", "at": "timestamp",
                        "tags": "json"},
            "parameters": {"name": {}}, "page": {"style": "page", "name": "page", "size": "per_page", "max": 50},
            "one": {"path": "/items/{id}"}, "update": {"path": "/items/{id}"}, "delete": {"path": "/items/{id}"},
            "insert": {"path": "/items"}}}}
    make("items", "id", {"id": "int", "name": "text", "price": "decimal"}, [{"id": n, "name": f"n{n % 3}"}
                                                                            for n in range(70)])
    items = Source(api, "described", {"description": description, "secret": "s3cret"})
    assert [r["id"] for r in items.rows("items", where={"name": "n1"}, order=["id"])] == list(range(1, 70, 3))
    assert [r["id"] for r in items.rows("items", where={"id": 7})] == [7] and requests() == ["GET /shop/items/7"]


def test_describe_refuses(tmp_path):
    file = tmp_path / "api.yaml"
    file.write_text("openapi: 3.0.3\n")
    assert "convert the document to JSON first" in describe(file, status=1)
    file.write_text('{"swagger": "2.0"}')
    assert "no OpenAPI 3 document" in describe(file, status=1)
    assert "either a file or --curl" in describe(status=2)
    assert "curl's --data is not understood" in describe("--curl", "curl --data x http://a.example/", status=1)
    assert "a quote that is not closed" in describe("--curl", "curl 'http://a.example/", status=1)


def test_describe_curl():
    assert describe("--curl", """curl -s -H 'Accept: application/json' -H "Authorization: Bearer s3cret" \\
        'https://api.example.com/v1/items/7/parts?all=true'""") == {
        "base": "https://api.example.com", "auth": {"type": "bearer"}, "headers": {"Accept": "application/json"},
        "resources": {"parts": {"path": "/v1/items/7/parts?all=true", "rows": ""}}}
    assert describe("--curl", "curl -u me:s3cret https://api.example.com")["auth"] == {"type": "basic", "user": "me"}
    assert describe("--curl", "curl -H 'X-Api-Key: s3cret' https://api.example.com/a")["auth"] == {"type": "header",
        "name": "X-Api-Key"}


def test_the_description_of_the_docs_is_one(api):
    text = (ROOT / "docs" / "rest.md").read_text()
    shown = json.loads(re.search(r"^```json\n(.*?)^```", text, re.M | re.S).group(1))
    items = Source(api, "shown", {"description": {**shown, "ping": "/"}, "url": f"{PEER}/shop", "secret": "s3cret"})
    assert "without a value of shop" in items.ask("items", 422)["detail"]
