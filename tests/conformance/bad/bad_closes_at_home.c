/*
 * A connection is closed on its own thread only.
 * base: sqlite
 * fails: threads/close
 */
#include "bad.inc"

static _Thread_local int home;

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    home = 1;
    return good->connect(host, op, settings, ret_conn, error);
}

static void close(struct rh_conn *conn)
{
    if (!home)
        abort();
    good->close(conn);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    bad->close = close;
    return RH_OK;
}
