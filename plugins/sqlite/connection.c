/*
 * Opening, closing and minding a database handle.
 *
 * The handle is opened without SQLite's own locks: the host makes one call at a time. Cancelling
 * sets a flag that the progress handler reads every few microseconds of work; sqlite3_interrupt is
 * not used, since it would also hit whatever runs next. Durability is that of synchronous=FULL with
 * a write-ahead log: a commit that was answered survives a power failure.
 */
#include "connection.h"

#include "authorizer.h"
#include "bind.h"
#include "config.h"
#include "dialect.h"
#include "error.h"
#include "functions.h"
#include "read.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PROGRESS_OPS 1000
#define POLL_US 10000
#define BUSY_WAIT_MAX_MS 25
#define RETURNED_BYTES (1u << 30) /* rows that a write returns come in one batch */

/* ---- ending an operation in time ---- */

/* Waits for the cancel fd at most that long. */
static bool cancel_fd_is_ready(const struct rh_op *op, int timeout_ms)
{
    struct pollfd fd = {.fd = op->cancel_fd, .events = POLLIN};

    if (op->cancel_fd < 0 && timeout_ms == 0)
        return false;
    return poll(&fd, op->cancel_fd >= 0, timeout_ms) > 0;
}

static int stop(struct rh_conn *conn, int why)
{
    if (!conn->stopped)
        conn->stopped = why;
    return 1;
}

static int on_progress(void *context)
{
    struct rh_conn *conn = context;
    const struct rh_op *op = conn->op;
    uint64_t now;

    if (!op)
        return 0;
    if (atomic_load_explicit(&conn->cancelled, memory_order_relaxed))
        return stop(conn, RH_CANCELLED);
    now = conn->host->now_us(conn->host);
    if (now >= op->deadline_us)
        return stop(conn, RH_TIMEOUT);
    if (now < conn->next_poll_us)
        return 0;
    conn->next_poll_us = now + POLL_US;
    return cancel_fd_is_ready(op, 0) ? stop(conn, RH_CANCELLED) : 0;
}

/* Another connection holds the lock: waits a little, unless time is up. */
static int on_busy(void *context, int n_before)
{
    struct rh_conn *conn = context;
    const struct rh_op *op = conn->op;
    int wait_ms = n_before < BUSY_WAIT_MAX_MS ? n_before + 1 : BUSY_WAIT_MAX_MS;
    int64_t waited_ms = n_before < BUSY_WAIT_MAX_MS
                            ? (int64_t)n_before * (n_before + 1) / 2
                            : 325 + (int64_t)(n_before - BUSY_WAIT_MAX_MS) * BUSY_WAIT_MAX_MS;

    if (waited_ms >= conn->busy_timeout_ms)
        return 0;
    if (!op)
        return poll(NULL, 0, wait_ms) == 0;
    if (on_progress(conn))
        return 0;
    if (cancel_fd_is_ready(op, wait_ms)) {
        stop(conn, RH_CANCELLED);
        return 0;
    }
    return 1;
}

int rh_sqlite_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_kit_check(conn->host, op, error);

    if (rc)
        return rc;
    conn->op = op;
    conn->stopped = RH_OK;
    atomic_store(&conn->cancelled, false);
    atomic_store(&conn->running, true);
    return RH_OK;
}

void rh_sqlite_end(struct rh_conn *conn)
{
    atomic_store(&conn->running, false);
    conn->op = NULL;
}

void rh_sqlite_finish_undisturbed(struct rh_conn *conn)
{
    conn->op = NULL;
}

void rh_sqlite_cancel(struct rh_conn *conn)
{
    if (atomic_load(&conn->running))
        atomic_store(&conn->cancelled, true);
}

/* ---- statements ---- */

int rh_sqlite_run(struct rh_conn *conn, const char *text, struct rh_error *error)
{
    sqlite3_stmt *stmt = NULL;
    const struct rh_text sql = rh_text_of(text);
    int code = rh_sqlite_statement_get(&conn->statements, conn->db, sql, &stmt);

    while (code == SQLITE_OK || code == SQLITE_ROW)
        code = sqlite3_step(stmt);
    if (code != SQLITE_DONE)
        rh_sqlite_fail(conn, code, error);
    rh_sqlite_statement_put(&conn->statements, stmt);
    return code == SQLITE_DONE ? RH_OK : error->error_class;
}

int rh_sqlite_prepare_built(struct rh_conn *conn, sqlite3_stmt **ret_stmt, struct rh_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int rc = rh_sql_check(&conn->sql, error);
    int code;

    if (rc)
        return rc;
    code =
        rh_sqlite_statement_get(&conn->statements, conn->db, rh_buf_text(&conn->sql.text), &stmt);
    if (code != SQLITE_OK)
        return rh_sqlite_fail(conn, code, error);
    for (uint32_t i = 0; i < conn->sql.n_parameters && rc == RH_OK; i++)
        rc = rh_sqlite_bind(conn, stmt, (int)i + 1, &conn->sql.parameters[i], error);
    if (rc) {
        rh_sqlite_statement_put(&conn->statements, stmt);
        return rc;
    }
    *ret_stmt = stmt;
    return RH_OK;
}

/* ---- opening ---- */

static int fail_open(struct rh_conn *conn, const struct rh_sqlite_config *config, int code,
                     struct rh_error *error)
{
    struct stat status;

