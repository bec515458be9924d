/*
 * A column is described by one struct rh_column, the same that `tables` hands out, over texts that
 * the column owns. Defaults are literals, parsed once when the column is made: the text of a
 * DECIMAL is a number, of a DATE an ISO date, of TEXT, BYTES and JSON the value itself.
 */
#include "column.h"

#include "connector/civil.h"
#include "connector/decimal.h"
#include "connector/kit.h"
#include "connector/match.h"
#include "row.h"

#include "base/type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECIMAL_MAX 2000 /* digits of a default */

/* Names the column in an error that has been set. */
static int name_column(const struct mem_column *column, struct rh_error *error)
{
    if (error && !error->column[0])
        snprintf(error->column, sizeof error->column, "%s", column->name);
    return error ? error->error_class : RH_DATA;
}

/* ---- Making ------------------------------------------------------------------------------ */

static int find_type(const struct rh_column *from, uint32_t *ret_type, struct rh_error *error)
{
    uint32_t type = from->type;
    if (from->native_type.len) {
        for (type = RH_TYPE_BOOL; type < RH_N_TYPES; type++) {
            if (rh_text_is(from->native_type, rh_type_name(type)))
                break;
        }
    }
    if (type < RH_TYPE_BOOL || type >= RH_N_TYPES)
        return rh_fail(error, RH_INVALID, "column \"%.*s\" has the unknown type \"%.*s\"",
                       RH_TEXT_ARG(from->name), RH_TEXT_ARG(from->native_type));
    *ret_type = type;
    return RH_OK;
}

/* Moves *at behind a copy of the text. */
static struct rh_text put(char **at, struct rh_text text)
{
    if (!text.data)
        return text;
    if (text.len)
        memcpy(*at, text.data, text.len);
    struct rh_text copy = rh_text_make(*at, text.len);
    *at += text.len;
    return copy;
}

static bool copy_texts(struct mem_column *column, const struct rh_column *from)
{
    size_t size = from->n_options * sizeof *from->options;
    bool overflow = __builtin_add_overflow(size, from->default_text.len, &size) ||
                    __builtin_add_overflow(size, from->comment.len, &size);
    for (uint32_t i = 0; i < from->n_options; i++)
        overflow |= __builtin_add_overflow(size, from->options[i].len, &size);
    if (overflow || !(column->block = malloc(size + 1)))
        return false;
    struct rh_text *options = (struct rh_text *)(void *)column->block;
    char *at = (char *)(options + from->n_options);
    column->described.default_text = put(&at, from->default_text);
    column->described.comment = put(&at, from->comment);
    for (uint32_t i = 0; i < from->n_options; i++)
        options[i] = put(&at, from->options[i]);
    column->described.options = from->n_options ? options : NULL;
    column->described.n_options = from->n_options;
    return true;
}

static bool hex_digit(char c, uint8_t *ret)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
    if (at)
        *ret = (uint8_t)((at - digits) & 15);
    return at != NULL;
}

static bool parse_uuid(struct rh_text text, char to[16])
{
    size_t n = 0;
    for (uint64_t i = 0; i < text.len; i++) {
        uint8_t high, low;
        if (text.data[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23))
            continue;
        if (n == 16 || i + 1 == text.len || !hex_digit(text.data[i], &high) ||
            !hex_digit(text.data[i + 1], &low))
            return false;
        to[n++] = (char)(high << 4 | low);
        i++;
    }
    return n == 16 && text.len == 36;
}

