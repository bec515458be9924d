/*
 * A cancel without a call ends the next one.
 * base: sqlite
 * fails: time/cancel-idle
 */
#include "bad.inc"

static int cancelled;

static void cancel(struct rh_conn *conn)
{
    cancelled = 1;
    good->cancel(conn);
}

static int32_t ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (cancelled--)
        return fail(error, RH_CANCELLED, "cancelled");
    cancelled = 0;
    return good->ping(conn, op, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->cancel = cancel;
    bad->ping = ping;
    return RH_OK;
}
