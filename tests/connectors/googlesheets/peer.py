#!/usr/bin/env python3
"""A server that plays the Google Sheets API v4 and its token endpoint, and refuses what they refuse.

    peer.py run COMMAND…   runs the command with ROWHOUSE_TEST_GOOGLESHEETS set to http://127.0.0.1:PORT, and
                           ROWHOUSE_TEST_GOOGLESHEETS_KEY to the file of a service account's key

Spreadsheet "sheet-1" may be edited by rowhouse@test.example (the service account) and by the refresh token
"refresh-s3cret" (client "client-1", "client-s3cret"); "sheet-2" is not shared. The bearer token "test-edit"
is for tests. Attributes for /control/set (see api_peer.py):

    quota         requests that are left until 429; -1: no quota
    refuse_guard  deleteDeveloperMetadata that finds nothing is an error
    races         [{"pass": N, "insert"|"delete": [title, index]}]: what somebody else does before the
                  request after the next N
"""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../lib")]
import api_peer  # noqa: E402
from api_peer import Refusal  # noqa: E402
from grid import Area, BadRequest, Cell, CellError, Row, Sheet, Spreadsheet, DICE, ERRORS  # noqa: E402

SCOPE = "https://www.googleapis.com/auth/spreadsheets"
EMAIL = "rowhouse@test.example"
RENDER = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
DATES = ("SERIAL_NUMBER", "FORMATTED_STRING")


def refuse(code, status, message, details=None):
    error = {"code": code, "message": message, "status": status}
    raise Refusal(code, {"error": {**error, **({"details": details} if details else {})}})


def invalid(message):
    refuse(400, "INVALID_ARGUMENT", message)


def check(value, known, where):
    """Only members that the API knows."""
    if not isinstance(value, dict):
        invalid(f"Invalid value at '{where}'")
    for name in value:
        if name not in known:
            text = f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
            refuse(400, "INVALID_ARGUMENT", text, [{"@type": "type.googleapis.com/google.rpc.BadRequest",
                                                    "fieldViolations": [{"field": where, "description": text}]}])
    return value


def choose(value, allowed, where):
    if value not in allowed:
        invalid(f"Invalid value at '{where}': \"{value}\"")
    return value


# ---- Field masks ----------------------------------------------------------------------------------

FIELDS = {"spreadsheetId", "sheets", "properties", "sheetId", "title", "sheetType", "gridProperties", "rowCount",
          "columnCount", "data", "rowData", "values", "effectiveValue", "effectiveFormat", "numberFormat", "type",
          "rowMetadata", "developerMetadata", "metadataId", "metadataKey", "valueRanges", "range", "startRow"}


def parse_mask(text):
    """a.b(c,d.e),f as {a: {b: {c: {}, d: {e: {}}}}, f: {}}."""
    tokens = re.findall(r"[A-Za-z]+|[.,()]", text)
    if "".join(tokens) != text:
        invalid(f"Invalid field selection {text}")
    at = 0

    def several():
        nonlocal at
        mask = {}
        while True:
            one(mask)
            if at < len(tokens) and tokens[at] == ",":
                at += 1
                continue
            return mask

    def one(mask):
        nonlocal at
        if at >= len(tokens) or tokens[at] not in FIELDS:
            invalid(f"Error expanding 'fields' parameter. Cannot find matching fields for path '{text}'.")
        inner = mask.setdefault(tokens[at], {})
        at += 1
        if at < len(tokens) and tokens[at] == ".":
            at += 1
            one(inner)
        elif at < len(tokens) and tokens[at] == "(":
            at += 1
            inner.update(several())
            if at >= len(tokens) or tokens[at] != ")":
                invalid(f"Invalid field selection {text}")
            at += 1
    mask = several()
    if at != len(tokens):
        invalid(f"Invalid field selection {text}")
    return mask


def masked(value, mask):
    if not mask:
        return value
    if isinstance(value, list):
        return [masked(v, mask) for v in value]
    return {name: masked(v, mask[name]) for name, v in value.items() if name in mask}


# ---- The API --------------------------------------------------------------------------------------

