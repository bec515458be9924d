/*
 * Introspection. Tables and columns of all schemas come from SQLTables and SQLColumns, keys and
 * indexes from one query each of the dialect. Without such queries (generic), they come from
 * SQLPrimaryKeys, SQLForeignKeys and SQLStatistics, which drivers answer for one table at a time:
 * the number of requests then grows with the number of tables.
 */
#include "catalog.h"

#include "base/arena.h"
#include "base/json.h"
#include "catalog_parts.h"
#include "read.h"

#include <string.h>

/* ---- parts ---- */

void *rh_odbc_build_alloc(struct rh_odbc_build *build, size_t n, size_t size)
{
    size_t bytes = 0;
    void *room = NULL;

    if (!__builtin_mul_overflow(n ? n : 1, size, &bytes))
        room = build->conn->host->alloc(build->op->arena, bytes);
    if (!room)
        rh_fail_nomem(build->error);
    return room;
}

struct rh_text rh_odbc_build_keep(struct rh_odbc_build *build, struct rh_text text)
{
    char *copy = NULL;

    if (!text.data)
        return text;
    copy = rh_odbc_build_alloc(build, text.len + 1, 1);
    if (!copy)
        return (struct rh_text){NULL, 0};
    if (text.len)
        memcpy(copy, text.data, text.len);
    return rh_text_make(copy, text.len);
}

static int compare_names(struct rh_text a_schema, struct rh_text a_name, struct rh_text b_schema,
                         struct rh_text b_name)
{
    int order = rh_text_compare(a_schema, b_schema);

    return order ? order : rh_text_compare(a_name, b_name);
}

struct rh_table *rh_odbc_build_find_table(const struct rh_odbc_build *build, struct rh_text schema,
                                          struct rh_text name)
{
    uint32_t low = 0, high = build->n_tables;

    if (build->conn->dialect->schemas == RH_ODBC_SCHEMAS_NONE)
        schema = (struct rh_text){NULL, 0};
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct rh_table *table = &build->tables[middle];
        int order = compare_names(table->schema, table->name, schema, name);
        if (order == 0)
            return table;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint32_t rh_odbc_find_column(const struct rh_table *table, struct rh_text name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_equal(table->columns[i].name, name))
            return i;
    }
    return RH_NO_COLUMN;
}

int rh_odbc_build_fetch(struct rh_odbc_build *build, enum rh_odbc_function function,
                        struct rh_text schema, struct rh_text table, uint32_t n_cols,
                        struct rh_odbc_grid *ret_grid)
{
    const struct rh_text none = {NULL, 0};
    struct rh_conn *conn = build->conn;
    bool catalogs = conn->dialect->schemas == RH_ODBC_SCHEMAS_CATALOGS;
    SQLHSTMT handle = NULL;
    SQLRETURN code;
    int rc = RH_OK;

    *ret_grid = (struct rh_odbc_grid){.n_cols = n_cols};
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, conn->dbc, &handle)))
        return rh_odbc_fail_call(conn, NULL, build->error);
    rh_odbc_watch_enter(&conn->watch, handle);
    code = rh_odbc_api_catalog(handle, conn->narrow, function, catalogs ? schema : none,
                               catalogs ? none : schema, table);
    rh_odbc_watch_leave(&conn->watch);
    if (!SQL_SUCCEEDED(code))
        rc = rh_odbc_fail_call(conn, handle, build->error);
    else
        rc = rh_odbc_grid_read(conn, handle, n_cols, ret_grid, build->error);
    (void)SQLFreeHandle(SQL_HANDLE_STMT, handle);
    return rc;
}

/* ---- the whole ---- */

static int find_default_schema(struct rh_odbc_build *build, struct rh_catalog *catalog)
{
    struct rh_odbc_grid grid;
    int rc;

    if (!build->conn->dialect->default_schema || !build->conn->traits.genuine)
        return RH_OK;
    rc = rh_odbc_grid_query(build->conn, build->conn->dialect->default_schema, 1, &grid,
                            build->error);
    if (!rc && grid.n_rows)
        catalog->default_schema =
            rh_odbc_build_keep(build, rh_text_trim(rh_odbc_grid_text(&grid, 0, 0)));
    rh_odbc_grid_fini(&grid);
    return rc;
}

static int load_wanted(struct rh_odbc_build *build)
{
    struct rh_json *parsed = NULL;
    int rc;

    if (!build->conn->schemas)
        return RH_OK;
    build->scratch = rh_arena_new(1u << 20);
    if (!build->scratch)
        return rh_fail_nomem(build->error);
    rc = rh_json_parse(build->scratch, rh_text_of(build->conn->schemas), &parsed, build->error);
    build->wanted = parsed;
    return rc;
}

static int build_all(struct rh_odbc_build *build, struct rh_catalog *ret_catalog)
{
    int rc = find_default_schema(build, ret_catalog);

    if (!rc)
        rc = rh_odbc_build_tables(build);
    return rc ? rc : rh_odbc_build_keys(build);
}

int rh_odbc_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                   struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct rh_odbc_build build = {.conn = conn, .op = op, .error = error ? error : &own};
    int rc = rh_odbc_enter_free(conn, op, build.error);

    if (!rc)
        rc = load_wanted(&build);
    if (!rc) {
        rh_odbc_use_slices(conn, false);
        rc = build_all(&build, ret_catalog);
    }
    if (!rc) {
        ret_catalog->tables = build.tables;
        ret_catalog->n_tables = build.n_tables;
        ret_catalog->table_stride = sizeof(struct rh_table);
        rc = build.error->error_class;
    }
    rh_arena_free(build.scratch);
    rh_odbc_leave(conn);
    return rc;
}
