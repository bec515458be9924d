/*
 * reset leaves a transaction open.
 * base: sqlite
 * fails: transactions/reset
 */
#include "bad.inc"

static int32_t reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return RH_OK;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->reset = reset;
    return RH_OK;
}
