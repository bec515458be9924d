"""Answers without a known length, clients and sources that leave, deadlines, a full house."""
import gzip
import json
import signal
import socket
import threading
import time

import pytest
import requests

from client import KEY, PATIENCE, PROGRAM, Server, active, metric, problem, raw, refused, temporary_server, until
from conftest import POSTGRES, admin_of_postgres

N = 200000
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"


def idle(server):
    """Nothing runs but the question itself."""
    return until(lambda: active(server) == 0)


@pytest.fixture(scope="module")
def large(sqlite):
    answer = sqlite.api.post(f"apps/{sqlite.app}/datasources/{sqlite.name}/native", json={
        "read_only": False, "text":
        f"insert into lines with recursive n(i) as (select 1 union all select i + 1 from n where i < {N}) "
        "select i, 'line ' || i, 'a note of some length, so that there is something to send' from n"})
    assert answer.json()["meta"]["affected"] == N
    return sqlite


def native(source, statement, rest="", **more):
    return source.api.post(f"apps/{source.app}/datasources/{source.name}/native{rest}",
                           json={"text": statement}, **more)


@pytest.fixture(scope="module")
def postgres(api, app, pg):
    class Made:
        pass
    made = Made()
    made.api, made.app, made.name = api, app, "streaming"
    api.data("POST", f"apps/{app}/datasources", 201,
             json={"name": made.name, "connector": "postgres",
                   "config": {"url": pg, "application_name": "rowhouse-streaming"}})
    return made


def running_on_postgres():
    conn = admin_of_postgres()
    cursor = conn.cursor()
    cursor.execute("select pid from pg_stat_activity where state <> 'idle' and query ~ 'pg_sleep|generate' "
                   "and application_name = 'rowhouse-streaming'")
    pids = [row[0] for row in cursor.fetchall()]
    conn.close()
    return pids


# ---- Whole streams ---------------------------------------------------------------------------

def test_every_row_arrives(large):
    answer = large.api.get(large.path("lines", "?format=ndjson"))
    assert answer.headers["Transfer-Encoding"] == "chunked"
    rows = [json.loads(line) for line in answer.content.splitlines()]
    assert [row["order_id"] for row in rows] == list(range(1, N + 1))
    lines = large.api.get(large.path("lines", "?format=csv")).text.split("\r\n")
    assert lines[0] == "order_id,line,note" and len(lines) == N + 2
    assert lines[N].startswith(f"{N},line {N},")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_compressed_streams(large, coding):
    plain = large.api.get(large.path("lines", "?format=csv"), headers={"Accept-Encoding": "identity"})
    answer = large.api.get(large.path("lines", "?format=csv"), stream=True, headers={"Accept-Encoding": coding})
    assert answer.headers["Content-Encoding"] == coding
    packed = answer.raw.read(decode_content=False)
    assert len(packed) < len(plain.content) / 5
    if coding == "gzip":
        assert gzip.decompress(packed) == plain.content


def test_a_connection_serves_on_after_a_stream(large):
    with requests.Session() as session:
        session.headers["X-Api-Key"] = KEY
        for _ in range(3):
            url = large.api.url + "/api/v1/" + large.path("lines", "?format=csv&limit=5000")
            assert session.get(url, timeout=PATIENCE).text.count("\r\n") == 5001


def test_a_slow_reader_slows_the_source(server, postgres):
    before = metric(server, "process_resident_memory_bytes")
    answer = native(postgres, "select i, repeat('x', 100) from (select generate_series(1, 1000000000) as i) as t", "?format=csv", stream=True)
    parts = answer.iter_content(1000)
    assert next(parts)
    time.sleep(1)
    if b"__asan_init" not in PROGRAM.read_bytes():  # it keeps what was freed for a while
        assert metric(server, "process_resident_memory_bytes") - before < 30e6
    assert running_on_postgres()
    answer.close()
    assert until(lambda: not running_on_postgres())


# ---- Those who leave -------------------------------------------------------------------------

