"""What no server should answer, given to every connector over HTTP: each ends in the error that is documented,
in bounded memory and time, and afterwards the datasource works as before.

One table-driven test: between Rowhouse and the server or peer that tests/connectors/*/source.py names stands a
proxy, which passes everything on until it has a fault to put in the place of an answer. Faults are made from the
good answer, so that they are of the right shape as far as they go. What the protocols of MongoDB and Redis have
instead is tested in their folders; so are pages that repeat, since every API turns pages in its own way.
"""
import json
import os
import pathlib
import re
import sys
import urllib.parse
import uuid
import zlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]
from client import Server, check_end  # noqa: E402
from proxy import Proxy  # noqa: E402
from same_table import ROWS  # noqa: E402
from test_same_queries import SOURCES  # noqa: E402

OVER_HTTP = ["airtable", "couchdb", "dynamodb", "elasticsearch", "firestore", "googlesheets", "rest", "s3"]
MARK = b"Hammer"  # an answer with this in it holds rows
NEW = b"a-new-one"  # the code of the row that is written
WORST_KB = 300_000  # of the server, whatever it is sent
WORST_REQUESTS = 40
PIECE = b"x" * (1 << 20)
TWO_GB = 2 << 30


# ---- Faults: each answers a request, knowing what the good answer is ---------------------------

def of_rows(make):
    """Only in place of rows; what is asked besides is answered well."""
    def fault(handler, headers, good):
        return make(handler, headers, good) if MARK in good else False
    return fault


def instead(status, body, **headers):
    """This answer to every request."""
    def fault(handler, _headers, _good):
        handler.answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return fault


def of_writes(make):
    """Only in place of what is said to a request that writes NEW: the server has done it."""
    def fault(handler, headers, good):
        return make(handler, headers, good) if NEW in handler.body else False
    return fault


def once(fault):
    """The first answer only."""
    count = []

    def first(handler, headers, good):
        count.append(1)
        return fault(handler, headers, good) if len(count) == 1 else False
    return first


@of_rows
def half(handler, headers, good):
    """A whole HTTP answer, whose content ends in a text."""
    handler.answer(200, headers, good[:good.index(MARK) + 3])


