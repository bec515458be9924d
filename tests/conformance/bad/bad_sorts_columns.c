/*
 * Columns come in the order of the table.
 * base: sqlite
 * fails: cursors/columns
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_query other = *query;
    uint32_t select[3];

    if (query->n_select == 3 && query->select[0] > query->select[1]) {
        select[0] = query->select[1];
        select[1] = select[2] = query->select[0];
        other.select = select;
    }
    return good->open(conn, op, &other, ret_cursor, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
