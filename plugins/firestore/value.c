/*
 * Typed values: `{"integerValue": "7"}`.
 *
 *   Firestore          column                 a cell of another kind in it
 *   boolean            BOOL                   keeps its own type
 *   integer            INT
 *   double             FLOAT                  integers beside doubles: FLOAT, each cell as it is
 *   timestamp          TIMESTAMP              (microseconds, as Firestore keeps them)
 *   string             TEXT
 *   bytes              BYTES
 *   reference          TEXT                   JSON text where the column is not one of references
 *   geoPoint           JSON                   {"latitude": …, "longitude": …}
 *   array, map         JSON                   timestamps, bytes and references in it are texts
 *   only null          TEXT
 *   string and numbers TEXT                   each cell as it is
 *   all else, mixed    JSON
 */
#include "firestore.h"

#include "base/json.h"
#include "base/number.h"
#include "connector/civil.h"
#include "connector/decimal.h"
#include "connector/json_cell.h"
#include "connector/json_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 100
#define VALUE_BYTES ((size_t)16 << 20)
#define NULL_BIT RH_FIRESTORE_BIT(RH_FIRESTORE_NULL)
#define NUMBER_BITS (RH_FIRESTORE_BIT(RH_FIRESTORE_INTEGER) | RH_FIRESTORE_BIT(RH_FIRESTORE_DOUBLE))
/* 0001-01-01T00:00:00Z … 9999-12-31T23:59:59.999999Z */
#define FIRST_US INT64_C(-62135596800000000)
#define LAST_US INT64_C(253402300799999999)

static const struct kind {
    const char *member, *name;
    uint32_t type;
} kinds[RH_FIRESTORE_N_KINDS] = {
    [RH_FIRESTORE_NULL] = {"nullValue", "null", RH_TYPE_TEXT},
    [RH_FIRESTORE_BOOLEAN] = {"booleanValue", "boolean", RH_TYPE_BOOL},
    [RH_FIRESTORE_INTEGER] = {"integerValue", "integer", RH_TYPE_INT},
    [RH_FIRESTORE_DOUBLE] = {"doubleValue", "double", RH_TYPE_FLOAT},
    [RH_FIRESTORE_TIMESTAMP] = {"timestampValue", "timestamp", RH_TYPE_TIMESTAMP},
    [RH_FIRESTORE_STRING] = {"stringValue", "string", RH_TYPE_TEXT},
    [RH_FIRESTORE_BYTES] = {"bytesValue", "bytes", RH_TYPE_BYTES},
    [RH_FIRESTORE_REFERENCE] = {"referenceValue", "reference", RH_TYPE_TEXT},
    [RH_FIRESTORE_GEO_POINT] = {"geoPointValue", "geoPoint", RH_TYPE_JSON},
    [RH_FIRESTORE_ARRAY] = {"arrayValue", "array", RH_TYPE_JSON},
    [RH_FIRESTORE_MAP] = {"mapValue", "map", RH_TYPE_JSON},
};

enum rh_firestore_kind rh_firestore_kind_of(const struct rh_json *value)
{
    const struct rh_json *member = value && value->kind == RH_JSON_OBJECT ? value->child : NULL;
    enum rh_firestore_kind kind = RH_FIRESTORE_N_KINDS;

    for (uint32_t i = 0; member && !member->next && i < RH_FIRESTORE_N_KINDS; i++)
        if (rh_text_is(member->key, kinds[i].member))
            kind = (enum rh_firestore_kind)i;
    return kind;
}

