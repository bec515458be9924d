/*
 * commit without begin is OK.
 * base: sqlite
 * fails: transactions/order
 */
#include "bad.inc"

static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return reclass(good->tx->commit(conn, op, error), RH_INVALID, RH_OK, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_tx(bad)->commit = commit;
    return RH_OK;
}