    if ((code & 0xff) == SQLITE_CANTOPEN && stat(config->path, &status) != 0) {
        if (errno == ENOENT && !config->create)
            return rh_fail(error, RH_NOT_FOUND, "there is no database file %s", config->path);
        if (errno == EACCES)
            return rh_fail(error, RH_PERMISSION, "database file %s: %s", config->path,
                           strerrordesc_np(errno));
        rh_fail(error, RH_UNAVAILABLE, "database file %s cannot be opened: %s", config->path,
                strerrordesc_np(errno));
        error->retry = RH_RETRY_SAFE;
        return RH_UNAVAILABLE;
    }
    if ((code & 0xff) == SQLITE_CANTOPEN && S_ISDIR(status.st_mode))
        return rh_fail(error, RH_CONFIG, "database file %s is a directory", config->path);
    if (!conn->db)
        return rh_fail_nomem(error);
    rh_sqlite_fail(conn, code, error);
    return rh_error_prefix(error, "database file %s", config->path);
}

static int open_file(struct rh_conn *conn, const struct rh_sqlite_config *config,
                     struct rh_error *error)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code;

    if (config->read_only)
        flags |= SQLITE_OPEN_READONLY;
    else
        flags |= SQLITE_OPEN_READWRITE | (config->create ? SQLITE_OPEN_CREATE : 0);
    code = sqlite3_open_v2(config->path, &conn->db, flags, NULL);
    return code == SQLITE_OK ? RH_OK : fail_open(conn, config, code, error);
}

static int harden(struct rh_conn *conn)
{
    sqlite3 *db = conn->db;

    if (sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL) ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL))
        return SQLITE_ERROR;
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_busy_handler(db, on_busy, conn);
    sqlite3_progress_handler(db, PROGRESS_OPS, on_progress, conn);
    return sqlite3_set_authorizer(db, rh_sqlite_authorize, conn);
}

/* The single text that a pragma answers; at most n - 1 bytes of it. */
static int ask(struct rh_conn *conn, const char *text, char *ret_answer, size_t n)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL);

    ret_answer[0] = '\0';
    if (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *answer = (const char *)sqlite3_column_text(stmt, 0);
        size_t len = answer ? strlen(answer) : 0;
        len = len < n ? len : n - 1;
        if (len)
            memcpy(ret_answer, answer, len);
        ret_answer[len] = '\0';
        code = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Reads the file's header (so that a file that is no database is told now) and sets the journal. A
 * database that another process uses right now keeps the journal mode that it has. */
static int set_up(struct rh_conn *conn, const struct rh_sqlite_config *config,
                  struct rh_error *error)
{
    char answer[16];
    int code = harden(conn);

    if (code == SQLITE_OK)
        code = ask(conn, "PRAGMA schema_version", answer, sizeof answer);
    if (code == SQLITE_OK)
        code = ask(conn, "PRAGMA encoding", answer, sizeof answer);
    if (code != SQLITE_OK)
        return fail_open(conn, config, code, error);
    conn->utf8 = strcmp(answer, "UTF-8") == 0;
    conn->read_only = config->read_only || sqlite3_db_readonly(conn->db, "main") == 1;
    if (!conn->read_only) {
        code = ask(conn, "PRAGMA journal_mode", answer, sizeof answer);
        if (code == SQLITE_OK && strcmp(answer, "wal") != 0) {
            code = ask(conn, "PRAGMA journal_mode=WAL", answer, sizeof answer);
            if ((code & 0xff) == SQLITE_BUSY && !conn->stopped)
                code = SQLITE_OK;
        }
        if (code == SQLITE_OK)
            code = ask(conn, "PRAGMA synchronous=FULL", answer, sizeof answer);
    }
    if (code == SQLITE_OK)
        code = rh_sqlite_functions_register(conn->db);
    return code == SQLITE_OK ? RH_OK : fail_open(conn, config, code, error);
}

int32_t rh_sqlite_connect(const struct rh_host *host, const struct rh_op *op,
                          const struct rh_settings *settings, struct rh_conn **ret_conn,
                          struct rh_error *error)
{
    struct rh_sqlite_config config = {0};
    struct rh_conn *conn = NULL;
    int rc = rh_sqlite_config_init(&config, settings, error);

    if (rc)
        return rc;
    conn = calloc(1, sizeof *conn);
    if (!conn) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    conn->host = host;
    conn->busy_timeout_ms = config.busy_timeout_ms;
    rh_sql_init(&conn->sql, &rh_sqlite_dialect, conn);
    rh_rowset_init(&conn->returned, 0, RETURNED_BYTES);
    rc = rh_sqlite_begin(conn, op, error);
    if (rc == RH_OK)
        rc = open_file(conn, &config, error);
    if (rc == RH_OK)
        rc = set_up(conn, &config, error);
    rh_sqlite_end(conn);
    if (rc == RH_OK) {
        *ret_conn = conn;
        conn = NULL;
    }
out:
    if (conn)
        rh_sqlite_close(conn);
    rh_sqlite_config_fini(&config);
    return rc;
}

void rh_sqlite_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_sqlite_finish(conn->cursor);
    rh_sqlite_statements_fini(&conn->statements);
    rh_rowset_fini(&conn->returned);
    rh_sql_fini(&conn->sql);
    sqlite3_close_v2(conn->db);
    free(conn);
}

int32_t rh_sqlite_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_sqlite_begin(conn, op, error);

    if (rc == RH_OK)
        rc = rh_sqlite_run(conn, "SELECT count(*) FROM sqlite_schema", error);
    rh_sqlite_end(conn);
    return rc;
}

int32_t rh_sqlite_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = RH_OK;

    if (conn->cursor)
        rh_sqlite_finish(conn->cursor);
    if (!sqlite3_get_autocommit(conn->db))
        rc = rh_sqlite_run(conn, "ROLLBACK", error);
    if (conn->tx_read_only && rc == RH_OK)
        rc = rh_sqlite_run(conn, "PRAGMA query_only=OFF", error);
    conn->in_tx = false;
    conn->tx_read_only = false;
    conn->native = false;
    return rc;
}
