/*
 * What can be said exactly: the planning hooks of the dialect and the table of operators. What a
 * literal or the database's encoding makes impossible is NONE, and left to the host.
 */
#include "dialect.h"

#include "connection.h"
#include "connector/decimal.h"
#include "connector/match.h"
#include "oid.h"

#include <string.h>

#define MAX_FOLD_BYTES 512 /* of a pattern; beyond, regular expressions become too complex */
#define MAX_DECIMAL_BYTES 1000

static bool is_ascii(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.data[i] & 0x80)
            return false;
    }
    return true;
}

/* Whether the server can be given the literal at all, and takes it for what it is. */
static bool is_sayable(const struct rh_conn *conn, const struct rh_value *value)
{
    struct rh_text text = rh_kit_value_text(value);

    switch (value->type) {
    case RH_TYPE_TEXT:
        return (!text.len || !memchr(text.data, '\0', text.len)) && rh_text_is_utf8(text) &&
               (conn->utf8 || is_ascii(text));
    case RH_TYPE_DECIMAL:
        return text.len <= MAX_DECIMAL_BYTES && rh_decimal_is_valid(text);
    case RH_TYPE_DATE:
        return value->as.i == INT64_MIN || value->as.i == INT64_MAX ||
               (value->as.i >= -2440588 && value->as.i <= INT64_C(2147472634));
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        return value->as.i == INT64_MIN || value->as.i == INT64_MAX ||
               value->as.i >= INT64_C(-210866803200000000);
    default:
        return true;
    }
}

static bool is_json_scalar(const struct rh_value *value)
{
    const char *text = value->as.data;

    return value->type == RH_TYPE_JSON && value->len && text[0] != '{' && text[0] != '[' &&
           !memmem(text, value->len, "\\u0000", 6);
}

/* A composite of nothing but NULLs "IS NULL", and yet is a value. Arrays are told by their name. */
static bool may_be_composite(const struct rh_column *column)
{
    struct rh_text name = column->native_type;

    return column->native_id && column->native_id != PG_OID_JSON &&
           column->native_id != PG_OID_JSONB && (!name.len || name.data[name.len - 1] != ']');
}

static uint32_t exact_json(const struct rh_column *column, const struct rh_node *node,
                           const struct rh_value *values, uint32_t upper)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base == RH_OP_NULL)
        return may_be_composite(column) ? RH_VERDICT_NONE : upper;
    if (column->native_id != PG_OID_JSONB)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        if (!is_json_scalar(&values[i]))
            return RH_VERDICT_NONE;
    }
    return upper;
}

static uint32_t exact_text(const struct rh_conn *conn, const struct rh_node *node,
                           const struct rh_value *value, uint32_t upper)
{
    switch (RH_OP_BASE(node->op)) {
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        return conn->code_point_order ? upper : RH_VERDICT_NONE;
    case RH_OP_LIKE:
        /* In other encodings "_" may stand for a byte. */
        if (!conn->code_point_order || !rh_match_pattern_is_valid(rh_kit_value_text(value)))
            return RH_VERDICT_NONE;
        break;
    default:
        break;
    }
    if ((node->op & RH_OP_FOLD) && (!conn->utf8 || value->len > MAX_FOLD_BYTES))
        return RH_VERDICT_NONE;
    return upper;
}

/* The server makes an oid of what is compared with one, and fails where it cannot. */
static bool are_oids(const struct rh_node *node, const struct rh_value *values)
{
    for (uint32_t i = 0; i < node->n; i++) {
        if (values[i].type > RH_TYPE_NULL &&
            (values[i].type != RH_TYPE_INT || values[i].as.i < 0 || values[i].as.i > UINT32_MAX))
            return false;
    }
    return true;
}

uint32_t rh_pg_exact(const void *state, const struct rh_column *column, const struct rh_node *node,
                     const struct rh_value *values, uint32_t upper)
{
    const struct rh_conn *conn = state;

    if (RH_OP_BASE(node->op) != RH_OP_NULL) {
        for (uint32_t i = 0; i < node->n; i++) {
            if (values[i].type > RH_TYPE_NULL && !is_sayable(conn, &values[i]))
                return RH_VERDICT_NONE;
        }
    }
    if (!column)
        return upper;
    if (column->native_id == PG_OID_OID && !are_oids(node, values))
        return RH_VERDICT_NONE;
    if (column->type == RH_TYPE_JSON)
        return exact_json(column, node, values, upper);
    if (column->type == RH_TYPE_TEXT && node->n)
        return exact_text(conn, node, values, upper);
    return upper;
}