/* The literal as a value; its bytes go to `to`, which has room for the text and DECIMAL_MAX. */
static bool parse_literal(uint32_t type, struct rh_text text, char *to, struct rh_value *ret)
{
    struct rh_value value = {.type = (uint8_t)type};
    struct rh_interval interval;
    bool ok = true;
    switch (type) {
    case RH_TYPE_BOOL:
        value.as.i = rh_text_is(text, "true");
        ok = value.as.i || rh_text_is(text, "false");
        break;
    case RH_TYPE_INT:
        ok = rh_text_to_i64(text, &value.as.i);
        break;
    case RH_TYPE_UINT:
        ok = rh_text_to_u64(text, &value.as.u);
        break;
    case RH_TYPE_FLOAT:
        ok = rh_text_to_f64(text, &value.as.f);
        break;
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
    case RH_TYPE_DECIMAL:
        value.len = (uint32_t)rh_decimal_from_number(to, DECIMAL_MAX, text);
        ok = value.len > 0;
        break;
    case RH_TYPE_INTERVAL:
        ok = rh_civil_parse_interval(text, &interval);
        if (ok)
            memcpy(to, &interval, sizeof interval);
        value.len = sizeof interval;
        break;
    case RH_TYPE_UUID:
        ok = parse_uuid(text, to);
        value.len = 16;
        break;
    default: /* TEXT, BYTES, JSON */
        ok = text.len <= UINT32_MAX;
        value.len = (uint32_t)text.len;
        memcpy(to, text.data, text.len);
    }
    if (mem_value_has_bytes(&value))
        value.as.data = to;
    *ret = value;
    return ok;
}

static int parse_default(struct mem_column *column, struct rh_error *error)
{
    struct rh_text text = column->described.default_text;
    if (!text.data)
        return RH_OK;
    column->initial_bytes = malloc(text.len + DECIMAL_MAX);
    if (!column->initial_bytes)
        return rh_fail_nomem(error);
    if (!parse_literal(column->described.type, text, column->initial_bytes, &column->initial)) {
        rh_fail(error, RH_INVALID, "the default of column \"%s\" is no %s", column->name,
                rh_type_name(column->described.type));
        return name_column(column, error);
    }
    return mem_column_check(column, &column->initial, error);
}

int mem_name_check(struct rh_text name, struct rh_error *error)
{
    if (name.len == 0 || name.len > MEM_NAME_MAX || !rh_text_is_utf8(name) ||
        memchr(name.data, 0, name.len))
        return rh_fail(error, RH_INVALID, "a name has 1 to %d bytes of UTF-8", MEM_NAME_MAX);
    return RH_OK;
}

int mem_column_rename(struct mem_column *column, struct rh_text name, struct rh_error *error)
{
    int rc = mem_name_check(name, error);
    if (rc)
        return rc;
    char *copy = strndup(name.data, name.len);
    if (!copy)
        return rh_fail_nomem(error);
    free(column->name);
    column->name = copy;
    column->described.name = rh_text_of(copy);
    return RH_OK;
}

int mem_column_init(struct mem_column *column, const struct rh_column *from, struct rh_error *error)
{
    uint32_t type = RH_TYPE_NULL;
    int rc = find_type(from, &type, error);
    *column = (struct mem_column){.initial = rh_kit_null(), .next = 1};
    if (rc)
        return rc;
    if (from->flags & RH_COLUMN_GENERATED)
        return rh_fail(error, RH_UNSUPPORTED,
                       "column \"%.*s\": the memory connector computes no columns",
                       RH_TEXT_ARG(from->name));
    bool identity = (from->flags & RH_COLUMN_IDENTITY) != 0;
    if (identity && ((type != RH_TYPE_INT && type != RH_TYPE_UINT) || from->default_text.data))
        return rh_fail(error, RH_INVALID,
                       "column \"%.*s\": only an int without a default is counted",
                       RH_TEXT_ARG(from->name));
    column->described.native_type = rh_text_of(rh_type_name(type));
    column->described.type = type;
    column->described.precision = from->precision;
    column->described.scale = from->scale;
    column->described.max_length = from->max_length;
    column->described.flags = from->flags & (RH_COLUMN_NOT_NULL | RH_COLUMN_IDENTITY);
    if (identity || from->default_text.data)
        column->described.flags |= RH_COLUMN_DEFAULT;
    if (type == RH_TYPE_TEXT)
        column->described.flags |= RH_COLUMN_BINARY_ORDER | RH_COLUMN_EXACT_EQUAL;
    if ((rc = mem_column_rename(column, from->name, error)) == RH_OK) {
        rc = copy_texts(column, from) ? parse_default(column, error) : rh_fail_nomem(error);
    }
    if (rc)
        mem_column_fini(column);
    return rc;
}

void mem_column_fini(struct mem_column *column)
{
    free(column->name);
    free(column->block);
    free(column->initial_bytes);
    *column = (struct mem_column){0};
}

