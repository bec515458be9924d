"""A few requests to the server at ROWHOUSE_TEST_ELASTICSEARCH."""
import base64
import json
import os
import urllib.error
import urllib.request

NEEDS = "ROWHOUSE_TEST_ELASTICSEARCH"
CREDENTIALS = {"user": "elastic", "password": "s3cret"}


def settings(**more):
    return {"url": os.environ[NEEDS], **CREDENTIALS, **more}


def call(method, path, body=None, kind="application/json"):
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ[NEEDS] + path, method=method, data=data, headers={
        "Content-Type": kind, "Authorization": "Basic " + base64.b64encode(b"elastic:s3cret").decode()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {path}: {error.read().decode()}") from None


def make_index(name, properties, docs=(), dynamic=True):
    """docs: dicts; the member _id is the id."""
    call("PUT", f"/{name}", {"mappings": {"dynamic": dynamic, "properties": properties}} if properties else {})
    lines = ""
    for doc in docs:
        doc = dict(doc)
        key = doc.pop("_id", None)
        lines += json.dumps({"index": {"_id": key} if key else {}}) + "\n" + json.dumps(doc) + "\n"
    if lines:
        done = call("POST", f"/{name}/_bulk?refresh=true", lines, "application/x-ndjson")
        assert not done["errors"], [i for i in done["items"] if "error" in list(i.values())[0]][:3]