class Sheets(api_peer.Peer):
    variable = "ROWHOUSE_TEST_GOOGLESHEETS"

    def __init__(self, folder):
        super().__init__()
        self.books = {"sheet-1": Spreadsheet(), "sheet-2": Spreadsheet()}
        self.tokens = {"test-edit": SCOPE}
        self.quota, self.refuse_guard, self.races = -1, True, []
        self.key = os.path.join(folder, "key.pem")
        self.account = os.path.join(folder, "account.json")
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "rsa", "-in", self.key, "-pubout", "-out", self.key + ".pub"], check=True,
                       stderr=subprocess.DEVNULL)

    def environment(self):
        with open(self.key, encoding="ascii") as file:
            account = {"type": "service_account", "client_email": EMAIL, "private_key": file.read(),
                       "token_uri": f"http://127.0.0.1:{self.port}/token"}
        with open(self.account, "w", encoding="ascii") as file:
            json.dump(account, file)
        return {**super().environment(), "ROWHOUSE_TEST_GOOGLESHEETS_KEY": self.account}

    # -- who ----------------------------------------------------------------------------------------

    def new_token(self, scope):
        token = f"ya29.{DICE.randrange(1 << 60)}"
        self.tokens[token] = scope
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3599}

    def token(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        if form.get("grant_type") == "refresh_token":
            basic = request.headers.get("Authorization", "").removeprefix("Basic ")
            user, _, secret = base64.b64decode(basic).decode().partition(":") if basic else \
                (form.get("client_id"), "", form.get("client_secret"))
            if (user, secret) != ("client-1", "client-s3cret"):
                raise Refusal(401, {"error": "invalid_client", "error_description": "Unauthorized"})
            if form.get("refresh_token") != "refresh-s3cret":
                raise Refusal(400, {"error": "invalid_grant",
                                    "error_description": "Token has been expired or revoked."})
            return self.new_token(SCOPE)
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            raise Refusal(400, {"error": "unsupported_grant_type"})
        return self.new_token(self.check_assertion(form.get("assertion", "")))

    def check_assertion(self, assertion):
        parts = assertion.split(".")
        try:
            header, claims, signature = (base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in parts)
            header, claims = json.loads(header), json.loads(claims)
        except ValueError:
            raise Refusal(400, {"error": "invalid_grant", "error_description": "Invalid JWT"}) from None
        with tempfile.NamedTemporaryFile() as file:
            file.write(signature)
            file.flush()
            good = subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.key + ".pub", "-signature", file.name],
                                  input=".".join(parts[:2]).encode(), stdout=subprocess.DEVNULL, check=False)
        if good.returncode or header.get("alg") != "RS256" or claims.get("iss") != EMAIL or \
                claims.get("aud") != f"http://127.0.0.1:{self.port}/token" or not claims.get("scope") or \
                not 0 < claims["exp"] - claims["iat"] <= 3600:
            raise Refusal(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        return claims["scope"]

    def book(self, request, name, writes):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            refuse(401, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access"
                   " token, login cookie or other valid authentication credential.")
        if name not in self.books:
            refuse(404, "NOT_FOUND", "Requested entity was not found.")
        if self.tokens[token] not in (SCOPE,) if writes else not self.tokens[token].startswith(SCOPE):
            refuse(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
        if name == "sheet-2":
            refuse(403, "PERMISSION_DENIED", "The caller does not have permission")
        if self.quota == 0:
            refuse(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Read requests' and limit 'Read requests"
                   " per minute per user' of service 'sheets.googleapis.com' for consumer 'project_number:1'.")
        self.quota -= self.quota > 0
        return self.books[name]

    def race(self):
        """Somebody else is quicker."""
        while self.races:
            race = self.races[0]
            if race.get("pass", 0) > 0:
                race["pass"] -= 1
                return
            self.races.pop(0)
            for verb in ("insert", "delete"):
                if verb in race:
                    title, index = race[verb]
                    sheet = next(s for s in self.books["sheet-1"].sheets.values() if s.title == title)
                    if verb == "insert":
                        sheet.rows.insert(index, Row())
                    else:
                        del sheet.rows[index]

    # -- requests -----------------------------------------------------------------------------------

    def answer(self, request):
        if request.path == "/token" and request.method == "POST":
            return 200, self.token(request)
        match = re.fullmatch(r"/v4/spreadsheets/([\w-]+)(.*)", request.path)
        if not match:
            raise Refusal(404, {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}})
        writes = match[2] in (":batchUpdate", "/values:batchUpdateByDataFilter")
        book = self.book(request, match[1], writes)
        self.race()
        try:
            body = request.json()
        except ValueError:
            invalid("Invalid JSON payload received.")
        handlers = {("GET", ""): self.get, ("GET", "/values:batchGet"): self.batch_get,
                    ("POST", "/values:batchGetByDataFilter"): self.get_by_filter,
                    ("POST", "/values:batchUpdateByDataFilter"): self.update_by_filter,
                    ("POST", "/developerMetadata:search"): self.search, ("POST", ":batchUpdate"): self.batch_update}
        handler = handlers.get((request.method, match[2]))
        if not handler:
            raise Refusal(404, {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}})
        try:
            return 200, handler(book, body if request.method == "POST" else request.query)
        except BadRequest as bad:
            return invalid(str(bad))
        except (KeyError, TypeError, ValueError) as bad:
            return invalid(f"Invalid value: {bad!r}")

    @staticmethod
    def parameters(query, known):
        found = {"ranges": []}
        for name, value in query:
            if name not in known:
                invalid(f"Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field"
                        f" '{name}' could not be found in request message.")
            if name == "ranges":
                found["ranges"].append(value)
            else:
                found[name] = value
        return found

    def get(self, book, query):
        asked = self.parameters(query, ("ranges", "includeGridData", "fields"))
        mask = parse_mask(asked["fields"]) if "fields" in asked else {}
        data_mask = mask.get("sheets", {}).get("data", {})
        wants_data = "data" in mask.get("sheets", {}) or asked.get("includeGridData") == "true"
        areas = [book.area(a1) for a1 in asked["ranges"]]
        sheets = []
        for sheet in book.sheets.values():
            mine = [a for a in areas if a.sheet is sheet]
            if areas and not mine:
                continue
            data = {"data": [a.grid(data_mask) for a in mine]} if wants_data else {}
            sheets.append({"properties": sheet.properties(), **data})
        return masked({"spreadsheetId": "sheet-1", "sheets": sheets}, mask)

    def batch_get(self, book, query):
        asked = self.parameters(query, ("ranges", "majorDimension", "valueRenderOption", "dateTimeRenderOption",
                                        "fields"))
        plain = choose(asked.get("valueRenderOption", RENDER[0]), RENDER, "value_render_option") == RENDER[1]
        choose(asked.get("dateTimeRenderOption", DATES[0]), DATES, "date_time_render_option")
        if not asked["ranges"]:
            invalid("A range is required")
        ranges = [self.value_range(book.area(a1), plain) for a1 in asked["ranges"]]
        return masked({"spreadsheetId": "sheet-1", "valueRanges": ranges},
                      parse_mask(asked["fields"]) if "fields" in asked else {})

    @staticmethod
    def value_range(area, plain):
        values = area.values(plain)
        return {"range": area.a1(), "majorDimension": "ROWS", **({"values": values} if values else {})}

    # -- data filters -------------------------------------------------------------------------------

    def filtered(self, book, data_filter):
        """Areas that a filter selects."""
        check(data_filter, ("developerMetadataLookup", "a1Range", "gridRange"), "data_filters")
        if "a1Range" in data_filter:
            return [book.area(data_filter["a1Range"])]
        lookup = self.check_lookup(data_filter["developerMetadataLookup"])
        return [Area(sheet, i, i + 1, 0, sheet.columns) for sheet, i, _ in book.look_up(lookup)]

    @staticmethod
    def check_lookup(lookup):
        check(lookup, ("locationType", "metadataLocation", "locationMatchingStrategy", "metadataId", "metadataKey",
                       "metadataValue", "visibility"), "developer_metadata_lookup")
        if "metadataLocation" in lookup:
            check(lookup["metadataLocation"], ("sheetId", "dimensionRange", "spreadsheet"), "metadata_location")
        return lookup

    def get_by_filter(self, book, body):
        check(body, ("dataFilters", "majorDimension", "valueRenderOption", "dateTimeRenderOption"), "")
        plain = choose(body.get("valueRenderOption", RENDER[0]), RENDER, "value_render_option") == RENDER[1]
        found = [{"valueRange": self.value_range(area, plain), "dataFilters": [f]}
                 for f in body["dataFilters"] for area in self.filtered(book, f)]
        return {"spreadsheetId": "sheet-1", **({"valueRanges": found} if found else {})}

    def search(self, book, body):
        check(body, ("dataFilters",), "")
        found = []
        for data_filter in body["dataFilters"]:
            for place in book.look_up(self.check_lookup(data_filter["developerMetadataLookup"])):
                found.append({"developerMetadata": book.tell(*place), "dataFilters": [data_filter]})
        return {"matchedDeveloperMetadata": found} if found else {}

    def update_by_filter(self, book, body):
        check(body, ("valueInputOption", "data", "includeValuesInResponse", "responseValueRenderOption",
                     "responseDateTimeRenderOption"), "")
        choose(body.get("valueInputOption"), ("RAW", "USER_ENTERED"), "value_input_option")
        planned = []
        for data in body["data"]:
            check(data, ("dataFilter", "majorDimension", "values"), "data")
            for area in self.filtered(book, data["dataFilter"]):
                planned.append((data, area))
                for row in data["values"]:
                    if len(data["values"]) > area.bottom - area.top or len(row) > area.right - area.left or \
                            any(isinstance(v, (list, dict)) for v in row):
                        invalid("Invalid data[0]: the values do not fit the range")
        responses = []
        for data, area in planned:
            cells = 0
            for row, values in zip(area.sheet.rows[area.top:area.bottom], data["values"]):
                for column, value in enumerate(values):
                    if value is not None:
                        row.cells.setdefault(column, Cell()).value = None if value == "" else value
                        cells += 1
            responses.append({"updatedRange": area.a1(), "updatedRows": 1, "updatedColumns": cells,
                              "updatedCells": cells, "dataFilter": data["dataFilter"]})
        return {"spreadsheetId": "sheet-1", "totalUpdatedRows": len(responses), "responses": responses}

    # -- batchUpdate --------------------------------------------------------------------------------

    def batch_update(self, book, body):
        check(body, ("requests", "includeSpreadsheetInResponse", "responseRanges", "responseIncludeGridData"), "")
        if not body.get("requests"):
            invalid("Must specify at least one request.")
        trial, replies = book.copy(), []
        for i, request in enumerate(body["requests"]):
            (name, asked), = request.items()
            handler = getattr(self, "do_" + name, None)
            if not handler:
                check(request, (), f"requests[{i}]")
            try:
                replies.append(handler(trial, asked))
            except BadRequest as bad:
                invalid(f"Invalid requests[{i}].{name}: {bad}")
        book.sheets = trial.sheets
        return {"spreadsheetId": "sheet-1", "replies": replies}

    @staticmethod
    def span(book, asked, at_end=False):
        check(asked, ("sheetId", "dimension", "startIndex", "endIndex"), "range")
        sheet, start, end = book.sheet(asked["sheetId"]), asked["startIndex"], asked["endIndex"]
        if asked["dimension"] != "ROWS" or not 0 <= start < end or start >= len(sheet.rows) or \
                (not at_end and end > len(sheet.rows)):
            raise BadRequest(f"Cannot use rows {start} to {end} of a sheet with {len(sheet.rows)}")
        return sheet, start, end

    def do_addSheet(self, book, asked):
        properties = check(check(asked, ("properties",), "")["properties"], ("title", "gridProperties"), "properties")
        if any(s.title == properties["title"] for s in book.sheets.values()):
            raise BadRequest(f"A sheet with the name \"{properties['title']}\" already exists. Please enter another"
                             " name.")
        grid = properties.get("gridProperties", {})
        sheet = Sheet(DICE.randrange(1, 1 << 31), properties["title"], grid.get("rowCount", 1000),
                      grid.get("columnCount", 26))
        book.sheets[sheet.id] = sheet
        return {"addSheet": {"properties": sheet.properties()}}

    def do_insertDimension(self, book, asked):
        check(asked, ("range", "inheritFromBefore"), "")
        sheet, start, end = self.span(book, asked["range"], at_end=True)
        before = sheet.rows[start - 1] if asked.get("inheritFromBefore") and start else None
        fresh = [Row() for _ in range(end - start)]
        for row in fresh if before else ():
            row.cells = {c: Cell(None, cell.format) for c, cell in before.cells.items() if cell.format}
        sheet.rows[start:start] = fresh
        return {}

    @staticmethod
    def do_appendDimension(book, asked):
        check(asked, ("sheetId", "dimension", "length"), "")
        choose(asked["dimension"], ("ROWS",), "dimension")
        book.sheet(asked["sheetId"]).rows += [Row() for _ in range(asked["length"])]
        return {}

    def do_deleteDimension(self, book, asked):
        sheet, start, end = self.span(book, check(asked, ("range",), "")["range"])
        if end - start == len(sheet.rows):
            raise BadRequest("You can't delete all the rows on the sheet.")
        del sheet.rows[start:end]
        return {}

    @staticmethod
    def do_updateCells(book, asked):
        check(asked, ("rows", "fields", "start", "range"), "")
        start = check(asked["start"], ("sheetId", "rowIndex", "columnIndex"), "start")
        sheet = book.sheet(start["sheetId"])
        if asked["fields"] not in ("userEnteredValue", "userEnteredValue,userEnteredFormat.numberFormat"):
            raise BadRequest("fields")
        for i, row in enumerate(asked["rows"]):
            cells = check(row, ("values",), "rows").get("values", [])
            if start["rowIndex"] + i >= len(sheet.rows) or start["columnIndex"] + len(cells) > sheet.columns:
                raise BadRequest("Attempting to write outside the grid")
            for j, cell in enumerate(cells):
                check(cell, ("userEnteredValue", "userEnteredFormat"), "values")
                target = sheet.rows[start["rowIndex"] + i].cells.setdefault(start["columnIndex"] + j, Cell())
                target.value = Sheets.entered(cell.get("userEnteredValue"))
                if "userEnteredFormat" in asked["fields"]:
                    target.format = cell.get("userEnteredFormat", {}).get("numberFormat", {}).get("type")
        return {}

    @staticmethod
    def do_repeatCell(book, asked):
        check(asked, ("range", "cell", "fields"), "")
        span = check(asked["range"], ("sheetId", "startRowIndex", "endRowIndex", "startColumnIndex", "endColumnIndex"),
                     "range")
        shown = check(asked["cell"], ("userEnteredFormat",), "cell")["userEnteredFormat"]["numberFormat"]["type"]
        if asked["fields"] != "userEnteredFormat.numberFormat" or shown not in ("DATE", "TIME", "DATE_TIME"):
            raise BadRequest("fields")
        for row in book.sheet(span["sheetId"]).rows[span["startRowIndex"]:span["endRowIndex"]]:
            for column in range(span["startColumnIndex"], span["endColumnIndex"]):
                row.cells.setdefault(column, Cell()).format = shown
        return {}

    @staticmethod
    def entered(value):
        if value is None:
            return None
        (kind, data), = value.items()
        wanted = {"numberValue": (int, float), "stringValue": str, "boolValue": bool, "formulaValue": str}.get(kind)
        if not wanted or not isinstance(data, wanted) or (kind == "numberValue" and isinstance(data, bool)):
            raise BadRequest(f"Invalid value: {kind}")
        if kind == "stringValue" and len(data) > 50000:
            raise BadRequest("Your input contains more than the maximum of 50000 characters in a single cell.")
        if kind == "formulaValue":  # the peer computes errors only
            return CellError(data.removeprefix("=")) if data.removeprefix("=") in ERRORS else data
        return None if data == "" else data

    @staticmethod
    def do_createDeveloperMetadata(book, asked):
        check(asked, ("developerMetadata",), "")
        check(asked["developerMetadata"], ("metadataId", "metadataKey", "metadataValue", "visibility", "location"), "")
        return {"createDeveloperMetadata": {"developerMetadata": book.create_mark(asked["developerMetadata"])}}

    def do_deleteDeveloperMetadata(self, book, asked):
        lookup = self.check_lookup(check(asked, ("dataFilter",), "")["dataFilter"]["developerMetadataLookup"])
        found = list(book.look_up(lookup))
        if not found and self.refuse_guard:
            raise BadRequest("No developer metadata matches the filter")
        told = [book.tell(*place) for place in found]
        for sheet, index, mark in found:
            sheet.rows[index].marks.remove(mark)
        return {"deleteDeveloperMetadata": {"deletedDeveloperMetadata": told} if told else {}}


def main():
    with tempfile.TemporaryDirectory(prefix="rowhouse-sheets") as folder:
        Sheets(folder).main()


if __name__ == "__main__":
    main()
