"""The one table, and what every source of it must answer.

A connector takes part through tests/connectors/ID/source.py, which has

    NEEDS = "ROWHOUSE_TEST_…"      the variable that names its server, or None
    def make(name, rows, folder):  makes a table for the rows and returns what is known of it:
        config    the datasource's settings
        connector its id (default: the folder's name)
        table     the table's name there (default: `name`)
        create    True: Rowhouse makes the table (the source has DDL); COLUMNS says how
        filled    True: the rows are there already; else they are inserted through Rowhouse
                  (a source that knows its columns from what it holds only must be filled here)

A connector with several kinds of source has SOURCES instead: name → an object with NEEDS and make.

`rows` are ROWS: a column that is null is left out of the row. `folder` is a temporary folder.
"""

COLUMNS = [
    {"name": "code", "type": "text", "nullable": False},
    {"name": "name", "type": "text"},
    {"name": "kind", "type": "text"},
    {"name": "price", "type": "decimal", "precision": 12, "scale": 2},
    {"name": "stock", "type": "int"},
    {"name": "active", "type": "bool"},
    {"name": "added", "type": "timestamp"},
]
NAMES = ["Hammer", "hammer handle", "Blé noir", "100% wool", "a_b", None, "Straße", "Nail ü10", "line", "Zebra"]
KINDS = ["tool", "toy", "food", None]


def without_null(row):
    return {name: value for name, value in row.items() if value is not None}


ROWS = [without_null({
    "code": f"p-{i:03d}", "name": NAMES[i % len(NAMES)], "kind": KINDS[i % len(KINDS)],
    "price": (i * 37 % 200) / 4, "stock": None if i % 11 == 0 else i * 13 % 40 - 5, "active": i % 3 == 0,
    "added": f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}T08:{i % 60:02d}:00Z"}) for i in range(1, 61)]


def where(condition, rows=None):
    """Codes of the rows for which it holds."""
    return [row["code"] for row in (ROWS if rows is None else rows) if condition(row)]


def by(*keys):
    """Codes in an order: column names, "-" before those that fall. Null is the largest value."""
    rows = list(ROWS)
    for key in reversed(keys):
        name = key.lstrip("-")
        rows.sort(key=lambda r, n=name: (n not in r, r.get(n, 0)), reverse=key.startswith("-"))
    return [row["code"] for row in rows]


def groups(rows):
    """kind → its rows, null among the kinds."""
    found = {}
    for row in rows:
        found.setdefault(row.get("kind"), []).append(row)
    return found


def summary(kind, rows):
    prices, stocks = [r["price"] for r in rows], [r["stock"] for r in rows if "stock" in r]
    return without_null({"kind": kind, "n": len(rows), "sum": sum(prices), "most": max(prices),
                         "least": min(prices), "stocks": len(stocks)})


AGGREGATE = {"n": {"count": "*"}, "sum": {"sum": "price"}, "most": {"max": "price"}, "least": {"min": "price"},
             "stocks": {"count": "stock"}}
KINDS_IN_ORDER = ["food", "tool", "toy", None]

# What is asked, and the codes that come out, in this order: the conditions.
CONDITIONS = [
    ("equal", {"kind": "tool"}, where(lambda r: r.get("kind") == "tool")),
    ("not equal", {"kind": {"ne": "tool"}}, where(lambda r: r.get("kind") != "tool")),
    ("numbers", {"price": {"gte": "10.50", "lt": 30}, "stock": {"gt": 0}},
     where(lambda r: 10.5 <= r["price"] < 30 and r.get("stock", 0) > 0)),
    ("between", {"stock": {"between": [-2, 7]}}, where(lambda r: "stock" in r and -2 <= r["stock"] <= 7)),
    ("a list", {"code": {"in": ["p-003", "p-060", "p-999", "p-017"]}}, ["p-003", "p-017", "p-060"]),
    ("parts of a text", {"or": [{"name": {"starts": "Ha"}}, {"name": {"icontains": "BLÉ N"}},
                                {"name": {"contains": "0%"}}]},
     where(lambda r: r.get("name", "").startswith("Ha") or "0%" in r.get("name", "")
           or "blé n" in r.get("name", "").casefold())),
    ("null", {"and": [{"kind": None}, {"name": {"null": False}}]},
     where(lambda r: "kind" not in r and "name" in r)),
    ("a tree", {"not": {"or": [{"active": True}, {"and": [{"kind": {"in": ["toy", "food"]}}, {"price": {"lte": 25}}]}]}},
     where(lambda r: not (r["active"] or (r.get("kind") in ("toy", "food") and r["price"] <= 25)))),
    ("time", {"added": {"gte": "2024-06-01T00:00:00Z", "lt": "2024-09-01T00:00:00Z"}},
     where(lambda r: "2024-06" <= r["added"] < "2024-09")),
]
