/*
 * One literal as a value of a column's type.
 *
 * Strict where JSON says what something is: text is no number for a text column and a number is no
 * text; but numbers may also come as strings, as clients without 64-bit integers send them. Bare
 * literals (URL, CSV) are read as the column's type wants them.
 */
#include "rows/binder.h"

#include "base/err.h"
#include "base/text.h"
#include "base/type.h"
#include "connector/civil.h"
#include "rows/bind_number.h"
#include "rows/near.h"
#include "rows/url_scan.h"

#include <sodium.h>

static const char *type_hint(uint32_t type)
{
    switch (type) {
    case RH_TYPE_BOOL:
        return "write true or false";
    case RH_TYPE_INT:
        return "write a whole number from -9223372036854775808 to 9223372036854775807";
    case RH_TYPE_UINT:
        return "write a whole number from 0 to 18446744073709551615";
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        return "write a number";
    case RH_TYPE_TEXT:
        return "write a string";
    case RH_TYPE_BYTES:
        return "write base64 with padding";
    case RH_TYPE_DATE:
        return "write a date as 2024-02-29";
    case RH_TYPE_TIME:
        return "write a time as 13:05:00";
    case RH_TYPE_DATETIME:
        return "write a date and time without zone, as 2024-02-29T13:05:00";
    case RH_TYPE_TIMESTAMP:
        return "write an instant as 2024-02-29T13:05:00Z";
    case RH_TYPE_INTERVAL:
        return "write an ISO 8601 duration, as P1DT2H";
    case RH_TYPE_UUID:
        return "write a UUID as 123e4567-e89b-12d3-a456-426614174000";
    default:
        return "write a JSON value";
    }
}

static int misfit(const struct rh_column *column, const struct rh_literal *literal,
                  const char *pointer, struct rh_error *error)
{
    struct rh_text name = rh_near_clip(column->name), shown = rh_near_clip(literal->text);
    const char *type = rh_type_name(column->type);
    if (literal->kind == RH_LITERAL_BOOL)
        shown = rh_text_of(literal->truth ? "true" : "false");
    const char *quote =
        literal->kind == RH_LITERAL_STRING || literal->kind == RH_LITERAL_BARE ? "\"" : "";
    rh_fail(error, RH_INVALID, "column \"%.*s\" is of type %s: %s%.*s%s does not fit",
            RH_TEXT_ARG(name), type, quote, RH_TEXT_ARG(shown), quote);
    rh_error_code(error, "invalid-value");
    if (pointer)
        rh_error_pointer(error, pointer);
    if (pointer && *pointer == '?' && literal->text.len &&
        memchr(literal->text.data, ' ', literal->text.len))
        return rh_error_hint(error, "in a URL + is a space: write it as %%2B");
    int64_t instant = 0;
    if (column->type == RH_TYPE_DATETIME && rh_civil_parse_timestamp(literal->text, &instant))
        return rh_error_hint(error, "the column has no time zone: leave out the \"Z\" or offset");
    return rh_error_hint(error, "%s", type_hint(column->type));
}

static bool is_stringy(const struct rh_literal *literal)
{
    return literal->kind == RH_LITERAL_STRING || literal->kind == RH_LITERAL_BARE;
}

static struct rh_value over(uint32_t type, const void *data, uint64_t len)
{
    return (struct rh_value){.type = (uint8_t)type, .len = (uint32_t)len, .as.data = data};
}

/* 1: taken, 0: does not fit, negative: out of memory. */
static int take_number(struct rh_arena *arena, uint32_t type, const struct rh_literal *literal,
                       struct rh_value *ret_value)
{
    enum rh_fit fit = RH_FIT_EXACT;
    int r = 0;
    if (literal->kind != RH_LITERAL_NUMBER && !is_stringy(literal))
        return 0;
    if (type == RH_TYPE_DECIMAL)
        r = rh_bind_decimal(arena, literal->text, ret_value);
    else if (type == RH_TYPE_FLOAT)
        r = rh_bind_float(literal->text, ret_value);
    else
        r = rh_bind_whole(type, literal->text, &fit, ret_value);
    if (r == RH_NUMBER_NOMEM)
        return -1;
    return r == 0 && fit == RH_FIT_EXACT;
}

