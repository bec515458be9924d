/*
 * Rows that a write returns: from the statement itself, or read back by key within the same
 * transaction.
 */
#include "api.h"
#include "grid.h"
#include "rows.h"
#include "write.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KEY 32
#define COLUMN_NAME 3 /* of SQLPrimaryKeys, from 0 */

struct rh_odbc_returned {
    struct rh_rowset rows;
};

void rh_odbc_returned_free(struct rh_conn *conn)
{
    if (conn->returned)
        rh_rowset_fini(&conn->returned->rows);
    free(conn->returned);
    conn->returned = NULL;
}

int rh_odbc_returned_start(struct rh_conn *conn, uint32_t n_columns, struct rh_error *error)
{
    rh_odbc_returned_free(conn);
    if (!n_columns)
        return RH_OK;
    conn->returned = calloc(1, sizeof *conn->returned);
    if (!conn->returned)
        return rh_fail_nomem(error);
    rh_rowset_init(&conn->returned->rows, n_columns, SIZE_MAX);
    rh_rowset_clear(&conn->returned->rows, UINT64_MAX);
    return RH_OK;
}

static const struct rh_column *returning_column(const struct rh_write_spec *spec, uint32_t i)
{
    return rh_sql_column_at(spec->returning, spec->returning_stride, i);
}

static void copy_cell(struct rh_rowset *to, struct rh_value *cell, const struct rh_value *from)
{
    if (from->len)
        rh_rowset_bytes(to, cell, from->type, from->as.data, from->len);
    else
        *cell = *from;
}

static int add_batch(struct rh_conn *conn, const struct rh_batch *batch, struct rh_error *error)
{
    struct rh_rowset *to = &conn->returned->rows;

    for (uint64_t row = 0; row < batch->n_rows; row++) {
        struct rh_value *cells = rh_rowset_row(to);
        if (!cells)
            return rh_fail_nomem(error);
        for (uint32_t i = 0; i < batch->n_cols; i++)
            copy_cell(to, &cells[i], &batch->cells[row * batch->n_cols + i]);
    }
    return to->failed ? rh_fail_nomem(error) : RH_OK;
}

int rh_odbc_returned_take(struct rh_conn *conn, const struct rh_write_spec *spec,
                          struct rh_odbc_statement *statement, uint64_t *ret_n,
                          struct rh_error *error)
{
    struct rh_odbc_rows rows = {.at_end = true};
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint8_t *types = calloc((size_t)spec->n_returning + 1, 1);
    uint64_t n = 0;
    int rc = RH_OK;

    if (!types)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < spec->n_returning; i++)
        types[i] = (uint8_t)returning_column(spec, i)->type;
    rc = rh_odbc_rows_open(&rows, conn, statement, types, spec->n_returning, 2, error);
    while (!rc && (rc = rh_odbc_rows_next(&rows, 1000, &batch, error)) == RH_OK) {
        n += batch.n_rows;
        rc = add_batch(conn, &batch, error);
    }
    rh_odbc_rows_close(&rows);
    free(types);
    if (rc == RH_END)
        rc = RH_OK;
    if (!rc && ret_n)
        *ret_n = n;
    return rc;
}

