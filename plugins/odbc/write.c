/*
 * Writing.
 *
 *   new rows, nothing to return    one prepared INSERT, rows as arrays of parameters
 *   everything else by row         one prepared statement per shape, executed row by row
 *   rows by condition              one statement
 *   upsert                         ON CONFLICT or MERGE; where there is neither: look, then update
 *                                  or insert
 *
 * All in one transaction, or within a savepoint of the host's. When an array fails and the driver
 * does not tell which row, all is undone and the rows are tried one by one.
 */
#include "write.h"

#include "read.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS 500
#define RETRY_ROWS 10000

struct call {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    uint64_t n_affected;
};

typedef void build_fn(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row);

static void build_insert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    rh_sql_insert(sql, spec, row, 1);
}

static void build_upsert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    rh_sql_upsert(sql, spec, row, 1);
}

static bool returns_itself(const struct call *call)
{
    return call->conn->dialect->sql.returning != RH_SQL_RETURNING_NONE;
}

/* ---- one statement ---- */

static int load(struct call *call, build_fn *build, uint64_t row,
                const struct rh_odbc_params_rows *rows, struct rh_error *error)
{
    struct rh_conn *conn = call->conn;
    const struct rh_odbc_form form = {.dialect = conn->dialect, .utf8 = conn->utf8};
    int rc = RH_OK;

    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &conn->sql_dialect, &conn->traits);
    build(&conn->sql, call->spec, row);
    rc = rh_sql_check(&conn->sql, error);
    if (!rc)
        rc = rh_odbc_params_load(&conn->params, &form, conn->sql.parameters, conn->sql.n_parameters,
                                 rows, error);
    return rc;
}

/* Executes one row's statement and takes what it returns. *ret_n: rows that it changed, -1 when
 * the driver does not say. */
static int run(struct call *call, build_fn *build, uint64_t row, int64_t *ret_n,
               struct rh_error *error)
{
    struct rh_conn *conn = call->conn;
    struct rh_odbc_statement *statement = NULL;
    uint64_t n_returned = 0;
    int rc = load(call, build, row, NULL, error);

    if (!rc)
        rc = rh_odbc_start(conn, rh_sql_string(&conn->sql), &conn->params, &statement, error);
    if (!rc && call->spec->n_returning && returns_itself(call)) {
        rc = rh_odbc_returned_take(conn, call->spec, statement, &n_returned, error);
        *ret_n = (int64_t)n_returned;
    } else if (!rc) {
        *ret_n = rh_odbc_row_count(statement);
    }
    rh_odbc_release(conn, statement, rc != RH_OK);
    if (rc && error && error->row == RH_NO_ROW && !call->spec->where)
        error->row = row;
    return rc;
}

static int fail_ambiguous(uint64_t row, struct rh_error *error)
{
    int rc = rh_fail(error, RH_CONSTRAINT, "the key matches more than one row");

    if (error && rc == RH_CONSTRAINT) {
        error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
        error->row = row;
    }
    return rc;
}

/* ---- many rows at once ---- */

/* The first row that failed, by the statuses of the array. */
static uint64_t failed_row(const struct rh_odbc_params *params)
{
    for (uint64_t i = 0; i < params->n_rows; i++) {
        if (params->statuses[i] == SQL_PARAM_ERROR)
            return i;
    }
    return RH_NO_ROW;
}

static int run_array(struct call *call, uint64_t first, uint64_t n, struct rh_error *error)
{
    struct rh_conn *conn = call->conn;
    const struct rh_odbc_params_rows rows = {
        .cells = call->spec->cells + (size_t)first * call->spec->n_columns,
        .n_columns = call->spec->n_columns,
        .n_rows = n,
    };
    struct rh_odbc_statement *statement = NULL;
    uint64_t failed;
    int rc = load(call, build_insert, first, &rows, error);

    if (rc) {
        if (error && error->row != RH_NO_ROW)
            error->row += first;
        return rc;
    }
    rc = rh_odbc_prepare(conn, rh_sql_string(&conn->sql), &statement, error);
    if (!rc)
        rc = rh_odbc_execute(conn, statement, &conn->params, error);
    failed = n > 1 && statement ? failed_row(&conn->params) : RH_NO_ROW;
    if (!rc && failed != RH_NO_ROW)
        rc = rh_odbc_fail_call(conn, statement->handle, error);
    if (rc && error && n == 1)
        error->row = first;
    rh_odbc_release(conn, statement, rc != RH_OK || n > 1);
    if (!rc)
        call->n_affected += n;
    return rc;
}

