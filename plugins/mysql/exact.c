/*
 * What can be said exactly: the planning hooks of the dialect and the table of operators. What a
 * literal makes impossible is NONE, and left to the host.
 */
#include "dialect.h"

#include "connection.h"
#include "connector/decimal.h"
#include "connector/match.h"
#include "type.h"

#include <math.h>
#include <string.h>

#define MAX_FOLD_BYTES 512
#define MAX_WHOLE 35 /* digits of a decimal that the server keeps, before the point */
#define MAX_FRACTION 30
#define SUM_PRECISION 43 /* SUM has 22 digits more, of 65 */
#define AVG_PRECISION 36 /* … and 7 more on the way */

static bool decimal_is_kept(struct rh_text text)
{
    struct rh_text whole = text, fraction = {NULL, 0};

    if (!rh_decimal_is_valid(text) || rh_text_is(text, "NaN"))
        return false;
    fraction = whole;
    whole = rh_text_cut(&fraction, '.');
    return whole.len <= MAX_WHOLE && fraction.len <= MAX_FRACTION;
}

/* Whether the server can be given the literal at all, and takes it for what it is. */
static bool is_sayable(const struct rh_value *value)
{
    MYSQL_TIME time;

    switch (value->type) {
    case RH_TYPE_TEXT:
        return rh_text_is_utf8(rh_kit_value_text(value));
    case RH_TYPE_DECIMAL:
        return decimal_is_kept(rh_kit_value_text(value));
    case RH_TYPE_FLOAT:
        return isfinite(value->as.f);
    case RH_TYPE_DATE:
        return value->as.i > INT32_MIN && value->as.i < INT32_MAX &&
               rh_my_time_of_us(value->as.i * INT64_C(86400000000), &time);
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        return rh_my_time_of_us(value->as.i, &time);
    default:
        return true;
    }
}

static bool suits(const struct rh_column *column, const struct rh_value *value)
{
    bool whole = value->type == RH_TYPE_INT || value->type == RH_TYPE_UINT;

    if (value->type <= RH_TYPE_NULL)
        return true;
    if (rh_my_kind_of(column) == RH_MY_YEAR) /* 24 would be 2024 */
        return value->type == RH_TYPE_INT && (value->as.i < 0 || value->as.i > 99);
    return value->type == column->type ||
           (whole && (column->type == RH_TYPE_INT || column->type == RH_TYPE_UINT));
}

static uint32_t exact_text(const struct rh_conn *conn, const struct rh_column *column,
                           const struct rh_node *node, const struct rh_value *value, uint32_t upper)
{
    bool pattern = RH_OP_BASE(node->op) >= RH_OP_LIKE && RH_OP_BASE(node->op) <= RH_OP_CONTAINS;

    if (RH_OP_BASE(node->op) == RH_OP_LIKE && !rh_match_pattern_is_valid(rh_kit_value_text(value)))
        return RH_VERDICT_NONE;
    if ((node->op & RH_OP_FOLD) && (!conn->mariadb || value->len > MAX_FOLD_BYTES))
        return RH_VERDICT_NONE;
    return pattern && rh_my_kind_of(column) == RH_MY_OTHER ? RH_VERDICT_NONE : upper;
}

uint32_t rh_my_exact(const void *state, const struct rh_column *column, const struct rh_node *node,
                     const struct rh_value *values, uint32_t upper)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base == RH_OP_NULL || base == RH_OP_ABSENT)
        return upper;
    for (uint32_t i = 0; i < node->n; i++) {
        if ((values[i].type > RH_TYPE_NULL && !is_sayable(&values[i])) ||
            (column && !suits(column, &values[i])))
            return RH_VERDICT_NONE;
    }
    if (!column)
        return upper;
    if (rh_my_kind_of(column) == RH_MY_GEOMETRY && base != RH_OP_EMPTY)
        return RH_VERDICT_NONE;
    if (column->type == RH_TYPE_TEXT && node->n)
        return exact_text(state, column, node, values, upper);
    return upper;
}

/* ---- uses ---- */

static bool has_order(const struct rh_column *column, bool binary)
{
    enum rh_my_kind kind = rh_my_kind_of(column);

    if (column->type == RH_TYPE_JSON || (column->flags & RH_COLUMN_OPAQUE))
        return false;
    if (kind >= RH_MY_CHAR && kind <= RH_MY_SET && !binary)
        return kind != RH_MY_SET && rh_my_charset(column);
    return true;
}

