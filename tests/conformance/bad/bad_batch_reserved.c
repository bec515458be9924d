/*
 * A reserved field of a cell is not zero.
 * base: sqlite
 * fails: cursors/batches
 */
#include "bad.inc"

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    int32_t rc = good->next(cursor, op, max_rows, ret_batch, error);

    if (rc == RH_OK && max_rows == 7)
        ((struct rh_value *)mutable(ret_batch->cells))->reserved0 = 1;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->next = next;
    return RH_OK;
}
