/*
 * A write whose answer was lost is told as not done.
 * base: postgres
 * fails: network/lost-write
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return reclass(good->write->insert(conn, op, spec, ret_result, error), RH_UNKNOWN_OUTCOME,
                   RH_UNAVAILABLE, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
