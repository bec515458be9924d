/*
 * What can be said exactly: the planning hooks that all dialects share, and the table of operators,
 * which is the upper bound for the most able of them.
 */
#include "dialect.h"

#include "connector/civil.h"
#include "connector/decimal.h"
#include "connector/kit.h"
#include "connector/match.h"

#include <math.h>
#include <sqlext.h>
#include <string.h>

#define MAX_DECIMAL_DIGITS 38
#define MIN_DAYS INT64_C(-719162) /* 0001-01-01 */
#define MAX_DAYS INT64_C(2932896) /* 9999-12-31 */
#define SECOND_US 1000000
#define MICROSECOND_DIGITS 6

static bool is_time(uint32_t type)
{
    return type >= RH_TYPE_DATE && type <= RH_TYPE_TIMESTAMP;
}

static bool is_range(uint32_t base)
{
    return base >= RH_OP_LT && base <= RH_OP_GTE;
}

static bool is_like(uint32_t base)
{
    return base >= RH_OP_LIKE && base <= RH_OP_CONTAINS;
}

/* Digits before and behind the point, all that a decimal of 38 digits can hold. */
static bool fits_decimal(const struct rh_odbc_dialect *dialect, struct rh_text text)
{
    const char *point = text.len ? memchr(text.data, '.', text.len) : NULL;
    uint64_t digits = text.len;

    if (!rh_decimal_is_valid(text) || rh_text_is(text, "NaN"))
        return false;
    if (text.data[0] == '-')
        digits--;
    if (point)
        digits--;
    if (point && dialect->decimal_scale &&
        (size_t)(text.data + text.len - point) - 1 > dialect->decimal_scale)
        return false;
    return digits <= MAX_DECIMAL_DIGITS;
}

/* Whether the driver can be given the literal at all, and the database takes it for what it is. */
static bool is_sayable(const struct rh_odbc_traits *traits, const struct rh_value *value)
{
    struct rh_text text = rh_kit_value_text(value);

    switch (value->type) {
    case RH_TYPE_TEXT:
        if ((traits->dialect->empty_is_null && !text.len) ||
            (traits->dialect->max_text_bytes && text.len > traits->dialect->max_text_bytes))
            return false;
        return (!text.len || !memchr(text.data, '\0', text.len)) && rh_text_is_utf8(text);
    case RH_TYPE_BYTES:
        return !traits->dialect->empty_is_null || text.len;
    case RH_TYPE_DECIMAL:
        return fits_decimal(traits->dialect, text);
    case RH_TYPE_FLOAT:
        return isfinite(value->as.f);
    case RH_TYPE_DATE:
        return value->as.i >= MIN_DAYS && value->as.i <= MAX_DAYS;
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        return value->as.i >= MIN_DAYS * RH_CIVIL_DAY_US &&
               value->as.i < (MAX_DAYS + 1) * RH_CIVIL_DAY_US;
    case RH_TYPE_TIME:
        return value->as.i >= 0 && value->as.i < RH_CIVIL_DAY_US;
    default:
        return true;
    }
}

static uint32_t exact_text(const struct rh_odbc_traits *traits, const struct rh_node *node,
                           const struct rh_value *values, uint32_t upper)
{
    uint32_t base = RH_OP_BASE(node->op);
    bool negated = (node->op & RH_OP_NOT) != 0;
    enum rh_odbc_texts texts = traits->genuine ? traits->dialect->texts : RH_ODBC_TEXT_LOOSE;

    if (base == RH_OP_EQ || base == RH_OP_IN) {
        if (texts >= RH_ODBC_TEXT_EQUAL)
            return upper;
        return negated ? RH_VERDICT_NONE : RH_VERDICT_SUPERSET;
    }
    if (is_range(base))
        return texts == RH_ODBC_TEXT_ORDERED && traits->code_point_order ? upper : RH_VERDICT_NONE;
    if (!is_like(base) || (node->op & RH_OP_FOLD) || !traits->genuine ||
        !traits->dialect->exact_like)
        return RH_VERDICT_NONE;
    if (base == RH_OP_LIKE &&
        (!rh_match_pattern_is_valid(rh_kit_value_text(values)) || !traits->code_point_order))
        return RH_VERDICT_NONE;
    return upper;
}

/* A column that keeps more digits than microseconds is delivered rounded down: only what rounding
 * down does not change is exact. One that keeps fewer rounds the literal, maybe. */
