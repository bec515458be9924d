/*
 * A setting that is secret is in an error.
 * base: postgres
 * fails: config/no-secret
 */
#include "bad.inc"

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    int32_t rc = good->connect(host, op, settings, ret_conn, error);
    const struct rh_value *url = &settings->items[0].value;

    for (uint32_t i = 0; rc && i < settings->n; i++)
        if (settings->items[i].name.len == 3)
            url = &settings->items[i].value;
    if (rc && url->len < sizeof(error->hint))
        memcpy(error->hint, url->as.data, url->len);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
