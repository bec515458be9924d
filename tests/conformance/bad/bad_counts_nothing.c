/*
 * A statement that writes tells no count.
 * base: sqlite
 * fails: native/counts
 */
#include "bad.inc"

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    int32_t rc = good->native->run(conn, op, spec, ret_result, error);

    ret_result->n_affected = 0;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_native(bad)->run = run;
    return RH_OK;
}
