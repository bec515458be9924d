"""docs/writing-a-connector.md, followed to the letter from an installed Rowhouse, by somebody who has nothing
but the page: each block is one step, in the page's order.

  ```sh      is run by bash; folder and environment are kept from block to block. After <!-- fails --> it
             has to fail.
  ```text    after <!-- prints -->: its lines occur in what the block before printed, in that order.
             Without, it is not run.
  ```c       after <!-- file NAME -->: the new file. After <!-- in NAME after|before|instead of: TEXT -->: goes
             behind or before the one line that begins with TEXT, or takes its place (when the line opens a
             function or table: all of that). Without: is a file in docs/examples/, word for word.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ROWHOUSE_BUILD", ROOT / "build/release"))
PAGE = ROOT / "docs/writing-a-connector.md"
BLOCK = re.compile(r"(?:^<!-- ([^\n]*?) -->\n)?^```(\w+)\n(.*?)^```", re.M | re.S)
PLACE = re.compile(r"in (\S+) (after|before|instead of): (.*)")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    cache = (BUILD / "CMakeCache.txt").read_text()
    if re.search(r"^RH_SANITIZE:\w+=.+$", cache, re.M):
        pytest.skip("the kit of a sanitized build is for connectors that are sanitized too")
    folder = tmp_path_factory.mktemp("prefix") / "rowhouse"
    result = subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(folder)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


class Newcomer:
    """One who has a shell in an empty folder, and Rowhouse on the path."""

    def __init__(self, prefix, folder):
        self.home, self.folder, self.printed = folder, folder, ""
        self.environment = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment.update(PATH=f"{prefix}/bin:/usr/bin:/bin", CMAKE_PREFIX_PATH=str(prefix),
                                PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")

    def run(self, script, fails=False):
        state = self.home / ".state"
        whole = f"cd '{self.folder}'\nset -euo pipefail\ntrap 'pwd >{state}; env -0 >>{state}' EXIT\n{script}"
        result = subprocess.run(["bash", "-c", whole], env=self.environment, capture_output=True, text=True, timeout=600)
        self.printed = result.stdout + result.stderr
        assert (result.returncode != 0) == fails, f"$ {script}\n{self.printed}"
        cwd, rest = state.read_text().split("\n", 1)
        self.folder = pathlib.Path(cwd)
        self.environment = dict(pair.split("=", 1) for pair in rest.split("\0") if "=" in pair)

    def reads(self, text):
        at = 0
        for line in text.splitlines():
            found = self.printed.find(line, at)
            assert found >= 0, f"not printed: {line}\n{self.printed}"
            at = found + len(line)

    def edits(self, name, how, text, code):
        file = self.folder / name
        lines = file.read_text().splitlines(keepends=True)
        found = [i for i, line in enumerate(lines) if line.strip().startswith(text)]
        assert len(found) == 1, f"{name} has {len(found)} lines that begin with: {text}"
        first = last = found[0]
        if how == "instead of" and re.match(r"\w", lines[first]) and not lines[first].rstrip().endswith(";"):
            while not lines[last].startswith("}"):
                last += 1
        if how == "after":
            lines.insert(last + 1, code)
        elif how == "before":
            lines.insert(first, code)
        else:
            lines[first:last + 1] = [code]
        file.write_text("".join(lines))


def steps():
    text = PAGE.read_text()
    for match in BLOCK.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) or "", match.group(2), match.group(3)


def test_a_newcomer_gets_a_certified_connector(prefix, tmp_path):
    newcomer = Newcomer(prefix, tmp_path)
    n_run = 0
    for line, how, kind, text in steps():
        try:
            if kind == "sh":
                newcomer.run(text, how == "fails")
                n_run += 1
            elif kind == "text" and how == "prints":
                newcomer.reads(text)
            elif kind == "c" and how.startswith("file "):
                (newcomer.folder / how[len("file "):]).write_text(text)
            elif kind == "c" and how:
                newcomer.edits(*PLACE.fullmatch(how).groups(), text)
            elif kind == "c":
                assert any(text.strip() == f.read_text().strip() for f in (ROOT / "docs/examples").glob("*.c"))
        except AssertionError as problem:
            pytest.fail(f"{PAGE.name}:{line}: {problem}")
    assert n_run >= 8 and "level CERTIFIED" in PAGE.read_text()
    serves_and_inserts(prefix, newcomer.folder, tmp_path / "server")


def serves_and_inserts(prefix, folder, data):
    """The page's package in a server, isolated: its `write` group, which the command line has no use for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shutil.copytree(folder / "connectors", data / "connectors")
    shutil.copytree(folder / "trust", data / "trust")
    key = "rh_guide_test_key_of_nobody"
    server = subprocess.Popen([prefix / "bin/rowhouse-server"], env=dict(
        os.environ, ROWHOUSE_ADMIN_KEY=key, ROWHOUSE_LISTEN=f"127.0.0.1:{port}", ROWHOUSE_DATA=str(data)))
    api = f"http://127.0.0.1:{port}/api/v1/apps"

    def call(path, body):
        return requests.post(api + path, data=json.dumps(body), headers={"Authorization": f"Bearer {key}"}, timeout=60)

    try:
        for _ in range(600):
            assert server.poll() is None, "the server ended"
            try:
                requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                time.sleep(0.05)
        assert call("", {"name": "geo"}).ok
        assert call("/geo/datasources", {"name": "away", "connector": "atlas", "config": {"path": "/etc"}}).ok
        answer = call("/geo/data/away/hosts/query", {})
        assert answer.status_code == 502 and "runs isolated, its manifest" in answer.text, answer.text
        for name, row_key in (("free", ""), ("keyed", "id")):
            config = {"path": str(folder / "data"), "key": row_key}
            answer = call("/geo/datasources", {"name": name, "connector": "atlas", "config": config})
            assert answer.ok, answer.text
        rows = [{"id": 11, "name": "Narvik", "area": 2030.50, "tags": ["ore"]}, {"id": 12, "name": "Å", "capital": False}]
        before = (folder / "data/cities.ndjson").read_text()
        answer = call("/geo/data/free/cities", rows)
        assert answer.ok, answer.text
        written = (folder / "data/cities.ndjson").read_text()
        assert written.startswith(before)
        assert [json.loads(line) for line in written[len(before):].splitlines()] == rows
        assert '"area":2030.5' in written
        answer = call("/geo/data/free/cities/query", {"where": {"id": {"in": [11, 12]}}})
        assert [row["name"] for row in answer.json()["data"]] == ["Narvik", "Å"]
        answer = call("/geo/data/keyed/cities", rows)
        assert answer.status_code == 422 and "key is promised" in answer.text, answer.text
        assert (folder / "data/cities.ndjson").read_text() == written
    finally:
        server.terminate()
        assert server.wait(60) == 0


