"""Every problem code that the server lists is provoked here, or it says why it cannot be."""
import json
import re
import socket
import threading

import pytest

from client import problem, refused, temporary_server

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"

# Codes that no request can bring about on a sound machine with these connectors.
UNREACHABLE = {
    "internal": "a fault in the server: there is none that we know of",
    "datasource-failed": "a fault in a connector: there is none that we know of",
    "needs-filter": "none of these connectors refuses to scan; the row SDK's unit tests have one that does",
    "rate-limited": "none of these sources limits its callers",
    "datasource-protocol": "libpq tells a malformed answer by closing the connection",
    "unknown-outcome": "a commit whose answer is lost cannot be timed; the connector's own tests cut the wire",
    "out-of-memory": "needs a machine without memory",
    "needs-index": "none of these sources refuses for want of an index",
    "egress-forbidden": "the host's HTTP tests ask for such an address",
    "spill-failed": "needs a full disk",
    "connector-contract": "none of these connectors breaks its contract; the row SDK's unit tests have some that do",
    "no-transactions": "all of these connectors have transactions",
}


class World:
    """What the provocations need."""

    def __init__(self, server, api, app, sqlite, folder):
        self.server, self.api, self.app, self.sqlite, self.folder = server, api, app, sqlite, folder

    def native(self, text, **more):
        return self.api.post(f"apps/{self.app}/datasources/{self.sqlite.name}/native", json={"text": text, **more})

    def orders(self, rest=""):
        return self.sqlite.path("orders", rest)

    def datasource(self, name, **more):
        self.api.data("POST", f"apps/{self.app}/datasources", 201, json={"name": name, **more})
        return f"apps/{self.app}/datasources/{name}"

    def postgres(self, name, **config):
        from conftest import POSTGRES
        if not POSTGRES:
            pytest.skip("ROWHOUSE_TEST_POSTGRES is not set")
        return self.datasource(name, connector="postgres", config={"url": POSTGRES, **config})


PROVOKE = {}


def provokes(code):
    def keep(function):
        PROVOKE[code] = function
        return function
    return keep


def simple(code, call):
    PROVOKE[code] = call


simple("invalid-request", lambda w: w.api.post("apps", json={"name": "No"}))
simple("invalid-json", lambda w: w.api.post("apps", data="{"))
simple("too-deep", lambda w: w.api.post("apps", data="[" * 5000))
simple("invalid-csv", lambda w: w.api.post(w.orders("/import"), data='a,"b', headers={"Content-Type": "text/csv"}))
simple("invalid-query", lambda w: w.api.post(w.orders("/query"), json={"were": {}}))
simple("invalid-filter", lambda w: w.api.post(w.orders("/query"), json={"where": {"status": {"matches": "("}}}))
simple("invalid-cursor", lambda w: w.api.get(w.orders("?after=x")))
simple("invalid-value", lambda w: w.api.get(w.orders("?id=eq.x")))
simple("invalid-settings", lambda w: w.api.post(f"apps/{w.app}/datasources",
                                                json={"name": "x", "connector": "sqlite", "config": {"pth": "x"}}))
