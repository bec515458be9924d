/*
 * A refused row ends the transaction.
 * base: sqlite
 * fails: transactions/failure
 */
#include "bad.inc"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    struct rh_error ignored = {.struct_size = sizeof(ignored)};
    int32_t rc = good->write->insert(conn, op, spec, ret_result, error);

    if (rc == RH_CONSTRAINT)
        good->tx->rollback(conn, op, &ignored);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->insert = insert;
    return RH_OK;
}
