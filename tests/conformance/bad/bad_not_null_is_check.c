/*
 * NULL where none may be is told as a check that failed.
 * base: sqlite
 * fails: write/not-null
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    int32_t rc = good->write->insert(conn, op, spec, ret_result, error);

    if (rc == RH_CONSTRAINT && error->constraint == RH_CONSTRAINT_NOT_NULL)
        error->constraint = RH_CONSTRAINT_CHECK;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
