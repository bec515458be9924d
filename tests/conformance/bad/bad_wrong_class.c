/*
 * What is not there is told as an internal error.
 * base: sqlite
 * fails: config/errors
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    return reclass(good->open(conn, op, query, ret_cursor, error), RH_NOT_FOUND, RH_INTERNAL,
                   error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
