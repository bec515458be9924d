"""The same twenty queries on every connector, with the same answers.

One table-driven test: same_table.py has the table and its questions, tests/connectors/*/source.py the
sources. Each source makes the table once; what writes comes last and is part of the table, too.
"""
import importlib.util
import os
import pathlib
import sys
import uuid

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]
from client import Server, check_end  # noqa: E402
from same_table import AGGREGATE, COLUMNS, CONDITIONS, KINDS_IN_ORDER, ROWS, by, groups, summary, where, without_null  # noqa: E402


def load(path):
    spec = importlib.util.spec_from_file_location(f"source_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sources_of(path):
    """The file itself is the source, unless it has several."""
    module = load(path)
    return getattr(module, "SOURCES", {path.parent.name: module})


SOURCES = {name: source for path in sorted(HERE.glob("*/source.py")) for name, source in sources_of(path).items()}


class Table:
    """The table on one source, reached through the server."""

    def __init__(self, api, connector, module, folder):
        self.api, self.connector = api, connector
        name = "same_" + uuid.uuid4().hex[:8]
        made = module.make(name, ROWS, folder)
        self.path = f"apps/same/data/{connector}/{made.get('table', name)}"
        api.data("POST", "apps/same/datasources", 201,
                 json={"name": connector, "connector": made.get("connector", connector), "config": made["config"]})
        if made.get("create"):
            api.data("POST", f"apps/same/datasources/{connector}/tables", 201,
                     json={"name": name, "columns": COLUMNS, "key": ["code"]})
        if not made.get("filled"):
            api.data("POST", self.path + "?returning=none&atomic=false", 201, json=ROWS)

    def ask(self, **query):
        answer = self.api.post(self.path + "/query", json=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Rowhouse-Plan"], "it is said what was pushed"
        return answer.json()

    def rows(self, **query):
        return [without_null(row) for row in self.ask(**query)["data"]]

    def codes(self, **query):
        return [row["code"] for row in self.ask(select=["code"], **query)["data"]]

    def write(self, method, rest, status, **more):
        answer = self.api.call(method, self.path + rest, **more)
        assert answer.status_code == status, answer.text


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    made.client().data("POST", "apps", 201, json={"name": "same"})
    yield made
    check_end(made.stop(), made.read_log())


@pytest.fixture(scope="module", params=SOURCES)
def table(request, server, tmp_path_factory):
    module = SOURCES[request.param]
    if module.NEEDS and not os.environ.get(module.NEEDS):
        pytest.skip(f"{module.NEEDS} is not set")
    return Table(server.client(), request.param, module, tmp_path_factory.mktemp(request.param))


# ---- Reading ---------------------------------------------------------------------------------

def all_rows(table):
    assert table.rows(select=[c["name"] for c in COLUMNS], order=["code"]) == ROWS


def one_row_of_many_columns(table):
    assert table.rows(select=["stock", "name"], where={"code": "p-012"}) == \
        [without_null({"stock": ROWS[11].get("stock"), "name": ROWS[11].get("name")})]


def order_and_part(table):
    assert table.codes(order=["-price", "code"], limit=9, offset=4) == by("-price", "code")[4:13]


def order_with_nulls(table):
    assert table.codes(order=["-stock", "code"], limit=20) == by("-stock", "code")[:20]


def every_page(table):
    seen, after = [], {}
    while True:
        page = table.ask(select=["code", "price"], order=["price", "-code"], limit=7, **after)
        seen += [row["code"] for row in page["data"]]
        assert len(page["data"]) <= 7
        if not page["page"]["next"]:
            break
        after = {"after": page["page"]["next"]}
    assert seen == by("price", "-code")


def a_count(table):
    page = table.ask(where={"price": {"lt": 20}}, limit=3, count="exact")
    assert len(page["data"]) == 3 and page["page"]["count"] == len(where(lambda r: r["price"] < 20))


def aggregates(table):
    assert table.rows(group=["kind"], aggregate=AGGREGATE, order=["kind"]) == \
        [summary(kind, groups(ROWS)[kind]) for kind in KINDS_IN_ORDER]


def having(table):
    wanted = [summary(kind, rows) for kind, rows in groups([r for r in ROWS if r["active"]]).items()]
    found = table.rows(where={"active": True}, group=["kind"], aggregate=AGGREGATE,
                       having={"sum": {"gt": 115}}, order=["-sum"])
    assert found == sorted((w for w in wanted if w["sum"] > 115), key=lambda w: -w["sum"])
    assert 0 < len(found) < len(wanted)


def distinct(table):
    assert [row.get("kind") for row in table.rows(select=["kind"], distinct=True, order=["kind"])] == KINDS_IN_ORDER


# ---- Writing: one after the other, each leaves the table as it was ------------------------------

NEW = [{"code": f"new-{i}", "name": f"New {i}", "kind": "new", "price": i + 0.25, "stock": i, "active": False,
        "added": "2025-01-01T00:00:00Z"} for i in range(5)]


def insert_and_delete(table):
    table.write("POST", "?returning=none&atomic=false", 201, json=NEW)
    assert table.rows(select=list(NEW[0]), where={"kind": "new"}, order=["code"]) == NEW
    table.write("DELETE", "?atomic=false", 200, json={"where": {"kind": "new"}})
    assert table.codes(order=["code"]) == [r["code"] for r in ROWS]


def update(table):
    table.write("POST", "?returning=none&atomic=false", 201, json=NEW)
    table.write("PATCH", "?atomic=false", 200, json={
        "where": {"kind": "new", "stock": {"gte": 3}}, "set": {"name": None, "price": 9.5}})
    assert table.rows(select=["code", "name", "price", "stock"], where={"kind": "new"}, order=["code"]) == [
        without_null({"code": r["code"], "name": None if r["stock"] >= 3 else r["name"],
                      "price": 9.5 if r["stock"] >= 3 else r["price"], "stock": r["stock"]}) for r in NEW]
    table.write("DELETE", "?atomic=false", 200, json={"where": {"code": {"starts": "new-"}}})
    assert table.ask(limit=1, count="exact")["page"]["count"] == len(ROWS)


def upsert(table):
    table.write("POST", "?returning=none&atomic=false", 201, json=NEW[:2])
    table.write("POST", "?on_conflict=code&returning=none&atomic=false", 200,
                json=[{**row, "name": "again"} for row in NEW[1:4]])
    assert [(r["code"], r["name"]) for r in table.rows(select=["code", "name"], where={"kind": "new"}, order=["code"])] \
        == [("new-0", "New 0"), ("new-1", "again"), ("new-2", "again"), ("new-3", "again")]
    table.write("DELETE", "?atomic=false", 200, json={"where": {"kind": "new"}})
    assert table.codes(where={"kind": "new"}) == []


def condition(asked, wanted):
    def ask(table):
        assert table.codes(where=asked, order=["code"]) == wanted
        assert 0 < len(wanted) < len(ROWS)
    return ask


QUERIES = [(name, condition(asked, wanted)) for name, asked, wanted in CONDITIONS] + [
    (query.__name__.replace("_", " "), query)
    for query in (all_rows, one_row_of_many_columns, order_and_part, order_with_nulls, every_page, a_count,
                  aggregates, having, distinct, insert_and_delete, update, upsert)]


@pytest.mark.parametrize("query", [query for _, query in QUERIES], ids=[name for name, _ in QUERIES])
def test_same(table, query):
    query(table)


def test_there_are_at_least_twenty():
    assert len(QUERIES) >= 20
