"""The description of a collection of the shop, and the calls that make one."""
import json
import os
import urllib.request


def peer(method, path, body=None):
    """A request to the peer itself."""
    request = urllib.request.Request(os.environ["ROWHOUSE_TEST_REST"] + path, method=method,
                                     data=json.dumps(body).encode() if body is not None else None,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def make(name, key, types, rows):
    """Makes the collection."""
    peer("PUT", f"/peer/shop/{name}", {"key": key, "types": types, "rows": rows})


def resource(name, key, types):
    """Its resource: what the shop takes, and no more."""
    parameters = {column: {"exact": kind == "bool"} for column, kind in types.items() if kind not in ("json",
        "timestamp")}
    parameters.pop(key)
    for column, kind in types.items():
        if kind in ("int", "float", "decimal", "timestamp"):
            parameters[column + "_from"] = {"column": column, "op": ["gte"]}
            parameters[column + "_to"] = {"column": column, "op": ["lte"]}
    parameters[key + "s"] = {"column": key, "list": ",", "max": 40}
    by = {key: [key, "-" + key]} if types[key] == "int" else {}
    return {
        "order": {"name": "sort", "by": by}, "path": f"/{name}", "rows": "items", "columns": types, "key": [key],
        "parameters": parameters,
        "page": {"style": "page", "name": "page", "size": "per_page", "max": 100, "total": "total"},
        "one": {"path": f"/{name}/{{{key}}}"}, "insert": {"path": f"/{name}"},
        "update": {"path": f"/{name}/{{{key}}}"}, "delete": {"path": f"/{name}/{{{key}}}"},
    }


def settings(resources, **more):
    description = {"base": os.environ["ROWHOUSE_TEST_REST"] + "/shop", "auth": {"type": "bearer"}, "ping": "/",
                   "resources": resources}
    return {"description": description, "secret": "s3cret", **more}
