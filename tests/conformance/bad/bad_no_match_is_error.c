/*
 * A row that matches none is an error.
 * base: sqlite
 * fails: write/no-match
 */
#include "bad.inc"

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    int32_t rc = good->write->update(conn, op, spec, ret_result, error);

    if (rc == RH_OK && ret_result->n_affected == 0)
        return fail(error, RH_NOT_FOUND, "there is no such row");
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->update = update;
    return RH_OK;
}
