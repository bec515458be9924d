/*
 * Writing.
 *
 *   many new rows, nothing to return   LOAD DATA (bulk.c)
 *   new rows                           INSERT with many rows of VALUES
 *   upserts                            upsert.c
 *   rows by key                        one statement per row, prepared once
 *   rows by condition                  one statement
 *
 * Atomicity: a single statement is atomic by itself, also inside the host's transaction. Where there
 * are several, or where the outcome must be looked at before it is kept (does a key match two
 * rows?), START TRANSACTION and COMMIT stand around them; inside the host's transaction a savepoint
 * does.
 *
 * What is to be returned: INSERT and DELETE have RETURNING on MariaDB; what was updated is read again
 * by its key (reread.c), within the same transaction.
 *
 * When an INSERT of many rows fails on one of them, nothing has been kept, and the rows are tried
 * again one by one, which finds the row at fault.
 */
#include "write.h"

#include "bulk.h"
#include "dialect.h"
#include "read.h"
#include "returned.h"

#include <stdlib.h>
#include <string.h>

#define BULK_ROWS 64 /* from how many rows on LOAD DATA is used */
#define CHUNK_PARAMETERS 8192
#define CHUNK_ROWS 1000
#define CHUNK_BYTES (1u << 20) /* of one INSERT; max_allowed_packet is 16 MiB or more by default */
#define RETRY_ROWS 10000       /* up to how many rows are tried one by one after an error */
#define UNDO_US 2000000

/* ---- the transaction around a call ---- */

int rh_my_scope_open(struct rh_my_scope *scope, struct rh_error *error)
{
    int rc = RH_OK;

    if (scope->opened)
        return RH_OK;
    rc = rh_my_command(scope->conn, scope->nested ? "SAVEPOINT rh_write" : "START TRANSACTION",
                       error);
    scope->opened = rc == RH_OK;
    return rc;
}

/* With a little time of its own: the deadline may be what made it necessary. */
static void undo(struct rh_my_scope *scope, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    struct rh_op op;
    int rc = RH_OK;

    rh_my_returned_free(conn);
    if (!scope->opened || conn->broken || conn->tx_failed)
        return;
    scope->opened = false;
    rh_my_extend(conn, &op, UNDO_US);
    rc = rh_my_command(conn, scope->nested ? "ROLLBACK TO SAVEPOINT rh_write" : "ROLLBACK", NULL);
    if (!rc && mysql_warning_count(conn->my))
        (void)rh_error_hint(error, "The table's engine has no transactions: rows before the one at "
                                   "fault may have been kept");
    if (!rc && scope->nested)
        rc = rh_my_command(conn, "RELEASE SAVEPOINT rh_write", NULL);
    if (rc && !scope->nested)
        conn->broken = true;
    conn->op = scope->op;
}

int rh_my_scope_end(struct rh_my_scope *scope, int rc, struct rh_error *error)
{
    if (!rc && scope->opened) {
        scope->committing = !scope->nested;
        rc = rh_my_command(scope->conn, scope->nested ? "RELEASE SAVEPOINT rh_write" : "COMMIT",
                           error);
    }
    if (rc)
        undo(scope, error);
    return rc;
}

int rh_my_scope_restart(struct rh_my_scope *scope, struct rh_error *error)
{
    undo(scope, error);
    scope->n_affected = 0;
    if (scope->conn->broken)
        return rh_fail(error, RH_UNAVAILABLE, "the connection to the server was lost");
    if (rh_my_returned_start(scope->conn, scope->spec, error))
        return RH_RESOURCE;
    return rh_my_scope_open(scope, error);
}

/* An end without an answer, after the change may have been kept. */
static int judge(struct rh_my_scope *scope, int rc, struct rh_error *error)
{
    bool no_answer = rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED;

    if (!no_answer || scope->nested || !scope->committing || !scope->conn->broken)
        return rc;
    rh_error_clear(error);
    rh_fail(error, RH_UNKNOWN_OUTCOME,
            rc == RH_UNAVAILABLE ? "the connection was lost before the server confirmed the change"
                                 : "the server did not confirm the change in time");
    return rh_error_hint(error, "Look whether the rows have changed before trying again");
}

