/* core/host/pool.h: with a connector in this process that does what each test tells it to. */
#include "host/pool.h"

#include "abi/connectors/minimal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/text.h"
#include "host/queue.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int32_t outcome(int rc, struct rh_error *error)
{
    if (rc < 0)
        rh_fail(error, rc, "%s", fake.text ? fake.text : "fake");
    return rc;
}

static int32_t fake_connect(const struct rh_host *host, const struct rh_op *op,
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

static void fake_close(struct rh_conn *conn)
{
    atomic_fetch_add(&fake.n_closed, 1);
    free(conn);
}

static int32_t fake_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    atomic_fetch_add(&fake.n_pings, 1);
    return outcome(atomic_load(&fake.ping), error);
}

static int32_t fake_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    FAULT_ASSERT(op->cancel_fd == -1);
    FAULT_ASSERT(op->deadline_us > rh_clock_us());
    atomic_fetch_add(&fake.n_resets, 1);
    return outcome(atomic_load(&fake.reset), error);
}

static void fake_cancel(struct rh_conn *conn)
{
    atomic_fetch_add(&((struct fake *)conn)->n_cancels, 1);
}

/* ---- Making things ------------------------------------------------------------------------ */

struct world {
    struct rh_library *library;
    struct rh_pool *pool;
    struct rh_arena *arena;
};

static struct rh_library *make_library(void)
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

static struct world make(const struct rh_pool_limits *limits)
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

static struct rh_pool_limits limits_of(uint32_t max_connections)
{
    struct rh_pool_limits limits;

    rh_pool_limits_default(&limits);
    limits.max_connections = max_connections;
    return limits;
}

/* Everything that was opened is closed. */
static void unmake(struct world *world)
{
    rh_pool_free(world->pool);
    ck_assert_int_eq(fake.n_opened, fake.n_closed);
    rh_library_free(world->library);
    rh_arena_free(world->arena);
}

static struct rh_operation operation(struct world *world, struct rh_cancel *cancel,
                                     uint64_t within_us)
{
    struct rh_operation op;

    rh_operation_init(&op, world->arena, cancel, rh_clock_us() + within_us);
    return op;
}

static struct rh_lease borrowed(struct world *world, struct rh_operation *op)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_lease lease;
    int rc = rh_pool_borrow(world->pool, op, &lease, &error);

    ck_assert_msg(rc == RH_OK, "%s", error.message);
    ck_assert_ptr_nonnull(lease.conn);
    return lease;
}

static struct rh_pool_stats stats_of(struct world *world)
{
    struct rh_pool_stats stats;

    rh_pool_stats(world->pool, &stats);
    return stats;
}

static void await_waiters(struct world *world, uint32_t n)
{
    while (stats_of(world).n_waiting != n)
        sched_yield();
}

/* ---- Lending ------------------------------------------------------------------------------ */

START_TEST(lends_an_idle_connection_again)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);
    struct rh_conn *conn = lease.conn;

    ck_assert_uint_eq(stats_of(&world).n_borrowed, 1);
    ck_assert_ptr_eq(lease.library, world.library);
    rh_pool_return(&lease, RH_OK);
    ck_assert_ptr_null(lease.conn);
    ck_assert_uint_eq(stats_of(&world).n_idle, 1);
    lease = borrowed(&world, &op);
    ck_assert_ptr_eq(lease.conn, conn);
    rh_pool_return(&lease, RH_CONSTRAINT);
    ck_assert_uint_eq(stats_of(&world).n_opened, 1);
    ck_assert_int_eq(fake.n_resets, 2);
    ck_assert_int_eq(fake.n_pings, 0);
    unmake(&world);
}
END_TEST