static uint32_t exact_time(const struct rh_odbc_traits *traits, const struct rh_column *column,
                           const struct rh_node *node, const struct rh_value *values,
                           uint32_t upper)
{
    uint32_t base = RH_OP_BASE(node->op), digits = rh_odbc_id_digits(column);

    if (traits->dialect->dates_as_text && !traits->dialect->typed_cells)
        return RH_VERDICT_NONE;
    if (column->type == RH_TYPE_DATE)
        return upper;
    if (digits > MICROSECOND_DIGITS) {
        if (base == RH_OP_LT || base == RH_OP_GTE)
            return upper;
        return base == RH_OP_GT && !(node->op & RH_OP_NOT) ? RH_VERDICT_SUPERSET : RH_VERDICT_NONE;
    }
    if (digits == MICROSECOND_DIGITS)
        return upper;
    for (uint32_t i = 0; i < node->n; i++) {
        if (values[i].as.i % SECOND_US)
            return RH_VERDICT_NONE;
    }
    return upper;
}

static uint32_t exact_number(const struct rh_odbc_traits *traits, const struct rh_column *column,
                             uint32_t upper)
{
    if (column->type == RH_TYPE_DECIMAL && !traits->dialect->exact_decimals)
        return RH_VERDICT_NONE;
    if (column->type == RH_TYPE_FLOAT && !traits->dialect->exact_floats)
        return RH_VERDICT_NONE;
    return upper;
}

static uint32_t exact_bytes(const struct rh_odbc_traits *traits, const struct rh_column *column,
                            uint32_t upper)
{
    if (column->native_id & RH_ODBC_ID_LONG)
        return traits->dialect->sorts_long && traits->dialect->exact_bytes ? upper
                                                                           : RH_VERDICT_NONE;
    return traits->dialect->exact_bytes ? upper : RH_VERDICT_NONE;
}

/* Every key compares as it is sorted; a text in its own order, too. */
static uint32_t exact_seek(const struct rh_odbc_traits *traits, const struct rh_node *node,
                           const struct rh_value *values, uint32_t upper)
{
    for (uint32_t i = 0; i < node->n; i++) {
        if (values[i].type <= RH_TYPE_NULL)
            continue;
        if (!is_sayable(traits, &values[i]) ||
            (values[i].type == RH_TYPE_TEXT && !traits->dialect->own_text_seek) ||
            (values[i].type == RH_TYPE_FLOAT && !traits->dialect->exact_floats) ||
            (values[i].type == RH_TYPE_DECIMAL && !traits->dialect->exact_decimals))
            return RH_VERDICT_NONE;
    }
    return upper;
}

uint32_t rh_odbc_exact(const void *state, const struct rh_column *column,
                       const struct rh_node *node, const struct rh_value *values, uint32_t upper)
{
    const struct rh_odbc_traits *traits = state;
    uint32_t base = RH_OP_BASE(node->op);

    if (!column)
        return exact_seek(traits, node, values, upper);
    if (base == RH_OP_NULL || base == RH_OP_ABSENT || base == RH_OP_EMPTY)
        return upper;
    if (column->flags & RH_COLUMN_OPAQUE)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        if (values[i].type != column->type || !is_sayable(traits, &values[i]))
            return RH_VERDICT_NONE;
    }
    if ((column->native_id & RH_ODBC_ID_LONG) && !traits->dialect->sorts_long)
        return RH_VERDICT_NONE;
    if (is_time(column->type))
        return exact_time(traits, column, node, values, upper);
    switch (column->type) {
    case RH_TYPE_TEXT:
        return exact_text(traits, node, values, upper);
    case RH_TYPE_BYTES:
        return exact_bytes(traits, column, upper);
    case RH_TYPE_UUID:
        return is_range(base) && !traits->dialect->ordered_uuids ? RH_VERDICT_NONE : upper;
    default:
        return exact_number(traits, column, upper);
    }
}

static bool has_order(const struct rh_odbc_traits *traits, const struct rh_column *column,
                      bool binary)
{
    const struct rh_odbc_dialect *dialect = traits->dialect;

    if ((column->flags & RH_COLUMN_OPAQUE) ||
        ((column->native_id & RH_ODBC_ID_LONG) && !dialect->sorts_long))
        return false;
    switch (column->type) {
    case RH_TYPE_JSON:
    case RH_TYPE_INTERVAL:
        return false;
    case RH_TYPE_TEXT:
        return !binary || (traits->genuine && dialect->texts == RH_ODBC_TEXT_ORDERED &&
                           traits->code_point_order);
    case RH_TYPE_BYTES:
        return dialect->exact_bytes;
    case RH_TYPE_UUID:
        return dialect->ordered_uuids;
    case RH_TYPE_DECIMAL:
        return dialect->exact_decimals;
    case RH_TYPE_BOOL:
        return dialect->typed_cells;
    default:
        if (is_time(column->type))
            return (!dialect->dates_as_text || dialect->typed_cells) &&
                   rh_odbc_id_digits(column) <= MICROSECOND_DIGITS;
        return true;
    }
}

