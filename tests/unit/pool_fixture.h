/*
 * What the tests of core/host/pool.h share: a connector in this process that does what each test
 * tells it to, a pool of its connections, threads that wait for one.
 */
#pragma once

#include "host/pool.h"

#include "abi/connectors/minimal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LONG_US 200000000u /* nobody waits for so long: a safety net */

/* ---- The connector ------------------------------------------------------------------------ */

struct fake {
    struct rh_conn base;
    atomic_int in_use;
    atomic_int n_cancels;
};

static struct {
    atomic_int connect, ping, reset; /* outcomes */
    atomic_int n_connects, n_opened, n_closed, n_pings, n_resets;
    atomic_int room;    /* of the source: how many connections; 0 = any number */
    atomic_int crowded; /* what it says when there is none left */
    const char *text;   /* of errors */
} fake;

static inline int32_t outcome(int rc, struct rh_error *error)
{
    if (rc < 0)
        rh_fail(error, rc, "%s", fake.text ? fake.text : "fake");
    return rc;
}

static inline int32_t fake_connect(const struct rh_host *host, const struct rh_op *op,
                                   const struct rh_settings *settings, struct rh_conn **ret_conn,
                                   struct rh_error *error)
{
    int rc = atomic_load(&fake.connect);
    struct fake *conn;

    atomic_fetch_add(&fake.n_connects, 1);
    if (rc)
        return outcome(rc, error);
    if (fake.room && fake.n_opened - fake.n_closed >= fake.room)
        return outcome(fake.crowded ? fake.crowded : RH_BUSY, error);
    conn = calloc(1, sizeof(*conn));
    if (!conn)
        return rh_fail_nomem(error);
    atomic_fetch_add(&fake.n_opened, 1);
    *ret_conn = &conn->base;
    return RH_OK;
}

static inline void fake_close(struct rh_conn *conn)
{
    atomic_fetch_add(&fake.n_closed, 1);
    free(conn);
}

static inline int32_t fake_ping(struct rh_conn *conn, const struct rh_op *op,
                                struct rh_error *error)
{
    atomic_fetch_add(&fake.n_pings, 1);
    return outcome(atomic_load(&fake.ping), error);
}

static inline int32_t fake_reset(struct rh_conn *conn, const struct rh_op *op,
                                 struct rh_error *error)
{
    FAULT_ASSERT(op->cancel_fd == -1);
    FAULT_ASSERT(op->deadline_us > rh_clock_us());
    atomic_fetch_add(&fake.n_resets, 1);
    return outcome(atomic_load(&fake.reset), error);
}

static inline void fake_cancel(struct rh_conn *conn)
{
    atomic_fetch_add(&((struct fake *)conn)->n_cancels, 1);
}

/* ---- Making things ------------------------------------------------------------------------ */

struct world {
    struct rh_library *library;
    struct rh_pool *pool;
    struct rh_arena *arena;
};

static inline struct rh_library *make_library(void)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_connector table = minimal;
    struct rh_library *library = NULL;

    table.connect = fake_connect;
    table.close = fake_close;
    table.ping = fake_ping;
    table.reset = fake_reset;
    table.cancel = fake_cancel;
    if (rh_library_adopt(&table, "fake", &library, &error) != RH_OK)
        return NULL;
    return library;
}

static const struct rh_setting settings_items[] = {
    {TEXT("host"), {.type = RH_TYPE_TEXT, .len = 5, .as.data = "crm-1"}},
    {TEXT("password"), {.type = RH_TYPE_TEXT, .len = 8, .as.data = "hunter22"}},
};
static const struct rh_settings settings = {
    .struct_size = sizeof(settings),
    .n = 2,
    .items = settings_items,
    .stride = sizeof(settings_items[0]),
};

static inline struct world make(const struct rh_pool_limits *limits)
{
    struct rh_error error = RH_ERROR_INIT;
    struct world world = {.library = make_library(), .arena = rh_arena_new(1 << 20)};

    rh_log_set_level(RH_LOG_ERROR);
    ck_assert_ptr_nonnull(world.library);
    ck_assert_ptr_nonnull(world.arena);
    ck_assert_int_eq(rh_pool_new(world.library, "crm", &settings, limits, &world.pool, &error),
                     RH_OK);
    return world;
}

static inline struct rh_pool_limits limits_of(uint32_t max_connections)
{
    struct rh_pool_limits limits;

    rh_pool_limits_default(&limits);
    limits.max_connections = max_connections;
    return limits;
}

/* Everything that was opened is closed. */
static inline void unmake(struct world *world)
{
    rh_pool_free(world->pool);
    ck_assert_int_eq(fake.n_opened, fake.n_closed);
    rh_library_free(world->library);
    rh_arena_free(world->arena);
}

static inline struct rh_operation operation(struct world *world, struct rh_cancel *cancel,
                                            uint64_t within_us)
{
    struct rh_operation op;

    rh_operation_init(&op, world->arena, cancel, rh_clock_us() + within_us);
    return op;
}

static inline struct rh_lease borrowed(struct world *world, struct rh_operation *op)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_lease lease;
    int rc = rh_pool_borrow(world->pool, op, &lease, &error);

    ck_assert_msg(rc == RH_OK, "%s", error.message);
    ck_assert_ptr_nonnull(lease.conn);
    return lease;
}

static inline struct rh_pool_stats stats_of(struct world *world)
{
    struct rh_pool_stats stats;

    rh_pool_stats(world->pool, &stats);
    return stats;
}

static inline void await_waiters(struct world *world, uint32_t n)
{
    while (stats_of(world).n_waiting != n)
        sched_yield();
}

struct thread {
    pthread_t id;
    struct world *world;
    struct rh_cancel *cancel;
    struct rh_error error;
    int rc;
    int turn;
};

static atomic_int turns;

static inline void *wait_for_a_turn(void *context)
{
    struct thread *thread = context;
    struct rh_operation op = operation(thread->world, thread->cancel, LONG_US);
    struct rh_lease lease;

    thread->rc = rh_pool_borrow(thread->world->pool, &op, &lease, &thread->error);
    if (thread->rc == RH_OK) {
        thread->turn = atomic_fetch_add(&turns, 1);
        rh_pool_return(&lease, RH_OK);
    }
    return NULL;
}

static inline void start(struct thread *thread, struct world *world, struct rh_cancel *cancel)
{
    *thread = (struct thread){.world = world, .cancel = cancel, .error = RH_ERROR_INIT};
    ck_assert_int_eq(pthread_create(&thread->id, NULL, wait_for_a_turn, thread), 0);
}