simple("unknown-operator", lambda w: w.api.get(w.orders("?id=foo.1")))
simple("unknown-column", lambda w: w.api.get(w.orders("?nothing=eq.1")))
simple("unknown-parameter", lambda w: w.api.get("apps?x=1"))
simple("missing-parameter", lambda w: w.api.post("/api/rpc/apps.get"))
simple("unknown-relation", lambda w: w.api.get(w.orders("?customer.name=eq.Ada")))
simple("internal-datasource", lambda w: w.api.delete(f"apps/{w.app}/datasources/internal"))
simple("unconditional-write", lambda w: w.api.delete(w.orders(), json={}))
simple("unauthorized", lambda w: w.server.client("another-key-altogether").get("me"))
simple("unknown-route", lambda w: w.api.get("nothing"))
simple("unknown-command", lambda w: w.api.post("/api/rpc/nothing"))
simple("unknown-connector", lambda w: w.api.get("connectors/nothing"))
simple("unknown-app", lambda w: w.api.get("apps/nothing"))
simple("unknown-datasource", lambda w: w.api.get(f"apps/{w.app}/datasources/nothing"))
simple("unknown-table", lambda w: w.api.get(w.sqlite.path("nothing")))
simple("not-found", lambda w: w.api.get(w.orders("/999999")))
simple("method-not-allowed", lambda w: w.api.put("apps"))
simple("not-acceptable", lambda w: w.api.get(w.orders("?format=xml")))
simple("already-exists", lambda w: w.api.post("apps", json={"name": w.app}))
simple("not-empty", lambda w: w.api.delete(f"apps/{w.app}"))
simple("stale", lambda w: w.api.patch(w.orders("/1"), json={"qty": 1}, headers={"If-Match": '"x"'}))
simple("unsupported-media-type", lambda w: w.api.post("apps", data="x", headers={"Content-Type": "text/plain"}))
simple("read-only", lambda w: w.native("delete from orders"))
simple("no-key", lambda w: w.api.get(w.sqlite.path("keyless", "/1")))
simple("constraint", lambda w: w.api.post(w.sqlite.path("customers"), json={"name": "x", "email": "ada@example.com"}))


@provokes("unsupported")
def _(w):
    path = w.datasource("memory1", connector="memory", config={"name": "memory1"})
    return w.api.post(path + "/native", json={"text": "select 1"})


@provokes("idempotency-mismatch")
def _(w):
    headers = {"Idempotency-Key": "problems"}
    w.api.post("apps", json={"name": "a1"}, headers=headers)
    return w.api.post("apps", json={"name": "a2"}, headers=headers)


@provokes("answer-not-kept")
def _(w):
    headers, body = {"Idempotency-Key": "big"}, {"order_id": 1, "line": "big", "note": "x" * 300000}
    w.api.post(w.sqlite.path("lines"), json=body, headers=headers)
    return w.api.post(w.sqlite.path("lines"), json=body, headers=headers)


