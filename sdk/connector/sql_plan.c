/*
 * The planner that SQL connectors share. Verdict of a conjunct: the least of what the operators
 * table and the dialect say of its predicates; a group is as exact as its weakest branch.
 *
 * Pure. Assumes that the host's query is sound and checks it all the same: what is malformed or too
 * deep is NONE.
 */
#include "connector/sql_parts.h"

#include "base/err.h"

#include <string.h>

struct planner {
    const struct rh_sql_dialect *dialect;
    const void *state;
    const struct rh_connector *connector;
    const struct rh_query *query;
    uint64_t n_visits;     /* of nodes: more than there are means that branches share children */
    uint64_t n_parameters; /* used by the conjuncts taken so far, at most */
    uint32_t depth;
    bool having;
};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- uses of columns ---- */

static bool can_by_itself(const struct rh_column *column, enum rh_sql_use use, uint32_t detail)
{
    bool number = column->type >= RH_TYPE_INT && column->type <= RH_TYPE_DECIMAL;

    if (use == RH_SQL_USE_AGGREGATE && detail == RH_AGG_COUNT)
        return true;
    if (use == RH_SQL_USE_AGGREGATE && (detail == RH_AGG_SUM || detail == RH_AGG_AVG))
        return number && !(column->flags & RH_COLUMN_OPAQUE);
    return column->type != RH_TYPE_JSON && !(column->flags & RH_COLUMN_OPAQUE);
}

static bool can(const struct planner *planner, const struct rh_column *column, enum rh_sql_use use,
                uint32_t detail)
{
    if (planner->dialect->can)
        return planner->dialect->can(planner->state, column, use, detail);
    return can_by_itself(column, use, detail);
}

static const struct rh_column *query_column(const struct rh_query *query, uint32_t position)
{
    if (position >= query->n_columns)
        return NULL;
    return rh_sql_column_at(query->columns, query->column_stride, position);
}

static bool can_group(const struct planner *planner, const struct rh_group *group)
{
    const struct rh_column *column = query_column(planner->query, group->column);

    if (!column || (group->bucket && !planner->dialect->bucket))
        return false;
    return can(planner, column, RH_SQL_USE_GROUP, group->bucket);
}

static bool can_aggregate(const struct planner *planner, const struct rh_aggregate *aggregate)
{
    const struct rh_column *column = NULL;

    if (aggregate->function == 0 || aggregate->function >= RH_N_AGGS)
        return false;
    if (aggregate->column == RH_NO_COLUMN)
        return aggregate->function == RH_AGG_COUNT && !aggregate->distinct;
    column = query_column(planner->query, aggregate->column);
    if (!column || !can(planner, column, RH_SQL_USE_AGGREGATE, aggregate->function))
        return false;
    return !aggregate->distinct || can(planner, column, RH_SQL_USE_GROUP, RH_BUCKET_NONE);
}

static bool accepts_groups(const struct planner *planner)
{
    const struct rh_query *query = planner->query;

    for (uint32_t i = 0; i < query->n_groups; i++) {
        if (!can_group(planner, &query->groups[i]))
            return false;
    }
    for (uint32_t i = 0; i < query->n_aggregates; i++) {
        if (!can_aggregate(planner, &query->aggregates[i]))
            return false;
    }
    return query->n_groups + query->n_aggregates > 0;
}

/* ---- order ---- */

static bool can_order_output(const struct planner *planner, const struct rh_order *order)
{
    const struct rh_query *query = planner->query;
    const struct rh_aggregate *aggregate = NULL;
    const struct rh_column *column = NULL;

    if (order->column < query->n_groups) {
        column = query_column(query, query->groups[order->column].column);
        return column && can(planner, column, RH_SQL_USE_ORDER, order->flags);
    }
    if (order->column - query->n_groups >= query->n_aggregates)
        return false;
    aggregate = &query->aggregates[order->column - query->n_groups];
    if (aggregate->function != RH_AGG_MIN && aggregate->function != RH_AGG_MAX)
        return true;
    column = query_column(query, aggregate->column);
    if (!column || !can(planner, column, RH_SQL_USE_ORDER, order->flags))
        return false;
    /* The least text by code point has lost its own collation. */
    return column->type != RH_TYPE_TEXT || (order->flags & RH_ORDER_BINARY) ||
           (column->flags & RH_COLUMN_BINARY_ORDER);
}

