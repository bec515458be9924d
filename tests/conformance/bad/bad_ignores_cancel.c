/*
 * cancel does nothing.
 * base: sqlite
 * fails: time/cancel
 * timeout: 4
 */
#include "bad.inc"

static void cancel(struct rh_conn *conn)
{
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->cancel = cancel;
    return RH_OK;
}
