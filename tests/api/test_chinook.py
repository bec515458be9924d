"""The same questions about the same data on two sources have the same answers."""
import re
import sqlite3

import pytest

from client import ROOT
from conftest import drop_database, make_database

FOLDER = ROOT.parent / "shared" / "data" / "chinook"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no chinook data beside the checkout")


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@pytest.fixture(scope="module")
def chinook(api, app, pg, tmp_path_factory):
    import psycopg2
    path = tmp_path_factory.mktemp("chinook") / "chinook.db"
    conn = sqlite3.connect(path)
    conn.executescript((FOLDER / "Chinook_Sqlite.sql").read_text(encoding="utf-8-sig"))
    conn.close()
    name, url = make_database()
    script = (FOLDER / "Chinook_PostgreSql.sql").read_text(encoding="utf-8-sig")
    script = "\n".join(line for line in script.splitlines()
                       if not line.startswith(("\\c", "DROP DATABASE", "CREATE DATABASE")))
    conn = psycopg2.connect(url)
    conn.cursor().execute(script)
    conn.commit()
    conn.close()
    for source, connector, config in (("lite", "sqlite", {"path": str(path)}), ("pg", "postgres", {"url": url})):
        api.data("POST", f"apps/{app}/datasources", 201,
                 json={"name": source, "connector": connector, "config": config})
    yield api
    drop_database(name)


# In the names of the SQLite script; those of the PostgreSQL script are the same in snake case.
QUERIES = [
    ("Artist", {"order": ["ArtistId"], "limit": 1000}),
    ("Album", {"where": {"Title": {"contains": "Live"}}, "order": ["AlbumId"], "limit": 500}),
    ("Album", {"where": {"Title": {"icontains": "live"}}, "order": ["AlbumId"], "limit": 500}),
    ("Track", {"where": {"UnitPrice": {"gt": "0.99"}}, "order": ["-Milliseconds", "TrackId"], "limit": 50}),
    ("Track", {"where": {"Composer": None}, "select": ["TrackId", "Name"], "order": ["TrackId"], "limit": 2000}),
    ("Track", {"where": {"not": {"Composer": {"starts": "A"}}}, "select": ["TrackId"], "order": ["TrackId"],
               "limit": 5000}),
    ("Track", {"where": {"Name": {"matches": "^[A-C].*[0-9]$"}}, "select": ["TrackId", "Name"], "order": ["TrackId"]}),
    ("Track", {"where": {"GenreId": {"in": [1, 3, 5]}, "Milliseconds": {"between": [200000, 210000]}},
               "order": ["TrackId"], "limit": 500}),
    ("Customer", {"where": {"or": [{"Country": "Brazil"}, {"State": {"null": False}}]}, "order": ["CustomerId"]}),
    ("Customer", {"where": {"Company": {"ne": "Google Inc."}}, "select": ["CustomerId"], "order": ["CustomerId"]}),
    ("Customer", {"search": "São", "order": ["CustomerId"]}),
    ("Employee", {"order": ["EmployeeId"]}),
    ("Invoice", {"where": {"InvoiceDate": {"gte": "2022-01-01T00:00:00", "lt": "2022-03-01T00:00:00"}},
                 "order": ["InvoiceId"]}),
    ("Invoice", {"where": {"Total": {"gte": 10}}, "order": ["-Total", "InvoiceId"], "limit": 100}),
    ("Invoice", {"group": ["BillingCountry"], "aggregate": {"n": {"count": "*"}, "sum": {"sum": "Total"}},
                 "having": {"n": {"gte": 10}}, "order": ["-sum", "BillingCountry"]}),
    ("Invoice", {"group": [{"month": {"bucket": "InvoiceDate", "by": "month"}}],
                 "aggregate": {"sum": {"sum": "Total"}, "top": {"max": "Total"}}, "order": ["month"], "limit": 200}),
    ("InvoiceLine", {"aggregate": {"n": {"count": "*"}, "mean": {"avg": "UnitPrice"}}}),
    ("Track", {"select": ["MediaTypeId"], "distinct": True, "order": ["MediaTypeId"]}),
    ("PlaylistTrack", {"where": {"PlaylistId": 8}, "order": ["TrackId"], "limit": 10000}),
    ("Genre", {"order": ["-GenreId"], "limit": 5, "count": "exact"}),
]


