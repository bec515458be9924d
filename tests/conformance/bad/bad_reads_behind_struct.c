/*
 * It reads behind the struct that it was lent.
 * base: sqlite
 * fails: abi/reads-no-further
 * also: introspection cursors hygiene ddl
 */
#include "bad.inc"

static int32_t ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_op *second = op + 1;

    if (second->struct_size == 1)
        return fail(error, RH_INVALID, "there is another operation behind this one");
    return good->ping(conn, op, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->ping = ping;
    return RH_OK;
}
