/*
 * Transactions: SQL_ATTR_AUTOCOMMIT off, SQLEndTran, savepoints as the dialect says them. A write
 * whose answer was lost is UNKNOWN_OUTCOME.
 */
#include "tx.h"

#include "connection.h"
#include "read.h"

#include <stdlib.h>

/* ---- for the other files ---- */

int rh_odbc_set_manual(struct rh_conn *conn, bool manual, struct rh_error *error)
{
    SQLULEN mode = manual ? SQL_AUTOCOMMIT_OFF : SQL_AUTOCOMMIT_ON;

    if (conn->manual == manual)
        return RH_OK;
    if (!SQL_SUCCEEDED(
            SQLSetConnectAttr(conn->dbc, SQL_ATTR_AUTOCOMMIT, (SQLPOINTER)mode, SQL_IS_UINTEGER))) {
        conn->broken = true;
        return rh_odbc_fail_call(conn, NULL, error);
    }
    conn->manual = manual;
    return RH_OK;
}

int rh_odbc_end_tran(struct rh_conn *conn, bool commit, struct rh_error *error)
{
    SQLRETURN code = SQLEndTran(SQL_HANDLE_DBC, conn->dbc, commit ? SQL_COMMIT : SQL_ROLLBACK);

    if (SQL_SUCCEEDED(code))
        return RH_OK;
    return rh_odbc_fail_call(conn, NULL, error);
}

static int say(struct rh_conn *conn, const char *format, unsigned number, struct rh_error *error)
{
    struct rh_buf text;
    int rc;

    if (!format)
        return rh_fail(error, RH_UNSUPPORTED, "this database has no savepoints here");
    rh_buf_init(&text, 256);
    for (const char *at = format; *at; at++) {
        if (at[0] == '%' && at[1] == 'u') {
            rh_buf_add_u64(&text, number);
            at++;
        } else {
            rh_buf_add_char(&text, *at);
        }
    }
    char *made = rh_buf_take(&text);
    rc = made ? rh_odbc_command(conn, made, error) : rh_fail_nomem(error);
    free(made);
    return rc;
}

/* ---- around the writes of one call ---- */

#define SCOPE_NUMBER 1000000u /* beyond those of the host */
#define UNDO_US 2000000

int rh_odbc_scope_open(struct rh_conn *conn, struct rh_odbc_scope *scope, struct rh_error *error)
{
    int rc = RH_OK;

    *scope = (struct rh_odbc_scope){.own = !conn->in_tx};
    if (!conn->has_tx)
        return RH_OK;
    if (scope->own) {
        rc = rh_odbc_set_manual(conn, true, error);
    } else if (conn->dialect->savepoint) {
        rc = say(conn, conn->dialect->savepoint, SCOPE_NUMBER, error);
        scope->savepoint = !rc;
    }
    scope->opened = !rc;
    return rc;
}

static void undo(struct rh_conn *conn, const struct rh_odbc_scope *scope)
{
    const struct rh_op op = {.deadline_us = conn->host->now_us(conn->host) + UNDO_US,
                             .cancel_fd = -1};
    struct rh_error ignored = RH_ERROR_INIT;

    rh_odbc_watch_disarm(&conn->watch);
    rh_odbc_watch_arm(&conn->watch, &op);
    if (scope->own) {
        if (rh_odbc_end_tran(conn, false, &ignored))
            conn->broken = true;
        return;
    }
    /* Without a savepoint, what was done stays: the transaction cannot go on. */
    if (!scope->savepoint || say(conn, conn->dialect->rollback_to, SCOPE_NUMBER, &ignored))
        conn->tx_failed = true;
    else if (conn->dialect->release)
        (void)say(conn, conn->dialect->release, SCOPE_NUMBER, &ignored);
}

static int fail_unknown(struct rh_conn *conn, struct rh_error *error)
{
    conn->broken = true;
    rh_error_clear(error);
    rh_fail(error, RH_UNKNOWN_OUTCOME, "the database did not confirm the change");
    return rh_error_hint(error, "Look whether the rows have changed before trying again");
}

int rh_odbc_scope_close(struct rh_conn *conn, struct rh_odbc_scope *scope, int rc,
                        struct rh_error *error)
{
    if (!scope->opened || conn->broken)
        return rc;
    if (rc) {
        undo(conn, scope);
    } else if (scope->own) {
        struct rh_error own = RH_ERROR_INIT;
        rc = rh_odbc_end_tran(conn, true, &own);
        if (rc && (conn->broken || own.error_class == RH_UNAVAILABLE || rc == RH_TIMEOUT ||
                   rc == RH_CANCELLED))
            rc = fail_unknown(conn, error);
        else if (rc && error && !error->error_class)
            *error = own;
        if (rc && !conn->broken)
            undo(conn, scope);
    } else if (scope->savepoint && conn->dialect->release) {
        rc = say(conn, conn->dialect->release, SCOPE_NUMBER, error);
    }
    /* What was confirmed is confirmed: when this fails, the connection is broken and no more. */
    if (scope->own && !conn->broken)
        (void)rh_odbc_set_manual(conn, false, NULL);
    return rc;
}

/* ---- the group ---- */

static bool has_locks(const struct rh_conn *conn)
{
    return conn->dialect->lock_clause || conn->dialect->sql.lock_hint;
}

