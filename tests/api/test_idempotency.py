"""Idempotency-Key: a write is carried out once, and its answer repeated."""
import threading

import pytest

from client import problem


def insert(source, key, body, rest=""):
    return source.api.post(source.path("customers", rest), json=body, headers={"Idempotency-Key": key})


def count(source):
    return len(source.api.data("GET", source.path("customers", "?limit=1000")))


def test_the_first_answer_is_repeated(source):
    body = {"name": "Once", "email": source.kind + "once@example.com"}
    before = count(source)
    first = insert(source, "k1-" + source.name, body)
    second = insert(source, "k1-" + source.name, body)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    for header in ("Location", "ETag", "Content-Type"):
        assert first.headers[header] == second.headers[header]
    assert second.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first.headers
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert count(source) == before + 1


def test_a_refusal_is_repeated_too(sqlite):
    body = {"name": "x", "email": "ada@example.com"}
    first, second = insert(sqlite, "refused", body), insert(sqlite, "refused", body)
    assert first.status_code == second.status_code == 409
    assert first.content == second.content


def test_a_key_belongs_to_one_request(sqlite):
    assert insert(sqlite, "mine", {"name": "a", "email": "a@a"}).status_code == 201
    problem(insert(sqlite, "mine", {"name": "b", "email": "b@b"}), "idempotency-mismatch", 422)
    problem(insert(sqlite, "mine", {"name": "a", "email": "a@a"}, "?returning=none"), "idempotency-mismatch", 422)


def test_a_large_answer_is_not_kept(sqlite):
    body = {"order_id": 1, "line": "large", "note": "x" * 300000}
    path = sqlite.path("lines")
    headers = {"Idempotency-Key": "large"}
    assert sqlite.api.post(path, json=body, headers=headers).status_code == 201
    problem(sqlite.api.post(path, json=body, headers=headers), "answer-not-kept", 409)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_keys_that_make_no_sense(sqlite, key):
    problem(insert(sqlite, key, {"name": "n", "email": "n@n"}), "invalid-request", 400)


def test_two_at_once(sqlite):
    body = [{"name": f"n{i}", "email": f"two{i}@x"} for i in range(300)]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(insert(sqlite, "two", body))) for _ in range(8)]
    before = count(sqlite)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.status_code for a in answers} <= {201, 409}
    done = [a for a in answers if a.status_code == 201]
    assert done and len({a.content for a in done}) == 1
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, "in-progress", 409)
    assert count(sqlite) == before + 300


def test_a_failure_of_the_source_frees_the_key(api, app):
    api.data("POST", f"apps/{app}/datasources", 201, json={
        "name": "down", "connector": "postgres", "config": {"host": "127.0.0.1", "port": 1, "user": "u"}})
    for _ in range(2):
        answer = api.post(f"apps/{app}/data/down/t", json={"a": 1}, headers={"Idempotency-Key": "down"})
        problem(answer, "datasource-unavailable", 503)


def test_other_writes(sqlite):
    api = sqlite.api
    headers = {"Idempotency-Key": "tx"}
    body = {"datasource": sqlite.name, "operations": [{"insert": "customers", "row": {"name": "t", "email": "tx@x"}}]}
    first = api.post(f"apps/{sqlite.app}/transaction", json=body, headers=headers)
    assert first.status_code == 200
    assert api.post(f"apps/{sqlite.app}/transaction", json=body, headers=headers).content == first.content
    headers = {"Idempotency-Key": "app"}
    first = api.post("apps", json={"name": "once"}, headers=headers)
    assert first.status_code == 201
    assert api.post("apps", json={"name": "once"}, headers=headers).headers["Location"] == "/api/v1/apps/once"
