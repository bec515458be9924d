/*
 * A statement writes in a read-only operation.
 * base: sqlite
 * fails: native/read-only
 */
#include "bad.inc"

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_op free_op = without_flags(op);

    return good->native->run(conn, &free_op, spec, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_native(bad)->run = run;
    return RH_OK;
}