START_TEST(is_busy_when_all_are_lent_until_the_deadline)
{
    struct rh_pool_limits limits = limits_of(2);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US), late;
    struct rh_lease one = borrowed(&world, &op), two = borrowed(&world, &op), none;
    struct rh_error error = RH_ERROR_INIT;

    late = operation(&world, NULL, 30000);
    ck_assert_int_eq(rh_pool_borrow(world.pool, &late, &none, &error), RH_BUSY);
    ck_assert_uint_ge(rh_clock_us(), late.abi.deadline_us);
    ck_assert_str_eq(error.message, "crm: all 2 connections are in use");
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    ck_assert_uint_eq(stats_of(&world).n_waiting, 0);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_pool_borrow(world.pool, &late, &none, &error), RH_TIMEOUT);
    rh_pool_return(&one, RH_OK);
    rh_pool_return(&two, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(obeys_the_connectors_own_limit)
{
    struct world world = make(NULL);
    struct rh_pool_limits limits = limits_of(5);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_operation op;
    struct rh_lease lease, none;

    rh_pool_free(world.pool);
    world.library->limits.connections = 1;
    ck_assert_int_eq(rh_pool_new(world.library, "crm", &settings, &limits, &world.pool, &error),
                     RH_OK);
    op = operation(&world, NULL, 20000);
    lease = borrowed(&world, &op);
    ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &none, &error), RH_BUSY);
    rh_pool_return(&lease, RH_OK);
    limits.max_connections = 0;
    rh_error_clear(&error);
    ck_assert_int_eq(rh_pool_new(world.library, "x", &settings, &limits, NULL, &error), RH_INVALID);
    unmake(&world);
}
END_TEST

struct thread {
    pthread_t id;
    struct world *world;
    struct rh_cancel *cancel;
    struct rh_error error;
    int rc;
    int turn;
};

static atomic_int turns;

static void *wait_for_a_turn(void *context)
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

static void start(struct thread *thread, struct world *world, struct rh_cancel *cancel)
{
    *thread = (struct thread){.world = world, .cancel = cancel, .error = RH_ERROR_INIT};
    ck_assert_int_eq(pthread_create(&thread->id, NULL, wait_for_a_turn, thread), 0);
}

START_TEST(serves_waiters_in_their_order)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);
    struct thread threads[8];

    for (uint32_t i = 0; i < 8; i++) {
        start(&threads[i], &world, NULL);
        await_waiters(&world, i + 1);
    }
    rh_pool_return(&lease, RH_OK);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i].id, NULL);
        ck_assert_int_eq(threads[i].rc, RH_OK);
        ck_assert_int_eq(threads[i].turn, i);
    }
    ck_assert_int_eq(fake.n_opened, 1);
    unmake(&world);
}
END_TEST

START_TEST(gives_a_waiter_the_place_of_a_closed_connection)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);
    struct thread thread;

    start(&thread, &world, NULL);
    await_waiters(&world, 1);
    rh_pool_return(&lease, RH_PROTOCOL);
    pthread_join(thread.id, NULL);
    ck_assert_int_eq(thread.rc, RH_OK);
    ck_assert_int_eq(fake.n_opened, 2);
    unmake(&world);
}
END_TEST

START_TEST(lets_a_waiter_go_when_it_is_cancelled)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);
    struct thread threads[3];
    struct rh_cancel cancel;
    uint64_t start_us = rh_clock_us();

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    start(&threads[0], &world, NULL);
    await_waiters(&world, 1);
    start(&threads[1], &world, &cancel);
    await_waiters(&world, 2);
    start(&threads[2], &world, NULL);
    await_waiters(&world, 3);
    rh_cancel_fire(&cancel);
    pthread_join(threads[1].id, NULL);
    ck_assert_int_eq(threads[1].rc, RH_CANCELLED);
    ck_assert_uint_lt(rh_clock_us() - start_us, LONG_US);
    ck_assert_uint_eq(stats_of(&world).n_waiting, 2);
    rh_pool_return(&lease, RH_OK);
    pthread_join(threads[0].id, NULL);
    pthread_join(threads[2].id, NULL);
    ck_assert_int_eq(threads[0].turn, 0);
    ck_assert_int_eq(threads[2].turn, 1);
    rh_cancel_fini(&cancel);
    unmake(&world);
}
END_TEST

static void ignore(struct rh_conn *conn)
{
}

