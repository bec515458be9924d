/*
 * Values that a database would store changed without a word: they are refused. What it refuses by
 * itself is left to it.
 */
#include "kept.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/decimal.h"
#include "connector/kit.h"

#include <math.h>

/* Digits between the first and the last that are not 0. */
static uint32_t significant_digits(struct rh_text text)
{
    uint32_t n = 0, kept = 0;

    for (uint64_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            continue;
        n += n || text.data[i] != '0';
        if (text.data[i] != '0')
            kept = n;
    }
    return kept;
}

/* Digits behind the point, without zeros at the end. */
static uint64_t fraction_digits(struct rh_text text)
{
    (void)rh_text_cut(&text, '.');
    while (text.len && text.data[text.len - 1] == '0')
        text.len--;
    return text.len;
}

static bool keeps_decimal(const struct rh_odbc_dialect *dialect, const struct rh_column *column,
                          struct rh_text text)
{
    uint32_t scale = dialect->decimal_scale;
    int64_t whole = 0;

    if (dialect->decimal_digits && significant_digits(text) > dialect->decimal_digits &&
        !rh_decimal_to_i64(text, &whole))
        return false;
    return !scale || fraction_digits(text) <= (column->scale > scale ? column->scale : scale);
}

int rh_odbc_check_kept(const struct rh_odbc_dialect *dialect,
                       const struct rh_sql_parameter *parameter, const struct rh_value *value,
                       struct rh_error *error)
{
    const struct rh_column *column = parameter->column;

    if (!column || (parameter->form != RH_SQL_WRITE && parameter->form != RH_SQL_SOURCE))
        return RH_OK;
    if (dialect->nan_is_null && value->type == RH_TYPE_FLOAT && isnan(value->as.f))
        return rh_fail(error, RH_DATA, "the database cannot keep a NaN");
    if (value->type != RH_TYPE_DECIMAL || column->type != RH_TYPE_DECIMAL ||
        keeps_decimal(dialect, column, rh_kit_value_text(value)))
        return RH_OK;
    rh_fail(error, RH_DATA, "the database cannot keep all digits of the number");
    return rh_error_hint(error, "A text column keeps them");
}