static uint32_t order_prefix(const struct planner *planner, bool grouped)
{
    const struct rh_query *query = planner->query;
    uint32_t n = 0;

    for (; n < query->n_order; n++) {
        const struct rh_order *order = &query->order[n];
        const struct rh_column *column = query_column(query, order->column);
        if (grouped) {
            if (!can_order_output(planner, order))
                break;
        } else if (!column || !can(planner, column, RH_SQL_USE_ORDER, order->flags)) {
            break;
        }
    }
    return n;
}

static bool is_selected(const struct rh_query *query, uint32_t column)
{
    for (uint32_t i = 0; i < query->n_select; i++) {
        if (query->select[i] == column)
            return true;
    }
    return false;
}

static bool accepts_distinct(const struct planner *planner, bool grouped)
{
    const struct rh_query *query = planner->query;

    if (query->n_groups + query->n_aggregates)
        return grouped; /* rows of groups are distinct */
    for (uint32_t i = 0; i < query->n_select; i++) {
        const struct rh_group group = {.column = query->select[i]};
        if (!can_group(planner, &group))
            return false;
    }
    for (uint32_t i = 0; i < query->n_order; i++) {
        if (!is_selected(query, query->order[i].column))
            return false;
    }
    return query->n_select > 0;
}

/* ---- verdicts ---- */

static uint32_t node_verdict(struct planner *planner, const struct rh_sql_scope *scope,
                             uint32_t position);

/* What the operators table says; types are ignored when type is RH_N_TYPES. */
static uint32_t table_verdict(const struct rh_connector *connector, uint32_t op, uint32_t type)
{
    for (uint32_t i = 0; i < connector->n_operators; i++) {
        const struct rh_operator *item =
            (const struct rh_operator *)(const void *)((const char *)connector->operators +
                                                       (size_t)connector->operator_stride * i);
        if (item->op == op && (type >= RH_N_TYPES || (item->types & RH_TYPE_BIT(type))))
            return item->verdict;
    }
    return RH_VERDICT_NONE;
}

static bool has_one_value(uint32_t op)
{
    uint32_t base = RH_OP_BASE(op);

    return base >= RH_OP_EQ && base <= RH_OP_MATCHES && base != RH_OP_IN;
}

/* Counts parameters as if every list and text were bound twice; false when that is too many. */
static bool spend_parameters(struct planner *planner, const struct rh_node *node)
{
    const struct rh_limits *limits = planner->connector->limits;
    bool one_list = RH_OP_BASE(node->op) == RH_OP_IN && planner->dialect->in_list;

    if (limits && limits->in_values && RH_OP_BASE(node->op) == RH_OP_IN &&
        node->n > limits->in_values)
        return false;
    /* Lists without in_list are padded to a power of two. */
    planner->n_parameters += one_list ? 2 : UINT64_C(4) * node->n;
    return !limits || !limits->parameters || planner->n_parameters <= limits->parameters;
}

static uint32_t leaf_verdict(struct planner *planner, const struct rh_column *column,
                             const struct rh_node *node, const struct rh_value *values)
{
    uint32_t base = RH_OP_BASE(node->op);
    uint32_t verdict = RH_VERDICT_NONE;

    if (!column || column->type >= RH_N_TYPES || (has_one_value(node->op) && node->n != 1))
        return RH_VERDICT_NONE;
    if ((column->flags & RH_COLUMN_OPAQUE) && base != RH_OP_NULL && base != RH_OP_EQ &&
        base != RH_OP_IN)
        return RH_VERDICT_NONE;
    verdict = table_verdict(planner->connector, node->op, column->type);
    if (verdict && planner->dialect->exact)
        verdict =
            least(verdict, planner->dialect->exact(planner->state, column, node, values, verdict));
    if (verdict && !spend_parameters(planner, node))
        return RH_VERDICT_NONE;
    return verdict;
}

