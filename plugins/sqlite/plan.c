/*
 * What SQLite's SQL can say exactly: the planner's side of the dialect.
 */
#include "bind.h"
#include "connector/match.h"
#include "dialect.h"
#include "total.h"
#include "type.h"

#include <math.h>

static bool pattern_is_exact(const struct rh_node *node, const struct rh_value *pattern)
{
    struct rh_text text = rh_kit_value_text(pattern);

    if (RH_OP_BASE(node->op) == RH_OP_LIKE)
        return rh_match_pattern_is_valid(text);
    /* The range of STARTS compares bytes. */
    return RH_OP_BASE(node->op) != RH_OP_STARTS || rh_text_is_utf8(text);
}

static bool number_is_exact(const struct rh_column *column, const struct rh_value *value)
{
    unsigned char key[RH_SQLITE_TOTAL_KEY_MAX];
    struct rh_value number;
    unsigned len;

    if (value->type == RH_TYPE_FLOAT)
        return !isnan(value->as.f);
    if (value->type == RH_TYPE_UINT)
        return value->as.u <= INT64_MAX;
    if (value->type != RH_TYPE_DECIMAL)
        return true;
    if (!column->native_id) /* an exact sum in HAVING */
        return rh_sqlite_key_of_decimal(rh_kit_value_text(value), key, &len);
    return rh_sqlite_decimal_is_kept(value, &number);
}

/* Bytes among dates would need the mark that their keys have. */
static bool seek_is_exact(const struct rh_node *node, const struct rh_value *values)
{
    struct rh_value number;

    for (uint32_t i = 0; i < node->n; i++) {
        if (values[i].type == RH_TYPE_BYTES ||
            (values[i].type == RH_TYPE_FLOAT && isnan(values[i].as.f)) ||
            (values[i].type == RH_TYPE_DECIMAL && !rh_sqlite_decimal_is_kept(&values[i], &number)))
            return false;
    }
    return true;
}

uint32_t rh_sqlite_exact(const void *state, const struct rh_column *column,
                         const struct rh_node *node, const struct rh_value *values, uint32_t upper)
{
    const struct rh_conn *conn = state;
    uint32_t base = RH_OP_BASE(node->op);

    for (uint32_t i = 0; column && i < node->n; i++) {
        if (!number_is_exact(column, &values[i]))
            return RH_VERDICT_NONE;
        if (values[i].type != column->type)
            return RH_VERDICT_NONE;
    }
    if (!column)
        return seek_is_exact(node, values) ? upper : RH_VERDICT_NONE;
    if ((column->flags & RH_COLUMN_OPAQUE) && base != RH_OP_NULL)
        return RH_VERDICT_NONE;
    if (column->type == RH_TYPE_TEXT && base >= RH_OP_LT && base <= RH_OP_GTE && !conn->utf8)
        return RH_VERDICT_NONE;
    if (base >= RH_OP_LIKE && base <= RH_OP_CONTAINS && !pattern_is_exact(node, values))
        return RH_VERDICT_NONE;
    return upper;
}

bool rh_sqlite_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
                   uint32_t detail)
{
    const struct rh_conn *conn = state;
    bool number = column->type == RH_TYPE_INT || column->type == RH_TYPE_FLOAT ||
                  column->type == RH_TYPE_DECIMAL;

    if (use == RH_SQL_USE_AGGREGATE && detail == RH_AGG_COUNT)
        return true;
    if ((column->flags & RH_COLUMN_OPAQUE) || column->type == RH_TYPE_JSON)
        return false;
    if (use == RH_SQL_USE_AGGREGATE && (detail == RH_AGG_SUM || detail == RH_AGG_AVG))
        return number;
    if (use == RH_SQL_USE_GROUP)
        return !detail || (rh_sqlite_is_time(column) && column->type != RH_TYPE_TIME);
    /* 0 and 1 are booleans, which come before numbers. */
    if (column->type == RH_TYPE_BOOL)
        return false;
    if (conn->utf8)
        return true;
    /* In UTF-16 bytes do not sort by code point, neither in text columns nor in others' text. */
    if (column->type == RH_TYPE_TEXT)
        return use == RH_SQL_USE_ORDER && !(detail & RH_ORDER_BINARY);
    return (column->native_id & RH_SQLITE_PURE) != 0;
}

enum rh_sql_pair rh_sqlite_pair(const void *state, const struct rh_column *outer,
                                const struct rh_column *inner)
{
    bool int_and_other = (outer->type == RH_TYPE_INT && inner->type <= RH_TYPE_DECIMAL &&
                          inner->type >= RH_TYPE_INT) ||
                         (inner->type == RH_TYPE_INT && outer->type <= RH_TYPE_DECIMAL &&
                          outer->type >= RH_TYPE_INT);

    if ((outer->type != inner->type && !int_and_other) || outer->type == RH_TYPE_JSON ||
        ((outer->flags | inner->flags) & RH_COLUMN_OPAQUE))
        return RH_SQL_PAIR_NO;
    if (rh_sqlite_key_name(outer->type))
        return RH_SQL_PAIR_VALUE;
    if (outer->type == RH_TYPE_TEXT && !(outer->flags & inner->flags & RH_COLUMN_EXACT_EQUAL))
        return RH_SQL_PAIR_BOTH;
    return RH_SQL_PAIR_PLAIN;
}

#define BIT(type) RH_TYPE_BIT(RH_TYPE_##type)
#define NUMBERS (BIT(INT) | BIT(FLOAT) | BIT(DECIMAL))
#define TIMES (BIT(DATE) | BIT(TIME) | BIT(DATETIME) | BIT(TIMESTAMP))
#define ORDERED (NUMBERS | TIMES | BIT(TEXT) | BIT(BYTES) | BIT(UUID))
#define EQUAL (ORDERED | BIT(BOOL))
#define ALL 0xffffu
#define BOTH(op, types)                                                                            \
    {RH_OP_##op, types, RH_VERDICT_EXACT, 0},                                                      \
    {                                                                                              \
        RH_OP_##op | RH_OP_NOT, types, RH_VERDICT_EXACT, 0                                         \
    }
#define FOLDED(op)                                                                                 \
    {RH_OP_##op | RH_OP_FOLD, BIT(TEXT), RH_VERDICT_EXACT, 0},                                     \
    {                                                                                              \
        RH_OP_##op | RH_OP_FOLD | RH_OP_NOT, BIT(TEXT), RH_VERDICT_EXACT, 0                        \
    }

const struct rh_operator rh_sqlite_operators[RH_SQLITE_N_OPERATORS] = {
    BOTH(EQ, EQUAL),
    BOTH(LT, ORDERED),
    BOTH(LTE, ORDERED),
    BOTH(GT, ORDERED),
    BOTH(GTE, ORDERED),
    BOTH(IN, EQUAL),
    BOTH(LIKE, BIT(TEXT)),
    BOTH(STARTS, BIT(TEXT)),
    BOTH(ENDS, BIT(TEXT)),
    BOTH(CONTAINS, BIT(TEXT)),
    FOLDED(LIKE),
    FOLDED(STARTS),
    FOLDED(ENDS),
    FOLDED(CONTAINS),
    BOTH(NULL, ALL),
    BOTH(ABSENT, ALL),
    BOTH(EMPTY, ALL & ~BIT(JSON)),
    BOTH(EXISTS, ALL),
    {RH_OP_SEEK, ALL, RH_VERDICT_EXACT, 0},
};
