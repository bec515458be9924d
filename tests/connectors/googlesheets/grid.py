"""Spreadsheets as Google keeps them: grids, cells with formats, developer metadata that rows carry along."""
import random
import re

DICE = random.Random(11)
MARK_LIMIT = 30000  # characters of metadata in a sheet
ERRORS = {"#ERROR!": "ERROR", "#NULL!": "NULL_VALUE", "#DIV/0!": "DIVIDE_BY_ZERO", "#VALUE!": "VALUE",
          "#REF!": "REF", "#NAME?": "NAME", "#NUM!": "NUM", "#N/A": "N_A"}


class BadRequest(Exception):
    pass


class Cell:
    __slots__ = ("value", "format")

    def __init__(self, value=None, shown=None):
        self.value, self.format = value, shown


class CellError(str):
    """What a cell with an error shows."""


class Row:
    def __init__(self):
        self.cells, self.marks = {}, []

    def copy(self):
        row = Row()
        row.cells = {column: Cell(c.value, c.format) for column, c in self.cells.items()}
        row.marks = list(self.marks)
        return row

    def value(self, column):
        return self.cells[column].value if column in self.cells else None

    def span(self, left, right, told):
        """The columns from left to the last one before right whose cell is told of: most of a grid is empty."""
        return range(left, max((c for c, cell in self.cells.items() if c < right and told(cell)), default=-1) + 1)


class Sheet:
    def __init__(self, sheet_id, title, rows=1000, columns=26):
        self.id, self.title, self.columns = sheet_id, title, columns
        self.rows = [Row() for _ in range(rows)]

    def copy(self):
        sheet = Sheet(self.id, self.title, 0, self.columns)
        sheet.rows = [row.copy() for row in self.rows]
        return sheet

    def properties(self):
        return {"sheetId": self.id, "title": self.title, "index": 0, "sheetType": "GRID",
                "gridProperties": {"rowCount": len(self.rows), "columnCount": self.columns}}


def number(value):
    """A double as JSON shows it."""
    return int(value) if isinstance(value, float) and value == int(value) and abs(value) < 1e15 else value


def column_number(letters):
    n = 0
    for letter in letters:
        n = n * 26 + ord(letter) - 64
    return n - 1


class Area:
    """Rows and columns from .. to, both from 0 on, to excluded."""

    def __init__(self, sheet, top, bottom, left, right):
        self.sheet, self.top, self.bottom, self.left, self.right = sheet, top, bottom, left, right

    def a1(self):
        def letters(n):
            text = ""
            n += 1
            while n:
                n, rest = divmod(n - 1, 26)
                text = chr(65 + rest) + text
            return text
        title = self.sheet.title.replace("'", "''")
        return f"'{title}'!{letters(self.left)}{self.top + 1}:{letters(self.right - 1)}{self.bottom}"

    def used_rows(self):
        """Up to the last one with a cell."""
        bottom = min(self.bottom, len(self.sheet.rows))
        while bottom > self.top and not self.sheet.rows[bottom - 1].cells:
            bottom -= 1
        return self.sheet.rows[self.top:bottom]

    def values(self, plain):
        rows = []
        for row in self.used_rows():
            cells = [row.value(c) for c in row.span(self.left, self.right, lambda cell: cell.value not in (None, ""))]
            rows.append(["" if v is None else number(v) if plain else str(v) for v in cells])
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def grid(self, members):
        """members: that are asked for; nothing: all."""
        rows = []
        for row in self.used_rows():
            cells = [self.cell(row.cells.get(c)) for c in row.span(self.left, self.right, self.cell)]
            rows.append({"values": cells} if cells else {})
        while rows and not rows[-1]:
            rows.pop()
        if members and "rowMetadata" not in members:
            return {"startRow": self.top, "rowData": rows}
        marks = [{"pixelSize": 21, **({"developerMetadata": [dict(m) for m in r.marks]} if r.marks else {})}
                 for r in self.sheet.rows[self.top:self.bottom]]
        return {"startRow": self.top, "rowData": rows, "rowMetadata": marks}

    @staticmethod
    def cell(cell):
        if cell is None or (cell.value is None and not cell.format):
            return {}
        shown = {"effectiveFormat": {"numberFormat": {"type": cell.format}}} if cell.format else {}
        if cell.value is None:
            return shown
        if isinstance(cell.value, CellError):
            value = {"errorValue": {"type": ERRORS[cell.value], "message": "…"}}
        elif isinstance(cell.value, bool):
            value = {"boolValue": cell.value}
        elif isinstance(cell.value, (int, float)):
            value = {"numberValue": number(cell.value)}
        else:
            value = {"stringValue": cell.value}
        return {"effectiveValue": value, **shown}


