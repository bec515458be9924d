/*
 * Of several changes it does not tell which failed.
 * base: sqlite
 * fails: ddl/all-or-told
 */
#include "bad.inc"

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    int32_t rc = RH_OK;

    for (uint32_t i = 0; i < n_changes && rc == RH_OK; i++)
        rc = good->ddl->apply(conn, op, &changes[i], 1, stride, flags, ret_native, error);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_ddl(bad)->apply = apply;
    return RH_OK;
}
