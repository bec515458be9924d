/*
 * The position of a page is left out.
 * base: sqlite
 * fails: oracle/pages
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_query other = *query;

    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (query->nodes[query->conjuncts[i]].op == RH_OP_SEEK)
            other.n_conjuncts = 0;
    return good->open(conn, op, &other, ret_cursor, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
