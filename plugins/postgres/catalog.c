/*
 * Introspection. Partitions are hidden behind their parents; what the role may not touch is left
 * out. Type mapping: see encode.h and dialect.c; a domain is its base type.
 *
 * Rows of the statements come sorted by table, so each table's columns, indexes and keys are runs
 * of rows. A table that appears between the statements is left out, one that vanishes loses its
 * indexes: the next introspection tells.
 */
#include "catalog.h"

#include "catalog_sql.h"
#include "oid.h"

#include <stdlib.h>
#include <string.h>

#define N_STATEMENTS 5

struct table_ref {
    uint32_t oid;
    uint32_t table; /* position in tables */
};

struct build {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_error *error;
    PGresult *columns, *indexes, *keys, *enums, *schema;
    struct rh_table *tables; /* arena */
    uint32_t n_tables;
    struct table_ref *refs; /* malloc, sorted by oid */
    int16_t *numbers;       /* malloc: attnum of each column, in the order of the rows */
    uint32_t *first;        /* malloc: first column of each table, in numbers */
};

/* ---- reading results ---- */

static uint32_t get_u32(const PGresult *result, int row, int col)
{
    return (uint32_t)strtoul(PQgetvalue(result, row, col), NULL, 10);
}

static bool get_bool(const PGresult *result, int row, int col)
{
    return PQgetvalue(result, row, col)[0] == 't';
}

static void *alloc(struct build *build, size_t n, size_t size)
{
    size_t bytes = 0;
    void *made = NULL;

    if (!__builtin_mul_overflow(n ? n : 1, size, &bytes))
        made = build->conn->host->alloc(build->op->arena, bytes);
    if (!made)
        (void)rh_fail_nomem(build->error);
    return made;
}

/* {NULL, 0} for NULL, and when out of memory (then the error is set). */
static struct rh_text get_text(struct build *build, const PGresult *result, int row, int col)
{
    size_t len = (size_t)PQgetlength(result, row, col);
    char *copy = NULL;

    if (PQgetisnull(result, row, col))
        return (struct rh_text){NULL, 0};
    copy = alloc(build, len + 1, 1);
    if (!copy)
        return (struct rh_text){NULL, 0};
    memcpy(copy, PQgetvalue(result, row, col), len);
    return rh_text_make(copy, len);
}

static bool same(const PGresult *result, int a, int b, int col)
{
    return strcmp(PQgetvalue(result, a, col), PQgetvalue(result, b, col)) == 0;
}

/* ---- types ---- */

static uint32_t type_of(uint32_t oid, char typtype, char category)
{
    switch (oid) {
    case PG_OID_BOOL:
        return RH_TYPE_BOOL;
    case PG_OID_INT2:
    case PG_OID_INT4:
    case PG_OID_INT8:
    case PG_OID_OID:
        return RH_TYPE_INT;
    case PG_OID_FLOAT4:
    case PG_OID_FLOAT8:
        return RH_TYPE_FLOAT;
    case PG_OID_NUMERIC:
    case PG_OID_MONEY:
        return RH_TYPE_DECIMAL;
    case PG_OID_BYTEA:
        return RH_TYPE_BYTES;
    case PG_OID_DATE:
        return RH_TYPE_DATE;
    case PG_OID_TIME:
        return RH_TYPE_TIME;
    case PG_OID_TIMESTAMP:
        return RH_TYPE_DATETIME;
    case PG_OID_TIMESTAMPTZ:
        return RH_TYPE_TIMESTAMP;
    case PG_OID_INTERVAL:
        return RH_TYPE_INTERVAL;
    case PG_OID_UUID:
        return RH_TYPE_UUID;
    case PG_OID_JSON:
    case PG_OID_JSONB:
        return RH_TYPE_JSON;
    default: /* int2vector and the like are category A, too */
        return category == 'A' || typtype == 'c' ? RH_TYPE_JSON : RH_TYPE_TEXT;
    }
}

static void add_modifier(struct rh_column *column, int32_t typmod)
{
    int32_t bare = typmod - 4; /* VARHDRSZ */

    if (typmod < 4)
        return;
    switch (column->native_id) {
    case PG_OID_NUMERIC: {
        int32_t scale = ((bare & 0x7ff) ^ 1024) - 1024;
        int32_t precision = (bare >> 16) & 0xffff;
        column->precision = (uint32_t)(scale < 0 ? precision - scale : precision);
        column->scale = (uint32_t)(scale < 0 ? 0 : scale);
        return;
    }
    case PG_OID_VARCHAR:
    case PG_OID_BPCHAR:
        column->max_length = (uint32_t)bare;
        return;
    default:
        return;
    }
}

