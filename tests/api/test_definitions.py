"""Connectors, apps, datasources, documents, commands by name."""
import pathlib
import socket

import pytest

from client import problem, temporary_server
from conftest import POSTGRES


# ---- Connectors and documents ----------------------------------------------------------------

def test_connectors(api):
    listed = {c["id"]: c for c in api.data("GET", "connectors")}
    assert {"sqlite", "postgres", "memory"} <= set(listed)
    assert all(c["state"] == "ready" for c in listed.values())
    one = api.data("GET", "connectors/sqlite")
    assert one["config_schema"]["properties"]["path"]["type"] == "string"
    assert one["groups"]["write"] is True
    assert {"operator": "eq"}.items() <= one["operators"][0].items() or one["operators"]
    assert len(one["sha256"]) == 64
    problem(api.get("connectors/none"), "unknown-connector", 404)


def test_openapi_has_every_route(api):
    document = api.get("openapi.json").json()
    assert document["openapi"].startswith("3.1")
    ids = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids)) and len(ids) > 35
    for path, operations in document["paths"].items():
        for operation in operations.values():
            named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert named == [part[1:-1] for part in path.split("/") if part.startswith("{")]


def test_docs_page(api):
    answer = api.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    for path in api.get("openapi.json").json()["paths"]:
        assert path in answer.text
    assert "<script" not in answer.text and "http://" not in answer.text


# ---- Apps ------------------------------------------------------------------------------------

def test_life_of_an_app(api):
    made = api.post("apps", json={"name": "life", "title": "Life"})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/v1/apps/life"
    assert made.json()["data"]["title"] == "Life" and made.json()["data"]["created_at"]
    tag = made.headers["ETag"]
    got = api.get("apps/life")
    assert got.json() == made.json() and got.headers["ETag"] == tag
    assert api.get("apps/life@dev").json() == made.json()
    assert "life" in [a["name"] for a in api.data("GET", "apps")]
    changed = api.patch("apps/life", json={"title": "More life"}, headers={"If-Match": tag})
    assert changed.json()["data"]["title"] == "More life" and changed.headers["ETag"] != tag
    problem(api.patch("apps/life", json={"title": "x"}, headers={"If-Match": tag}), "stale", 412)
    problem(api.delete("apps/life", headers={"If-Match": tag}), "stale", 412)
    answer = api.delete("apps/life")
    assert answer.status_code == 204 and answer.content == b""
    problem(api.get("apps/life"), "unknown-app", 404)
    problem(api.delete("apps/life"), "unknown-app", 404)


@pytest.mark.parametrize("body, pointer", [
    ({"name": "No"}, "/name"), ({"name": ""}, "/name"), ({}, "/name"), ({"name": 5}, "/name"),
    ({"name": "x" * 64}, "/name"), ({"name": "a/b"}, "/name"), ({"name": "ok", "titel": "x"}, "/titel"),
    ({"name": "ok", "title": 5}, "/title"),
])
def test_apps_that_make_no_sense(api, body, pointer):
    answer = problem(api.post("apps", json=body), "invalid-request", 400)
    assert answer["errors"][0]["pointer"] == pointer


def test_names_are_taken_once(api, app):
    problem(api.post("apps", json={"name": app}), "already-exists", 409)


def test_an_app_with_datasources_is_not_deleted_by_mistake(api, tmp_path):
    api.data("POST", "apps", 201, json={"name": "full"})
    api.data("POST", "apps/full/datasources", 201,
             json={"name": "d", "connector": "sqlite", "config": {"path": str(tmp_path / "d.db")}})
    problem(api.delete("apps/full"), "not-empty", 409)
    assert api.delete("apps/full?cascade=true").status_code == 204
    api.data("POST", "apps", 201, json={"name": "full"})
    assert [d["name"] for d in api.data("GET", "apps/full/datasources")] == ["internal"]
    problem(api.get("apps/full/data/d/t"), "unknown-datasource", 404)


# ---- Datasources -----------------------------------------------------------------------------