static int take_bool(const struct rh_literal *literal, struct rh_value *ret_value)
{
    bool truth = literal->truth;
    if (literal->kind == RH_LITERAL_BARE) {
        truth = rh_text_is(literal->text, "true") || rh_text_is(literal->text, "1");
        if (!truth && !rh_text_is(literal->text, "false") && !rh_text_is(literal->text, "0"))
            return 0;
    } else if (literal->kind != RH_LITERAL_BOOL) {
        return 0;
    }
    *ret_value = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = truth};
    return 1;
}

static int take_bytes(struct rh_arena *arena, struct rh_text text, struct rh_value *ret_value)
{
    size_t max = (size_t)text.len / 4 * 3 + 3, len = 0;
    unsigned char *data = rh_arena_alloc(arena, max);
    if (!data)
        return -1;
    if (text.len && sodium_base642bin(data, max, text.data, text.len, NULL, &len, NULL,
                                      sodium_base64_VARIANT_ORIGINAL))
        return 0;
    *ret_value = over(RH_TYPE_BYTES, data, len);
    return 1;
}

static int take_uuid(struct rh_arena *arena, struct rh_text text, struct rh_value *ret_value)
{
    uint8_t bytes[16];
    unsigned n = 0;
    if (text.len != 36)
        return 0;
    for (unsigned i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.data[i] != '-')
                return 0;
            continue;
        }
        int high = rh_text_hex_digit(text.data[i]), low = rh_text_hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0)
            return 0;
        bytes[n++] = (uint8_t)(high * 16 + low);
        i++;
    }
    const void *copy = rh_arena_dup(arena, bytes, sizeof(bytes));
    *ret_value = over(RH_TYPE_UUID, copy, sizeof(bytes));
    return copy ? 1 : -1;
}

static int take_time(struct rh_arena *arena, uint32_t type, struct rh_text text,
                     struct rh_value *ret_value)
{
    struct rh_value value = {.type = (uint8_t)type};
    struct rh_interval interval = {0};
    bool ok = false;
    switch (type) {
    case RH_TYPE_DATE:
        ok = rh_civil_parse_date(text, &value.as.i);
        break;
    case RH_TYPE_TIME:
        ok = rh_civil_parse_time(text, &value.as.i);
        break;
    case RH_TYPE_DATETIME:
        ok = rh_civil_parse_datetime(text, &value.as.i);
        break;
    case RH_TYPE_TIMESTAMP:
        ok = rh_civil_parse_timestamp(text, &value.as.i);
        break;
    default:
        ok = rh_civil_parse_interval(text, &interval);
        if (ok) {
            value = over(type, rh_arena_dup(arena, &interval, sizeof(interval)), sizeof(interval));
            if (!value.as.data)
                return -1;
        }
    }
    if (ok)
        *ret_value = value;
    return ok;
}

static bool is_json(struct rh_arena *arena, struct rh_text text)
{
    struct rh_json *parsed = NULL;
    return rh_json_parse(arena, text, &parsed, NULL) == 0;
}

/* Bare text that is JSON stays as it is, unless it was quoted; other text is a JSON string. */
static int take_json(struct rh_arena *arena, const struct rh_literal *literal,
                     struct rh_value *ret_value)
{
    struct rh_text text = literal->text;
    switch (literal->kind) {
    case RH_LITERAL_NULL:
        text = RH_TEXT("null");
        break;
    case RH_LITERAL_BOOL:
        text = rh_text_of(literal->truth ? "true" : "false");
        break;
    case RH_LITERAL_BARE:
        if (!literal->quoted && is_json(arena, text))
            break;
        /* fall through */
    case RH_LITERAL_STRING: {
        struct rh_buf buf;
        rh_buf_init(&buf, UINT32_MAX);
        rh_json_add_string(&buf, text);
        text = rh_buf_text(&buf);
        const char *copy = buf.failed ? NULL : rh_arena_dup(arena, text.data, text.len);
        rh_buf_free(&buf);
        if (!copy)
            return -1;
        text.data = copy;
        break;
    }
    case RH_LITERAL_NUMBER:
    case RH_LITERAL_JSON:
        break;
    }
    *ret_value = over(RH_TYPE_JSON, text.data, text.len);
    return 1;
}

