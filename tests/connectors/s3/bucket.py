"""Requests to the S3 service at ROWHOUSE_TEST_S3, signed (AWS Signature 4)."""
import datetime
import hashlib
import hmac
import os
import urllib.parse
import urllib.request

URL = urllib.parse.urlparse(os.environ.get("ROWHOUSE_TEST_S3", "http://-:-@-"))
HOST = URL.netloc.split("@")[1]
ACCESS, SECRET = (urllib.parse.unquote(part) for part in (URL.username, URL.password))
REGION = "us-east-1"


def sign(method, path, query, body, now):
    day, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = "\n".join([method, path, query, f"host:{HOST}", f"x-amz-content-sha256:{digest}", f"x-amz-date:{stamp}",
                           "", names, digest])
    scope = f"{day}/{REGION}/s3/aws4_request"
    key = b"AWS4" + SECRET.encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return {"x-amz-date": stamp, "x-amz-content-sha256": digest, "Authorization":
            f"AWS4-HMAC-SHA256 Credential={ACCESS}/{scope}, SignedHeaders={names}, Signature={signature}"}


def ask(method, path, body=b"", query="", headers=()):
    path = urllib.parse.quote(path)
    now = datetime.datetime.now(datetime.timezone.utc)
    request = urllib.request.Request(f"http://{HOST}{path}" + (f"?{query}" if query else ""), method=method, data=body,
                                     headers={**sign(method, path, query, body, now), **dict(headers)})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def settings(bucket, tables):
    return {"url": f"http://{HOST}", "bucket": bucket, "access_key": ACCESS, "secret_key": SECRET, "region": REGION,
            "tables": tables}
