/*
 * All cursors give their batches in one buffer.
 * base: sqlite
 * fails: cursors/borrowed threads/parallel
 */
#include "bad.inc"

#define N_SHARED 65536u

static struct rh_value shared[N_SHARED];

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    int32_t rc = good->next(cursor, op, max_rows, ret_batch, error);

    if (rc == RH_OK && ret_batch->n_rows * ret_batch->n_cols < N_SHARED) {
        memcpy(shared, ret_batch->cells, ret_batch->n_rows * ret_batch->n_cols * sizeof(*shared));
        ret_batch->cells = shared;
    }
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->next = next;
    return RH_OK;
}