static bool has_order(const struct rh_conn *conn, const struct rh_column *column, bool binary)
{
    if (column->type == RH_TYPE_JSON || column->type == RH_TYPE_INTERVAL)
        return false;
    if (column->type != RH_TYPE_TEXT)
        return !(column->flags & RH_COLUMN_OPAQUE);
    return binary ? conn->code_point_order : !(column->flags & RH_COLUMN_OPAQUE);
}

bool rh_pg_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
               uint32_t detail)
{
    const struct rh_conn *conn = state;

    switch (use) {
    case RH_SQL_USE_GROUP: /* 1 mon and 30 days are equal to PostgreSQL, so not INTERVAL */
        if (detail != RH_BUCKET_NONE)
            return column->type == RH_TYPE_DATE || column->type == RH_TYPE_DATETIME ||
                   column->type == RH_TYPE_TIMESTAMP;
        return column->type != RH_TYPE_JSON && column->type != RH_TYPE_INTERVAL;
    case RH_SQL_USE_ORDER:
        return has_order(conn, column, (detail & RH_ORDER_BINARY) != 0);
    case RH_SQL_USE_AGGREGATE:
        if (detail == RH_AGG_COUNT)
            return true;
        if (detail == RH_AGG_SUM || detail == RH_AGG_AVG)
            return column->type >= RH_TYPE_INT && column->type <= RH_TYPE_DECIMAL &&
                   column->native_id != PG_OID_OID;
        return column->type != RH_TYPE_BYTES && has_order(conn, column, true);
    default:
        return false;
    }
}

enum rh_sql_pair rh_pg_pair(const void *state, const struct rh_column *a, const struct rh_column *b)
{
    bool numbers = (a->type == RH_TYPE_INT || a->type == RH_TYPE_DECIMAL) &&
                   (b->type == RH_TYPE_INT || b->type == RH_TYPE_DECIMAL);

    (void)state;
    if ((a->type != b->type && !numbers) || a->type == RH_TYPE_JSON || a->type == RH_TYPE_INTERVAL)
        return RH_SQL_PAIR_NO;
    if (a->type != RH_TYPE_TEXT)
        return RH_SQL_PAIR_PLAIN;
    /* Two collations in one comparison are an error, and whether they are the same is not known:
     * see rh_pg_pair_condition. */
    return RH_SQL_PAIR_VALUE;
}

#define NUMBERS                                                                                    \
    (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_UINT) | RH_TYPE_BIT(RH_TYPE_FLOAT) |           \
     RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define TEXTS RH_TYPE_BIT(RH_TYPE_TEXT)
#define COMPARABLE                                                                                 \
    (NUMBERS | TEXTS | RH_TYPE_BIT(RH_TYPE_BOOL) | RH_TYPE_BIT(RH_TYPE_BYTES) |                    \
     RH_TYPE_BIT(RH_TYPE_DATE) | RH_TYPE_BIT(RH_TYPE_TIME) | RH_TYPE_BIT(RH_TYPE_DATETIME) |       \
     RH_TYPE_BIT(RH_TYPE_TIMESTAMP) | RH_TYPE_BIT(RH_TYPE_UUID))
#define JSONS RH_TYPE_BIT(RH_TYPE_JSON)
#define ANY_TYPE (COMPARABLE | JSONS | RH_TYPE_BIT(RH_TYPE_INTERVAL))
#define BOTH(op, types)                                                                            \
    {(op), (types), RH_VERDICT_EXACT, 0},                                                          \
    {                                                                                              \
        (op) | RH_OP_NOT, (types), RH_VERDICT_EXACT, 0                                             \
    }

const struct rh_operator rh_pg_operators[RH_PG_N_OPERATORS] = {
    BOTH(RH_OP_EQ, COMPARABLE),
    BOTH(RH_OP_LT, COMPARABLE),
    BOTH(RH_OP_LTE, COMPARABLE),
    BOTH(RH_OP_GT, COMPARABLE),
    BOTH(RH_OP_GTE, COMPARABLE),
    BOTH(RH_OP_IN, COMPARABLE),
    BOTH(RH_OP_LIKE, TEXTS),
    BOTH(RH_OP_STARTS, TEXTS),
    BOTH(RH_OP_ENDS, TEXTS),
    BOTH(RH_OP_CONTAINS, TEXTS),
    BOTH(RH_OP_LIKE | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_STARTS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_ENDS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_CONTAINS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_NULL, ANY_TYPE),
    BOTH(RH_OP_ABSENT, ANY_TYPE),
    BOTH(RH_OP_EMPTY, ANY_TYPE),
    BOTH(RH_OP_HAS_ALL, JSONS),
    BOTH(RH_OP_HAS_ANY, JSONS),
    BOTH(RH_OP_EXISTS, ANY_TYPE),
    {RH_OP_SEEK, ANY_TYPE, RH_VERDICT_EXACT, 0},
};