void rh_firestore_type_of(uint32_t bits, struct rh_column *column)
{
    uint32_t some = bits & ~NULL_BIT;

    column->native_id = bits;
    column->type = RH_TYPE_JSON;
    column->native_type = RH_TEXT("mixed");
    for (uint32_t i = 0; i < RH_FIRESTORE_N_KINDS; i++)
        if (some == RH_FIRESTORE_BIT(i) || (!some && i == RH_FIRESTORE_NULL)) {
            column->type = kinds[i].type;
            column->native_type = rh_text_of(kinds[i].name);
        }
    if (some == NUMBER_BITS) {
        column->type = RH_TYPE_FLOAT;
        column->native_type = RH_TEXT("number");
    } else if (some & RH_FIRESTORE_BIT(RH_FIRESTORE_STRING) && some & NUMBER_BITS &&
               !(some & ~(NUMBER_BITS | RH_FIRESTORE_BIT(RH_FIRESTORE_STRING)))) {
        column->type = RH_TYPE_TEXT;
    }
}

static bool is_of(const struct rh_column *column, enum rh_firestore_kind kind)
{
    return (column->native_id & ~NULL_BIT) == RH_FIRESTORE_BIT(kind);
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* A reference below this database is told without what all of its documents begin with. */
static struct rh_text short_reference(const struct rh_conn *conn, struct rh_text name)
{
    size_t n = strlen(conn->config.root);

    if (name.len > n + 1 && memcmp(name.data, conn->config.root, n) == 0 && name.data[n] == '/')
        return rh_text_make(name.data + n + 1, name.len - n - 1);
    return name;
}

/* As JSON without types. False: malformed. */
static bool add_plain(const struct rh_conn *conn, struct rh_buf *json, const struct rh_json *value,
                      unsigned depth)
{
    enum rh_firestore_kind kind = rh_firestore_kind_of(value);
    const struct rh_json *of = kind < RH_FIRESTORE_N_KINDS ? value->child : NULL, *list;
    bool ok = true, any = false;

    if (!of || depth > MAX_DEPTH)
        return false;
    switch (kind) {
    case RH_FIRESTORE_NULL:
        rh_buf_add_str(json, "null");
        return true;
    case RH_FIRESTORE_INTEGER:
        rh_buf_add_text(json, of->text);
        return rh_number_length(of->text) == of->text.len && of->text.len;
    case RH_FIRESTORE_REFERENCE:
        rh_json_add_string(json, short_reference(conn, of->text));
        return of->kind == RH_JSON_STRING;
    case RH_FIRESTORE_ARRAY:
        list = rh_json_member(of, "values");
        rh_buf_add_char(json, '[');
        for (const struct rh_json *item = list ? list->child : NULL; item && ok;
             item = item->next) {
            if (any)
                rh_buf_add_char(json, ',');
            ok = add_plain(conn, json, item, depth + 1);
            any = true;
        }
        rh_buf_add_char(json, ']');
        return ok;
    case RH_FIRESTORE_MAP:
        list = rh_json_member(of, "fields");
        rh_buf_add_char(json, '{');
        for (const struct rh_json *item = list ? list->child : NULL; item && ok;
             item = item->next) {
            if (any)
                rh_buf_add_char(json, ',');
            rh_json_add_string(json, item->key);
            rh_buf_add_char(json, ':');
            ok = add_plain(conn, json, item, depth + 1);
            any = true;
        }
        rh_buf_add_char(json, '}');
        return ok;
    default:
        rh_buf_add_text(json, of->source);
        return true;
    }
}

static void take_json(const struct rh_conn *conn, struct rh_rowset *rows, struct rh_value *cell,
                      const struct rh_json *value)
{
    struct rh_buf json;

    rh_buf_init(&json, VALUE_BYTES);
    if (!add_plain(conn, &json, value, 1)) {
        rh_buf_clear(&json);
        rh_buf_add_text(&json, value->source); /* a kind of a later day: as it is */
    }
    rows->failed = rows->failed || json.failed;
    rh_rowset_bytes(rows, cell, RH_TYPE_JSON, json.data, json.len);
    rh_buf_free(&json);
}

/* "NaN", "Infinity", "-Infinity" are strings in JSON. */
static bool take_double(struct rh_value *cell, const struct rh_json *of)
{
    double f = 0;

    if (of->kind == RH_JSON_STRING && rh_text_is(of->text, "NaN"))
        f = (double)NAN;
    else if (of->kind == RH_JSON_STRING && rh_text_is(of->text, "Infinity"))
        f = (double)INFINITY;
    else if (of->kind == RH_JSON_STRING && rh_text_is(of->text, "-Infinity"))
        f = -(double)INFINITY;
    else if (!rh_number_to_f64(of->text, &f))
        return false;
    *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = f};
    return true;
}