/* The token's places are taken, as by a request that reads five datasources. */
START_TEST(lets_a_waiter_go_that_its_token_cannot_tell)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);
    struct fake others[RH_CANCEL_TARGETS];
    struct thread thread;
    struct rh_cancel cancel;
    uint64_t start_us = rh_clock_us();

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    for (int i = 0; i < RH_CANCEL_TARGETS; i++)
        ck_assert(rh_cancel_aim(&cancel, ignore, &others[i].base));
    start(&thread, &world, &cancel);
    await_waiters(&world, 1);
    rh_cancel_fire(&cancel);
    pthread_join(thread.id, NULL);
    ck_assert_int_eq(thread.rc, RH_CANCELLED);
    ck_assert_uint_lt(rh_clock_us() - start_us, LONG_US);
    rh_pool_return(&lease, RH_OK);
    rh_cancel_fini(&cancel);
    unmake(&world);
}
END_TEST

START_TEST(keeps_two_leases_of_one_token_apart)
{
    struct world world = make(NULL);
    struct rh_cancel cancel;
    struct rh_operation op;
    struct rh_lease one, two;
    struct fake *outer;

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    op = operation(&world, &cancel, LONG_US);
    one = borrowed(&world, &op);
    two = borrowed(&world, &op);
    outer = (struct fake *)one.conn;
    rh_pool_return(&two, RH_OK);
    rh_cancel_fire(&cancel);
    ck_assert_int_eq(outer->n_cancels, 1);
    rh_pool_return(&one, RH_OK);
    rh_cancel_fini(&cancel);
    unmake(&world);
}
END_TEST

/* ---- Poison, age, health ------------------------------------------------------------------ */

START_TEST(closes_what_is_in_doubt_and_keeps_the_rest)
{
    static const int poison[] = {RH_UNAVAILABLE, RH_TIMEOUT,         RH_CANCELLED,
                                 RH_PROTOCOL,    RH_UNKNOWN_OUTCOME, RH_CONTRACT};
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease;
    int n = 0;

    for (int class = -1; class > -RH_N_CLASSES; class --) {
        bool is_poison = false;

        for (size_t i = 0; i < sizeof(poison) / sizeof(poison[0]); i++)
            is_poison |= poison[i] == class;
        lease = borrowed(&world, &op);
        rh_pool_return(&lease, class);
        n += is_poison;
        ck_assert_msg(fake.n_closed == n, "%s", rh_error_class_name(class));
    }
    lease = borrowed(&world, &op);
    lease.poisoned = true;
    rh_pool_return(&lease, RH_OK);
    ck_assert_int_eq(fake.n_closed, n + 1);
    unmake(&world);
}
END_TEST

START_TEST(cancels_the_connection_at_work_and_closes_it)
{
    struct world world = make(NULL);
    struct rh_cancel cancel;
    struct rh_operation op, other = operation(&world, NULL, LONG_US);
    struct rh_lease lease;

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    op = operation(&world, &cancel, LONG_US);
    lease = borrowed(&world, &op);
    rh_cancel_fire(&cancel);
    rh_cancel_fire(&cancel);
    ck_assert_int_eq(((struct fake *)lease.conn)->n_cancels, 1);
    rh_pool_return(&lease, RH_OK);
    ck_assert_int_eq(fake.n_closed, 1);
    ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &lease, NULL), RH_CANCELLED);
    rh_cancel_rearm(&cancel);
    lease = borrowed(&world, &op);
    rh_pool_return(&lease, RH_OK);
    rh_cancel_fire(&cancel); /* late: must not reach the connection */
    lease = borrowed(&world, &other);
    ck_assert_int_eq(((struct fake *)lease.conn)->n_cancels, 0);
    rh_pool_return(&lease, RH_OK);
    rh_cancel_fini(&cancel);
    unmake(&world);
}
END_TEST

START_TEST(closes_what_cannot_be_reset)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);

    fake.reset = RH_INTERNAL;
    rh_pool_return(&lease, RH_OK);
    ck_assert_int_eq(fake.n_closed, 1);
    unmake(&world);
}
END_TEST

