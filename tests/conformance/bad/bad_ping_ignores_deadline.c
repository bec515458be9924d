/*
 * A ping does not look at its deadline.
 * base: sqlite
 * fails: time/deadline-past
 */
#include "bad.inc"

static int32_t ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_op late = without_deadline(op);

    return good->ping(conn, &late, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->ping = ping;
    return RH_OK;
}
