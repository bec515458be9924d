/*
 * A connection that was reset is told as an internal error.
 * base: postgres
 * fails: network/reset
 */
#include "bad.inc"

static int32_t ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return reclass(good->ping(conn, op, error), RH_UNAVAILABLE, RH_INTERNAL, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->ping = ping;
    return RH_OK;
}