START_TEST(tests_what_was_idle_for_long)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world;
    struct rh_operation op;
    struct rh_lease lease;

    limits.check_after_ms = 0;
    world = make(&limits);
    op = operation(&world, NULL, LONG_US);
    lease = borrowed(&world, &op);
    ck_assert_int_eq(fake.n_pings, 0);
    rh_pool_return(&lease, RH_OK);
    lease = borrowed(&world, &op);
    ck_assert_int_eq(fake.n_pings, 1);
    ck_assert_int_eq(fake.n_opened, 1);
    rh_pool_return(&lease, RH_OK);
    fake.ping = RH_UNAVAILABLE;
    lease = borrowed(&world, &op); /* is a new one */
    ck_assert_int_eq(fake.n_opened, 2);
    ck_assert_int_eq(fake.n_closed, 1);
    rh_pool_return(&lease, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(tests_all_idle_ones_when_one_is_found_dead)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease one = borrowed(&world, &op), two = borrowed(&world, &op);

    uint64_t suspect_us;

    rh_pool_return(&one, RH_OK);
    rh_pool_return(&two, RH_UNAVAILABLE);
    suspect_us = rh_clock_us();
    one = borrowed(&world, &op);
    ck_assert_int_eq(fake.n_pings, 1);
    ck_assert_int_eq(fake.n_opened, 2);
    while (rh_clock_us() <= suspect_us)
        continue;
    rh_pool_return(&one, RH_OK);
    one = borrowed(&world, &op);
    ck_assert_int_eq(fake.n_pings, 1);
    rh_pool_return(&one, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(closes_what_is_too_old)
{
    struct rh_pool_limits limits = limits_of(4);
    struct world world;
    struct rh_operation op;
    struct rh_lease one, two;
    uint64_t returned_us;

    limits.max_idle_ms = 1;
    world = make(&limits);
    op = operation(&world, NULL, LONG_US);
    one = borrowed(&world, &op);
    two = borrowed(&world, &op);
    rh_pool_return(&one, RH_OK);
    rh_pool_return(&two, RH_OK);
    returned_us = rh_clock_us();
    while (rh_clock_us() < returned_us + 1000)
        continue;
    one = borrowed(&world, &op); /* was idle for too long, so this is a new one */
    ck_assert_int_eq(fake.n_opened, 3);
    ck_assert_uint_eq(rh_pool_reap(world.pool), 1);
    ck_assert_uint_eq(rh_pool_reap(world.pool), 0);
    ck_assert_int_eq(fake.n_closed, 2);
    rh_pool_return(&one, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(ends_a_long_life_on_return)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world;
    struct rh_operation op;
    struct rh_lease lease;

    limits.max_life_ms = 0;
    world = make(&limits);
    op = operation(&world, NULL, LONG_US);
    lease = borrowed(&world, &op);
    rh_pool_return(&lease, RH_OK);
    ck_assert_int_eq(fake.n_closed, 1);
    unmake(&world);
}
END_TEST

/* ---- Failing to connect ------------------------------------------------------------------- */

START_TEST(stops_trying_for_a_while_when_refused)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_lease lease;

    fake.connect = RH_UNAVAILABLE;
    ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &lease, &error), RH_UNAVAILABLE);
    ck_assert_str_eq(error.message, "crm: fake");
    ck_assert_int_eq(fake.n_connects, 1);
    ck_assert(stats_of(&world).broken);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &lease, &error), RH_UNAVAILABLE);
    ck_assert_int_eq(fake.n_connects, 1);
    ck_assert_str_eq(error.message, "crm: fake");
    ck_assert_uint_gt(error.retry_after_ms, 0);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    fake.connect = RH_OK;
    while (rh_pool_borrow(world.pool, &op, &lease, NULL) != RH_OK)
        sched_yield();
    ck_assert_int_eq(fake.n_connects, 2);
    ck_assert(!stats_of(&world).broken);
    ck_assert_uint_eq(stats_of(&world).n_failed, 1);
    rh_pool_return(&lease, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(repeats_what_a_person_must_mend)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_lease lease;

    fake.connect = RH_AUTH;
    fake.text = "password authentication failed";
    for (int i = 0; i < 3; i++) {
        rh_error_clear(&error);
        ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &lease, &error), RH_AUTH);
        ck_assert_str_eq(error.message, "crm: password authentication failed");
        ck_assert_uint_le(error.retry_after_ms, 501);
    }
    ck_assert_int_eq(fake.n_connects, 1);
    unmake(&world);
}
END_TEST

