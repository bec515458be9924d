"""The table on a server with CouchDB's API: a database with a document for every row."""
import base64
import json
import os
import urllib.request

NEEDS = "ROWHOUSE_TEST_COUCHDB"


def call(method, path, body=None):
    user, host = os.environ[NEEDS].removeprefix("http://").split("@")
    request = urllib.request.Request(f"http://{host}{path}", method=method, data=json.dumps(body or {}).encode(),
                                     headers={"Content-Type": "application/json", "Authorization":
                                              "Basic " + base64.b64encode(user.encode()).decode()})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def make(name, rows, folder):
    call("PUT", f"/{name}")
    assert all("error" not in done for done in call("POST", f"/{name}/_bulk_docs", {"docs": rows}))
    return {"config": {"url": os.environ[NEEDS]}, "filled": True}
