"""Making sheets on the peer, through the API that it plays."""
import datetime
import json
import os
import urllib.request

NEEDS = "ROWHOUSE_TEST_GOOGLESHEETS"
EPOCH = datetime.datetime(1899, 12, 30)


def call(path, body):
    request = urllib.request.Request(os.environ[NEEDS] + "/v4/spreadsheets/sheet-1" + path, method="POST",
                                     data=json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", "Authorization": "Bearer test-edit"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def cell(value):
    """As it is entered: dates and times with the format that makes them so."""
    if value is None:
        return {}
    shown = None
    if isinstance(value, datetime.datetime):
        value, shown = (value - EPOCH) / datetime.timedelta(days=1), "DATE_TIME"
    elif isinstance(value, datetime.date):
        value, shown = (value - EPOCH.date()).days, "DATE"
    elif isinstance(value, datetime.time):
        value, shown = (value.hour * 3600 + value.minute * 60 + value.second) / 86400, "TIME"
    kind = "boolValue" if isinstance(value, bool) else "stringValue" if isinstance(value, str) else "numberValue"
    if isinstance(value, str) and value.startswith("=#"):
        kind = "formulaValue"
    return {"userEnteredValue": {kind: value},
            **({"userEnteredFormat": {"numberFormat": {"type": shown}}} if shown else {})}


def make_sheet(title, header, rows, grid_rows=1000, first_row=1):
    made = call(":batchUpdate", {"requests": [{"addSheet": {"properties": {
        "title": title, "gridProperties": {"rowCount": grid_rows, "columnCount": max(26, len(header))}}}}]})
    sheet = made["replies"][0]["addSheet"]["properties"]["sheetId"]
    lines = [header, *rows]
    for at in range(0, len(lines), 20000):
        call(":batchUpdate", {"requests": [{"updateCells": {
            "start": {"sheetId": sheet, "rowIndex": first_row - 1 + at, "columnIndex": 0},
            "fields": "userEnteredValue,userEnteredFormat.numberFormat",
            "rows": [{"values": [cell(v) for v in line]} for line in lines[at:at + 20000]]}}]})
    return sheet


def settings(**more):
    with open(os.environ[NEEDS + "_KEY"], encoding="ascii") as file:
        return {"url": os.environ[NEEDS], "spreadsheet": "sheet-1", "service_account": file.read(), **more}
