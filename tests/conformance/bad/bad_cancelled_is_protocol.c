/*
 * A cancelled call is told as a wrong answer.
 * base: postgres
 * fails: network/cancel-in-silence
 */
#include "bad.inc"

static int32_t ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return reclass(good->ping(conn, op, error), RH_CANCELLED, RH_PROTOCOL, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->ping = ping;
    return RH_OK;
}