def leave(server, source, statement, wait_for, rest=""):
    """Sends the query and leaves as soon as `wait_for` holds."""
    body = json.dumps({"text": statement})
    head = (f"POST /api/v1/apps/{source.app}/datasources/{source.name}/native{rest} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    with socket.create_connection(("127.0.0.1", server.port)) as conn:
        conn.sendall(head.encode())
        if not until(wait_for):
            conn.settimeout(1)
            raise AssertionError(f"did not begin: {conn.recv(2000)}")


def test_a_client_that_leaves_cancels_its_query(server, postgres):
    before = requests.get(server.url + "/metrics", timeout=PATIENCE).text.count('status="499"')
    leave(server, postgres, "select pg_sleep(1000)", running_on_postgres)
    assert until(lambda: not running_on_postgres())
    assert idle(server)
    after = requests.get(server.url + "/metrics", timeout=PATIENCE).text
    assert after.count('status="499"') > before


def test_a_client_that_leaves_a_stream_cancels_its_query(server, postgres):
    leave(server, postgres, "select generate_series(1, 1000000000)", running_on_postgres, "?format=ndjson")
    assert until(lambda: not running_on_postgres())
    assert idle(server)


def test_a_client_that_leaves_sqlite(server, large):
    leave(server, large, f"select count(*) from ({ENDLESS})", lambda: active(server) == 1)
    assert idle(server)
    leave(server, large, ENDLESS, lambda: active(server) == 1, "?format=csv")
    assert idle(server)


def kill_backend(postgres):
    conn = admin_of_postgres()
    for pid in running_on_postgres():
        conn.cursor().execute("select pg_terminate_backend(%s)", (pid,))
    conn.close()


def test_a_source_that_leaves_midway(server, postgres):
    statement = "select i, repeat('x', 100) from (select generate_series(1, 1000000000) as i) as t"
    parts = native(postgres, statement, "?format=ndjson", stream=True).iter_content(65536)
    next(parts)
    kill_backend(postgres)
    rest = b"".join(parts)
    last = json.loads(rest.splitlines()[-1])
    assert last["error"]["status"] in (502, 503) and last["error"]["code"]
    parts = native(postgres, statement, "?format=csv", stream=True).iter_content(65536)
    next(parts)
    kill_backend(postgres)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for _ in parts:
            pass
    assert native(postgres, "select 1").status_code == 200


def test_a_server_that_is_killed_midway(tmp_path):
    server = Server(tmp_path)
    api = server.client()
    api.data("POST", "apps", 201, json={"name": "a"})
    api.data("POST", "apps/a/datasources", 201,
             json={"name": "d", "connector": "sqlite", "config": {"path": str(tmp_path / "d.db")}})
    answer = api.post("apps/a/datasources/d/native?format=ndjson", json={"text": ENDLESS}, stream=True)
    parts = answer.iter_content(65536)
    next(parts)
    server.process.kill()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for _ in parts:
            pass
    server.stop()
    server.start()
    assert server.client().post("apps/a/datasources/d/test").status_code == 200
    assert server.stop() == 0


# ---- Deadlines and bounds --------------------------------------------------------------------

def with_sqlite(server, folder):
    api = server.client()
    api.data("POST", "apps", 201, json={"name": "a"})
    api.data("POST", "apps/a/datasources", 201,
             json={"name": "d", "connector": "sqlite", "config": {"path": str(folder / "d.db")}})
    return api, "apps/a/datasources/d/native"


def test_a_request_that_takes_too_long(tmp_path):
    with temporary_server("--request-timeout-ms", "3000") as server:
        api, path = with_sqlite(server, tmp_path)
        problem(api.post(path, json={"text": f"select count(*) from ({ENDLESS})"}), "timeout", 504)
        if POSTGRES:
            api.data("POST", "apps/a/datasources", 201,
                     json={"name": "p", "connector": "postgres", "config": {"url": POSTGRES}})
            problem(api.post("apps/a/datasources/p/native", json={"text": "select pg_sleep(1000)"}), "timeout", 504)


def test_a_datasource_with_little_time(api, app, tmp_path):
    api.data("POST", f"apps/{app}/datasources", 201, json={
        "name": "hurried", "connector": "sqlite", "config": {"path": str(tmp_path / "d.db")}, "budget": {"time_ms": 200}})
    answer = api.post(f"apps/{app}/datasources/hurried/native", json={"text": f"select count(*) from ({ENDLESS})"})
    problem(answer, "timeout", 504)


def test_a_stream_may_take_longer_than_a_request(tmp_path):
    with temporary_server("--request-timeout-ms", "3000") as server:
        api, path = with_sqlite(server, tmp_path)
        answer = api.post(path + "?format=ndjson", json={"text": ENDLESS}, stream=True)
        parts = answer.iter_content(200000)
        began = time.monotonic()
        while time.monotonic() - began < 4:
            assert len(next(parts)) > 0
        answer.close()
        assert idle(server)


def test_a_reader_that_stands_still_is_cut_off(tmp_path):
    with temporary_server("--stall-timeout-ms", "300") as server:
        api, path = with_sqlite(server, tmp_path)
        answer = api.post(path + "?format=ndjson", json={"text": ENDLESS}, stream=True)
        assert until(lambda: "took nothing" in server.read_log())
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for _ in answer.iter_content(1 << 20):
                pass
        assert idle(server)


def test_a_full_house(tmp_path):
    with temporary_server("--workers", "1", "--queue", "1", "--request-timeout-ms", "600000",
                          "--stop-timeout-ms", "0") as server:
        _, path = with_sqlite(server, tmp_path)
        for answer in refused(server, path, f"select count(*) from ({ENDLESS})", 4):
            problem(answer, "busy", 503)
            assert int(answer.headers["Retry-After"]) >= 1
        assert requests.get(server.url + "/health/live", timeout=PATIENCE).status_code == 200


def test_a_house_gets_empty(tmp_path):
    with temporary_server("--workers", "1", "--queue", "1", "--request-timeout-ms", "3000") as server:
        api, path = with_sqlite(server, tmp_path)
        problem(api.post(path, json={"text": f"select count(*) from ({ENDLESS})"}), "timeout", 504)
        assert api.get("me").status_code == 200


def test_what_runs_is_finished_before_the_end(tmp_path):
    server = Server(tmp_path)
    api, path = with_sqlite(server, tmp_path)
    answers = []
    slow = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000000) select count(*) as n from n"
    thread = threading.Thread(target=lambda: answers.append(api.post(path, json={"text": slow})))
    thread.start()
    assert until(lambda: active(server) == 1)
    status = server.stop(signal.SIGTERM)
    thread.join()
    assert answers[0].status_code == 200 and answers[0].json()["data"] == [{"n": 5000000}]
    assert status == 0


def test_what_does_not_end_is_cancelled_at_the_end(tmp_path):
    server = Server(tmp_path, "--stop-timeout-ms", "200")
    api, path = with_sqlite(server, tmp_path)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        api.post(path, json={"text": f"select count(*) from ({ENDLESS})"})))
    thread.start()
    assert until(lambda: active(server) == 1)
    assert server.stop(signal.SIGTERM) == 0
    thread.join()
    problem(answers[0], "cancelled", 499)


def test_half_a_request_holds_nobody_up(server):
    conns = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    for conn in conns:
        conn.sendall(b"POST /api/v1/apps HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthori")
    assert b" 200 " in raw(server, b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for conn in conns:
        conn.close()
