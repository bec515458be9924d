/*
 * It names no limit, and refuses more than 1000 rows.
 * base: sqlite
 * fails: write/many
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    if (spec->n_rows > 1000)
        return fail(error, RH_INVALID, "too many rows");
    return good->write->insert(conn, op, spec, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
