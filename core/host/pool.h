/*
 * Connections of one datasource: the only way to a connector's vtable.
 *
 *          borrow                     return, sound
 *   IDLE ──────────► BORROWED ───────────────────────► IDLE
 *    │ too old, unsound   │ poisoned (protocol error, unknown outcome, timeout, cancelled mid-call)
 *    └──────► closed ◄────┘
 *
 * Waiters are served first come, first served, until their deadline. A source that refuses
 * connections trips the breaker: for a while (growing, at most 30 s) borrow fails at once with
 * UNAVAILABLE, then one borrower tries. Connections that are open already keep being lent. A source
 * that has no room for another connection (BUSY, RATE_LIMITED) is asked again twice a second;
 * meanwhile borrowers wait for one of those that are open, if there are any.
 *
 * The pool has no thread of its own: what is too old is closed when connections are borrowed and
 * returned, and by rh_pool_reap.
 */
#pragma once

#include "host/library.h"
#include "host/op.h"

struct rh_pool;

struct rh_pool_limits {
    uint32_t max_connections; /* default 10; never more than the connector's own limit */
    uint32_t max_idle_ms;     /* an idle connection is closed after; default 300 000 */
    uint32_t max_life_ms;     /* default 3 600 000 */
    uint32_t check_after_ms;  /* idle for longer: ping before use; default 30 000 */
    uint32_t connect_ms; /* deadline of a connect, within the operation's own; default 10 000 */
};
void rh_pool_limits_default(struct rh_pool_limits *limits);

/* A borrowed connection. The vtable is library->connector; call it only through this. */
struct rh_lease {
    struct rh_pool *pool;
    const struct rh_library *library;
    struct rh_conn *conn;
    struct rh_operation *op; /* the operation it was borrowed for */
    bool poisoned;           /* set before remote state may be in doubt; never cleared on error */
    uint64_t since_us;
    uint32_t slot; /* the pool's */
};

/* settings are copied; library is borrowed until the pool is freed and the last lease returned. No
 * connection is made yet. limits NULL: the defaults. name is for messages and the log. INVALID
 * (limits of zero), RESOURCE. */
int rh_pool_new(const struct rh_library *library, const char *name,
                const struct rh_settings *settings, const struct rh_pool_limits *limits,
                struct rh_pool **ret_pool, struct rh_error *error);
/* Closes idle connections, waits for none: the last returned lease frees the pool. Who waits in
 * borrow gets UNAVAILABLE. NULL is allowed. */
void rh_pool_free(struct rh_pool *pool);

/* [any] Waits until the operation's deadline. BUSY (all in use, or no room at the source),
 * RATE_LIMITED, UNAVAILABLE, AUTH, CONFIG, TIMEOUT, CANCELLED. Aims the operation's cancel token at
 * the connection, until it is returned. */
int rh_pool_borrow(struct rh_pool *pool, struct rh_operation *op, struct rh_lease *ret_lease,
                   struct rh_error *error);
/* [any] Gives it back; closes it when poisoned or when the token has fired. `outcome` is the class
 * that the last call ended with: connection-level classes poison by themselves. The operation and
 * its arena still exist. */
void rh_pool_return(struct rh_lease *lease, int outcome);

/* [any] Closes idle connections that are too old. For owners that have a clock tick; others need
 * not. Returns how many. */
uint32_t rh_pool_reap(struct rh_pool *pool);

struct rh_pool_stats {
    uint32_t n_idle, n_borrowed, n_waiting;
    uint64_t n_opened, n_failed;
    bool broken; /* the breaker is open */
};
/* [any] */
void rh_pool_stats(struct rh_pool *pool, struct rh_pool_stats *ret_stats);
