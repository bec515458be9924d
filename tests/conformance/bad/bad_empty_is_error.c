/*
 * A table without rows is an error.
 * base: sqlite
 * fails: cursors/empty
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int32_t rc = good->open(conn, op, query, ret_cursor, error);

    if (rc == RH_OK && query->n_conjuncts == 0 &&
        good->next(*ret_cursor, op, 1, &batch, error) == RH_END) {
        good->finish(*ret_cursor);
        return fail(error, RH_NOT_FOUND, "there are no rows");
    }
    if (rc == RH_OK) {
        good->finish(*ret_cursor);
        rc = good->open(conn, op, query, ret_cursor, error);
    }
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
