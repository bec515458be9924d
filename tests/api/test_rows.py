"""Reading and writing rows, on every kind of source."""
import json
from decimal import Decimal

import pytest

from client import problem
from conftest import ORDERS, POSTGRES_ALONE, SQL


def decimals(answer):
    return json.loads(answer.text, parse_float=Decimal)


# ---- Both forms of a query -------------------------------------------------------------------

def holds(predicate):
    return [o["id"] for o in ORDERS if predicate(o)]


# URL form, JSON form, what must come out
QUERIES = [
    ("id=eq.7", {"where": {"id": 7}}, holds(lambda o: o["id"] == 7)),
    ("status=eq.open", {"where": {"status": "open"}}, holds(lambda o: o["status"] == "open")),
    ("status=neq.open", {"where": {"status": {"neq": "open"}}}, None),
    ("status=ne.open", {"where": {"status": {"ne": "open"}}}, holds(lambda o: o["status"] != "open")),
    ("status=null.true", {"where": {"status": None}}, holds(lambda o: o["status"] is None)),
    ("status=in.(open,paid)", {"where": {"status": {"in": ["open", "paid"]}}},
     holds(lambda o: o["status"] in ("open", "paid"))),
    ("total=gte.40.00&total=lt.42", {"where": {"total": {"gte": "40.00", "lt": 42}}},
     holds(lambda o: 40 <= Decimal(o["total"]) < 42)),
    ("qty=between.(3,4)", {"where": {"qty": {"between": [3, 4]}}}, holds(lambda o: 3 <= o["qty"] <= 4)),
    ("ratio=gt.20.5", {"where": {"ratio": {"gt": 20.5}}}, holds(lambda o: o["ratio"] > 20.5)),
    ("paid=eq.true", {"where": {"paid": True}}, holds(lambda o: o["paid"])),
    ("created_at=gte.2024-01-28T00:00:00Z", {"where": {"created_at": {"gte": "2024-01-28T00:00:00Z"}}},
     holds(lambda o: o["created_at"] >= "2024-01-28")),
    ("status=starts.o", {"where": {"status": {"starts": "o"}}}, holds(lambda o: (o["status"] or "")[:1] == "o")),
    ("status=like.%25a%25", {"where": {"status": {"like": "%a%"}}}, holds(lambda o: "a" in (o["status"] or ""))),
    ("status=icontains.PAI", {"where": {"status": {"icontains": "PAI"}}}, holds(lambda o: o["status"] == "paid")),
    ("or=(id.eq.3,id.eq.5)", {"where": {"or": [{"id": 3}, {"id": 5}]}}, [3, 5]),
    ("not=(status.eq.open)", {"where": {"not": {"status": "open"}}}, holds(lambda o: o["status"] != "open")),
    ("order=-id&limit=3", {"order": ["-id"], "limit": 3}, [200, 199, 198]),
    ("offset=198", {"offset": 198}, [199, 200]),
    ("limit=0", {"limit": 0}, []),
]


@pytest.mark.parametrize("url, body, wanted", QUERIES, ids=[q[0] for q in QUERIES])
def test_both_forms_mean_the_same(source, url, body, wanted):
    api = source.api
    by_url = api.get(source.path("orders", f"?{url}" + ("" if "limit" in url else "&limit=1000")))
    by_json = api.post(source.path("orders", "/query"), json=body if "limit" in body else {**body, "limit": 1000})
    if wanted is None:
        problem(by_url, by_json.json()["code"], 400)
        return
    assert by_url.status_code == 200, by_url.text
    assert by_json.status_code == 200, by_json.text
    assert by_url.json()["data"] == by_json.json()["data"]
    assert [row["id"] for row in by_url.json()["data"]] == wanted


def test_a_page(source):
    answer = source.api.get(source.path("orders", "?limit=2&count=exact&order=id"))
    body = decimals(answer)
    assert body["data"][0] == {**ORDERS[0], "total": Decimal(ORDERS[0]["total"]), "ratio": Decimal("0.125")}
    assert body["page"]["count"] == 200 and body["page"]["next"] and body["page"]["prev"] is None
    assert answer.headers["Rowhouse-Plan"].startswith("pushed=")
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_a_page_tells_how_text_is_ordered(source):
    def order(query):
        return source.api.get(source.path("customers", query)).json().get("meta", {}).get("order")

    assert order("?order=name&collate=binary") == "binary"
    assert order("?order=name") == ("source" if source.kind == "postgres" else "binary")
    assert order("?order=id") is None


def test_numbers_as_text(source):
    row = source.api.data("GET", source.path("orders", "?id=eq.1&numbers=string"))[0]
    assert row["total"] == ORDERS[0]["total"] and row["id"] == "1"
    problem(source.api.get(source.path("orders", "?numbers=roman")), "invalid-request", 400)


def test_select(source):
    data = source.api.data("POST", source.path("orders", "/query"), json={"select": ["total", "id"], "limit": 1})
    assert list(data[0]) == ["total", "id"]