static uint32_t seek_verdict(struct planner *planner, const struct rh_sql_scope *scope,
                             const struct rh_node *node, const struct rh_value *values)
{
    const struct rh_query *query = planner->query;
    uint32_t verdict = table_verdict(planner->connector, node->op, RH_N_TYPES);

    if (planner->having || scope->columns != query->columns || node->n == 0 ||
        query->n_groups + query->n_aggregates || node->n != query->n_order ||
        node->n > RH_SQL_MAX_DEPTH / 4 || order_prefix(planner, false) != query->n_order)
        return RH_VERDICT_NONE;
    if (verdict && planner->dialect->exact)
        verdict =
            least(verdict, planner->dialect->exact(planner->state, NULL, node, values, verdict));
    return verdict && spend_parameters(planner, node) ? verdict : RH_VERDICT_NONE;
}

static enum rh_sql_pair pair_by_itself(const struct rh_column *a, const struct rh_column *b)
{
    bool whole_numbers = (a->type == RH_TYPE_INT || a->type == RH_TYPE_DECIMAL) &&
                         (b->type == RH_TYPE_INT || b->type == RH_TYPE_DECIMAL);

    if ((a->type != b->type && !whole_numbers) || a->type == RH_TYPE_JSON ||
        a->type == RH_TYPE_FLOAT || ((a->flags | b->flags) & RH_COLUMN_OPAQUE))
        return RH_SQL_PAIR_NO;
    return a->type == RH_TYPE_TEXT && !(a->flags & b->flags & RH_COLUMN_EXACT_EQUAL)
               ? RH_SQL_PAIR_VALUE
               : RH_SQL_PAIR_PLAIN;
}

static bool can_pair(const struct planner *planner, const struct rh_sql_scope *outer,
                     const struct rh_sql_scope *inner, uint32_t outer_column, uint32_t inner_column)
{
    const struct rh_column *theirs = NULL, *ours = NULL;

    if (outer_column >= outer->n_columns || inner_column >= inner->n_columns)
        return false;
    theirs = rh_sql_column_at(outer->columns, outer->stride, outer_column);
    ours = rh_sql_column_at(inner->columns, inner->stride, inner_column);
    if (planner->dialect->pair)
        return planner->dialect->pair(planner->state, theirs, ours) != RH_SQL_PAIR_NO;
    return pair_by_itself(theirs, ours) != RH_SQL_PAIR_NO;
}

static uint32_t exists_verdict(struct planner *planner, const struct rh_sql_scope *scope,
                               const struct rh_node *node)
{
    const struct rh_query *query = planner->query;
    const struct rh_semijoin *join = NULL;
    uint32_t verdict = table_verdict(planner->connector, node->op, RH_N_TYPES);

    if (planner->having || node->first >= query->n_semijoins)
        return RH_VERDICT_NONE;
    join = (const struct rh_semijoin *)(const void *)((const char *)query->semijoins +
                                                      (size_t)query->semijoin_stride * node->first);
    const struct rh_sql_scope inner = {.query = query,
                                       .columns = join->columns,
                                       .n_columns = join->n_columns,
                                       .stride = join->column_stride};
    for (uint32_t i = 0; i < join->n_pairs; i++) {
        if (!can_pair(planner, scope, &inner, join->outer[i], join->inner[i]))
            return RH_VERDICT_NONE;
    }
    for (uint32_t i = 0; i < join->n_conjuncts && verdict; i++)
        verdict = least(verdict, node_verdict(planner, &inner, join->conjuncts[i]));
    /* Too many rows inside are too few outside. */
    return (node->op & RH_OP_NOT) && verdict != RH_VERDICT_EXACT ? RH_VERDICT_NONE : verdict;
}

