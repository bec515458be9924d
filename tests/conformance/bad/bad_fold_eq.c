/*
 * Texts are equal without regard to case.
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
        if (nodes[i].op == RH_OP_EQ && query->values[nodes[i].first].type == RH_TYPE_TEXT)
            nodes[i].op = RH_OP_LIKE | RH_OP_FOLD;
    }
    other.nodes = nodes;
    rc = good->open(conn, op, &other, ret_cursor, error);
    free(nodes);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
