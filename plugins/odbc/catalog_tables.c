/* Tables and columns, from SQLTables and SQLColumns. */
#include "base/json.h"
#include "catalog_parts.h"
#include "type.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
/* ---- which schemas ---- */

static bool is_wanted(const struct rh_odbc_build *build, struct rh_text schema)
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

static struct rh_text schema_of(const struct rh_odbc_build *build, const struct rh_odbc_grid *grid,
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

static int compare_tables(const void *a, const void *b)
{
    const struct rh_table *x = a, *y = b;

    int order = rh_text_compare(x->schema, y->schema);

    return order ? order : rh_text_compare(x->name, y->name);
}

static int build_tables(struct rh_odbc_build *build, const struct rh_odbc_grid *grid)
{
    build->tables = rh_odbc_build_alloc(build, grid->n_rows, sizeof *build->tables);
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
            .schema = rh_odbc_build_keep(build, schema),
            .name = rh_odbc_build_keep(build, name),
            .comment = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row, T_REMARKS)),
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
static struct rh_text native_type_of(struct rh_odbc_build *build, const struct rh_column *column,
                                     struct rh_text name, int64_t size, int64_t digits)
{
    struct rh_buf text;
    struct rh_text made;

    if (!name.len || memchr(name.data, '(', name.len) || size <= 0 || size > 8000 ||
        !takes_size(column->type, rh_odbc_id_type(column)) || (column->flags & RH_COLUMN_OPAQUE))
        return rh_odbc_build_keep(build, name);
    rh_buf_init(&text, 512);
    rh_buf_add_text(&text, name);
    if (column->type == RH_TYPE_DECIMAL)
        rh_buf_addf(&text, "(%lld,%lld)", (long long)size, (long long)(digits > 0 ? digits : 0));
    else
        rh_buf_addf(&text, "(%lld)", (long long)size);
    made = rh_odbc_build_keep(build, text.failed ? name : rh_buf_text(&text));
    rh_buf_free(&text);
    return made;
}

/* "DECIMAL(12,2)": SQLite's driver takes the last number for the size. */
static void read_declared(struct rh_text name, int64_t *size, int64_t *digits)
{
    struct rh_text numbers = name, whole;

    *size = *digits = 0;
    (void)rh_text_cut(&numbers, '(');
    numbers = rh_text_cut(&numbers, ')');
    whole = rh_text_cut(&numbers, ',');
    if (!rh_text_to_i64(rh_text_trim(whole), size) ||
        (numbers.len && !rh_text_to_i64(rh_text_trim(numbers), digits)))
        *size = *digits = 0;
}

static void add_column(struct rh_odbc_build *build, struct rh_column *column,
                       const struct rh_odbc_grid *grid, uint64_t row)
{
    struct rh_text type_name = rh_text_trim(rh_odbc_grid_text(grid, row, C_TYPE_NAME));
    int64_t sql_type = rh_odbc_grid_int(grid, row, C_TYPE, SQL_VARCHAR);
    int64_t size = rh_odbc_grid_int(grid, row, C_SIZE, 0);
    int64_t digits = rh_odbc_grid_int(grid, row, C_DIGITS, 0);
    struct rh_text otherwise = rh_odbc_grid_text(grid, row, C_DEFAULT);
    uint32_t id_flags = 0;

    *column =
        (struct rh_column){.name = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row, C_NAME))};
    column->type = rh_odbc_type_of(build->conn->dialect, (int16_t)sql_type, type_name,
                                   size < 0 ? 0 : (uint64_t)size, (int)digits,
                                   holds(type_name, "unsigned"), &id_flags, &column->flags);
    if (column->type == RH_TYPE_DECIMAL && !build->conn->dialect->typed_cells)
        read_declared(type_name, &size, &digits);
    column->native_id =
        rh_odbc_id((int16_t)sql_type, digits > 0 && digits < 256 ? (uint8_t)digits : 0, id_flags);
    column->native_type = native_type_of(build, column, type_name, size, digits);
    column->comment = rh_odbc_build_keep(build, rh_odbc_grid_text(grid, row, C_REMARKS));
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
        column->default_text = rh_odbc_build_keep(build, otherwise);
        column->flags |= RH_COLUMN_DEFAULT;
    }
    if (rh_text_ends(type_name, "identity"))
        column->flags |= RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT;
}

static int build_columns(struct rh_odbc_build *build, const struct rh_odbc_grid *grid)
{
    for (uint64_t row = 0; row < grid->n_rows; row++) {
        struct rh_table *table = rh_odbc_build_find_table(build, schema_of(build, grid, row),
                                                          rh_odbc_grid_text(grid, row, C_TABLE));
        if (table && !table->columns)
            table->n_columns++;
    }
    for (uint32_t i = 0; i < build->n_tables; i++) {
        struct rh_table *table = &build->tables[i];
        if (table->columns || !table->n_columns)
            continue;
        table->columns = rh_odbc_build_alloc(build, table->n_columns, sizeof(struct rh_column));
        if (!table->columns)
            return build->error->error_class;
        table->n_columns = 0;
    }
    for (uint64_t row = 0; row < grid->n_rows && !build->error->error_class; row++) {
        struct rh_table *table = rh_odbc_build_find_table(build, schema_of(build, grid, row),
                                                          rh_odbc_grid_text(grid, row, C_TABLE));
        struct rh_column *columns = table ? (struct rh_column *)(uintptr_t)table->columns : NULL;
        if (table)
            add_column(build, &columns[table->n_columns++], grid, row);
    }
    return build->error->error_class;
}

/* ---- both ---- */

/* Those of one catalog, or (no text) of all schemas. */
static int fetch_columns(struct rh_odbc_build *build, struct rh_text schema)
{
    struct rh_odbc_grid columns;
    int rc = rh_odbc_build_fetch(build, RH_ODBC_COLUMNS, schema, (struct rh_text){NULL, 0}, N_C,
                                 &columns);

    if (!rc)
        rc = build_columns(build, &columns);
    rh_odbc_grid_fini(&columns);
    return rc;
}

/* The catalogue functions take patterns of schemas, but of catalogs only SQLTables does. */
static int fetch_all_columns(struct rh_odbc_build *build, struct rh_text all)
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

int rh_odbc_build_tables(struct rh_odbc_build *build)
{
    const struct rh_text none = {NULL, 0};
    struct rh_text all = none;
    struct rh_odbc_grid tables;
    int rc;

    if (build->conn->dialect->schemas != RH_ODBC_SCHEMAS_NONE)
        all = RH_TEXT("%"); /* PostgreSQL's driver takes none for the search path */
    rc = rh_odbc_build_fetch(build, RH_ODBC_TABLES, all, none, N_T, &tables);
    if (!rc)
        rc = build_tables(build, &tables);
    rh_odbc_grid_fini(&tables);
    return rc ? rc : fetch_all_columns(build, all);
}
