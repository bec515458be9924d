/*
 * Wrong credentials are told as a lack of permission.
 * base: postgres
 * fails: config/wrong-credentials
 */
#include "bad.inc"

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    return reclass(good->connect(host, op, settings, ret_conn, error), RH_AUTH, RH_PERMISSION,
                   error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
