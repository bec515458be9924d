/*
 * Cells from BSON values and BSON from cells. A value whose type is not its column's is delivered with
 * the type that it has by itself, never bent:
 *
 *   int32 int64      INT            date         TIMESTAMP (outside its range: JSON)
 *   double           FLOAT          binary 0     BYTES,  binary 4: UUID, others: JSON
 *   Decimal128       DECIMAL (infinite: FLOAT)   ObjectId  TEXT where the column is known to hold some
 *   string, symbol   TEXT (not UTF-8: BYTES)     null, undefined  NULL;  all else JSON
 *
 * In a JSON column everything but NULL is JSON.
 */
#include "mongodb.h"

#include "connector/civil.h"
#include "connector/decimal.h"

#include <math.h>
#include <string.h>

#define DECIMAL_BYTES 6400 /* of a Decimal128 without exponent */
#define LAST_MS (INT64_MAX / 1000 - 1)

/* ---- BSON to cells --------------------------------------------------------------------------- */

static struct rh_value borrowed(uint8_t type, const void *data, size_t len)
{
    return (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = data};
}

static int take_json(struct rh_conn *conn, struct rh_rowset *rows, struct rh_value *cell,
                     const bson_iter_t *value, struct rh_error *error)
{
    int rc;

    rh_buf_clear(&conn->scratch);
    rc = rh_mongodb_add_json(&conn->scratch, value, error);
    if (rc == RH_OK && conn->scratch.failed)
        rc = rh_fail(error, RH_RESOURCE, "a value is too large");
    if (rc == RH_OK)
        rh_rowset_bytes(rows, cell, RH_TYPE_JSON, conn->scratch.data, conn->scratch.len);
    return rc;
}

static void take_decimal(struct rh_rowset *rows, struct rh_value *cell, const bson_iter_t *value)
{
    char text[BSON_DECIMAL128_STRING], plain[DECIMAL_BYTES];
    bson_decimal128_t decimal;
    size_t n;

    bson_iter_decimal128(value, &decimal);
    bson_decimal128_to_string(&decimal, text);
    n = rh_decimal_from_number(plain, sizeof(plain), rh_text_of(text));
    if (n)
        rh_rowset_bytes(rows, cell, RH_TYPE_DECIMAL, plain, n);
    else if (strcmp(text, "NaN") == 0)
        *cell = borrowed(RH_TYPE_DECIMAL, "NaN", 3);
    else
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT,
                                  .as.f = *text == '-' ? -(double)INFINITY : (double)INFINITY};
}

static void take_int(struct rh_rowset *rows, struct rh_value *cell, uint32_t type, int64_t value)
{
    char text[24];
    size_t n = 0;

    *cell = rh_kit_int(value);
    if (type == RH_TYPE_FLOAT && (int64_t)(double)value == value && value > -(INT64_C(1) << 62) &&
        value < INT64_C(1) << 62)
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)value};
    if (type == RH_TYPE_DECIMAL) {
        n = (size_t)snprintf(text, sizeof(text), "%lld", (long long)value);
        rh_rowset_bytes(rows, cell, RH_TYPE_DECIMAL, text, n);
    }
}

static struct rh_value text_of(const char *text, uint32_t n)
{
    bool good = rh_text_is_utf8(rh_text_make(text, n));

    return borrowed(good ? RH_TYPE_TEXT : RH_TYPE_BYTES, text, n);
}

static bool take_binary(struct rh_value *cell, const bson_iter_t *value)
{
    bson_subtype_t subtype;
    const uint8_t *data;
    uint32_t n;

    bson_iter_binary(value, &subtype, &n, &data);
    if (subtype == BSON_SUBTYPE_BINARY)
        *cell = borrowed(RH_TYPE_BYTES, data ? data : (const uint8_t *)"", n);
    else if (subtype == BSON_SUBTYPE_UUID && n == 16)
        *cell = borrowed(RH_TYPE_UUID, data, 16);
    else
        return false;
    return true;
}

int rh_mongodb_cell(struct rh_conn *conn, struct rh_rowset *rows, struct rh_value *cell,
                    const struct rh_column *column, const bson_iter_t *value,
                    struct rh_error *error)
{
    const char *text;
    char hex[25];
    uint32_t n;
    int64_t ms;

    if (column->type == RH_TYPE_JSON && bson_iter_type(value) != BSON_TYPE_NULL &&
        bson_iter_type(value) != BSON_TYPE_UNDEFINED)
        return take_json(conn, rows, cell, value, error);
    switch (bson_iter_type(value)) {
    case BSON_TYPE_NULL:
    case BSON_TYPE_UNDEFINED:
        *cell = rh_kit_null();
        return RH_OK;
    case BSON_TYPE_BOOL:
        *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = bson_iter_bool(value)};
        return RH_OK;
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
        take_int(rows, cell, column->type, bson_iter_as_int64(value));
        return RH_OK;
    case BSON_TYPE_DOUBLE:
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = bson_iter_double(value)};
        return RH_OK;
    case BSON_TYPE_DECIMAL128:
        take_decimal(rows, cell, value);
        return RH_OK;
    case BSON_TYPE_UTF8:
        text = bson_iter_utf8(value, &n);
        *cell = text_of(text, n);
        return RH_OK;
    case BSON_TYPE_SYMBOL:
        text = bson_iter_symbol(value, &n);
        *cell = text_of(text, n);
        return RH_OK;
    case BSON_TYPE_OID:
        if (!(column->native_id & RH_MONGODB_OID))
            return take_json(conn, rows, cell, value, error);
        bson_oid_to_string(bson_iter_oid(value), hex);
        rh_rowset_bytes(rows, cell, RH_TYPE_TEXT, hex, 24);
        return RH_OK;
    case BSON_TYPE_DATE_TIME:
        ms = bson_iter_date_time(value);
        if (ms > LAST_MS || ms < -LAST_MS)
            return take_json(conn, rows, cell, value, error);
        *cell = (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = ms * 1000};
        return RH_OK;
    case BSON_TYPE_BINARY:
        return take_binary(cell, value) ? RH_OK : take_json(conn, rows, cell, value, error);
    default:
        return take_json(conn, rows, cell, value, error);
    }
}