static uint32_t predicate_verdict(struct planner *planner, const struct rh_sql_scope *scope,
                                  const struct rh_node *node)
{
    const struct rh_query *query = planner->query;
    const struct rh_column *column = NULL;
    const struct rh_value *values = query->values;
    struct rh_column room;

    if (node->n && (node->first > query->n_values || node->n > query->n_values - node->first))
        return RH_VERDICT_NONE;
    if (node->n)
        values += node->first;
    if (RH_OP_BASE(node->op) == RH_OP_SEEK)
        return seek_verdict(planner, scope, node, values);
    if (planner->having)
        column = rh_sql_output_column(query, node->column, &room);
    else if (node->column < scope->n_columns)
        column = rh_sql_column_at(scope->columns, scope->stride, node->column);
    return leaf_verdict(planner, column, node, values);
}

static uint32_t group_verdict(struct planner *planner, const struct rh_sql_scope *scope,
                              const struct rh_node *node, uint32_t position)
{
    uint32_t n_nodes = planner->query->n_nodes;
    uint32_t verdict = RH_VERDICT_EXACT;

    if (node->n &&
        (node->first <= position || node->first > n_nodes || node->n > n_nodes - node->first))
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n && verdict; i++)
        verdict = least(verdict, node_verdict(planner, scope, node->first + i));
    return verdict;
}

static uint32_t node_verdict(struct planner *planner, const struct rh_sql_scope *scope,
                             uint32_t position)
{
    const struct rh_query *query = planner->query;
    const struct rh_node *node = NULL;
    uint32_t verdict = RH_VERDICT_NONE;

    if (position >= query->n_nodes || planner->depth >= RH_SQL_MAX_DEPTH ||
        ++planner->n_visits > query->n_nodes)
        return RH_VERDICT_NONE;
    node = &query->nodes[position];
    planner->depth++;
    if (node->op == RH_OP_AND || node->op == RH_OP_OR)
        verdict = group_verdict(planner, scope, node, position);
    else if (RH_OP_BASE(node->op) == RH_OP_EXISTS)
        verdict = exists_verdict(planner, scope, node);
    else
        verdict = predicate_verdict(planner, scope, node);
    planner->depth--;
    return verdict;
}

static bool accepts_having(struct planner *planner)
{
    const struct rh_query *query = planner->query;
    const struct rh_sql_scope scope = rh_sql_scope_of(query, 0);
    bool exact = true;

    planner->having = true;
    for (uint32_t i = 0; i < query->n_having && exact; i++)
        exact = node_verdict(planner, &scope, query->having[i]) == RH_VERDICT_EXACT;
    planner->having = false;
    return exact;
}

int rh_sql_plan(const struct rh_sql_dialect *dialect, const void *state,
                const struct rh_connector *connector, const struct rh_query *query,
                struct rh_plan *ret_plan, struct rh_error *error)
{
    const uint32_t known = RH_QUERY_DISTINCT | RH_QUERY_LOCK;
    const struct rh_sql_scope scope = rh_sql_scope_of(query, 0);
    struct planner planner = {
        .dialect = dialect, .state = state, .connector = connector, .query = query};
    bool grouped = query->n_groups + query->n_aggregates > 0;
    bool groups = accepts_groups(&planner);

    if (query->flags & 0xffffu & ~known)
        return rh_fail(error, RH_UNSUPPORTED, "unknown flag in the query: %#x", query->flags);
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        uint64_t before = planner.n_parameters;
        uint32_t verdict = node_verdict(&planner, &scope, query->conjuncts[i]);
        ret_plan->verdicts[i] = (uint8_t)verdict;
        if (verdict == RH_VERDICT_NONE)
            planner.n_parameters = before;
    }
    ret_plan->accepts = RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET;
    if (groups)
        ret_plan->accepts |= RH_ACCEPT_GROUPS;
    if (groups && accepts_having(&planner))
        ret_plan->accepts |= RH_ACCEPT_HAVING;
    if (accepts_distinct(&planner, groups))
        ret_plan->accepts |= RH_ACCEPT_DISTINCT;
    ret_plan->n_order = grouped && !groups ? 0 : order_prefix(&planner, grouped);
    ret_plan->est_rows = -1;
    return RH_OK;
}