START_TEST(lends_open_connections_while_broken)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease one = borrowed(&world, &op), none;

    fake.connect = RH_UNAVAILABLE;
    ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &none, NULL), RH_UNAVAILABLE);
    rh_pool_return(&one, RH_OK);
    one = borrowed(&world, &op);
    rh_pool_return(&one, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(tells_waiters_when_the_source_is_gone)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);
    struct thread threads[4];

    for (uint32_t i = 0; i < 4; i++) {
        start(&threads[i], &world, NULL);
        await_waiters(&world, i + 1);
    }
    fake.connect = RH_UNAVAILABLE;
    rh_pool_return(&lease, RH_UNAVAILABLE);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i].id, NULL);
        ck_assert_int_eq(threads[i].rc, RH_UNAVAILABLE);
    }
    ck_assert_int_eq(fake.n_connects, 2);
    unmake(&world);
}
END_TEST

START_TEST(does_not_blame_the_source_for_a_used_up_budget)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_lease lease;

    fake.connect = RH_RESOURCE;
    fake.text = "Out of memory";
    ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &lease, &error), RH_RESOURCE);
    ck_assert_str_eq(error.message, "crm: Out of memory");
    ck_assert(!stats_of(&world).broken);
    fake.connect = RH_OK;
    lease = borrowed(&world, &op);
    rh_pool_return(&lease, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(says_that_the_source_is_crowded)
{
    static const int classes[] = {RH_BUSY, RH_RATE_LIMITED};

    for (int i = 0; i < 2; i++) {
        struct world world = make(NULL);
        struct rh_operation op = operation(&world, NULL, LONG_US);
        struct rh_lease lease;

        fake.connect = classes[i];
        fake.text = "too many connections";
        for (int k = 0; k < 20; k++) {
            struct rh_error error = RH_ERROR_INIT;

            ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &lease, &error), classes[i]);
            ck_assert_str_eq(error.message, "crm: too many connections");
            ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
            ck_assert_uint_le(error.retry_after_ms, 501);
        }
        fake.connect = RH_OK;
        while (rh_pool_borrow(world.pool, &op, &lease, NULL) != RH_OK)
            sched_yield();
        rh_pool_return(&lease, RH_OK);
        unmake(&world);
    }
}
END_TEST

/* The source takes two connections, the pool has places for six. */
START_TEST(waits_for_a_return_when_the_source_is_crowded)
{
    struct rh_pool_limits limits = limits_of(6);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US), late;
    struct rh_lease one = borrowed(&world, &op), two = borrowed(&world, &op), none;
    struct rh_error error = RH_ERROR_INIT;
    struct thread threads[8];

    fake.room = 2;
    fake.text = "too many connections";
    late = operation(&world, NULL, 30000);
    ck_assert_int_eq(rh_pool_borrow(world.pool, &late, &none, &error), RH_BUSY);
    ck_assert_str_eq(error.message, "crm: too many connections");
    ck_assert_uint_ge(rh_clock_us(), late.abi.deadline_us);
    for (uint32_t i = 0; i < 8; i++) {
        start(&threads[i], &world, NULL);
        await_waiters(&world, i + 1);
    }
    rh_pool_return(&one, RH_OK);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i].id, NULL);
        ck_assert_msg(threads[i].rc == RH_OK, "%s", threads[i].error.message);
    }
    rh_pool_return(&two, RH_OK);
    ck_assert_uint_eq(stats_of(&world).n_borrowed, 0);
    ck_assert_uint_eq(stats_of(&world).n_idle, 2);
    unmake(&world);
}
END_TEST

