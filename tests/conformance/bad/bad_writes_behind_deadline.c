/*
 * A write does not look at its deadline.
 * base: sqlite
 * fails: time/write-past
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_op late = without_deadline(op);

    return good->write->insert(conn, &late, spec, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
