/*
 * What is no statement is an internal error.
 * base: sqlite
 * fails: native/errors
 */
#include "bad.inc"

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    return reclass(good->native->run(conn, op, spec, ret_result, error), RH_INVALID, RH_INTERNAL,
                   error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_native(bad)->run = run;
    return RH_OK;
}
