/*
 * Keys and indexes: from one query each of the dialect; without such queries from SQLPrimaryKeys,
 * SQLForeignKeys and SQLStatistics, table by table.
 */
#include "catalog_parts.h"

#include <stdlib.h>
#include <string.h>

/* Columns of a dialect's queries, from 0. */
enum {
    K_SCHEMA,
    K_TABLE,
    K_NAME,
    K_KIND,
    K_POSITION,
    K_COLUMN,
    K_REF_SCHEMA,
    K_REF_TABLE,
    K_REF_COLUMN,
    N_K
};
enum { I_SCHEMA, I_TABLE, I_NAME, I_UNIQUE, I_POSITION, I_COLUMN, I_PARTIAL, N_I };
enum { X_SCHEMA, X_TABLE, X_COLUMN, X_FLAGS, N_X };

/* ---- what is said of columns ---- */

static void build_extras(struct rh_odbc_build *build, const struct rh_odbc_grid *grid)
{
    static const struct {
        char letter;
        uint32_t flags;
    } known[] = {
        {'I', RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT},
        {'G', RH_COLUMN_GENERATED},
        {'D', RH_COLUMN_DEFAULT},
        {'E', RH_COLUMN_EXACT_EQUAL},
        {'B', RH_COLUMN_BINARY_ORDER},
    };

    for (uint64_t row = 0; row < grid->n_rows; row++) {
        struct rh_text flags = rh_odbc_grid_text(grid, row, X_FLAGS);
        struct rh_table *table = rh_odbc_build_find_table(
            build, rh_odbc_grid_text(grid, row, X_SCHEMA), rh_odbc_grid_text(grid, row, X_TABLE));
        uint32_t at = table ? rh_odbc_find_column(table, rh_odbc_grid_text(grid, row, X_COLUMN))
                            : RH_NO_COLUMN;
        struct rh_column *column = NULL;
        if (at == RH_NO_COLUMN)
            continue;
        column = (struct rh_column *)(uintptr_t)&table->columns[at];
        for (uint64_t i = 0; i < flags.len; i++) {
            for (unsigned k = 0; k < sizeof known / sizeof known[0]; k++)
                column->flags |= flags.data[i] == known[k].letter ? known[k].flags : 0;
            if (flags.data[i] == 'b')
                column->type = RH_TYPE_BOOL;
        }
        if (column->type != RH_TYPE_TEXT)
            column->flags &= ~(RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER);
    }
}

/* ---- keys and indexes: runs of rows with the same table and name ---- */

static bool same_run(const struct rh_odbc_grid *grid, uint64_t a, uint64_t b, bool by_name)
{
    for (uint32_t col = 0; col < (by_name ? 3u : 2u); col++) {
        if (!rh_text_equal(rh_odbc_grid_text(grid, a, col), rh_odbc_grid_text(grid, b, col)))
            return false;
    }
    return true;
}

static uint32_t *columns_of(struct rh_odbc_build *build, const struct rh_table *table,
                            const struct rh_odbc_grid *grid, uint64_t row, uint32_t n)
{
    uint32_t *columns = rh_odbc_build_alloc(build, n, sizeof *columns);

    for (uint32_t i = 0; columns && i < n; i++) {
        columns[i] = rh_odbc_find_column(table, rh_odbc_grid_text(grid, row + i, K_COLUMN));
        if (columns[i] == RH_NO_COLUMN)
            return NULL;
    }
    return columns;
}

static void add_foreign_key(struct rh_odbc_build *build, struct rh_table *table, uint32_t *columns,
                            const struct rh_odbc_grid *grid, uint64_t row, uint32_t n)
{
    struct rh_foreign_key *key =
        (struct rh_foreign_key *)(uintptr_t)&table->foreign_keys[table->n_foreign_keys];
    struct rh_text *names = rh_odbc_build_alloc(build, n, sizeof *names);

    if (!names)
        return;
    for (uint32_t i = 0; i < n; i++)
        names[i] = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row + i, K_REF_COLUMN));
    *key = (struct rh_foreign_key){
        .name = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row, K_NAME)),
        .schema = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row, K_REF_SCHEMA)),
        .table = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row, K_REF_TABLE)),
        .columns = columns,
        .ref_columns = names,
        .n_columns = n,
    };
    table->n_foreign_keys++;
}

static void add_index(struct rh_odbc_build *build, struct rh_table *table, uint32_t *columns,
                      const struct rh_odbc_grid *grid, uint64_t row, uint32_t n)
{
    struct rh_index *index = (struct rh_index *)(uintptr_t)&table->indexes[table->n_indexes++];

    *index = (struct rh_index){
        .name = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row, I_NAME)),
        .columns = columns,
        .n_columns = n,
        .flags = rh_odbc_grid_int(grid, row, I_UNIQUE, 0) ? RH_INDEX_UNIQUE : 0,
    };
    for (uint32_t i = 0; i < n; i++) {
        if (rh_odbc_grid_int(grid, row + i, I_PARTIAL, 0))
            index->flags |= RH_INDEX_PARTIAL;
    }
}

