#!/usr/bin/env python3
"""A server that plays Airtable's Web API, and refuses what Airtable refuses.

    peer.py run COMMAND…   runs the command with ROWHOUSE_TEST_AIRTABLE set to http://127.0.0.1:PORT/v0

Bases: "Rowhouse tests" (appRowhouseTest00) and two that are called "Twins". Tokens: "patFull.s3cret" may
do all, "patRead.s3cret" may read, "patNone.s3cret" has been given no base. `limited` (see api_peer.py's
/control/set) turns the limit of 5 requests per second and base on, `penalty` is in seconds.
"""
import datetime
import json
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../lib")]
import api_peer  # noqa: E402
import formula  # noqa: E402
from api_peer import Refusal  # noqa: E402

BASE = "appRowhouseTest00"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
COMPUTED = {"autoNumber", "count", "createdTime", "lastModifiedTime", "createdBy", "lastModifiedBy", "formula",
            "rollup", "multipleLookupValues", "button", "externalSyncSource", "aiText"}
TEXTS = {"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"}
NUMBERS = {"number", "currency", "percent", "duration", "rating"}
MAKEABLE = TEXTS | NUMBERS | {"checkbox", "date", "dateTime", "singleSelect", "multipleSelects", "barcode",
                              "multipleRecordLinks", "multipleAttachments", "singleCollaborator"}
NEEDS = {"number": ["precision"], "currency": ["precision", "symbol"], "percent": ["precision"],
         "duration": ["durationFormat"], "rating": ["max", "icon", "color"], "checkbox": ["icon", "color"],
         "singleSelect": ["choices"], "multipleSelects": ["choices"], "date": ["dateFormat"],
         "dateTime": ["dateFormat", "timeFormat", "timeZone"]}
SCOPES = {"patFull.s3cret": {"schema.bases:read", "schema.bases:write", "data.records:read", "data.records:write"},
          "patRead.s3cret": {"schema.bases:read", "data.records:read"}, "patNone.s3cret": set()}
DICE = random.Random(4)


def new_id(prefix):
    return prefix + "".join(DICE.choices(LETTERS, k=14))


def refuse(status, kind, message):
    raise Refusal(status, {"error": {"type": kind, "message": message}})


def missing():
    refuse(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "Invalid permissions, or the requested model was not found."
           " Check that both your user and your token have the required permissions, and that the model names"
           " and/or ids are correct.")