static bool can_sum(const struct rh_column *column, uint32_t function)
{
    uint32_t most = function == RH_AGG_SUM ? SUM_PRECISION : AVG_PRECISION;

    if (column->type == RH_TYPE_DECIMAL)
        return column->precision && column->precision <= most;
    return column->type >= RH_TYPE_INT && column->type <= RH_TYPE_FLOAT;
}

bool rh_my_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
               uint32_t detail)
{
    enum rh_my_kind kind = rh_my_kind_of(column);

    (void)state;
    switch (use) {
    case RH_SQL_USE_GROUP:
        if (detail != RH_BUCKET_NONE)
            return kind == RH_MY_DATE || kind == RH_MY_DATETIME || kind == RH_MY_TIMESTAMP;
        return column->type != RH_TYPE_JSON && kind != RH_MY_GEOMETRY;
    case RH_SQL_USE_ORDER:
        return has_order(column, (detail & RH_ORDER_BINARY) != 0);
    case RH_SQL_USE_AGGREGATE:
        if (detail == RH_AGG_COUNT)
            return true;
        if (detail == RH_AGG_SUM || detail == RH_AGG_AVG)
            return can_sum(column, detail);
        return column->type != RH_TYPE_BYTES && kind != RH_MY_TINY_BOOL && has_order(column, true);
    default:
        return false;
    }
}

enum rh_sql_pair rh_my_pair(const void *state, const struct rh_column *a, const struct rh_column *b)
{
    bool whole =
        (a->type == RH_TYPE_INT || a->type == RH_TYPE_UINT || a->type == RH_TYPE_DECIMAL) &&
        (b->type == RH_TYPE_INT || b->type == RH_TYPE_UINT || b->type == RH_TYPE_DECIMAL);
    uint32_t both = a->flags & b->flags;

    (void)state;
    if ((a->type != b->type && !whole) || a->type == RH_TYPE_JSON ||
        ((a->flags | b->flags) & RH_COLUMN_OPAQUE) ||
        (a->type == RH_TYPE_UUID && a->native_id != b->native_id))
        return RH_SQL_PAIR_NO;
    if (a->type != RH_TYPE_TEXT)
        return RH_SQL_PAIR_PLAIN;
    if (a->native_id != b->native_id) /* two collations cannot be compared with each other */
        return both & RH_COLUMN_BINARY_ORDER ? RH_SQL_PAIR_NO : RH_SQL_PAIR_VALUE;
    return both & RH_COLUMN_EXACT_EQUAL ? RH_SQL_PAIR_PLAIN : RH_SQL_PAIR_BOTH;
}

#define BIT(type) RH_TYPE_BIT(RH_TYPE_##type)
#define NUMBERS (BIT(INT) | BIT(UINT) | BIT(FLOAT) | BIT(DECIMAL))
#define TIMES (BIT(DATE) | BIT(TIME) | BIT(DATETIME) | BIT(TIMESTAMP))
#define TEXTS BIT(TEXT)
#define ORDERED (NUMBERS | TIMES | TEXTS | BIT(BYTES) | BIT(UUID))
#define EQUAL (ORDERED | BIT(BOOL))
#define ALL (EQUAL | BIT(JSON))
#define BOTH(op, types)                                                                            \
    {(op), (types), RH_VERDICT_EXACT, 0},                                                          \
    {                                                                                              \
        (op) | RH_OP_NOT, (types), RH_VERDICT_EXACT, 0                                             \
    }

const struct rh_operator rh_my_operators[RH_MY_N_OPERATORS] = {
    BOTH(RH_OP_EQ, EQUAL),
    BOTH(RH_OP_LT, ORDERED),
    BOTH(RH_OP_LTE, ORDERED),
    BOTH(RH_OP_GT, ORDERED),
    BOTH(RH_OP_GTE, ORDERED),
    BOTH(RH_OP_IN, EQUAL),
    BOTH(RH_OP_LIKE, TEXTS),
    BOTH(RH_OP_STARTS, TEXTS),
    BOTH(RH_OP_ENDS, TEXTS),
    BOTH(RH_OP_CONTAINS, TEXTS),
    BOTH(RH_OP_LIKE | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_STARTS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_ENDS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_CONTAINS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_NULL, ALL),
    BOTH(RH_OP_ABSENT, ALL),
    BOTH(RH_OP_EMPTY, ALL),
    BOTH(RH_OP_EXISTS, ALL),
    {RH_OP_SEEK, ALL, RH_VERDICT_EXACT, 0},
};
