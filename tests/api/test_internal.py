"""The internal datasource of an app: the same on SQLite and on CouchDB (ROWHOUSE_TEST_STORE=couchdb)."""
import itertools

import pytest

from client import problem

NOTES = {"name": "notes", "comment": "What is to be done", "key": ["code"], "columns": [
    {"name": "code", "type": "text", "nullable": False},
    {"name": "body", "type": "text", "nullable": False},
    {"name": "weight", "type": "decimal", "precision": 8, "scale": 2},
    {"name": "rank", "type": "int"},
    {"name": "done", "type": "bool", "nullable": False, "default": False},
    {"name": "due", "type": "date"},
    {"name": "extra", "type": "json"}]}
ROWS = [{"code": f"n{i:02d}", "body": f"Note {i}", "weight": i + 0.25, "rank": i % 4, "done": i % 3 == 0,
         "due": f"2024-02-{i + 1:02d}", "extra": {"tags": ["a", i]}} for i in range(20)]
NAMES = (f"inner{i}" for i in itertools.count())


@pytest.fixture
def inner(api):
    """An app that has nothing yet."""
    name = next(NAMES)
    api.data("POST", "apps", 201, json={"name": name})
    return name


@pytest.fixture
def notes(api, inner):
    """Path of the rows of a table with ROWS."""
    api.data("POST", f"apps/{inner}/datasources/internal/tables", 201, json=NOTES)
    path = f"apps/{inner}/data/internal/notes"
    assert api.post(path + "?returning=none&atomic=false", json=ROWS).status_code == 201
    return path


def ask(api, path, **query):
    return api.data("POST", path + "/query", json=query)


# ---- The datasource --------------------------------------------------------------------------

def test_every_app_has_one(api, inner):
    listed = api.data("GET", f"apps/{inner}/datasources")
    assert [d["name"] for d in listed] == ["internal"]
    assert listed[0]["internal"] is True and listed[0]["state"] == "ready" and listed[0]["config"] == {}
    assert api.data("GET", f"apps/{inner}/datasources/internal") == listed[0]
    assert api.data("POST", f"apps/{inner}/datasources/internal/test")["ok"] is True
    assert api.data("GET", f"apps/{inner}/datasources/internal/tables") == []


def test_it_belongs_to_the_app(api, inner):
    path = f"apps/{inner}/datasources"
    problem(api.post(path, json={"name": "internal", "connector": "memory", "config": {"name": "x"}}),
            "already-exists", 409)
    problem(api.patch(path + "/internal", json={"title": "Mine"}), "internal-datasource", 409)
    problem(api.delete(path + "/internal"), "internal-datasource", 409)
    problem(api.post(path + "/internal/native", json={"text": "select 1"}), "unsupported", 422)
    problem(api.get("apps/nobody/datasources/internal"), "unknown-app", 404)
    problem(api.get("apps/nobody/data/internal/notes"), "unknown-app", 404)


def test_an_app_with_tables_is_not_deleted_by_mistake(api, inner, notes):
    problem(api.delete(f"apps/{inner}"), "not-empty", 409)
    assert api.delete(f"apps/{inner}?cascade=true").status_code == 204
    problem(api.get(notes), "unknown-app", 404)
    api.data("POST", "apps", 201, json={"name": inner})
    assert api.data("GET", f"apps/{inner}/datasources/internal/tables") == []
    api.data("POST", f"apps/{inner}/datasources/internal/tables", 201, json=NOTES)
    assert ask(api, notes) == []


def test_apps_do_not_see_each_other(api, inner, notes):
    other = next(NAMES)
    api.data("POST", "apps", 201, json={"name": other})
    problem(api.get(f"apps/{other}/data/internal/notes"), "unknown-table", 404)
    api.data("POST", f"apps/{other}/datasources/internal/tables", 201, json=NOTES)
    assert ask(api, f"apps/{other}/data/internal/notes") == []
    assert len(ask(api, notes)) == len(ROWS)


