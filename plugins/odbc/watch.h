/*
 * Ends calls that block in the driver: a thread per connection that looks at the operation's
 * deadline and cancel fd while a call runs, and asks the driver to cancel the statement.
 *
 * The lock is held while SQLCancel runs, and taken around every driver call that can be cancelled,
 * so a cancel never reaches a later statement. A driver that ignores SQLCancel cannot be ended from
 * within the process; isolation can.
 */
#pragma once

#include <pthread.h>
#include <rowhouse/host.h>
#include <sql.h>
#include <stdbool.h>
#include <stdint.h>

/* Why a call was ended. */
enum rh_odbc_reason { RH_ODBC_NOT_ENDED, RH_ODBC_CANCELLED, RH_ODBC_TIMED_OUT };

struct rh_odbc_watch {
    const struct rh_host *host;
    pthread_t thread;
    bool started;
    int wake_fd;
    pthread_mutex_t lock; /* guards what follows */
    bool active;          /* a call of the vtable is running */
    bool asleep;          /* the thread waits for the wake fd alone */
    bool stop;
    bool cancelled; /* rh_odbc_watch_cancel came for this call */
    enum rh_odbc_reason reason;
    uint64_t deadline_us, fired_us;
    int cancel_fd;
    SQLHSTMT running; /* in the driver, or NULL */
};

/* False when there is no thread or descriptor to be had. */
bool rh_odbc_watch_start(struct rh_odbc_watch *watch, const struct rh_host *host);
void rh_odbc_watch_stop(struct rh_odbc_watch *watch);

/* A call of the vtable begins and ends. [conn] */
void rh_odbc_watch_arm(struct rh_odbc_watch *watch, const struct rh_op *op);
void rh_odbc_watch_disarm(struct rh_odbc_watch *watch);
/* The statement goes into the driver, and comes back. [conn] */
void rh_odbc_watch_enter(struct rh_odbc_watch *watch, SQLHSTMT statement);
void rh_odbc_watch_leave(struct rh_odbc_watch *watch);
/* Whether the call at hand was asked to end. [conn] */
enum rh_odbc_reason rh_odbc_watch_reason(struct rh_odbc_watch *watch);
/* [cancel] */
void rh_odbc_watch_cancel(struct rh_odbc_watch *watch);