def test_life_of_a_datasource(api, app, tmp_path):
    body = {"name": "life", "connector": "sqlite", "config": {"path": str(tmp_path / "life.db")},
            "title": "Life", "pool": {"max_connections": 3}, "budget": {"scan_rows": 1000}}
    made = api.post(f"apps/{app}/datasources", json=body)
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/apps/{app}/datasources/life"
    assert body.items() <= made.json()["data"].items()
    problem(api.post(f"apps/{app}/datasources", json=body), "already-exists", 409)
    path = f"apps/{app}/datasources/life"
    got = api.get(path)
    assert got.json() == made.json()
    assert "life" in [d["name"] for d in api.data("GET", f"apps/{app}/datasources")]
    assert api.data("POST", path + "/test")["ok"] is True
    assert api.data("POST", path + "/refresh")["tables"] == 0
    tag = got.headers["ETag"]
    changed = api.patch(path, json={"title": None, "config": {"busy_timeout_ms": 100}},
                        headers={"If-Match": tag})
    assert changed.json()["data"]["config"]["busy_timeout_ms"] == 100
    assert changed.json()["data"]["config"]["path"] == body["config"]["path"]
    problem(api.patch(path, json={}, headers={"If-Match": tag}), "stale", 412)
    changed = api.patch(path, json={"config": {"busy_timeout_ms": None}})
    assert "busy_timeout_ms" not in changed.json()["data"]["config"]
    assert api.delete(path).status_code == 204
    problem(api.get(path), "unknown-datasource", 404)
    problem(api.post(path + "/test"), "unknown-datasource", 404)


def test_a_changed_datasource_is_used_at_once(api, app, tmp_path):
    for name in ("one", "two"):
        api.data("POST", f"apps/{app}/datasources", 201,
                 json={"name": name, "connector": "sqlite", "config": {"path": str(tmp_path / (name + ".db"))}})
        table = {"name": "only_in_" + name, "columns": [{"name": "id", "type": "int"}], "key": ["id"]}
        api.data("POST", f"apps/{app}/datasources/{name}/tables", 201, json=table)
    tables = f"apps/{app}/datasources/one/tables"
    assert [t["name"] for t in api.data("GET", tables)] == ["only_in_one"]
    api.data("PATCH", f"apps/{app}/datasources/one", json={"config": {"path": str(tmp_path / "two.db")}})
    assert [t["name"] for t in api.data("GET", tables)] == ["only_in_two"]


@pytest.mark.parametrize("body, code, pointer", [
    ({"name": "x", "connector": "none", "config": {}}, "unknown-connector", None),
    ({"name": "x", "connector": "sqlite", "config": {"pth": "x"}}, "invalid-settings", "/config/pth"),
    ({"name": "x", "connector": "sqlite", "config": {"path": 5}}, "invalid-settings", "/config/path"),
    ({"name": "x", "connector": "sqlite", "config": []}, "invalid-request", "/config"),
    ({"name": "x", "config": {}}, "invalid-request", "/connector"),
    ({"name": "X", "connector": "sqlite"}, "invalid-request", "/name"),
    ({"name": "x", "connector": "sqlite", "pool": {"max": 1}}, "invalid-request", "/pool/max"),
    ({"name": "x", "connector": "sqlite", "budget": {"time_ms": -1}}, "invalid-request", "/budget/time_ms"),
])
def test_datasources_that_make_no_sense(api, app, body, code, pointer):
    answer = problem(api.post(f"apps/{app}/datasources", json=body), code)
    if pointer:
        assert answer["errors"][0]["pointer"] == pointer
    problem(api.get(f"apps/{app}/datasources/x"), "unknown-datasource")


def test_datasources_of_no_app(api):
    problem(api.post("apps/none/datasources", json={"name": "x", "connector": "sqlite"}), "unknown-app", 404)
    problem(api.get("apps/none/datasources"), "unknown-app", 404)
    problem(api.get("apps/none/data/x/y"), "unknown-app", 404)
    problem(api.get("apps/UPPER/data/x/y"), "unknown-app", 404)