static int insert_arrays(struct call *call, struct rh_error *error)
{
    const struct rh_write_spec *spec = call->spec;
    int rc = RH_OK;

    for (uint64_t first = 0; !rc && first < spec->n_rows;) {
        uint64_t n = rh_sql_rows_alike(spec, first, CHUNK_ROWS);
        struct rh_error own = RH_ERROR_INIT;
        rc = run_array(call, first, n, &own);
        if (rc == RH_UNSUPPORTED && n > 1) { /* cells of different types */
            rc = RH_OK;
            rh_error_clear(&own);
            for (uint64_t i = 0; !rc && i < n; i++)
                rc = run_array(call, first + i, 1, &own);
        }
        if (rc && error && !error->error_class)
            *error = own;
        first += n;
    }
    return rc;
}

/* ---- row by row ---- */

static int insert_one(struct call *call, uint64_t row, struct rh_error *error)
{
    int64_t n = 0;
    int rc = run(call, build_insert, row, &n, error);

    if (!rc && call->spec->n_returning && !returns_itself(call))
        rc = rh_odbc_returned_inserted(call->conn, call->spec, row, error);
    if (!rc)
        call->n_affected++;
    return rc;
}

static int update_one(struct call *call, uint64_t row, struct rh_error *error)
{
    int64_t n = 0;
    int rc = run(call, rh_sql_update, row, &n, error);

    if (!rc && n > 1)
        rc = fail_ambiguous(row, error);
    if (!rc && n != 0 && call->spec->n_returning && !returns_itself(call)) {
        uint64_t found = 0;
        rc = rh_odbc_returned_read(call->conn, call->spec, row, true, &found, error);
        if (!rc && found > 1)
            rc = fail_ambiguous(row, error);
        n = (int64_t)found;
    }
    if (!rc)
        call->n_affected += n > 0 ? 1 : 0;
    return rc;
}

static int delete_one(struct call *call, uint64_t row, struct rh_error *error)
{
    int64_t n = 0;
    uint64_t found = 0;
    int rc = RH_OK;

    if (call->spec->n_returning && !returns_itself(call))
        rc = rh_odbc_returned_read(call->conn, call->spec, row, false, &found, error);
    if (!rc)
        rc = run(call, rh_sql_delete, row, &n, error);
    if (!rc && n > 1)
        rc = fail_ambiguous(row, error);
    if (!rc)
        call->n_affected += n > 0 ? 1 : 0;
    return rc;
}

/* ---- upsert ---- */

static bool has_upsert(const struct rh_conn *conn)
{
    return conn->dialect->sql.merge || conn->dialect->on_conflict;
}

static void build_look(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_odbc_traits *traits = sql->state;
    const struct rh_value *cells = spec->cells + (size_t)row * spec->n_columns;

    sql->alias = 0;
    rh_sql_add(sql, "SELECT 1 FROM ");
    rh_sql_table(sql, spec->schema, spec->table);
    rh_sql_add(sql, " t0");
    if (sql->dialect->lock_hint)
        rh_sql_add(sql, sql->dialect->lock_hint);
    for (uint32_t i = 0; i < spec->n_key; i++) {
        const struct rh_column *column = rh_odbc_spec_column(spec, spec->key[i]);
        rh_sql_add(sql, i ? " AND " : " WHERE ");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, column, &cells[spec->key[i]], RH_SQL_PLAIN);
    }
    if (traits->dialect->lock_clause)
        rh_sql_add(sql, traits->dialect->lock_clause);
}

