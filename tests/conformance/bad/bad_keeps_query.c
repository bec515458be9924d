/*
 * It keeps a pointer that it was lent for a call.
 * base: sqlite
 * fails: abi/keeps-nothing
 */
#include "bad.inc"

static const char *kept;

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    kept = query->table.data;
    return good->open(conn, op, query, ret_cursor, error);
}

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    if (kept[0] == 0)
        return fail(error, RH_INTERNAL, "a table without a name");
    return good->next(cursor, op, max_rows, ret_batch, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    bad->next = next;
    return RH_OK;
}
