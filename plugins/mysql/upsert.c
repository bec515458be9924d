/*
 * Upserts. ON DUPLICATE KEY UPDATE fires on whatever unique index is hit, so it says what is meant
 * only where the conflict columns have the table's one unique index, and then many rows go into one
 * statement. Elsewhere, and to leave existing rows as they are (INSERT IGNORE would also swallow
 * errors), each row is looked for by the conflict columns first and inserted when it is not there;
 * an INSERT that finds another unique index taken is an error, as it should be.
 *
 * "The same key" is what the unique index says: under its own collation.
 */
#include "write.h"

#include "dialect.h"
#include "read.h"
#include "returned.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS 500
#define CHUNK_PARAMETERS 8192
#define DUPLICATE 1062

static bool is_key(const struct rh_write_spec *spec, uint32_t column)
{
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] == column)
            return true;
    }
    return false;
}

/* The same columns, in any order. */
static bool is_over_key(const struct rh_my_unique *unique, const struct rh_write_spec *spec)
{
    if (unique->n_columns != spec->n_key)
        return false;
    for (uint32_t i = 0; i < spec->n_key; i++) {
        struct rh_text name = rh_my_spec_column(spec, spec->key[i])->name;
        uint32_t at = 0;
        while (at < unique->n_columns && !rh_text_equal(unique->columns[at], name))
            at++;
        if (at == unique->n_columns)
            return false;
    }
    return true;
}

/* ---- in one statement ---- */

static void build_merge(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first,
                        uint64_t n)
{
    struct rh_write_spec bare = *spec;
    const struct rh_value *cells = spec->cells + first * spec->n_columns;
    const char *before = " ON DUPLICATE KEY UPDATE ";

    bare.n_returning = 0;
    rh_sql_insert(sql, &bare, first, n);
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        if (is_key(spec, i) || cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, rh_my_spec_column(spec, i)->name);
        rh_sql_add(sql, " = VALUES(");
        rh_sql_identifier(sql, rh_my_spec_column(spec, i)->name);
        rh_sql_add(sql, ")");
        before = ", ";
    }
    if (before[0] != ',') { /* nothing to set: the row stays */
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, rh_my_spec_column(spec, spec->key[0])->name);
        rh_sql_add(sql, " = ");
        rh_sql_identifier(sql, rh_my_spec_column(spec, spec->key[0])->name);
    }
    for (uint32_t i = 0; i < spec->n_returning; i++) {
        rh_sql_add(sql, i ? ", " : " RETURNING ");
        rh_sql_operand(sql, rh_sql_column_at(spec->returning, spec->returning_stride, i),
                       RH_SQL_OUTPUT);
    }
}

static int merge_in_chunks(struct rh_my_scope *scope, uint64_t most, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    int rc = RH_OK;

    if (rh_sql_rows_alike(spec, 0, most) < spec->n_rows)
        rc = rh_my_scope_open(scope, error);
    for (uint64_t first = 0, n = 0, done = 0; !rc && first < spec->n_rows; first += n) {
        n = rh_sql_rows_alike(spec, first, most);
        rc = rh_my_scope_run(scope, build_merge, spec, first, n, &done, error);
    }
    scope->n_affected = spec->n_rows;
    return rc;
}

static int merge_rows(struct rh_my_scope *scope, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    uint64_t most = CHUNK_PARAMETERS / (spec->n_columns ? spec->n_columns : 1);
    struct rh_error first = RH_ERROR_INIT;
    int rc = merge_in_chunks(scope, most > CHUNK_ROWS ? CHUNK_ROWS : most ? most : 1, &first);

    if ((rc == RH_CONSTRAINT || rc == RH_DATA) && spec->n_rows > 1 && first.row == RH_NO_ROW &&
        !scope->conn->broken) { /* once more, to find the row at fault */
        rc = rh_my_scope_restart(scope, error);
        return rc ? rc : merge_in_chunks(scope, 1, error);
    }
    if (rc && error && !error->error_class)
        *error = first;
    return rc;
}

/* ---- row by row ---- */

static void build_find(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                       uint64_t n)
{
    const struct rh_value *cells = spec->cells + row * spec->n_columns;

    (void)n;
    sql->alias = RH_SQL_NO_ALIAS;
    rh_sql_add(sql, "SELECT 1 FROM ");
    rh_sql_table(sql, spec->schema, spec->table);
    for (uint32_t i = 0; i < spec->n_key; i++) {
        const struct rh_column *column = rh_my_spec_column(spec, spec->key[i]);
        rh_sql_add(sql, i ? " AND " : " WHERE ");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, column, &cells[spec->key[i]], RH_SQL_PLAIN);
    }
    rh_sql_add(sql, " FOR UPDATE");
}