static int take(struct rh_arena *arena, uint32_t type, const struct rh_literal *literal,
                struct rh_value *ret_value)
{
    switch (type) {
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        return take_number(arena, type, literal, ret_value);
    case RH_TYPE_BOOL:
        return take_bool(literal, ret_value);
    case RH_TYPE_JSON:
        return take_json(arena, literal, ret_value);
    default:
        break;
    }
    if (!is_stringy(literal))
        return 0;
    switch (type) {
    case RH_TYPE_TEXT:
        *ret_value = over(RH_TYPE_TEXT, literal->text.data, literal->text.len);
        return 1;
    case RH_TYPE_BYTES:
        return take_bytes(arena, literal->text, ret_value);
    case RH_TYPE_UUID:
        return take_uuid(arena, literal->text, ret_value);
    default:
        return take_time(arena, type, literal->text, ret_value);
    }
}

/* ---- Public ------------------------------------------------------------------------------ */

int rh_bind_value(struct rh_arena *arena, const struct rh_column *column,
                  const struct rh_literal *literal, const char *pointer, struct rh_value *ret_value,
                  struct rh_error *error)
{
    if (literal->kind == RH_LITERAL_NULL) {
        *ret_value = (struct rh_value){.type = RH_TYPE_NULL};
        return 0;
    }
    if (literal->text.len > UINT32_MAX / 8)
        return misfit(column, literal, pointer, error);
    int r = take(arena, column->type, literal, ret_value);
    if (r > 0)
        return 0;
    return r ? rh_fail_nomem(error) : misfit(column, literal, pointer, error);
}

int rh_bind_item(struct rh_arena *arena, const struct rh_literal *literal,
                 struct rh_value *ret_value, struct rh_error *error)
{
    return take_json(arena, literal, ret_value) > 0 ? 0 : rh_fail_nomem(error);
}

void rh_bind_literal(const struct rh_json *value, struct rh_literal *ret_literal)
{
    struct rh_literal literal = {.text = value->text};
    switch (value->kind) {
    case RH_JSON_NULL:
        literal.kind = RH_LITERAL_NULL;
        break;
    case RH_JSON_FALSE:
    case RH_JSON_TRUE:
        literal.kind = RH_LITERAL_BOOL;
        literal.truth = value->kind == RH_JSON_TRUE;
        break;
    case RH_JSON_NUMBER:
        literal.kind = RH_LITERAL_NUMBER;
        break;
    case RH_JSON_STRING:
        literal.kind = RH_LITERAL_STRING;
        break;
    case RH_JSON_ARRAY:
    case RH_JSON_OBJECT:
        literal.kind = RH_LITERAL_JSON;
        literal.text = value->source;
        break;
    }
    *ret_literal = literal;
}

int rh_bind_key(struct rh_arena *arena, const struct rh_table *table, struct rh_text segment,
                struct rh_value **ret_values, struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(table->name);
    if (!table->n_key) {
        rh_fail(error, RH_UNSUPPORTED, "table \"%.*s\" has no primary key", RH_TEXT_ARG(shown));
        rh_error_code(error, "no-key");
        return rh_error_hint(error, "address its rows with a condition (\"where\")");
    }
    uint64_t n = 1;
    for (uint64_t i = 0; i < segment.len; i++)
        n += segment.data[i] == ',';
    if (n != table->n_key) {
        rh_fail(error, RH_INVALID, "the key of \"%.*s\" has %u parts, not %llu", RH_TEXT_ARG(shown),
                table->n_key, (unsigned long long)n);
        rh_error_code(error, "invalid-value");
        return rh_error_hint(error, "parts are separated by commas; a comma within one is %%2C");
    }
    struct rh_value *values = rh_arena_array(arena, table->n_key, sizeof(*values));
    if (!values)
        return rh_fail_nomem(error);
    struct rh_text rest = segment;
    for (uint32_t i = 0; i < table->n_key; i++) {
        struct rh_literal literal = {.kind = RH_LITERAL_BARE};
        struct rh_text part = rh_text_cut(&rest, ',');
        if (!rh_url_decode(arena, part.data ? part : RH_TEXT(""), false, &literal.text)) {
            rh_fail(error, RH_INVALID, "the key is not percent-encoded UTF-8");
            return rh_error_code(error, "invalid-value");
        }
        int r =
            rh_bind_value(arena, &table->columns[table->key[i]], &literal, NULL, &values[i], error);
        if (r)
            return r;
    }
    *ret_values = values;
    return 0;
}
