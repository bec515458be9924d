"""Airtable's formulas, as far as a connector may use them: read strictly, computed as it does.

An empty cell is None: it equals 0, "" and FALSE(), and counts as 0. An error in any argument of a
function is the function's result (but for the branches of IF that are not taken), and a record whose
formula is an error is left out.
"""
import datetime
import re

TOKEN = re.compile(r"""\s*(?:
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*') |
    (?P<number>\d+(?:\.\d+)?) |
    (?P<field>\{(?:[^{}\\]|\\.)*\}) |
    (?P<name>[A-Z_]+(?=\()) |
    (?P<sign>!=|<=|>=|[=<>&+\-*/(),])
)""", re.VERBOSE | re.DOTALL)


class Invalid(Exception):
    pass


class Error:
    """The value #ERROR!"""


ERROR = Error()


def utf16(text):
    return text.encode("utf-16-le", "surrogatepass")


def as_text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, list):
        return ", ".join(as_text(v) for v in value)
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return value


def truth(value):
    return bool(value) and value is not ERROR


def equal(a, b):
    if a is None or b is None:
        return (a or b) in (None, 0, "", False)
    if isinstance(a, (bool, float)) and isinstance(b, (bool, float)):
        return float(a) == float(b)
    return type(a) is type(b) and a == b


def order(sign, a, b):
    a, b = (0.0 if v is None else float(v) if isinstance(v, bool) else v for v in (a, b))
    if type(a) is not type(b) or isinstance(a, (str, list)):
        return ERROR  # texts: whatever it does is not documented
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign]


def find(needle, hay, *_):
    if not isinstance(needle, str) or not isinstance(hay, (str, type(None))):
        return ERROR
    at = utf16(hay or "").find(utf16(needle))
    while at % 2 and at > 0:
        at = utf16(hay).find(utf16(needle), at + 1)
    return float(at // 2 + 1) if at >= 0 else 0.0


def exact(a, b):
    texts = all(isinstance(v, (str, type(None))) for v in (a, b))
    return (a or "") == (b or "") if texts else ERROR


def parse_time(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, AttributeError):
        return ERROR


def dates(compare):
    def function(a, b):
        return compare(a, b) if all(isinstance(v, datetime.datetime) for v in (a, b)) else ERROR
    return function


FUNCTIONS = {  # name: (least arguments, most, function)
    "AND": (1, 9999, lambda *a: all(map(truth, a))),
    "OR": (1, 9999, lambda *a: any(map(truth, a))),
    "NOT": (1, 1, lambda a: not truth(a)),
    "TRUE": (0, 0, lambda: True),
    "FALSE": (0, 0, lambda: False),
    "BLANK": (0, 0, lambda: None),
    "FIND": (2, 3, find),
    "EXACT": (2, 2, exact),
    "DATETIME_PARSE": (1, 1, parse_time),
    "IS_BEFORE": (2, 2, dates(lambda a, b: a < b)),
    "IS_AFTER": (2, 2, dates(lambda a, b: a > b)),
    "IF": (2, 3, None),
    "RECORD_ID": (0, 0, None),
    "CREATED_TIME": (0, 0, None),
}


class Formula:
    def __init__(self, text, fields):
        self.tokens, at = [], 0
        while at < len(text.rstrip()):
            match = TOKEN.match(text, at)
            if not match:
                raise Invalid(f"at {text[at:at + 20]!r}")
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()
        self.fields, self.at, self.depth = fields, 0, 0
        self.root = self.comparison()
        if self.at != len(self.tokens):
            raise Invalid(f"too much: {self.tokens[self.at]}")

    # -- reading: each returns a function of (record id, created, {name: value}) ----------------

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else (None, None)

    def take(self, *signs):
        kind, text = self.peek()
        if kind == "sign" and text in signs:
            self.at += 1
            return text
        return None

    def comparison(self):
        left = self.joined()
        sign = self.take("=", "!=", "<", "<=", ">", ">=")
        if not sign:
            return left
        right = self.joined()

        def compute(row):
            a, b = left(row), right(row)
            if ERROR in (a, b):
                return ERROR
            if sign in ("=", "!="):
                return equal(a, b) == (sign == "=")
            return order(sign, a, b)
        return compute

    def joined(self):
        left = self.primary()
        while self.take("&"):
            def compute(row, a=left, b=self.primary()):
                values = a(row), b(row)
                return ERROR if ERROR in values else "".join(map(as_text, values))
            left = compute
        return left

    def primary(self):
        kind, text = self.peek()
        if self.take("-"):
            kind, text = self.peek()
            if kind != "number":
                raise Invalid("a minus before what is no number")
            self.at += 1
            return lambda row, n=-float(text): n
        if self.take("("):
            inner = self.comparison()
            if not self.take(")"):
                raise Invalid("a bracket is open")
            return inner
        self.at += 1
        if kind == "string":
            value = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
            return lambda row: value
        if kind == "number":
            return lambda row, n=float(text): n
        if kind == "field":
            name = text[1:-1].replace("\\}", "}")
            if name not in self.fields:
                raise Invalid(f"Unknown field names: {name.lower()}")
            return lambda row: row[2].get(name)
        if kind == "name":
            return self.call(text)
        raise Invalid(f"at {text!r}")

    def call(self, name):
        if name not in FUNCTIONS:
            raise Invalid(f"Unknown function {name}")
        self.take("(")
        self.depth += 1
        if self.depth > 100:
            raise Invalid("too deep")
        arguments = []
        while not self.take(")"):
            if arguments and not self.take(","):
                raise Invalid(f"in {name}")
            arguments.append(self.comparison())
        self.depth -= 1
        least, most, function = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise Invalid(f"{len(arguments)} arguments for {name}")
        if name == "RECORD_ID":
            return lambda row: row[0]
        if name == "CREATED_TIME":
            return lambda row: row[1]
        if name == "IF":
            return lambda row: self.choose(arguments, row)

        def compute(row):
            values = [a(row) for a in arguments]
            return ERROR if any(v is ERROR for v in values) else function(*values)
        return compute

    @staticmethod
    def choose(arguments, row):
        condition = arguments[0](row)
        if condition is ERROR:
            return ERROR
        if truth(condition):
            return arguments[1](row)
        return arguments[2](row) if len(arguments) > 2 else None

    def holds(self, row):
        return truth(self.root(row))
