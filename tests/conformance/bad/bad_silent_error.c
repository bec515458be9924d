/*
 * An error without a message.
 * base: sqlite
 * fails: config/errors
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    int32_t rc = good->open(conn, op, query, ret_cursor, error);

    if (rc)
        error->message[0] = 0;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
