/*
 * It writes in a read-only operation.
 * base: sqlite
 * fails: write/read-only
 */
#include "bad.inc"

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_op free_op = without_flags(op);

    return good->write->update(conn, &free_op, spec, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->update = update;
    return RH_OK;
}
