/*
 * Rows before one that is refused stay.
 * base: sqlite
 * fails: write/atomic-all
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_write_spec one = *spec;
    int32_t rc = RH_OK;
    uint64_t n = 0;

    if (spec->n_returning)
        return good->write->insert(conn, op, spec, ret_result, error);
    one.n_rows = 1;
    for (uint64_t i = 0; i < spec->n_rows && rc == RH_OK; i++) {
        one.cells = spec->cells + i * spec->n_columns;
        rc = good->write->insert(conn, op, &one, ret_result, error);
        n += ret_result->n_affected;
        if (rc)
            error->row = i;
    }
    ret_result->n_affected = n;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
