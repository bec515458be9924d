/*
 * A read-only transaction writes.
 * base: sqlite
 * fails: transactions/read-only
 */
#include "bad.inc"

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    return good->tx->begin(conn, op, flags & ~RH_TX_READ_ONLY, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_tx(bad)->begin = begin;
    return RH_OK;
}