static void add_options(struct build *build, struct rh_column *column)
{
    const PGresult *enums = build->enums;
    int low = 0, high = PQntuples(enums), n = 0;
    struct rh_text *options = NULL;

    while (low < high) {
        int middle = low + (high - low) / 2;
        if (get_u32(enums, middle, 0) < column->native_id)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n < PQntuples(enums) && get_u32(enums, low + n, 0) == column->native_id)
        n++;
    options = alloc(build, (size_t)n, sizeof *options);
    if (!options)
        return;
    for (int i = 0; i < n; i++)
        options[i] = get_text(build, enums, low + i, 1);
    column->options = options;
    column->n_options = (uint32_t)n;
}

static uint32_t flags_of(const struct build *build, const struct rh_column *column, int row)
{
    const PGresult *from = build->columns;
    char identity = PQgetvalue(from, row, COLUMN_IDENTITY)[0];
    bool serial = rh_text_starts(column->default_text, "nextval(");
    bool generated = PQgetvalue(from, row, COLUMN_GENERATED)[0] != '\0';
    bool textual = column->native_id == PG_OID_TEXT || column->native_id == PG_OID_VARCHAR ||
                   column->native_id == PG_OID_NAME;
    uint32_t flags = 0;

    if (get_bool(from, row, COLUMN_NOT_NULL))
        flags |= RH_COLUMN_NOT_NULL;
    if (generated)
        flags |= RH_COLUMN_GENERATED;
    else if (column->default_text.data || identity)
        flags |= RH_COLUMN_DEFAULT;
    if (identity || serial)
        flags |= RH_COLUMN_IDENTITY;
    if (identity == 'a') /* GENERATED ALWAYS: refuses values */
        flags |= RH_COLUMN_GENERATED;
    if (textual && get_bool(from, row, COLUMN_EXACT))
        flags |= RH_COLUMN_EXACT_EQUAL;
    if (textual && build->conn->code_point_order && get_bool(from, row, COLUMN_BY_CODE_POINT))
        flags |= RH_COLUMN_BINARY_ORDER;
    if (column->type == RH_TYPE_TEXT && !get_bool(from, row, COLUMN_SORTABLE) && !textual &&
        column->native_id != PG_OID_CHAR)
        flags |= RH_COLUMN_OPAQUE;
    if (column->type == RH_TYPE_JSON && column->native_id != PG_OID_JSONB)
        flags |= RH_COLUMN_OPAQUE;
    return flags;
}

static void add_column(struct build *build, struct rh_column *column, int row)
{
    const PGresult *from = build->columns;
    char typtype = PQgetvalue(from, row, COLUMN_TYPTYPE)[0];
    char category = PQgetvalue(from, row, COLUMN_CATEGORY)[0];

    column->name = get_text(build, from, row, COLUMN_NAME);
    column->native_type = get_text(build, from, row, COLUMN_NATIVE_TYPE);
    column->default_text = get_text(build, from, row, COLUMN_DEFAULT);
    column->comment = get_text(build, from, row, COLUMN_COMMENT);
    column->native_id = get_u32(from, row, COLUMN_TYPE_OID);
    column->type = type_of(column->native_id, typtype, category);
    column->flags = flags_of(build, column, row);
    add_modifier(column, (int32_t)strtol(PQgetvalue(from, row, COLUMN_TYPMOD), NULL, 10));
    if (typtype == 'e')
        add_options(build, column);
}

/* ---- tables ---- */

static uint32_t kind_of(char relkind)
{
    switch (relkind) {
    case 'v':
        return RH_TABLE_VIEW;
    case 'm':
        return RH_TABLE_MATERIALIZED;
    case 'f':
        return RH_TABLE_FOREIGN;
    default:
        return RH_TABLE_BASE;
    }
}

static void add_table(struct build *build, struct rh_table *table, int row, int n_rows)
{
    const PGresult *from = build->columns;
    uint32_t n = PQgetisnull(from, row, COLUMN_NAME) ? 0 : (uint32_t)n_rows;
    struct rh_column *columns = alloc(build, n, sizeof *columns);
    int64_t tuples = strtoll(PQgetvalue(from, row, COLUMN_TUPLES), NULL, 10);

    if (!columns)
        return;
    *table = (struct rh_table){
        .struct_size = sizeof *table,
        .kind = kind_of(PQgetvalue(from, row, COLUMN_KIND)[0]),
        .columns = columns,
        .n_columns = n,
        .column_stride = sizeof(struct rh_column),
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = tuples < 0 ? -1 : tuples,
    };
    if (table->kind == RH_TABLE_MATERIALIZED || get_u32(from, row, COLUMN_UPDATABLE) == 0)
        table->flags |= RH_TABLE_READ_ONLY;
    if (table->kind == RH_TABLE_VIEW)
        table->est_rows = -1;
    table->schema = get_text(build, from, row, COLUMN_SCHEMA);
    table->name = get_text(build, from, row, COLUMN_TABLE);
    table->comment = get_text(build, from, row, COLUMN_TABLE_COMMENT);
    for (uint32_t i = 0; i < n && !build->error->error_class; i++)
        add_column(build, &columns[i], row + (int)i);
}