START_TEST(queues_by_ticket)
{
    static const struct {
        uint64_t ticket;
        bool has_slot;
    } cases[] = {{5, false}, {2, true}, {9, true}, {3, false}, {4, true}};
    static const uint64_t expected[] = {2, 4, 5, 9};
    struct rh_queue queue = {0};
    struct rh_waiter waiters[5];

    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(rh_waiter_init(&waiters[i], NULL), RH_OK);
        waiters[i].ticket = cases[i].ticket;
        waiters[i].has_slot = cases[i].has_slot;
        rh_queue_push(&queue, &waiters[i]);
    }
    ck_assert(rh_queue_grant(&queue, 7, true)); /* not to one that has an empty slot already */
    ck_assert(waiters[3].granted);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(queue.first->ticket, expected[i]);
        ck_assert(i < 3 || !rh_queue_grant(&queue, 7, true));
        ck_assert(rh_queue_grant(&queue, 7, false));
    }
    ck_assert_ptr_null(queue.last);
    ck_assert(!rh_queue_grant(&queue, 7, false));
    for (int i = 0; i < 5; i++)
        rh_waiter_fini(&waiters[i]);
}
END_TEST

/* Nobody gives the connection back, but a place gets free. */
START_TEST(asks_a_crowded_source_again)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease one = borrowed(&world, &op);
    struct thread threads[3];
    uint64_t start_us = rh_clock_us();

    fake.room = 1;
    for (uint32_t i = 0; i < 3; i++)
        start(&threads[i], &world, NULL);
    await_waiters(&world, 3);
    ck_assert_int_le(fake.n_connects, 4);
    fake.room = 2;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i].id, NULL);
        ck_assert_int_eq(threads[i].rc, RH_OK);
    }
    ck_assert_uint_lt(rh_clock_us() - start_us, LONG_US / 4);
    ck_assert_int_eq(fake.n_opened, 2);
    rh_pool_return(&one, RH_OK);
    unmake(&world);
}
END_TEST

START_TEST(lets_go_who_waits_at_a_crowded_source)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease one = borrowed(&world, &op);
    struct thread threads[2];
    struct rh_cancel cancel;
    uint64_t start_us = rh_clock_us();

    fake.room = 1;
    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    start(&threads[0], &world, &cancel);
    start(&threads[1], &world, NULL);
    await_waiters(&world, 2);
    rh_cancel_fire(&cancel);
    pthread_join(threads[0].id, NULL);
    ck_assert_int_eq(threads[0].rc, RH_CANCELLED);
    rh_pool_free(world.pool);
    pthread_join(threads[1].id, NULL);
    ck_assert(threads[1].rc == RH_UNAVAILABLE || threads[1].rc == RH_BUSY);
    ck_assert_uint_lt(rh_clock_us() - start_us, LONG_US / 4);
    rh_pool_return(&one, RH_OK);
    world.pool = NULL;
    rh_cancel_fini(&cancel);
    unmake(&world);
}
END_TEST

/* The connection that it waits for is closed: then there is a place for its own. */
START_TEST(connects_when_the_source_has_room_again)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease one = borrowed(&world, &op);
    struct thread thread;

    fake.room = 1;
    start(&thread, &world, NULL);
    await_waiters(&world, 1);
    rh_pool_return(&one, RH_PROTOCOL);
    pthread_join(thread.id, NULL);
    ck_assert_int_eq(thread.rc, RH_OK);
    ck_assert_int_eq(fake.n_opened, 2);
    unmake(&world);
}
END_TEST

START_TEST(trusts_no_answer_of_connect)
{
    static const struct {
        int answer, expected;
    } cases[] = {
        {RH_END, RH_CONTRACT},
        {7, RH_CONTRACT},
        {-99, RH_CONTRACT},
        {RH_TIMEOUT, RH_UNAVAILABLE}, /* the operation has time left */
    };
    struct world world = make(NULL);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rh_error error = RH_ERROR_INIT;
        struct rh_operation op = operation(&world, NULL, LONG_US);
        struct rh_lease lease;
        int rc;

        fake.connect = cases[i].answer;
        rh_pool_free(world.pool); /* a new one has a new breaker */
        rc = rh_pool_new(world.library, "crm", &settings, NULL, &world.pool, &error);
        ck_assert_int_eq(rc, RH_OK);
        rc = rh_pool_borrow(world.pool, &op, &lease, &error);
        ck_assert_int_eq(rc, cases[i].expected);
        ck_assert_int_eq(error.error_class, cases[i].expected);
    }
    unmake(&world);
}
END_TEST

