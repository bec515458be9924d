/*
 * Threads that wait for a slot of a pool, first come, first served: by ticket, so that one who
 * waits again takes its place again (it may be passed by while it asks the source).
 *
 * One may wait with an empty slot in hand, because the source takes no more connections: it is
 * granted slots with a connection only.
 *
 * A waiter lives on its thread's stack. Its link and grant are guarded by the pool's lock; only the
 * wake-up has a lock of its own, so that a cancel token can wake a waiter without the pool's lock.
 */
#pragma once

#include "host/op.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct rh_waiter {
    pthread_mutex_t lock; /* guards woken; a leaf */
    pthread_cond_t wake;
    bool woken;
    uint64_t ticket;
    bool has_slot;
    /* the pool's lock guards: */
    struct rh_waiter *next;
    bool granted;
    uint32_t slot;
};

/* All zero: empty. */
struct rh_queue {
    struct rh_waiter *first;
    struct rh_waiter *last;
    uint32_t n;
};

/* RESOURCE. */
int rh_waiter_init(struct rh_waiter *waiter, struct rh_error *error);
void rh_waiter_fini(struct rh_waiter *waiter);
/* Sleeps until woken, until that time or the operation's deadline, or until its token fires. Called
 * without the pool's lock; when it returns, the token no longer knows the waiter. */
void rh_waiter_sleep(struct rh_waiter *waiter, struct rh_operation *op, uint64_t until_us);

/* The rest is called under the pool's lock. */
void rh_queue_push(struct rh_queue *queue, struct rh_waiter *waiter);
/* Takes a waiter out from wherever it stands, if it is in. */
void rh_queue_remove(struct rh_queue *queue, struct rh_waiter *waiter);
/* Takes the first waiter that this slot is of use to out, gives it the slot and wakes it; false
 * when there is none. */
bool rh_queue_grant(struct rh_queue *queue, uint32_t slot, bool is_empty);
/* Wakes all, who will find nothing granted. They take themselves out. */
void rh_queue_wake_all(struct rh_queue *queue);
