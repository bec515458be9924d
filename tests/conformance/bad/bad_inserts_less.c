/*
 * The last of two rows is not inserted.
 * base: sqlite
 * fails: write/insert
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_write_spec other = *spec;

    if (spec->n_rows == 2)
        other.n_rows = 1;
    return good->write->insert(conn, op, &other, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
