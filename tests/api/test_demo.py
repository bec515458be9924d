"""The demo: what the server prints works as pasted, and the shop is the same everywhere."""
import json
import subprocess

import pytest

from client import Server, until


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("demo"), "--demo")
    yield server
    assert server.stop() == 0, server.read_log()


def commands(server):
    """The printed lines from KEY= on."""
    assert until(lambda: sum(line.strip().startswith("curl ") for line in list(server.lines)) == 3), server.lines
    lines = [line.strip() for line in server.lines]
    return lines[lines.index(next(x for x in lines if x.startswith("KEY="))):]


def test_the_printed_lines_work(demo):
    key, *curls = commands(demo)
    answers = [json.loads(subprocess.run(["bash", "-c", key + "\n" + curl], capture_output=True, check=True).stdout)
               for curl in curls if curl.startswith("curl ")]
    assert len(answers[0]["data"]) == 3 and "total" in answers[0]["data"][0]
    totals = [row["total"] for row in answers[1]["data"]]
    assert len(totals) == 3 and totals == sorted(totals, reverse=True) and totals[-1] >= 100
    assert answers[2]["data"]["name"] == "notes"


def test_the_shop(demo):
    api = demo.client()

    def count(table, where=None):
        body = {"count": "exact", "limit": 0, **({"where": where} if where else {})}
        return api.post(f"apps/demo/data/shop/{table}/query", json=body).json()["page"]["count"]

    assert count("customers") == 1000 and count("products") == 300 and count("orders") == 10000
    assert 24000 < count("order_items") < 26000 and count("reviews") == 3000 and count("categories") == 12
    assert count("orders", {"status": "delivered"}) > 6000
    first = api.data("GET", "apps/demo/data/shop/orders/1")
    assert first == {"id": 1, "customer_id": 739, "status": "delivered", "total": 431.8,
                     "note": "Leave it at the door", "created_at": "2023-01-01T01:32:25Z"}
    body = {"aggregate": {"sum": {"sum": "total"}}}
    total = api.data("POST", "apps/demo/data/shop/orders/query", json=body)[0]["sum"]
    items = api.data("POST", "apps/demo/datasources/shop/native", json={
        "text": "select cast(round(sum(quantity * price), 2) as text) as s from order_items"})[0]["s"]
    assert float(items) == total
    relations = api.data("GET", "apps/demo/datasources/shop/tables/order_items")["relations"]
    assert {r["table"] for r in relations} == {"orders", "products"}


def test_it_is_made_once(tmp_path):
    server = Server(tmp_path, "--demo")
    api = server.client()
    assert api.delete("apps/demo/data/shop/reviews", json={"all": True}).status_code == 200
    assert server.stop() == 0
    server.start()
    assert server.client().data("GET", "apps/demo/data/shop/reviews") == []
    assert server.stop() == 0
