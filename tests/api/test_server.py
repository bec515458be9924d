"""The server itself: starting, settings, health, credentials, addresses, stopping."""
import os
import signal
import socket
import stat
import subprocess
import threading

import pytest
import requests

from client import (KEY, PATIENCE, PROGRAM, Server, environment, problem, raw, store_of_its_own, temporary_server,
                    until)


def refused(*flags, **env):
    """What the program says when it refuses to start."""
    done = subprocess.run([str(PROGRAM), *flags], capture_output=True, text=True, timeout=PATIENCE,
                          env=environment(**env))
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_help_lists_every_setting():
    text = subprocess.run([str(PROGRAM), "--help"], capture_output=True, text=True, check=True).stdout
    for name in ("--listen", "ROWHOUSE_DATA", "--max-body-bytes", "--cors-origins"):
        assert name in text


def test_version():
    text = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, check=True).stdout
    assert text.startswith("rowhouse-server ")


def test_reference_names_every_command_and_problem(api):
    text = subprocess.run([str(PROGRAM), "--print-reference"], capture_output=True, text=True,
                          check=True).stdout
    document = api.get("openapi.json").json()
    for path in document["paths"].values():
        for operation in path.values():
            assert f"### {operation['operationId']}\n" in text
    for entry in document["x-problems"]:
        assert f"| `{entry['code']}` | {entry['status']} |" in text


@pytest.mark.parametrize("flags, env, wanted", [
    (["--lisen", "x"], {}, "listen"),
    (["--workers", "many"], {}, "workers"),
    (["--workers", "-1"], {}, "from 0 to"),
    (["--demo=maybe"], {}, "true or false"),
    (["--data"], {}, "needs a value"),
    (["positional"], {}, "unexpected argument"),
    ([], {"ROWHOUSE_DATTA": "x"}, "data"),
    ([], {"ROWHOUSE_LOG_LEVEL": "loud"}, "log_level"),
    ([], {"ROWHOUSE_ADMIN_KEY": "short"}, "admin_key"),
    (["--config", "/no/such/file"], {}, "/no/such/file"),
    (["--listen", "127.0.0.1:65536"], {}, "up to 65535"),
    (["--listen", "127.0.0.1:http"], {}, "up to 65535"),
    (["--master-key", "zz"], {}, "MASTER_KEY"),
])
def test_wrong_settings_are_refused(tmp_path, flags, env, wanted):
    if "--data" not in flags and "ROWHOUSE_DATTA" not in env:
        env = {**env, "ROWHOUSE_DATA": str(tmp_path / "data")}
    assert wanted in refused(*flags, **env)


def test_sources_of_settings_win_over_each_other(tmp_path):
    path = tmp_path / "server.ini"
    path.write_text("# ours\n[server]\nworkers = 3\nqueue = 30\nhttp-threads = 1\n")
    with temporary_server("--config", str(path), "--queue", "50",
                          env={"ROWHOUSE_QUEUE": "40", "ROWHOUSE_WORKERS": "5"}) as server:
        settings = {s["name"]: s for s in server.client().data("GET", "admin/config")}
        assert (settings["queue"]["value"], settings["queue"]["source"]) == (50, "command line")
        assert (settings["workers"]["value"], settings["workers"]["source"]) == (5, "environment")
        assert (settings["http_threads"]["value"], settings["http_threads"]["source"]) == (1, "file")
        assert settings["max_body_bytes"]["source"] == "default"
        assert settings["admin_key"]["value"] == "********"
        assert KEY not in server.client().get("admin/config").text


@pytest.mark.parametrize("text, wanted", [("nonsense\n", "name = value"), ("quue = 3\n", "queue")])
def test_wrong_files_are_refused(tmp_path, text, wanted):
    path = tmp_path / "server.ini"
    path.write_text(text)
    assert wanted in refused("--config", str(path), "--data", str(tmp_path / "data"))


def test_first_start_makes_a_key_that_stays(tmp_path):
    server = Server(tmp_path, key=None)
    assert until(lambda: any("Administrator key" in line for line in list(server.lines)))
    line = next(line for line in server.lines if "Administrator key" in line)
    key = line.rsplit(" ", 1)[1].strip()
    assert key.startswith("rh_") and len(key) > 40
    path = tmp_path / "data" / "admin.key"
    assert path.read_text().strip() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert server.client(key).get("me").status_code == 200
    assert key not in server.read_log()
    assert server.stop() == 0
    server.start()
    assert not any("Administrator key" in line for line in server.lines)
    assert server.client(key).get("me").status_code == 200
    assert server.stop() == 0


