"""Three public APIs as their documents have them, in memory; they refuse what these would refuse.

    /github/…  https://docs.github.com/en/rest/issues/issues: bearer token, Link header, JSON bodies
    /stripe/…  https://docs.stripe.com/api/customers: the key as user of HTTP Basic, cursors, forms
    /ecb/…     https://data.ecb.europa.eu/help/api/data: CSV; eurofxref-daily.xml: XML
"""
import base64
import datetime
import json
import re
import urllib.parse


def as_json(status, value, headers=()):
    return status, json.dumps(value).encode(), [("Content-Type", "application/json; charset=utf-8"), *headers]


# ---- GitHub ------------------------------------------------------------------------------------

def issue(number):
    moment = f"2024-{1 + number % 12:02d}-03T0{number % 10}:00:00Z"
    closed = number % 3 == 0
    return {"id": 10 ** 9 + number, "number": number, "title": f"Issue {number}", "state": "closed"
            if closed else "open",
            "user": {"login": "Mona" if number % 2 else "hubot", "id": number % 2}, "comments": number % 5,
            "body": None if number % 7 == 0 else f"Body {number}", "labels": [{"name": "bug"}]
            if number % 4 == 0 else [],
            "created_at": "2024-01-01T00:00:00Z", "updated_at": moment, "closed_at": moment if closed else None}


ISSUES = {number: issue(number) for number in range(1, 251)}
LISTED = {"milestone", "state", "assignee", "creator", "mentioned", "labels", "sort", "direction", "since", "per_page",
          "page"}


def github_list(request):
    query = dict(request.query)
    if set(query) - LISTED or query.get("state", "open") not in ("open", "closed", "all"):
        return as_json(422, {"message": "Validation Failed"})
    per_page, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
    if not 1 <= per_page <= 100:
        return as_json(422, {"message": "Validation Failed"})
    state, since = query.get("state", "open"), query.get("since")
    if since:
        datetime.datetime.strptime(since, "%Y-%m-%dT%H:%M:%SZ")
    rows = [row for row in sorted(ISSUES.values(), key=lambda r: -r["number"])
            if state in ("all", row["state"]) and (not since or row["updated_at"] >= since)
            and query.get("creator", row["user"]["login"]).lower() == row["user"]["login"].lower()]
    link = []
    if page * per_page < len(rows):
        more = urllib.parse.urlencode({**query, "page": page + 1})
        origin = "http://" + request.headers["host"]
        link = [("Link", f'<{origin}{request.path}?page=1>; rel="first", <{origin}{request.path}?{more}>; rel="next"')]
    return as_json(200, rows[(page - 1) * per_page:page * per_page], link)


def github_write(request, number):
    body = json.loads(request.body)
    allowed = {"title", "body", "milestone", "labels", "assignees", "assignee"} | ({"state", "state_reason"}
                                                                                   if number else set())
    if set(body) - allowed or (not number and not isinstance(body.get("title"), str)):
        return as_json(422, {"message": "Validation Failed"})
    if not number:
        number = max(ISSUES) + 1
        ISSUES[number] = {**issue(number), "body": None, "labels": [], **body}
        return as_json(201, ISSUES[number])
    ISSUES[number] |= body
    return as_json(200, ISSUES[number])


def github(request):
    headers = request.headers
    if headers.get("authorization") != "Bearer ghp_s3cret":
        return as_json(401, {"message": "Bad credentials"})
    if not headers.get("user-agent"):
        return as_json(403, {"message": "Request forbidden by administrative rules."})
    if headers.get("accept") != "application/vnd.github+json" or headers.get("x-github-api-version") != "2022-11-28":
        return as_json(415, {"message": "Unsupported 'Accept' header"})
    path = request.path.removeprefix("/github")
    if path == "/user":
        return as_json(200, {"login": "Mona"})
    found = re.fullmatch(r"/repos/octo-org/octo-repo/issues(?:/(\d+))?", path)
    number = int(found.group(1)) if found and found.group(1) else None
    if not found or (number and number not in ISSUES):
        return as_json(404, {"message": "Not Found"})
    if request.method == "GET":
        return as_json(200, ISSUES[number]) if number else github_list(request)
    if request.method == ("PATCH" if number else "POST"):
        return github_write(request, number)
    return as_json(404, {"message": "Not Found"})


# ---- Stripe ------------------------------------------------------------------------------------

def customer(number):
    return {"id": f"cus_{number:04d}", "object": "customer", "email": f"c{number % 40}@example.com",
            "name": f"Customer {number}",
            "description": None, "balance": number % 9 - 4, "created": 1700000000 + 3600 * number, "livemode": False,
            "metadata": {"n": str(number)}}


CUSTOMERS = {f"cus_{number:04d}": customer(number) for number in range(230)}
WRITABLE = {"email", "name", "description", "balance", "phone"}


def stripe_error(status, message):
    return as_json(status, {"error": {"type": "invalid_request_error", "message": message}})