# ---- Tables ----------------------------------------------------------------------------------

def test_a_table_is_as_it_was_declared(api, inner, notes):
    table = api.data("GET", f"apps/{inner}/datasources/internal/tables/notes")
    assert table["key"] == ["code"]
    assert [(c["name"], c["type"], c["nullable"]) for c in table["columns"]] == [
        (c["name"], c["type"], c.get("nullable", True)) for c in NOTES["columns"]]
    problem(api.post(f"apps/{inner}/datasources/internal/tables", json=NOTES), "already-exists", 409)


def test_tables_change(api, inner, notes):
    tables = f"apps/{inner}/datasources/internal/tables"
    api.data("PATCH", tables + "/notes", json={"add": [{"name": "color", "type": "text"}], "drop": ["due"]})
    table = api.data("GET", tables + "/notes")
    assert [c["name"] for c in table["columns"]] == ["code", "body", "weight", "rank", "done", "extra", "color"]
    assert "color" not in ask(api, notes, where={"code": "n03"})[0] or ask(api, notes)[0]["color"] is None
    api.data("PATCH", tables + "/notes", json={"add_indexes": [{"name": "by_rank", "columns": ["rank"]}]})
    assert ("by_rank", ["rank"]) in [(i["name"], i["columns"]) for i in
                                     api.data("GET", tables + "/notes")["indexes"]]
    assert [r["code"] for r in ask(api, notes, where={"rank": 2}, order=["code"])] == [
        r["code"] for r in ROWS if r["rank"] == 2]
    api.data("PATCH", tables + "/notes", json={"drop_indexes": ["by_rank"]})
    assert "by_rank" not in [i["name"] for i in api.data("GET", tables + "/notes")["indexes"]]
    assert api.delete(tables + "/notes").status_code == 204
    problem(api.get(notes), "unknown-table", 404)
    assert api.data("GET", tables) == []


def test_a_dropped_table_leaves_no_rows(api, inner, notes):
    tables = f"apps/{inner}/datasources/internal/tables"
    api.data("POST", tables, 201, json={**NOTES, "name": "others"})
    others = notes.replace("notes", "others")
    assert api.post(others + "?returning=none&atomic=false", json=ROWS[:3]).status_code == 201
    assert api.delete(tables + "/notes").status_code == 204
    api.data("POST", tables, 201, json=NOTES)
    assert ask(api, notes) == [] and len(ask(api, others)) == 3


# ---- Rows ------------------------------------------------------------------------------------

def test_rows_come_back(api, notes):
    assert ask(api, notes, order=["code"]) == ROWS
    assert api.data("GET", notes + "/n07") == ROWS[7]
    problem(api.get(notes + "/n99"), "not-found", 404)


@pytest.mark.parametrize("where, wanted", [
    ({"code": {"in": ["n01", "n05", "n99"]}}, lambda r: r["code"] in ("n01", "n05")),
    ({"code": {"gte": "n15"}}, lambda r: r["code"] >= "n15"),
    ({"rank": 3, "done": True}, lambda r: r["rank"] == 3 and r["done"]),
    ({"weight": {"lt": 4.5}}, lambda r: r["weight"] < 4.5),
    ({"due": {"gte": "2024-02-15"}}, lambda r: r["due"] >= "2024-02-15"),
    ({"or": [{"body": {"contains": "te 1"}}, {"rank": {"ne": 0}}]}, lambda r: "te 1" in r["body"] or r["rank"]),
])
def test_conditions(api, notes, where, wanted):
    found = [r["code"] for r in ask(api, notes, where=where, order=["code"])]
    assert found == [r["code"] for r in ROWS if wanted(r)] and 0 < len(found) < len(ROWS)


def test_pages_by_key(api, notes):
    seen, after = [], {}
    while True:
        page = api.post(notes + "/query", json={"order": ["-code"], "limit": 6, **after}).json()
        seen += page["data"]
        if not page["page"]["next"]:
            break
        after = {"after": page["page"]["next"]}
    assert seen == ROWS[::-1]


