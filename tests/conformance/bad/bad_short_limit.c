/*
 * The limit cuts one row early.
 * base: sqlite
 * fails: oracle/slices
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_query other = *query;

    if (other.limit != RH_NO_LIMIT && other.limit > 1)
        other.limit--;
    return good->open(conn, op, &other, ret_cursor, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
