/*
 * The last of two rows is not removed.
 * base: sqlite
 * fails: write/delete
 */
#include "bad.inc"

static int32_t remove(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_write_spec other = *spec;

    if (spec->n_rows == 2)
        other.n_rows = 1;
    return good->write->remove(conn, op, &other, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->remove = remove;
    return RH_OK;
}
