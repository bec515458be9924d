/*
 * A statement goes on behind its deadline.
 * base: sqlite
 * fails: time/deadline
 * timeout: 4
 */
#include "bad.inc"

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_op late = without_deadline(op);

    return good->native->run(conn, &late, spec, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_native(bad)->run = run;
    return RH_OK;
}
