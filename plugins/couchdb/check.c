/*
 * Values on their way into documents: what a declared column takes, and what JSON keeps. A server in
 * JavaScript (and every reader in it) has doubles for numbers, so what a double cannot tell is
 * refused, not bent.
 */
#include "couchdb.h"

#include "base/number.h"
#include "base/type.h"

#include <math.h>
#include <string.h>

#define MAX_EXACT (INT64_C(1) << 53)

static int fail_number(const struct rh_column *column, struct rh_error *error)
{
    rh_fail(error, RH_DATA, "column \"%.*s\": CouchDB does not keep all digits of this number",
            RH_TEXT_ARG(column->name));
    return rh_error_hint(error, "whole numbers go to 2^53, others have 15 digits; a column of type "
                                "text keeps all");
}

static bool is_double(struct rh_text text)
{
    char shortest[RH_NUMBER_F64_SIZE];
    double number;

    return rh_number_to_f64(text, &number) &&
           rh_number_equal(text, rh_text_make(shortest, rh_number_from_f64(number, shortest)));
}

/* Are all numbers of a JSON text, which is well-formed? */
static bool are_doubles(struct rh_text json)
{
    for (uint64_t i = 0; i < json.len; i++) {
        struct rh_text rest = rh_text_make(json.data + i, json.len - i);
        size_t n = strchr("-0123456789", json.data[i]) ? rh_number_length(rest) : 0;

        if (n && !is_double(rh_text_make(rest.data, n)))
            return false;
        i += n ? n - 1 : 0;
        if (json.data[i] != '"')
            continue;
        for (i++; i < json.len && json.data[i] != '"'; i++)
            i += json.data[i] == '\\';
    }
    return true;
}

static bool is_kept(const struct rh_value *value)
{
    struct rh_text text = rh_kit_value_text(value);

    switch (value->type) {
    case RH_TYPE_INT:
        return value->as.i <= MAX_EXACT && value->as.i >= -MAX_EXACT;
    case RH_TYPE_UINT:
        return value->as.u <= (uint64_t)MAX_EXACT;
    case RH_TYPE_DECIMAL:
        return rh_text_is(text, "NaN") || is_double(text); /* NaN is JSON's own matter */
    case RH_TYPE_JSON:
        return are_doubles(text);
    default:
        return true;
    }
}

static uint64_t characters(struct rh_text text)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return n;
}

static bool is_option(const struct rh_column *column, struct rh_text text)
{
    for (uint32_t i = 0; i < column->n_options; i++)
        if (rh_text_equal(column->options[i], text))
            return true;
    return !column->n_options;
}

/* Digits before and behind the point. */
static bool fits_precision(const struct rh_column *column, struct rh_text number)
{
    uint32_t whole = 0, fraction = 0, zeros = 0;
    bool behind = false;

    for (uint64_t i = 0; i < number.len; i++) {
        char c = number.data[i];

        behind = behind || c == '.';
        if (c < '0' || c > '9')
            continue;
        zeros = c == '0' ? zeros + 1 : 0;
        if (behind)
            fraction++;
        else
            whole += whole || c != '0';
    }
    fraction -= behind && zeros < fraction ? zeros : behind ? fraction : 0;
    return fraction <= column->scale && whole <= column->precision - column->scale;
}

static int check_declared(const struct rh_column *column, const struct rh_value *value,
                          uint32_t *ret_constraint, struct rh_error *error)
{
    struct rh_text text = rh_kit_value_text(value), name = column->name;

    if (value->type != column->type)
        return rh_fail(error, RH_DATA, "column \"%.*s\" takes %s, not %s", RH_TEXT_ARG(name),
                       rh_type_name(column->type), rh_type_name(value->type));
    if (column->max_length &&
        ((value->type == RH_TYPE_TEXT && characters(text) > column->max_length) ||
         (value->type == RH_TYPE_BYTES && text.len > column->max_length)))
        return rh_fail(error, RH_DATA, "column \"%.*s\" has at most %u characters",
                       RH_TEXT_ARG(name), (unsigned)column->max_length);
    if (value->type == RH_TYPE_DECIMAL && column->precision && !fits_precision(column, text))
        return rh_fail(error, RH_DATA, "column \"%.*s\" has %u digits, %u of them behind the point",
                       RH_TEXT_ARG(name), (unsigned)column->precision, (unsigned)column->scale);
    if (value->type == RH_TYPE_TEXT && !is_option(column, text)) {
        *ret_constraint = RH_CONSTRAINT_CHECK;
        return rh_fail(error, RH_CONSTRAINT, "column \"%.*s\" does not allow this value",
                       RH_TEXT_ARG(name));
    }
    return RH_OK;
}

int rh_couchdb_check_value(const struct rh_column *column, bool declared,
                           const struct rh_value *value, uint32_t *ret_constraint,
                           struct rh_error *error)
{
    *ret_constraint = 0;
    if (value->type <= RH_TYPE_NULL) {
        if (!declared || !(column->flags & RH_COLUMN_NOT_NULL))
            return RH_OK;
        *ret_constraint = RH_CONSTRAINT_NOT_NULL;
        return rh_fail(error, RH_CONSTRAINT, "column \"%.*s\" may not be null",
                       RH_TEXT_ARG(column->name));
    }
    if (!is_kept(value))
        return fail_number(column, error);
    if (value->type == RH_TYPE_TEXT && !rh_text_is_utf8(rh_kit_value_text(value)))
        return rh_fail(error, RH_DATA, "column \"%.*s\": the text is not UTF-8",
                       RH_TEXT_ARG(column->name));
    if (value->type == RH_TYPE_JSON && rh_text_is(rh_text_trim(rh_kit_value_text(value)), "null"))
        return rh_fail(error, RH_DATA, "column \"%.*s\": in a document JSON null is null",
                       RH_TEXT_ARG(column->name));
    return declared ? check_declared(column, value, ret_constraint, error) : RH_OK;
}
