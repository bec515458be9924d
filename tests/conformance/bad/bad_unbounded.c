/*
 * A whole table comes in one batch.
 * base: sqlite
 * fails: cursors/bounded
 */
#include "bad.inc"

#define N_WHOLE 100000u

static struct rh_value whole[N_WHOLE];

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    uint64_t n_rows = 0, n = 0;
    int32_t rc;

    if (max_rows != UINT32_MAX)
        return good->next(cursor, op, max_rows, ret_batch, error);
    while ((rc = good->next(cursor, op, 1000, &batch, error)) == RH_OK) {
        for (uint64_t i = 0; i < batch.n_rows * batch.n_cols && n < N_WHOLE; i++, n++) {
            whole[n] = batch.cells[i];
            if (whole[n].len)
                whole[n].as.data = strndup(whole[n].as.data, whole[n].len);
        }
        n_rows += batch.n_rows;
        ret_batch->n_cols = batch.n_cols;
    }
    ret_batch->cells = whole;
    ret_batch->n_rows = n_rows;
    return rc == RH_END && n_rows ? RH_OK : rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->next = next;
    return RH_OK;
}
