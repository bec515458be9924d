"""One server for a file's tests, and the same tables on every kind of source."""
import os
import sys
import uuid

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from client import Server, check_end  # noqa: E402

POSTGRES = os.environ.get("ROWHOUSE_TEST_POSTGRES")

CUSTOMERS = [
    {"id": 1, "name": "Ada", "email": "ada@example.com", "country": "GB"},
    {"id": 2, "name": "Bjørn", "email": "bjorn@example.com", "country": "NO"},
    {"id": 3, "name": "Chiara", "email": "chiara@example.com", "country": None},
    {"id": 4, "name": "d%_\\", "email": "d@example.com", "country": "NO"},
]
STATUSES = ["open", "paid", "shipped", None]
ORDERS = [
    {"id": i, "customer_id": i % 4 + 1, "status": STATUSES[i % 4], "total": f"{i * 7 % 50}.{i % 100:02d}",
     "qty": i % 10, "ratio": i / 8, "paid": i % 2 == 0, "created_at": f"2024-01-{i % 28 + 1:02d}T10:00:00Z"}
    for i in range(1, 201)
]

TABLES = [
    {"name": "customers",
     "columns": [{"name": "id", "type": "int", "identity": True},
                 {"name": "name", "type": "text", "nullable": False},
                 {"name": "email", "type": "text", "nullable": False},
                 {"name": "country", "type": "text"}],
     "key": ["id"],
     "indexes": [{"name": "customers_email", "columns": ["email"], "unique": True}]},
    {"name": "orders",
     "columns": [{"name": "id", "type": "int", "identity": True},
                 {"name": "customer_id", "type": "int", "nullable": False},
                 {"name": "status", "type": "text"},
                 {"name": "total", "type": "decimal", "precision": 12, "scale": 2, "nullable": False},
                 {"name": "qty", "type": "int"},
                 {"name": "ratio", "type": "float"},
                 {"name": "paid", "type": "bool"},
                 {"name": "created_at", "type": "timestamp"}],
     "key": ["id"],
     "relations": [{"columns": ["customer_id"], "table": "customers", "ref_columns": ["id"]}]},
    {"name": "lines",
     "columns": [{"name": "order_id", "type": "int", "nullable": False},
                 {"name": "line", "type": "text", "nullable": False},
                 {"name": "note", "type": "text"}],
     "key": ["order_id", "line"]},
    {"name": "keyless", "columns": [{"name": "a", "type": "int"}, {"name": "b", "type": "text"}]},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    check_end(made.stop(), made.read_log())


@pytest.fixture(scope="module")
def api(server):
    return server.client()


@pytest.fixture(scope="module")
def app(api):
    api.data("POST", "apps", 201, json={"name": "test"})
    return "test"


def admin_of_postgres():
    """A connection of our own to the test server."""
    psycopg2 = pytest.importorskip("psycopg2")
    conn = psycopg2.connect(POSTGRES)
    conn.autocommit = True
    return conn


def make_database():
    """A new database on the test server: its name and its URL."""
    name = "t" + uuid.uuid4().hex[:12]
    conn = admin_of_postgres()
    conn.cursor().execute(f"create database {name}")
    conn.close()
    return name, POSTGRES.rsplit("/", 1)[0] + "/" + name


def drop_database(name):
    conn = admin_of_postgres()
    conn.cursor().execute(f"drop database {name} with (force)")
    conn.close()


@pytest.fixture(scope="module")
def pg():
    if not POSTGRES:
        pytest.skip("ROWHOUSE_TEST_POSTGRES is not set")
    return POSTGRES


class Source:
    """A datasource with the tables above."""

    def __init__(self, api, app, name, connector, config):
        self.api, self.app, self.name, self.kind = api, app, name, connector
        self.made = api.data("POST", f"apps/{app}/datasources", 201,
                             json={"name": name, "connector": connector, "config": config})

    def path(self, table, rest=""):
        return f"apps/{self.app}/data/{self.name}/{table}{rest}"

    def tables(self, rest=""):
        return f"apps/{self.app}/datasources/{self.name}/tables{rest}"

    def fill(self):
        for table in TABLES:
            if self.kind == "memory":  # it has neither
                table = {k: v for k, v in table.items() if k not in ("indexes", "relations")}
            answer = self.api.post(self.tables(), json=table)
            assert answer.status_code == 201, answer.text
        for table, rows in (("customers", CUSTOMERS), ("orders", ORDERS)):
            # The source counts the ids, so that it knows them.
            answer = self.api.post(self.path(table),
                                   json=[{k: v for k, v in row.items() if k != "id"} for row in rows])
            assert [row["id"] for row in answer.json()["data"]] == [row["id"] for row in rows]

    def restore(self, table, rows):
        """Puts a table back to what it was."""
        answer = self.api.delete(self.path(table), json={"all": True})
        assert answer.status_code == 200, answer.text
        if rows:
            answer = self.api.post(self.path(table) + "?returning=none", json=rows)
            assert answer.status_code == 201, answer.text


def make_source(kind, api, app, folder):
    name = kind + uuid.uuid4().hex[:6]
    if kind == "sqlite":
        return Source(api, app, name, "sqlite", {"path": str(folder / (name + ".db"))}), None
    if kind == "memory":
        return Source(api, app, name, "memory", {"name": name}), None
    database, url = make_database()
    return Source(api, app, name, "postgres", {"url": url}), database


POSTGRES_ALONE = [pytest.param("postgres", marks=pytest.mark.skipif(
    not POSTGRES, reason="ROWHOUSE_TEST_POSTGRES is not set"))]
SQL = ["sqlite", *POSTGRES_ALONE]
KINDS = [*SQL, "memory"]


@pytest.fixture(scope="module", params=KINDS)
def source(request, api, app, tmp_path_factory):
    made, database = make_source(request.param, api, app, tmp_path_factory.mktemp("source"))
    made.fill()
    yield made
    if database:
        drop_database(database)


@pytest.fixture(scope="module")
def sqlite(api, app, tmp_path_factory):
    made, _ = make_source("sqlite", api, app, tmp_path_factory.mktemp("source"))
    made.fill()
    return made
