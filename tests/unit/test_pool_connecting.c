/* core/host/pool.h: sources that refuse, are gone, or have no room for another connection. */
#include "pool_fixture.h"

#include "host/queue.h"

#include <string.h>

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

TESTS_MAIN("pool_connecting", stops_trying_for_a_while_when_refused,
           repeats_what_a_person_must_mend, lends_open_connections_while_broken,
           tells_waiters_when_the_source_is_gone, does_not_blame_the_source_for_a_used_up_budget,
           says_that_the_source_is_crowded, waits_for_a_return_when_the_source_is_crowded,
           queues_by_ticket, asks_a_crowded_source_again, lets_go_who_waits_at_a_crowded_source,
           connects_when_the_source_has_room_again, trusts_no_answer_of_connect,
           strikes_secrets_out_of_errors)