@of_rows
def cut(handler, headers, good):
    """The connection ends in the middle."""
    handler.answer(200, headers, good[:len(good) // 2], len(good))
    handler.close_connection = True


def endless(handler, headers, start):
    """A text of 2 GB."""
    handler.close_connection = True
    try:
        handler.answer(200, headers, start, len(start) + TWO_GB)
        for _ in range(TWO_GB // len(PIECE)):
            handler.wfile.write(PIECE)
    except OSError:
        pass  # it has had enough


@of_rows
def endless_row(handler, headers, good):
    endless(handler, headers, good[:good.index(MARK) + len(MARK)])


def packed(data, packer):
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


PACKED_PIECE = packed(PIECE, zlib.compressobj(9, wbits=-15))


@of_rows
def bomb(handler, headers, good):
    """A text of 500 MB in 500 kB."""
    start = packed(good[:good.index(MARK) + len(MARK)], zlib.compressobj(9, wbits=31))
    handler.answer(200, {**headers, "Content-Encoding": "gzip"}, start + PACKED_PIECE * 500)


@of_rows
def no_gzip(handler, headers, good):
    handler.answer(200, {**headers, "Content-Encoding": "gzip"}, good)


# How a text and a number stand in an answer, and an array around something.
JSON = ('"%s"', '-?[0-9]+', '[%s]', '"stock":')
SHAPES = {
    "dynamodb": ('{"S":"%s"}', '{"N":"-?[0-9]+"}', '{"L":[%s]}', '"stock":'),
    "firestore": ('{"stringValue":"%s"}', '{"integerValue":"-?[0-9]+"}', '{"arrayValue":{"values":[%s]}}', '"stock":'),
    "googlesheets": ('{"stringValue":"%s"}', '{"numberValue":-?[0-9]+}', '[%s]',
                     '{"numberValue":42.5}},{"effectiveValue":'),
    "s3": ('%s', '-?[0-9]+', None, 'p-010,Hammer,food,[0-9.]+,'),
}


def pattern(shape):
    """The shape as a regular expression, with white space wherever JSON may have it."""
    return "".join(re.escape(c) if c in "{}" else c for c in re.sub(r'([{:,])(?=["{[0-9-])|(?=})', r"\1\\s*", shape))


def replaced(expression, make):
    """Where the answer has this, once, it has something else."""
    @of_rows
    def fault(handler, headers, good):
        bad, n = re.subn(expression, make, good.decode(), count=1)
        return handler.answer(200, headers, bad.encode()) if n else False
    return fault


def nested(connector, depth):
    text, _, array, _ = SHAPES.get(connector, JSON)
    opens, closes = array.split("%s")
    return replaced(pattern(text % "Hammer"), lambda found: opens * depth + found.group() + closes * depth)


def text_for_number(connector):
    text, number, _, before = SHAPES.get(connector, JSON)
    return replaced(f"({pattern(before)}\\s*){pattern(number)}", lambda found: found.group(1) + text % "eight")


# ---- The table -------------------------------------------------------------------------------

def rows_become(status, body, **headers):
    return of_rows(instead(status, body, **headers))


HTML = b"<html><body>Please sign in</body></html>"
BROKEN, TOO_MUCH, AWAY = {"datasource-protocol"}, {"budget-exceeded"}, {"datasource-unavailable"}
FAULTS = {  # what is answered, and what comes of it
    "half": (half, BROKEN),
    "another content type": (rows_become(200, HTML, Content_Type="text/html"), BROKEN),
    "nothing": (rows_become(200, b"", Content_Type="application/json"), BROKEN),
    "cut": (cut, AWAY),
    "500 for ever": (instead(500, b"Internal Server Error"), AWAY),
    "503 for ever": (instead(503, HTML, Content_Type="text/html"), AWAY),
    "429 for ever": (instead(429, b"slow down"), {"rate-limited"}),
    "2 GB": (endless_row, TOO_MUCH),
    "a gzip bomb": (bomb, TOO_MUCH),
    "gzip that is none": (no_gzip, BROKEN | AWAY),
    "a redirect to a private address": (rows_become(302, b"", Location="http://169.254.169.254/"), BROKEN),
}
LOST = {  # what is answered to a write that was done
    "closed": lambda handler, headers, good: setattr(handler, "close_connection", True),
    "an error": instead(500, b"Internal Server Error"),
    "too long": lambda handler, headers, good: endless(handler, headers, b'{"a":"'),
}
DEVIATIONS = {
    ("rest", "a redirect to a private address"): {"egress-forbidden"},  # the others follow none
    ("s3", "nothing"): {None},  # an empty object has no rows
}
# Of a document 100 levels deep: it is delivered, but for these. Two have several levels of JSON for each, in
# Google's sheets no cell has any, and the API's description says text.
DEEP = {"dynamodb": BROKEN, "firestore": BROKEN, "googlesheets": {None}, "rest": {"invalid-value"}}


class Source:
    """The table on one source, with a proxy before it."""

    def __init__(self, api, connector, folder):
        source, name = SOURCES[connector], "bad_" + uuid.uuid4().hex[:8]
        made = source.make(name, ROWS, folder)
        where = os.environ[source.NEEDS]
        upstream = urllib.parse.urlsplit(where if "//" in where else "//" + where)
        self.proxy = Proxy(f"{upstream.hostname}:{upstream.port}")
        self.config = {key: self.through_proxy(value) if key in ("url", "endpoint", "description") else value
                       for key, value in made["config"].items()}
        self.api, self.connector, self.table = api, connector, made.get("table", name)
        self.path = f"apps/bad/data/{name}/{self.table}"
        api.data("POST", "apps/bad/datasources", 201,
                 json={"name": name, "connector": connector, "config": self.config})
        assert self.rows() == ROWS

    def through_proxy(self, setting):
        return json.loads(json.dumps(setting).replace(self.proxy.upstream, self.proxy.address)
                          .replace(self.proxy.upstream.replace("127.0.0.1", "localhost"), self.proxy.address))

    def ask(self):
        return self.api.post(self.path + "/query", json={"select": list(ROWS[0]), "order": ["code"]})

    def rows(self):
        return [{name: value for name, value in row.items() if value is not None} for row in self.ask().json()["data"]]

    def write(self, rows):
        return self.api.post(self.path + "?returning=none&atomic=false", json=rows)

    def meet(self, fault, ask=None):
        """The answer, with the fault in the way."""
        self.proxy.n_requests, self.proxy.n_faults, self.proxy.fault = 0, 0, fault
        answer = (ask or self.ask)()
        self.proxy.fault = None
        assert self.proxy.n_faults, answer.text
        assert self.proxy.n_requests < WORST_REQUESTS, "and not its deadline has ended it, which would be another code"
        assert "s3cret" not in answer.text
        return answer.json()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    made.client().data("POST", "apps", 201, json={"name": "bad"})
    yield made
    check_end(made.stop(), made.read_log())


@pytest.fixture(scope="module", params=OVER_HTTP)
def source(request, server, tmp_path_factory):
    needs = SOURCES[request.param].NEEDS
    if not os.environ.get(needs):
        pytest.skip(f"{needs} is not set")
    made = Source(server.client(), request.param, tmp_path_factory.mktemp(request.param))
    yield made
    made.proxy.close()


def memory_kb(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1))


@pytest.mark.parametrize("name", FAULTS)
def test_answers_that_are_none(server, source, name):
    fault, codes = FAULTS[name]
    answer = source.meet(fault)
    assert answer.get("code") in DEVIATIONS.get((source.connector, name), codes), answer
    assert memory_kb(server) < WORST_KB
    assert source.rows() == ROWS, "it goes on"


@pytest.mark.parametrize("depth", [100, 100_000])
@pytest.mark.parametrize("source", [name for name in OVER_HTTP if name != "s3"], indirect=True)  # CSV has no depth
def test_deep_documents(source, depth):
    answer = source.meet(nested(source.connector, depth))
    codes = BROKEN if depth > 100 else DEEP.get(source.connector)
    if codes:
        assert answer.get("code") in codes, answer
    else:
        (found,) = [row["name"] for row in answer["data"] if isinstance(row.get("name"), list)]
        assert json.dumps(found).count("[") == depth
    assert source.rows() == ROWS


def test_a_text_where_numbers_are(source):
    answer = source.meet(text_for_number(source.connector))
    if source.connector == "rest":  # whose description says what it is
        assert answer["code"] == "invalid-value", answer
    else:
        stocks = [(row.get("stock"), good.get("stock")) for row, good in zip(answer["data"], ROWS, strict=True)]
        assert [stock for stock, good in stocks if stock != good] == ["eight"]
    assert source.rows() == ROWS


@pytest.mark.parametrize("status", [429, 503])
def test_a_moment_of_trouble_is_waited_for(source, status):
    answer = source.meet(once(instead(status, b"later", Retry_After="1")))
    assert len(answer["data"]) == len(ROWS), answer


@pytest.mark.parametrize("name", LOST)
def test_a_lost_answer_to_a_write(source, name):
    """It was written, which cannot be known: neither "done" nor "failed" is true."""
    row = {**ROWS[0], "code": NEW.decode() + name[:1]}
    answer = source.meet(of_writes(LOST[name]), lambda: source.write([row]))
    assert answer.get("code") in DEVIATIONS.get((source.connector, name), {"unknown-outcome"}), answer


def test_trouble_for_a_day_is_told(source):
    """Last of all: until then nothing may be asked."""
    answer = source.meet(instead(429, b"tomorrow", Retry_After="100000"))
    assert answer["code"] == "rate-limited" and source.proxy.n_requests == 1, answer
    source.proxy.n_requests = 0
    assert source.ask().json()["code"] == "rate-limited" and source.proxy.n_requests == 0