static int compare_refs(const void *a, const void *b)
{
    uint32_t x = ((const struct table_ref *)a)->oid, y = ((const struct table_ref *)b)->oid;

    return (x > y) - (x < y);
}

static int build_tables(struct build *build)
{
    const PGresult *from = build->columns;
    int n_rows = PQntuples(from);
    uint32_t n = 0;

    for (int row = 0; row < n_rows; row++)
        n += row == 0 || !same(from, row - 1, row, COLUMN_TABLE_OID);
    build->tables = alloc(build, n, sizeof *build->tables);
    build->refs = calloc((size_t)n + 1, sizeof *build->refs);
    build->first = calloc((size_t)n + 1, sizeof *build->first);
    build->numbers = calloc((size_t)n_rows + 1, sizeof *build->numbers);
    if (!build->tables || !build->refs || !build->first || !build->numbers)
        return rh_fail_nomem(build->error);
    for (int row = 0; row < n_rows;) {
        uint32_t at = build->n_tables++;
        int end = row + 1;
        while (end < n_rows && same(from, row, end, COLUMN_TABLE_OID))
            end++;
        build->refs[at] =
            (struct table_ref){.oid = get_u32(from, row, COLUMN_TABLE_OID), .table = at};
        build->first[at] = (uint32_t)row;
        for (int i = row; i < end; i++)
            build->numbers[i] = (int16_t)strtol(PQgetvalue(from, i, COLUMN_NUMBER), NULL, 10);
        add_table(build, &build->tables[at], row, end - row);
        row = end;
        if (build->error->error_class)
            return build->error->error_class;
    }
    qsort(build->refs, build->n_tables, sizeof *build->refs, compare_refs);
    return RH_OK;
}

/* NULL when it was not there yet. */
static struct rh_table *find_table(const struct build *build, uint32_t oid, uint32_t *ret_first)
{
    const struct table_ref wanted = {.oid = oid};
    const struct table_ref *found =
        bsearch(&wanted, build->refs, build->n_tables, sizeof wanted, compare_refs);

    if (!found)
        return NULL;
    *ret_first = build->first[found->table];
    return &build->tables[found->table];
}

/* Position of the column with that attnum; RH_NO_COLUMN when there is none. */
static uint32_t find_column(const struct build *build, const struct rh_table *table, uint32_t first,
                            const PGresult *from, int row, int col)
{
    long number = strtol(PQgetvalue(from, row, col), NULL, 10);

    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (build->numbers[first + i] == number)
            return i;
    }
    return RH_NO_COLUMN;
}

/* The columns of rows [row, row + n); NULL when one is not known or memory ran out. */
static uint32_t *find_columns(struct build *build, const struct rh_table *table, uint32_t first,
                              const PGresult *from, int row, int n, int col)
{
    uint32_t *columns = alloc(build, (size_t)n, sizeof *columns);

    for (int i = 0; columns && i < n; i++) {
        columns[i] = find_column(build, table, first, from, row + i, col);
        if (columns[i] == RH_NO_COLUMN)
            return NULL;
    }
    return columns;
}

/* ---- indexes and keys ---- */

static void add_index(struct build *build, struct rh_table *table, uint32_t first, int row, int n,
                      struct rh_index *indexes)
{
    const PGresult *from = build->indexes;
    uint32_t *columns = find_columns(build, table, first, from, row, n, INDEX_NUMBER);
    struct rh_index *index = &indexes[table->n_indexes];

    if (!columns)
        return;
    if (get_bool(from, row, INDEX_PRIMARY)) {
        table->key = columns;
        table->n_key = (uint32_t)n;
    }
    index->name = get_text(build, from, row, INDEX_NAME);
    index->columns = columns;
    index->n_columns = (uint32_t)n;
    if (get_bool(from, row, INDEX_UNIQUE))
        index->flags |= RH_INDEX_UNIQUE;
    if (get_bool(from, row, INDEX_PARTIAL))
        index->flags |= RH_INDEX_PARTIAL;
    table->n_indexes++;
}

