/*
 * Closing a connection with an open cursor crashes.
 * base: sqlite
 * fails: cursors/close
 */
#include "bad.inc"

static _Thread_local struct rh_conn *busy;

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    int32_t rc = good->open(conn, op, query, ret_cursor, error);

    busy = rc ? NULL : conn;
    return rc;
}

static void finish(struct rh_cursor *cursor)
{
    busy = NULL;
    good->finish(cursor);
}

static void close(struct rh_conn *conn)
{
    if (busy == conn)
        abort();
    good->close(conn);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    bad->finish = finish;
    bad->close = close;
    return RH_OK;
}
