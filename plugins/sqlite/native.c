/*
 * Native SQL: one statement with bound parameters (?, ?1, :name, in order of their numbers). What it
 * may not do is in authorizer.c; READ_ONLY operations refuse every statement that could write.
 *
 * The first step is made at once, so that errors come from `run`, and so that columns without a
 * declared type take the type of their first value. A statement that writes runs in a scope of its
 * own (tx.h) and to its end before it is answered: what was answered has been committed.
 */
#include "native.h"

#include "base/err.h"
#include "bind.h"
#include "error.h"
#include "output.h"
#include "read.h"
#include "tx.h"
#include "type.h"

#include <stdio.h>
#include <string.h>

struct running {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_native_spec *spec;
    struct rh_error *error;
    sqlite3_stmt *stmt;
    int code; /* of the first step */
};

static int prepare(struct running *running)
{
    struct rh_conn *conn = running->conn;
    struct rh_text text = running->spec->text;
    const char *tail = NULL;
    sqlite3_stmt *more = NULL;
    int code;

    if (text.len > RH_SQL_MAX_BYTES || memchr(text.data ? text.data : "", '\0', text.len))
        return rh_fail(running->error, RH_INVALID, "the statement is too long or has a NUL byte");
    code = sqlite3_prepare_v2(conn->db, text.data, (int)text.len, &running->stmt, &tail);
    if (code != SQLITE_OK)
        return rh_sqlite_fail(conn, code, running->error);
    if (!running->stmt)
        return rh_fail(running->error, RH_INVALID, "there is no statement");
    while (tail < text.data + text.len && !more && code == SQLITE_OK)
        code = sqlite3_prepare_v2(conn->db, tail, (int)(text.data + text.len - tail), &more, &tail);
    sqlite3_finalize(more);
    if (more || code != SQLITE_OK)
        return rh_fail(running->error, RH_INVALID, "there is more than one statement");
    return RH_OK;
}

static int check(struct running *running)
{
    int n = sqlite3_bind_parameter_count(running->stmt);

    if ((running->op->flags & RH_OP_READ_ONLY || running->conn->read_only) &&
        !sqlite3_stmt_readonly(running->stmt)) {
        rh_fail(running->error, RH_PERMISSION, "the statement changes data, but the %s",
                running->conn->read_only ? "database is opened read-only"
                                         : "operation is read-only");
        return rh_error_code(running->error, "read-only");
    }
    if (n < 0 || (uint32_t)n != running->spec->n_parameters)
        return rh_fail(running->error, RH_INVALID, "the statement has %d parameters, %u were given",
                       n, running->spec->n_parameters);
    return RH_OK;
}

/* Outside of a column, a decimal that no number keeps is bound as text. */
static int bind_parameter(struct running *running, uint32_t i)
{
    struct rh_value value = running->spec->parameters[i], number;
    const struct rh_sql_parameter parameter = {.values = &value, .n = 1, .form = RH_SQL_WRITE};

    if (value.type == RH_TYPE_DECIMAL && !rh_sqlite_decimal_is_kept(&value, &number))
        value.type = RH_TYPE_TEXT;
    return rh_sqlite_bind(running->conn, running->stmt, (int)i + 1, &parameter, running->error);
}

static uint32_t type_of_value(sqlite3_stmt *stmt, int i)
{
    switch (sqlite3_column_type(stmt, i)) {
    case SQLITE_INTEGER:
        return RH_TYPE_INT;
    case SQLITE_FLOAT:
        return RH_TYPE_FLOAT;
    case SQLITE_BLOB:
        return RH_TYPE_BYTES;
    default:
        return RH_TYPE_TEXT;
    }
}

static int describe(struct running *running, int i, struct rh_column *ret_column)
{
    const char *name = sqlite3_column_name(running->stmt, i);
    const char *declared = sqlite3_column_decltype(running->stmt, i);
    char number[24];
    int rc;

    if (!name)
        return rh_fail_nomem(running->error);
    snprintf(number, sizeof number, "column%d", i + 1);
    if (!*name || !rh_text_is_utf8(rh_text_of(name)))
        name = number;
    rc = rh_sqlite_give_text(running->conn, running->op, rh_text_of(name), &ret_column->name,
                             running->error);
    if (rc == RH_OK && declared && rh_text_is_utf8(rh_text_of(declared)))
        rc = rh_sqlite_give_text(running->conn, running->op, rh_text_of(declared),
                                 &ret_column->native_type, running->error);
    if (rc)
        return rc;
    rh_sqlite_type_set(ret_column, false);
    if (!declared) {
        ret_column->type =
            running->code == SQLITE_ROW ? type_of_value(running->stmt, i) : RH_TYPE_TEXT;
        ret_column->flags |= RH_COLUMN_INFERRED;
    }
    return RH_OK;
}