def test_a_first_start_that_fails_tells_its_key_all_the_same(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run([str(PROGRAM), "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--data",
                               str(tmp_path / "data")], capture_output=True, text=True, timeout=PATIENCE,
                              env=environment(**store_of_its_own()))
    assert done.returncode == 1 and "cannot listen" in done.stderr
    assert (tmp_path / "data" / "admin.key").read_text().strip() in done.stdout


def test_health(server):
    for path, member in (("/health/live", "live"), ("/health/ready", "ready")):
        answer = requests.get(server.url + path, timeout=PATIENCE)
        assert answer.status_code == 200 and answer.json()["data"][member] is True


def test_metrics(server, api):
    api.get("me")
    problem(api.get("nothing/there"), "unknown-route")
    text = requests.get(server.url + "/metrics", timeout=PATIENCE).text
    assert 'rowhouse_requests_total{command="me",status="200"}' in text
    assert 'rowhouse_requests_total{command="none",status="404"}' in text
    assert 'rowhouse_request_seconds_bucket{command="me",le="+Inf"}' in text
    assert "process_resident_memory_bytes " in text


def test_metrics_at_an_address_of_their_own(tmp_path):
    with temporary_server("--metrics-listen", "127.0.0.1:0") as server:
        line = next(line for line in server.lines if line.startswith("Metrics are at "))
        url = line.split()[-1]
        assert url.endswith("/metrics") and not url.startswith(server.url + "/")
        server.client().get("me")
        text = requests.get(url, timeout=PATIENCE).text
        assert 'rowhouse_requests_total{command="me",status="200"}' in text
        problem(requests.get(server.url + "/metrics", timeout=PATIENCE), "unknown-route", 404)
        for path in ("/health/live", "/api/v1/me", "/docs", "/openapi.json"):
            answer = requests.get(url.replace("/metrics", path), timeout=PATIENCE,
                                  headers={"Authorization": "Bearer " + KEY})
            problem(answer, "unknown-route", 404)
        assert requests.get(server.url + "/health/live", timeout=PATIENCE).status_code == 200
    assert '"nowhere" is no address' in refused("--listen", "127.0.0.1:0", "--metrics-listen", "nowhere",
                                                "--data", str(tmp_path / "data"))


@pytest.mark.parametrize("headers", [
    {}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic " + KEY}, {"Authorization": "Bearer"},
    {"X-Api-Key": ""}, {"X-Api-Key": KEY + "x"}, {"Authorization": "Bearer " + KEY[:-1]},
])
def test_without_the_key_nothing_is_told(server, headers):
    for path in ("/api/v1/me", "/api/v1/apps", "/api/v1/apps/none/datasources", "/api/v1/admin/config"):
        answer = requests.get(server.url + path, headers=headers, timeout=PATIENCE)
        problem(answer, "unauthorized", 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"X-Api-Key": KEY}, {"Authorization": "bearer " + KEY},
                                     {"Authorization": "Bearer  " + KEY}])
def test_ways_to_send_the_key(server, headers):
    assert requests.get(server.url + "/api/v1/me", headers=headers, timeout=PATIENCE).status_code == 200


def test_unknown_addresses(api):
    for path in ("nothing", "/", "/api", "apps/a/b/c/d/e/f/g/h/i/j/k", "/api/v1"):
        problem(api.get(path), "unknown-route", 404)


def test_methods_that_an_address_does_not_have(api):
    answer = api.put("apps")
    problem(answer, "method-not-allowed", 405)
    assert answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert "PUT" in answer.json()["detail"] and answer.headers["Allow"] in answer.json()["hint"]
    answer = api.call("BREW", "apps")
    problem(answer, "method-not-allowed", 405)
    problem(api.call("TRACE", "nothing"), "unknown-route", 404)


def test_head_is_get_without_a_body(api):
    got, head = api.get("me"), api.call("HEAD", "me")
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Length"] == str(len(got.content))


def test_request_ids(api):
    assert api.get("me", headers={"X-Request-Id": "my.own_id-7"}).headers["X-Request-Id"] == "my.own_id-7"
    made = api.get("me").headers["X-Request-Id"]
    assert len(made) == 26
    for bad in ("a b", "x" * 129, "<script>", ""):
        answer = api.get("me", headers={"X-Request-Id": bad})
        assert answer.headers["X-Request-Id"] not in (bad, made)


def test_parameters_that_are_not_known(api):
    body = problem(api.delete("apps/none?cascad=true"), "unknown-parameter", 400)
    assert "cascade" in body["hint"]


