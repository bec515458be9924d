/*
 * Cells from JSON and back.
 *
 * Numbers are kept as their digits: one that an exponent would blow up beyond PLAIN_MAX digits is a
 * double's way of writing itself, and becomes one. (Rejected: doubles for all that have a point, as
 * most libraries do; a price of 0.1 is not a double.)
 */
#include "connector/json_cell.h"

#include "base/err.h"
#include "base/number.h"
#include "base/text.h"
#include "connector/civil.h"
#include "connector/decimal.h"
#include "connector/json_text.h"

#include <math.h>

#define PLAIN_MAX 64 /* bytes of a number whose exponent is written out */

/* ---- Types -------------------------------------------------------------------------------- */

/* The number as a decimal without exponent: in `room`, or as it was written; no text when it takes
 * too many digits. */
static struct rh_text plain_of(struct rh_text number, char room[PLAIN_MAX])
{
    size_t n = rh_decimal_from_number(room, PLAIN_MAX, number);
    if (n)
        return rh_text_make(room, n);
    return rh_decimal_is_valid(number) ? number : (struct rh_text){NULL, 0};
}

static uint8_t type_of_number(struct rh_text number)
{
    char room[PLAIN_MAX];
    struct rh_text plain = plain_of(number, room);
    int64_t i;
    double f;
    if (!plain.data)
        return rh_number_to_f64(number, &f) ? RH_TYPE_FLOAT : RH_TYPE_JSON;
    if (!memchr(plain.data, '.', plain.len) && rh_text_to_i64(plain, &i))
        return RH_TYPE_INT;
    return RH_TYPE_DECIMAL;
}

uint8_t rh_json_type_of(const struct rh_json *value)
{
    if (!value)
        return RH_TYPE_MISSING;
    switch (value->kind) {
    case RH_JSON_NULL:
        return RH_TYPE_NULL;
    case RH_JSON_FALSE:
    case RH_JSON_TRUE:
        return RH_TYPE_BOOL;
    case RH_JSON_NUMBER:
        return type_of_number(value->text);
    case RH_JSON_STRING:
        return RH_TYPE_TEXT;
    default:
        return RH_TYPE_JSON;
    }
}

/* ---- Reading: each returns whether the value fitted ---------------------------------------- */

static bool take_decimal(struct rh_rowset *rows, struct rh_value *cell, struct rh_text number)
{
    char room[PLAIN_MAX];
    struct rh_text plain = plain_of(number, room);
    if (plain.data)
        rh_rowset_bytes(rows, cell, RH_TYPE_DECIMAL, plain.data, plain.len);
    return plain.data != NULL;
}

static bool take_whole(struct rh_value *cell, uint8_t type, struct rh_text number)
{
    char room[PLAIN_MAX];
    struct rh_text plain = plain_of(number, room);
    struct rh_value whole = {.type = type};
    bool fits = plain.data && (type == RH_TYPE_INT ? rh_decimal_to_i64(plain, &whole.as.i)
                                                   : rh_text_to_u64(plain, &whole.as.u));
    if (fits)
        *cell = whole;
    return fits;
}

static bool take_float(struct rh_value *cell, const struct rh_column *column, struct rh_text number)
{
    char shortest[RH_NUMBER_F64_SIZE];
    double f;
    if (!rh_number_to_f64(number, &f))
        return false;
    if ((column->flags & RH_COLUMN_INFERRED) &&
        !rh_number_equal(number, rh_text_make(shortest, rh_number_from_f64(f, shortest))))
        return false;
    *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = f};
    return true;
}

static bool take_number(struct rh_rowset *rows, struct rh_value *cell,
                        const struct rh_column *column, const struct rh_json *value)
{
    if (value->kind != RH_JSON_NUMBER && value->kind != RH_JSON_STRING)
        return false;
    if (value->kind == RH_JSON_STRING &&
        ((column->flags & RH_COLUMN_INFERRED) || value->text.len == 0 ||
         rh_number_length(value->text) != value->text.len))
        return false;
    if (column->type == RH_TYPE_DECIMAL)
        return take_decimal(rows, cell, value->text);
    if (column->type == RH_TYPE_FLOAT)
        return take_float(cell, column, value->text);
    return take_whole(cell, (uint8_t)column->type, value->text);
}

static bool take_bytes(struct rh_rowset *rows, struct rh_value *cell, struct rh_text base64)
{
    struct rh_buf bytes;
    rh_buf_init(&bytes, UINT32_MAX);
    bool good = rh_json_text_add_bytes(&bytes, base64);
    if (good)
        rh_rowset_bytes(rows, cell, RH_TYPE_BYTES, bytes.data, bytes.len);
    rows->failed = rows->failed || bytes.failed;
    rh_buf_free(&bytes);
    return good;
}

static bool take_uuid(struct rh_rowset *rows, struct rh_value *cell, struct rh_text text)
{
    uint8_t uuid[16];
    bool good = rh_json_text_to_uuid(text, uuid);
    if (good)
        rh_rowset_bytes(rows, cell, RH_TYPE_UUID, uuid, sizeof(uuid));
    return good;
}

