/*
 * Each connection leaves a descriptor open.
 * base: sqlite
 * fails: hygiene/descriptors
 */
#include "bad.inc"

#include <fcntl.h>

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        abort();
    return good->connect(host, op, settings, ret_conn, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
