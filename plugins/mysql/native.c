/*
 * Native statements: one, prepared (so that two cannot hide in one text), with parameters "?".
 *
 * With RH_OP_READ_ONLY only statements that read are let through, and they run in a read-only
 * transaction that is rolled back at the end (inside the host's, which cannot be made read-only
 * any more, in a savepoint); rows are streamed. Without, a statement may change something: its result
 * is taken in whole, within the operation's memory, so that leaving rows unread cannot undo it.
 * Transaction control is refused: that is what the tx group is for. What gets past that test is found
 * by its outcome, and costs the connection.
 */
#include "native.h"

#include "native_kind.h"
#include "read.h"
#include "rows.h"

#include <string.h>

#define WHOLE_BYTES (64u << 20) /* of a result, where the operation names no budget */

enum guard { GUARD_NONE, GUARD_TRANSACTION, GUARD_SAVEPOINT };

/* ---- describing ---- */

static const char *type_name(const MYSQL_FIELD *field)
{
    bool binary = field->charsetnr == 63;

    switch (field->type) {
    case MYSQL_TYPE_TINY:
        return "tinyint";
    case MYSQL_TYPE_SHORT:
        return "smallint";
    case MYSQL_TYPE_INT24:
        return "mediumint";
    case MYSQL_TYPE_LONG:
        return "int";
    case MYSQL_TYPE_LONGLONG:
        return "bigint";
    case MYSQL_TYPE_YEAR:
        return "year";
    case MYSQL_TYPE_FLOAT:
        return "float";
    case MYSQL_TYPE_DOUBLE:
        return "double";
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return "decimal";
    case MYSQL_TYPE_BIT:
        return "bit";
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
        return "date";
    case MYSQL_TYPE_TIME:
        return "time";
    case MYSQL_TYPE_DATETIME:
        return "datetime";
    case MYSQL_TYPE_TIMESTAMP:
        return "timestamp";
    case MYSQL_TYPE_JSON:
        return "json";
    case MYSQL_TYPE_GEOMETRY:
        return "geometry";
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
        return binary ? "blob" : "text";
    default:
        return binary ? "varbinary" : "varchar";
    }
}

/* The columns of the result, in the op's arena. */
static int describe(struct rh_conn *conn, const struct rh_op *op, MYSQL_STMT *stmt,
                    struct rh_native_result *ret_result, struct rh_error *error)
{
    uint32_t n = mysql_stmt_field_count(stmt);
    const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(stmt);
    struct rh_column *columns = conn->host->alloc(op->arena, (uint64_t)n * sizeof *columns);

    if (!columns)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n; i++) {
        char *name = conn->host->alloc(op->arena, fields[i].name_length + 1);
        if (!name)
            return rh_fail_nomem(error);
        if (fields[i].name_length)
            memcpy(name, fields[i].name, fields[i].name_length);
        columns[i].name = rh_text_make(name, fields[i].name_length);
        columns[i].type = rh_my_field_type(&fields[i]);
        columns[i].native_type = rh_text_of(type_name(&fields[i]));
    }
    ret_result->columns = columns;
    ret_result->n_columns = n;
    return RH_OK;
}

/* ---- running ---- */

static int raise_guard(struct rh_conn *conn, const struct rh_op *op, enum guard *ret_guard,
                       struct rh_error *error)
{
    int rc = RH_OK;

    if (!(op->flags & RH_OP_READ_ONLY))
        return RH_OK;
    rc = rh_my_command(conn, conn->in_tx ? "SAVEPOINT rh_native" : "START TRANSACTION READ ONLY",
                       error);
    if (!rc)
        *ret_guard = conn->in_tx ? GUARD_SAVEPOINT : GUARD_TRANSACTION;
    return rc;
}

static void lower_guard(struct rh_conn *conn, enum guard guard)
{
    struct rh_op op;

    if (guard == GUARD_NONE || conn->broken)
        return;
    rh_my_extend(conn, &op, 1000000);
    if (rh_my_command(conn,
                      guard == GUARD_SAVEPOINT ? "ROLLBACK TO SAVEPOINT rh_native" : "ROLLBACK",
                      NULL) &&
        !conn->tx_failed)
        conn->broken = true;
    conn->op = NULL;
}

/* Whether the session is in the transaction that it was in before. */
static int check_outcome(struct rh_conn *conn, enum guard guard, struct rh_error *error)
{
    bool in_tx = (conn->my->server_status & SERVER_STATUS_IN_TRANS) != 0;
    bool autocommit = (conn->my->server_status & SERVER_STATUS_AUTOCOMMIT) != 0;

    if (conn->broken || conn->tx_failed ||
        (autocommit && in_tx == (conn->in_tx || guard == GUARD_TRANSACTION)))
        return RH_OK;
    conn->broken = true;
    rh_error_clear(error);
    return rh_fail(error, RH_UNSUPPORTED, "the statement ended or began a transaction");
}

