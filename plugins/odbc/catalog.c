/*
 * Introspection. Tables and columns of all schemas come from SQLTables and SQLColumns, keys and
 * indexes from one query each of the dialect. Without such queries (generic), they come from
 * SQLPrimaryKeys, SQLForeignKeys and SQLStatistics, which drivers answer for one table at a time:
 * the number of requests then grows with the number of tables.
 */
#include "catalog.h"

#include "api.h"
#include "base/arena.h"
#include "base/json.h"
#include "connection.h"
#include "grid.h"
#include "read.h"
#include "type.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_KEY 64

/* Columns of SQLTables and SQLColumns, from 0. */
enum { T_CATALOG, T_SCHEMA, T_NAME, T_TYPE, T_REMARKS, N_T };
enum {
    C_CATALOG,
    C_SCHEMA,
    C_TABLE,
    C_NAME,
    C_TYPE,
    C_TYPE_NAME,
    C_SIZE,
    C_DIGITS = 8,
    C_NULLABLE = 10,
    C_REMARKS,
    C_DEFAULT,
    N_C
};
/* … and of a dialect's queries. */
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

struct build {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_error *error;
    struct rh_table *tables;
    uint32_t n_tables;
    struct rh_arena *scratch;
    const struct rh_json *wanted; /* array of schemas, or NULL */
};

static void *alloc(struct build *build, size_t n, size_t size)
{
    size_t bytes = 0;
    void *room = NULL;

    if (!__builtin_mul_overflow(n ? n : 1, size, &bytes))
        room = build->conn->host->alloc(build->op->arena, bytes);
    if (!room)
        rh_fail_nomem(build->error);
    return room;
}

static struct rh_text keep(struct build *build, struct rh_text text)
{
    char *copy = NULL;

    if (!text.data)
        return text;
    copy = alloc(build, text.len + 1, 1);
    if (!copy)
        return (struct rh_text){NULL, 0};
    if (text.len)
        memcpy(copy, text.data, text.len);
    return rh_text_make(copy, text.len);
}

/* ---- which schemas ---- */

static bool is_wanted(const struct build *build, struct rh_text schema)
{
    const char *system = build->conn->dialect->system_schemas;
    const char *found = system;

    if (build->conn->dialect->schemas == RH_ODBC_SCHEMAS_NONE)
        return true;
    if (build->wanted) {
        for (const struct rh_json *name = build->wanted->child; name; name = name->next) {
            if (rh_text_equal(name->text, schema))
                return true;
        }
        return false;
    }
    while (schema.len && found && (found = memmem(found, strlen(found), schema.data, schema.len))) {
        if (found > system && found[-1] == ' ' && found[schema.len] == ' ')
            return false;
        found++;
    }
    return true;
}

static struct rh_text schema_of(const struct build *build, const struct rh_odbc_grid *grid,
                                uint64_t row)
{
    switch (build->conn->dialect->schemas) {
    case RH_ODBC_SCHEMAS:
        return rh_odbc_grid_text(grid, row, T_SCHEMA);
    case RH_ODBC_SCHEMAS_CATALOGS:
        return rh_odbc_grid_text(grid, row, T_CATALOG);
    default:
        return (struct rh_text){NULL, 0};
    }
}

/* ---- tables ---- */

static bool holds(struct rh_text text, const char *word)
{
    for (uint64_t i = 0; i + strlen(word) <= text.len; i++) {
        if (strncasecmp(text.data + i, word, strlen(word)) == 0)
            return true;
    }
    return false;
}

/* False: no table that is shown. */
static bool kind_of(struct rh_text type, uint32_t *ret_kind)
{
    if (holds(type, "SYSTEM") || holds(type, "TEMPORARY") || holds(type, "SYNONYM") ||
        holds(type, "ALIAS") || holds(type, "SEQUENCE") || holds(type, "INDEX"))
        return false;
    if (holds(type, "MATVIEW") || holds(type, "MATERIALIZED"))
        *ret_kind = RH_TABLE_MATERIALIZED;
    else if (holds(type, "VIEW"))
        *ret_kind = RH_TABLE_VIEW;
    else if (holds(type, "FOREIGN"))
        *ret_kind = RH_TABLE_FOREIGN;
    else if (holds(type, "TABLE"))
        *ret_kind = RH_TABLE_BASE;
    else
        return false;
    return true;
}