static bool take_bytes(struct rh_rowset *rows, struct rh_value *cell, struct rh_text base64)
{
    struct rh_buf bytes;
    bool ok;

    rh_buf_init(&bytes, VALUE_BYTES);
    ok = rh_json_text_add_bytes(&bytes, base64);
    if (ok)
        rh_rowset_bytes(rows, cell, RH_TYPE_BYTES, bytes.data ? bytes.data : "", bytes.len);
    rh_buf_free(&bytes);
    return ok;
}

/* False: malformed, or of no type but JSON. */
static bool take_scalar(const struct rh_conn *conn, struct rh_rowset *rows, struct rh_value *cell,
                        const struct rh_column *column, enum rh_firestore_kind kind,
                        const struct rh_json *of)
{
    struct rh_text text = of->text;
    int64_t i;

    switch (kind) {
    case RH_FIRESTORE_NULL:
        *cell = (struct rh_value){.type = RH_TYPE_NULL};
        return true;
    case RH_FIRESTORE_BOOLEAN:
        *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = of->kind == RH_JSON_TRUE};
        return of->kind == RH_JSON_TRUE || of->kind == RH_JSON_FALSE;
    case RH_FIRESTORE_INTEGER:
        if (!rh_text_to_i64(text, &i))
            return false;
        *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
        return true;
    case RH_FIRESTORE_DOUBLE:
        return take_double(cell, of);
    case RH_FIRESTORE_TIMESTAMP:
        if (!rh_civil_parse_timestamp(text, &i))
            return false;
        *cell = (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = i};
        return true;
    case RH_FIRESTORE_STRING:
        rh_rowset_bytes(rows, cell, RH_TYPE_TEXT, text.data ? text.data : "", text.len);
        return of->kind == RH_JSON_STRING;
    case RH_FIRESTORE_BYTES:
        return take_bytes(rows, cell, text);
    case RH_FIRESTORE_REFERENCE:
        text = short_reference(conn, text);
        if (!is_of(column, RH_FIRESTORE_REFERENCE))
            return false;
        rh_rowset_bytes(rows, cell, RH_TYPE_TEXT, text.data, text.len);
        return of->kind == RH_JSON_STRING;
    default:
        return false;
    }
}

void rh_firestore_cell(const struct rh_conn *conn, struct rh_rowset *rows, struct rh_value *cell,
                       const struct rh_column *column, const struct rh_json *value)
{
    enum rh_firestore_kind kind = rh_firestore_kind_of(value);

    *cell = (struct rh_value){.type = RH_TYPE_MISSING};
    if (!value)
        return;
    if (column->type == RH_TYPE_JSON && kind != RH_FIRESTORE_NULL)
        take_json(conn, rows, cell, value);
    else if (kind == RH_FIRESTORE_N_KINDS ||
             !take_scalar(conn, rows, cell, column, kind, value->child))
        take_json(conn, rows, cell, value);
}

/* ---- Writing ------------------------------------------------------------------------------- */

static void open_value(struct rh_buf *body, enum rh_firestore_kind kind)
{
    rh_buf_add_char(body, '{');
    rh_json_add_key(body, kinds[kind].member);
}

static void add_string(struct rh_buf *body, enum rh_firestore_kind kind, struct rh_text text)
{
    open_value(body, kind);
    rh_json_add_string(body, text.data ? text : RH_TEXT(""));
    rh_buf_add_char(body, '}');
}