def test_secrets_are_never_shown(server, api, app):
    secret = "pa55-w0rd-that-nobody-sees"
    path = f"apps/{app}/datasources/vault"
    config = {"host": "127.0.0.1", "port": 1, "user": "u", "database": "d", "password": secret}
    answers = [api.post(f"apps/{app}/datasources", json={"name": "vault", "connector": "postgres", "config": config}),
               api.get(path), api.get(f"apps/{app}/datasources"), api.post(path + "/test"),
               api.patch(path, json={"config": {"password": "********", "user": "v"}}), api.get(path)]
    for answer in answers:
        assert secret not in answer.text and "secret:v1" not in answer.text
    assert answers[0].json()["data"]["config"]["password"] == "********"
    assert secret not in server.read_log()
    for file in server.data.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_a_masked_secret_is_kept(api, app, pg):
    """The role "secret" of the test server has a password."""
    config = {"url": pg.replace("rowhouse@", "secret:s3cret@")}
    path = f"apps/{app}/datasources/masked"
    api.data("POST", f"apps/{app}/datasources", 201,
             json={"name": "masked", "connector": "postgres", "config": config})
    assert api.data("POST", path + "/test")["ok"] is True
    api.data("PATCH", path, json={"config": {"url": "********", "application_name": "kept"}})
    assert api.data("POST", path + "/test")["ok"] is True
    api.data("PATCH", path, json={"config": {"url": pg.replace("rowhouse@", "secret:wrong@")}})
    problem(api.post(path + "/test"), "datasource-auth", 502)


def test_secrets_survive_a_restart_and_not_another_key(tmp_path):
    from client import Server
    server = Server(tmp_path)
    api = server.client()
    api.data("POST", "apps", 201, json={"name": "a"})
    api.data("POST", "apps/a/datasources", 201,
             json={"name": "d", "connector": "postgres", "config": {"host": "127.0.0.1", "port": 1, "password": "x"}})
    assert server.stop() == 0
    server.start()
    problem(server.client().post("apps/a/datasources/d/test"), "datasource-unavailable", 503)
    assert server.stop() == 0
    server.env = {"ROWHOUSE_MASTER_KEY": "ab" * 32}
    with pytest.raises(RuntimeError, match="master"):
        server.start()


# ---- Sources that fail -----------------------------------------------------------------------

def postgres_at(api, app, name, port, **more):
    api.data("POST", f"apps/{app}/datasources", 201,
             json={"name": name, "connector": "postgres", "pool": {"connect_ms": 1500},
                   "config": {"host": "127.0.0.1", "port": port, "user": "u", "database": "d", **more}})
    return f"apps/{app}/datasources/{name}/test"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_nobody_listens(api, app):
    answer = api.post(postgres_at(api, app, "nobody", free_port()))
    problem(answer, "datasource-unavailable", 503)
    assert int(answer.headers["Retry-After"]) >= 1


def test_somebody_accepts_and_never_answers(api, app):
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(8)
        path = postgres_at(api, app, "hole", hole.getsockname()[1])
        answer = api.post(path)
        assert answer.status_code in (503, 504), answer.text
        assert api.get("me").status_code == 200


def test_wrong_password(api, app, pg):
    api.data("POST", f"apps/{app}/datasources", 201,
             json={"name": "wrong", "connector": "postgres", "config": {"url": pg.replace("rowhouse@", "secret:wrong@")}})
    problem(api.post(f"apps/{app}/datasources/wrong/test"), "datasource-auth", 502)
    problem(api.get(f"apps/{app}/data/wrong/t"), "datasource-auth", 502)


def test_a_dead_source_does_not_hold_up_others(api, app, sqlite):
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(8)
        postgres_at(api, app, "slow", hole.getsockname()[1])
        assert api.get(f"apps/{app}/data/slow/t").status_code in (503, 504)
        assert api.get(sqlite.path("orders")).status_code == 200


def test_a_file_that_is_no_database(api, app, tmp_path):
    path = tmp_path / "garbage.db"
    path.write_bytes(b"this is no database, really" * 100)
    api.data("POST", f"apps/{app}/datasources", 201,
             json={"name": "garbage", "connector": "sqlite", "config": {"path": str(path)}})
    answer = api.get(f"apps/{app}/data/garbage/t")
    assert answer.status_code in (502, 503), answer.text


# ---- By name ---------------------------------------------------------------------------------