static int compare_names(struct rh_text a_schema, struct rh_text a_name, struct rh_text b_schema,
                         struct rh_text b_name)
{
    int order = rh_text_compare(a_schema, b_schema);

    return order ? order : rh_text_compare(a_name, b_name);
}

static int compare_tables(const void *a, const void *b)
{
    const struct rh_table *x = a, *y = b;

    return compare_names(x->schema, x->name, y->schema, y->name);
}

static struct rh_table *find_table(const struct build *build, struct rh_text schema,
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

static int build_tables(struct build *build, const struct rh_odbc_grid *grid)
{
    build->tables = alloc(build, grid->n_rows, sizeof *build->tables);
    for (uint64_t row = 0; build->tables && row < grid->n_rows; row++) {
        struct rh_table *table = &build->tables[build->n_tables];
        struct rh_text schema = schema_of(build, grid, row);
        struct rh_text name = rh_odbc_grid_text(grid, row, T_NAME);
        uint32_t kind = RH_TABLE_BASE;
        if (!name.len || !is_wanted(build, schema) ||
            !kind_of(rh_odbc_grid_text(grid, row, T_TYPE), &kind))
            continue;
        *table = (struct rh_table){
            .struct_size = sizeof *table,
            .kind = kind,
            .flags = kind == RH_TABLE_BASE || kind == RH_TABLE_FOREIGN ? 0 : RH_TABLE_READ_ONLY,
            .schema = keep(build, schema),
            .name = keep(build, name),
            .comment = keep(build, rh_odbc_grid_text(grid, row, T_REMARKS)),
            .column_stride = sizeof(struct rh_column),
            .index_stride = sizeof(struct rh_index),
            .foreign_key_stride = sizeof(struct rh_foreign_key),
            .est_rows = -1,
        };
        build->n_tables++;
    }
    if (build->tables)
        qsort(build->tables, build->n_tables, sizeof *build->tables, compare_tables);
    return build->error->error_class;
}

/* ---- columns ---- */

static bool takes_size(uint32_t type, int16_t sql_type)
{
    return type == RH_TYPE_DECIMAL || sql_type == SQL_CHAR || sql_type == SQL_VARCHAR ||
           sql_type == SQL_WCHAR || sql_type == SQL_WVARCHAR || sql_type == SQL_BINARY ||
           sql_type == SQL_VARBINARY;
}

/* "numeric(10,2)" */
static struct rh_text native_type_of(struct build *build, const struct rh_column *column,
                                     struct rh_text name, int64_t size, int64_t digits)
{
    struct rh_buf text;
    struct rh_text made;

    if (!name.len || memchr(name.data, '(', name.len) || size <= 0 || size > 8000 ||
        !takes_size(column->type, rh_odbc_id_type(column)) || (column->flags & RH_COLUMN_OPAQUE))
        return keep(build, name);
    rh_buf_init(&text, 512);
    rh_buf_add_text(&text, name);
    if (column->type == RH_TYPE_DECIMAL)
        rh_buf_addf(&text, "(%lld,%lld)", (long long)size, (long long)(digits > 0 ? digits : 0));
    else
        rh_buf_addf(&text, "(%lld)", (long long)size);
    made = keep(build, text.failed ? name : rh_buf_text(&text));
    rh_buf_free(&text);
    return made;
}

static void add_column(struct build *build, struct rh_column *column,
                       const struct rh_odbc_grid *grid, uint64_t row)
{
    struct rh_text type_name = rh_text_trim(rh_odbc_grid_text(grid, row, C_TYPE_NAME));
    int64_t sql_type = rh_odbc_grid_int(grid, row, C_TYPE, SQL_VARCHAR);
    int64_t size = rh_odbc_grid_int(grid, row, C_SIZE, 0);
    int64_t digits = rh_odbc_grid_int(grid, row, C_DIGITS, 0);
    struct rh_text otherwise = rh_odbc_grid_text(grid, row, C_DEFAULT);
    uint32_t id_flags = 0;

    *column = (struct rh_column){.name = keep(build, rh_odbc_grid_text(grid, row, C_NAME))};
    column->type = rh_odbc_type_of(build->conn->dialect, (int16_t)sql_type, type_name,
                                   size < 0 ? 0 : (uint64_t)size, (int)digits,
                                   holds(type_name, "unsigned"), &id_flags, &column->flags);
    column->native_id =
        rh_odbc_id((int16_t)sql_type, digits > 0 && digits < 256 ? (uint8_t)digits : 0, id_flags);
    column->native_type = native_type_of(build, column, type_name, size, digits);
    column->comment = keep(build, rh_odbc_grid_text(grid, row, C_REMARKS));
    if (column->type == RH_TYPE_DECIMAL && size > 0 && size <= 1000) {
        column->precision = (uint32_t)size;
        column->scale = digits > 0 ? (uint32_t)digits : 0;
    }
    if ((column->type == RH_TYPE_TEXT || column->type == RH_TYPE_BYTES) && size > 0 &&
        size <= 8000 && !(column->flags & RH_COLUMN_OPAQUE))
        column->max_length = (uint32_t)size;
    if (rh_odbc_grid_int(grid, row, C_NULLABLE, SQL_NULLABLE_UNKNOWN) == SQL_NO_NULLS)
        column->flags |= RH_COLUMN_NOT_NULL;
    if (otherwise.len && !holds(otherwise, "NULL")) {
        column->default_text = keep(build, otherwise);
        column->flags |= RH_COLUMN_DEFAULT;
    }
    if (rh_text_ends(type_name, "identity"))
        column->flags |= RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT;
}

static int build_columns(struct build *build, const struct rh_odbc_grid *grid)
{
    for (uint64_t row = 0; row < grid->n_rows; row++) {
        struct rh_table *table =
            find_table(build, schema_of(build, grid, row), rh_odbc_grid_text(grid, row, C_TABLE));
        if (table && !table->columns)
            table->n_columns++;
    }
    for (uint32_t i = 0; i < build->n_tables; i++) {
        struct rh_table *table = &build->tables[i];
        if (table->columns || !table->n_columns)
            continue;
        table->columns = alloc(build, table->n_columns, sizeof(struct rh_column));
        if (!table->columns)
            return build->error->error_class;
        table->n_columns = 0;
    }
    for (uint64_t row = 0; row < grid->n_rows && !build->error->error_class; row++) {
        struct rh_table *table =
            find_table(build, schema_of(build, grid, row), rh_odbc_grid_text(grid, row, C_TABLE));
        struct rh_column *columns = table ? (struct rh_column *)(uintptr_t)table->columns : NULL;
        if (table)
            add_column(build, &columns[table->n_columns++], grid, row);
    }
    return build->error->error_class;
}

static uint32_t find_column(const struct rh_table *table, struct rh_text name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_equal(table->columns[i].name, name))
            return i;
    }
    return RH_NO_COLUMN;
}

