/*
 * What is pushed down: rows by their `_row`, in one request. The Sheets API looks for nothing else; all
 * other conditions, the order and what is grouped are the host's.
 */
#include "googlesheets.h"

#define MAX_IN 200

const struct rh_operator rh_googlesheets_operators[RH_GOOGLESHEETS_N_OPERATORS] = {
    {.op = RH_OP_EQ, .types = RH_TYPE_BIT(RH_TYPE_INT), .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_IN, .types = RH_TYPE_BIT(RH_TYPE_INT), .verdict = RH_VERDICT_EXACT},
};

static bool is_keys(const struct rh_query *query, const struct rh_node *node)
{
    const struct rh_column *column =
        node->column < query->n_columns
            ? rh_kit_column(query->columns, query->column_stride, node->column)
            : NULL;

    return column && (node->op == RH_OP_EQ || node->op == RH_OP_IN) && node->n <= MAX_IN &&
           column->flags & RH_COLUMN_GENERATED && rh_text_is(column->name, RH_GOOGLESHEETS_ROW);
}

int32_t rh_googlesheets_plan(struct rh_conn *conn, const struct rh_query *query,
                             struct rh_plan *ret_plan, struct rh_error *error)
{
    bool found = false;

    for (uint32_t i = 0; i < query->n_conjuncts && !found; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];

        found = is_keys(query, node);
        ret_plan->verdicts[i] = found ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
        if (found)
            ret_plan->est_rows = node->n;
    }
    if (!query->n_groups && !query->n_aggregates)
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    return RH_OK;
}

int rh_googlesheets_check_query(const struct rh_query *query, const struct rh_node **ret_keys,
                                struct rh_error *error)
{
    *ret_keys = query->n_conjuncts ? &query->nodes[query->conjuncts[0]] : NULL;
    if (query->n_groups || query->n_aggregates || query->n_having || query->offset ||
        query->flags & 0xffffu || query->n_order || query->n_conjuncts > 1 ||
        (*ret_keys && !is_keys(query, *ret_keys)))
        return rh_fail(error, RH_UNSUPPORTED, "Google Sheets was not asked what it can do");
    return RH_OK;
}
