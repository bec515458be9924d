/*
 * commit takes everything back.
 * base: sqlite
 * fails: transactions/commit
 */
#include "bad.inc"

static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return good->tx->rollback(conn, op, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_tx(bad)->commit = commit;
    return RH_OK;
}
