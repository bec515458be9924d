/*
 * Writing. A call runs in a scope of its own (tx.h): all of its rows or nothing. Rows that give the
 * same columns share one prepared statement, bound again for each row.
 */
#include "write.h"

#include "base/err.h"
#include "bind.h"
#include "dialect.h"
#include "error.h"
#include "output.h"
#include "tx.h"

#include <stdlib.h>
#include <string.h>

struct writing {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_sqlite_output *outputs; /* of RETURNING */
    uint64_t n_affected;
    struct rh_error *error;
};

/* Builds the statement for one row. */
typedef void build_fn(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row);

static void build_insert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    rh_sql_insert(sql, spec, row, 1);
}

static void build_upsert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    rh_sql_upsert(sql, spec, row, 1);
}

static const struct rh_value *row_of(const struct rh_write_spec *spec, uint64_t row)
{
    return spec->cells + (size_t)row * spec->n_columns;
}

/* ---- one statement ---- */

static int fail_budget(struct writing *writing)
{
    rh_fail(writing->error, RH_RESOURCE,
            "the rows that the write returns take more than %llu bytes",
            (unsigned long long)writing->op->memory_budget);
    return rh_error_hint(writing->error, "Write fewer rows at once, or return their keys only");
}

/* Runs the statement to its end, collecting what it returns. */
static int execute(struct writing *writing, sqlite3_stmt *stmt)
{
    struct rh_conn *conn = writing->conn;
    struct rh_rowset *rows = &conn->returned;
    uint64_t budget = writing->op->memory_budget;
    int code;

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        rh_sqlite_read_row(rows, stmt, writing->outputs, writing->spec->n_returning);
        if (rows->failed)
            return rh_fail_nomem(writing->error);
        if (budget &&
            rows->n_bytes + rows->n_rows * rows->n_cols * sizeof(struct rh_value) > budget)
            return fail_budget(writing);
    }
    if (code != SQLITE_DONE)
        return rh_sqlite_fail(conn, code, writing->error);
    return RH_OK;
}

static int add_affected(struct writing *writing, uint64_t row, bool keyed)
{
    uint64_t n = (uint64_t)sqlite3_changes64(writing->conn->db);

    if (keyed && n > 1) {
        rh_fail(writing->error, RH_CONSTRAINT, "the key of row %llu matches more than one row",
                (unsigned long long)row);
        writing->error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
        return RH_CONSTRAINT;
    }
    writing->n_affected += n;
    return RH_OK;
}

/* ---- rows ---- */