static void add_run(struct rh_odbc_build *build, struct rh_table *table,
                    const struct rh_odbc_grid *grid, uint64_t row, uint32_t n, bool indexes)
{
    uint32_t *columns = columns_of(build, table, grid, row, n);
    struct rh_text kind = rh_odbc_grid_text(grid, row, K_KIND);

    if (!columns)
        return;
    if (indexes) {
        add_index(build, table, columns, grid, row, n);
    } else if (rh_text_starts(kind, "P") && !table->n_key) {
        table->key = columns;
        table->n_key = n;
    } else if (rh_text_starts(kind, "F") || rh_text_starts(kind, "R")) {
        add_foreign_key(build, table, columns, grid, row, n);
    }
}

/* Rows are sorted by table, and within it by name and position. */
static int build_runs(struct rh_odbc_build *build, const struct rh_odbc_grid *grid, bool indexes)
{
    for (uint64_t row = 0; row < grid->n_rows && !build->error->error_class;) {
        struct rh_table *table = rh_odbc_build_find_table(
            build, rh_odbc_grid_text(grid, row, K_SCHEMA), rh_odbc_grid_text(grid, row, K_TABLE));
        uint64_t table_end = row + 1;
        size_t n_runs = 1;
        for (; table_end < grid->n_rows && same_run(grid, row, table_end, false); table_end++)
            n_runs += !same_run(grid, table_end - 1, table_end, true);
        if (table && indexes)
            table->indexes = rh_odbc_build_alloc(build, n_runs, sizeof(struct rh_index));
        else if (table)
            table->foreign_keys = rh_odbc_build_alloc(build, n_runs, sizeof(struct rh_foreign_key));
        while (row < table_end && !build->error->error_class) {
            uint64_t end = row + 1;
            while (end < table_end && same_run(grid, row, end, true))
                end++;
            if (table && end - row <= RH_ODBC_MAX_KEY)
                add_run(build, table, grid, row, (uint32_t)(end - row), indexes);
            row = end;
        }
    }
    return build->error->error_class;
}

/* ---- keys of a single table (generic) ---- */

/* SQLPrimaryKeys: column 3 the name, 4 the position from 1. */
static int add_primary_key(struct rh_odbc_build *build, struct rh_table *table)
{
    struct rh_odbc_grid grid;
    uint32_t *key = NULL;
    int rc = rh_odbc_build_fetch(build, RH_ODBC_PRIMARY_KEYS, table->schema, table->name, 6, &grid);

    if (!rc && grid.n_rows && grid.n_rows <= RH_ODBC_MAX_KEY)
        key = rh_odbc_build_alloc(build, grid.n_rows, sizeof *key);
    for (uint64_t row = 0; key && row < grid.n_rows; row++) {
        int64_t at = rh_odbc_grid_int(&grid, row, 4, (int64_t)row + 1);
        uint32_t column = rh_odbc_find_column(table, rh_odbc_grid_text(&grid, row, 3));
        if (column == RH_NO_COLUMN || at < 1 || at > (int64_t)grid.n_rows)
            goto out;
        key[at - 1] = column;
    }
    if (key) {
        table->key = key;
        table->n_key = (uint32_t)grid.n_rows;
    }
out:
    rh_odbc_grid_fini(&grid);
    return rc;
}

/* SQLStatistics: 3 non-unique, 5 name, 6 type (0: no index), 7 position, 8 column, 12 filter. */
static int add_indexes(struct rh_odbc_build *build, struct rh_table *table)
{
    struct rh_odbc_grid grid;
    struct rh_index *indexes = NULL;
    int rc = rh_odbc_build_fetch(build, RH_ODBC_STATISTICS, table->schema, table->name, 13, &grid);

    if (!rc)
        indexes = rh_odbc_build_alloc(build, grid.n_rows, sizeof *indexes);
    for (uint64_t row = 0; indexes && row < grid.n_rows;) {
        uint64_t end = row + 1;
        uint32_t n = 0, *columns = NULL;
        while (end < grid.n_rows &&
               rh_text_equal(rh_odbc_grid_text(&grid, row, 5), rh_odbc_grid_text(&grid, end, 5)))
            end++;
        if (rh_odbc_grid_int(&grid, row, 6, 0) != SQL_TABLE_STAT && end - row <= RH_ODBC_MAX_KEY)
            columns = rh_odbc_build_alloc(build, (size_t)(end - row), sizeof *columns);
        for (; columns && row + n < end; n++) {
            columns[n] = rh_odbc_find_column(table, rh_odbc_grid_text(&grid, row + n, 8));
            if (columns[n] == RH_NO_COLUMN)
                columns = NULL;
        }
        if (columns)
            indexes[table->n_indexes++] = (struct rh_index){
                .name = rh_odbc_build_keep(build, rh_odbc_grid_text(&grid, row, 5)),
                .columns = columns,
                .n_columns = n,
                .flags = (rh_odbc_grid_int(&grid, row, 3, 1) == 0 ? RH_INDEX_UNIQUE : 0) |
                         (rh_odbc_grid_text(&grid, row, 12).len ? RH_INDEX_PARTIAL : 0),
            };
        row = end;
    }
    table->indexes = indexes;
    rh_odbc_grid_fini(&grid);
    return rc;
}

