/*
 * rollback makes everything final.
 * base: memory
 * fails: transactions/rollback feed/rolled-back
 * also: hygiene
 */
#include "bad.inc"

static int32_t rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return good->tx->commit(conn, op, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_tx(bad)->rollback = rollback;
    return RH_OK;
}
