"""Making tables on the peer, through the API that it plays."""
import json
import os
import urllib.request

NEEDS = "ROWHOUSE_TEST_AIRTABLE"
BASE, TOKEN = "appRowhouseTest00", "patFull.s3cret"


def call(method, path, body=None):
    request = urllib.request.Request(os.environ[NEEDS] + path, method=method,
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def make_table(name, fields, rows):
    """fields: name → type, or (type, options). Returns the rows' ids."""
    described = [{"name": n, "type": t} if isinstance(t, str) else {"name": n, "type": t[0], "options": t[1]}
                 for n, t in fields.items()]
    call("POST", f"/meta/bases/{BASE}/tables", {"name": name, "fields": described})
    ids = []
    for i in range(0, len(rows), 10):
        made = call("POST", f"/{BASE}/{name}", {"records": [{"fields": row} for row in rows[i:i + 10]]})
        ids += [record["id"] for record in made["records"]]
    return ids


def settings(**more):
    return {"url": os.environ[NEEDS], "token": TOKEN, "base": BASE, "rate": 0, **more}
