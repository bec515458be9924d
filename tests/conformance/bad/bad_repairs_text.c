/*
 * Text that is not UTF-8 is changed, not refused.
 * base: memory
 * fails: types/invalid-text
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_write_spec other = *spec;
    uint64_t n = spec->n_rows * spec->n_columns;
    struct rh_value *cells = calloc(n + 1, sizeof(*cells));
    int32_t rc;

    if (!cells)
        return fail(error, RH_RESOURCE, "out of memory");
    for (uint64_t i = 0; i < n; i++) {
        cells[i] = spec->cells[i];
        if (cells[i].type == RH_TYPE_TEXT && cells[i].len &&
            ((const unsigned char *)cells[i].as.data)[cells[i].len - 1] > 0x7f) {
            cells[i].len = 1;
            cells[i].as.data = "?";
        }
    }
    other.cells = cells;
    rc = good->write->insert(conn, op, &other, ret_result, error);
    free(cells);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