def test_groups(source):
    body = {"group": ["status"], "aggregate": {"n": {"count": "*"}, "sum": {"sum": "qty"}}, "order": ["status"]}
    rows = source.api.data("POST", source.path("orders", "/query"), json=body)
    wanted = {}
    for order in ORDERS:
        n, total = wanted.get(order["status"], (0, 0))
        wanted[order["status"]] = (n + 1, total + order["qty"])
    assert {r["status"]: (r["n"], r["sum"]) for r in rows} == wanted
    assert rows[-1]["status"] is None


@pytest.mark.parametrize("order, limit", [("id", 1)] + [
    (order, limit) for order in ("id", "-id", "status,-id", "-total,id", "created_at") for limit in (7, 100)])
def test_pages_to_the_end_and_back(source, order, limit):
    api, seen, pages = source.api, [], []
    rest = f"?order={order}&limit={limit}&select=id"
    cursor = ""
    while True:
        page = api.get(source.path("orders", rest + cursor)).json()
        pages.append([r["id"] for r in page["data"]])
        seen += pages[-1]
        if not page["page"]["next"]:
            break
        cursor = "&after=" + page["page"]["next"]
    assert len(seen) == len(set(seen)) == 200
    all_rows = api.data("GET", source.path("orders", f"?order={order}&limit=1000&select=id"))
    assert seen == [r["id"] for r in all_rows]
    back = [pages[-1]]
    while page["page"]["prev"] and len(back) < 5:
        page = api.get(source.path("orders", rest + "&before=" + page["page"]["prev"])).json()
        back.append([r["id"] for r in page["data"]])
    assert sum(reversed(back), []) == seen[-len(sum(back, [])):]


def test_cursors_are_bound_to_their_query(source):
    api = source.api
    cursor = api.get(source.path("orders", "?order=id&limit=5")).json()["page"]["next"]
    problem(api.get(source.path("orders", f"?order=-id&limit=5&after={cursor}")), "invalid-cursor", 400)
    problem(api.get(source.path("customers", f"?order=id&limit=5&after={cursor}")), "invalid-cursor", 400)
    swapped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    for bad in (swapped, "nonsense", cursor + "x", cursor[:10], "%00"):
        problem(api.get(source.path("orders", f"?order=id&limit=5&after={bad}")), "invalid-cursor", 400)
    assert api.get(source.path("orders", f"?order=id&limit=5&after={cursor}")).status_code == 200


def test_explain(source):
    data = source.api.data("POST", source.path("orders", "/explain"), json={"where": {"status": "open"}})
    assert data["table"] == "orders" and data["conditions"][0]["column"] == "status"
    assert data["returned"] == 0
    data = source.api.data("POST", source.path("orders", "/explain?analyze=true"), json={"where": {"status": "open"}})
    assert data["returned"] == 50


# ---- Formats ---------------------------------------------------------------------------------

def test_a_stream_does_not_tell_what_it_has_not_read_yet(source):
    for form in ("csv", "ndjson"):
        plan = source.api.get(source.path("orders", "?format=" + form)).headers["Rowhouse-Plan"]
        assert plan.startswith("pushed=") and "scanned=" not in plan
    assert "scanned=" in source.api.get(source.path("orders", "?limit=1")).headers["Rowhouse-Plan"]


def test_formats(source):
    api = source.api
    plain = api.data("GET", source.path("customers", "?order=id"))
    lines = api.get(source.path("customers", "?order=id&format=ndjson"))
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.content.splitlines()] == plain
    csv = api.get(source.path("customers", "?order=id"), headers={"Accept": "text/csv"})
    assert csv.headers["Content-Type"].startswith("text/csv")
    csv.encoding = "utf-8"
    assert csv.text.splitlines() == ["id,name,email,country", "1,Ada,ada@example.com,GB",
                                     "2,Bjørn,bjorn@example.com,NO", "3,Chiara,chiara@example.com,",
                                     "4,d%_\\,d@example.com,NO"]
    assert api.get(source.path("orders", "?format=ndjson")).text.count("\n") == 200


@pytest.mark.parametrize("accept, wanted", [
    ("*/*", "application/json"), ("application/*", "application/json"), ("text/*", "text/csv"),
    ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
    ("application/json;q=0, text/csv;q=0.1", "text/csv"), ("text/html, */*;q=0.1", "application/json"),
])
def test_accept(sqlite, accept, wanted):
    answer = sqlite.api.get(sqlite.path("customers"), headers={"Accept": accept})
    assert answer.headers["Content-Type"].split(";")[0] == wanted


@pytest.mark.parametrize("accept", ["text/html", "application/xml, image/*", "application/json;q=0"])
def test_nothing_acceptable(sqlite, accept):
    problem(sqlite.api.get(sqlite.path("customers"), headers={"Accept": accept}), "not-acceptable", 406)
    problem(sqlite.api.get(sqlite.path("customers", "?format=xml")), "not-acceptable", 406)


# ---- One row ---------------------------------------------------------------------------------