static bool take_time(struct rh_rowset *rows, struct rh_value *cell, uint8_t type,
                      struct rh_text text)
{
    struct rh_interval interval;
    struct rh_value time = {.type = type};
    bool good = false;
    switch (type) {
    case RH_TYPE_DATE:
        good = rh_civil_parse_date(text, &time.as.i);
        break;
    case RH_TYPE_TIME:
        good = rh_civil_parse_time(text, &time.as.i);
        break;
    case RH_TYPE_DATETIME:
        good = rh_civil_parse_datetime(text, &time.as.i);
        break;
    case RH_TYPE_TIMESTAMP:
        good = rh_civil_parse_timestamp(text, &time.as.i);
        break;
    default:
        good = rh_civil_parse_interval(text, &interval);
        if (good)
            rh_rowset_bytes(rows, cell, RH_TYPE_INTERVAL, &interval, sizeof(interval));
        return good;
    }
    if (good)
        *cell = time;
    return good;
}

/* A value that is not null. */
static bool take(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                 const struct rh_json *value)
{
    uint8_t type = (uint8_t)column->type;
    bool is_string = value->kind == RH_JSON_STRING;
    switch (type) {
    case RH_TYPE_BOOL:
        if (value->kind != RH_JSON_TRUE && value->kind != RH_JSON_FALSE)
            return false;
        *cell = (struct rh_value){.type = type, .as.i = value->kind == RH_JSON_TRUE};
        return true;
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        return take_number(rows, cell, column, value);
    case RH_TYPE_TEXT:
        if (is_string)
            rh_rowset_bytes(rows, cell, type, value->text.data, value->text.len);
        return is_string;
    case RH_TYPE_BYTES:
        return is_string && take_bytes(rows, cell, value->text);
    case RH_TYPE_UUID:
        return is_string && take_uuid(rows, cell, value->text);
    case RH_TYPE_DATE:
    case RH_TYPE_TIME:
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
    case RH_TYPE_INTERVAL:
        return is_string && take_time(rows, cell, type, value->text);
    default:
        rh_rowset_bytes(rows, cell, RH_TYPE_JSON, value->source.data, value->source.len);
        return true;
    }
}

void rh_json_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                  const struct rh_json *value)
{
    uint8_t type = rh_json_type_of(value);
    *cell = (struct rh_value){.type = type};
    if (type <= RH_TYPE_NULL || take(rows, cell, column, value) || rows->failed)
        return;
    const struct rh_column itself = {.type = type};
    take(rows, cell, &itself, value);
}

/* ---- Writing ------------------------------------------------------------------------------- */

static int not_finite(struct rh_error *error)
{
    return rh_fail(error, RH_DATA, "JSON has no number for NaN and the infinities");
}

static void add_time(struct rh_buf *buf, const struct rh_value *value)
{
    char text[RH_CIVIL_MAX];
    size_t n = 0;
    if (value->type == RH_TYPE_DATE)
        n = rh_civil_format_date(text, value->as.i);
    else if (value->type == RH_TYPE_TIME)
        n = rh_civil_format_time(text, value->as.i);
    else if (value->type == RH_TYPE_DATETIME)
        n = rh_civil_format_datetime(text, value->as.i);
    else if (value->type == RH_TYPE_TIMESTAMP)
        n = rh_civil_format_timestamp(text, value->as.i);
    else
        n = rh_civil_format_interval(text, value->as.data);
    rh_json_add_string(buf, rh_text_make(text, n));
}

static void add_bytes(struct rh_buf *buf, const struct rh_value *value)
{
    rh_buf_add_char(buf, '"');
    rh_json_text_add_base64(buf, rh_text_make(value->as.data, value->len));
    rh_buf_add_char(buf, '"');
}

static void add_uuid(struct rh_buf *buf, const struct rh_value *value)
{
    char text[RH_JSON_UUID_SIZE];
    rh_json_text_from_uuid(text, value->as.data);
    rh_json_add_string(buf, rh_text_make(text, sizeof(text)));
}

int rh_json_add_value(struct rh_buf *buf, const struct rh_value *value, struct rh_error *error)
{
    struct rh_text text = {value->as.data, value->len};
    switch (value->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        rh_buf_add_str(buf, "null");
        return RH_OK;
    case RH_TYPE_BOOL:
        rh_buf_add_str(buf, value->as.i ? "true" : "false");
        return RH_OK;
    case RH_TYPE_INT:
        rh_buf_add_i64(buf, value->as.i);
        return RH_OK;
    case RH_TYPE_UINT:
        rh_buf_add_u64(buf, value->as.u);
        return RH_OK;
    case RH_TYPE_FLOAT:
        if (!isfinite(value->as.f))
            return not_finite(error);
        rh_json_add_f64(buf, value->as.f);
        return RH_OK;
    case RH_TYPE_DECIMAL:
        if (rh_text_is(text, "NaN"))
            return not_finite(error);
        rh_buf_add_text(buf, text);
        return RH_OK;
    case RH_TYPE_TEXT:
        rh_json_add_string(buf, text);
        return RH_OK;
    case RH_TYPE_BYTES:
        add_bytes(buf, value);
        return RH_OK;
    case RH_TYPE_UUID:
        add_uuid(buf, value);
        return RH_OK;
    case RH_TYPE_JSON:
        rh_buf_add_text(buf, text);
        return RH_OK;
    default:
        add_time(buf, value);
        return RH_OK;
    }
}