/* All rows, before anything else can happen to the statement. */
static int take_whole(struct rh_my_rows *rows, const struct rh_op *op, struct rh_error *error)
{
    struct rh_conn *conn = rows->conn;
    uint64_t budget = op->memory_budget ? op->memory_budget : WHOLE_BYTES;
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_op last;
    int rc = RH_OK;

    rows->to_the_end = true;
    rows->set.max_bytes = budget;
    rh_my_rows_clear(rows, budget / (sizeof(struct rh_value) * rows->set.n_cols) + 1);
    rc = rh_my_rows_fetch(rows, error);
    if (!rc && !rows->stmt) {
        rc = rh_my_rows_batch(rows, &batch, error);
        return rc == RH_END ? RH_OK : rc;
    }
    if (!rc) {
        rh_fail(error, RH_RESOURCE, "the result of the statement is too large");
        rc = rh_error_hint(error, "Ask for fewer rows, or run it read-only");
        rh_my_extend(conn, &last, 0);
    }
    if (rows->stmt && !rh_my_rows_abandon(rows) && !conn->in_tx) {
        /* It was over at the server before it was ended. */
        rh_error_clear(error);
        rh_fail(error, RH_UNKNOWN_OUTCOME,
                "the result of the statement was not taken, but what it changes may be changed");
        rc = rh_error_hint(error, "Look whether it took effect before trying again");
    }
    conn->op = op;
    return rc;
}

static int execute(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   enum guard *guard, MYSQL_STMT **ret_stmt, struct rh_error *error)
{
    int rc = rh_my_params_load_values(&conn->params, spec->parameters, spec->n_parameters, error);

    if (!rc)
        rc = rh_my_prepare(conn, spec->text, ret_stmt, error);
    if (!rc && (op->flags & RH_OP_READ_ONLY) && !mysql_stmt_field_count(*ret_stmt))
        rc = rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (!rc)
        rc = raise_guard(conn, op, guard, error);
    if (rc)
        return rc;
    conn->dirty = true; /* read-only ones, too: locks outlive the rollback */
    return rh_my_execute(conn, *ret_stmt, &conn->params, error);
}

static int lost_outcome(struct rh_conn *conn, const struct rh_native_spec *spec, int rc,
                        struct rh_error *error)
{
    bool no_answer = rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED;

    if (!no_answer || !conn->broken || conn->in_tx || rh_my_native_reads(spec))
        return rc;
    rh_error_clear(error);
    rh_fail(error, RH_UNKNOWN_OUTCOME, "the server did not confirm the statement");
    return rh_error_hint(error, "Look whether it took effect before trying again");
}

static int make_cursor(struct rh_conn *conn, const struct rh_op *op, MYSQL_STMT *stmt,
                       enum guard *guard, struct rh_native_result *ret_result,
                       struct rh_error *error)
{
    bool streams = (op->flags & RH_OP_READ_ONLY) && *guard == GUARD_TRANSACTION;
    struct rh_my_rows *rows = NULL;
    int rc = describe(conn, op, stmt, ret_result, error);

    if (!rc) {
        rows = rh_my_rows_new(conn, ret_result->n_columns, RH_MY_BATCH_BYTES);
        rc = rows ? rh_my_rows_take(rows, stmt, error) : rh_fail_nomem(error);
    }
    if (rc) {
        (void)rh_my_drop(conn, stmt, NULL);
        rh_my_rows_free(rows);
        return rc;
    }
    if (!streams) {
        rc = take_whole(rows, op, error);
        if (!rc)
            rc = check_outcome(conn, *guard, error);
    }
    if (rc) {
        rh_my_rows_free(rows);
        return rc;
    }
    ret_result->cursor = rh_my_cursor_new(conn, rows, streams);
    if (streams && ret_result->cursor)
        *guard = GUARD_NONE; /* the cursor's business from here on */
    return ret_result->cursor ? RH_OK : rh_fail_nomem(error);
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    enum guard guard = GUARD_NONE;
    MYSQL_STMT *stmt = NULL;
    int rc = rh_my_enter(conn, op, error);

    if (!rc && conn->cursor)
        rc = rh_fail(error, RH_CONTRACT, "a cursor is open on this connection already");
    if (!rc && conn->tx_failed)
        rc = rh_fail(error, RH_CONFLICT, "the server has rolled the transaction back");
    if (!rc)
        rc = rh_my_native_check(conn, spec, op, error);
    if (rc)
        goto out;
    rc = execute(conn, op, spec, &guard, &stmt, error);
    if (rc) {
        rc = lost_outcome(conn, spec, rc, error);
        goto out;
    }
    if (mysql_stmt_field_count(stmt)) {
        rc = make_cursor(conn, op, stmt, &guard, ret_result, error);
    } else {
        ret_result->n_affected = mysql_stmt_affected_rows(stmt);
        rc = rh_my_drop(conn, stmt, error);
        if (!rc)
            rc = check_outcome(conn, guard, error);
    }
    rc = lost_outcome(conn, spec, rc, error);
out:
    lower_guard(conn, guard);
    rh_my_leave(conn);
    return rc;
}

const struct rh_native rh_my_native = {
    .struct_size = sizeof(struct rh_native),
    .language = RH_TEXT_INIT("SQL (MySQL)"),
    .run = run,
};