def test_a_row_and_its_tag(source):
    api = source.api
    answer = api.get(source.path("orders", "/7"))
    assert answer.json()["data"]["id"] == 7
    tag = answer.headers["ETag"]
    again = api.get(source.path("orders", "/7"), headers={"If-None-Match": tag})
    assert again.status_code == 304 and again.content == b"" and again.headers["ETag"] == tag
    assert api.get(source.path("orders", "/7"), headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    assert api.get(source.path("orders", "/8"), headers={"If-None-Match": tag}).status_code == 200
    problem(api.get(source.path("orders", "/100000")), "not-found", 404)
    assert api.get(source.path("orders", "/x")).status_code in (400, 422)


def test_composite_keys(source):
    api = source.api
    for line in ("a", "b,c", "d/e", "f%g", "ø"):
        made = api.post(source.path("lines"), json={"order_id": 1, "line": line, "note": line})
        assert made.status_code == 201, made.text
        where = made.headers["Location"]
        assert api.get(where).json()["data"]["note"] == line
        assert api.patch(where, json={"note": "new"}).status_code == 200
        assert api.get(where).json()["data"]["note"] == "new"
        assert api.delete(where).status_code == 204
        problem(api.get(where), "not-found", 404)
    for key in ("1", "1,2,3", ""):
        answer = api.get(source.path("lines", "/" + key))
        assert answer.status_code == (422 if key else 200), answer.text


def test_tables_without_a_key(source):
    api = source.api
    assert api.post(source.path("keyless"), json=[{"a": 1, "b": "x"}, {"a": 1, "b": "x"}]).status_code == 201
    page = api.get(source.path("keyless", "?limit=1")).json()
    assert page["page"]["stable"] is False
    problem(api.get(source.path("keyless", "/1")), "no-key", 422)
    if source.kind != "memory":  # which writes by key only
        source.restore("keyless", [])


# ---- Writing ---------------------------------------------------------------------------------

def test_insert_one(source):
    api = source.api
    made = api.post(source.path("customers"), json={"name": "Eve", "email": "eve@example.com"})
    assert made.status_code == 201
    row = made.json()["data"]
    assert row["name"] == "Eve" and row["country"] is None and row["id"] > 4
    assert made.headers["Location"] == "/api/v1/" + source.path("customers", f"/{row['id']}")
    got = api.get(made.headers["Location"])
    assert got.json()["data"] == row and got.headers["ETag"] == made.headers["ETag"]
    assert api.delete(made.headers["Location"]).status_code == 204


def test_what_is_returned(source):
    api, path = source.api, source.path("customers")
    body = [{"id": 71, "name": "x", "email": "x"}, {"id": 70, "name": "y", "email": "y"}]
    assert api.data("POST", path, 201, json=body) == [{"id": 71}, {"id": 70}]
    problem(api.post(path, json=body[0]), "constraint", 409)
    api.delete(path, json={"where": {"id": {"gte": 70}}})
    rows = api.data("POST", path + "?returning=rows", 201, json=body)
    assert [r["name"] for r in rows] == ["x", "y"]
    api.delete(path, json={"where": {"id": {"gte": 70}}})
    answer = api.post(path, json=body, headers={"Prefer": "return=minimal"})
    assert answer.json() == {"data": [], "meta": {"rows": 2, "affected": 2}}
    answer = api.delete(path + "?returning=rows", json={"where": {"id": {"gte": 70}}})
    assert sorted(r["id"] for r in answer.json()["data"]) == [70, 71]
    assert api.post(path + "?returning=keys", json=body[0]).json()["data"] == {"id": 71}
    assert api.delete(path + "/71").status_code == 204
    problem(api.post(path + "?returning=some", json=body), "invalid-request", 400)


def test_all_or_none(source):
    api, path = source.api, source.path("customers")
    body = [{"id": 50, "name": "x", "email": "x"}, {"id": 1, "name": "y", "email": "y"}]
    answer = problem(api.post(path, json=body), "constraint", 409)
    assert answer["constraint"] == "unique"
    problem(api.get(path + "/50"), "not-found", 404)


def test_each_for_itself(source):
    api, path = source.api, source.path("customers")
    body = [{"id": 50, "name": "x", "email": "x"}, {"id": 1, "name": "y", "email": "y"},
            {"id": 51, "name": "z", "email": "z"}]
    answer = api.post(path + "?atomic=false", json=body)
    assert answer.status_code == 207
    states = answer.json()["data"]
    assert [(s["row"], s["ok"]) for s in states] == [(0, True), (1, False), (2, True)]
    assert states[1]["error"]["code"] == "constraint"
    assert answer.json()["meta"] == {"rows": 3, "affected": 2, "failed": 1}
    assert api.delete(path, json={"where": {"id": {"in": [50, 51]}}}).json()["meta"]["affected"] == 2
    problem(api.post(path + "?atomic=false&returning=rows", json=body), "invalid-request", 400)


def test_upsert(source):
    api, path = source.api, source.path("customers")
    body = [{"id": 1, "name": "Ada II", "email": "ada@example.com"}, {"id": 60, "name": "New", "email": "n"}]
    assert api.post(path + "?on_conflict=id", json=body).status_code == 200
    assert api.data("GET", path + "/1")["name"] == "Ada II"
    assert api.data("GET", path + "/1")["country"] == "GB"
    body = [{"id": 1, "name": "Ada III", "email": "ada@example.com"}]
    assert api.post(path + "?resolution=ignore", json=body).status_code == 200
    assert api.data("GET", path + "/1")["name"] == "Ada II"
    problem(api.post(path + "?resolution=perhaps", json=body), "invalid-request", 400)
    assert api.post(path + "?on_conflict=nothing", json=body).status_code == 400
    assert api.delete(path + "/60").status_code == 204
    assert api.patch(path + "/1", json={"name": "Ada"}).status_code == 200


def test_upsert_by_columns_without_a_unique_constraint(source):
    """What the source cannot do itself is completed: a look, then updates by key and inserts."""
    api, path = source.api, source.path("customers")
    body = [{"name": "Ada", "email": "changed@example.com"}, {"name": "Fresh", "email": "fresh@example.com"}]
    answer = api.post(path + "?on_conflict=name", json=body)
    assert answer.status_code == 200, answer.text
    rows = api.data("GET", path + "?name=in.(Ada,Fresh)&order=name")
    assert [(row["name"], row["email"]) for row in rows] == [(row["name"], row["email"]) for row in body]
    steps = [{"update": "customers", "key": 2, "set": {"country": "SE"}},
             {"upsert": "customers", "rows": [{"name": "Ada", "email": "ada@example.com"}], "on_conflict": "name"}]
    done = api.data("POST", f"apps/{source.app}/transaction", json={"datasource": source.name, "operations": steps})
    assert [step["affected"] for step in done] == [1, 1]
    assert api.data("GET", path + "/2")["country"] == "SE"
    assert api.delete(path, json={"where": {"name": "Fresh"}}).json()["meta"]["affected"] == 1
    assert api.patch(path + "/2", json={"country": "NO"}).status_code == 200
    assert api.data("GET", path + "/1")["email"] == "ada@example.com"


@pytest.mark.parametrize("source", SQL, indirect=True)
def test_a_duplicate_names_its_column(source):
    answer = source.api.post(source.path("customers"), json=[{"name": "x", "email": "x"},
                                                             {"name": "y", "email": "ada@example.com"}])
    error = problem(answer, "constraint", 409)["errors"][0]
    assert (error["pointer"], error["column"], error["row"]) == ("/1/email", "email", 1)


def test_update_one(source):
    api, path = source.api, source.path("orders", "/9")
    before = api.get(path)
    tag = before.headers["ETag"]
    answer = api.patch(path, json={"status": "late", "total": 12.5}, headers={"If-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["data"]["status"] == "late" and answer.json()["data"]["total"] == 12.5
    assert answer.headers["ETag"] == api.get(path).headers["ETag"] != tag
    problem(api.patch(path, json={"status": "x"}, headers={"If-Match": tag}), "stale", 412)
    problem(api.delete(path, headers={"If-Match": tag}), "stale", 412)
    problem(api.patch(source.path("orders", "/99999"), json={"status": "x"}), "not-found", 404)
    problem(api.patch(path, json={"stats": "x"}), "unknown-column", 400)
    assert api.patch(path + "?returning=none", json={"status": ORDERS[8]["status"],
                                                     "total": ORDERS[8]["total"]}).json()["data"] is None
    assert api.get(path).json() == before.json()


def test_put(source):
    api, path = source.api, source.path("customers", "/90")
    made = api.put(path, json={"name": "P", "email": "p@example.com"})
    assert made.status_code == 201 and made.headers["Location"].endswith("/customers/90")
    changed = api.put(path, json={"name": "Q", "email": "p@example.com"}, headers={"If-Match": made.headers["ETag"]})
    assert changed.status_code == 200 and changed.json()["data"]["name"] == "Q"
    problem(api.put(path, json={"name": "R", "email": "p"}, headers={"If-Match": made.headers["ETag"]}), "stale", 412)
    problem(api.put(source.path("customers", "/91"), json={"name": "R", "email": "r"}, headers={"If-Match": "*"}),
            "stale", 412)
    problem(api.put(path, json={"name": "R", "email": "p"}, headers={"If-None-Match": "*"}), "stale", 412)
    problem(api.put(path, json={"name": "R", "email": "p"}, headers={"If-None-Match": '"x"'}), "invalid-request", 400)
    assert api.data("GET", path)["name"] == "Q"
    assert api.delete(path).status_code == 204
    problem(api.delete(path), "not-found", 404)
    made = api.put(path, json={"name": "S", "email": "s@example.com"}, headers={"If-None-Match": "*"})
    assert made.status_code == 201 and made.json()["data"]["name"] == "S"
    assert api.delete(path).status_code == 204


def test_by_condition(source):
    api, path = source.api, source.path("orders")
    answer = api.patch(path, json={"where": {"status": "open"}, "set": {"qty": 99}})
    assert answer.json() == {"data": [], "meta": {"rows": 50, "affected": 50}}
    answer = api.patch(path + "?returning=keys", json={"where": {"qty": 99, "id": {"lt": 20}}, "set": {"qty": 98}})
    assert sorted(r["id"] for r in answer.json()["data"]) == [4, 8, 12, 16]
    assert api.delete(path, json={"where": {"qty": {"in": [98, 99]}}}).json()["meta"]["affected"] == 50
    for body in ({}, {"where": {}}, {"all": False}):
        problem(api.delete(path, json=body), "unconditional-write", 400)
    problem(api.patch(path, json={"set": {"qty": 1}}), "unconditional-write", 400)
    problem(api.patch(path, json={"where": {"id": 1}}), "invalid-request", 400)
    problem(api.delete(path, json={"were": {"id": 1}}), "invalid-request", 400)
    assert api.data("GET", path + "?count=exact&limit=0") == []
    source.restore("orders", ORDERS)


@pytest.mark.parametrize("row, column", [
    ({"customer_id": "x", "total": 1}, "customer_id"), ({"customer_id": 1.5, "total": 1}, "customer_id"),
    ({"customer_id": 1, "total": "1.234"}, "total"), ({"customer_id": 1, "total": "99999999999.00"}, "total"),
    ({"customer_id": 1, "total": 1, "created_at": "yesterday"}, "created_at"),
    ({"customer_id": 1, "total": 1, "paid": "maybe"}, "paid"),
    ({"customer_id": 9223372036854775808, "total": 1}, "customer_id"),
    ({"customer_id": {}, "total": 1}, "customer_id"),
])
def test_values_that_do_not_fit(source, row, column):
    answer = source.api.post(source.path("orders"), json=row)
    body = problem(answer, "invalid-value")
    assert answer.status_code in (400, 422)
    assert body["errors"][0]["pointer"] == "/" + column


def test_rows_that_make_no_sense(source):
    api, path = source.api, source.path("orders")
    for body in (5, "x", [1], [[]], [{"customer_id": 1, "total": 1}, None]):
        assert api.post(path, json=body).status_code == 400, body
    answer = problem(api.post(path, json={"customer_id": 1, "totl": 1}), "unknown-column", 400)
    assert "total" in answer["hint"]
    assert api.post(path, json={"customer_id": 1}).status_code == 409
    assert api.data("GET", path + "?count=exact&limit=1000").__len__() == 200


def test_relations_are_kept(source):
    if source.kind == "memory":  # it has no foreign keys, and says so
        path = f"apps/{source.app}/datasources/{source.name}/tables/orders"
        assert source.api.data("GET", path)["relations"] == []
        return
    answer = problem(source.api.post(source.path("orders"), json={"customer_id": 999, "total": 1}), "constraint", 409)
    assert answer["constraint"] == "foreign-key"


# ---- Import ----------------------------------------------------------------------------------

def test_import(source):
    api, path = source.api, source.path("lines", "/import")
    csv = 'order_id,line,note\r\n1,a,"x, ""y"""\r\n1,b,\r\n2,a,""\r\n'
    answer = api.post(path, data=csv.encode(), headers={"Content-Type": "text/csv; charset=utf-8"})
    assert answer.json()["data"] == {"rows": 3, "written": 3, "failed": 0, "errors": []}, answer.text
    notes = {(r["order_id"], r["line"]): r["note"] for r in api.data("GET", source.path("lines"))}
    assert notes == {(1, "a"): 'x, "y"', (1, "b"): None, (2, "a"): ""}
    lines = '{"order_id":1,"line":"a","note":"new"}\n{"order_id":3,"line":"a"}\n'
    answer = problem(api.post(path, data=lines, headers={"Content-Type": "application/x-ndjson"}), "constraint", 409)
    assert len(api.data("GET", source.path("lines"))) == 3
    answer = api.post(path + "?atomic=false&format=ndjson", data=lines)
    assert answer.status_code == 207
    data = answer.json()["data"]
    assert (data["rows"], data["written"], data["failed"]) == (2, 1, 1)
    assert data["errors"][0]["row"] == 0 and data["errors"][0]["error"]["code"] == "constraint"
    answer = api.post(path + "?on_conflict=order_id,line", json=[{"order_id": 1, "line": "a", "note": "up"}])
    assert answer.json()["data"]["failed"] == 0
    assert api.data("GET", source.path("lines", "/1,a"))["note"] == "up"
    source.restore("lines", [])


def test_a_large_import(source):
    """More than is kept in memory: the body goes through a file."""
    n = 40000
    csv = "order_id,line,note\n" + "".join(f"{i},l{i},{'n' * 40}\n" for i in range(n))
    assert len(csv) > 2 << 20
    answer = source.api.post(source.path("lines", "/import"), data=csv.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200 and answer.json()["data"]["written"] == n, answer.text
    stream = source.api.get(source.path("lines", "?format=ndjson"))
    assert stream.text.count("\n") == n
    source.restore("lines", [])


def test_imports_that_make_no_sense(sqlite):
    path = sqlite.path("lines", "/import")
    problem(sqlite.api.post(path, data="x", headers={"Content-Type": "text/plain"}), "unsupported-media-type", 415)
    problem(sqlite.api.post(path, data="x"), "unsupported-media-type", 415)
    problem(sqlite.api.post(path, data='a,"b\n', headers={"Content-Type": "text/csv"}), "invalid-csv", 400)
    problem(sqlite.api.post(path, data="nonsense,line\n1,2\n", headers={"Content-Type": "text/csv"}),
            "unknown-column", 400)
    problem(sqlite.api.post(path, data="{\n", headers={"Content-Type": "application/x-ndjson"}), "invalid-json", 400)


# ---- Transactions and native queries ---------------------------------------------------------

def test_a_transaction(source):
    api, path = source.api, f"apps/{source.app}/transaction"
    steps = [{"insert": "customers", "row": {"id": 80, "name": "T", "email": "t"}},
             {"update": "customers", "key": 80, "set": {"country": "SE"}, "returning": "rows"},
             {"upsert": "customers", "rows": [{"id": 80, "name": "U", "email": "t"}], "on_conflict": "id"},
             {"query": "customers", "where": {"id": 80}, "select": ["name", "country"]},
             {"update": "orders", "where": {"id": {"lte": 2}}, "set": {"qty": 77}},
             {"delete": "customers", "key": "80"}]
    results = api.data("POST", path, json={"datasource": source.name, "operations": steps})
    assert results[0] == {"affected": 1, "rows": [{"id": 80}]}
    assert results[1]["rows"][0]["country"] == "SE"
    assert results[3]["rows"] == [{"name": "U", "country": "SE"}]
    assert results[4]["affected"] == 2 and results[5] == {"affected": 1}
    steps = [{"update": "orders", "where": {"id": {"lte": 2}}, "set": {"qty": 1}},
             {"insert": "customers", "row": {"id": 1, "name": "T", "email": "t"}}]
    answer = problem(api.post(path, json={"datasource": source.name, "operations": steps}), "constraint", 409)
    assert answer["detail"].startswith("operation 1: ")
    assert [r["qty"] for r in api.data("GET", source.path("orders", "?id=lte.2"))] == [77, 77]
    source.restore("orders", ORDERS)


def test_a_query_in_a_transaction_says_what_it_leaves_out(source):
    body = {"datasource": source.name, "operations": [
        {"query": "orders", "select": ["id"], "count": "exact"},
        {"query": "orders", "select": ["id"], "where": {"id": {"gt": 198}}}]}
    whole, rest = source.api.data("POST", f"apps/{source.app}/transaction", json=body)
    assert len(whole["rows"]) == 100 and whole["page"]["count"] == 200
    after = source.api.get(source.path("orders", f"?select=id&after={whole['page']['next']}"))
    assert [row["id"] for row in after.json()["data"]] == list(range(101, 201))
    assert len(rest["rows"]) == 2 and rest["page"]["next"] is None


@pytest.mark.parametrize("steps, code, pointer", [
    ([], "invalid-request", "/operations"), (None, "invalid-request", "/operations"),
    ([5], "invalid-request", "/operations/0"), ([{}], "invalid-request", "/operations/0"),
    ([{"insert": "customers"}], "invalid-request", "/operations/0/rows"),
    ([{"upsert": "customers", "row": {}, "on_conflict": ["id"]}], "invalid-request", "/operations/0/on_conflict"),
    ([{"insert": "customers", "row": {}, "x": 1}], "invalid-request", "/operations/0/x"),
    ([{"update": "customers", "key": 1}], "invalid-request", "/operations/0/set"),
    ([{"update": "customers", "set": {"name": "x"}}], "unconditional-write", None),
    ([{"delete": "nothing", "key": 1}], "unknown-table", None),
    ([{"query": "customers", "were": 1}], "invalid-query", None),
    ([{"insert": "orders", "row": {"customer_id": "x", "total": 1}}], "invalid-value",
     "/operations/0/row/customer_id"),
    ([{"insert": "orders", "rows": [{"customer_id": "x", "total": 1}]}], "invalid-value",
     "/operations/0/rows/0/customer_id"),
    ([{"update": "orders", "key": 1, "set": {"qty": "x"}}], "invalid-value", "/operations/0/set/qty"),
])
def test_transactions_that_make_no_sense(sqlite, steps, code, pointer):
    body = {"datasource": sqlite.name, "operations": steps}
    answer = problem(sqlite.api.post(f"apps/{sqlite.app}/transaction", json=body), code)
    if pointer:
        assert answer["errors"][0]["pointer"] == pointer


def native(source, **body):
    return source.api.post(f"apps/{source.app}/datasources/{source.name}/native", json=body)


def test_native_queries(source):
    if source.kind == "memory":
        problem(native(source, text="select 1"), "unsupported", 422)
        return
    mark = "$1" if source.kind == "postgres" else "?"
    answer = native(source, text=f"select id, total from orders where id <= {mark} order by id", parameters=[3])
    assert answer.status_code == 200, answer.text
    assert [r["id"] for r in answer.json()["data"]] == [1, 2, 3]
    assert [c["name"] for c in answer.json()["columns"]] == ["id", "total"]
    assert answer.json()["page"] == {"more": False}
    answer = native(source, text="select id from orders", limit=10)
    assert len(answer.json()["data"]) == 10 and answer.json()["page"] == {"more": True}
    problem(native(source, text="update orders set qty = 5"), "read-only", 422)
    answer = native(source, text="update orders set qty = qty where id = 1", read_only=False)
    assert answer.json()["meta"]["affected"] == 1
    for text in ("selec", "select * from nothing_there", "select 1; select 2"):
        assert 400 <= native(source, text=text).status_code < 500, text
    for body in ({}, {"text": ""}, {"text": 5}, {"text": "select 1", "parameters": 5},
                 {"text": "select 1", "limit": 10001}, {"text": "select 1", "readonly": True}):
        problem(native(source, **body), "invalid-request", 400)


def test_native_streams(source):
    path = f"apps/{source.app}/datasources/{source.name}/native?format=csv"
    if source.kind == "memory":
        problem(source.api.post(path, json={"text": "select 1"}), "unsupported", 422)
        return
    answer = source.api.post(path, json={"text": "select id from orders order by id"})
    assert answer.text == "id\r\n" + "".join(f"{i}\r\n" for i in range(1, 201))


# ---- Tables ----------------------------------------------------------------------------------

def test_life_of_a_table(source):
    api = source.api
    table = {"name": "notes", "columns": [
        {"name": "id", "type": "int", "identity": True}, {"name": "body", "type": "text", "nullable": False},
        {"name": "stars", "type": "int", "default": 3}],
        "key": ["id"], "indexes": [{"name": "notes_body", "columns": ["body"]}]}
    if source.kind == "memory":  # it has no indexes
        del table["indexes"]
    dry = api.data("POST", source.tables("?dry_run=true"), json=table)
    assert dry["native"]
    problem(api.get(source.tables("/notes")), "unknown-table", 404)
    made = api.post(source.tables(), json=table)
    assert made.status_code == 201 and made.headers["Location"].endswith("/tables/notes"), made.text
    data = made.json()["data"]
    assert [c["name"] for c in data["columns"]] == ["id", "body", "stars"] and data["key"] == ["id"]
    assert api.data("GET", source.tables("/notes")) == data
    assert api.data("POST", source.path("notes"), 201, json={"body": "x"})["stars"] == 3
    assert api.post(source.tables(), json=table).status_code == 409
    changes = {"add": [{"name": "color", "type": "text"}], "rename": {"body": "text"}}
    if "indexes" in table:
        changes["drop_indexes"] = ["notes_body"]
    changed = api.data("PATCH", source.tables("/notes"), json=changes)
    assert [c["name"] for c in changed["columns"]] == ["id", "text", "stars", "color"]
    assert api.data("GET", source.path("notes"))[0]["text"] == "x"
    assert api.data("PATCH", source.tables("/notes"), json={"name": "memos", "drop": ["color"]})["name"] == "memos"
    assert api.delete(source.tables("/memos?dry_run=true")).status_code == 200
    assert api.delete(source.tables("/memos")).status_code == 204
    problem(api.get(source.tables("/memos")), "unknown-table", 404)


def test_descriptions(source):
    api = source.api
    assert {"customers", "orders", "lines", "keyless"} <= {t["name"] for t in api.data("GET", source.tables())}
    table = api.data("GET", source.tables("/orders"))
    types = {c["name"]: c["type"] for c in table["columns"]}
    assert types == {"id": "int", "customer_id": "int", "status": "text", "total": "decimal", "qty": "int",
                     "ratio": "float", "paid": "bool", "created_at": "timestamp"}
    if source.kind != "memory":
        assert table["relations"][0]["table"] == "customers"
        assert table["relations"][0]["columns"] == ["customer_id"]
        indexes = api.data("GET", source.tables("/customers"))["indexes"]
        assert any(i["columns"] == ["email"] and i["unique"] for i in indexes)


@pytest.mark.parametrize("body, pointer", [
    ({}, "/name"), ({"name": "x"}, "/columns"), ({"name": "x", "columns": []}, "/columns"),
    ({"name": "x", "columns": [{"name": "a", "type": "strng"}]}, "/columns/0/type"),
    ({"name": "x", "columns": [{"name": "a", "typ": "text"}]}, "/columns/0/typ"),
    ({"name": "x", "columns": [{"name": "a", "type": "int"}], "key": ["b"]}, "/key/0"),
    ({"name": "x", "columns": [{"name": "a", "type": "int"}], "indexes": [{"name": "i", "columns": []}]},
     "/indexes/0/columns"),
])
def test_tables_that_make_no_sense(sqlite, body, pointer):
    answer = sqlite.api.post(sqlite.tables(), json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_datasource_that_is_read_only(api, app, sqlite):
    api.data("POST", f"apps/{app}/datasources", 201, json={
        "name": "glass", "connector": "sqlite", "config": {**sqlite.made["config"], "read_only": True}})
    path = f"apps/{app}/datasources/glass"
    problem(api.post(f"apps/{app}/data/glass/customers", json={"name": "x", "email": "x"}), "read-only", 422)
    problem(api.post(path + "/native", json={"text": "delete from orders", "read_only": False}), "read-only", 422)
    problem(api.post(path + "/tables", json={"name": "t", "columns": [{"name": "a", "type": "int"}]}), "read-only", 422)
    assert len(api.data("GET", f"apps/{app}/data/glass/customers")) == 4


@pytest.mark.parametrize("change, pointer", [
    ({"drop": ["id", "nothing"]}, "/drop/1"), ({"rename": {"nothing": "x"}}, "/rename"),
    ({"alter": [{"name": "nothing", "type": "int"}]}, "/alter/0/name"),
    ({"add_indexes": [{"name": "i", "columns": ["nothing"]}]}, "/add_indexes/0/columns/0"),
])
def test_changes_of_columns_that_are_not_there(source, change, pointer):
    for rest in ("/orders", "/orders?dry_run=true"):
        answer = problem(source.api.patch(source.tables(rest), json=change), "unknown-column", 400)
        assert answer["errors"][0]["pointer"] == pointer


def test_tables_that_cannot_be(sqlite):
    columns = [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]
    answer = problem(sqlite.api.post(sqlite.tables(), json={"name": "t", "columns": columns + columns[:1]}),
                     "invalid-request", 400)
    assert answer["errors"][0]["pointer"] == "/columns/2/name"
    relation = {"columns": ["a"], "table": "nothing", "ref_columns": ["id"]}
    answer = problem(sqlite.api.post(sqlite.tables(), json={"name": "t", "columns": columns, "relations": [relation]}),
                     "unknown-table", 404)
    assert answer["errors"][0]["pointer"] == "/relations/0/table"
    relation["table"] = "t"
    relation["ref_columns"] = ["b"]
    made = sqlite.api.post(sqlite.tables(), json={"name": "t", "columns": columns, "key": ["b"], "relations": [relation]})
    assert made.status_code == 201, made.text
    answer = problem(sqlite.api.post(sqlite.tables(), json={"name": "t", "columns": columns}), "already-exists", 409)
    assert "errors" not in answer
    assert sqlite.api.delete(sqlite.tables("/t")).status_code == 204


def test_an_aggregate_that_cannot_be_is_named(source):
    body = {"aggregate": {"revenue": {"sum": "status"}}}
    answer = problem(source.api.post(source.path("orders", "/query"), json=body), "invalid-query", 400)
    for word in ("revenue", "status", "text"):
        assert f'"{word}"' in answer["detail"] or word in answer["detail"]
    assert "numbers" in answer["hint"]


@pytest.mark.parametrize("column, value", [("small", 40000), ("small", -32769), ("medium", 2147483648), ("short", 1e39)])
@pytest.mark.parametrize("source", POSTGRES_ALONE, indirect=True)
def test_a_number_beyond_its_column_names_it(source, column, value):
    native(source, text="create table if not exists narrow (id int primary key, small smallint, medium int, short real)",
           read_only=False)
    source.api.post(f"apps/{source.app}/datasources/{source.name}/refresh")
    path = source.path("narrow")
    error = problem(source.api.post(path, json={"id": 1, column: value}), "invalid-value", 422)["errors"][0]
    assert (error["column"], error["pointer"]) == (column, f"/{column}") and f'"{column}"' in error["detail"]
    rows = [{"id": i, column: value if i == 777 else 1} for i in range(2000)]  # many go by COPY
    error = problem(source.api.post(path + "?returning=none", json=rows), "invalid-value", 422)["errors"][0]
    assert (error["column"], error["row"]) == (column, 777)
    assert source.api.data("GET", path, params={column: f"gte.{value}"}) == []


@pytest.mark.parametrize("source", POSTGRES_ALONE, indirect=True)
def test_native_arrays(source):
    text = "select array_agg(id order by id) as ids, array[['a', null]] as texts from orders where id = any ($1)"
    answer = native(source, text=text, parameters=[[3, 1, 2]]).json()
    assert answer["data"] == [{"ids": [1, 2, 3], "texts": [["a", None]]}]
    assert [c["type"] for c in answer["columns"]] == ["json", "json"]
    answer = native(source, text="select $1::jsonb -> 1 as second", parameters=[[3, 1, 2]]).json()
    assert answer["data"] == [{"second": 1}]
    for text in ("selec $1", "select 1 where 1 = any ($2)"):
        problem(native(source, text=text, parameters=[[1]]), "invalid-request", 400)
    problem(native(source, text="delete from orders where id = any ($1)", parameters=[[1]]), "read-only", 422)
    answer = native(source, text="update orders set qty = qty where id = any ($1)", parameters=[[1, 2]], read_only=False)
    assert answer.json()["meta"]["affected"] == 2


def test_native_columns_of_one_name(sqlite):
    answer = native(sqlite, text="select 1 as n, 2 as n, 3 as n_2, 4 as n").json()
    assert answer["data"] == [{"n": 1, "n_2": 2, "n_2_2": 3, "n_3": 4}]
    assert [c["name"] for c in answer["columns"]] == list(answer["data"][0])


def test_an_import_names_the_line_at_fault(sqlite):
    path, headers = sqlite.path("lines", "/import"), {"Content-Type": "text/csv"}
    for body, line in ((b"order_id,line\n1,a\n1,\xff\n", 3), (b"\xff,line\n1,a\n", 1), (b"order_id,line\n1,\"a\n", 2)):
        answer = problem(sqlite.api.post(path, data=body, headers=headers), "invalid-csv", 400)
        assert answer["detail"].startswith(f"line {line}"), answer


def test_a_row_that_is_none(source):
    for body in ([5], [{"name": "x", "email": "x"}, []], "x"):
        problem(source.api.post(source.path("customers"), json=body), "invalid-request", 400)
