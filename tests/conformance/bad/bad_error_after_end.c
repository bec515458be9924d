/*
 * After END comes an error.
 * base: sqlite
 * fails: cursors/end
 */
#include "bad.inc"

static const struct rh_cursor *ended;

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    ended = NULL;
    return good->open(conn, op, query, ret_cursor, error);
}

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    int32_t rc;

    if (ended == cursor)
        return fail(error, RH_INTERNAL, "there are no more rows");
    rc = good->next(cursor, op, max_rows, ret_batch, error);
    if (rc == RH_END)
        ended = cursor;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    bad->next = next;
    return RH_OK;
}