static void build_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                         uint64_t n)
{
    (void)n;
    rh_sql_update(sql, spec, row);
}

static int find_row(struct rh_my_scope *scope, const struct rh_write_spec *spec, uint64_t row,
                    bool *ret_found, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    struct rh_sql *sql = rh_my_sql(conn);
    struct rh_my_rows *rows = rh_my_rows_new(conn, 1, SIZE_MAX);
    MYSQL_STMT *stmt = NULL;
    int rc = rows ? RH_OK : rh_fail_nomem(error);

    build_find(sql, spec, row, 1);
    if (!rc)
        rc = rh_my_run(conn, sql, &stmt, error);
    if (!rc)
        rc = rh_my_rows_take(rows, stmt, error);
    if (!rc) {
        rh_my_rows_clear(rows, UINT64_MAX);
        rc = rh_my_rows_fetch(rows, error);
    }
    *ret_found = !rc && rows->set.n_rows > 0;
    rh_my_rows_free(rows);
    return rc;
}

/* Changes, or leaves, the row that exists; *ret_found is false when there is none. */
static int meet_row(struct rh_my_scope *scope, const struct rh_write_spec *spec, uint64_t row,
                    bool *ret_found, struct rh_error *error)
{
    uint64_t n = 0;
    int rc = RH_OK;

    if (spec->resolve == RH_RESOLVE_IGNORE)
        return find_row(scope, spec, row, ret_found, error);
    rc = rh_my_scope_run(scope, build_update, spec, row, 1, &n, error);
    *ret_found = n > 0;
    return rc;
}

static int upsert_row(struct rh_my_scope *scope, const struct rh_write_spec *bare, uint64_t row,
                      struct rh_error *error)
{
    struct rh_error refusal = RH_ERROR_INIT;
    struct rh_write_spec whole = *bare;
    bool returning = rh_my_is_mariadb(scope->conn, 100500);
    bool found = false, inserted = false;
    uint64_t n = 0;
    int rc = RH_OK;

    whole.n_returning = scope->spec->n_returning;
    rc = meet_row(scope, bare, row, &found, error);
    if (!rc && !found) {
        rc = rh_my_scope_run(scope, rh_sql_insert, returning ? &whole : bare, row, 1, &n, &refusal);
        inserted = rc == RH_OK;
        if (rc && refusal.native_code == DUPLICATE) /* somebody else was faster, or another index */
            rc = meet_row(scope, bare, row, &found, error);
        if (!inserted && !found && error && !error->error_class) {
            *error = refusal;
            error->row = row;
            rc = refusal.error_class;
        }
    }
    if (rc || (bare->resolve == RH_RESOLVE_IGNORE && !inserted))
        return rc;
    scope->n_affected++;
    if (!whole.n_returning || (inserted && returning))
        return RH_OK;
    return inserted ? rh_my_reread_inserted(scope, row, mysql_insert_id(scope->conn->my), error)
                    : rh_my_reread(scope, &whole, row, error);
}

static int upsert_one_by_one(struct rh_my_scope *scope, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    struct rh_write_spec bare = *spec;
    struct rh_column *columns = calloc(spec->n_columns, sizeof *columns);
    int rc = RH_OK;

    if (!columns)
        return rh_fail_nomem(error);
    /* The builder shall compare keys as the index does. */
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        columns[i] = *rh_my_spec_column(spec, i);
        columns[i].flags |= RH_COLUMN_EXACT_EQUAL;
    }
    bare.columns = columns;
    bare.column_stride = sizeof *columns;
    bare.n_returning = 0;
    rc = rh_my_scope_open(scope, error);
    for (uint64_t row = 0; !rc && row < spec->n_rows; row++)
        rc = upsert_row(scope, &bare, row, error);
    free(columns);
    return rc;
}

int rh_my_upsert_rows(struct rh_my_scope *scope, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    struct rh_my_unique uniques[RH_MY_MAX_UNIQUES];
    struct rh_my_rows *rows = NULL;
    uint32_t n = 0, at = 0;
    int rc = rh_my_uniques(scope->conn, spec, &rows, uniques, &n, error);

    if (rc)
        goto out;
    while (at < n && !is_over_key(&uniques[at], spec))
        at++;
    if (at == n) {
        (void)rh_fail(error, RH_INVALID,
                      "table %.*s has no unique index over just the conflict columns",
                      RH_TEXT_ARG(spec->table));
        rc = rh_error_hint(error, "Name the columns of its primary key or of a unique index");
    } else if (n == 1 && spec->resolve == RH_RESOLVE_MERGE &&
               (!spec->n_returning || rh_my_is_mariadb(scope->conn, 100500))) {
        rc = merge_rows(scope, error);
    } else {
        rc = upsert_one_by_one(scope, error);
    }
out:
    rh_my_rows_free(rows);
    return rc;
}