static void build_extras(struct build *build, const struct rh_odbc_grid *grid)
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
        struct rh_table *table = find_table(build, rh_odbc_grid_text(grid, row, X_SCHEMA),
                                            rh_odbc_grid_text(grid, row, X_TABLE));
        uint32_t at =
            table ? find_column(table, rh_odbc_grid_text(grid, row, X_COLUMN)) : RH_NO_COLUMN;
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

static uint32_t *columns_of(struct build *build, const struct rh_table *table,
                            const struct rh_odbc_grid *grid, uint64_t row, uint32_t n)
{
    uint32_t *columns = alloc(build, n, sizeof *columns);

    for (uint32_t i = 0; columns && i < n; i++) {
        columns[i] = find_column(table, rh_odbc_grid_text(grid, row + i, K_COLUMN));
        if (columns[i] == RH_NO_COLUMN)
            return NULL;
    }
    return columns;
}

static void add_foreign_key(struct build *build, struct rh_table *table, uint32_t *columns,
                            const struct rh_odbc_grid *grid, uint64_t row, uint32_t n)
{
    struct rh_foreign_key *key =
        (struct rh_foreign_key *)(uintptr_t)&table->foreign_keys[table->n_foreign_keys];
    struct rh_text *names = alloc(build, n, sizeof *names);

    if (!names)
        return;
    for (uint32_t i = 0; i < n; i++)
        names[i] = keep(build, rh_odbc_grid_text(grid, row + i, K_REF_COLUMN));
    *key = (struct rh_foreign_key){
        .name = keep(build, rh_odbc_grid_text(grid, row, K_NAME)),
        .schema = keep(build, rh_odbc_grid_text(grid, row, K_REF_SCHEMA)),
        .table = keep(build, rh_odbc_grid_text(grid, row, K_REF_TABLE)),
        .columns = columns,
        .ref_columns = names,
        .n_columns = n,
    };
    table->n_foreign_keys++;
}

