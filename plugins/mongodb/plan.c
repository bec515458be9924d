/*
 * What is claimed: conditions as filter.c can do them, order by scalars, limit and offset, and groups of
 * scalars with what $group counts, sums and compares exactly.
 */
#include "mongodb.h"

#include <string.h>

#define EXPLAIN_BYTES ((size_t)1 << 20)

#define ORDERABLE                                                                                  \
    (RH_TYPE_BIT(RH_TYPE_BOOL) | RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_FLOAT) |           \
     RH_TYPE_BIT(RH_TYPE_DECIMAL) | RH_TYPE_BIT(RH_TYPE_TEXT) | RH_TYPE_BIT(RH_TYPE_TIMESTAMP))
#define GROUPABLE (ORDERABLE | RH_TYPE_BIT(RH_TYPE_UUID) | RH_TYPE_BIT(RH_TYPE_BYTES))

static const struct rh_column *column_of(const struct rh_query *query, uint32_t position)
{
    return position < query->n_columns
               ? rh_mongodb_column(query->columns, query->column_stride, position)
               : NULL;
}

bool rh_mongodb_is_ordered(const struct rh_column *column)
{
    return column->native_id & RH_MONGODB_ORDERED;
}

bool rh_mongodb_can_order(const struct rh_column *column)
{
    return column->native_id && rh_mongodb_is_plain(column->name) &&
           RH_TYPE_BIT(column->type) & ORDERABLE &&
           (rh_mongodb_is_ordered(column) || !(column->native_id & RH_MONGODB_OID));
}

static bool can_group(const struct rh_column *column)
{
    const uint32_t both = RH_MONGODB_OID | RH_MONGODB_STRING; /* one text, two values */

    return column && column->native_id && rh_mongodb_is_plain(column->name) &&
           RH_TYPE_BIT(column->type) & GROUPABLE && (column->native_id & both) != both;
}

static bool can_aggregate(const struct rh_query *query, const struct rh_aggregate *aggregate)
{
    const struct rh_column *column = column_of(query, aggregate->column);

    if (aggregate->distinct)
        return false;
    if (aggregate->column == RH_NO_COLUMN)
        return aggregate->function == RH_AGG_COUNT;
    if (!column || !column->native_id || !rh_mongodb_is_plain(column->name))
        return false;
    switch (aggregate->function) {
    case RH_AGG_COUNT:
        return true;
    case RH_AGG_SUM: /* a sum of decimals is rounded to 34 digits */
        return column->type == RH_TYPE_INT;
    case RH_AGG_MIN:
    case RH_AGG_MAX: /* NaN is the least to the server, the largest to Rowhouse */
        return rh_mongodb_can_order(column) && column->type != RH_TYPE_DECIMAL &&
               column->type != RH_TYPE_FLOAT;
    default:
        return false;
    }
}

static bool accepts_groups(const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_groups; i++)
        if (query->groups[i].bucket || !can_group(column_of(query, query->groups[i].column)))
            return false;
    for (uint32_t i = 0; i < query->n_aggregates; i++)
        if (!can_aggregate(query, &query->aggregates[i]))
            return false;
    return true;
}

static bool is_selected(const struct rh_query *query, uint32_t column)
{
    for (uint32_t i = 0; i < query->n_select; i++)
        if (query->select[i] == column)
            return true;
    return false;
}

static bool accepts_distinct(const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_select; i++)
        if (!can_group(column_of(query, query->select[i])))
            return false;
    for (uint32_t i = 0; i < query->n_order; i++)
        if (!is_selected(query, query->order[i].column))
            return false;
    return query->n_select > 0;
}

/* In a grouped query the order is by what comes out of it. */
static uint32_t accepted_order(const struct rh_query *query, const struct rh_column *output,
                               uint32_t n_output)
{
    bool grouped = query->n_groups + query->n_aggregates > 0;
    uint32_t n = 0;

    for (; n < query->n_order; n++) {
        uint32_t at = query->order[n].column;
        const struct rh_column *column = !grouped        ? column_of(query, at)
                                         : at < n_output ? &output[at]
                                                         : NULL;

        if (!column || !rh_mongodb_can_order(column))
            break;
    }
    return n;
}

static void plan_groups(const struct rh_query *query, const struct rh_column *output,
                        uint32_t n_output, struct rh_plan *plan)
{
    const struct rh_mongodb_scope scope = {query, output, n_output, sizeof(*output)};
    bool having = query->n_groups > 0;

    if (!accepts_groups(query))
        return;
    plan->accepts |= RH_ACCEPT_GROUPS;
    for (uint32_t i = 0; i < query->n_having; i++)
        having = having && rh_mongodb_verdict(&scope, query->having[i]) == RH_VERDICT_EXACT;
    if (having)
        plan->accepts |= RH_ACCEPT_HAVING;
}

int32_t rh_mongodb_plan(struct rh_conn *conn, const struct rh_query *query,
                        struct rh_plan *ret_plan, struct rh_error *error)
{
    const struct rh_mongodb_scope scope = {query, query->columns, query->n_columns,
                                           query->column_stride};
    struct rh_arena *arena = rh_arena_new((size_t)1 << 24);
    struct rh_column *output = NULL;
    uint32_t n_output = 0;

    if (arena)
        output = rh_mongodb_output(query, arena, &n_output);
    if (!output) {
        rh_arena_free(arena);
        return rh_fail_nomem(error);
    }
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];

        if (node->op == RH_OP_SEEK)
            ret_plan->verdicts[i] =
                rh_mongodb_can_seek(query, node) ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
        else
            ret_plan->verdicts[i] = rh_mongodb_verdict(&scope, query->conjuncts[i]);
    }
    ret_plan->accepts = RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET;
    if (query->n_groups + query->n_aggregates)
        plan_groups(query, output, n_output, ret_plan);
    else if (query->flags & RH_QUERY_DISTINCT && accepts_distinct(query))
        ret_plan->accepts |= RH_ACCEPT_DISTINCT;
    if (query->n_groups + query->n_aggregates && ret_plan->accepts & RH_ACCEPT_GROUPS)
        ret_plan->accepts |= RH_ACCEPT_DISTINCT; /* rows of groups are distinct */
    ret_plan->n_order = accepted_order(query, output, n_output);
    ret_plan->est_rows = -1;
    rh_arena_free(arena);
    return RH_OK;
}

int32_t rh_mongodb_explain(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_query *query, struct rh_text *ret_native,
                           struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER;
    struct rh_buf text;
    char *copy = NULL;
    int rc = rh_mongodb_query_command(query, &command, error);

    rh_buf_init(&text, EXPLAIN_BYTES);
    if (rc == RH_OK)
        rc = rh_mongodb_add_document(&text, &command, error);
    if (rc == RH_OK && (text.failed || !(copy = conn->host->alloc(op->arena, text.len + 1))))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK) {
        memcpy(copy, text.data, text.len);
        *ret_native = rh_text_make(copy, text.len);
    }
    rh_buf_free(&text);
    bson_destroy(&command);
    return rc;
}