@provokes("in-progress")
def _(w):
    path, headers = f"apps/{w.app}/datasources/{w.sqlite.name}/native", {"Idempotency-Key": "long"}
    body = {"text": "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000000) select count(*) from n"}
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(w.server.client().post(path, json=body, headers=headers)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return next(a for a in answers if a.status_code == 409)


@provokes("datasource-auth")
def _(w):
    from conftest import POSTGRES
    path = w.postgres("auth", url=(POSTGRES or "").replace("rowhouse@", "secret:wrong@"))
    return w.api.post(path + "/test")


@provokes("datasource-permission")
def _(w):
    path = w.postgres("permission")
    return w.api.post(path + "/native", json={
        "text": "do $$ begin raise insufficient_privilege using message = 'not yours'; end $$", "read_only": False})


@provokes("datasource-full")
def _(w):
    path = w.postgres("full")
    return w.api.post(path + "/native", json={
        "text": "do $$ begin raise disk_full using message = 'no space left on device'; end $$", "read_only": False})


@provokes("conflict")
def _(w):
    path = w.postgres("conflict")
    return w.api.post(path + "/native", json={
        "text": "do $$ begin raise serialization_failure using message = 'somebody was faster'; end $$",
        "read_only": False})


@provokes("datasource-unavailable")
def _(w):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        path = w.datasource("down", connector="postgres",
                            config={"host": "127.0.0.1", "port": taken.getsockname()[1], "user": "u"})
        return w.api.post(path + "/test")


@provokes("budget-exceeded")
def _(w):
    path = w.datasource("poor", connector="sqlite", budget={"scan_rows": 5},
                        config=w.sqlite.made["config"])
    answer = w.api.post(f"apps/{w.app}/data/poor/orders/query", json={"where": {"status": {"matches": "^z"}}})
    w.api.delete(path)
    return answer


@provokes("timeout")
def _(w):
    with temporary_server("--request-timeout-ms", "2000") as server:
        api = server.client()
        api.data("POST", "apps", 201, json={"name": "a"})
        api.data("POST", "apps/a/datasources", 201, json={"name": "d", "connector": "sqlite",
                                                          "config": {"path": str(w.folder / "timeout.db")}})
        return api.post("apps/a/datasources/d/native", json={"text": ENDLESS})


@provokes("cancelled")
def _(w):
    server_stopping = temporary_server("--stop-timeout-ms", "0")
    answers = []
    with server_stopping as server:
        api = server.client()
        api.data("POST", "apps", 201, json={"name": "a"})
        api.data("POST", "apps/a/datasources", 201, json={"name": "d", "connector": "sqlite",
                                                          "config": {"path": str(w.folder / "cancelled.db")}})
        thread = threading.Thread(
            target=lambda: answers.append(api.post("apps/a/datasources/d/native", json={"text": ENDLESS})))
        thread.start()
        while "rowhouse_requests_active 2" not in server.client().get("/metrics").text:
            pass
    thread.join()
    return answers[0]


@provokes("busy")
def _(w):
    with temporary_server("--workers", "1", "--queue", "1", "--request-timeout-ms", "600000",
                          "--stop-timeout-ms", "0") as server:
        api = server.client()
        api.data("POST", "apps", 201, json={"name": "a"})
        api.data("POST", "apps/a/datasources", 201, json={"name": "d", "connector": "sqlite",
                                                          "config": {"path": str(w.folder / "busy.db")}})
        return refused(server, "apps/a/datasources/d/native", ENDLESS, 1)[0]


@provokes("too-large")
def _(w):
    with temporary_server("--max-body-bytes", "1024") as server:
        return server.client().post("apps", data=b"x" * 1025)


def plugins(w, name):
    """A folder that has the connector sqlite only."""
    import client
    folder = w.folder / name
    folder.mkdir()
    (folder / "sqlite.so").symlink_to(client.BUILD / "plugins" / "sqlite.so")
    return folder


@provokes("connector-refused")
def _(w):
    folder = plugins(w, "refused")
    (folder / "odd.so").write_text("no shared object")
    with temporary_server("--plugins", str(folder)) as server:
        return server.client().get("connectors/odd")


@provokes("connector-missing")
def _(w):
    import shutil
    import client
    folder = plugins(w, "missing")
    shutil.copy(client.BUILD / "plugins" / "memory.so", folder)
    with temporary_server("--plugins", str(folder)) as server:
        api = server.client()
        api.data("POST", "apps", 201, json={"name": "a"})
        api.data("POST", "apps/a/datasources", 201, json={"name": "d", "connector": "memory",
                                                          "config": {"name": "d"}})
        (folder / "memory.so").unlink()
        while True:  # it looks at the folder once a second
            answer = api.get("apps/a/datasources/d/tables")
            if answer.status_code != 200:
                return answer


def listed():
    """The codes as the program prints them; the tests are named by them."""
    import subprocess
    import client
    text = subprocess.run([str(client.PROGRAM), "--print-reference"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("|") for line in text[text.index("## Problems"):].splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): int(row[2]) for row in rows}


@pytest.fixture(scope="module")
def world(server, api, app, sqlite, tmp_path_factory):
    return World(server, api, app, sqlite, tmp_path_factory.mktemp("problems"))


@pytest.mark.parametrize("code", sorted(PROVOKE))
def test_it_can_be_provoked(world, code):
    problem(PROVOKE[code](world), code, listed()[code])


def test_every_code_is_dealt_with():
    codes = set(listed())
    assert codes == set(PROVOKE) | set(UNREACHABLE)
    assert not set(PROVOKE) & set(UNREACHABLE)


def test_every_code_in_the_sources_is_listed():
    """A code is the literal that one of these functions is given."""
    from client import ROOT
    given = re.compile(r'(?:rh_error_code|rh_binder_fail|rh_spec_fail|rh_url_fail)\([^"();]*"([a-z-]+)"')
    codes = {code for folder in ("core", "sdk/rows", "server", "plugins") for path in (ROOT / folder).rglob("*.c")
             for code in given.findall(path.read_text())}
    assert len(codes) > 30
    assert codes - set(listed()) <= {"feed-gone"}  # there are no feeds over HTTP


def test_the_list_is_in_the_document(api):
    document = json.loads(api.get("openapi.json").text)
    assert {p["code"]: p["status"] for p in document["x-problems"]} == listed()
