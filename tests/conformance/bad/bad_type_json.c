/*
 * Large numbers lose digits.
 * base: memory
 * fails: types/json
 */
#include "bad.inc"

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    int32_t rc = good->next(cursor, op, max_rows, ret_batch, error);
    struct rh_value *cells = rc ? NULL : mutable(ret_batch->cells);

    for (uint64_t i = 0; !rc && i < ret_batch->n_rows * ret_batch->n_cols; i++)
        if (cells[i].type == RH_TYPE_JSON && cells[i].len > 25)
            cells[i].len = 20;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->next = next;
    return RH_OK;
}