def test_commands_by_name(api, app, sqlite):
    assert api.data("POST", "/api/rpc/me") == api.data("GET", "me")
    assert api.data("POST", "/api/rpc/apps.get", json={"app": app}) == api.data("GET", f"apps/{app}")
    where = {"app": app, "datasource": sqlite.name, "table": "orders"}
    by_url = api.data("GET", sqlite.path("orders", "?status=eq.open&limit=3&order=-id"))
    assert api.data("POST", "/api/rpc/rows.list",
                    json={**where, "status": "eq.open", "limit": 3, "order": "-id"}) == by_url
    assert api.data("POST", "/api/rpc/rows.query",
                    json={**where, "body": {"where": {"status": "open"}, "limit": 3, "order": ["-id"]}}) == by_url
    assert api.data("POST", "/api/rpc/rows.get", json={**where, "key": 7})["id"] == 7
    made = api.post("/api/rpc/apps.create", json={"body": {"name": "by-name"}})
    assert made.status_code == 201
    assert api.post("/api/rpc/apps.delete", json={"app": "by-name"}).status_code == 204
    assert api.post("/api/rpc/health.live").status_code == 200
    where["table"] = "lines"
    report = api.data("POST", "/api/rpc/rows.import",
                      json={**where, "format": "csv", "body": "order_id,line\n900,rpc\n"})
    assert report["written"] == 1
    assert api.data("POST", "/api/rpc/rows.get", json={**where, "key": "900,rpc"})["note"] is None
    report = api.data("POST", "/api/rpc/rows.import", json={**where, "body": [{"order_id": 901, "line": "rpc"}]})
    assert report["written"] == 1


def test_wrong_calls_by_name(api, app):
    problem(api.post("/api/rpc/no.such"), "unknown-command", 404)
    problem(api.post("/api/rpc/rpc"), "unknown-command", 404)
    problem(api.post("/api/rpc/apps.get"), "missing-parameter", 400)
    problem(api.post("/api/rpc/apps.get", json={"app": app, "x": 1}), "unknown-parameter", 400)
    problem(api.post("/api/rpc/apps.get", json=[]), "invalid-request", 400)
    problem(api.post("/api/rpc/apps.get", json={"app": {}}), "invalid-request", 400)


def test_by_name_needs_the_key_too(server):
    problem(server.client("some-other-key-altogether").post("/api/rpc/me"), "unauthorized", 401)


def test_a_refused_connector_is_listed_with_its_reason(tmp_path):
    import client
    folder = tmp_path / "plugins"
    folder.mkdir()
    for name in ("sqlite.so", "couchdb.so"):
        (folder / name).symlink_to(client.BUILD / "plugins" / name)
    (folder / "broken.so").write_text("not a shared object")
    with temporary_server("--plugins", str(folder)) as server:
        api = server.client()
        listed = {c["id"]: c for c in api.data("GET", "connectors")}
        assert listed["sqlite"]["state"] == "ready"
        assert listed["broken"]["state"] == "refused" and "ELF" in listed["broken"]["reason"]
        problem(api.get("connectors/broken"), "connector-refused", 503)


def test_a_name_that_is_taken_is_told_plainly(api, app, sqlite):
    answer = problem(api.post("apps", json={"name": app}), "already-exists", 409)
    assert answer["detail"] == f'there is an app "{app}" already' and answer["errors"][0]["pointer"] == "/name"
    answer = problem(api.post(f"apps/{app}/datasources", json={
        "name": sqlite.name, "connector": "sqlite", "config": {"path": "x.db"}}), "already-exists", 409)
    assert answer["detail"] == f'there is a datasource "{sqlite.name}" in the app "{app}" already'
    assert answer["errors"][0]["pointer"] == "/name"


def test_definitions_that_did_not_change(api, app, sqlite):
    for path in (f"apps/{app}", f"apps/{app}/datasources/{sqlite.name}"):
        tag = api.get(path).headers["ETag"]
        same = api.get(path, headers={"If-None-Match": f'"x", {tag}'})
        assert same.status_code == 304 and same.content == b"" and same.headers["ETag"] == tag
        assert api.patch(path, json={"title": "Once more"}).status_code == 200
        other = api.get(path, headers={"If-None-Match": tag})
        assert other.status_code == 200 and other.headers["ETag"] != tag
