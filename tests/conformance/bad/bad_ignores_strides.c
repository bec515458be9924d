/*
 * It walks through columns as if they were an array.
 * base: sqlite
 * fails: abi/larger-structs
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_query other = *query;

    other.column_stride = sizeof(struct rh_column);
    return good->open(conn, op, &other, ret_cursor, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