/* ---- Cells to BSON --------------------------------------------------------------------------- */

bool rh_mongodb_to_decimal(struct rh_text digits, bson_decimal128_t *ret_decimal)
{
    char copy[DECIMAL_BYTES]; /* the library reads on to a NUL, whatever length it is given */

    if (!digits.len || digits.len >= sizeof(copy) || memchr(digits.data, 0, digits.len))
        return false;
    memcpy(copy, digits.data, digits.len);
    copy[digits.len] = 0;
    return bson_decimal128_from_string(copy, ret_decimal);
}

bool rh_mongodb_to_oid(struct rh_text text, bson_oid_t *ret_oid)
{
    if (text.len != 24)
        return false;
    for (unsigned i = 0; i < 24; i++)
        if (!((text.data[i] >= '0' && text.data[i] <= '9') ||
              (text.data[i] >= 'a' && text.data[i] <= 'f')))
            return false;
    bson_oid_init_from_string_unsafe(ret_oid, text.data);
    return true;
}

static int append_text(bson_t *to, struct rh_text key, struct rh_text text, uint32_t kinds,
                       struct rh_error *error)
{
    bson_oid_t oid;

    if (kinds & RH_MONGODB_OID && rh_mongodb_to_oid(text, &oid))
        bson_append_oid(to, key.data, (int)key.len, &oid);
    else if (text.len > BSON_MAX_SIZE || !rh_text_is_utf8(text) ||
             !bson_append_utf8(to, key.data, (int)key.len, text.data ? text.data : "",
                               (int)text.len))
        return rh_fail(error, RH_DATA, "a text is too large, or not UTF-8");
    return RH_OK;
}

static int append_json_text(bson_t *to, struct rh_text key, struct rh_text text,
                            struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new((size_t)1 << 31);
    struct rh_json *value = NULL;
    int rc = arena ? rh_json_parse(arena, text, &value, error) : rh_fail_nomem(error);

    if (rc == RH_OK && value->kind == RH_JSON_NULL)
        rc = rh_fail(error, RH_DATA, "MongoDB has one null only, which is NULL");
    if (rc == RH_OK)
        rc = rh_mongodb_append_json(to, key, value, error);
    rh_arena_free(arena);
    return rc;
}

static int append_instant(bson_t *to, struct rh_text key, int64_t us, struct rh_error *error)
{
    if (us == INT64_MAX || us == INT64_MIN)
        return rh_fail(error, RH_DATA, "MongoDB has no infinite dates");
    if (us % 1000) {
        rh_fail(error, RH_DATA, "MongoDB keeps milliseconds, and the time has microseconds");
        return rh_error_hint(error, "round it to milliseconds");
    }
    bson_append_date_time(to, key.data, (int)key.len, us / 1000);
    return RH_OK;
}

int rh_mongodb_append(bson_t *to, struct rh_text key, const struct rh_value *value, uint32_t kinds,
                      struct rh_error *error)
{
    struct rh_text text = {value->as.data, value->len};
    bson_decimal128_t decimal;
    const char *name = key.data;
    int n = (int)key.len;

    switch (value->type) {
    case RH_TYPE_MISSING:
        return RH_OK;
    case RH_TYPE_NULL:
        bson_append_null(to, name, n);
        return RH_OK;
    case RH_TYPE_BOOL:
        bson_append_bool(to, name, n, value->as.i != 0);
        return RH_OK;
    case RH_TYPE_INT:
        bson_append_int64(to, name, n, value->as.i);
        return RH_OK;
    case RH_TYPE_UINT:
        if (value->as.u > INT64_MAX)
            return rh_fail(error, RH_DATA, "MongoDB has no integers above 2^63 - 1");
        bson_append_int64(to, name, n, (int64_t)value->as.u);
        return RH_OK;
    case RH_TYPE_FLOAT:
        bson_append_double(to, name, n, value->as.f);
        return RH_OK;
    case RH_TYPE_DECIMAL:
        if (!rh_mongodb_to_decimal(text, &decimal))
            return rh_fail(error, RH_DATA,
                           "MongoDB's decimals have 34 digits, and this needs more");
        bson_append_decimal128(to, name, n, &decimal);
        return RH_OK;
    case RH_TYPE_TEXT:
        return append_text(to, key, text, kinds, error);
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
        if (!bson_append_binary(
                to, name, n, value->type == RH_TYPE_UUID ? BSON_SUBTYPE_UUID : BSON_SUBTYPE_BINARY,
                value->len ? value->as.data : (const uint8_t *)"", value->len))
            return rh_fail(error, RH_DATA, "bytes are too large for a document");
        return RH_OK;
    case RH_TYPE_TIMESTAMP:
        return append_instant(to, key, value->as.i, error);
    case RH_TYPE_JSON:
        return append_json_text(to, key, text, error);
    default:
        return rh_fail(error, RH_DATA, "MongoDB has no dates without a time, times or intervals");
    }
}
