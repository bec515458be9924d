/*
 * The key is told in the order of the columns.
 * base: sqlite
 * fails: introspection/complete
 */
#include "bad.inc"

static int32_t tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                      struct rh_error *error)
{
    int32_t rc = good->tables(conn, op, ret_catalog, error);
    struct rh_table *tables = rc ? NULL : mutable(ret_catalog->tables);

    for (uint32_t i = 0; !rc && i < ret_catalog->n_tables; i++)
        if (tables[i].n_key == 2 && tables[i].key[0] > tables[i].key[1]) {
            uint32_t *key = mutable(tables[i].key);
            uint32_t first = key[1];
            key[1] = key[0];
            key[0] = first;
        }
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->tables = tables;
    return RH_OK;
}
