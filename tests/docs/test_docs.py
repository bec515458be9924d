"""Runs what the documentation shows, against a real server with the demo app.

In README.md and docs/*.md:
  ```sh     is run by bash as it stands ($KEY is set; localhost:7070 becomes the test server). Blocks
            that call ./dev are left out: CI runs those itself.
  ```json   is sent as a query to the demo's table named in the nearest comment before it,
            <!-- query: orders -->; without such a comment it only has to be JSON.
  ```url    each line is a query string for that table.
  ```c      must be, word for word, a file in docs/examples/ (which is compiled and run below).
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ROWHOUSE_BUILD", ROOT / "build/release"))
KEY = "rh_docs_test_key_of_the_demo"
BLOCK = re.compile(r"(?:<!-- query: (\w+) -->\s*)?^```(\w+)[^\n]*\n(.*?)^```", re.M | re.S)
GUIDE = "writing-a-connector.md"  # is followed step by step: test_guide.py
PAGES = [ROOT / "README.md"] + sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != GUIDE)


def blocks(*kinds):
    for page in PAGES:
        text = page.read_text()
        for match in BLOCK.finditer(text):
            if match.group(2) in kinds:
                line = text.count("\n", 0, match.start()) + 1
                yield pytest.param(match.group(1), match.group(3), id=f"{page.name}:{line}")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(os.environ, ROWHOUSE_ADMIN_KEY=KEY, ROWHOUSE_LISTEN=f"127.0.0.1:{port}",
                       ROWHOUSE_DATA=str(tmp_path_factory.mktemp("docs") / "data"))
    process = subprocess.Popen([str(BUILD / "bin/rowhouse-server"), "--demo"], env=environment,
                               stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            requests.get(url + "/health/ready", timeout=5).raise_for_status()
            break
        except requests.RequestException:
            time.sleep(0.05)
    yield url
    process.terminate()
    assert process.wait(60) == 0


def query(server, table, method, path="", **options):
    answer = requests.request(method, f"{server}/api/v1/apps/demo/data/shop/{table}{path}", timeout=30,
                              headers={"Authorization": f"Bearer {KEY}"}, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.mark.parametrize("_table, text", blocks("sh"))
def test_commands(server, tmp_path, _table, text):
    if "./dev" in text:
        return
    environment = dict(os.environ, KEY=KEY, PATH=f"{BUILD}/bin:{os.environ['PATH']}")
    script = text.replace("localhost:7070", server.removeprefix("http://"))
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=tmp_path,
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"status":4' not in result.stdout and '"status":5' not in result.stdout, result.stdout


@pytest.mark.parametrize("table, text", blocks("json"))
def test_json(server, table, text):
    body = json.loads(text)
    if table:
        assert query(server, table, "POST", "/query", data=text.encode()), "no rows: a poor example"
    else:
        assert body is not None


@pytest.mark.parametrize("table, text", blocks("url"))
def test_url_queries(server, table, text):
    for line in text.splitlines():
        assert query(server, table, "GET", "?" + line), f"no rows: {line}"


@pytest.mark.parametrize("_table, text", blocks("c"))
def test_c_is_an_example(_table, text):
    assert any(text.strip() == f.read_text().strip() for f in (ROOT / "docs/examples").glob("*.c"))


def test_the_example_connector_is_queried():
    environment = dict(os.environ, ROWHOUSE_PLUGINS=str(BUILD / "examples"))
    result = subprocess.run([BUILD / "bin/rowhouse", "query", "hello:", "greetings", "--where", "text=istarts.H",
                             "--order", "-text", "--format", "json"], env=environment, capture_output=True, text=True)
    assert json.loads(result.stdout) == [{"id": 1, "text": "hello"}, {"id": 2, "text": "hei"}], result.stderr


def test_the_example_program_reads_rows(tmp_path):
    import sqlite3
    db = sqlite3.connect(tmp_path / "shop.db")
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, total DECIMAL(10,2))")
    db.executemany("INSERT INTO orders VALUES (?,?,?)", [(1, "open", 5), (2, "paid", 9), (3, "open", 7.5)])
    db.commit()
    db.close()
    result = subprocess.run([BUILD / "bin/example_read_rows", tmp_path / "shop.db", "orders",
                             "status=eq.open&order=-total&limit=2"], capture_output=True, text=True,
                            env=dict(os.environ, ROWHOUSE_PLUGINS=str(BUILD / "plugins")))
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"id": 3, "status": "open", "total": 7.5}, {"id": 1, "status": "open", "total": 5}], result.stderr


def test_the_smallest_connector_passes(tmp_path):
    config = tmp_path / "check.json"
    config.write_text(json.dumps(dict.fromkeys(("wrong_credentials", "unreachable", "through", "slow", "echo"),
                                               None) | {"settings": {}}))
    checked = subprocess.run([BUILD / "bin/rowhouse", "connector", "check", BUILD / "examples/hello.so",
                              "--config", config], capture_output=True, text=True)
    assert checked.returncode == 0 and "level READ" in checked.stdout, checked.stdout


def test_the_reference_is_what_the_server_prints():
    printed = subprocess.run([BUILD / "bin/rowhouse-server", "--print-reference"], capture_output=True, text=True)
    assert (ROOT / "docs/reference.md").read_text() == printed.stdout


def test_the_connectors_page_is_what_the_program_prints():
    printed = subprocess.run([BUILD / "bin/rowhouse", "connectors", "--describe"], capture_output=True, text=True)
    page = (ROOT / "docs/connectors.md").read_text()
    assert page[page.index("## "):] == printed.stdout, "docs/connectors.md: rowhouse connectors --describe"
