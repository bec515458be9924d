/*
 * Only one connection at a time.
 * base: sqlite
 * fails: config/connects
 */
#include "bad.inc"

static int n_open;

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    if (n_open)
        return fail(error, RH_BUSY, "one connection is enough");
    n_open++;
    return good->connect(host, op, settings, ret_conn, error);
}

static void close(struct rh_conn *conn)
{
    n_open--;
    good->close(conn);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    bad->close = close;
    return RH_OK;
}