START_TEST(strikes_secrets_out_of_errors)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_lease lease;

    fake.connect = RH_AUTH;
    fake.text = "cannot log in to crm-1 with hunter22!";
    ck_assert_int_eq(rh_pool_borrow(world.pool, &op, &lease, &error), RH_AUTH);
    ck_assert_str_eq(error.message, "crm: cannot log in to crm-1 with ********!");
    unmake(&world);
}
END_TEST

/* ---- The end ------------------------------------------------------------------------------ */

START_TEST(lives_until_the_last_lease_returns)
{
    struct world world = make(NULL);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease one = borrowed(&world, &op), two = borrowed(&world, &op),
                    idle = borrowed(&world, &op);

    rh_pool_return(&idle, RH_OK);
    rh_pool_free(world.pool);
    ck_assert_int_eq(fake.n_closed, 1);
    rh_pool_return(&one, RH_OK);
    ck_assert_int_eq(fake.n_closed, 2);
    rh_pool_return(&two, RH_OK);
    world.pool = NULL;
    unmake(&world);
}
END_TEST

START_TEST(sends_waiters_away_when_it_ends)
{
    struct rh_pool_limits limits = limits_of(1);
    struct world world = make(&limits);
    struct rh_operation op = operation(&world, NULL, LONG_US);
    struct rh_lease lease = borrowed(&world, &op);
    struct thread threads[2];
    uint64_t start_us = rh_clock_us();

    start(&threads[0], &world, NULL);
    start(&threads[1], &world, NULL);
    await_waiters(&world, 2);
    rh_pool_free(world.pool);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i].id, NULL);
        ck_assert_int_eq(threads[i].rc, RH_UNAVAILABLE);
    }
    ck_assert_uint_lt(rh_clock_us() - start_us, LONG_US);
    rh_pool_return(&lease, RH_OK);
    world.pool = NULL;
    unmake(&world);
}
END_TEST

/* ---- Many threads ------------------------------------------------------------------------- */

enum { N_THREADS = 8, N_ROUNDS = 400 };

static struct rh_cancel tokens[N_THREADS];
static atomic_bool finished;

static void *use(void *context)
{
    struct thread *thread = context;

    for (int i = 0; i < N_ROUNDS; i++) {
        uint64_t random = rh_rand_u64();
        struct rh_operation op =
            operation(thread->world, thread->cancel, random % 5 ? 1000000 : 200);
        struct rh_lease lease;
        int rc = rh_pool_borrow(thread->world->pool, &op, &lease, NULL);

        thread->turn += rc == RH_OK;
        if (rc == RH_OK) {
            struct fake *conn = (struct fake *)lease.conn;

            ck_assert_int_eq(atomic_exchange(&conn->in_use, 1), 0);
            if (random % 7 == 0)
                sched_yield();
            ck_assert_int_eq(atomic_exchange(&conn->in_use, 0), 1);
            rh_pool_return(&lease, random % 11 == 0 ? RH_TIMEOUT : RH_OK);
        } else {
            ck_assert(rc == RH_BUSY || rc == RH_TIMEOUT || rc == RH_CANCELLED ||
                      rc == RH_UNAVAILABLE || rc == RH_RATE_LIMITED);
        }
    }
    return NULL;
}

static void *disturb(void *context)
{
    struct world *world = context;

    while (!finished) {
        uint64_t random = rh_rand_u64();

        fake.connect = random % 16 ? RH_OK : RH_UNAVAILABLE;
        fake.ping = random % 3 ? RH_OK : RH_UNAVAILABLE;
        fake.room = (int)((random >> 16) % 4);
        fake.crowded = random >> 24 & 1 ? RH_BUSY : RH_RATE_LIMITED;
        if (random % 8 == 0)
            rh_cancel_fire(&tokens[(random >> 8) % N_THREADS]);
        if (random % 5 == 0)
            rh_pool_reap(world->pool);
        ck_assert_uint_le(stats_of(world).n_borrowed, 3);
        sched_yield();
    }
    return NULL;
}