static int set_isolation(struct rh_conn *conn, SQLULEN isolation, struct rh_error *error)
{
    if (!SQL_SUCCEEDED(SQLSetConnectAttr(conn->dbc, SQL_ATTR_TXN_ISOLATION, (SQLPOINTER)isolation,
                                         SQL_IS_UINTEGER)))
        return rh_odbc_fail_call(conn, NULL, error);
    return RH_OK;
}

static int open_tx(struct rh_conn *conn, bool read_only, bool snapshot, struct rh_error *error)
{
    int rc = RH_OK;

    if (snapshot && !conn->dialect->snapshot)
        return rh_fail(error, RH_UNSUPPORTED, "this database has no snapshots here");
    /* Where rows cannot be locked one by one, the whole transaction must keep what it reads. */
    if (conn->dialect->snapshot && (snapshot || !has_locks(conn))) {
        rc = set_isolation(conn, conn->dialect->snapshot, snapshot ? error : NULL);
        if (rc && snapshot)
            return rc;
    }
    rc = rh_odbc_set_manual(conn, true, error);
    if (!rc && read_only && conn->dialect->read_only && conn->traits.genuine)
        rc = rh_odbc_command(conn, conn->dialect->read_only, error);
    return rc;
}

static void close_tx(struct rh_conn *conn)
{
    if (!conn->broken && conn->read_only && conn->dialect->read_write && conn->traits.genuine &&
        rh_odbc_command(conn, conn->dialect->read_write, NULL))
        conn->broken = true;
    conn->in_tx = conn->tx_failed = conn->read_only = false;
    if (conn->broken)
        return;
    if (rh_odbc_set_manual(conn, false, NULL))
        return;
    if (conn->dialect->snapshot)
        (void)set_isolation(conn, conn->isolation, NULL);
}

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    bool read_only = (flags & RH_TX_READ_ONLY) || (op->flags & RH_OP_READ_ONLY);
    int rc = rh_odbc_enter_free(conn, op, error);

    if (!rc && (flags & ~(RH_TX_READ_ONLY | RH_TX_SNAPSHOT)))
        rc = rh_fail(error, RH_UNSUPPORTED, "unknown flag of a transaction: %#x", flags);
    if (!rc && (conn->in_tx || conn->manual))
        rc = rh_fail(error, RH_INVALID, "a transaction is open already");
    if (!rc && !conn->has_tx)
        rc = rh_fail(error, RH_UNSUPPORTED, "the database has no transactions");
    if (rc)
        goto out;
    rc = open_tx(conn, read_only, (flags & RH_TX_SNAPSHOT) != 0, error);
    conn->read_only = read_only;
    if (rc) {
        if (conn->manual)
            (void)rh_odbc_end_tran(conn, false, NULL);
        close_tx(conn);
    } else {
        conn->in_tx = true;
    }
out:
    rh_odbc_leave(conn);
    return rc;
}

static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    int rc = rh_odbc_enter(conn, op, error);

    if (!rc && !conn->in_tx)
        rc = rh_fail(error, RH_INVALID, "no transaction is open");
    if (!rc && conn->cursor)
        rh_odbc_cursor_free(conn->cursor);
    if (rc)
        goto out;
    if (conn->tx_failed) {
        (void)rh_odbc_end_tran(conn, false, NULL);
        rc = rh_fail(error, RH_INVALID, "the transaction has failed and was rolled back");
    } else {
        rc = rh_odbc_end_tran(conn, true, &own);
        if (rc && (conn->broken || rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED))
            rc = fail_unknown(conn, error);
        else if (rc && error && !error->error_class)
            *error = own;
        if (rc && !conn->broken)
            (void)rh_odbc_end_tran(conn, false, NULL);
    }
    close_tx(conn);
out:
    rh_odbc_leave(conn);
    return rc;
}

static int32_t rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_odbc_enter(conn, op, error);

    if (!rc && conn->in_tx) {
        if (conn->cursor)
            rh_odbc_cursor_free(conn->cursor);
        rc = rh_odbc_end_tran(conn, false, error);
        if (rc)
            conn->broken = true;
        close_tx(conn);
    }
    rh_odbc_leave(conn);
    return rc;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const char *format, uint32_t number,
               bool wanted, struct rh_error *error)
{
    int rc = rh_odbc_enter(conn, op, error);

    if (!rc && !conn->in_tx)
        rc = rh_fail(error, RH_INVALID, "no transaction is open");
    if (!rc && (format || wanted))
        rc = say(conn, format, number, error);
    rh_odbc_leave(conn);
    return rc;
}

static int32_t savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                         struct rh_error *error)
{
    return run(conn, op, conn->dialect->savepoint, number, true, error);
}

static int32_t rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                           struct rh_error *error)
{
    int rc = run(conn, op, conn->dialect->rollback_to, number, true, error);

    if (!rc)
        conn->tx_failed = false;
    return rc;
}

/* Where savepoints are not released, they go with the transaction. */
static int32_t release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                       struct rh_error *error)
{
    return run(conn, op, conn->dialect->release, number, false, error);
}

const struct rh_tx rh_odbc_tx = {
    .struct_size = sizeof(struct rh_tx),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .rollback_to = rollback_to,
    .release = release,
};