/* SQLForeignKeys: 0, 1 the other's catalog and schema, 2 table, 3 column, 7 column, 8 position, 11
 * name. Rows are sorted by the other table and by position: each 1 begins a key. */
static int add_foreign_keys(struct rh_odbc_build *build, struct rh_table *table)
{
    bool catalogs = build->conn->dialect->schemas == RH_ODBC_SCHEMAS_CATALOGS;
    struct rh_odbc_grid grid;
    struct rh_foreign_key *keys = NULL;
    int rc =
        rh_odbc_build_fetch(build, RH_ODBC_FOREIGN_KEYS, table->schema, table->name, 12, &grid);

    if (!rc)
        keys = rh_odbc_build_alloc(build, grid.n_rows, sizeof *keys);
    for (uint64_t row = 0; keys && row < grid.n_rows;) {
        uint64_t end = row + 1;
        uint32_t n = 0;
        while (end < grid.n_rows && rh_odbc_grid_int(&grid, end, 8, 1) != 1)
            end++;
        uint32_t *columns = rh_odbc_build_alloc(build, (size_t)(end - row), sizeof *columns);
        struct rh_text *names = rh_odbc_build_alloc(build, (size_t)(end - row), sizeof *names);
        for (; columns && names && row + n < end; n++) {
            columns[n] = rh_odbc_find_column(table, rh_odbc_grid_text(&grid, row + n, 7));
            names[n] = rh_odbc_build_keep(build, rh_odbc_grid_text(&grid, row + n, 3));
            if (columns[n] == RH_NO_COLUMN)
                columns = NULL;
        }
        if (columns && names)
            keys[table->n_foreign_keys++] = (struct rh_foreign_key){
                .name = rh_odbc_build_keep(build, rh_odbc_grid_text(&grid, row, 11)),
                .schema =
                    rh_odbc_build_keep(build, rh_odbc_grid_text(&grid, row, catalogs ? 0 : 1)),
                .table = rh_odbc_build_keep(build, rh_odbc_grid_text(&grid, row, 2)),
                .columns = columns,
                .ref_columns = names,
                .n_columns = n,
            };
        row = end;
    }
    table->foreign_keys = keys;
    rh_odbc_grid_fini(&grid);
    return rc;
}

/* What a driver does not have is left out. */
static int keys_by_table(struct rh_odbc_build *build)
{
    for (uint32_t i = 0; i < build->n_tables; i++) {
        struct rh_table *table = &build->tables[i];
        int rc = rh_kit_check(build->conn->host, build->op, build->error);
        if (rc)
            return rc;
        if (table->kind != RH_TABLE_BASE)
            continue;
        (void)add_primary_key(build, table);
        (void)add_foreign_keys(build, table);
        (void)add_indexes(build, table);
        rc = build->error->error_class;
        if (rc == RH_CANCELLED || rc == RH_TIMEOUT || rc == RH_RESOURCE || build->conn->broken)
            return rc;
        rh_error_clear(build->error);
    }
    return RH_OK;
}

/* ---- all ---- */

static int keys_by_query(struct rh_odbc_build *build)
{
    const struct rh_odbc_dialect *dialect = build->conn->dialect;
    struct rh_odbc_grid keys, indexes = {.n_cols = 0}, extras = {.n_cols = 0};
    int rc = rh_odbc_grid_query(build->conn, dialect->keys, N_K, &keys, build->error);

    if (!rc)
        rc = build_runs(build, &keys, false);
    if (!rc && dialect->indexes)
        rc = rh_odbc_grid_query(build->conn, dialect->indexes, N_I, &indexes, build->error);
    if (!rc)
        rc = build_runs(build, &indexes, true);
    if (!rc && dialect->extras)
        rc = rh_odbc_grid_query(build->conn, dialect->extras, N_X, &extras, build->error);
    if (!rc)
        build_extras(build, &extras);
    rh_odbc_grid_fini(&keys);
    rh_odbc_grid_fini(&indexes);
    rh_odbc_grid_fini(&extras);
    return rc;
}

int rh_odbc_build_keys(struct rh_odbc_build *build)
{
    const struct rh_conn *conn = build->conn;

    return conn->dialect->keys && conn->traits.genuine ? keys_by_query(build)
                                                       : keys_by_table(build);
}
