/*
 * A connection: one database handle, the operation that runs on it, and what is reused from call to
 * call.
 *
 * Every call that may run SQL stands between rh_sqlite_begin and rh_sqlite_end; in between a
 * progress handler ends the statement when the deadline passes or the operation is cancelled.
 */
#pragma once

#include "connector/kit.h"
#include "connector/rowset.h"
#include "connector/sql.h"
#include "statement.h"

#include <rowhouse/connector.h>

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

struct rh_conn {
    const struct rh_host *host;
    sqlite3 *db;
    struct rh_sqlite_statements statements;
    struct rh_sql sql;         /* of the statement that is being built */
    struct rh_rowset returned; /* rows of the last write */
    struct rh_cursor *cursor;  /* the open one */
    int64_t busy_timeout_ms;
    bool read_only; /* by setting or because the file is */
    bool utf8;      /* the database's encoding: bytewise order is that of code points */
    bool in_tx;     /* between begin and commit or rollback */
    bool tx_read_only;
    bool native; /* the authorizer refuses what native statements may not do */

    /* The running operation. */
    atomic_bool running;
    atomic_bool cancelled; /* by rh_connector.cancel, in the call that runs */
    const struct rh_op *op;
    uint64_t next_poll_us; /* of the cancel fd */
    int stopped;           /* why the progress or busy handler gave up: a class, or RH_OK */
};

int32_t rh_sqlite_connect(const struct rh_host *host, const struct rh_op *op,
                          const struct rh_settings *settings, struct rh_conn **ret_conn,
                          struct rh_error *error);
void rh_sqlite_close(struct rh_conn *conn);
int32_t rh_sqlite_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
int32_t rh_sqlite_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* [cancel] */
void rh_sqlite_cancel(struct rh_conn *conn);

/* Starts an operation: TIMEOUT or CANCELLED when it is over already. */
int rh_sqlite_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_sqlite_end(struct rh_conn *conn);
/* Inside an operation: lets what follows (a rollback, a commit) run to its end, whatever the deadline. */
void rh_sqlite_finish_undisturbed(struct rh_conn *conn);

/* Runs one statement that returns nothing of interest. Fills the error. */
int rh_sqlite_run(struct rh_conn *conn, const char *text, struct rh_error *error);
/* Prepares the statement that conn->sql holds and binds its parameters. Give it back with
 * rh_sqlite_statement_put. */
int rh_sqlite_prepare_built(struct rh_conn *conn, sqlite3_stmt **ret_stmt, struct rh_error *error);
