/* core/host/pool.h: connections are lent, waited for, and closed when the pool ends. */
#include "pool_fixture.h"

#include "base/rand.h"

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
           lives_until_the_last_lease_returns, sends_waiters_away_when_it_ends, stands_many_threads,
           survives_failed_allocations)