static void add_index(struct build *build, struct rh_table *table, uint32_t *columns,
                      const struct rh_odbc_grid *grid, uint64_t row, uint32_t n)
{
    struct rh_index *index = (struct rh_index *)(uintptr_t)&table->indexes[table->n_indexes++];

    *index = (struct rh_index){
        .name = keep(build, rh_odbc_grid_text(grid, row, I_NAME)),
        .columns = columns,
        .n_columns = n,
        .flags = rh_odbc_grid_int(grid, row, I_UNIQUE, 0) ? RH_INDEX_UNIQUE : 0,
    };
    for (uint32_t i = 0; i < n; i++) {
        if (rh_odbc_grid_int(grid, row + i, I_PARTIAL, 0))
            index->flags |= RH_INDEX_PARTIAL;
    }
}

static void add_run(struct build *build, struct rh_table *table, const struct rh_odbc_grid *grid,
                    uint64_t row, uint32_t n, bool indexes)
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
static int build_runs(struct build *build, const struct rh_odbc_grid *grid, bool indexes)
{
    for (uint64_t row = 0; row < grid->n_rows && !build->error->error_class;) {
        struct rh_table *table = find_table(build, rh_odbc_grid_text(grid, row, K_SCHEMA),
                                            rh_odbc_grid_text(grid, row, K_TABLE));
        uint64_t table_end = row + 1;
        size_t n_runs = 1;
        for (; table_end < grid->n_rows && same_run(grid, row, table_end, false); table_end++)
            n_runs += !same_run(grid, table_end - 1, table_end, true);
        if (table && indexes)
            table->indexes = alloc(build, n_runs, sizeof(struct rh_index));
        else if (table)
            table->foreign_keys = alloc(build, n_runs, sizeof(struct rh_foreign_key));
        while (row < table_end && !build->error->error_class) {
            uint64_t end = row + 1;
            while (end < table_end && same_run(grid, row, end, true))
                end++;
            if (table && end - row <= MAX_KEY)
                add_run(build, table, grid, row, (uint32_t)(end - row), indexes);
            row = end;
        }
    }
    return build->error->error_class;
}

/* ---- the driver's own functions ---- */

