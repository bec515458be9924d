/*
 * A session with a database through the driver manager.
 *
 * Driver calls block; watch.h ends them. After an error that says that the connection is gone, or
 * in a state that is not known, the session is `broken` and everything on it fails at once.
 */
#pragma once

#include "config.h"
#include "connector/sql.h"
#include "dialect.h"
#include "error.h"
#include "params.h"
#include "watch.h"

#include <rowhouse/connector.h>

#include <sql.h>
#include <sqlext.h>
#include <stdbool.h>

#define RH_ODBC_N_STATEMENTS 24

struct rh_odbc_returned;

/* A prepared statement, kept by its text. */
struct rh_odbc_statement {
    SQLHSTMT handle;
    char *text;
    uint64_t used; /* when last, by rh_conn.clock */
    bool busy;
    bool no_rows; /* the driver said at once that there are none */
    bool fresh;   /* prepared for the use at hand */
};

struct rh_conn {
    const struct rh_host *host;
    SQLHENV env;
    SQLHDBC dbc;
    bool connected;
    bool broken;
    bool in_tx;           /* the host's transaction */
    bool tx_failed;       /* … was rolled back by the database, or cannot go on */
    bool read_only;       /* … is one */
    bool manual;          /* SQL_ATTR_AUTOCOMMIT is off */
    const char *restore;  /* to be executed before the next call: ends a lasting read-only state */
    bool dirty;           /* a native statement may have changed session settings */
    bool narrow;          /* the driver has no wide functions */
    bool utf8;            /* texts as SQL_C_CHAR in UTF-8, else as SQL_C_WCHAR */
    bool has_tx;          /* transactions at all */
    bool reads_again;     /* SQLGetData gives a bound column once more, as a whole */
    bool reads_in_blocks; /* … of any row in a block */
    bool arrays;          /* rows of parameters */
    bool streams;         /* rows that are not read yet block the session */
    SQLULEN isolation;    /* of the session, before a snapshot */
    enum rh_odbc_driver driver;
    struct rh_odbc_traits traits;
    const struct rh_odbc_dialect *dialect;
    struct rh_sql_dialect sql_dialect; /* the dialect's, as this connection needs it */
    char *schemas;                     /* JSON array, NULL = all */
    struct rh_odbc_watch watch;
    struct rh_odbc_statement statements[RH_ODBC_N_STATEMENTS];
    uint64_t clock;
    struct rh_sql sql;
    struct rh_odbc_params params;
    struct rh_cursor *cursor; /* the one that is open, or NULL */
    struct rh_odbc_returned *returned;
};

/* ---- life ---- */

int rh_odbc_connect(const struct rh_host *host, const struct rh_op *op,
                    const struct rh_settings *settings, struct rh_conn **ret_conn,
                    struct rh_error *error);
void rh_odbc_close(struct rh_conn *conn);
/* [cancel] */
void rh_odbc_cancel(struct rh_conn *conn);
int rh_odbc_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
int rh_odbc_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);

/* ---- a call of the vtable ---- */

/* First thing in every function that may block. Pair with rh_odbc_leave, also after an error. */
int rh_odbc_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* For calls that would use the session while rows are still on their way: BUSY then. */
int rh_odbc_enter_free(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_odbc_leave(struct rh_conn *conn);

/* ---- what the driver said ---- */

/* The error of a statement or (NULL) of the connection; CANCELLED or TIMEOUT where that is why.
 * Marks the connection broken when it is gone. */
int rh_odbc_fail_call(struct rh_conn *conn, SQLHSTMT statement, struct rh_error *error);

/* ---- statements (statement.c) ---- */

/* A prepared statement for that text, from the cache; busy until released. */
int rh_odbc_prepare(struct rh_conn *conn, const char *text,
                    struct rh_odbc_statement **ret_statement, struct rh_error *error);
/* Executes it with the parameters (NULL: none). */
int rh_odbc_execute(struct rh_conn *conn, struct rh_odbc_statement *statement,
                    struct rh_odbc_params *params, struct rh_error *error);
/* rh_odbc_prepare and rh_odbc_execute; once more when the statement was prepared long ago and has
 * become stale. */
int rh_odbc_start(struct rh_conn *conn, const char *text, struct rh_odbc_params *params,
                  struct rh_odbc_statement **ret_statement, struct rh_error *error);
/* Closes its rows. forget: it does not stay in the cache. NULL is allowed. */
void rh_odbc_release(struct rh_conn *conn, struct rh_odbc_statement *statement, bool forget);
/* Text without parameters or rows, at once. */
int rh_odbc_command(struct rh_conn *conn, const char *text, struct rh_error *error);
/* Forgets all that are not busy. */
void rh_odbc_forget_statements(struct rh_conn *conn);
/* Rows that the statement changed; -1 when the driver does not say. */
int64_t rh_odbc_row_count(struct rh_odbc_statement *statement);

/* ---- transactions (tx.c) ---- */

int rh_odbc_set_manual(struct rh_conn *conn, bool manual, struct rh_error *error);
/* SQLEndTran. */
int rh_odbc_end_tran(struct rh_conn *conn, bool commit, struct rh_error *error);
/* What keeps the writes of one call together: the host's transaction with a savepoint in it, or
 * one of its own. */
struct rh_odbc_scope {
    bool own, savepoint, opened;
};
int rh_odbc_scope_open(struct rh_conn *conn, struct rh_odbc_scope *scope, struct rh_error *error);
/* Keeps (rc = 0) or undoes; returns rc, or what went wrong with keeping. */
int rh_odbc_scope_close(struct rh_conn *conn, struct rh_odbc_scope *scope, int rc,
                        struct rh_error *error);
