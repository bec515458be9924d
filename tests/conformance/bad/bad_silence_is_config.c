/*
 * A source that says nothing is told as a wrong setting.
 * base: postgres
 * fails: network/silent-connect
 */
#include "bad.inc"

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    int32_t rc = good->connect(host, op, settings, ret_conn, error);

    rc = reclass(rc, RH_TIMEOUT, RH_CONFIG, error);
    return reclass(rc, RH_UNAVAILABLE, RH_CONFIG, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