/* ---- Values ------------------------------------------------------------------------------ */

int mem_column_default(struct mem_column *column, struct rh_value *ret_value,
                       struct rh_error *error)
{
    if (!(column->described.flags & RH_COLUMN_IDENTITY)) {
        *ret_value = column->initial;
        return RH_OK;
    }
    if (column->next > INT64_MAX) {
        rh_fail(error, RH_DATA, "column \"%s\" has no number left", column->name);
        return name_column(column, error);
    }
    *ret_value = (struct rh_value){.type = (uint8_t)column->described.type, .as.u = column->next};
    column->next++;
    return RH_OK;
}

void mem_column_saw(struct mem_column *column, const struct rh_value *value)
{
    if (!(column->described.flags & RH_COLUMN_IDENTITY) || value->type <= RH_TYPE_NULL)
        return;
    bool positive = value->type == RH_TYPE_UINT || value->as.i > 0;
    if (positive && value->as.u >= column->next)
        column->next = value->as.u > INT64_MAX ? (uint64_t)INT64_MAX + 1 : value->as.u + 1;
}

static bool decimal_fits(const struct rh_column *column, struct rh_text text)
{
    if (!rh_decimal_is_valid(text))
        return false;
    if (column->precision == 0 || text.data[0] == 'N')
        return true;
    if (text.data[0] == '-')
        text = rh_text_make(text.data + 1, text.len - 1);
    struct rh_text fraction = text, whole = rh_text_cut(&fraction, '.');
    while (whole.len && whole.data[0] == '0')
        whole = rh_text_make(whole.data + 1, whole.len - 1);
    while (fraction.len && fraction.data[fraction.len - 1] == '0')
        fraction.len--;
    return fraction.len <= column->scale && whole.len + column->scale <= column->precision;
}

static uint64_t count_characters(struct rh_text text)
{
    uint64_t n = 0;
    for (; text.len; n++)
        rh_match_next(&text);
    return n;
}

static bool is_option(const struct rh_column *column, struct rh_text text)
{
    for (uint32_t i = 0; i < column->n_options; i++) {
        if (rh_text_equal(column->options[i], text))
            return true;
    }
    return column->n_options == 0;
}

/* What is wrong with a value of the right type, or NULL. */
static const char *fault_of(const struct rh_column *column, const struct rh_value *value)
{
    struct rh_text text = mem_value_has_bytes(value) ? rh_kit_value_text(value) : RH_TEXT("");
    switch (value->type) {
    case RH_TYPE_DECIMAL:
        return decimal_fits(column, text) ? NULL : "has too many digits";
    case RH_TYPE_TEXT:
        if (!rh_text_is_utf8(text))
            return "is not UTF-8";
        if (column->max_length && text.len > column->max_length &&
            count_characters(text) > column->max_length)
            return "is too long";
        return is_option(column, text) ? NULL : "is none of the options";
    case RH_TYPE_BYTES:
        return column->max_length && text.len > column->max_length ? "is too long" : NULL;
    case RH_TYPE_TIME:
        return value->as.u > (uint64_t)RH_CIVIL_DAY_US ? "is no time of day" : NULL;
    case RH_TYPE_INTERVAL:
    case RH_TYPE_UUID:
        return text.len == 16 ? NULL : "has not 16 bytes";
    default:
        return NULL;
    }
}

int mem_column_check(const struct mem_column *column, const struct rh_value *value,
                     struct rh_error *error)
{
    if (rh_kit_is_null(value)) {
        if (!(column->described.flags & RH_COLUMN_NOT_NULL))
            return RH_OK;
        rh_fail(error, RH_CONSTRAINT, "column \"%s\" must have a value", column->name);
        if (error)
            error->constraint = RH_CONSTRAINT_NOT_NULL;
        return name_column(column, error);
    }
    const char *fault = "is of another type";
    if (value->type == column->described.type)
        fault = fault_of(&column->described, value);
    if (!fault)
        return RH_OK;
    rh_fail(error, RH_DATA, "the value of column \"%s\" %s", column->name, fault);
    return name_column(column, error);
}
