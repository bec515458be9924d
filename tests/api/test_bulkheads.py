"""A datasource that holds its requests up does not hold up the others'."""
from concurrent.futures import ThreadPoolExecutor

from client import metric, until
from conftest import admin_of_postgres

CLIENTS = 60  # more than there are workers


def test_a_datasource_that_hangs_leaves_the_others_alone(server, api, app, sqlite, pg):
    api.data("POST", f"apps/{app}/datasources", 201,
             json={"name": "hangs", "connector": "postgres", "config": {"url": pg}})
    ours = admin_of_postgres()
    cursor = ours.cursor()
    cursor.execute("select pg_advisory_lock(20261121)")
    wait = {"text": "select pg_advisory_xact_lock(20261121)"}

    with ThreadPoolExecutor(CLIENTS) as pool:
        waiting = [pool.submit(server.client().post, f"apps/{app}/datasources/hangs/native", json=wait)
                   for _ in range(CLIENTS)]
        try:
            assert until(lambda: metric(server, "rowhouse_requests_queued") > 0)
            for _ in range(20):
                assert len(api.data("GET", sqlite.path("orders", "?limit=5"))) == 5
            assert not any(future.done() for future in waiting)
        finally:
            cursor.execute("select pg_advisory_unlock(20261121)")
            ours.close()
        assert [future.result().status_code for future in waiting] == [200] * CLIENTS
