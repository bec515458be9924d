"""A few actions on the server at ROWHOUSE_TEST_DYNAMODB, without a library: it takes any signature."""
import json
import os
import urllib.error
import urllib.request

NEEDS = "ROWHOUSE_TEST_DYNAMODB"
CREDENTIALS = {"region": "eu-central-1", "access_key": "rowhouse", "secret_key": "s3cret"}
ABSENT = object()
SIGNATURE = ("AWS4-HMAC-SHA256 Credential=rowhouse/20260101/eu-central-1/dynamodb/aws4_request,"
             " SignedHeaders=host, Signature=0")


def settings(endpoint=None):
    return {**CREDENTIALS, "endpoint": endpoint or os.environ[NEEDS]}


def call(action, **body):
    request = urllib.request.Request(os.environ[NEEDS], data=json.dumps(body).encode(), headers={
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{action}",
        "X-Amz-Date": "20260101T000000Z", "Authorization": SIGNATURE})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{action}: {error.read().decode()}") from None


def attribute(value):
    """A value of Python as DynamoDB's: bytes, sets and dicts too."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": repr(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": __import__("base64").b64encode(value).decode()}
    if isinstance(value, (set, frozenset)):
        texts = all(isinstance(v, str) for v in value)
        return {"SS": sorted(value)} if texts else {"NS": [repr(v) for v in sorted(value)]}
    if isinstance(value, dict):
        return {"M": {k: attribute(v) for k, v in value.items()}}
    return {"L": [attribute(v) for v in value]}


def item(row):
    return {name: attribute(value) for name, value in row.items() if value is not ABSENT}


def make_table(name, rows=(), indexes=(), **keys):
    """make_table("t", rows, pk="S", sk="N"): the first is the partition key, the second the sort key.
    indexes: dicts of name, and one or two attributes with types, as for the table."""
    attributes = dict(keys)

    def schema(of):
        return [{"AttributeName": n, "KeyType": kind} for n, kind in zip(of, ("HASH", "RANGE"))]

    body = {"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": schema(keys)}
    for index in indexes:
        index = dict(index)
        kind = "LocalSecondaryIndexes" if index.pop("local", False) else "GlobalSecondaryIndexes"
        projection = index.pop("projection", "ALL")
        named = index.pop("name")
        attributes.update(index)
        body.setdefault(kind, []).append({"IndexName": named, "KeySchema": schema(index),
                                          "Projection": {"ProjectionType": projection}})
    call("CreateTable", AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in attributes.items()],
         **body)
    put(name, rows)


def put(name, rows):
    requests = [{"PutRequest": {"Item": item(row)}} for row in rows]
    for at in range(0, len(requests), 25):
        done = call("BatchWriteItem", RequestItems={name: requests[at:at + 25]})
        assert not done["UnprocessedItems"]
