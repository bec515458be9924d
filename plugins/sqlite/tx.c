/*
 * Transactions. A transaction that may write takes the write lock when it begins (IMMEDIATE), so
 * that it never fails half-way because another one wrote in between.
 *
 * SQLite may end a transaction by itself (a write that was interrupted, a full disk, OR ROLLBACK).
 * Then in_tx stays true and everything but commit (CONFLICT) and rollback is refused, so that nothing
 * which was meant for the transaction is done outside of it.
 */
#include "tx.h"

#include "base/err.h"
#include "error.h"

#include <stdio.h>

static int refuse(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (conn->read_only) {
        rh_fail(error, RH_PERMISSION, "the database is opened read-only");
        return rh_error_code(error, "read-only");
    }
    if (conn->tx_read_only)
        return rh_fail(error, RH_PERMISSION, "the transaction is read-only");
    return RH_OK;
}

/* ---- scopes ---- */

int rh_sqlite_tx_check(const struct rh_conn *conn, struct rh_error *error)
{
    if (!conn->in_tx || !sqlite3_get_autocommit(conn->db))
        return RH_OK;
    return rh_fail(error, RH_CONFLICT, "the database has ended the transaction by itself");
}

int rh_sqlite_scope_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = refuse(conn, op, error);

    if (rc == RH_OK)
        rc = rh_sqlite_tx_check(conn, error);
    if (rc)
        return rc;
    return rh_sqlite_run(conn, conn->in_tx ? "SAVEPOINT rh_scope" : "BEGIN IMMEDIATE", error);
}

/* Undoes the scope, unless SQLite has ended the whole transaction. */
static void undo(struct rh_conn *conn)
{
    struct rh_error ignored = RH_ERROR_INIT;

    if (sqlite3_get_autocommit(conn->db))
        return;
    if (conn->in_tx) {
        rh_sqlite_run(conn, "ROLLBACK TO rh_scope", &ignored);
        rh_sqlite_run(conn, "RELEASE rh_scope", &ignored);
    } else {
        rh_sqlite_run(conn, "ROLLBACK", &ignored);
    }
}

int rh_sqlite_scope_end(struct rh_conn *conn, int rc, struct rh_error *error)
{
    rh_sqlite_finish_undisturbed(conn);
    if (rc == RH_OK)
        rc = rh_sqlite_run(conn, conn->in_tx ? "RELEASE rh_scope" : "COMMIT", error);
    if (rc)
        undo(conn);
    return rc;
}

/* ---- transactions ---- */

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    bool read_only = (flags & RH_TX_READ_ONLY) || (op->flags & RH_OP_READ_ONLY) || conn->read_only;
    int rc;

    if (conn->in_tx)
        return rh_fail(error, RH_INVALID, "the connection has an open transaction");
    rc = rh_sqlite_begin(conn, op, error);
    if (rc == RH_OK)
        rc = rh_sqlite_run(conn, read_only ? "BEGIN" : "BEGIN IMMEDIATE", error);
    if (rc == RH_OK && (flags & RH_TX_SNAPSHOT) && read_only) /* a deferred one begins to see now */
        rc = rh_sqlite_run(conn, "SELECT count(*) FROM sqlite_schema", error);
    if (rc == RH_OK && read_only)
        rc = rh_sqlite_run(conn, "PRAGMA query_only=ON", error);
    conn->in_tx = rc == RH_OK;
    conn->tx_read_only = rc == RH_OK && read_only;
    if (rc)
        undo(conn);
    rh_sqlite_end(conn);
    return rc;
}

/* Ends the transaction by the statement; whatever happens, none is open afterwards. */
static int end(struct rh_conn *conn, const char *text, struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    int rc = rh_sqlite_tx_check(conn, error);

    if (!conn->in_tx)
        return rh_fail(error, RH_INVALID, "no transaction is open");
    if (rc == RH_OK)
        rc = rh_sqlite_run(conn, text, error);
    if (!sqlite3_get_autocommit(conn->db))
        rh_sqlite_run(conn, "ROLLBACK", &ignored);
    if (conn->tx_read_only)
        rh_sqlite_run(conn, "PRAGMA query_only=OFF", rc ? &ignored : error);
    conn->in_tx = false;
    conn->tx_read_only = false;
    return rc;
}

static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_sqlite_begin(conn, op, error);

    if (rc)
        return rc;
    rh_sqlite_finish_undisturbed(conn);
    rc = end(conn, "COMMIT", error);
    rh_sqlite_end(conn);
    return rc;
}

static int32_t rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (conn->in_tx && sqlite3_get_autocommit(conn->db)) {
        conn->in_tx = false; /* nothing is left to be undone */
        return conn->tx_read_only ? rh_sqlite_reset(conn, op, error) : RH_OK;
    }
    return end(conn, "ROLLBACK", error);
}

/* ---- savepoints ---- */

static int run_numbered(struct rh_conn *conn, const struct rh_op *op, const char *verb,
                        uint32_t number, struct rh_error *error)
{
    char text[64];
    int rc;

    if (!conn->in_tx)
        return rh_fail(error, RH_INVALID, "no transaction is open");
    rc = rh_sqlite_tx_check(conn, error);
    if (rc == RH_OK)
        rc = rh_sqlite_begin(conn, op, error);
    if (rc)
        return rc;
    snprintf(text, sizeof text, "%s rh_point_%u", verb, number);
    rc = rh_sqlite_run(conn, text, error);
    rh_sqlite_end(conn);
    return rc;
}

static int32_t savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                         struct rh_error *error)
{
    return run_numbered(conn, op, "SAVEPOINT", number, error);
}

static int32_t rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                           struct rh_error *error)
{
    return run_numbered(conn, op, "ROLLBACK TO", number, error);
}

static int32_t release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                       struct rh_error *error)
{
    return run_numbered(conn, op, "RELEASE", number, error);
}

const struct rh_tx rh_sqlite_tx = {
    .struct_size = sizeof rh_sqlite_tx,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .rollback_to = rollback_to,
    .release = release,
};