/* ---- statements ---- */

static void build_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                         uint64_t n)
{
    (void)n;
    rh_sql_update(sql, spec, row);
}

static void build_delete(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                         uint64_t n)
{
    (void)n;
    rh_sql_delete(sql, spec, row);
}

int rh_my_scope_run(struct rh_my_scope *scope, rh_my_build_fn *how,
                    const struct rh_write_spec *spec, uint64_t first, uint64_t n, uint64_t *ret_n,
                    struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    struct rh_sql *sql = rh_my_sql(conn);
    MYSQL_STMT *stmt = NULL;
    int rc = RH_OK;

    how(sql, spec, first, n);
    rc = rh_sql_check(sql, error);
    if (!rc)
        rc = rh_my_params_load(&conn->params, sql, error);
    if (!rc)
        rc = rh_my_prepare(conn, rh_buf_text(&sql->text), &stmt, error);
    if (!rc) {
        scope->committing = !scope->nested && !scope->opened;
        rc = rh_my_execute(conn, stmt, &conn->params, error);
    }
    if (!rc && mysql_stmt_field_count(stmt))
        rc = rh_my_returned_add(conn, stmt, ret_n, error);
    else if (!rc)
        *ret_n = mysql_stmt_affected_rows(stmt);
    if (rc && n == 1 && error && !spec->where && error->row == RH_NO_ROW)
        error->row = first;
    return rc;
}

/* ---- inserting ---- */

static uint64_t bytes_of_row(const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_value *cells = spec->cells + row * spec->n_columns;
    uint64_t n = 0;

    for (uint32_t i = 0; i < spec->n_columns; i++)
        n += 16 + (uint64_t)cells[i].len;
    return n;
}

/* How many rows go into the statement that begins with `first`. */
static uint64_t rows_together(const struct rh_write_spec *spec, uint64_t first, bool returning)
{
    uint64_t most = CHUNK_PARAMETERS / (spec->n_columns ? spec->n_columns : 1), n = 0, bytes = 0;

    if (most > CHUNK_ROWS)
        most = CHUNK_ROWS;
    if (!returning && spec->n_returning)
        return 1;
    while (n < most && first + n < spec->n_rows && (n == 0 || bytes < CHUNK_BYTES)) {
        bytes += bytes_of_row(spec, first + n);
        n++;
    }
    return n < 2 ? 1 : rh_sql_rows_alike(spec, first, n);
}

static int insert_chunk(struct rh_my_scope *scope, uint64_t first, uint64_t n, bool returning,
                        struct rh_error *error)
{
    struct rh_write_spec spec = *scope->spec;
    uint64_t done = 0;
    int rc = RH_OK;

    if (!returning)
        spec.n_returning = 0;
    rc = rh_my_scope_run(scope, rh_sql_insert, &spec, first, n, &done, error);
    scope->n_affected += done;
    if (!rc && !returning && scope->spec->n_returning)
        rc = rh_my_reread_inserted(scope, first, mysql_insert_id(scope->conn->my), error);
    return rc;
}

static int insert_in_chunks(struct rh_my_scope *scope, bool one_by_one, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    bool returning = rh_my_is_mariadb(scope->conn, 100500);
    uint64_t n = one_by_one ? 1 : rows_together(spec, 0, returning);
    int rc = RH_OK;

    if (n < spec->n_rows || (spec->n_returning && !returning))
        rc = rh_my_scope_open(scope, error);
    for (uint64_t first = 0; !rc && first < spec->n_rows; first += n) {
        n = one_by_one ? 1 : rows_together(spec, first, returning);
        rc = insert_chunk(scope, first, n, returning, error);
    }
    return rc;
}