class Spreadsheet:
    def __init__(self):
        self.sheets = {0: Sheet(0, "Sheet1")}

    def copy(self):
        book = Spreadsheet()
        book.sheets = {i: sheet.copy() for i, sheet in self.sheets.items()}
        return book

    def sheet(self, sheet_id):
        if sheet_id not in self.sheets:
            raise BadRequest(f"No grid with id: {sheet_id}")
        return self.sheets[sheet_id]

    def area(self, a1):
        match = re.fullmatch(r"(?:'((?:[^']|'')+)'|([A-Za-z]\w*))!([A-Z]*)([0-9]*):([A-Z]*)([0-9]*)", a1)
        title = (match[1].replace("''", "'") if match[1] else match[2]) if match else None
        sheet = next((s for s in self.sheets.values() if s.title == title), None)
        if not sheet or bool(match[3]) != bool(match[5]) or (match[4] and match[6] and int(match[4]) > int(match[6])):
            raise BadRequest(f"Unable to parse range: {a1}")
        top, bottom = int(match[4] or 1) - 1, int(match[6] or len(sheet.rows))
        left, right = (column_number(match[3]), column_number(match[5]) + 1) if match[3] else (0, sheet.columns)
        if top < 0 or bottom > len(sheet.rows) or right > sheet.columns:
            raise BadRequest(f"Range ({a1}) exceeds grid limits. Max rows: {len(sheet.rows)},"
                             f" max columns: {sheet.columns}")
        return Area(sheet, top, bottom, left, right)

    # -- marks ------------------------------------------------------------------------------------

    def marks(self):
        for sheet in self.sheets.values():
            for index, row in enumerate(sheet.rows):
                for mark in row.marks:
                    yield sheet, index, mark

    @staticmethod
    def tell(sheet, index, mark):
        return {**mark, "location": {"locationType": "ROW", "dimensionRange": {
            "sheetId": sheet.id, "dimension": "ROWS", "startIndex": index, "endIndex": index + 1}}}

    def look_up(self, lookup):
        """The (sheet, index, mark) that a lookup selects."""
        where = lookup.get("metadataLocation")
        strategy = lookup.get("locationMatchingStrategy", "INTERSECTING_LOCATION")
        if strategy not in ("INTERSECTING_LOCATION", "EXACT_LOCATION"):
            raise BadRequest(f"Invalid value at 'location_matching_strategy': \"{strategy}\"")
        if "locationMatchingStrategy" in lookup and where is None:
            raise BadRequest("locationMatchingStrategy needs a metadataLocation")
        for sheet, index, mark in self.marks():
            if lookup.get("metadataId", mark["metadataId"]) != mark["metadataId"] or \
                    lookup.get("metadataKey", mark["metadataKey"]) != mark["metadataKey"]:
                continue
            if where and "sheetId" in where and (sheet.id != where["sheetId"] or strategy == "EXACT_LOCATION"):
                continue
            span = (where or {}).get("dimensionRange")
            if span and (span["sheetId"] != sheet.id or not span["startIndex"] <= index < span["endIndex"]):
                continue
            yield sheet, index, mark

    def create_mark(self, asked):
        span = asked["location"]["dimensionRange"]
        sheet = self.sheet(span["sheetId"])
        if span.get("dimension") != "ROWS" or span["endIndex"] != span["startIndex"] + 1 or \
                not 0 <= span["startIndex"] < len(sheet.rows):
            raise BadRequest("Invalid developer metadata location")
        if not asked.get("metadataKey") or asked.get("visibility") not in ("DOCUMENT", "PROJECT"):
            raise BadRequest("Developer metadata must have a key and a visibility")
        taken = {m["metadataId"] for _, _, m in self.marks()}
        dice = iter(lambda: DICE.randrange(1, 1 << 31), None)
        fresh = asked.get("metadataId") or next(i for i in dice if i not in taken)
        if fresh in taken:
            raise BadRequest(f"Developer metadata with id {fresh} already exists")
        mark = {"metadataId": fresh, "metadataKey": asked["metadataKey"], "visibility": asked["visibility"]}
        used = sum(len(m["metadataKey"]) + len(m.get("metadataValue", "")) for r in sheet.rows for m in r.marks)
        if used + len(mark["metadataKey"]) > MARK_LIMIT:
            raise BadRequest("The developer metadata of this sheet is above the limit of 30000 characters")
        sheet.rows[span["startIndex"]].marks.append(mark)
        return self.tell(sheet, span["startIndex"], mark)
