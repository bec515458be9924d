"""Connector packages under a running server: installed, upgraded, pinned, revoked, removed, damaged."""
import hashlib
import os
import pathlib
import shutil
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import BUILD, Server, check_end, metric, problem, temporary_server  # noqa: E402
from packages import CRASH, Vendor, build, rowhouse  # noqa: E402


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return {version: build(folder, version=version, word="v" + version.replace(".", ""))
            for version in ("1.3.0", "1.4.0", "1.5.0")}


class Place:
    """A server with its folders of connectors and trust, and a vendor."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.api = server.client()
        self.installed, self.trust = server.data / "connectors", server.data / "trust"
        self.vendor = Vendor(folder, "acme-ltd").trusted_in(self.trust)
        self.n_packages = 0

    def package(self, library, *options, vendor=None):
        self.n_packages += 1
        return (vendor or self.vendor).sign(library, *options, out=self.folder / f"packages{self.n_packages}")

    def install(self, library, *options, vendor=None):
        rowhouse("connector", "install", self.package(library, *options, vendor=vendor), "--to", self.installed,
                 "--trust", self.trust)

    def remove(self, what):
        rowhouse("connector", "remove", what, "--from", self.installed)

    def add(self, name, connector="acme", config=None):
        body = {"name": name, "connector": connector, "config": config or {}}
        return until(lambda: self.api.post("apps/test/datasources", json=body),
                     lambda answer: answer.status_code == 201)

    def rows(self, name):
        return self.api.get(f"apps/test/data/{name}/greetings")

    def word(self, name):
        """The first row's text: which build of the connector answered. None while it does not."""
        answer = self.rows(name)
        return answer.json()["data"][0]["text"] if answer.status_code == 200 else None

    def wait_word(self, name, word):
        until(lambda: self.word(name), lambda found: found == word)

    def wait_problem(self, name, code):
        answer = until(lambda: self.rows(name),
                       lambda a: a.status_code == 503 and a.json()["code"] == code)
        return problem(answer, code, 503)

    def connectors(self, id="acme"):
        return [c for c in self.api.data("GET", "connectors") if c["id"] == id]

    def state(self, name):
        return self.api.data("GET", f"apps/test/datasources/{name}")