static void add_foreign_key(struct build *build, struct rh_table *table, uint32_t first, int row,
                            int n, struct rh_foreign_key *keys)
{
    const PGresult *from = build->keys;
    uint32_t *columns = find_columns(build, table, first, from, row, n, KEY_NUMBER);
    struct rh_text *names = alloc(build, (size_t)n, sizeof *names);
    struct rh_foreign_key *key = &keys[table->n_foreign_keys];

    if (!columns || !names)
        return;
    for (int i = 0; i < n; i++)
        names[i] = get_text(build, from, row + i, KEY_REF_COLUMN);
    key->name = get_text(build, from, row, KEY_NAME);
    key->schema = get_text(build, from, row, KEY_REF_SCHEMA);
    key->table = get_text(build, from, row, KEY_REF_TABLE);
    key->columns = columns;
    key->ref_columns = names;
    key->n_columns = (uint32_t)n;
    table->n_foreign_keys++;
}

/* Runs of rows that belong to one index or foreign key, within runs of one table. */
static int build_runs(struct build *build, const PGresult *from, int name_col, bool keys)
{
    int n_rows = PQntuples(from);

    for (int row = 0; row < n_rows && !build->error->error_class;) {
        int table_end = row + 1, n = 1;
        uint32_t first = 0;
        struct rh_table *table = find_table(build, get_u32(from, row, 0), &first);
        void *items = NULL;
        while (table_end < n_rows && same(from, row, table_end, 0)) {
            n += !same(from, table_end - 1, table_end, name_col);
            table_end++;
        }
        if (table)
            items = alloc(build, (size_t)n,
                          keys ? sizeof(struct rh_foreign_key) : sizeof(struct rh_index));
        if (table && keys)
            table->foreign_keys = items;
        else if (table)
            table->indexes = items;
        while (row < table_end) {
            int end = row + 1;
            while (end < table_end && same(from, row, end, name_col))
                end++;
            if (items && keys)
                add_foreign_key(build, table, first, row, end - row, items);
            else if (items)
                add_index(build, table, first, row, end - row, items);
            row = end;
        }
    }
    return build->error->error_class;
}

/* ---- the whole ---- */

static int fetch(struct build *build)
{
    const char *const texts[N_STATEMENTS] = {columns_sql, indexes_sql, foreign_keys_sql, enums_sql,
                                             schema_sql};
    PGresult **const results[N_STATEMENTS] = {&build->columns, &build->indexes, &build->keys,
                                              &build->enums, &build->schema};
    struct rh_conn *conn = build->conn;
    struct rh_value schemas = {.type = RH_TYPE_NULL};
    int rc = RH_OK, ended = RH_OK;

    if (conn->schemas) {
        schemas.type = RH_TYPE_TEXT;
        schemas.as.data = conn->schemas;
        schemas.len = (uint32_t)strlen(conn->schemas);
    }
    rh_pg_params_clear(&conn->params);
    rc = rh_pg_params_add_untyped(&conn->params, &schemas, build->error);
    rh_pg_params_seal(&conn->params);
    if (!rc)
        rc = rh_pg_pipe_begin(conn, build->error);
    for (int i = 0; i < N_STATEMENTS && !rc; i++)
        rc = rh_pg_pipe_send(conn, NULL, texts[i], i < 3 ? &conn->params : NULL, build->error);
    if (!rc)
        rc = rh_pg_pipe_sync(conn, build->error);
    for (int i = 0; i < N_STATEMENTS && !rc; i++)
        rc = rh_pg_pipe_result(conn, build->op, results[i], build->error);
    ended = rh_pg_pipe_end(conn, build->op, build->error);
    return rc ? rc : ended;
}

int rh_pg_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                 struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct build build = {.conn = conn, .op = op, .error = error ? error : &own};
    int rc = rh_pg_enter(conn, op, build.error);

    if (!rc)
        rc = fetch(&build);
    if (!rc)
        rc = build_tables(&build);
    if (!rc)
        rc = build_runs(&build, build.indexes, INDEX_NAME, false);
    if (!rc)
        rc = build_runs(&build, build.keys, KEY_OID, true);
    if (!rc) {
        ret_catalog->tables = build.tables;
        ret_catalog->n_tables = build.n_tables;
        ret_catalog->table_stride = sizeof(struct rh_table);
        ret_catalog->default_schema = get_text(&build, build.schema, 0, 0);
        rc = build.error->error_class;
    }
    PQclear(build.columns);
    PQclear(build.indexes);
    PQclear(build.keys);
    PQclear(build.enums);
    PQclear(build.schema);
    free(build.refs);
    free(build.numbers);
    free(build.first);
    rh_pg_leave(conn);
    return rc;
}