def stripe_list(query):
    bounds = {"gte": int.__ge__, "gt": int.__gt__, "lte": int.__le__, "lt": int.__lt__}
    rows = sorted(CUSTOMERS.values(), key=lambda c: c["created"], reverse=True)
    limit = 10
    for name, text in query:
        bound = re.fullmatch(r"created\[(gte?|lte?)\]", name)
        if name == "limit" and 1 <= int(text) <= 100:
            limit = int(text)
        elif name == "email":
            rows = [row for row in rows if row["email"] == text]
        elif bound:
            rows = [row for row in rows if bounds[bound.group(1)](row["created"], int(text))]
        elif name == "starting_after" and text in CUSTOMERS:
            rows = [row for row in rows if row["created"] < CUSTOMERS[text]["created"]]
        else:
            return stripe_error(400, f"Received unknown parameter: {name}")
    return as_json(200, {"object": "list", "url": "/v1/customers", "has_more": len(rows) > limit, "data": rows[:limit]})


def stripe_write(request, key):
    if request.headers.get("content-type") != "application/x-www-form-urlencoded":
        return stripe_error(400, "Invalid request: send a form")
    form = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
    if set(form) - WRITABLE:
        return stripe_error(400, f"Received unknown parameter: {min(set(form) - WRITABLE)}")
    fields = {name: None if text == "" else int(text) if name == "balance" else text for name, text in form.items()}
    if not key:
        key = f"cus_{len(CUSTOMERS):04d}"
        CUSTOMERS[key] = {**customer(len(CUSTOMERS)), "email": None, "name": None, "balance": 0, "metadata": {}}
    CUSTOMERS[key] |= fields
    return as_json(200, CUSTOMERS[key])


def stripe(request):
    if request.headers.get("authorization") != "Basic " + base64.b64encode(b"sk_test_s3cret:").decode():
        return as_json(401, {"error": {"message": "Invalid API Key provided"}})
    found = re.fullmatch(r"/stripe/v1/customers(?:/(\w+))?", request.path)
    if not found:
        return stripe_error(404, "Unrecognized request URL")
    key = found.group(1)
    if key and key not in CUSTOMERS:
        return stripe_error(404, f"No such customer: '{key}'")
    if request.method == "POST" and not request.query:
        return stripe_write(request, key)
    if request.method == "GET":
        return as_json(200, CUSTOMERS[key]) if key else stripe_list(request.query)
    if request.method == "DELETE" and key:
        del CUSTOMERS[key]
        return as_json(200, {"id": key, "object": "customer", "deleted": True})
    return stripe_error(405, "method not allowed")


# ---- European Central Bank -----------------------------------------------------------------------

DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=i) for i in range(60)]
CURRENCIES = {"USD": 10800, "NOK": 113525, "JPY": 1560500}


def rate(currency, day):
    return f"{(CURRENCIES[currency] + day.toordinal() % 50) / 10000:.4f}"


def ecb_csv(request, currencies):
    query = dict(request.query)
    if set(query) - {"format", "startPeriod", "endPeriod"} or query.get("format") != "csvdata":
        return 400, b"Invalid parameter", [("Content-Type", "text/plain")]
    first, last = (datetime.date.fromisoformat(query[name]) if name in query else other
                   for name, other in (("startPeriod", DAYS[0]), ("endPeriod", DAYS[-1])))
    lines = ["KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,TITLE"]
    for currency in currencies:
        if currency not in CURRENCIES:
            return 404, b"No results found.", [("Content-Type", "text/plain")]
        lines += [f'EXR.D.{currency}.EUR.SP00.A,D,{currency},EUR,SP00,A,{day},{rate(currency, day)},'
                  f'"{currency}/Euro, daily"'
                  for day in DAYS if first <= day <= last]
    return 200, "\r\n".join(lines + [""]).encode(), [("Content-Type", "text/csv")]


def ecb_xml():
    day = DAYS[-1]
    cubes = "".join(f"\t\t\t<Cube currency='{currency}' rate='{rate(currency, day)}'/>\n" for currency in CURRENCIES)
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
                 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
	<Cube>
		<Cube time='{day}'>
{cubes}		</Cube>
	</Cube>
</gesmes:Envelope>"""
    return 200, text.encode(), [("Content-Type", "text/xml")]


def ecb(request):
    if request.path == "/ecb/stats/eurofxref/eurofxref-daily.xml" and not request.query:
        return ecb_xml()
    found = re.fullmatch(r"/ecb/service/data/EXR/D\.([A-Z+]+)\.EUR\.SP00\.A", request.path)
    if not found or request.method != "GET":
        return 404, b"Not found", [("Content-Type", "text/plain")]
    return ecb_csv(request, found.group(1).split("+"))


def respond(request):
    return {"github": github, "stripe": stripe, "ecb": ecb}[request.path.split("/")[1]](request)
