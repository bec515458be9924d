/*
 * It crashes when it connects.
 * base: sqlite
 * fails: config/connects
 * also: introspection cursors hygiene ddl
 */
#include "bad.inc"

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    abort();
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
