/*
 * rollback to a savepoint takes nothing back.
 * base: sqlite
 * fails: transactions/savepoints
 */
#include "bad.inc"

static int32_t rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                           struct rh_error *error)
{
    return RH_OK;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_tx(bad)->rollback_to = rollback_to;
    return RH_OK;
}