def test_it_builds_with_cmake_and_passes_at_once(prefix, tmp_path):
    newcomer = Newcomer(prefix, tmp_path)
    newcomer.run("rowhouse connector new two_words\ncd two_words\ncmake -B build -DCMAKE_C_FLAGS=-Werror\n"
                 "cmake --build build\nctest --test-dir build --output-on-failure\n"
                 "ROWHOUSE_PLUGINS=$PWD/build rowhouse query two-words:data countries --format csv")
    newcomer.reads("100% tests passed\ncode,name,currency\nDK,Denmark,DKK")


def test_it_builds_from_the_build_tree(tmp_path):
    newcomer = Newcomer(BUILD, tmp_path)
    newcomer.run("rowhouse connector new near > told\ncd near\n"
                 "eval \"$(grep export ../told)\"\n"
                 "cc -shared -fPIC -o near.so *.c $(pkg-config --cflags --libs rowhouse-connector)\n"
                 "cmake -B build && cmake --build build\n"
                 "rowhouse connector check ./build/near.so --config check.json")
    newcomer.reads("level READ")


@pytest.mark.parametrize("name, told", [
    ("Atlas", "no name for a connector"), ("1st", "no name"), ("a-b", "no name"), ("", "no name"),
    ("x" * 41, "no name"), ("../x", "no name"), ("test", "cannot be called"), ("config", "cannot be called"),
])
def test_bad_names_are_refused(tmp_path, name, told):
    result = subprocess.run([BUILD / "bin/rowhouse", "connector", "new", name], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1 and told in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    result = subprocess.run([BUILD / "bin/rowhouse", "connector", "new", "mine"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1 and "exists" in result.stderr and list((tmp_path / "mine").iterdir()) == []


def test_every_name_is_put_in_place(tmp_path):
    subprocess.run([BUILD / "bin/rowhouse", "connector", "new", "two_words"], cwd=tmp_path, check=True, capture_output=True)
    for file in (tmp_path / "two_words").rglob("*"):
        assert "acme" not in file.name
        text = "" if file.is_dir() else file.read_text().lower()
        assert "acme" not in text and "ac-me" not in text, file
    assert "Two words" in (tmp_path / "two_words/two_words.c").read_text()
