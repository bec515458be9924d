/*
 * SUPERSET, but rows at the bound are lost.
 * base: sqlite
 * fails: oracle/conditions
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_query other = *query;
    struct rh_node *nodes = calloc((size_t)query->n_nodes + 1, sizeof(*nodes));
    int32_t rc;

    if (!nodes)
        return fail(error, RH_RESOURCE, "out of memory");
    for (uint32_t i = 0; i < query->n_nodes; i++) {
        nodes[i] = query->nodes[i];
        if (nodes[i].op == RH_OP_LTE)
            nodes[i].op = RH_OP_LT;
    }
    other.nodes = nodes;
    rc = good->open(conn, op, &other, ret_cursor, error);
    free(nodes);
    return rc;
}

static int32_t plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error)
{
    int32_t rc = good->plan(conn, query, ret_plan, error);

    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (ret_plan->verdicts[i] == RH_VERDICT_EXACT)
            ret_plan->verdicts[i] = RH_VERDICT_SUPERSET;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    bad->plan = plan;
    return RH_OK;
}