/* How many rows the key finds, 2 for more. "=" is the source's own, as in its unique constraint. */
static int look(struct call *call, uint64_t row, unsigned *ret_n, struct rh_error *error)
{
    struct rh_conn *conn = call->conn;
    struct rh_odbc_statement *statement = NULL;
    int rc = load(call, build_look, row, NULL, error);

    *ret_n = 0;
    if (!rc)
        rc = rh_odbc_start(conn, rh_sql_string(&conn->sql), &conn->params, &statement, error);
    while (!rc && *ret_n < 2) {
        rh_odbc_watch_enter(&conn->watch, statement->handle);
        SQLRETURN code = SQLFetch(statement->handle);
        rh_odbc_watch_leave(&conn->watch);
        if (code == SQL_NO_DATA)
            break;
        if (!SQL_SUCCEEDED(code))
            rc = rh_odbc_fail_call(conn, statement->handle, error);
        ++*ret_n;
    }
    rh_odbc_release(conn, statement, rc != RH_OK);
    return rc;
}

static bool sets_something(const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_value *cells = spec->cells + (size_t)row * spec->n_columns;

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        bool key = false;
        for (uint32_t k = 0; k < spec->n_key; k++)
            key = key || spec->key[k] == i;
        if (!key && cells[i].type != RH_TYPE_MISSING)
            return true;
    }
    return false;
}

/* The row's UPDATE under the source's own "=". */
static void build_own_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_value *cells = spec->cells + (size_t)row * spec->n_columns;
    const char *before = " SET ";

    sql->alias = RH_SQL_NO_ALIAS;
    rh_sql_add(sql, "UPDATE ");
    rh_sql_table(sql, spec->schema, spec->table);
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        bool key = false;
        for (uint32_t k = 0; k < spec->n_key; k++)
            key = key || spec->key[k] == i;
        if (key || cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, rh_odbc_spec_column(spec, i)->name);
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, rh_odbc_spec_column(spec, i), &cells[i], RH_SQL_WRITE);
        before = ", ";
    }
    for (uint32_t i = 0; i < spec->n_key; i++) {
        const struct rh_column *column = rh_odbc_spec_column(spec, spec->key[i]);
        rh_sql_add(sql, i ? " AND " : " WHERE ");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, column, &cells[spec->key[i]], RH_SQL_PLAIN);
    }
}

static int look_and_write(struct call *call, uint64_t row, struct rh_error *error)
{
    const struct rh_write_spec *spec = call->spec;
    unsigned found = 0;
    int64_t n = 0;
    int rc = look(call, row, &found, error);

    if (!rc && found > 1)
        return fail_ambiguous(row, error);
    if (rc || (found && spec->resolve == RH_RESOLVE_IGNORE))
        return rc;
    if (!found)
        rc = run(call, build_insert, row, &n, error);
    else if (sets_something(spec, row))
        rc = run(call, build_own_update, row, &n, error);
    call->n_affected += rc == RH_OK;
    return rc;
}

static int upsert_one(struct call *call, uint64_t row, struct rh_error *error)
{
    uint64_t before = call->n_affected, found = 0;
    int64_t n = 0;
    int rc = RH_OK;

    if (!has_upsert(call->conn)) {
        rc = look_and_write(call, row, error);
    } else {
        rc = run(call, build_upsert, row, &n, error);
        if (!rc && n != 0)
            call->n_affected++;
    }
    if (!rc && call->spec->n_returning && !returns_itself(call) && call->n_affected > before)
        rc = rh_odbc_returned_read(call->conn, call->spec, row, false, &found, error);
    return rc;
}

/* ---- the group ---- */

typedef int one_fn(struct call *call, uint64_t row, struct rh_error *error);

static int enter(struct call *call, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_conn *conn = call->conn;
    int rc = rh_odbc_enter_free(conn, call->op, error);

    ret_result->n_affected = 0;
    ret_result->returned = (struct rh_batch){.struct_size = ret_result->returned.struct_size,
                                             .n_cols = call->spec->n_returning};
    rh_odbc_returned_free(conn);
    if (!rc && ((call->op->flags & RH_OP_READ_ONLY) || conn->read_only))
        rc = rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (!rc && !conn->has_tx && call->spec->n_rows > 1)
        rc = rh_fail(error, RH_UNSUPPORTED,
                     "the database has no transactions: rows can be written one at a time only");
    rh_odbc_use_slices(conn, false);
    return rc;
}

