/*
 * It drops a table in a read-only operation.
 * base: sqlite
 * fails: ddl/read-only
 */
#include "bad.inc"

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_op free_op = without_flags(op);

    return good->ddl->apply(conn, &free_op, changes, n_changes, stride, flags, ret_native, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_ddl(bad)->apply = apply;
    return RH_OK;
}