int rh_odbc_returned_batch(struct rh_conn *conn, struct rh_batch *ret_batch, struct rh_error *error)
{
    int rc = RH_OK;

    if (!conn->returned)
        return RH_OK;
    rc = rh_rowset_batch(&conn->returned->rows, ret_batch, error);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- reading back ---- */

struct key {
    struct rh_column columns[MAX_KEY];
    struct rh_value values[MAX_KEY];
    uint32_t n;
};

static int read_by(struct rh_conn *conn, const struct rh_write_spec *spec, const struct key *key,
                   uint64_t *ret_n, struct rh_error *error)
{
    const struct rh_odbc_form form = {.dialect = conn->dialect, .utf8 = conn->utf8};
    uint32_t n = key->n + spec->n_returning;
    struct rh_column *columns = calloc((size_t)n + 1, sizeof *columns);
    uint32_t *positions = calloc((size_t)n + 1, sizeof *positions);
    struct rh_node nodes[MAX_KEY];
    struct rh_query query = {.struct_size = sizeof query};
    struct rh_odbc_statement *statement = NULL;
    int rc = columns && positions ? RH_OK : rh_fail_nomem(error);

    if (rc)
        goto out;
    for (uint32_t i = 0; i < n; i++) {
        columns[i] = i < key->n ? key->columns[i] : *returning_column(spec, i - key->n);
        positions[i] = i;
    }
    for (uint32_t i = 0; i < key->n; i++)
        nodes[i] = (struct rh_node){.op = RH_OP_EQ, .column = i, .first = i, .n = 1};
    query = (struct rh_query){
        .struct_size = sizeof query,
        .schema = spec->schema,
        .table = spec->table,
        .columns = columns,
        .n_columns = n,
        .column_stride = sizeof *columns,
        .select = positions + key->n,
        .n_select = spec->n_returning,
        .conjuncts = positions,
        .n_conjuncts = key->n,
        .nodes = nodes,
        .n_nodes = key->n,
        .values = key->values,
        .n_values = key->n,
        .limit = RH_NO_LIMIT,
    };
    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &conn->sql_dialect, &conn->traits);
    rh_sql_select(&conn->sql, &query);
    rc = rh_sql_check(&conn->sql, error);
    if (!rc)
        rc = rh_odbc_params_load(&conn->params, &form, conn->sql.parameters, conn->sql.n_parameters,
                                 NULL, error);
    if (!rc)
        rc = rh_odbc_start(conn, rh_sql_string(&conn->sql), &conn->params, &statement, error);
    if (!rc)
        rc = rh_odbc_returned_take(conn, spec, statement, ret_n, error);
    rh_odbc_release(conn, statement, rc != RH_OK);
out:
    free(columns);
    free(positions);
    return rc;
}

static bool is_key(const struct rh_write_spec *spec, uint32_t column)
{
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] == column)
            return true;
    }
    return false;
}

static const struct rh_value *spec_cells(const struct rh_write_spec *spec, uint64_t row)
{
    return spec->cells + (size_t)row * spec->n_columns;
}

/* The position of the column in the spec; set: not as a key. */
static uint32_t find_column(const struct rh_write_spec *spec, struct rh_text name, bool set)
{
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        if (rh_text_equal(rh_odbc_spec_column(spec, i)->name, name) && !(set && is_key(spec, i)))
            return i;
    }
    return RH_NO_COLUMN;
}

static int add_to_key(struct key *key, const struct rh_column *column, const struct rh_value *value,
                      struct rh_error *error)
{
    if (key->n == MAX_KEY)
        return rh_fail(error, RH_UNSUPPORTED, "a key of so many columns");
    key->columns[key->n] = *column;
    key->values[key->n++] = *value;
    return RH_OK;
}

int rh_odbc_returned_read(struct rh_conn *conn, const struct rh_write_spec *spec, uint64_t row,
                          bool after_update, uint64_t *ret_n, struct rh_error *error)
{
    const struct rh_value *cells = spec_cells(spec, row);
    struct key key = {.n = 0};
    int rc = RH_OK;

    for (uint32_t i = 0; i < spec->n_key && !rc; i++) {
        const struct rh_column *column = rh_odbc_spec_column(spec, spec->key[i]);
        uint32_t now = after_update ? find_column(spec, column->name, true) : RH_NO_COLUMN;
        if (now == RH_NO_COLUMN || cells[now].type == RH_TYPE_MISSING)
            now = spec->key[i];
        rc = add_to_key(&key, column, &cells[now], error);
    }
    return rc ? rc : read_by(conn, spec, &key, ret_n, error);
}

/* ---- rows that were inserted ---- */

static int fail_no_key(struct rh_error *error)
{
    rh_fail(error, RH_UNSUPPORTED,
            "this database does not tell the key of a new row, so that it cannot be returned");
    return rh_error_hint(error, "Give all columns of the primary key, or ask for no rows back");
}

