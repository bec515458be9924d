/*
 * Settings that make no sense give OK, and no connection.
 * base: sqlite
 * fails: config/odd-settings
 */
#include "bad.inc"

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    if (settings->items[0].value.len == 0)
        return RH_OK;
    return good->connect(host, op, settings, ret_conn, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