def until(ask, holds, seconds=60):
    """Asks until the answer holds: a server looks at its folders once a second."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if holds(answer):
            return answer
        assert time.monotonic() < end, getattr(answer, "text", answer)
        time.sleep(0.02)


@pytest.fixture
def place(tmp_path):
    server = Server(tmp_path)
    place = Place(server, tmp_path)
    place.api.data("POST", "apps", 201, json={"name": "test"})
    yield place
    check_end(server.stop(), server.read_log())


def test_installed_while_running(place, built):
    problem(place.api.post("apps/test/datasources", json={"name": "a", "connector": "acme"}), "unknown-connector", 404)
    place.install(built["1.3.0"])
    made = place.add("a").json()["data"]
    assert made["state"] == "ready" and "reason" not in made
    assert place.word("a") == "v130"
    (listed,) = place.connectors()
    assert listed["version"] == "1.3.0" and listed["trust"] == "vendor" and listed["signer"] == "acme-ltd"
    assert listed["isolated"] is True and listed["in_use"] is True and listed["state"] == "ready"
    one = place.api.data("GET", "connectors/acme@1.3.0")
    assert one["version"] == "1.3.0" and one["isolated"] is True and one["config_schema"]
    sqlite = place.api.data("GET", "connectors/sqlite")
    assert sqlite["trust"] == "bundled" and sqlite["isolated"] is False and sqlite["signer"] is None


def test_upgraded_while_in_use(place, built):
    place.install(built["1.3.0"])
    place.add("a")
    failures, words, stop = [], set(), threading.Event()

    def ask():
        api = place.server.client()
        while not stop.is_set():
            answer = api.get("apps/test/data/a/greetings")
            if answer.status_code == 200:
                words.add(answer.json()["data"][0]["text"])
            else:
                failures.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [t.start() for t in threads]
    try:
        place.wait_word("a", "v130")
        place.install(built["1.4.0"])
        place.wait_word("a", "v140")
    finally:
        stop.set()
        [t.join() for t in threads]
    assert failures == [] and words == {"v130", "v140"}
    assert [(c["version"], c["in_use"]) for c in place.connectors()] == [("1.4.0", True), ("1.3.0", False)]


def test_the_same_version_signed_anew(place, built, tmp_path):
    place.install(built["1.3.0"])
    place.add("a")
    assert place.word("a") == "v130"
    other = place.package(build(tmp_path, version="1.3.0", word="fixed"))
    place.remove("acme@1.3.0")
    rowhouse("connector", "install", other, "--to", place.installed, "--trust", place.trust)
    place.wait_word("a", "fixed")


def test_two_versions_side_by_side(place, built):
    place.install(built["1.3.0"])
    place.install(built["1.4.0"])
    place.add("old", "acme@1.3.0")
    place.add("new", "acme")
    assert (place.word("old"), place.word("new")) == ("v130", "v140")
    place.install(built["1.5.0"])
    place.wait_word("new", "v150")
    assert place.word("old") == "v130"
    assert place.state("old")["connector"] == "acme@1.3.0"
    changed = place.api.data("PATCH", "apps/test/datasources/old", json={"connector": "acme@1.4.0"})
    assert changed["connector"] == "acme@1.4.0" and place.word("old") == "v140"
    problem(place.api.patch("apps/test/datasources/old", json={"connector": "acme@9"}), "unknown-connector", 404)
    body = problem(place.api.patch("apps/test/datasources/old", json={"connector": "sqlite"}), "invalid-request", 400)
    assert body["errors"][0]["pointer"] == "/connector"
    problem(place.api.patch("apps/test/datasources/old", json={"connector": 7}), "invalid-request", 400)
    assert place.word("old") == "v140"
    body = problem(place.api.get("connectors/acme@9.9"), "unknown-connector", 404)
    assert "1.5.0" in body["hint"]


def test_revoked_while_in_use(place, built):
    place.install(built["1.3.0"])
    place.install(built["1.4.0"])
    place.add("a")
    place.add("pinned", "acme@1.4.0")
    assert place.word("a") == "v140" and place.word("pinned") == "v140"
    (place.trust / "revoked").write_text("version acme@1.4.0 it leaks\n")
    place.wait_word("a", "v130")  # what is left
    assert "it leaks" in place.wait_problem("pinned", "connector-refused")["detail"]
    refused = place.connectors()[0]
    assert refused["version"] == "1.4.0" and refused["state"] == "refused" and "it leaks" in refused["reason"]
    problem(place.api.get("connectors/acme@1.4.0"), "connector-refused", 503)
    problem(place.api.post("apps/test/datasources", json={"name": "b", "connector": "acme@1.4.0"}),
            "connector-refused", 503)
    (place.trust / "revoked").write_text(f"key {place.vendor.key_name()} stolen\n")
    assert "stolen" in place.wait_problem("a", "connector-refused")["detail"]
    (place.trust / "revoked").write_text("kee\n")
    body = until(lambda: place.rows("a").json(), lambda b: "cannot be understood" in b.get("detail", ""))
    assert body["code"] == "connector-refused"
    (place.trust / "revoked").unlink()
    place.wait_word("a", "v140")
    place.wait_word("pinned", "v140")


def test_removed_the_rest_of_the_app_goes_on(place, built):
    place.install(built["1.3.0"])
    place.add("a", config={"url": "acme:"})
    place.api.data("POST", "apps/test/datasources", 201,
                   json={"name": "files", "connector": "sqlite", "config": {"path": str(place.folder / "f.db")}})
    place.api.data("POST", "apps/test/datasources/files/tables", 201,
                   json={"name": "t", "columns": [{"name": "id", "type": "int"}], "key": ["id"]})
    assert place.word("a") == "v130"
    place.remove("acme")
    body = place.wait_problem("a", "connector-missing")
    assert 'there is no connector "acme"' in body["detail"] and "a" in body["detail"] and body["hint"]
    for path in ("tables", "tables/greetings"):
        problem(place.api.get("apps/test/datasources/a/" + path), "connector-missing", 503)
    problem(place.api.post("apps/test/datasources/a/test"), "connector-missing", 503)
    assert place.api.get("apps/test/data/files/t").status_code == 200
    states = {d["name"]: d["state"] for d in place.api.data("GET", "apps/test/datasources")}
    assert states == {"a": "connector-missing", "files": "ready", "internal": "ready"}
    assert "acme" in place.state("a")["reason"]
    # It can still be changed and comes back with its connector.
    changed = place.api.data("PATCH", "apps/test/datasources/a", json={"title": "Acme"})
    assert changed["title"] == "Acme" and changed["state"] == "connector-missing"
    assert changed["config"] == {"url": "acme:"}
    changed = place.api.data("PATCH", "apps/test/datasources/a", json={"config": {"url": "acme:s3cret"}})
    assert changed["config"] == {"url": "********"}  # nobody could say that it is no secret
    place.install(built["1.4.0"])
    place.wait_word("a", "v140")
    assert place.state("a")["state"] == "ready"
    place.remove("acme")
    place.wait_problem("a", "connector-missing")
    assert place.api.delete("apps/test/datasources/a").status_code == 204
    problem(place.rows("a"), "unknown-datasource", 404)


def test_missing_at_the_start(place, built):
    place.install(built["1.3.0"])
    place.add("a")
    place.add("pinned", "acme@1.3.0")
    assert place.server.stop() == 0
    place.remove("acme")
    place.server.start()
    place.api = place.server.client()
    problem(place.rows("a"), "connector-missing", 503)
    problem(place.rows("pinned"), "connector-missing", 503)
    assert place.api.get("/health/ready").status_code == 200
    place.install(built["1.4.0"])
    place.wait_word("a", "v140")
    assert "there are: 1.4.0" in problem(place.rows("pinned"), "connector-missing", 503)["hint"]


def test_damaged(place, built):
    place.install(built["1.3.0"])
    place.add("a")
    assert place.word("a") == "v130"
    library = place.installed / "acme/1.3.0/acme.so"
    good = library.read_bytes()
    library.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "is damaged" in place.wait_problem("a", "connector-refused")["detail"]
    assert place.state("a")["state"] == "connector-refused"
    library.write_bytes(good)
    place.wait_word("a", "v130")
    (library.parent / "stray").write_text("")
    assert "not listed" in place.wait_problem("a", "connector-refused")["detail"]


def test_unsigned_only_when_named(place, built):
    package = place.package(built["1.3.0"])
    (package / "manifest.json.minisig").unlink()
    target = place.installed / "acme/1.3.0"
    target.parent.mkdir(parents=True)
    shutil.copytree(package, target)
    until(place.connectors, lambda found: found)
    (refused,) = place.connectors()
    assert refused["state"] == "refused" and "is not signed" in refused["reason"]
    assert "unsigned_connectors" in refused["hint"]
    body = problem(place.api.post("apps/test/datasources", json={"name": "a", "connector": "acme"}),
                   "connector-refused", 503)
    assert "is not signed" in body["detail"]
    place.server.stop()
    place.server.flags += ["--unsigned-connectors", "other, acme"]
    place.server.start()
    place.api = place.server.client()
    place.add("a")
    assert place.word("a") == "v130"
    (listed,) = place.connectors()
    assert listed["trust"] == "unsigned" and listed["isolated"] is True and listed["signer"] is None


def test_signed_by_nobody_we_know(place, built):
    stranger = Vendor(place.folder, "stranger")
    package = place.package(built["1.3.0"], vendor=stranger)
    (place.installed / "acme").mkdir(parents=True)
    shutil.copytree(package, place.installed / "acme/1.3.0")
    (refused,) = until(place.connectors, lambda found: found)
    assert stranger.key_name() in refused["reason"] and "which is not trusted" in refused["reason"]
    stranger.trusted_in(place.trust)
    place.add("a")
    assert place.word("a") == "v130"
    assert place.connectors()[0]["signer"] == "stranger"


def test_no_vendor_takes_the_place_of_a_bundled_connector(place, tmp_path):
    package = place.package(build(tmp_path, id="sqlite", version="99.0"))
    (place.installed / "sqlite").mkdir(parents=True)
    shutil.copytree(package, place.installed / "sqlite/99.0")
    found = until(lambda: place.connectors("sqlite"), lambda found: len(found) == 2)
    assert [(c["version"], c["state"]) for c in found if not c["in_use"]] == [("99.0", "refused")]
    assert place.api.data("GET", "connectors/sqlite")["trust"] == "bundled"


def test_first_party_in_process_and_what_crashes_there(place, built, tmp_path):
    us = Vendor(place.folder, "us").trusted_in(place.trust, "first-party")
    place.install(built["1.3.0"], "--in-process", vendor=us)
    place.add("a")
    assert place.word("a") == "v130"
    (listed,) = place.connectors()
    assert listed["trust"] == "first-party" and listed["isolated"] is False
    # Signed, trusted, and it crashes while it is loaded: the server lives, the older one stays in use.
    package = place.package(built["1.4.0"], "--in-process", vendor=us)
    shutil.copy(build(tmp_path, version="1.4.0", extra=CRASH), package / "acme.so")
    resign(package, us)
    shutil.copytree(package, place.installed / "acme/1.4.0")
    found = until(place.connectors, lambda found: len(found) == 2)
    assert found[0]["version"] == "1.4.0" and found[0]["state"] == "refused" and found[0]["reason"]
    assert place.word("a") == "v130"


def resign(package, vendor):
    """Hashes and signature of what is there now, without asking the connector (which would crash)."""
    import json
    import subprocess
    if not shutil.which("minisign"):
        pytest.skip("minisign is not installed")
    manifest = json.loads((package / "manifest.json").read_text())
    data = (package / "acme.so").read_bytes()
    manifest["files"]["acme.so"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (package / "manifest.json").write_text(json.dumps(manifest))
    subprocess.run(["minisign", "-S", "-s", vendor.key, "-m", package / "manifest.json"], check=True,
                   capture_output=True)


def test_a_bundled_file_that_changes(tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    for name in ("sqlite.so", "memory.so"):
        shutil.copy(BUILD / "plugins" / name, plugins)
    shutil.copy(build(tmp_path, version="1.0.0", word="first"), plugins / "acme.so")
    with temporary_server("--plugins", str(plugins)) as server:
        place = Place(server, tmp_path)
        place.api.data("POST", "apps", 201, json={"name": "test"})
        place.add("a")
        assert place.word("a") == "first"
        replace(build(tmp_path, version="1.0.1", word="second"), plugins / "acme.so")
        place.wait_word("a", "second")
        assert [c["version"] for c in place.connectors()] == ["1.0.1"]
        replace(build(tmp_path, version="1.0.2", word="third", extra=CRASH), plugins / "acme.so")
        assert place.wait_problem("a", "connector-refused")["detail"]
        assert place.api.get("/health/ready").status_code == 200
        (plugins / "acme.so").unlink()
        place.wait_problem("a", "connector-missing")
        shutil.copy(build(tmp_path, id="late", version="1.0.0", word="late"), plugins / "late.so")
        place.add("b", "late")
        assert place.word("b") == "late"


def test_a_bundled_file_that_crashes_from_the_start(tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    shutil.copy(BUILD / "plugins/sqlite.so", plugins)
    shutil.copy(build(tmp_path, version="1.0.0", extra=CRASH), plugins / "acme.so")
    with temporary_server("--plugins", str(plugins)) as server:
        place = Place(server, tmp_path)
        place.api.data("POST", "apps", 201, json={"name": "test"})
        (listed,) = place.connectors()
        assert listed["state"] == "refused" and "killed by SIG" in listed["reason"]
        answer = place.api.post("apps/test/datasources", json={"name": "a", "connector": "acme", "config": {}})
        assert "killed by SIG" in answer.json()["detail"], answer.text
        assert place.api.get("/health/ready").status_code == 200
        tried = (server.data / "connectors.tried").read_text().splitlines()
        hashes = [hashlib.sha256((plugins / name).read_bytes()).hexdigest() for name in ("sqlite.so", "acme.so")]
        assert [line.split()[0] for line in tried] == hashes[:1]
        (server.data / "connectors.tried").write_text(f"rubbish\n{tried[0]}\n{hashes[1]} 0.0.0\n")
        assert server.stop() == 0
        server.start()
        place.api = server.client()
        assert place.connectors()[0]["state"] == "refused"  # another version's trial does not count


def replace(source, target):
    new = target.with_suffix(".new")
    shutil.copy(source, new)
    new.rename(target)


def test_bundled_connectors_can_be_isolated(tmp_path):
    with temporary_server("--isolate", "sqlite") as server:
        api = server.client()
        assert api.data("GET", "connectors/sqlite")["isolated"] is True
        assert api.data("GET", "connectors/memory")["isolated"] is False
        api.data("POST", "apps", 201, json={"name": "test"})
        api.data("POST", "apps/test/datasources", 201,
                 json={"name": "files", "connector": "sqlite", "config": {"path": str(tmp_path / "f.db")}})
        api.data("POST", "apps/test/datasources/files/tables", 201,
                 json={"name": "t", "columns": [{"name": "id", "type": "int"}], "key": ["id"]})
        assert api.data("POST", "apps/test/data/files/t", 201, json={"id": 7})
        assert api.data("GET", "apps/test/data/files/t") == [{"id": 7}]


def children(server):
    tasks = pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def test_metrics_of_isolated_connectors(tmp_path):
    with temporary_server("--isolate", "sqlite") as server:
        api = server.client()
        isolated = lambda name: metric(server, rf'rowhouse_isolated_{name}\{{connector="sqlite",version="[^"]+"\}}')
        api.data("POST", "apps", 201, json={"name": "test"})
        api.data("POST", "apps/test/datasources", 201,
                 json={"name": "files", "connector": "sqlite", "config": {"path": str(tmp_path / "f.db")}})
        api.data("POST", "apps/test/datasources/files/tables", 201,
                 json={"name": "t", "columns": [{"name": "id", "type": "int"}], "key": ["id"]})
        processes = until(lambda: isolated("processes"), lambda n: n == len(children(server)))  # the one that described it has ended
        started = isolated("started_total")
        assert started >= 1 and isolated("restarted_total") == 0 and isolated("crashed_total") == 0
        for pid in children(server):
            os.kill(pid, signal.SIGKILL)
        until(lambda: isolated("crashed_total"), lambda n: n == processes)
        until(lambda: api.get("apps/test/data/files/t"), lambda answer: answer.status_code == 200)
        assert 1 <= isolated("restarted_total") == isolated("started_total") - started
        assert isolated("processes") == len(children(server)) and isolated("killed_total") == 0


def test_settings_are_shown(place):
    named = {s["name"] for s in place.api.data("GET", "admin/config")}
    assert {"connectors", "trust", "unsigned_connectors", "isolate"} <= named
