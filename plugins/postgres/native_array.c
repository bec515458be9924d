/*
 * See native_array.h; the way back is array.c. Literals are read as array_out writes them (manual,
 * section 8.15.6): no white space around elements, and quotes around each that could be misread.
 *
 * What JSON an element becomes is to_json's choice (json_categorize_type): numbers and booleans are
 * bare where JSON has them, json is put in as it is, timestamps get a "T" and minutes in their zone,
 * all else is the text form as a string, an oid too.
 */
#include "native_array.h"

#include "base/json.h"
#include "base/text.h"
#include "oid.h"

#define MAX_DEPTH 6 /* PostgreSQL's own limit of dimensions */

struct scan {
    struct rh_buf *to;
    struct rh_buf unquoted; /* the element at hand */
    unsigned oid;           /* of elements */
    const char *at, *end;
};

/* ---- elements ---- */

/* Steps over that form, where 9 is any digit; stays where it is when something else stands there. */
static bool skip_form(struct rh_text *rest, const char *form)
{
    size_t n = strlen(form);

    if (rest->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = rest->data[i];
        if (form[i] == '9' ? c < '0' || c > '9' : c != form[i])
            return false;
    }
    *rest = rh_text_make(rest->data + n, rest->len - n);
    return true;
}

static size_t skip_digits(struct rh_text *rest)
{
    size_t n = 0;

    while (skip_form(rest, "9"))
        n++;
    return n;
}

/* As JSON writes it; not NaN, not Infinity. */
static bool is_number(struct rh_text text)
{
    (void)skip_form(&text, "-");
    if (!skip_form(&text, "0") && !skip_digits(&text))
        return false;
    if (skip_form(&text, ".") && !skip_digits(&text))
        return false;
    if (skip_form(&text, "e") || skip_form(&text, "E")) {
        if (!skip_form(&text, "+"))
            (void)skip_form(&text, "-");
        if (!skip_digits(&text))
            return false;
    }
    return text.len == 0;
}

/* The zone: +05, +05:30, or of the days before standard time +05:53:28. */
static bool add_zone(struct rh_buf *to, struct rh_text *rest)
{
    const char *start = rest->data;
    bool minutes = false;

    if (!skip_form(rest, "+99") && !skip_form(rest, "-99"))
        return false;
    minutes = skip_form(rest, ":99");
    if (minutes)
        (void)skip_form(rest, ":99");
    rh_buf_add(to, start, (size_t)(rest->data - start));
    rh_buf_add_str(to, minutes ? "" : ":00");
    return true;
}

/* "2024-02-29 23:59:59.5+00"; in any other DateStyle than ISO it could not be told what is what. */
static bool add_civil(struct rh_buf *to, unsigned oid, struct rh_text text)
{
    struct rh_text rest = text;

    if (rh_text_is(text, "infinity") || rh_text_is(text, "-infinity")) {
        rh_json_add_string(to, text);
        return true;
    }
    if (skip_digits(&rest) < 4 || !skip_form(&rest, "-99-99"))
        return false;
    rh_buf_add_char(to, '"');
    rh_buf_add(to, text.data, (size_t)(rest.data - text.data));
    if (oid != PG_OID_DATE) {
        const char *time = rest.data + 1;
        if (!skip_form(&rest, " 99:99:99") || (skip_form(&rest, ".") && !skip_digits(&rest)))
            return false;
        rh_buf_add_char(to, 'T');
        rh_buf_add(to, time, (size_t)(rest.data - time));
    }
    if (oid == PG_OID_TIMESTAMPTZ && !add_zone(to, &rest))
        return false;
    if (skip_form(&rest, " BC"))
        rh_buf_add_str(to, " BC");
    rh_buf_add_char(to, '"');
    return rest.len == 0;
}

