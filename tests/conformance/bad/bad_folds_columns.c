/*
 * Columns are told in lower case.
 * base: sqlite
 * fails: introspection/columns
 */
#include "bad.inc"

static void lower(struct rh_text text)
{
    char *at = mutable(text.data);

    for (uint64_t i = 0; i < text.len; i++)
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (char)(at[i] - 'A' + 'a');
}

static int32_t tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                      struct rh_error *error)
{
    int32_t rc = good->tables(conn, op, ret_catalog, error);
    struct rh_table *tables = rc ? NULL : mutable(ret_catalog->tables);

    for (uint32_t i = 0; !rc && i < ret_catalog->n_tables; i++)
        for (uint32_t c = 0; c < tables[i].n_columns; c++) {
            struct rh_column *column = mutable(&tables[i].columns[c]);
            lower(column->name);
        }
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->tables = tables;
    return RH_OK;
}