static int insert_in_bulk(struct rh_my_scope *scope, bool *ret_done, struct rh_error *error)
{
    int rc = rh_my_scope_open(scope, error);

    if (!rc)
        rc = rh_my_bulk_load(scope->conn, scope->spec, ret_done, error);
    if (!rc && *ret_done)
        scope->n_affected = scope->spec->n_rows;
    else if (!rc)
        rc = rh_my_scope_restart(scope, error);
    return rc;
}

static int insert_rows(struct rh_my_scope *scope, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    struct rh_error first = RH_ERROR_INIT;
    bool done = false;
    int rc = RH_OK;

    if (spec->n_rows >= BULK_ROWS && !spec->n_returning && rh_my_bulk_suits(scope->conn, spec)) {
        rc = insert_in_bulk(scope, &done, error);
        if (rc || done)
            return rh_my_scope_end(scope, rc, error);
    }
    rc = insert_in_chunks(scope, false, &first);
    if ((rc == RH_CONSTRAINT || rc == RH_DATA) && spec->n_rows > 1 && spec->n_rows <= RETRY_ROWS &&
        first.row == RH_NO_ROW && !scope->conn->broken) {
        rc = rh_my_scope_restart(scope, error);
        if (!rc)
            rc = insert_in_chunks(scope, true, error);
        return rh_my_scope_end(scope, rc, error);
    }
    if (rc && error && !error->error_class)
        *error = first;
    return rh_my_scope_end(scope, rc, error);
}

/* ---- changing ---- */

static int fail_ambiguous(uint64_t row, struct rh_error *error)
{
    int rc = rh_fail(error, RH_CONSTRAINT, "the key matches more than one row");

    if (error && rc == RH_CONSTRAINT) {
        error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
        error->row = row;
    }
    return rc;
}

static int update_by_key(struct rh_my_scope *scope, const struct rh_write_spec *spec,
                         struct rh_error *error)
{
    struct rh_write_spec bare = *spec;
    int rc = rh_my_scope_open(scope, error);

    bare.n_returning = 0;
    for (uint64_t row = 0; !rc && row < spec->n_rows; row++) {
        uint64_t n = 0;
        rc = rh_my_scope_run(scope, build_update, &bare, row, 1, &n, error);
        if (!rc && n > 1)
            rc = fail_ambiguous(row, error);
        if (!rc && n && spec->n_returning)
            rc = rh_my_reread(scope, spec, row, error);
        scope->n_affected += n;
    }
    return rc;
}

/* DELETE … RETURNING counts the rows that it returns. */
static int delete_by_key(struct rh_my_scope *scope, struct rh_error *error)
{
    struct rh_write_spec spec = *scope->spec;
    int rc = rh_my_scope_open(scope, error);

    if (!scope->conn->mariadb)
        spec.n_returning = 0;
    for (uint64_t row = 0; !rc && row < spec.n_rows; row++) {
        uint64_t n = 0;
        if (spec.n_returning != scope->spec->n_returning)
            rc = rh_my_reread(scope, scope->spec, row, error);
        if (!rc)
            rc = rh_my_scope_run(scope, build_delete, &spec, row, 1, &n, error);
        if (!rc && n > 1)
            rc = fail_ambiguous(row, error);
        scope->n_affected += n;
    }
    return rc;
}

/* ---- by condition ---- */

static void build_lock_where(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                             uint64_t n)
{
    (void)row, (void)n;
    sql->alias = 0;
    for (uint32_t i = 0; i < spec->n_returning; i++) {
        rh_sql_add(sql, i ? ", " : "SELECT ");
        rh_sql_operand(sql, rh_sql_column_at(spec->returning, spec->returning_stride, i),
                       RH_SQL_OUTPUT);
    }
    rh_sql_from_where(sql, spec->where);
    rh_sql_add(sql, " FOR UPDATE");
}

