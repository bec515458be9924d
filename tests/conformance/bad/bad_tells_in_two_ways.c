/*
 * The same table is told in two ways.
 * base: sqlite
 * fails: introspection/same
 */
#include "bad.inc"

static int32_t tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                      struct rh_error *error)
{
    static uint32_t calls;
    int32_t rc = good->tables(conn, op, ret_catalog, error);
    struct rh_table *tables = rc ? NULL : mutable(ret_catalog->tables);

    for (uint32_t i = 0; !rc && i < ret_catalog->n_tables; i++)
        for (uint32_t c = 0; c < tables[i].n_columns; c++) {
            struct rh_column *column = mutable(&tables[i].columns[c]);
            column->flags |= calls % 2 ? RH_COLUMN_INFERRED : 0;
        }
    calls++;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->tables = tables;
    return RH_OK;
}