static int read_identity(struct rh_conn *conn, int64_t *ret_value, struct rh_error *error)
{
    const uint8_t type = RH_TYPE_INT;
    struct rh_odbc_rows rows = {.at_end = true};
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_odbc_statement *statement = NULL;
    int rc = RH_OK;

    if (!conn->dialect->last_identity)
        return fail_no_key(error);
    rc = rh_odbc_start(conn, conn->dialect->last_identity, NULL, &statement, error);
    if (!rc)
        rc = rh_odbc_rows_open(&rows, conn, statement, &type, 1, 1, error);
    if (!rc)
        rc = rh_odbc_rows_next(&rows, 1, &batch, error);
    if (!rc && batch.cells[0].type == RH_TYPE_INT)
        *ret_value = batch.cells[0].as.i;
    else if (rc >= 0)
        rc = fail_no_key(error);
    rh_odbc_rows_close(&rows);
    rh_odbc_release(conn, statement, rc != RH_OK);
    return rc;
}

/* One column of the primary key, with its value in the new row. */
static int add_key_column(struct rh_conn *conn, const struct rh_write_spec *spec, uint64_t row,
                          struct rh_text name, struct key *key, struct rh_error *error)
{
    uint32_t given = find_column(spec, name, false);
    int64_t counted = 0;

    if (given != RH_NO_COLUMN && spec_cells(spec, row)[given].type > RH_TYPE_NULL)
        return add_to_key(key, rh_odbc_spec_column(spec, given), &spec_cells(spec, row)[given],
                          error);
    for (uint32_t i = 0; i < spec->n_returning; i++) {
        const struct rh_column *column = returning_column(spec, i);
        if (!rh_text_equal(column->name, name) || !(column->flags & RH_COLUMN_IDENTITY))
            continue;
        int rc = read_identity(conn, &counted, error);
        const struct rh_value value = rh_kit_int(counted);
        return rc ? rc : add_to_key(key, column, &value, error);
    }
    return fail_no_key(error);
}

/* The primary key's columns, as the driver's own function gives them. */
static int find_primary_key(struct rh_conn *conn, const struct rh_write_spec *spec, uint64_t row,
                            struct key *key, struct rh_error *error)
{
    const struct rh_text none = {NULL, 0};
    bool catalogs = conn->dialect->schemas == RH_ODBC_SCHEMAS_CATALOGS;
    struct rh_text schema = spec->schema.len ? spec->schema : none;
    struct rh_odbc_grid grid = {.n_cols = 0};
    SQLHSTMT handle = NULL;
    SQLRETURN code;
    int rc = RH_OK;

    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, conn->dbc, &handle)))
        return rh_odbc_fail_call(conn, NULL, error);
    rh_odbc_watch_enter(&conn->watch, handle);
    code = rh_odbc_api_catalog(handle, conn->narrow, RH_ODBC_PRIMARY_KEYS, catalogs ? schema : none,
                               catalogs ? none : schema, spec->table);
    rh_odbc_watch_leave(&conn->watch);
    if (!SQL_SUCCEEDED(code))
        rc = fail_no_key(error);
    else
        rc = rh_odbc_grid_read(conn, handle, COLUMN_NAME + 1, &grid, error);
    (void)SQLFreeHandle(SQL_HANDLE_STMT, handle);
    for (uint64_t i = 0; i < grid.n_rows && !rc; i++)
        rc = add_key_column(conn, spec, row, rh_odbc_grid_text(&grid, i, COLUMN_NAME), key, error);
    if (!rc && !grid.n_rows)
        rc = fail_no_key(error);
    rh_odbc_grid_fini(&grid);
    return rc;
}

int rh_odbc_returned_inserted(struct rh_conn *conn, const struct rh_write_spec *spec, uint64_t row,
                              struct rh_error *error)
{
    struct key key = {.n = 0};
    uint64_t n = 0;
    int rc = RH_OK;

    /* A column that the database counts is a key by itself. */
    for (uint32_t i = 0; i < spec->n_returning && !rc && !key.n; i++) {
        const struct rh_column *column = returning_column(spec, i);
        if (column->flags & RH_COLUMN_IDENTITY)
            rc = add_key_column(conn, spec, row, column->name, &key, error);
    }
    if (!rc && !key.n)
        rc = find_primary_key(conn, spec, row, &key, error);
    if (!rc)
        rc = read_by(conn, spec, &key, &n, error);
    if (!rc && n != 1)
        rc = fail_no_key(error);
    return rc;
}
