/*
 * A column that is not there is told as an internal error.
 * base: sqlite
 * fails: write/unknown-columns
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    int32_t rc = good->write->insert(conn, op, spec, ret_result, error);

    rc = reclass(rc, RH_INVALID, RH_INTERNAL, error);
    return reclass(rc, RH_NOT_FOUND, RH_INTERNAL, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
