/*
 * The pool. A connection lives in a slot; a slot is free (no connection), idle, or borrowed. Who
 * borrowed a slot owns its fields until it gives the slot back; all else is under the lock.
 *
 * Invariant: while anybody waits there is no idle slot, and while anybody waits without a slot
 * there is no free one. A slot that is given back goes straight to the first waiter, with its
 * connection or without one (then the waiter connects), so nobody who comes later can overtake.
 *
 * Whom the source refuses for want of room keeps its empty slot and waits for a connection of
 * another; the breaker sees to it that the source is asked again, by one at a time.
 *
 * Connectors are never called under the lock. Lock order: the pool's lock, then a waiter's; a
 * cancel token's lock, then a waiter's; the pool's and a token's never together.
 *
 * Life: the owner, each lease and each call to borrow are users; the last user frees the pool.
 */
#include "host/pool.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "host/breaker.h"
#include "host/connection.h"
#include "host/queue.h"
#include "host/redact.h"
#include "host/settings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTIONS 10000u
#define MAX_SETTINGS_BYTES ((size_t)16 << 20)
#define RESET_MS 2000u
/* A connect that ran out of the operation's time says something about the source only if it had
 * this much. */
#define FAIR_TRIAL_US 1000000u

struct slot {
    struct rh_conn *conn; /* NULL: free */
    uint64_t opened_us;
    uint64_t idle_since_us;
};

struct rh_pool {
    const struct rh_library *library;
    char *name;
    struct rh_arena *arena; /* of the settings */
    struct rh_settings settings;
    struct rh_redact_notes *notes; /* the secrets among them */
    struct rh_pool_limits limits;

    pthread_mutex_t lock; /* guards all below */
    uint64_t n_users;
    bool closing;
    struct slot *slots; /* max_connections */
    uint32_t *free;     /* stack of slots */
    uint32_t n_free;
    uint32_t *idle; /* stack: the one used last is on top, the bottom ages */
    uint32_t n_idle;
    struct rh_queue waiters;
    struct rh_breaker breaker;
    struct rh_error last_failure; /* while the breaker is open */
    uint64_t suspect_us;          /* connections idle since then or before are tested first */
    uint64_t n_tickets;
    uint64_t n_opened;
    uint64_t n_failed;

    atomic_uint n_open; /* slots with a connection, whoever has them */
};

/* What a call to borrow has in hand. */
struct turn {
    uint64_t ticket;
    uint64_t now_us;     /* as of the last time that it had to wait for something */
    uint64_t suspect_us; /* the pool's */
    uint32_t slot;
};

void rh_pool_limits_default(struct rh_pool_limits *limits)
{
    *limits = (struct rh_pool_limits){
        .max_connections = 10,
        .max_idle_ms = 300000,
        .max_life_ms = 3600000,
        .check_after_ms = 30000,
        .connect_ms = 10000,
    };
}

/* ---- New and free ------------------------------------------------------------------------- */

