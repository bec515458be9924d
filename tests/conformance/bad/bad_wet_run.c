/*
 * A dry run does what it tells.
 * base: sqlite
 * fails: ddl/dry-run
 */
#include "bad.inc"

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    return good->ddl->apply(conn, op, changes, n_changes, stride, 0, ret_native, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_ddl(bad)->apply = apply;
    return RH_OK;
}