/* The columns that make up the primary key, found among those of `where`; NULL when they are not. */
static struct rh_column *find_key(struct rh_my_scope *scope, uint32_t *ret_n,
                                  struct rh_error *error)
{
    struct rh_my_unique uniques[RH_MY_MAX_UNIQUES];
    const struct rh_query *where = scope->spec->where;
    struct rh_my_rows *rows = NULL;
    struct rh_column *columns = NULL;
    uint32_t n = 0, found = 0;

    if (rh_my_uniques(scope->conn, scope->spec, &rows, uniques, &n, error))
        goto out;
    if (n && rh_text_is(uniques[0].name, "PRIMARY"))
        columns = calloc(uniques[0].n_columns, sizeof *columns);
    for (uint32_t i = 0; columns && i < uniques[0].n_columns; i++) {
        for (uint32_t k = 0; k < where->n_columns + scope->spec->n_returning; k++) {
            const struct rh_column *column =
                k < where->n_columns
                    ? rh_sql_column_at(where->columns, where->column_stride, k)
                    : rh_sql_column_at(scope->spec->returning, scope->spec->returning_stride,
                                       k - where->n_columns);
            if (rh_text_equal(column->name, uniques[0].columns[i])) {
                columns[found++] = *column;
                break;
            }
        }
    }
    if (columns && found == uniques[0].n_columns) {
        *ret_n = found;
    } else {
        free(columns);
        columns = NULL;
        (void)rh_fail(
            error, RH_UNSUPPORTED,
            "rows that are changed by a condition can be returned with their primary key");
    }
out:
    rh_my_rows_free(rows);
    return columns;
}

/* Each key, with the cells that are set behind it. */
static void fill_rows(struct rh_value *cells, const struct rh_write_spec *spec,
                      const struct rh_batch *keys)
{
    for (uint64_t row = 0; row < keys->n_rows; row++) {
        memcpy(cells, keys->cells + row * keys->n_cols, sizeof *cells * keys->n_cols);
        memcpy(cells + keys->n_cols, spec->cells, sizeof *cells * spec->n_columns);
        cells += keys->n_cols + spec->n_columns;
    }
}

/* Locks the rows, keeps their keys, and changes them by key. */
static int update_where_returning(struct rh_my_scope *scope, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    struct rh_conn *conn = scope->conn;
    struct rh_write_spec lock = *spec, keyed = *spec;
    struct rh_my_rows *kept = NULL;
    struct rh_batch keys = {.struct_size = sizeof keys};
    struct rh_column *key = NULL, *columns = NULL;
    struct rh_value *cells = NULL;
    uint32_t *positions = NULL, n_key = 0, n = 0;
    uint64_t n_rows = 0;
    int rc = RH_OK;

    key = find_key(scope, &n_key, error);
    if (!key)
        return error && error->error_class ? error->error_class : RH_UNSUPPORTED;
    n = n_key + spec->n_columns;
    lock.returning = key;
    lock.returning_stride = sizeof *key;
    lock.n_returning = n_key;
    rc = rh_my_scope_open(scope, error);
    if (!rc)
        rc = rh_my_returned_start(conn, &lock, error);
    if (!rc)
        rc = rh_my_scope_run(scope, build_lock_where, &lock, 0, 1, &n_rows, error);
    if (!rc)
        rc = rh_my_returned_batch(conn, &keys, error);
    kept = conn->returned;
    conn->returned = NULL;
    if (!rc)
        rc = rh_my_returned_start(conn, spec, error);
    if (rc)
        goto out;
    columns = calloc(n, sizeof *columns);
    positions = calloc(n_key, sizeof *positions);
    cells = calloc(n_rows ? n_rows : 1, sizeof *cells * n);
    if (!columns || !positions || !cells) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    for (uint32_t i = 0; i < n; i++)
        columns[i] = i < n_key ? key[i] : *rh_my_spec_column(spec, i - n_key);
    for (uint32_t i = 0; i < n_key; i++)
        positions[i] = i;
    fill_rows(cells, spec, &keys);
    keyed.columns = columns;
    keyed.column_stride = sizeof *columns;
    keyed.n_columns = n;
    keyed.key = positions;
    keyed.n_key = n_key;
    keyed.cells = cells;
    keyed.n_rows = n_rows;
    keyed.where = NULL;
    rc = update_by_key(scope, &keyed, error);
    if (rc && error)
        error->row = RH_NO_ROW;
out:
    rh_my_rows_free(kept);
    free(key);
    free(columns);
    free(positions);
    free(cells);
    return rc;
}