static void destroy(struct rh_pool *pool)
{
    rh_redact_remove_notes(pool->notes);
    rh_arena_free(pool->arena);
    free(pool->slots);
    free(pool->free);
    free(pool->idle);
    free(pool->name);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* What destroy frees. */
static int fill(struct rh_pool *pool, const char *name, const struct rh_settings *settings,
                struct rh_error *error)
{
    uint32_t max = pool->limits.max_connections;
    int rc;

    pool->name = strdup(name);
    pool->slots = calloc(max, sizeof(*pool->slots));
    pool->free = calloc(max, sizeof(*pool->free));
    pool->idle = calloc(max, sizeof(*pool->idle));
    pool->arena = rh_arena_new(MAX_SETTINGS_BYTES);
    if (!pool->name || !pool->slots || !pool->free || !pool->idle || !pool->arena)
        return rh_fail_nomem(error);
    while (pool->n_free < max) {
        pool->free[pool->n_free] = max - 1 - pool->n_free;
        pool->n_free++;
    }
    rc = rh_settings_copy(pool->arena, settings, &pool->settings, error);
    if (rc == RH_OK)
        rc = rh_redact_add_settings(pool->library->connector.config_schema, &pool->settings,
                                    &pool->notes, error);
    return rc;
}

static int set_limits(struct rh_pool *pool, const struct rh_pool_limits *limits,
                      struct rh_error *error)
{
    uint32_t most = pool->library->limits.connections;

    if (limits)
        pool->limits = *limits;
    else
        rh_pool_limits_default(&pool->limits);
    if (pool->limits.max_connections == 0 || pool->limits.max_connections > MAX_CONNECTIONS)
        return rh_fail(error, RH_INVALID, "a pool has from 1 to %u connections, not %u",
                       MAX_CONNECTIONS, pool->limits.max_connections);
    if (pool->limits.connect_ms == 0)
        return rh_fail(error, RH_INVALID, "a pool needs time to connect");
    if (most && pool->limits.max_connections > most)
        pool->limits.max_connections = most;
    return RH_OK;
}

int rh_pool_new(const struct rh_library *library, const char *name,
                const struct rh_settings *settings, const struct rh_pool_limits *limits,
                struct rh_pool **ret_pool, struct rh_error *error)
{
    struct rh_pool *pool = calloc(1, sizeof(*pool));
    int rc;

    if (!pool)
        return rh_fail_nomem(error);
    pool->library = library;
    pool->n_users = 1;
    rc = pthread_mutex_init(&pool->lock, NULL);
    if (rc) {
        free(pool);
        return rh_fail(error, RH_RESOURCE, "cannot make a lock: %s", strerror(rc));
    }
    if ((rc = set_limits(pool, limits, error)) != RH_OK ||
        (rc = fill(pool, name, settings, error)) != RH_OK) {
        destroy(pool);
        return rc;
    }
    *ret_pool = pool;
    return RH_OK;
}

/* ---- Slots -------------------------------------------------------------------------------- */

static void aim(const struct rh_pool *pool, struct rh_operation *op, struct rh_conn *conn)
{
    if (op->cancel)
        rh_cancel_aim(op->cancel, pool->library->connector.cancel, conn);
}

static void release(struct rh_operation *op, const struct rh_conn *conn)
{
    if (op->cancel)
        rh_cancel_release(op->cancel, conn);
}

static void close_slot(struct rh_pool *pool, struct slot *slot)
{
    if (!slot->conn)
        return;
    pool->library->connector.close(slot->conn);
    slot->conn = NULL;
    atomic_fetch_sub(&pool->n_open, 1);
}

/* Clocks are read before locks are taken, so `since` may be a little later than now. */
static bool has_passed(uint64_t since_us, uint32_t limit_ms, uint64_t now_us)
{
    return now_us >= since_us + (uint64_t)limit_ms * 1000;
}

static bool is_too_old(const struct rh_pool *pool, const struct slot *slot, uint64_t now_us)
{
    return has_passed(slot->opened_us, pool->limits.max_life_ms, now_us) ||
           has_passed(slot->idle_since_us, pool->limits.max_idle_ms, now_us);
}

static void give_locked(struct rh_pool *pool, uint32_t slot)
{
    bool is_empty = !pool->slots[slot].conn;

    if (!pool->closing && rh_queue_grant(&pool->waiters, slot, is_empty))
        return;
    if (!is_empty)
        pool->idle[pool->n_idle++] = slot;
    else
        pool->free[pool->n_free++] = slot;
}

/* Takes an idle connection that is too old out of the stack, from the bottom up to `depth` deep.
 * The slot is then the caller's, as if borrowed. */
static bool take_old_locked(struct rh_pool *pool, uint32_t depth, uint64_t now_us,
                            uint32_t *ret_slot)
{
    for (uint32_t i = 0; i < pool->n_idle && i < depth; i++) {
        uint32_t slot = pool->idle[i];

        if (!pool->closing && !is_too_old(pool, &pool->slots[slot], now_us))
            continue;
        pool->n_idle--;
        memmove(&pool->idle[i], &pool->idle[i + 1], (pool->n_idle - i) * sizeof(*pool->idle));
        *ret_slot = slot;
        return true;
    }
    return false;
}

static uint32_t close_old(struct rh_pool *pool, uint32_t depth)
{
    uint64_t now_us = rh_clock_us();
    uint32_t n = 0, slot;

    pthread_mutex_lock(&pool->lock);
    while (take_old_locked(pool, depth, now_us, &slot)) {
        pthread_mutex_unlock(&pool->lock);
        close_slot(pool, &pool->slots[slot]);
        n++;
        pthread_mutex_lock(&pool->lock);
        give_locked(pool, slot);
    }
    pthread_mutex_unlock(&pool->lock);
    return n;
}

/* A user goes; the last one turns off the light. */
static void leave(struct rh_pool *pool)
{
    bool last;

    pthread_mutex_lock(&pool->lock);
    last = --pool->n_users == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        destroy(pool);
}

/* Gives a slot back and goes. The common way is one lock. */
static void give_and_leave(struct rh_pool *pool, uint32_t slot, uint64_t now_us)
{
    uint32_t old;
    bool last;

    pthread_mutex_lock(&pool->lock);
    give_locked(pool, slot);
    while (take_old_locked(pool, pool->closing ? UINT32_MAX : 1, now_us, &old)) {
        pthread_mutex_unlock(&pool->lock);
        close_slot(pool, &pool->slots[old]);
        pthread_mutex_lock(&pool->lock);
        give_locked(pool, old);
    }
    last = --pool->n_users == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        destroy(pool);
}

uint32_t rh_pool_reap(struct rh_pool *pool)
{
    return close_old(pool, UINT32_MAX);
}

void rh_pool_free(struct rh_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    rh_queue_wake_all(&pool->waiters);
    pthread_mutex_unlock(&pool->lock);
    close_old(pool, UINT32_MAX);
    leave(pool);
}

/* ---- Borrow ------------------------------------------------------------------------------- */

static int fail_busy(struct rh_pool *pool, struct rh_error *error)
{
    int rc = rh_fail(error, RH_BUSY, "%s: all %u connections are in use", pool->name,
                     pool->limits.max_connections);

    if (error)
        error->retry = RH_RETRY_SAFE;
    return rc;
}

/* Waits to be granted a slot until that time or the operation's deadline; without a grant it fails
 * with RH_BUSY and fills no error. Called and returns with the lock held. */
static int wait_locked(struct rh_pool *pool, struct rh_operation *op, struct turn *turn,
                       bool has_slot, uint64_t until_us, struct rh_error *error)
{
    struct rh_waiter waiter;
    int rc = RH_BUSY;

    if (rh_waiter_init(&waiter, error) != RH_OK)
        return RH_RESOURCE;
    waiter.ticket = turn->ticket;
    waiter.has_slot = has_slot;
    rh_queue_push(&pool->waiters, &waiter);
    pthread_mutex_unlock(&pool->lock);
    rh_waiter_sleep(&waiter, op, until_us);
    turn->now_us = rh_clock_us();
    pthread_mutex_lock(&pool->lock);
    rh_queue_remove(&pool->waiters, &waiter);
    if (waiter.granted) {
        if (has_slot)
            give_locked(pool, turn->slot);
        turn->slot = waiter.slot;
        rc = RH_OK;
    } else if (pool->closing) {
        rc = RH_UNAVAILABLE;
        rh_fail(error, rc, "%s: the datasource is being closed", pool->name);
    } else if (op->cancel && rh_cancel_fired(op->cancel)) {
        rc = RH_CANCELLED;
        rh_fail(error, rc, "the operation was cancelled");
    }
    rh_waiter_fini(&waiter);
    return rc;
}

static int take_slot(struct rh_pool *pool, struct rh_operation *op, struct turn *turn,
                     struct rh_error *error)
{
    int rc = RH_OK;

    pthread_mutex_lock(&pool->lock);
    pool->n_users++;
    turn->ticket = pool->n_tickets++;
    if (pool->n_idle)
        turn->slot = pool->idle[--pool->n_idle];
    else if (pool->n_free)
        turn->slot = pool->free[--pool->n_free];
    else
        rc = wait_locked(pool, op, turn, false, UINT64_MAX, error);
    turn->suspect_us = pool->suspect_us;
    pthread_mutex_unlock(&pool->lock);
    return rc == RH_BUSY ? fail_busy(pool, error) : rc;
}

/* The source has no room for one more connection; it is well. */
static bool is_crowded(int outcome)
{
    return outcome == RH_BUSY || outcome == RH_RATE_LIMITED;
}

/* For a turn whose slot could not be filled because the source is crowded: waits for a connection
 * that comes back, or until the source may be asked again. RH_OK: try again, perhaps with another
 * slot. The refusal is the error when the operation's time is up or no connection can come back. */
static int await_return(struct rh_pool *pool, struct rh_operation *op, struct turn *turn,
                        const struct rh_error *refusal, struct rh_error *error)
{
    uint32_t empty = turn->slot;
    int rc = RH_OK;

    pthread_mutex_lock(&pool->lock);
    if (pool->n_idle) {
        turn->slot = pool->idle[--pool->n_idle];
        give_locked(pool, empty);
    } else if (pool->closing || atomic_load(&pool->n_open) == 0) {
        rc = RH_BUSY;
    } else {
        turn->now_us = rh_clock_us();
        rc = wait_locked(pool, op, turn, true,
                         turn->now_us + rh_breaker_wait_us(&pool->breaker, turn->now_us), error);
        if (rc == RH_BUSY && turn->now_us < op->abi.deadline_us)
            rc = RH_OK;
    }
    turn->suspect_us = pool->suspect_us;
    pthread_mutex_unlock(&pool->lock);
    if (rc == RH_BUSY) {
        rc = refusal->error_class;
        if (error && error->error_class == RH_OK)
            *error = *refusal;
    }
    return rc;
}

/* Failures that say what they are for as long as the breaker is open: those that a person must
 * mend, and a crowded source. The source itself is well. */
static bool is_brief(int outcome)
{
    return outcome == RH_AUTH || outcome == RH_CONFIG || outcome == RH_PERMISSION ||
           outcome == RH_NOT_FOUND || is_crowded(outcome);
}

static int fail_broken_locked(struct rh_pool *pool, uint64_t wait_us, struct rh_error *error)
{
    const struct rh_error *last = &pool->last_failure;
    int outcome = is_brief(last->error_class) ? last->error_class : RH_UNAVAILABLE;
    int rc = rh_fail(error, outcome, "%s", last->message);

    if (error) {
        error->retry = last->retry;
        error->retry_after_ms = wait_us / 1000 + 1;
    }
    if (last->hint[0])
        rh_error_hint(error, "%s", last->hint);
    return rc;
}

/* What the outcome of a connect tells the breaker. RESOURCE is about the operation's own budget or
 * this process: it says nothing about the source. */
static void judge_locked(struct rh_pool *pool, int outcome, const struct rh_error *fault,
                         uint64_t started_us, uint64_t now_us)
{
    if (outcome == RH_OK) {
        pool->n_opened++;
        rh_breaker_success(&pool->breaker);
    } else if (outcome == RH_CANCELLED || outcome == RH_RESOURCE ||
               (outcome == RH_TIMEOUT && now_us - started_us < FAIR_TRIAL_US)) {
        rh_breaker_abandon(&pool->breaker, started_us);
    } else {
        pool->n_failed++;
        pool->last_failure = *fault;
        rh_breaker_failure(&pool->breaker, started_us, now_us, is_brief(outcome));
    }
}

static int connect_slot(struct rh_pool *pool, struct rh_operation *op, struct turn *turn,
                        struct rh_error *error)
{
    struct slot *slot = &pool->slots[turn->slot];
    uint64_t started_us = turn->now_us, wait_us = 0;
    bool admitted;
    int rc = RH_OK;

    pthread_mutex_lock(&pool->lock);
    admitted = rh_breaker_admit(&pool->breaker, started_us, &wait_us);
    if (!admitted)
        rc = fail_broken_locked(pool, wait_us, error);
    pthread_mutex_unlock(&pool->lock);
    if (!admitted)
        return rc;
    rc = rh_connection_open(pool->library, pool->name, &pool->settings, op, pool->limits.connect_ms,
                            &slot->conn, error);
    turn->now_us = rh_clock_us();
    if (rc == RH_OK)
        atomic_fetch_add(&pool->n_open, 1);
    pthread_mutex_lock(&pool->lock);
    judge_locked(pool, rc, error, started_us, turn->now_us);
    pthread_mutex_unlock(&pool->lock);
    if (rc)
        rh_log(RH_LOG_WARN, "pool", "%s", error->message);
    slot->opened_us = turn->now_us;
    return rc;
}

static void suspect_idle(struct rh_pool *pool)
{
    uint64_t now_us = rh_clock_us();

    pthread_mutex_lock(&pool->lock);
    pool->suspect_us = now_us;
    pthread_mutex_unlock(&pool->lock);
}

/* A ping for a connection that has been idle for long, or since before another one was found dead.
 * One that fails it is closed; that is an error only when the operation itself has to end. */
static int test_slot(struct rh_pool *pool, struct slot *slot, struct rh_operation *op,
                     struct rh_error *error)
{
    struct rh_error fault = RH_ERROR_INIT;

    if (rh_connection_ping(pool->library, pool->name, slot->conn, op, pool->limits.connect_ms,
                           &fault) == RH_OK)
        return RH_OK;
    release(op, slot->conn);
    close_slot(pool, slot);
    suspect_idle(pool);
    rh_log(RH_LOG_INFO, "pool", "idle connection closed: %s", fault.message);
    return rh_operation_check(op, error);
}

/* Makes the connection of the turn's slot one that can be used; a connection that failed before is
 * gone. On failure the slot is still the caller's. error is empty, not NULL. */
static int prepare(struct rh_pool *pool, struct rh_operation *op, struct turn *turn,
                   struct rh_error *error)
{
    struct slot *slot = &pool->slots[turn->slot];
    int rc = RH_OK;

    if (slot->conn && is_too_old(pool, slot, turn->now_us))
        close_slot(pool, slot);
    if (slot->conn) {
        aim(pool, op, slot->conn);
        if (slot->idle_since_us <= turn->suspect_us ||
            has_passed(slot->idle_since_us, pool->limits.check_after_ms, turn->now_us)) {
            rc = test_slot(pool, slot, op, error);
            turn->now_us = rh_clock_us();
        }
    }
    if (rc == RH_OK && !slot->conn) {
        rc = connect_slot(pool, op, turn, error);
        if (rc == RH_OK)
            aim(pool, op, slot->conn);
    }
    return rc;
}

static int fill_slot(struct rh_pool *pool, struct rh_operation *op, struct turn *turn,
                     struct rh_error *error)
{
    for (;;) {
        struct rh_error fault = RH_ERROR_INIT;
        int rc = prepare(pool, op, turn, &fault);

        if (rc == RH_OK)
            return RH_OK;
        if (!is_crowded(rc)) {
            if (error && error->error_class == RH_OK)
                *error = fault;
            return rc;
        }
        rc = await_return(pool, op, turn, &fault, error);
        if (rc)
            return rc;
    }
}

int rh_pool_borrow(struct rh_pool *pool, struct rh_operation *op, struct rh_lease *ret_lease,
                   struct rh_error *error)
{
    struct turn turn = {.now_us = rh_clock_us()};
    int rc = rh_operation_check_at(op, turn.now_us, error);

    if (rc)
        return rc;
    rc = take_slot(pool, op, &turn, error);
    if (rc) {
        leave(pool);
        return rc;
    }
    rc = fill_slot(pool, op, &turn, error);
    if (rc) {
        give_and_leave(pool, turn.slot, rh_clock_us());
        return rc;
    }
    *ret_lease = (struct rh_lease){
        .pool = pool,
        .library = pool->library,
        .conn = pool->slots[turn.slot].conn,
        .op = op,
        .since_us = turn.now_us,
        .slot = turn.slot,
    };
    return RH_OK;
}

/* ---- Return ------------------------------------------------------------------------------- */

/* A token that has fired may still have a cancel on its way to the source, which would hit whoever
 * uses the connection next. */
static bool is_sound(const struct rh_lease *lease, const struct slot *slot)
{
    struct rh_pool *pool = lease->pool;
    struct rh_error fault = RH_ERROR_INIT;

    if (lease->poisoned || (lease->op->cancel && rh_cancel_fired(lease->op->cancel)) ||
        is_too_old(pool, slot, slot->idle_since_us))
        return false;
    if (rh_connection_reset(pool->library, pool->name, slot->conn, lease->op, RESET_MS, &fault) ==
        RH_OK)
        return true;
    rh_log(RH_LOG_INFO, "pool", "connection closed: %s", fault.message);
    return false;
}

void rh_pool_return(struct rh_lease *lease, int outcome)
{
    struct rh_pool *pool = lease->pool;
    struct slot *slot = &pool->slots[lease->slot];

    release(lease->op, lease->conn);
    if (rh_connection_is_poison(outcome))
        lease->poisoned = true;
    if (outcome == RH_UNAVAILABLE)
        suspect_idle(pool);
    slot->idle_since_us = rh_clock_us();
    if (!is_sound(lease, slot))
        close_slot(pool, slot);
    give_and_leave(pool, lease->slot, slot->idle_since_us);
    lease->conn = NULL;
    lease->pool = NULL;
}

void rh_pool_stats(struct rh_pool *pool, struct rh_pool_stats *ret_stats)
{
    uint64_t now_us = rh_clock_us();

    pthread_mutex_lock(&pool->lock);
    *ret_stats = (struct rh_pool_stats){
        .n_idle = pool->n_idle,
        .n_borrowed = pool->limits.max_connections - pool->n_idle - pool->n_free,
        .n_waiting = pool->waiters.n,
        .n_opened = pool->n_opened,
        .n_failed = pool->n_failed,
        .broken = rh_breaker_is_open(&pool->breaker, now_us),
    };
    pthread_mutex_unlock(&pool->lock);
}
