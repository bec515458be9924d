/*
 * NULLs stand at the other end.
 * base: sqlite
 * fails: oracle/order
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_query other = *query;
    struct rh_order *order = calloc((size_t)query->n_order + 1, sizeof(*order));
    int32_t rc;

    if (!order)
        return fail(error, RH_RESOURCE, "out of memory");
    for (uint32_t i = 0; i < query->n_order; i++) {
        order[i] = query->order[i];
        order[i].flags ^= RH_ORDER_NULLS_FIRST;
    }
    other.order = order;
    rc = good->open(conn, op, &other, ret_cursor, error);
    free(order);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