static bool can_group(const struct rh_odbc_traits *traits, const struct rh_column *column,
                      uint32_t bucket)
{
    bool number = column->type == RH_TYPE_INT || column->type == RH_TYPE_UINT ||
                  column->type == RH_TYPE_DECIMAL || column->type == RH_TYPE_BOOL;

    if (bucket != RH_BUCKET_NONE)
        return is_time(column->type) && column->type != RH_TYPE_TIME &&
               has_order(traits, column, true);
    if (!traits->dialect->typed_cells && column->type == RH_TYPE_BOOL)
        return false;
    return (number || column->type == RH_TYPE_TEXT || column->type == RH_TYPE_UUID ||
            is_time(column->type)) &&
           has_order(traits, column, true);
}

bool rh_odbc_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
                 uint32_t detail)
{
    const struct rh_odbc_traits *traits = state;
    bool whole = column->type == RH_TYPE_INT || column->type == RH_TYPE_UINT ||
                 column->type == RH_TYPE_DECIMAL;

    switch (use) {
    case RH_SQL_USE_GROUP:
        return can_group(traits, column, detail);
    case RH_SQL_USE_ORDER:
        return has_order(traits, column, (detail & RH_ORDER_BINARY) != 0);
    case RH_SQL_USE_AGGREGATE:
        if (detail == RH_AGG_COUNT)
            return true;
        if (detail == RH_AGG_SUM)
            return whole && traits->dialect->exact_sums && traits->dialect->typed_cells &&
                   !(column->flags & RH_COLUMN_OPAQUE);
        if (detail == RH_AGG_AVG)
            return false;
        return column->type != RH_TYPE_BYTES && column->type != RH_TYPE_BOOL &&
               column->type != RH_TYPE_UUID && traits->dialect->typed_cells &&
               has_order(traits, column, true);
    default:
        return false;
    }
}

enum rh_sql_pair rh_odbc_pair(const void *state, const struct rh_column *a,
                              const struct rh_column *b)
{
    const struct rh_odbc_traits *traits = state;
    bool numbers = (a->type == RH_TYPE_INT || (a->type == RH_TYPE_DECIMAL)) &&
                   (b->type == RH_TYPE_INT || b->type == RH_TYPE_DECIMAL);

    if ((a->type != b->type && !numbers) || !can_group(traits, a, RH_BUCKET_NONE) ||
        !can_group(traits, b, RH_BUCKET_NONE))
        return RH_SQL_PAIR_NO;
    return a->type == RH_TYPE_TEXT ? RH_SQL_PAIR_VALUE : RH_SQL_PAIR_PLAIN;
}

#define NUMBERS                                                                                    \
    (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_UINT) | RH_TYPE_BIT(RH_TYPE_FLOAT) |           \
     RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define TEXTS RH_TYPE_BIT(RH_TYPE_TEXT)
#define COMPARABLE                                                                                 \
    (NUMBERS | TEXTS | RH_TYPE_BIT(RH_TYPE_BYTES) | RH_TYPE_BIT(RH_TYPE_DATE) |                    \
     RH_TYPE_BIT(RH_TYPE_TIME) | RH_TYPE_BIT(RH_TYPE_DATETIME) | RH_TYPE_BIT(RH_TYPE_TIMESTAMP) |  \
     RH_TYPE_BIT(RH_TYPE_UUID))
#define EQUAL (COMPARABLE | RH_TYPE_BIT(RH_TYPE_BOOL))
#define ANY_TYPE (EQUAL | RH_TYPE_BIT(RH_TYPE_JSON) | RH_TYPE_BIT(RH_TYPE_INTERVAL))
#define BOTH(op, types)                                                                            \
    {(op), (types), RH_VERDICT_EXACT, 0},                                                          \
    {                                                                                              \
        (op) | RH_OP_NOT, (types), RH_VERDICT_EXACT, 0                                             \
    }

const struct rh_operator rh_odbc_operators[RH_ODBC_N_OPERATORS] = {
    BOTH(RH_OP_EQ, EQUAL),
    BOTH(RH_OP_LT, COMPARABLE),
    BOTH(RH_OP_LTE, COMPARABLE),
    BOTH(RH_OP_GT, COMPARABLE),
    BOTH(RH_OP_GTE, COMPARABLE),
    BOTH(RH_OP_IN, EQUAL),
    BOTH(RH_OP_LIKE, TEXTS),
    BOTH(RH_OP_STARTS, TEXTS),
    BOTH(RH_OP_ENDS, TEXTS),
    BOTH(RH_OP_CONTAINS, TEXTS),
    BOTH(RH_OP_NULL, ANY_TYPE),
    BOTH(RH_OP_ABSENT, ANY_TYPE),
    BOTH(RH_OP_EMPTY, ANY_TYPE & ~RH_TYPE_BIT(RH_TYPE_JSON)),
    BOTH(RH_OP_EXISTS, ANY_TYPE),
    {RH_OP_SEEK, ANY_TYPE, RH_VERDICT_EXACT, 0},
};