static int change_where(struct rh_my_scope *scope, bool update, struct rh_error *error)
{
    struct rh_write_spec spec = *scope->spec;
    uint64_t n = 0;
    int rc = RH_OK;

    if (update && spec.n_returning)
        return update_where_returning(scope, error);
    if (!update && spec.n_returning && !scope->conn->mariadb) {
        rc = rh_my_scope_open(scope, error);
        if (!rc)
            rc = rh_my_scope_run(scope, build_lock_where, &spec, 0, 1, &n, error);
        spec.n_returning = 0;
    }
    if (!rc)
        rc = rh_my_scope_run(scope, update ? build_update : build_delete, &spec, 0, 1, &n, error);
    scope->n_affected = n;
    return rc;
}

/* ---- the group ---- */

static int enter(struct rh_my_scope *scope, struct rh_write_result *ret_result,
                 struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    int rc = rh_my_enter(conn, scope->op, error);

    ret_result->n_affected = 0;
    ret_result->returned = (struct rh_batch){.struct_size = ret_result->returned.struct_size,
                                             .n_cols = scope->spec->n_returning};
    rh_my_returned_free(conn);
    if (rc)
        return rc;
    if (scope->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (conn->tx_failed)
        return rh_fail(error, RH_CONFLICT, "the server has rolled the transaction back");
    scope->nested = conn->in_tx;
    return rh_my_returned_start(conn, scope->spec, error);
}

static int leave(struct rh_my_scope *scope, int rc, struct rh_write_result *ret_result,
                 struct rh_error *error)
{
    if (!rc)
        rc = rh_my_returned_batch(scope->conn, &ret_result->returned, error);
    if (!rc)
        ret_result->n_affected = scope->n_affected;
    else
        rh_my_returned_free(scope->conn);
    rc = judge(scope, rc, error);
    rh_my_leave(scope->conn);
    return rc;
}

int rh_my_insert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_my_scope scope = {.conn = conn, .op = op, .spec = spec};
    int rc = enter(&scope, ret_result, error);

    if (!rc && spec->n_rows)
        rc = insert_rows(&scope, error);
    return leave(&scope, rc, ret_result, error);
}

int rh_my_upsert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_my_scope scope = {.conn = conn, .op = op, .spec = spec};
    int rc = enter(&scope, ret_result, error);

    if (!rc && spec->n_key == 0)
        rc = rh_fail(error, RH_INVALID, "an upsert needs the columns of a key");
    if (!rc && spec->n_rows)
        rc = rh_my_scope_end(&scope, rh_my_upsert_rows(&scope, error), error);
    return leave(&scope, rc, ret_result, error);
}

static int change(struct rh_my_scope *scope, bool update, struct rh_write_result *ret_result,
                  struct rh_error *error)
{
    int rc = enter(scope, ret_result, error);

    if (!rc && (scope->spec->where || scope->spec->n_rows)) {
        if (scope->spec->where)
            rc = change_where(scope, update, error);
        else
            rc = update ? update_by_key(scope, scope->spec, error) : delete_by_key(scope, error);
        rc = rh_my_scope_end(scope, rc, error);
    }
    return leave(scope, rc, ret_result, error);
}

int rh_my_update(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_my_scope scope = {.conn = conn, .op = op, .spec = spec};

    return change(&scope, true, ret_result, error);
}

int rh_my_remove(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_my_scope scope = {.conn = conn, .op = op, .spec = spec};

    return change(&scope, false, ret_result, error);
}
