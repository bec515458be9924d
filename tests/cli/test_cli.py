"""The command line, on a SQLite file and (when there is one) a PostgreSQL server."""
import csv
import io
import json
import os
import pathlib
import pty
import signal
import sqlite3
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ROWHOUSE_BUILD", ROOT / "build/release"))
PATIENCE = 180  # seconds: a safety net for what hangs


def rowhouse(*words, status=0):
    result = subprocess.run([str(BUILD / "bin/rowhouse"), *words], capture_output=True, text=True, timeout=PATIENCE)
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
    (["query", "a", "b", "--timeout", "soon"], "seconds"),
    (["query", "a", "b", "--all", "--count"], "--count"),
    (["query", "a", "b", "--where", "limit=5"], "column=operator.value"),
    (["query", "a", "b", "--where", "total"], "column=operator.value"),
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


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "big.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, v TEXT)")
    db.execute("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<300000) "
               "INSERT INTO big SELECT i, 'row '||i FROM c")
    db.execute("CREATE TABLE odd (id INTEGER PRIMARY KEY, \"name\" TEXT, \"na\x1b[31mï\" TEXT)")
    db.executemany("INSERT INTO odd VALUES (?,?,?)", [
        (1, "", None), (2, None, "x"), (3, "日本", "y"), (4, "\x1b[31mred\n\x9b1m", "z")])
    # so slow that it must be cancelled: every row against every other
    db.execute("CREATE VIEW endless AS SELECT count(*) AS n FROM big a, big b WHERE a.v > b.v")
    db.commit()
    db.close()
    return str(path)


def test_table_cells(big):
    lines = rowhouse("query", big, "odd").stdout.splitlines()
    assert "\x1b" not in "".join(lines) and "\x9b" not in "".join(lines)
    assert lines[2].split() == ["1", "NULL"] and lines[3].split() == ["2", "NULL", "x"]
    # wide characters take two columns: the last column begins at the same one everywhere
    assert lines[4].index("y") == lines[3].index("x") - 2
    assert len(lines) == 6
    assert "\x1b" not in rowhouse("tables", big, "odd").stdout
    assert "\x1b" not in rowhouse("query", big, "no\x1b[31m", status=1).stderr
    exact = json.loads(rowhouse("query", big, "odd", "--format", "json").stdout)
    assert exact[3]["name"] == "\x1b[31mred\n\x9b1m" and exact[0]["name"] == "" and exact[1]["name"] is None


@pytest.mark.parametrize("format", ["table", "json", "ndjson", "csv"])
@pytest.mark.parametrize("ignored", [False, True])
def test_closed_pipe_is_silent(big, format, ignored):
    process = subprocess.Popen(
        [str(BUILD / "bin/rowhouse"), "query", big, "big", "--all", "--format", format],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=(lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)) if ignored else None,
        restore_signals=not ignored)
    assert process.stdout.read(100)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(PATIENCE) == -signal.SIGPIPE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("words", [
    ["query", "BIG", "odd"], ["query", "BIG", "big", "--all", "--format", "csv"], ["query", "BIG", "odd", "--explain"],
    ["tables", "BIG"], ["connectors"], ["help"], ["query", "--help"], ["version"]])
def test_full_disk_is_an_error(big, words):
    words = [big if w == "BIG" else w for w in words]
    with open("/dev/full", "w") as full:
        result = subprocess.run([str(BUILD / "bin/rowhouse"), *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1 and result.stderr.count("No space left") == 1
    if words[0] == "query" and "--help" not in words:
        assert "No space left" in rowhouse(*words, "--output", "/dev/full", status=1).stderr


def test_mistakes_leave_the_output_file_alone(big, tmp_path):
    target = tmp_path / "kept.csv"
    target.write_text("kept")
    rowhouse("query", big, "nosuch", "--output", str(target), status=1)
    rowhouse("query", big, "big", "--where", "nosuch=eq.1", "--output", str(target), status=1)
    assert target.read_text() == "kept"
    assert "No such file" in rowhouse("query", big, "odd", "--output", str(tmp_path / "a/b"), status=1).stderr


def is_ready_for(process, number):
    """Whether it has got as far as taking the signal: it catches it, or blocks it to wait for it."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return any(int(status[mask], 16) >> (number - 1) & 1 for mask in ("SigCgt", "SigBlk"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_query(big, number):
    process = subprocess.Popen([str(BUILD / "bin/rowhouse"), "query", big, "endless"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not is_ready_for(process, number):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)  # into the query itself, mostly
    assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "cancelled" in err and out == ""


def test_timeout_ends_the_query(big):
    assert "deadline" in rowhouse("query", big, "endless", "--timeout", "1", status=1).stderr


def test_progress_is_for_terminals(big):
    words = [str(BUILD / "bin/rowhouse"), "query", big, "big", "--all", "--format", "csv"]
    assert rowhouse(*words[1:]).stderr == ""

    def on_terminal(rows_too):
        """What a terminal at stderr gets while the rows go there slowly."""
        leader, follower = pty.openpty()
        process = subprocess.Popen(words, stdout=follower if rows_too else subprocess.PIPE, stderr=follower)
        os.close(follower)
        seen = b""
        if rows_too:
            time.sleep(1.5)
        else:
            assert process.stdout.read(1)  # it has begun; after a second of it, it tells
            time.sleep(1.3)
            while process.stdout.read(1 << 16):
                pass
        while True:
            try:
                block = os.read(leader, 1 << 16)
            except OSError:
                break
            if not block:
                break
            seen += block
        os.close(leader)
        assert process.wait(PATIENCE) == 0
        return seen
    told = on_terminal(False)
    assert b"per second" in told and told.endswith(b"\r\x1b[K")
    assert b"per second" not in on_terminal(True)


def test_a_connector_in_words():
    out = rowhouse("connectors", "sqlite").stdout
    assert out.startswith("## SQLite\n") and "- `path` (string): Path of" in out
    assert "`eq`" in out.split("Conditions that the source can settle:")[1]
    assert "password (string, secret" in rowhouse("connectors", "postgres").stdout.replace("`", "")
    assert 'no connector "sqlit"' in rowhouse("connectors", "sqlit", status=1).stderr


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


def test_limits_beyond_a_page(tmp_path):
    path = tmp_path / "many.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE n (i INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO n WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10005) SELECT i FROM c")
    db.commit()
    db.close()
    lines = rowhouse("query", str(path), "n", "--limit", "10003", "--format", "csv").stdout.split()
    assert lines == ["i", *(str(i) for i in range(1, 10004))]
    assert len(json.loads(rowhouse("query", str(path), "n", "--limit", "10001", "--format", "json").stdout)) == 10001
    assert "more than this 1 row:" in rowhouse("query", str(path), "n", "--limit", "1").stderr


def test_every_help_ends_its_line():
    for words in (["--help"], ["connector", "--help"], *([w, "--help"] for w in ("query", "tables", "connectors", "describe")),
                  *(["connector", w, "--help"] for w in
                    ("new", "check", "keygen", "sign", "verify", "install", "list", "remove"))):
        text = rowhouse(*words).stdout
        assert text.startswith("Usage: rowhouse ") and text.endswith("\n"), words