static void add_integer(struct rh_buf *body, int64_t i)
{
    open_value(body, RH_FIRESTORE_INTEGER);
    rh_buf_addf(body, "\"%lld\"}", (long long)i);
}

static void add_double(struct rh_buf *body, double f)
{
    open_value(body, RH_FIRESTORE_DOUBLE);
    if (isnan(f))
        rh_buf_add_str(body, "\"NaN\"");
    else if (isinf(f))
        rh_buf_add_str(body, f > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        rh_json_add_f64(body, f);
    rh_buf_add_char(body, '}');
}

/* A decimal is an integer, or a double that reads back as the same number. */
static int add_decimal(struct rh_buf *body, struct rh_text text, struct rh_error *error)
{
    char shortest[RH_NUMBER_F64_SIZE];
    int64_t i;
    double f;

    if (rh_decimal_to_i64(text, &i)) {
        add_integer(body, i);
        return RH_OK;
    }
    if (rh_text_is(text, "NaN")) {
        add_double(body, (double)NAN);
        return RH_OK;
    }
    f = rh_decimal_to_f64(text);
    if (!isfinite(f) ||
        !rh_number_equal(text, rh_text_make(shortest, rh_number_from_f64(f, shortest))))
        return rh_fail(error, RH_DATA, "Firestore has no decimals, and no double is %.*s",
                       (int)(text.len < 80 ? text.len : 80), text.data);
    add_double(body, f);
    return RH_OK;
}

/* JSON numbers are integers, or the nearest doubles. */
static void add_number(struct rh_buf *body, struct rh_text text)
{
    int64_t i;
    double f = 0;

    if (!memchr(text.data, '.', text.len) && rh_text_to_i64(text, &i)) {
        add_integer(body, i);
        return;
    }
    (void)rh_number_to_f64(text, &f);
    add_double(body, f);
}

static int add_json(struct rh_buf *body, const struct rh_json *json, bool in_array, unsigned depth,
                    struct rh_error *error)
{
    bool is_array = json->kind == RH_JSON_ARRAY;
    int rc = RH_OK;

    switch (json->kind) {
    case RH_JSON_NULL:
        rh_buf_add_str(body, "{\"nullValue\":null}");
        return RH_OK;
    case RH_JSON_TRUE:
    case RH_JSON_FALSE:
        rh_buf_addf(body, "{\"booleanValue\":%s}", json->kind == RH_JSON_TRUE ? "true" : "false");
        return RH_OK;
    case RH_JSON_NUMBER:
        add_number(body, json->text);
        return RH_OK;
    case RH_JSON_STRING:
        add_string(body, RH_FIRESTORE_STRING, json->text);
        return RH_OK;
    default:
        break;
    }
    if (depth > 20)
        return rh_fail(error, RH_DATA, "Firestore takes no more than 20 levels of maps and arrays");
    if (is_array && in_array)
        return rh_fail(error, RH_DATA, "Firestore takes no array in an array");
    open_value(body, is_array ? RH_FIRESTORE_ARRAY : RH_FIRESTORE_MAP);
    rh_buf_add_str(body, is_array ? "{\"values\":[" : "{\"fields\":{");
    for (const struct rh_json *child = json->child; child && rc == RH_OK; child = child->next) {
        if (child != json->child)
            rh_buf_add_char(body, ',');
        if (!is_array) {
            rh_json_add_string(body, child->key);
            rh_buf_add_char(body, ':');
        }
        rc = add_json(body, child, is_array, depth + 1, error);
    }
    rh_buf_add_str(body, is_array ? "]}}" : "}}}");
    return rc;
}

static int add_json_text(struct rh_buf *body, const struct rh_column *column, struct rh_text text,
                         struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(VALUE_BYTES * 8);
    struct rh_json *json = NULL;
    int rc = arena ? rh_json_parse(arena, text, &json, error) : rh_fail_nomem(error);

    if (rc == RH_INVALID && error)
        rc = error->error_class = RH_DATA;
    if (rc == RH_OK && is_of(column, RH_FIRESTORE_GEO_POINT) && rh_json_member(json, "latitude") &&
        rh_json_member(json, "longitude") && json->n == 2) {
        open_value(body, RH_FIRESTORE_GEO_POINT);
        rh_buf_add_text(body, json->source);
        rh_buf_add_char(body, '}');
    } else if (rc == RH_OK) {
        rc = add_json(body, json, false, 1, error);
    }
    rh_arena_free(arena);
    return rc;
}

static int add_timestamp(struct rh_buf *body, int64_t us, struct rh_error *error)
{
    char text[RH_CIVIL_MAX];

    if (us < FIRST_US || us > LAST_US)
        return rh_fail(error, RH_DATA, "Firestore has timestamps of the years 1 to 9999 only");
    add_string(body, RH_FIRESTORE_TIMESTAMP,
               rh_text_make(text, rh_civil_format_timestamp(text, us)));
    return RH_OK;
}

static void add_reference(const struct rh_conn *conn, struct rh_buf *body, struct rh_text text)
{
    struct rh_buf name;

    rh_buf_init(&name, 65536);
    if (!rh_text_starts(text, "projects/"))
        rh_buf_addf(&name, "%s/", conn->config.root);
    rh_buf_add_text(&name, text);
    add_string(body, RH_FIRESTORE_REFERENCE, rh_buf_text(&name));
    body->failed = body->failed || name.failed;
    rh_buf_free(&name);
}

/* What Firestore has no type for: the text that stands for it in JSON. */
static int add_as_text(struct rh_buf *body, const struct rh_value *value, struct rh_error *error)
{
    struct rh_buf text;
    int rc;

    rh_buf_init(&text, VALUE_BYTES);
    rc = rh_json_add_value(&text, value, error);
    open_value(body, value->type == RH_TYPE_BYTES ? RH_FIRESTORE_BYTES : RH_FIRESTORE_STRING);
    rh_buf_add_text(body, rh_buf_text(&text));
    rh_buf_add_char(body, '}');
    body->failed = body->failed || text.failed;
    rh_buf_free(&text);
    return rc;
}

int rh_firestore_add_value(const struct rh_conn *conn, struct rh_buf *body,
                           const struct rh_column *column, const struct rh_value *value,
                           struct rh_error *error)
{
    struct rh_text text = rh_kit_value_text(value);

    switch (value->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        rh_buf_add_str(body, "{\"nullValue\":null}");
        return RH_OK;
    case RH_TYPE_BOOL:
        rh_buf_addf(body, "{\"booleanValue\":%s}", value->as.i ? "true" : "false");
        return RH_OK;
    case RH_TYPE_INT:
        add_integer(body, value->as.i);
        return RH_OK;
    case RH_TYPE_UINT:
        if (value->as.u > INT64_MAX)
            return rh_fail(error, RH_DATA, "Firestore has no integers beyond 2^63");
        add_integer(body, value->as.i);
        return RH_OK;
    case RH_TYPE_FLOAT:
        add_double(body, value->as.f);
        return RH_OK;
    case RH_TYPE_DECIMAL:
        return add_decimal(body, text, error);
    case RH_TYPE_TEXT:
        if (!rh_text_is_utf8(text))
            return rh_fail(error, RH_DATA, "a text is not UTF-8");
        if (is_of(column, RH_FIRESTORE_REFERENCE))
            add_reference(conn, body, text);
        else
            add_string(body, RH_FIRESTORE_STRING, text);
        return RH_OK;
    case RH_TYPE_TIMESTAMP:
        return add_timestamp(body, value->as.i, error);
    case RH_TYPE_JSON:
        return add_json_text(body, column, text, error);
    default:
        return add_as_text(body, value, error);
    }
}
