"""Answers that no API should give: GET /bad/KIND. Where there are pages they are asked for with ?page=N
or ?token=T."""
import gzip

ROW = b'{"id": 1, "s": "x"}'
DEEP = b'{"id": 1, "s": ' + b"[" * 100 + b"]" * 100 + b"}"
XML = b"<a><b><id>1</id><s>&x;</s></b></a>"
JSON, TEXT_XML, CSV = "application/json", "application/xml", "text/csv"


def rows(*items):
    return b"[" + b",".join(items) + b"]"


def endless(handler, kind, first, piece, encoding=None):
    """More than anybody may hold: pieces until the reader has had enough."""
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Connection", "close")
    if encoding:
        handler.send_header("Content-Encoding", encoding)
    handler.end_headers()
    handler.wfile.write(first)
    for _ in range((2 << 30) // len(piece)):
        handler.wfile.write(piece)
    handler.close_connection = True


def bomb():
    """16 MiB and more of one row in some kilobytes."""
    return gzip.compress(b'[{"id": 1, "s": "' + b"x" * (64 << 20) + b'"}]')


PLAIN = {  # kind: status, type, body, headers
    "good": (200, JSON, rows(ROW), []),
    "html": (200, "text/html; charset=utf-8", b"<html><body>Please sign in</body></html>", []),
    "no-json": (200, JSON, b"[{]", []),
    "object": (200, JSON, b'{"error": "later"}', []),
    "nothing": (200, JSON, b"", []),
    "deep": (200, JSON, rows(DEEP), []),
    "too-deep": (200, JSON, rows(DEEP.replace(b"[" * 100, b"[" * 100000).replace(b"]" * 100, b"]" * 100000)), []),
    "not-utf8": (200, JSON, rows(b'{"id": 1, "s": "\xff"}'), []),
    "twice": (200, JSON, rows(b'{"id": 1, "id": 2}'), []),
    "mixed": (200, JSON, rows(ROW, b'{"id": "two", "s": 2}'), []),
    "numbers-as-text": (200, JSON, rows(b'{"id": "7", "s": 12.50}'), []),
    "no-key": (200, JSON, rows(ROW, b'{"s": "y"}'), []),
    "refused": (403, JSON, b'{"message": "not yours"}', []),
    "gone": (404, JSON, b'{"message": "no such place"}', []),
    "storm": (503, "text/html", b"<h1>Service Unavailable</h1>", []),
    "limited": (429, JSON, b'{"message": "slow down"}', [("Retry-After", "3600")]),
    "limited-silently": (429, JSON, b"", []),
    "to-private": (302, JSON, b"", [("Location", "http://169.254.169.254/latest/meta-data/")]),
    "in-circles": (302, JSON, b"", [("Location", "/bad/in-circles")]),
    "link-elsewhere": (200, JSON, rows(ROW), [("Link", '<http://127.0.0.1:9/bad/good>; rel="next"')]),
    "link-scheme": (200, JSON, rows(ROW), [("Link", '<file:///etc/passwd>; rel="next"')]),
    "link-circle": (200, JSON, rows(ROW), [("Link", '</bad/link-circle?page=2>; rel="next"')]),
    "token-circle": (200, JSON, b'{"rows": [' + ROW + b'], "next": "again"}', []),
    "token-object": (200, JSON, b'{"rows": [' + ROW + b'], "next": {"a": 1}}', []),
    "same-page": (200, JSON, rows(ROW, b'{"id": 2, "s": "y"}'), []),
    "xml-entities": (200, TEXT_XML, b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + XML, []),
    "xml-unknown": (200, TEXT_XML, XML, []),
    "xml-cut": (200, TEXT_XML, XML[:-4].replace(b"&x;", b"x"), []),
    "csv-ragged": (200, CSV, b"id,s\n1,x,y\n", []),
    "csv-quote": (200, CSV, b'id,s\n1,"x\n', []),
    "csv-twice": (200, CSV, b"id,id\n1,2\n", []),
    "csv-number": (200, CSV, b"id,s\n1,x\none,y\n", []),
}


def respond(handler, request):
    kind = request.path.removeprefix("/bad/")
    if kind == "half":
        handler.send_response(200)
        handler.send_header("Content-Type", JSON)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"[" + ROW + b",")
        handler.close_connection = True
    elif kind == "cut-json":
        handler.answer(200, b"[" + ROW, [("Content-Type", JSON)])
    elif kind == "huge-row":
        endless(handler, JSON, b'[{"id": 1, "s": "', b"x" * (1 << 20))
    elif kind == "huge-field":
        endless(handler, CSV, b'id,s\n1,"', b"x" * (1 << 20))
    elif kind == "huge-element":
        endless(handler, TEXT_XML, b"<a><b><s>", b"x" * (1 << 20))
    elif kind == "gzip-bomb":
        handler.answer(200, bomb(), [("Content-Type", JSON), ("Content-Encoding", "gzip")])
    elif kind == "empty-pages":
        n = dict(request.query).get("token", "0")
        handler.answer_json(200, {"rows": [], "next": str(int(n) + 1)})
    else:
        status, content, body, headers = PLAIN.get(kind, (404, JSON, b"{}", []))
        handler.answer(status, body, [("Content-Type", content), *headers])
