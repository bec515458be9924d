/*
 * A reserved field of a table is not zero.
 * base: sqlite
 * fails: introspection/well-formed
 * also: cursors hygiene ddl
 */
#include "bad.inc"

static int32_t tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                      struct rh_error *error)
{
    int32_t rc = good->tables(conn, op, ret_catalog, error);
    struct rh_table *tables = rc ? NULL : mutable(ret_catalog->tables);

    for (uint32_t i = 0; !rc && i < ret_catalog->n_tables; i++)
        tables[i].reserved = 1;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->tables = tables;
    return RH_OK;
}
