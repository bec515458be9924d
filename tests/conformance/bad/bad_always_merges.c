/*
 * Rows that shall stay as they are are merged.
 * base: sqlite
 * fails: write/upsert
 */
#include "bad.inc"

static int32_t upsert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_write_spec other = *spec;

    other.resolve = RH_RESOLVE_MERGE;
    return good->write->upsert(conn, op, &other, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->upsert = upsert;
    return RH_OK;
}