static int leave(struct call *call, int rc, struct rh_write_result *ret_result,
                 struct rh_error *error)
{
    struct rh_conn *conn = call->conn;

    if (!rc)
        rc = rh_odbc_returned_batch(conn, &ret_result->returned, error);
    if (!rc)
        ret_result->n_affected = call->n_affected;
    else
        rh_odbc_returned_free(conn);
    rh_odbc_leave(conn);
    return rc;
}

/* All rows within a transaction or savepoint. */
static int run_scoped(struct call *call, one_fn *one, struct rh_error *error)
{
    struct rh_odbc_scope scope;
    int rc = rh_odbc_returned_start(call->conn, call->spec->n_returning, error);

    call->n_affected = 0;
    if (!rc)
        rc = rh_odbc_scope_open(call->conn, &scope, error);
    if (rc)
        return rc;
    if (one) {
        for (uint64_t row = 0; !rc && row < call->spec->n_rows; row++)
            rc = one(call, row, error);
    } else {
        rc = insert_arrays(call, error);
    }
    return rh_odbc_scope_close(call->conn, &scope, rc, error);
}

int rh_odbc_insert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    struct call call = {.conn = conn, .op = op, .spec = spec};
    bool arrays = conn->arrays && !spec->n_returning && spec->n_rows > 1;
    struct rh_error first = RH_ERROR_INIT;
    int rc = enter(&call, ret_result, error);

    if (rc || !spec->n_rows)
        goto out;
    rc = run_scoped(&call, arrays ? NULL : insert_one, &first);
    if (arrays && (rc == RH_CONSTRAINT || rc == RH_DATA) && first.row == RH_NO_ROW &&
        spec->n_rows <= RETRY_ROWS && !conn->broken && !conn->tx_failed) {
        rh_error_clear(&first);
        rc = run_scoped(&call, insert_one, &first);
    }
    if (rc && error && !error->error_class)
        *error = first;
out:
    return leave(&call, rc, ret_result, error);
}

int rh_odbc_upsert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    struct call call = {.conn = conn, .op = op, .spec = spec};
    int rc = enter(&call, ret_result, error);

    if (!rc && spec->n_key == 0)
        rc = rh_fail(error, RH_INVALID, "an upsert needs the columns of a key");
    if (!rc && spec->n_rows)
        rc = run_scoped(&call, upsert_one, error);
    return leave(&call, rc, ret_result, error);
}

static int change_where(struct call *call, build_fn *build, struct rh_error *error)
{
    struct rh_odbc_scope scope;
    int64_t n = 0;
    int rc = RH_OK;

    if (call->spec->n_returning && !returns_itself(call)) {
        rh_fail(error, RH_UNSUPPORTED, "this database does not return the rows that it changes");
        return rh_error_hint(error, "Ask for no rows back, or write by key");
    }
    rc = rh_odbc_returned_start(call->conn, call->spec->n_returning, error);
    if (!rc)
        rc = rh_odbc_scope_open(call->conn, &scope, error);
    if (rc)
        return rc;
    rc = run(call, build, 0, &n, error);
    rc = rh_odbc_scope_close(call->conn, &scope, rc, error);
    call->n_affected = rc || n < 0 ? 0 : (uint64_t)n;
    return rc;
}

static int change(struct call *call, build_fn *build, one_fn *one,
                  struct rh_write_result *ret_result, struct rh_error *error)
{
    int rc = enter(call, ret_result, error);

    if (!rc && call->spec->where)
        rc = change_where(call, build, error);
    else if (!rc && call->spec->n_rows)
        rc = run_scoped(call, one, error);
    return leave(call, rc, ret_result, error);
}

int rh_odbc_update(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    struct call call = {.conn = conn, .op = op, .spec = spec};

    return change(&call, rh_sql_update, update_one, ret_result, error);
}

int rh_odbc_remove(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    struct call call = {.conn = conn, .op = op, .spec = spec};

    return change(&call, rh_sql_delete, delete_one, ret_result, error);
}
