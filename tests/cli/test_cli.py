"""The command line, on a SQLite file and (when there is one) a PostgreSQL server."""
import csv
import io
import json
import os
import pathlib
import sqlite3
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ROWHOUSE_BUILD", ROOT / "build/release"))


def rowhouse(*words, status=0):
    result = subprocess.run([str(BUILD / "bin/rowhouse"), *words], capture_output=True, text=True, timeout=60)
    assert result.returncode == status, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "shop.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT NOT NULL, total DECIMAL(10,2), note TEXT)")
    db.executemany("INSERT INTO orders VALUES (?,?,?,?)",
                   [(i, ("open", "paid", "late")[i % 3], i * 1.5, None if i % 5 == 0 else f"nöte {i}")
                    for i in range(1, 251)])
    db.commit()
    db.close()
    return str(path)


def test_help_teaches():
    assert "query" in rowhouse("help").stdout
    text = rowhouse("query", "--help").stdout
    assert "--where" in text and "Examples:" in text
    assert rowhouse("--version").stdout.startswith("rowhouse ")


@pytest.mark.parametrize("words, told", [
    ([], "Usage"),
    (["qury"], 'no command "qury"'),
    (["query"], "needs URL TABLE"),
    (["query", "a", "b", "--wher", "x"], "did you mean --where?"),
    (["query", "a", "b", "--limit"], "needs a value"),
    (["query", "a", "b", "--format", "xml"], "table, json, ndjson or csv"),
])
def test_wrong_command_lines(words, told):
    assert told in rowhouse(*words, status=2).stderr


@pytest.mark.parametrize("words, told", [
    (["query", "SHOP", "order"], "orders"),
    (["query", "SHOP", "orders", "--where", "totl=eq.1"], 'did you mean "total"'),
    (["query", "SHOP", "orders", "--where", "{bad"], "JSON"),
    (["query", "/nonexistent/x.db", "orders"], "x.db"),
    (["query", "nosuch://host/db", "orders"], "nosuch"),
])
def test_errors_name_the_thing(shop, words, told):
    words = [shop if w == "SHOP" else w for w in words]
    assert told in rowhouse(*words, status=1).stderr


def test_formats_agree(shop):
    words = ["query", shop, "orders", "--where", "total=gte.300", "--order", "-id", "--limit", "5"]
    rows = json.loads(rowhouse(*words, "--format", "json").stdout)
    assert [r["id"] for r in rows] == [250, 249, 248, 247, 246]
    lines = [json.loads(line) for line in rowhouse(*words, "--format", "ndjson").stdout.splitlines()]
    assert lines == rows
    table = list(csv.DictReader(io.StringIO(rowhouse(*words, "--format", "csv").stdout)))
    assert [int(r["id"]) for r in table] == [r["id"] for r in rows]
    assert table[0]["note"] == "" and rows[0]["note"] is None
    text = rowhouse(*words).stdout.splitlines()
    assert text[0].split() == ["id", "status", "total", "note"] and len(text) == 7


def test_limit_is_told_and_all_reads_everything(shop):
    result = rowhouse("query", shop, "orders", "--format", "ndjson")
    assert len(result.stdout.splitlines()) == 100 and "--all" in result.stderr
    assert len(rowhouse("query", shop, "orders", "--all", "--format", "ndjson").stdout.splitlines()) == 250


def test_conditions_in_both_forms(shop):
    a = rowhouse("query", shop, "orders", "--where", "status=eq.open", "--where", "note=null.true", "--format", "json")
    b = rowhouse("query", shop, "orders", "--where", '{"status": "open", "note": null}', "--format", "json")
    assert json.loads(a.stdout) == json.loads(b.stdout) != []
    c = rowhouse("query", shop, "orders", "--where", "note=like.nöte 1_", "--format", "json")
    assert [r["id"] for r in json.loads(c.stdout)] == [11, 12, 13, 14, 16, 17, 18, 19]


def test_groups(shop):
    out = rowhouse("query", shop, "orders", "--group", "status", "--aggregate", "n:count(*),sum:sum(total)",
                   "--order", "status", "--format", "json").stdout
    assert [(r["status"], r["n"]) for r in json.loads(out)] == [("late", 83), ("open", 83), ("paid", 84)]


def test_output_file_and_explain(shop, tmp_path):
    target = tmp_path / "out.csv"
    rowhouse("query", shop, "orders", "--all", "--format", "csv", "--output", str(target))
    assert len(target.read_text().splitlines()) == 251
    explain = json.loads(rowhouse("query", shop, "orders", "--where", "id=eq.1", "--explain").stdout)
    assert explain


def test_tables_and_connectors(shop):
    assert "orders" in rowhouse("tables", shop).stdout
    assert "decimal" in rowhouse("tables", shop, "orders").stdout
    out = rowhouse("connectors").stdout
    assert all(name in out for name in ("memory", "postgres", "sqlite"))


def test_reading_makes_no_file(tmp_path):
    path = tmp_path / "missing.db"
    rowhouse("query", f"sqlite:{path}", "orders", status=1)
    assert not path.exists()


@pytest.mark.skipif("ROWHOUSE_TEST_POSTGRES" not in os.environ, reason="no PostgreSQL server")
def test_postgres():
    url = os.environ["ROWHOUSE_TEST_POSTGRES"]
    subprocess.run(["psql", "-qX", url, "-c", "DROP TABLE IF EXISTS cli_rows; CREATE TABLE cli_rows "
                    "(id int PRIMARY KEY, v numeric); INSERT INTO cli_rows SELECT i, i/4.0 FROM generate_series(1,7) i"],
                   check=True)
    rows = json.loads(rowhouse("query", url, "cli_rows", "--where", "v=gt.1", "--format", "json").stdout)
    assert [r["id"] for r in rows] == [5, 6, 7]
