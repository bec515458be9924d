/*
 * Conditions that the key alone decides: they are looked at before anything else of a row is asked
 * for. Redis itself knows no more than a glob, which is made from the same conditions to narrow
 * what it sends (plan.c).
 */
#include "redis.h"

#include "connector/match.h"

#define TEXTS RH_TYPE_BIT(RH_TYPE_TEXT)
#define KEYS (TEXTS | RH_TYPE_BIT(RH_TYPE_INT))
#define ORDERED (KEYS | RH_TYPE_BIT(RH_TYPE_FLOAT) | RH_TYPE_BIT(RH_TYPE_TIMESTAMP))

const struct rh_operator rh_redis_operators[RH_REDIS_N_OPERATORS] = {
    {RH_OP_EQ, ORDERED, RH_VERDICT_EXACT, 0},
    {RH_OP_EQ | RH_OP_NOT, KEYS, RH_VERDICT_EXACT, 0},
    {RH_OP_IN, KEYS, RH_VERDICT_EXACT, 0},
    {RH_OP_IN | RH_OP_NOT, KEYS, RH_VERDICT_EXACT, 0},
    {RH_OP_LT, ORDERED, RH_VERDICT_EXACT, 0},
    {RH_OP_LTE, ORDERED, RH_VERDICT_EXACT, 0},
    {RH_OP_GT, ORDERED, RH_VERDICT_EXACT, 0},
    {RH_OP_GTE, ORDERED, RH_VERDICT_EXACT, 0},
    {RH_OP_LIKE, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_LIKE | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_LIKE | RH_OP_FOLD, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_LIKE | RH_OP_FOLD | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_STARTS, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_STARTS | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_STARTS | RH_OP_FOLD, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_STARTS | RH_OP_FOLD | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_ENDS, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_ENDS | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_ENDS | RH_OP_FOLD, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_ENDS | RH_OP_FOLD | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_CONTAINS, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_CONTAINS | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_CONTAINS | RH_OP_FOLD, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_CONTAINS | RH_OP_FOLD | RH_OP_NOT, TEXTS, RH_VERDICT_EXACT, 0},
};

static bool is_group(const struct rh_node *node)
{
    return node->op == RH_OP_AND || node->op == RH_OP_OR;
}

static bool knows(uint32_t op, uint32_t type)
{
    for (uint32_t i = 0; i < RH_REDIS_N_OPERATORS; i++)
        if (rh_redis_operators[i].op == op)
            return rh_redis_operators[i].types & RH_TYPE_BIT(type) & KEYS;
    return false;
}

bool rh_redis_filter_can(const struct rh_query *query, uint32_t position)
{
    const struct rh_node *node = &query->nodes[position];
    const struct rh_column *column;

    if (is_group(node)) {
        for (uint32_t i = 0; i < node->n; i++)
            if (!rh_redis_filter_can(query, node->first + i))
                return false;
        return true;
    }
    if (node->column >= query->n_columns)
        return false;
    column = rh_kit_column(query->columns, query->column_stride, node->column);
    if (rh_redis_role_of(column) != RH_REDIS_PLACEHOLDER || !knows(node->op, column->type))
        return false;
    for (uint32_t i = 0; i < node->n; i++)
        if (query->values[node->first + i].type != column->type)
            return false;
    return true;
}

int rh_redis_filter_copy(const struct rh_query *query, struct rh_arena *arena,
                         struct rh_redis_filter *ret_filter, struct rh_error *error)
{
    struct rh_redis_filter f = {
        .nodes = rh_arena_array(arena, query->n_nodes, sizeof(*f.nodes)),
        .values = rh_arena_array(arena, query->n_values, sizeof(*f.values)),
        .placeholders = rh_arena_array(arena, query->n_nodes, sizeof(*f.placeholders)),
        .conjuncts = rh_arena_array(arena, query->n_conjuncts, sizeof(*f.conjuncts)),
    };
    bool ok = f.nodes && f.values && f.placeholders && f.conjuncts;

    for (uint32_t i = 0; ok && i < query->n_nodes; i++) {
        f.nodes[i] = query->nodes[i];
        if (!is_group(&f.nodes[i]) && f.nodes[i].column < query->n_columns)
            f.placeholders[i] =
                rh_kit_column(query->columns, query->column_stride, f.nodes[i].column)->native_id >>
                8;
    }
    for (uint32_t i = 0; ok && i < query->n_values; i++) {
        f.values[i] = query->values[i];
        if (f.values[i].type == RH_TYPE_TEXT)
            f.values[i].as.data =
                rh_arena_text(arena, rh_kit_value_text(&query->values[i]), &ok).data;
    }
    for (uint32_t i = 0; ok && i < query->n_conjuncts; i++)
        if (rh_redis_filter_can(query, query->conjuncts[i]))
            f.conjuncts[f.n_conjuncts++] = query->conjuncts[i];
    if (!ok)
        return rh_fail_nomem(error);
    *ret_filter = f;
    return RH_OK;
}

/* ---- Deciding -------------------------------------------------------------------------------- */

static int compare(const struct rh_value *literal, struct rh_text value)
{
    int64_t number = 0;

    if (literal->type == RH_TYPE_TEXT)
        return rh_text_compare(value, rh_kit_value_text(literal));
    rh_text_to_i64(value, &number); /* the pattern made sure that it is one */
    return (number > literal->as.i) - (number < literal->as.i);
}

static bool holds_plainly(const struct rh_node *node, const struct rh_value *values,
                          struct rh_text value)
{
    int order;

    switch (RH_OP_BASE(node->op)) {
    case RH_OP_EQ:
    case RH_OP_IN:
        for (uint32_t i = 0; i < node->n; i++)
            if (compare(&values[i], value) == 0)
                return true;
        return false;
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        order = compare(&values[0], value);
        return node->op == RH_OP_LT    ? order < 0
               : node->op == RH_OP_LTE ? order <= 0
               : node->op == RH_OP_GT  ? order > 0
                                       : order >= 0;
    default:
        return rh_match(node->op & ~RH_OP_NOT, value, rh_kit_value_text(&values[0]));
    }
}

static bool holds(const struct rh_redis_filter *filter, const struct rh_redis_pattern *pattern,
                  uint32_t position, const struct rh_text *values)
{
    const struct rh_node *node = &filter->nodes[position];
    uint32_t placeholder = filter->placeholders[position];

    if (is_group(node)) {
        bool is_or = node->op == RH_OP_OR;
        for (uint32_t i = 0; i < node->n; i++)
            if (holds(filter, pattern, node->first + i, values) == is_or)
                return is_or;
        return !is_or;
    }
    if (placeholder >= pattern->n)
        return false;
    /* Bytes that are no text satisfy no comparison. */
    return (rh_text_is_utf8(values[placeholder]) &&
            holds_plainly(node, &filter->values[node->first], values[placeholder])) !=
           ((node->op & RH_OP_NOT) != 0);
}

bool rh_redis_filter_holds(const struct rh_redis_filter *filter,
                           const struct rh_redis_pattern *pattern, const struct rh_text *values)
{
    for (uint32_t i = 0; i < filter->n_conjuncts; i++)
        if (!holds(filter, pattern, filter->conjuncts[i], values))
            return false;
    return true;
}
