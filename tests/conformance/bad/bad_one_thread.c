/*
 * A connection works on one thread only.
 * base: sqlite
 * fails: threads/migrate
 */
#include "bad.inc"

static _Thread_local const struct rh_conn *mine[64];
static _Thread_local unsigned n_mine;

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    int32_t rc = good->connect(host, op, settings, ret_conn, error);

    if (rc == RH_OK)
        mine[n_mine++ % 64] = *ret_conn;
    return rc;
}

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    for (unsigned i = 0; i < 64; i++)
        if (mine[i] == conn)
            return good->open(conn, op, query, ret_cursor, error);
    return fail(error, RH_INTERNAL, "this is another thread");
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    bad->open = open;
    return RH_OK;
}