def test_a_row_lives(api, notes):
    made = api.data("POST", notes, 201, json={"code": "new", "body": "x"})
    made = made[0] if isinstance(made, list) else made
    assert made["done"] is False
    assert api.patch(notes + "/new", json={"body": "y", "rank": 9}).status_code == 200
    row = api.data("GET", notes + "/new")
    assert (row["body"], row["rank"], row["done"]) == ("y", 9, False)
    assert api.delete(notes + "/new").status_code in (200, 204)
    problem(api.get(notes + "/new"), "not-found", 404)


@pytest.mark.parametrize("kind, keys", [
    ("int", [7, -3, 100]), ("uuid", ["9b0e7a52-0f0a-4d0e-8f5e-0242ac120002", "00000000-0000-0000-0000-000000000001"]),
    ("date", ["2024-02-29", "1969-12-31"]), ("timestamp", ["2024-02-29T10:00:00Z", "2024-02-29T10:00:00.5Z"]),
    ("text", ["a/b", "é:x", "%41", "", "_x", "a b"]), ("bool", [True, False])])
def test_keys_of_every_type(api, inner, kind, keys):
    api.data("POST", f"apps/{inner}/datasources/internal/tables", 201, json={
        "name": "k", "key": ["id"], "columns": [{"name": "id", "type": kind, "nullable": False},
                                                {"name": "n", "type": "int"}]})
    path = f"apps/{inner}/data/internal/k"
    assert api.post(path + "?returning=none&atomic=false",
                    json=[{"id": key, "n": i} for i, key in enumerate(keys)]).status_code == 201
    for i, key in enumerate(keys):
        assert ask(api, path, where={"id": key}) == [{"id": key, "n": i}]
    assert {r["n"] for r in ask(api, path, where={"id": {"in": keys}})} == set(range(len(keys)))
    problem(api.post(path, json={"id": keys[0]}), "constraint", 409)


def test_a_key_of_two_columns_and_none(api, inner):
    tables = f"apps/{inner}/datasources/internal/tables"
    columns = [{"name": "a", "type": "text", "nullable": False}, {"name": "b", "type": "int", "nullable": False},
               {"name": "v", "type": "text"}]
    api.data("POST", tables, 201, json={"name": "two", "key": ["a", "b"], "columns": columns})
    api.data("POST", tables, 201, json={"name": "none", "columns": columns})
    rows = [{"a": a, "b": b, "v": f"{a}{b}"} for a in ("x", 'y"', "z,1") for b in (1, 2)]
    for name in ("two", "none"):
        path = f"apps/{inner}/data/internal/{name}"
        assert api.post(path + "?returning=none&atomic=false", json=rows).status_code == 201
        assert ask(api, path, order=["a", "b"]) == sorted(rows, key=lambda r: (r["a"], r["b"]))
        assert ask(api, path, where={"a": 'y"', "b": 2}) == [rows[3]]
    problem(api.post(f"apps/{inner}/data/internal/two", json=rows[0]), "constraint", 409)
    assert api.post(f"apps/{inner}/data/internal/none", json=rows[0]).status_code == 201


@pytest.mark.parametrize("row, code", [
    ({"code": "n01", "body": "again"}, "constraint"), ({"code": "bad"}, "constraint"),
    ({"code": "bad", "body": None}, "constraint"), ({"body": "no key"}, "constraint"),
    ({"code": "bad", "body": "x", "rank": "many"}, "invalid-value"),
    ({"code": "bad", "body": "x", "colour": "red"}, "unknown-column"),
])
def test_rows_that_do_not_fit(api, notes, row, code):
    answer = api.post(notes, json=row)
    assert answer.status_code in (400, 404, 409, 422), answer.text
    assert answer.json()["code"] == code, answer.text
    assert ask(api, notes, order=["code"]) == ROWS
