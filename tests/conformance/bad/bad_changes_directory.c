/*
 * It changes the working directory.
 * base: sqlite
 * fails: hygiene/directory
 */
#include "bad.inc"

#include <unistd.h>

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    if (chdir("/proc") != 0)
        abort();
    return good->connect(host, op, settings, ret_conn, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
