/*
 * A session with the server: waiting, and giving up in time.
 *
 * The library is used in its blocking form, with all of its waiting taken over (MARIADB_OPT_IO_WAIT):
 * whenever it would block on the socket, also while connecting and under TLS, it calls us, and we
 * poll the socket, the operation's cancel fd and the connection's own wake fd, until the deadline.
 * When one of the latter ends the wait, the running statement is ended by KILL QUERY over a
 * connection of its own, and the wait goes on for up to a second until the server says so. Then the
 * session is as good as before; else the library is told that the socket is dead, the connection is
 * `broken`, and everything on it fails at once from then on. Only the look-up of a host name blocks.
 * (Rejected: the library's _start/_cont functions, which switch stacks and double every call; its
 * read time-outs, which know neither deadlines nor cancelling.)
 */
#pragma once

#include "config.h"
#include "connector/sql.h"
#include "error.h"
#include "params.h"
#include "statements.h"

#include <rowhouse/connector.h>

#include <mysql.h>
#include <errmsg.h>
#include <stdatomic.h>
#include <stdbool.h>

/* rh_conn.state */
#define RH_MY_IDLE 0
#define RH_MY_RUNNING 1   /* a call is in the connection */
#define RH_MY_CANCELLED 2 /* … and rh_my_cancel asked it to end */

struct rh_conn {
    const struct rh_host *host;
    MYSQL *my;
    struct rh_my_config config; /* kept: KILL needs to log in */
    const struct rh_op *op;     /* of the running call */
    int wake_fd;                /* eventfd: wakes the poll of the running call */
    atomic_int state;           /* RH_MY_*; written by any thread */
    int interrupted;            /* class that ended a wait of the running call, or RH_OK */
    uint64_t grace_until_us;    /* then: how long the server has to say so */
    bool killed;                /* a KILL QUERY was sent, and no statement has failed by it yet */
    bool connected;
    bool tls;
    unsigned slice_ms; /* see wait_slice */
    bool broken;       /* poison: the session is in a state that is not known */
    bool dirty;        /* a native statement may have changed session settings */
    bool in_tx;        /* the host's transaction is open … */
    bool tx_failed;    /* … but the server has rolled it back */
    bool mariadb;
    unsigned long version;
    uint64_t max_packet;      /* bytes that the server takes at once */
    struct rh_text database;  /* of the settings, or no text; borrowed from config */
    struct rh_cursor *cursor; /* the one that is open, or NULL */
    struct rh_my_statements statements;
    struct rh_my_params params;
    struct rh_sql sql;
    struct rh_my_rows *returned; /* rows of the last write, or NULL */
    struct rh_my_upload *upload; /* what LOAD DATA reads, while it runs; see bulk.c */
    bool no_bulk;                /* the server does not take LOAD DATA LOCAL */
};

/* ---- life ---- */

int rh_my_connect(const struct rh_host *host, const struct rh_op *op,
                  const struct rh_settings *settings, struct rh_conn **ret_conn,
                  struct rh_error *error);
void rh_my_close(struct rh_conn *conn);
/* [cancel] */
void rh_my_cancel(struct rh_conn *conn);
int rh_my_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
int rh_my_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);

/* ---- a call of the vtable ---- */

/* First thing in every function that may block: fails on a broken connection, an operation that is
 * over, and takes in what an open cursor still has on its way. Pair with rh_my_leave, also after an
 * error. */
int rh_my_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* The same without settling: for calls that continue a cursor. */
int rh_my_enter_cursor(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_my_leave(struct rh_conn *conn);
/* A little more time, for what has to be undone, beyond the deadline that made it necessary. Until
 * rh_my_leave; op must live as long. */
void rh_my_extend(struct rh_conn *conn, struct rh_op *op, uint64_t us);

/* ---- statements ---- */

/* Text without parameters; a result is dropped. */
int rh_my_command(struct rh_conn *conn, const char *text, struct rh_error *error);
/* The error of the library call that just failed on the connection, or on stmt when it is not NULL.
 * Marks the connection broken where it is. */
int rh_my_fail(struct rh_conn *conn, MYSQL_STMT *stmt, struct rh_error *error);
/* CANCELLED or TIMEOUT when the running call was interrupted: no further statement is begun. */
int rh_my_check(const struct rh_conn *conn, struct rh_error *error);
/* Whether the server has features of MariaDB from this version on (101000 = 10.10.0). */
static inline bool rh_my_is_mariadb(const struct rh_conn *conn, unsigned long version)
{
    return conn->mariadb && conn->version >= version;
}