def unknown():
    refuse(422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed. Check your request data.")


def check_keys(value, allowed):
    if not isinstance(value, dict) or set(value) - set(allowed):
        unknown()


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Table:
    def __init__(self, name, fields):
        self.id, self.name, self.fields, self.records, self.counter = new_id("tbl"), name, fields, {}, 0
        self.by_name = {f["name"]: f for f in fields}

    def schema(self):
        return {"id": self.id, "name": self.name, "primaryFieldId": self.fields[0]["id"], "fields": self.fields,
                "views": [{"id": "viw00000000000000", "name": "Grid view", "type": "grid"}]}

    # -- cells ----------------------------------------------------------------------------------

    def accept(self, field, value):
        """The value as it is stored: None is empty."""
        kind, name = field["type"], field["name"]
        bad = f"Field \"{name}\" cannot accept the provided value"
        if kind in COMPUTED:
            refuse(422, "INVALID_VALUE_FOR_COLUMN",
                   f"Field \"{name}\" cannot accept a value because the field is computed")
        if value is None:
            return None
        if kind in TEXTS:
            good = isinstance(value, str)
        elif kind in NUMBERS:
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            good = good and (kind != "rating" or (isinstance(value, int) and 0 <= value <= 10))
        elif kind == "checkbox":
            good = isinstance(value, bool)
        elif kind == "date":
            good = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
        elif kind == "dateTime":
            good = isinstance(value, str) and formula.parse_time(value) is not formula.ERROR
            value = iso(formula.parse_time(value)) if good else value
        elif kind == "singleSelect":
            good = isinstance(value, str)
            if good and value not in [c["name"] for c in field["options"]["choices"]]:
                refuse(422, "INVALID_MULTIPLE_CHOICE_OPTIONS",
                       f"Insufficient permissions to create new select option \"\"{value}\"\"")
        elif kind in ("multipleSelects", "multipleRecordLinks"):
            good = isinstance(value, list) and all(isinstance(v, str) for v in value)
        elif kind == "barcode":
            good = isinstance(value, dict) and "text" in value
        else:
            good = isinstance(value, (list, dict))
        if not good:
            refuse(422, "INVALID_VALUE_FOR_COLUMN", bad)
        return None if value is False or value in ("", []) else value

    def accept_all(self, fields):
        if not isinstance(fields, dict):
            unknown()
        for name in fields:
            if name not in self.by_name:
                refuse(422, "UNKNOWN_FIELD_NAME", f"Unknown field name: \"{name}\"")
        return {name: self.accept(self.by_name[name], value) for name, value in fields.items()}

    def add(self, fields, peer):
        record = {"id": new_id("rec"), "createdTime": iso(peer.now()), "fields": {}}
        self.records[record["id"]] = record
        self.counter += 1
        for field in self.fields:
            if field["type"] == "autoNumber":
                record["fields"][field["name"]] = self.counter
            elif field["type"] == "createdTime":
                record["fields"][field["name"]] = record["createdTime"]
        self.change(record, fields)
        return record

    @staticmethod
    def change(record, fields):
        for name, value in fields.items():
            if value is None:
                record["fields"].pop(name, None)
            else:
                record["fields"][name] = value

    def row(self, record):
        """For formulas."""
        cells = {}
        for name, value in record["fields"].items():
            kind = self.by_name[name]["type"]
            if isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            elif kind in ("date", "dateTime", "createdTime"):
                value = formula.parse_time(value + ("T00:00:00Z" if kind == "date" else ""))
            elif isinstance(value, dict):
                value = formula.ERROR if "error" in value else json.dumps(value)
            cells[name] = value
        return record["id"], formula.parse_time(record["createdTime"]), cells


def field(name, kind, **options):
    made = {"id": new_id("fld"), "name": name, "type": kind}
    return {**made, "options": options} if options else made


def choices(*names):
    return [{"id": new_id("sel"), "name": n, "color": "blueLight2"} for n in names]


def everything():
    """A table with fields of every type: the API cannot make them all."""
    number = {"type": "number", "options": {"precision": 1}}
    return Table("Everything", [
        field("Name", "singleLineText"), field("Notes", "multilineText"), field("Rich", "richText"),
        field("Mail", "email"), field("Site", "url"), field("Phone", "phoneNumber"),
        field("Amount", "number", precision=2), field("Price", "currency", precision=2, symbol="€"),
        field("Share", "percent", precision=0), field("Took", "duration", durationFormat="h:mm:ss"),
        field("Stars", "rating", max=5, icon="star", color="yellowBright"),
        field("Done", "checkbox", icon="check", color="greenBright"), field("Day", "date", dateFormat={"name": "iso"}),
        field("At", "dateTime", dateFormat={"name": "iso"}, timeFormat={"name": "24hour"}, timeZone="utc"),
        field("Status", "singleSelect", choices=choices("open", "in \"progress\"", "done")),
        field("Tags", "multipleSelects", choices=choices("a", "b")),
        field("Links", "multipleRecordLinks", linkedTableId="tbl00000000000000"),
        field("Files", "multipleAttachments", isReversed=False), field("Who", "singleCollaborator"),
        field("Code", "barcode"), field("No", "autoNumber"), field("Made", "createdTime"),
        field("Changed", "lastModifiedTime"), field("By", "createdBy"), field("Button", "button"),
        field("Double", "formula", formula="{Amount}*2", result=number),
        field("Count", "count"), field("Look", "multipleLookupValues", result=number),
        field("New kind", "quantumField"), field("odd } name", "singleLineText"), field("_id", "singleLineText")])


class Airtable(api_peer.Peer):
    variable, prefix = "ROWHOUSE_TEST_AIRTABLE", "/v0"

    def __init__(self):
        super().__init__()
        self.bases = {BASE: ("Rowhouse tests", {}), "appTwin0000000001": ("Twins", {}),
                      "appTwin0000000002": ("Twins", {})}
        self.limited, self.penalty, self.sent, self.closed_until = False, 30, {}, {}
        self.iterators, self.forget, self.loop, self.clock = {}, False, False, 0
        self.cache = {}
        table = everything()
        self.bases[BASE][1][table.id] = table

    def now(self):
        self.clock += 1
        return datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(milliseconds=self.clock)

    # -- who and how often ------------------------------------------------------------------------

    def authorize(self, request, scope):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in SCOPES:
            refuse(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        if scope not in SCOPES[token]:
            missing()

    def count(self, base):
        if not self.limited:
            return
        now, recent = time.monotonic(), self.sent.setdefault(base, [])
        recent[:] = [t for t in recent if t > now - 1] + [now]
        if len(recent) > 5:
            self.closed_until[base] = now + self.penalty
        if now < self.closed_until.get(base, 0):
            raise Refusal(429, {"errors": [{"error": "RATE_LIMIT_REACHED",
                                            "message": "Rate limit exceeded. Please try again later"}]})

    def base(self, name):
        self.count(name)
        if name not in self.bases:
            missing()
        return self.bases[name][1]

    def table(self, base, name):
        for table in self.base(base).values():
            if name in (table.id, table.name):
                return table
        return missing()

    # -- requests -----------------------------------------------------------------------------------

    def answer(self, request):
        path = request.segments[1:]
        if request.segments[0] != "v0":
            raise Refusal(404, {"error": "NOT_FOUND"})
        try:
            body = request.json()
        except ValueError:
            refuse(422, "INVALID_REQUEST_BODY", "Could not parse request body")
        if request.body and request.headers.get("Content-Type", "").split(";")[0] != "application/json":
            refuse(422, "INVALID_REQUEST_BODY", "Could not parse request body")
        if path[:2] == ["meta", "bases"]:
            return 200, self.meta(request, path[2:], body)
        if len(path) == 3 and path[2] == "listRecords" and request.method == "POST":
            self.authorize(request, "data.records:read")
            return 200, self.list(self.table(path[0], path[1]), body, request)
        if len(path) == 2 and request.method in ("POST", "PATCH", "DELETE"):
            self.authorize(request, "data.records:write")
            return 200, getattr(self, request.method.lower())(self.table(path[0], path[1]), body, request)
        raise Refusal(404, {"error": "NOT_FOUND"})

    def meta(self, request, path, body):
        self.authorize(request, "schema.bases:write" if request.method == "POST" else "schema.bases:read")
        if not path and request.method == "GET":
            offset = int(dict(request.query).get("offset", "0").removeprefix("off"))
            listed = [{"id": i, "name": n, "permissionLevel": "create"} for i, (n, _) in self.bases.items()]
            more = {"offset": f"off{offset + 2}"} if offset + 2 < len(listed) else {}
            return {"bases": listed[offset:offset + 2], **more}
        if len(path) != 2 or path[1] != "tables":
            raise Refusal(404, {"error": "NOT_FOUND"})
        tables = self.base(path[0])
        if request.method == "GET":
            return {"tables": [t.schema() for t in tables.values()]}
        check_keys(body, ("name", "description", "fields"))
        if any(t.name == body["name"] for t in tables.values()):
            refuse(422, "DUPLICATE_TABLE_NAME", f"Table name \"{body['name']}\" already exists")
        fields = [self.new_field(f) for f in body["fields"]]
        table = Table(body["name"], fields)
        tables[table.id] = table
        return table.schema()

    @staticmethod
    def new_field(asked):
        check_keys(asked, ("name", "type", "description", "options"))
        kind, options = asked["type"], asked.get("options", {})
        if kind not in MAKEABLE:
            refuse(422, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE", f"Creating {kind} fields is not supported at this time")
        if set(NEEDS.get(kind, [])) - set(options):
            refuse(422, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", f"Invalid options for {asked['name']}: {NEEDS[kind]}")
        if "choices" in options:
            options = {"choices": choices(*[c["name"] for c in options["choices"]])}
        return {"id": new_id("fld"), **asked, **({"options": options} if options else {})}

    # -- reading --------------------------------------------------------------------------------------

    def select(self, table, body):
        """All records that the request asks for, in its order."""
        records = list(table.records.values())
        if body.get("filterByFormula"):
            try:
                wanted = formula.Formula(body["filterByFormula"], table.by_name)
            except formula.Invalid as invalid:
                refuse(422, "INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {invalid}")
            records = [r for r in records if wanted.holds(table.row(r))]
        for key in reversed(body.get("sort", [])):
            check_keys(key, ("field", "direction"))
            if key.get("field") not in table.by_name:
                refuse(422, "UNKNOWN_FIELD_NAME", f"Unknown field name: \"{key.get('field')}\"")
            if key.get("direction", "asc") not in ("asc", "desc"):
                unknown()
            empty = [r for r in records if key["field"] not in r["fields"]]
            full = [r for r in records if key["field"] in r["fields"]]
            falling = key.get("direction") == "desc"
            full.sort(key=lambda r, n=key["field"]: str(r["fields"][n]).lower()
                      if isinstance(r["fields"][n], str) else r["fields"][n], reverse=falling)
            records = full + empty if falling else empty + full
        return records[:body.get("maxRecords", len(records))]

    def list(self, table, body, request):
        check_keys(body, ("timeZone", "userLocale", "pageSize", "maxRecords", "offset", "view", "sort",
                          "filterByFormula", "cellFormat", "fields", "returnFieldsByFieldId", "recordMetadata"))
        if request.query:
            unknown()
        size, limit = body.get("pageSize", 100), body.get("maxRecords", 1)
        if type(size) is not int or not 1 <= size <= 100 or type(limit) is not int or limit < 1:
            unknown()
        wanted = body.get("fields")
        if wanted is not None and not isinstance(wanted, list):
            unknown()
        for name in wanted or ():
            if name not in table.by_name:
                refuse(422, "UNKNOWN_FIELD_NAME", f"Unknown field name: \"{name}\"")
        offset, key = body.get("offset"), {k: v for k, v in body.items() if k != "offset"}
        if offset is None:
            name, records, start = new_id("itr"), self.select(table, body), 0
        else:
            name, _, last = str(offset).partition("/")
            if self.forget or name not in self.iterators:
                self.iterators.clear()
                refuse(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "The requested offset is not available")
            asked, records, starts = self.iterators[name]
            if asked != key or last not in starts:
                unknown()
            start = starts[last]
        page = records[start:start + size]
        answer = {"records": [r if wanted is None else
                              {**r, "fields": {n: v for n, v in r["fields"].items() if n in wanted}} for r in page]}
        if start + size < len(records):
            starts = self.iterators.setdefault(name, (key, records, {}))[2]
            last = page[0 if self.loop else -1]["id"]
            starts[last] = 0 if self.loop else start + size
            answer["offset"] = f"{name}/{last}"
        return answer

    # -- writing --------------------------------------------------------------------------------------

    @staticmethod
    def take_records(body, keys, more=()):
        check_keys(body, ("records", "typecast", "returnFieldsByFieldId", *more))
        records = body.get("records")
        if not isinstance(records, list) or not 1 <= len(records) <= 10:
            refuse(422, "INVALID_RECORDS", "You must provide an array of up to 10 record objects, each with a"
                   " \"fields\" object for cell values.")
        for record in records:
            check_keys(record, keys)
        return records

    def post(self, table, body, _):
        records = [table.accept_all(r.get("fields")) for r in self.take_records(body, ("fields",))]
        return {"records": [table.add(fields, self) for fields in records]}

    def patch(self, table, body, _):
        upsert = body.get("performUpsert")
        records = self.take_records(body, ("id", "fields"), ("performUpsert",))
        fields = [table.accept_all(r.get("fields")) for r in records]
        if upsert is not None:
            return self.upsert(table, upsert, records, fields)
        ids = [r.get("id") for r in records]
        if len(set(ids)) < len(ids):
            refuse(422, "INVALID_RECORDS", "You cannot update the same record multiple times in a single request.")
        for name in ids:
            if name not in table.records:
                refuse(422, "ROW_DOES_NOT_EXIST", f"Record ID {name} does not exist in this table")
        for name, new in zip(ids, fields):
            table.change(table.records[name], new)
        return {"records": [table.records[i] for i in ids]}

    def upsert(self, table, upsert, records, fields):
        check_keys(upsert, ("fieldsToMergeOn",))
        names = upsert.get("fieldsToMergeOn")
        if not isinstance(names, list) or not 1 <= len(names) <= 3 or any(n not in table.by_name for n in names):
            unknown()
        if any(table.by_name[n]["type"] in COMPUTED for n in names) or any("id" in r for r in records):
            unknown()
        found = []
        for new in fields:
            if any(new.get(n) is None for n in names):
                unknown()
            same = [r for r in table.records.values() if all(r["fields"].get(n) == new[n] for n in names)]
            if len(same) > 1:
                refuse(422, "INVALID_VALUE_FOR_COLUMN",
                       "Cannot update more than one record: the fields to merge on match several")
            found.append(same[0] if same else None)
        done, created = [], []
        for record, new in zip(found, fields):
            if record:
                table.change(record, new)
            else:
                record = table.add(new, self)
                created.append(record["id"])
            done.append(record)
        return {"records": done, "createdRecords": created,
                "updatedRecords": [r["id"] for r in done if r["id"] not in created]}

    @staticmethod
    def delete(table, _, request):
        ids = [value for name, value in request.query if name == "records[]"]
        if not 1 <= len(ids) <= 10 or len(ids) != len(request.query) or request.body:
            unknown()
        for name in ids:
            if name not in table.records:
                missing()
        for name in ids:
            del table.records[name]
        return {"records": [{"id": i, "deleted": True} for i in ids]}


if __name__ == "__main__":
    Airtable().main()
