/*
 * A session with the server: sending, waiting, reading results, and giving up in time.
 *
 * Nothing here blocks but the name look-up of PQconnectStart: every wait is a poll on the socket,
 * the operation's cancel fd and the connection's own wake fd, until the deadline. When one of the
 * latter ends the wait, the server is asked to cancel, if need be repeatedly, and gets about a second
 * and a half to fall idle; else the connection is `broken` and everything on it fails at once from
 * then on.
 */
#pragma once

#include "cancel.h"
#include "config.h"
#include "connector/sql.h"
#include "error.h"
#include "params.h"
#include "statements.h"

#include <rowhouse/connector.h>

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>

/* rh_conn.state */
#define RH_PG_IDLE 0
#define RH_PG_RUNNING 1   /* a call is in the connection */
#define RH_PG_CANCELLED 2 /* … and rh_pg_cancel asked it to end */

struct rh_conn {
    const struct rh_host *host;
    PGconn *pg;
    int wake_fd;      /* eventfd: wakes the poll of the running call */
    atomic_int state; /* RH_PG_*; written by any thread */
    struct rh_pg_cancel cancel;
    bool broken;           /* poison: set when the session is in a state that is not known */
    bool dirty;            /* a native statement may have changed session settings */
    bool single_row;       /* the last statement asked for its rows one by one */
    bool owed;             /* an answer is on its way that nobody waits for */
    bool ended_well;       /* after an interrupt: the server said that the statement failed */
    bool pipe_synced;      /* the end of the pipeline has been sent */
    bool utf8;             /* server encoding */
    bool code_point_order; /* bytes of the server encoding sort like code points */
    int64_t statement_timeout_ms;
    char *schemas;            /* JSON array, NULL = all */
    struct rh_cursor *cursor; /* the one that is open, or NULL */
    struct rh_pg_statements statements;
    struct rh_pg_params params;
    struct rh_sql sql;
    struct rh_pg_returned *returned; /* rows of the last write, or NULL; see write.h */
};

/* ---- life ---- */

int rh_pg_connect(const struct rh_host *host, const struct rh_op *op,
                  const struct rh_settings *settings, struct rh_conn **ret_conn,
                  struct rh_error *error);
void rh_pg_close(struct rh_conn *conn);
/* [cancel] */
void rh_pg_cancel(struct rh_conn *conn);
int rh_pg_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
int rh_pg_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);

/* ---- a call of the vtable ---- */

/* First thing in every function that may block: fails on a broken connection, an operation that is
 * over, and brings what is still on its way to rest. Pair with rh_pg_leave, also after an error. */
int rh_pg_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* The same without settling: for calls that continue a cursor. */
int rh_pg_enter_cursor(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_pg_leave(struct rh_conn *conn);

/* ---- statements ---- */

/* One statement; params may be NULL; format 1 = binary results. The result is a success and owned
 * by the caller (PQclear). [conn] */
int rh_pg_run(struct rh_conn *conn, const struct rh_op *op, const char *text,
              const struct rh_pg_params *params, int format, PGresult **ret_result,
              struct rh_error *error);
/* Prepares the statement unless it is, and writes its name; "" when it is not kept. With `force`
 * also one that came by for the first time. */
int rh_pg_prepare(struct rh_conn *conn, const struct rh_op *op, const char *text,
                  const struct rh_pg_params *params, bool force,
                  char ret_name[RH_PG_STATEMENT_NAME_SIZE], struct rh_error *error);
/* True when the error says that the prepared statement was forgotten (DISCARD, a pooler), or that
 * what it returns has changed; it is then prepared anew the next time. */
bool rh_pg_expire_stale(struct rh_conn *conn, const char *name, const struct rh_error *error);
/* rh_pg_run through the cache of prepared statements, binary results. */
int rh_pg_run_prepared(struct rh_conn *conn, const struct rh_op *op, const char *text,
                       const struct rh_pg_params *params, PGresult **ret_result,
                       struct rh_error *error);
/* Text without parameters or rows; may be several statements. */
int rh_pg_command(struct rh_conn *conn, const struct rh_op *op, const char *text,
                  struct rh_error *error);
/* The next result of what was sent; NULL after the last. */
int rh_pg_next_result(struct rh_conn *conn, const struct rh_op *op, PGresult **ret_result,
                      struct rh_error *error);
/* Reads all results that are left of one statement; the first error wins. */
int rh_pg_finish_statement(struct rh_conn *conn, const struct rh_op *op, PGresult **ret_result,
                           struct rh_error *error);
/* Puts everything that was sent onto the wire, reading meanwhile. */
int rh_pg_flush(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* RH_OK for rows and for commands, else the result's error. */
int rh_pg_check(const PGresult *result, struct rh_error *error);
/* The connection's own error (sending failed, socket closed); marks it broken. */
int rh_pg_lost(struct rh_conn *conn, struct rh_error *error);
/* Cancels at the server and waits until it is idle; else broken. Any wait that fails has done this
 * already. */
void rh_pg_interrupt(struct rh_conn *conn);
/* Waits at most that long until a result can be taken. */
bool rh_pg_await(struct rh_conn *conn, uint64_t us);
/* Brings what is on its way to rest: owed answers, the cursor's FETCH. */
int rh_pg_settle(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);

/* Pipelines: several statements, one round trip. Between begin and end only these are used. A
 * pipeline outside a transaction is one of its own: all statements or none. */
int rh_pg_pipe_begin(struct rh_conn *conn, struct rh_error *error);
/* name: of a prepared statement, whose text is ignored; NULL or "" = none. */
int rh_pg_pipe_send(struct rh_conn *conn, const char *name, const char *text,
                    const struct rh_pg_params *params, struct rh_error *error);
/* The result of the next statement in the order sent, a success. After an error call end. */
int rh_pg_pipe_result(struct rh_conn *conn, const struct rh_op *op, PGresult **ret_result,
                      struct rh_error *error);
/* Marks the end of what was sent. */
int rh_pg_pipe_sync(struct rh_conn *conn, struct rh_error *error);
/* Instead of sync: nothing that was sent is kept. */
void rh_pg_pipe_abandon(struct rh_conn *conn, const struct rh_op *op);
/* Reads what is left, leaves the pipeline mode. The first error of a statement wins. */
int rh_pg_pipe_end(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