static int give_rows(struct running *running, bool writes, struct rh_native_result *ret_result)
{
    uint32_t n = (uint32_t)sqlite3_column_count(running->stmt);
    struct rh_column *columns = NULL;
    struct rh_cursor *cursor = NULL;
    int rc = RH_OK;

    columns = running->conn->host->alloc(running->op->arena, n * sizeof *columns);
    if (!columns || !(cursor = rh_sqlite_cursor_new(running->conn, n)))
        return rh_fail_nomem(running->error);
    for (uint32_t i = 0; i < n && rc == RH_OK; i++) {
        rc = describe(running, (int)i, &columns[i]);
        cursor->outputs[i] = rh_sqlite_output_of(&columns[i], false);
        cursor->outputs[i].is_free = true;
    }
    if (rc == RH_OK && running->code == SQLITE_ROW && writes)
        rc = rh_sqlite_cursor_buffer(cursor, running->stmt, running->op->memory_budget,
                                     running->error);
    if (rc) {
        rh_sqlite_finish(cursor);
        return rc;
    }
    cursor->is_native = true;
    cursor->on_row = running->code == SQLITE_ROW && !writes;
    if (cursor->on_row) {
        cursor->stmt = running->stmt;
        running->stmt = NULL;
    }
    ret_result->columns = columns;
    ret_result->n_columns = n;
    ret_result->cursor = cursor;
    return RH_OK;
}

static int make_ready(struct running *running)
{
    int rc = prepare(running);

    if (rc == RH_OK)
        rc = check(running);
    for (uint32_t i = 0; i < running->spec->n_parameters && rc == RH_OK; i++)
        rc = bind_parameter(running, i);
    return rc;
}

static int execute(struct running *running, bool writes, struct rh_native_result *ret_result)
{
    sqlite3 *db = running->conn->db;
    int64_t before = sqlite3_total_changes64(db);
    int rc = RH_OK;

    running->code = sqlite3_step(running->stmt);
    if (running->code != SQLITE_ROW && running->code != SQLITE_DONE)
        return rh_sqlite_fail(running->conn, running->code, running->error);
    ret_result->n_columns = 0;
    ret_result->columns = NULL;
    ret_result->cursor = NULL;
    ret_result->n_affected = 0;
    if (sqlite3_column_count(running->stmt) > 0)
        rc = give_rows(running, writes, ret_result);
    if (rc == RH_OK && writes && sqlite3_total_changes64(db) != before)
        ret_result->n_affected = (uint64_t)sqlite3_changes64(db);
    return rc;
}

/* A write, all of it or nothing. */
static int execute_write(struct running *running, struct rh_native_result *ret_result)
{
    struct rh_conn *conn = running->conn;
    int rc = rh_sqlite_scope_begin(conn, running->op, running->error);

    if (rc)
        return rc;
    conn->native = true;
    rc = execute(running, true, ret_result);
    sqlite3_finalize(running->stmt);
    running->stmt = NULL;
    conn->native = false;
    rc = rh_sqlite_scope_end(conn, rc, running->error);
    if (rc && conn->cursor)
        rh_sqlite_finish(conn->cursor);
    return rc;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct running running = {.conn = conn, .op = op, .spec = spec, .error = error};
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_sqlite_tx_check(conn, error);
    if (rc == RH_OK)
        rc = rh_sqlite_begin(conn, op, error);
    if (rc)
        return rc;
    conn->native = true;
    rc = make_ready(&running);
    if (rc == RH_OK && sqlite3_stmt_readonly(running.stmt)) {
        rc = execute(&running, false, ret_result);
    } else if (rc == RH_OK) {
        conn->native = false;
        rc = execute_write(&running, ret_result);
    }
    conn->native = false;
    sqlite3_finalize(running.stmt);
    rh_sqlite_end(conn);
    return rc;
}

const struct rh_native rh_sqlite_native = {
    .struct_size = sizeof rh_sqlite_native,
    .language = RH_TEXT_INIT("SQL (SQLite)"),
    .run = run,
};
