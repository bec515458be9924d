"""The store on CouchDB while that cannot be reached: what is in use goes on, definitions do not change."""
import os
import pathlib
import socket
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "api"))
from client import Server, check_end, problem, until  # noqa: E402

USER, ADDRESS = os.environ["ROWHOUSE_TEST_COUCHDB"].removeprefix("http://").split("@")


class Road:
    """A TCP port that leads to the server, until it is closed."""

    def __init__(self):
        self.port = 0
        self.open()

    def open(self):
        self.sockets = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(50)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        host, port = ADDRESS.split(":")
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            there = socket.create_connection((host, int(port)))
            self.sockets += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()


@pytest.fixture
def road():
    made = Road()
    yield made
    made.close()


def start(folder, road, name, grace):
    url = f"couchdb://{USER}@127.0.0.1:{road.port}/{name}"
    server = Server(folder, "--store-grace-s", str(grace), env={"ROWHOUSE_STORE": url})
    api = server.client()
    api.data("POST", "apps", 201, json={"name": "away"})
    api.data("POST", "apps/away/datasources", 201,
             json={"name": "d", "connector": "sqlite", "config": {"path": str(folder / "d.db")}})
    api.data("POST", "apps/away/datasources/d/tables", 201,
             json={"name": "t", "columns": [{"name": "id", "type": "int"}], "key": ["id"]})
    assert api.get("apps/away/data/d/t").status_code == 200
    return server, api


def test_what_is_in_use_goes_on(tmp_path, road):
    server, api = start(tmp_path, road, "away_long", 300)
    road.close()
    answer = api.post("apps", json={"name": "more"})
    assert answer.status_code == 503, answer.text
    assert api.patch("apps/away/datasources/d", json={"title": "x"}).status_code == 503
    assert api.get("/health/ready").status_code == 503
    assert api.get("apps/away/data/d/t").status_code == 200
    assert api.post("apps/away/data/d/t", json={"id": 1}).status_code == 201
    road.open()
    assert until(lambda: api.post("apps", json={"name": "more"}).status_code == 201)
    assert api.get("/health/ready").status_code == 200
    assert server.stop() == 0 and "s3cret" not in server.read_log()


def test_but_not_for_ever(tmp_path, road):
    server, api = start(tmp_path, road, "away_short", 0)
    road.close()
    assert until(lambda: api.get("apps/away/data/d/t").status_code == 503)
    problem(api.get("apps/away/data/d/t"), "datasource-unavailable", 503)
    road.open()
    assert until(lambda: api.get("apps/away/data/d/t").status_code == 200)
    assert server.stop() == 0


def test_another_server_changes_a_definition(tmp_path, road):
    server, api = start(tmp_path, road, "away_shared", 300)
    (tmp_path / "other").mkdir()
    other = Server(tmp_path / "other", "--master-key", (tmp_path / "data" / "master.key").read_text().strip()
                   if (tmp_path / "data" / "master.key").exists() else "0" * 64,
                   env={"ROWHOUSE_STORE": server.env["ROWHOUSE_STORE"]})
    assert other.client().delete("apps/away/datasources/d").status_code == 204
    assert until(lambda: api.get("apps/away/data/d/t").status_code == 404)
    problem(api.get("apps/away/data/d/t"), "unknown-datasource", 404)
    check_end(other.stop(), other.read_log())
    assert server.stop() == 0
