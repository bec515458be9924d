/*
 * Returned rows come backwards.
 * base: sqlite
 * fails: write/returning
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    int32_t rc = good->write->insert(conn, op, spec, ret_result, error);
    struct rh_batch *batch = &ret_result->returned;
    struct rh_value *cells = mutable(batch->cells);

    for (uint64_t i = 0; !rc && batch->n_rows && i < batch->n_rows / 2; i++)
        for (uint32_t c = 0; c < batch->n_cols; c++) {
            struct rh_value *a = &cells[i * batch->n_cols + c];
            struct rh_value *b = &cells[(batch->n_rows - 1 - i) * batch->n_cols + c];
            struct rh_value kept = *a;
            *a = *b;
            *b = kept;
        }
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
