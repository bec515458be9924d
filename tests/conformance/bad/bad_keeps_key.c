/*
 * A changed key is not changed.
 * base: sqlite
 * fails: write/update-key
 */
#include "bad.inc"

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    if (spec->n_columns == 2 && spec->columns[0].name.data == spec->columns[1].name.data)
        return RH_OK;
    return good->write->update(conn, op, spec, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->update = update;
    return RH_OK;
}