/* Binds the cells that are given to the parameters in order: what the builder does for its row. */
static int bind_row(struct writing *writing, sqlite3_stmt *stmt, uint64_t row)
{
    const struct rh_write_spec *spec = writing->spec;
    const struct rh_value *cells = row_of(spec, row);
    int index = 0;

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        int rc;
        if (cells[i].type == RH_TYPE_MISSING)
            continue;
        rc = rh_sqlite_bind_cell(writing->conn, stmt, ++index,
                                 rh_sql_column_at(spec->columns, spec->column_stride, i), &cells[i],
                                 writing->error);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* Inserts rows [first, first + n), which give the same columns. */
static int insert_alike(struct writing *writing, build_fn *build, uint64_t first, uint64_t n,
                        uint64_t *ret_row)
{
    struct rh_conn *conn = writing->conn;
    sqlite3_stmt *stmt = NULL;
    int rc = RH_OK, code;

    *ret_row = first;
    rh_sql_clear(&conn->sql);
    build(&conn->sql, writing->spec, first);
    rc = rh_sql_check(&conn->sql, writing->error);
    if (rc)
        return rc;
    code =
        rh_sqlite_statement_get(&conn->statements, conn->db, rh_buf_text(&conn->sql.text), &stmt);
    if (code != SQLITE_OK)
        return rh_sqlite_fail(conn, code, writing->error);
    for (uint64_t i = 0; i < n && rc == RH_OK; i++) {
        *ret_row = first + i;
        rc = bind_row(writing, stmt, first + i);
        if (rc == RH_OK)
            rc = execute(writing, stmt);
        if (rc == RH_OK)
            rc = add_affected(writing, first + i, false);
        sqlite3_reset(stmt);
    }
    rh_sqlite_statement_put(&conn->statements, stmt);
    return rc;
}

static int insert_rows(struct writing *writing, build_fn *build)
{
    const struct rh_write_spec *spec = writing->spec;
    uint64_t row = 0;
    int rc = RH_OK;

    while (row < spec->n_rows && rc == RH_OK) {
        uint64_t n = rh_sql_rows_alike(spec, row, UINT64_MAX), at = row;
        rc = insert_alike(writing, build, row, n, &at);
        if (rc && writing->error->row == RH_NO_ROW)
            writing->error->row = at;
        row += n;
    }
    return rc;
}

/* Builds, runs and forgets a statement; the statement cache knows its text the next time. */
static int change(struct writing *writing, build_fn *build, uint64_t row, bool keyed)
{
    struct rh_conn *conn = writing->conn;
    sqlite3_stmt *stmt = NULL;
    int rc;

    rh_sql_clear(&conn->sql);
    build(&conn->sql, writing->spec, row);
    rc = rh_sqlite_prepare_built(conn, &stmt, writing->error);
    if (rc == RH_OK)
        rc = execute(writing, stmt);
    if (rc == RH_OK)
        rc = add_affected(writing, row, keyed);
    rh_sqlite_statement_put(&conn->statements, stmt);
    return rc;
}

static int change_rows(struct writing *writing, build_fn *build)
{
    const struct rh_write_spec *spec = writing->spec;
    int rc = RH_OK;

    if (spec->where)
        return change(writing, build, 0, false);
    for (uint64_t row = 0; row < spec->n_rows && rc == RH_OK; row++) {
        rc = change(writing, build, row, true);
        if (rc && writing->error->row == RH_NO_ROW)
            writing->error->row = row;
    }
    return rc;
}

/* ---- a call ---- */

static int prepare_returned(struct writing *writing)
{
    const struct rh_write_spec *spec = writing->spec;
    struct rh_rowset *rows = &writing->conn->returned;

    if (rows->n_cols != spec->n_returning) {
        size_t max_bytes = rows->max_bytes;
        rh_rowset_fini(rows);
        rh_rowset_init(rows, spec->n_returning, max_bytes);
    }
    rh_rowset_clear(rows, UINT64_MAX);
    if (spec->n_returning == 0)
        return RH_OK;
    writing->outputs = calloc(spec->n_returning, sizeof *writing->outputs);
    if (!writing->outputs)
        return rh_fail_nomem(writing->error);
    for (uint32_t i = 0; i < spec->n_returning; i++)
        writing->outputs[i] = rh_sqlite_output_of(
            rh_sql_column_at(spec->returning, spec->returning_stride, i), false);
    return RH_OK;
}

static int give_result(struct writing *writing, struct rh_write_result *ret_result)
{
    int rc = RH_OK;

    ret_result->n_affected = writing->n_affected;
    ret_result->returned.n_rows = 0;
    ret_result->returned.n_cols = writing->spec->n_returning;
    ret_result->returned.cells = NULL;
    if (writing->conn->returned.n_rows)
        rc = rh_rowset_batch(&writing->conn->returned, &ret_result->returned, writing->error);
    return rc;
}

static int32_t write_rows(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                          struct rh_error *error,
                          int (*run)(struct writing *writing, build_fn *build), build_fn *build)
{
    struct writing writing = {.conn = conn, .op = op, .spec = spec, .error = error};
    int rc = rh_sqlite_begin(conn, op, error);

    if (rc)
        return rc;
    rc = prepare_returned(&writing);
    if (rc == RH_OK)
        rc = rh_sqlite_scope_begin(conn, op, error);
    if (rc == RH_OK) {
        rc = run(&writing, build);
        rc = rh_sqlite_scope_end(conn, rc, error);
    }
    if (rc == RH_OK)
        rc = give_result(&writing, ret_result);
    free(writing.outputs);
    rh_sqlite_end(conn);
    return rc;
}

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return write_rows(conn, op, spec, ret_result, error, insert_rows, build_insert);
}

static int32_t upsert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    if (spec->n_key == 0)
        return rh_fail(error, RH_INVALID, "an upsert needs the columns of a unique key");
    return write_rows(conn, op, spec, ret_result, error, insert_rows, build_upsert);
}

static int check_keyed(const struct rh_write_spec *spec, struct rh_error *error)
{
    if (!spec->where && spec->n_key == 0)
        return rh_fail(error, RH_INVALID, "neither a key nor a condition is given");
    if (spec->where && spec->n_columns && spec->n_rows == 0 && spec->cells)
        return rh_fail(error, RH_INVALID, "no row of values is given");
    return RH_OK;
}

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    int rc = check_keyed(spec, error);

    return rc ? rc : write_rows(conn, op, spec, ret_result, error, change_rows, rh_sql_update);
}

static int32_t remove_rows(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    int rc = check_keyed(spec, error);

    return rc ? rc : write_rows(conn, op, spec, ret_result, error, change_rows, rh_sql_delete);
}

const struct rh_write rh_sqlite_write = {
    .struct_size = sizeof rh_sqlite_write,
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