static bool add_element(struct rh_buf *to, unsigned oid, struct rh_text text)
{
    switch (oid) {
    case PG_OID_BOOL:
        rh_buf_add_str(to, rh_text_is(text, "t") ? "true" : "false");
        return rh_text_is(text, "t") || rh_text_is(text, "f");
    case PG_OID_INT2:
    case PG_OID_INT4:
    case PG_OID_INT8:
    case PG_OID_FLOAT4:
    case PG_OID_FLOAT8:
    case PG_OID_NUMERIC:
        if (is_number(text))
            rh_buf_add_text(to, text);
        else
            rh_json_add_string(to, text);
        return true;
    case PG_OID_JSON:
    case PG_OID_JSONB:
        rh_buf_add_text(to, text);
        return text.len > 0;
    case PG_OID_DATE:
    case PG_OID_TIMESTAMP:
    case PG_OID_TIMESTAMPTZ:
        return add_civil(to, oid, text);
    default:
        rh_json_add_string(to, text);
        return true;
    }
}

/* ---- the literal ---- */

static bool take_char(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static bool take_quoted(struct scan *scan)
{
    rh_buf_clear(&scan->unquoted);
    while (scan->at < scan->end && *scan->at != '"') {
        if (*scan->at == '\\' && ++scan->at == scan->end)
            return false;
        rh_buf_add_char(&scan->unquoted, *scan->at++);
    }
    return take_char(scan, '"') && !scan->unquoted.failed &&
           add_element(scan->to, scan->oid, rh_buf_text(&scan->unquoted));
}

static bool take_bare(struct scan *scan)
{
    const char *start = scan->at;
    struct rh_text text;

    while (scan->at < scan->end && *scan->at && !strchr(",{}\"\\ \t\n\r\v\f", *scan->at))
        scan->at++;
    text = rh_text_make(start, (size_t)(scan->at - start));
    if (rh_text_is(text, "NULL")) {
        rh_buf_add_str(scan->to, "null");
        return true;
    }
    return text.len > 0 && add_element(scan->to, scan->oid, text);
}

/* What follows the brace that opens a dimension. */
static bool take_dimension(struct scan *scan, int depth)
{
    if (depth > MAX_DEPTH)
        return false;
    rh_buf_add_char(scan->to, '[');
    for (;;) {
        bool ok = false;
        if (take_char(scan, '{'))
            ok = take_dimension(scan, depth + 1);
        else if (take_char(scan, '"'))
            ok = take_quoted(scan);
        else
            ok = take_bare(scan);
        if (!ok)
            return false;
        if (!take_char(scan, ','))
            break;
        rh_buf_add_char(scan->to, ',');
    }
    rh_buf_add_char(scan->to, ']');
    return take_char(scan, '}');
}

/* "[2:3][-1:0]=", where indexes do not start at 1. JSON's start at 0 anyway. */
static bool skip_bounds(struct scan *scan)
{
    struct rh_text rest = {scan->at, (size_t)(scan->end - scan->at)};

    if (!skip_form(&rest, "["))
        return true;
    do {
        (void)skip_form(&rest, "-");
        if (!skip_digits(&rest) || !skip_form(&rest, ":"))
            return false;
        (void)skip_form(&rest, "-");
        if (!skip_digits(&rest) || !skip_form(&rest, "]"))
            return false;
    } while (skip_form(&rest, "["));
    scan->at = rest.data;
    return take_char(scan, '=');
}

bool rh_pg_array_to_json(struct rh_buf *to, unsigned element_oid, struct rh_text literal)
{
    struct scan scan = {
        .to = to, .oid = element_oid, .at = literal.data, .end = literal.data + literal.len};
    bool ok = false;

    /* A database without an encoding (SQL_ASCII) may send anything. */
    if (!rh_text_is_utf8(literal))
        return false;
    if (rh_text_is(literal, "{}")) {
        rh_buf_add_str(to, "[]");
        return !to->failed;
    }
    rh_buf_init(&scan.unquoted, literal.len);
    ok = skip_bounds(&scan) && take_char(&scan, '{') && take_dimension(&scan, 1) &&
         scan.at == scan.end;
    to->failed = to->failed || scan.unquoted.failed;
    rh_buf_free(&scan.unquoted);
    return ok && !to->failed;
}