def test_cors():
    with temporary_server("--cors-origins", "https://a.example, https://b.example") as server:
        api = server.client()
        answer = api.get("me", headers={"Origin": "https://b.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://b.example"
        assert "Access-Control-Allow-Origin" not in api.get("me", headers={"Origin": "https://c.example"}).headers
        answer = requests.options(server.url + "/api/v1/apps", timeout=PATIENCE, headers={
            "Origin": "https://a.example", "Access-Control-Request-Method": "POST"})
        assert answer.status_code == 204
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_cors_is_off_unless_configured(api):
    assert "Access-Control-Allow-Origin" not in api.get("me", headers={"Origin": "https://a.example"}).headers


def test_bodies_that_are_too_large(server, api):
    with temporary_server("--max-body-bytes", "2000") as small:
        client = small.client()
        problem(client.post("apps", data=b"x" * 2001), "too-large", 413)
        problem(client.post("apps", data=(b"x" * 500 for _ in range(10))), "too-large", 413)
        problem(client.post("apps", data=b"x" * 2000), "invalid-json", 400)
        # Far too large: the answer comes without waiting for the body.
        head = f"POST /api/v1/apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 99999999999\r\n\r\n"
        assert b" 413 " in raw(small, head.encode(), enough=b"too-large")
        assert client.get("me").status_code == 200


def test_malformed_requests_do_not_hurt(server, api):
    for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
                 b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                 b"POST /api/v1/apps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
                 b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
                 b"GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        try:
            raw(server, data, enough=b"\r\n\r\n", timeout=5)
        except OSError:
            pass
    assert api.get("me").status_code == 200


@pytest.mark.parametrize("headers, body", [
    ("Content-Length: 2\r\nContent-Length: 3\r\n", "{} "),
    ("Content-Length: 0\r\nContent-Length: 40\r\n", "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
    ("Transfer-Encoding: gzip\r\n", "{}"), ("Transfer-Encoding: gzip, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
])
def test_a_body_whose_end_is_not_clear(server, headers, body):
    """A proxy in front might take a part of it for the next request."""
    head = f"POST /api/v1/apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n{headers}\r\n"
    answer = raw(server, (head + body).encode())
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1
    assert b"invalid-request" in answer and b"Connection: close" in answer


def test_compressed_bodies_are_refused(sqlite):
    answer = sqlite.api.post(sqlite.path("orders", "/query"), data=b"{}", headers={"Content-Encoding": "gzip"})
    problem(answer, "unsupported-media-type", 415)
    answer = sqlite.api.post(sqlite.path("orders", "/query"), data=b"{}", headers={"Content-Encoding": "identity"})
    assert answer.status_code == 200


def test_addresses_in_absolute_form(server):
    for address, status in (("http://any.example:80/health/live?", 200), ("http://any.example/health/live", 200),
                            ("http://any.example", 404), ("nothing://", 404)):
        answer = raw(server, f"GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer


def test_pipelined_requests(server):
    one = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-Request-Id: r%d\r\nAuthorization: Bearer {KEY}\r\n"
    data = (one % 1 + "\r\n" + one % 2 + "\r\n" + one % 3 + "Connection: close\r\n\r\n").encode()
    answer = raw(server, data)
    at = [answer.index(b"X-Request-Id: r%d" % i) for i in (1, 2, 3)]
    assert at == sorted(at)


def test_many_at_once(server):
    failures = []

    def work():
        client = server.client()
        for _ in range(50):
            if client.get("me").status_code != 200:
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_compression(api):
    plain = api.get("openapi.json", headers={"Accept-Encoding": "identity"})
    zipped = api.get("openapi.json", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.json() == plain.json()
    assert int(zipped.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 3
    answer = api.get("openapi.json", headers={"Accept-Encoding": "zstd, gzip;q=0.5"}, stream=True)
    assert answer.headers["Content-Encoding"] == "zstd"
    assert answer.raw.read(4, decode_content=False) == b"\x28\xb5\x2f\xfd"
    assert "Content-Encoding" not in api.get("me", headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_asked(tmp_path, sig):
    server = Server(tmp_path)
    assert server.client().get("me").status_code == 200
    assert server.stop(sig) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url + "/health/live", timeout=5)


def test_what_was_stored_is_there_after_a_crash(tmp_path):
    server = Server(tmp_path)
    api = server.client()
    api.data("POST", "apps", 201, json={"name": "kept", "title": "Kept"})
    server.process.kill()
    server.stop()
    server.start()
    assert server.client().data("GET", "apps/kept")["title"] == "Kept"
    assert server.stop() == 0


def test_log_level_is_read_again(tmp_path):
    path = tmp_path / "server.ini"
    path.write_text("log_level = error\n")
    server = Server(tmp_path, "--config", str(path))
    server.client().get("me", headers={"X-Request-Id": "before"})
    path.write_text("log_level = debug\n")
    os.kill(server.process.pid, signal.SIGHUP)

    def told():
        server.client().get("me", headers={"X-Request-Id": "after"})
        return "after" in server.read_log()
    assert until(told) and "before" not in server.read_log()
    assert server.stop() == 0