static int fetch_function(struct build *build, enum rh_odbc_function function,
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

/* ---- keys of a single table (generic) ---- */

/* SQLPrimaryKeys: column 3 the name, 4 the position from 1. */
static int add_primary_key(struct build *build, struct rh_table *table)
{
    struct rh_odbc_grid grid;
    uint32_t *key = NULL;
    int rc = fetch_function(build, RH_ODBC_PRIMARY_KEYS, table->schema, table->name, 6, &grid);

    if (!rc && grid.n_rows && grid.n_rows <= MAX_KEY)
        key = alloc(build, grid.n_rows, sizeof *key);
    for (uint64_t row = 0; key && row < grid.n_rows; row++) {
        int64_t at = rh_odbc_grid_int(&grid, row, 4, (int64_t)row + 1);
        uint32_t column = find_column(table, rh_odbc_grid_text(&grid, row, 3));
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
static int add_indexes(struct build *build, struct rh_table *table)
{
    struct rh_odbc_grid grid;
    struct rh_index *indexes = NULL;
    int rc = fetch_function(build, RH_ODBC_STATISTICS, table->schema, table->name, 13, &grid);

    if (!rc)
        indexes = alloc(build, grid.n_rows, sizeof *indexes);
    for (uint64_t row = 0; indexes && row < grid.n_rows;) {
        uint64_t end = row + 1;
        uint32_t n = 0, *columns = NULL;
        while (end < grid.n_rows &&
               rh_text_equal(rh_odbc_grid_text(&grid, row, 5), rh_odbc_grid_text(&grid, end, 5)))
            end++;
        if (rh_odbc_grid_int(&grid, row, 6, 0) != SQL_TABLE_STAT && end - row <= MAX_KEY)
            columns = alloc(build, (size_t)(end - row), sizeof *columns);
        for (; columns && row + n < end; n++) {
            columns[n] = find_column(table, rh_odbc_grid_text(&grid, row + n, 8));
            if (columns[n] == RH_NO_COLUMN)
                columns = NULL;
        }
        if (columns)
            indexes[table->n_indexes++] = (struct rh_index){
                .name = keep(build, rh_odbc_grid_text(&grid, row, 5)),
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
static int add_foreign_keys(struct build *build, struct rh_table *table)
{
    bool catalogs = build->conn->dialect->schemas == RH_ODBC_SCHEMAS_CATALOGS;
    struct rh_odbc_grid grid;
    struct rh_foreign_key *keys = NULL;
    int rc = fetch_function(build, RH_ODBC_FOREIGN_KEYS, table->schema, table->name, 12, &grid);

    if (!rc)
        keys = alloc(build, grid.n_rows, sizeof *keys);
    for (uint64_t row = 0; keys && row < grid.n_rows;) {
        uint64_t end = row + 1;
        uint32_t n = 0;
        while (end < grid.n_rows && rh_odbc_grid_int(&grid, end, 8, 1) != 1)
            end++;
        uint32_t *columns = alloc(build, (size_t)(end - row), sizeof *columns);
        struct rh_text *names = alloc(build, (size_t)(end - row), sizeof *names);
        for (; columns && names && row + n < end; n++) {
            columns[n] = find_column(table, rh_odbc_grid_text(&grid, row + n, 7));
            names[n] = keep(build, rh_odbc_grid_text(&grid, row + n, 3));
            if (columns[n] == RH_NO_COLUMN)
                columns = NULL;
        }
        if (columns && names)
            keys[table->n_foreign_keys++] = (struct rh_foreign_key){
                .name = keep(build, rh_odbc_grid_text(&grid, row, 11)),
                .schema = keep(build, rh_odbc_grid_text(&grid, row, catalogs ? 0 : 1)),
                .table = keep(build, rh_odbc_grid_text(&grid, row, 2)),
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
static int keys_by_table(struct build *build)
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

/* ---- the whole ---- */

static int keys_by_query(struct build *build)
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

static int find_default_schema(struct build *build, struct rh_catalog *catalog)
{
    struct rh_odbc_grid grid;
    int rc;

    if (!build->conn->dialect->default_schema || !build->conn->traits.genuine)
        return RH_OK;
    rc = rh_odbc_grid_query(build->conn, build->conn->dialect->default_schema, 1, &grid,
                            build->error);
    if (!rc && grid.n_rows)
        catalog->default_schema = keep(build, rh_text_trim(rh_odbc_grid_text(&grid, 0, 0)));
    rh_odbc_grid_fini(&grid);
    return rc;
}

static int load_wanted(struct build *build)
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

/* Those of one catalog, or (no text) of all schemas. */
static int fetch_columns(struct build *build, struct rh_text schema)
{
    struct rh_odbc_grid columns;
    int rc =
        fetch_function(build, RH_ODBC_COLUMNS, schema, (struct rh_text){NULL, 0}, N_C, &columns);

    if (!rc)
        rc = build_columns(build, &columns);
    rh_odbc_grid_fini(&columns);
    return rc;
}

/* The catalogue functions take patterns of schemas, but of catalogs only SQLTables does. */
static int fetch_all_columns(struct build *build, struct rh_text all)
{
    int rc = RH_OK;

    if (build->conn->dialect->schemas != RH_ODBC_SCHEMAS_CATALOGS)
        return fetch_columns(build, all);
    for (uint32_t i = 0; i < build->n_tables && !rc; i++) {
        if (i == 0 || !rh_text_equal(build->tables[i].schema, build->tables[i - 1].schema))
            rc = fetch_columns(build, build->tables[i].schema);
    }
    return rc;
}

static int build_all(struct build *build, struct rh_catalog *ret_catalog)
{
    const struct rh_text none = {NULL, 0};
    struct rh_text all = none;
    struct rh_odbc_grid tables;
    int rc = find_default_schema(build, ret_catalog);

    if (rc)
        return rc;
    if (build->conn->dialect->schemas != RH_ODBC_SCHEMAS_NONE)
        all = RH_TEXT("%"); /* PostgreSQL's driver takes none for the search path */
    rc = fetch_function(build, RH_ODBC_TABLES, all, none, N_T, &tables);
    if (!rc)
        rc = build_tables(build, &tables);
    if (!rc)
        rc = fetch_all_columns(build, all);
    if (!rc)
        rc = build->conn->dialect->keys && build->conn->traits.genuine ? keys_by_query(build)
                                                                       : keys_by_table(build);
    rh_odbc_grid_fini(&tables);
    return rc;
}

int rh_odbc_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                   struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct build build = {.conn = conn, .op = op, .error = error ? error : &own};
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
