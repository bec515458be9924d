"""What the tests keep in the peer: typed values, written by the public API."""
import json
import os
import urllib.request


def typed(value):
    if value is None:
        return {"nullValue": None}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"integerValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(v) for v in value]}}
    if isinstance(value, Typed):
        return value.value
    if isinstance(value, dict):
        return {"mapValue": {"fields": {n: typed(v) for n, v in value.items()}}}
    return {"stringValue": value}


class Typed:
    """A value as it is sent."""

    def __init__(self, **value):
        self.value = value


def call(method, body, project="demo-rowhouse"):
    url = os.environ["ROWHOUSE_TEST_FIRESTORE"]
    request = urllib.request.Request(
        f"{url}/v1/projects/{project}/databases/(default)/documents:{method}", json.dumps(body).encode(),
        {"Authorization": "Bearer owner", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def put(documents, project="demo-rowhouse"):
    """{path: {field: value}}"""
    root = f"projects/{project}/databases/(default)/documents/"
    call("commit", {"writes": [{"update": {"name": root + path, "fields": {n: typed(v) for n, v in fields.items()}}}
                               for path, fields in documents.items()]}, project)


def control(**what):
    request = urllib.request.Request(os.environ["ROWHOUSE_TEST_FIRESTORE"] + "/_peer", json.dumps(what).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