START_TEST(stands_many_threads)
{
    struct rh_pool_limits limits = limits_of(3);
    struct thread threads[N_THREADS];
    struct world world;
    pthread_t disturber;
    int n_served = 0;

    limits.check_after_ms = 0;
    world = make(&limits);
    for (int i = 0; i < N_THREADS; i++) {
        ck_assert_int_eq(rh_cancel_init(&tokens[i], NULL), RH_OK);
        threads[i] = (struct thread){.world = &world, .cancel = i % 2 ? &tokens[i] : NULL};
        ck_assert_int_eq(pthread_create(&threads[i].id, NULL, use, &threads[i]), 0);
    }
    ck_assert_int_eq(pthread_create(&disturber, NULL, disturb, &world), 0);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i].id, NULL);
        n_served += threads[i].turn;
    }
    finished = true;
    pthread_join(disturber, NULL);
    ck_assert_int_gt(n_served, 0);
    ck_assert_uint_eq(stats_of(&world).n_borrowed, 0);
    ck_assert_uint_eq(stats_of(&world).n_waiting, 0);
    for (int i = 0; i < N_THREADS; i++)
        rh_cancel_fini(&tokens[i]);
    unmake(&world);
}
END_TEST

/* ---- Out of memory ------------------------------------------------------------------------ */

static bool make_and_borrow(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = make_library();
    struct rh_arena *arena = rh_arena_new(1 << 20);
    struct rh_pool *pool = NULL;
    struct rh_operation op;
    struct rh_lease lease;
    bool ok = false;

    rh_operation_init(&op, arena, NULL, rh_clock_us() + LONG_US);
    if (library && arena && rh_pool_new(library, "crm", &settings, NULL, &pool, &error) == RH_OK &&
        rh_pool_borrow(pool, &op, &lease, &error) == RH_OK) {
        rh_pool_return(&lease, RH_OK);
        ok = true;
    }
    rh_pool_free(pool);
    rh_library_free(library);
    rh_arena_free(arena);
    FAULT_ASSERT(fake.n_opened == fake.n_closed);
    FAULT_ASSERT(ok || !library || !arena || error.error_class == RH_RESOURCE);
    return ok;
}

START_TEST(survives_failed_allocations)
{
    rh_log_set_level(RH_LOG_ERROR);
    ck_assert_uint_gt(fault_torture(make_and_borrow, NULL), 8);
}
END_TEST

TESTS_MAIN("pool", lends_an_idle_connection_again, is_busy_when_all_are_lent_until_the_deadline,
           obeys_the_connectors_own_limit, serves_waiters_in_their_order,
           gives_a_waiter_the_place_of_a_closed_connection, lets_a_waiter_go_when_it_is_cancelled,
           lets_a_waiter_go_that_its_token_cannot_tell, keeps_two_leases_of_one_token_apart,
           closes_what_is_in_doubt_and_keeps_the_rest, cancels_the_connection_at_work_and_closes_it,
           closes_what_cannot_be_reset, tests_what_was_idle_for_long,
           tests_all_idle_ones_when_one_is_found_dead, closes_what_is_too_old,
           ends_a_long_life_on_return, stops_trying_for_a_while_when_refused,
           repeats_what_a_person_must_mend, lends_open_connections_while_broken,
           tells_waiters_when_the_source_is_gone, does_not_blame_the_source_for_a_used_up_budget,
           says_that_the_source_is_crowded, waits_for_a_return_when_the_source_is_crowded,
           queues_by_ticket, asks_a_crowded_source_again, lets_go_who_waits_at_a_crowded_source,
           connects_when_the_source_has_room_again, trusts_no_answer_of_connect,
           strikes_secrets_out_of_errors, lives_until_the_last_lease_returns,
           sends_waiters_away_when_it_ends, stands_many_threads, survives_failed_allocations)
