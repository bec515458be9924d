/*
 * It takes structs of one size only.
 * base: sqlite
 * fails: abi/larger-structs
 */
#include "bad.inc"

static int32_t ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (op->struct_size != sizeof(*op))
        return fail(error, RH_INVALID, "the operation has another size");
    return good->ping(conn, op, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->ping = ping;
    return RH_OK;
}