OUTPUTS = {"n", "sum", "mean", "top", "month"}


def translate(value):
    """The query in the other script's names."""
    if isinstance(value, list):
        return [translate(v) for v in value]
    if isinstance(value, dict):
        return {k if k in OUTPUTS or k[0].islower() else snake(k): translate(v) for k, v in value.items()}
    if isinstance(value, str) and re.fullmatch(r"-?[A-Z][A-Za-z]+", value) and value not in ("Brazil", "Live", "A"):
        return "-" + snake(value[1:]) if value[0] == "-" else snake(value)
    return value


@pytest.mark.parametrize("table, query", QUERIES, ids=[f"{t}-{i}" for i, (t, _) in enumerate(QUERIES)])
def test_equal_answers(chinook, app, table, query):
    lite = chinook.post(f"apps/{app}/data/lite/{table}/query", json=query)
    pg = chinook.post(f"apps/{app}/data/pg/{snake(table)}/query", json=translate(query))
    assert lite.status_code == 200, lite.text
    assert pg.status_code == 200, pg.text
    rows = [{k if k in OUTPUTS else snake(k): v for k, v in row.items()} for row in lite.json()["data"]]
    assert rows, "the question should have an answer"
    assert normal(rows) == normal(pg.json()["data"])
    assert lite.json()["page"].get("count") == pg.json()["page"].get("count")


def normal(rows):
    """The SQLite script has one city with a space behind it that the PostgreSQL script has not."""
    return [{k: v.rstrip() if isinstance(v, str) else v for k, v in row.items()} for row in rows]


@pytest.mark.parametrize("table", ["Track", "InvoiceLine", "PlaylistTrack"])
def test_equal_pages(chinook, app, table):
    """Walked to the end in pages, both sources give every row once, in the same order."""
    key = ["PlaylistId", "TrackId"] if table == "PlaylistTrack" else [table + "Id"]

    def walk(source, name, order):
        rows, cursor = [], {}
        while True:
            body = chinook.post(f"apps/{app}/data/{source}/{name}/query",
                                json={"select": order, "order": order, "limit": 700, **cursor}).json()
            rows += [tuple(row[c] for c in order) for row in body["data"]]
            if not body["page"]["next"]:
                return rows
            cursor = {"after": body["page"]["next"]}

    lite = walk("lite", table, key)
    assert lite == walk("pg", snake(table), [snake(c) for c in key]) == sorted(set(lite))


def test_equal_descriptions(chinook, app):
    lite = {snake(t["name"]): t for t in chinook.data("GET", f"apps/{app}/datasources/lite/tables")}
    pg = {t["name"]: t for t in chinook.data("GET", f"apps/{app}/datasources/pg/tables")}
    assert set(lite) == set(pg) and len(pg) == 11
    for name in pg:
        assert [snake(k) for k in lite[name]["key"]] == pg[name]["key"]
        a = chinook.data("GET", f"apps/{app}/datasources/lite/tables/{lite[name]['name']}")
        b = chinook.data("GET", f"apps/{app}/datasources/pg/tables/{name}")
        assert [(snake(c["name"]), c["type"], c["nullable"]) for c in a["columns"]] == \
               [(c["name"], c["type"], c["nullable"]) for c in b["columns"]]
        assert sorted((snake(r["table"]), [snake(c) for c in r["columns"]]) for r in a["relations"]) == \
               sorted((r["table"], r["columns"]) for r in b["relations"])


def test_equal_exports(chinook, app):
    lite = chinook.get(f"apps/{app}/data/lite/Invoice?format=csv&order=InvoiceId").text.replace("Edinburgh ,", "Edinburgh,")
    pg = chinook.get(f"apps/{app}/data/pg/invoice?format=csv&order=invoice_id").text
    assert lite.splitlines()[1:] == pg.splitlines()[1:] and len(lite.splitlines()) == 413
