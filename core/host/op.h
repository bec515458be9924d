/*
 * Cancel tokens and operations.
 *
 * A token is made once at the edge (a request, a command line) and passed down. Firing it makes
 * its fd readable and calls `cancel` of the connections that are at work for it, if any.
 */
#pragma once

#include "base/arena.h"

#include <rowhouse/connector.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A request works on one connection, rarely on two or three (tables of several datasources). One
 * beyond these is told by the fd alone. */
#define RH_CANCEL_TARGETS 4

struct rh_cancel_target {
    void (*cancel)(struct rh_conn *conn); /* the connector's, while conn is borrowed */
    struct rh_conn *conn;                 /* NULL: free */
};

struct rh_cancel {
    pthread_mutex_t lock; /* guards all below; targets are called under it and may lock only what
                             is itself a leaf: nothing of the pool but a waiter's own lock */
    int fd;               /* eventfd */
    atomic_bool fired;    /* changed under the lock, read without */
    struct rh_cancel_target targets[RH_CANCEL_TARGETS];
};

/* Opens the eventfd. RESOURCE when there is none to be had. Owned by the caller. */
int rh_cancel_init(struct rh_cancel *cancel, struct rh_error *error);
void rh_cancel_fini(struct rh_cancel *cancel);
/* Makes a token that was used ready for the next request. Not while anybody may fire it. */
void rh_cancel_rearm(struct rh_cancel *cancel);
/* [any] Idempotent. */
void rh_cancel_fire(struct rh_cancel *cancel);
/* [any] One load from memory. */
static inline bool rh_cancel_fired(const struct rh_cancel *cancel)
{
    return atomic_load_explicit(&cancel->fired, memory_order_acquire);
}
/* The pool's: adds a connection that works for this token. If the token has been fired already, it
 * is cancelled at once. False when there was no room: it has to look at the token itself. */
bool rh_cancel_aim(struct rh_cancel *cancel, void (*target)(struct rh_conn *),
                   struct rh_conn *conn);
/* Takes it off again. When this returns, its cancel is not running and will not be called. */
void rh_cancel_release(struct rh_cancel *cancel, const struct rh_conn *conn);

/* The host's side of an operation. `abi` is what connectors get. */
struct rh_operation {
    struct rh_op abi;
    struct rh_cancel *cancel; /* may be NULL */
};

/* deadline in microseconds of the monotonic clock; arena and cancel are borrowed. Identity texts
 * may be set afterwards. */
void rh_operation_init(struct rh_operation *op, struct rh_arena *arena, struct rh_cancel *cancel,
                       uint64_t deadline_us);
/* CANCELLED or TIMEOUT when it should end now, else RH_OK. Costs a clock read and a load (without a
 * token but with a cancel fd: a poll). */
int rh_operation_check(struct rh_operation *op, struct rh_error *error);
/* The same for a caller that has just read the clock. */
int rh_operation_check_at(struct rh_operation *op, uint64_t now_us, struct rh_error *error);
