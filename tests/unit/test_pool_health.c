/* core/host/pool.h: which connections may be lent again: in doubt, idle for long, too old. */
#include "pool_fixture.h"

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

TESTS_MAIN("pool_health", closes_what_is_in_doubt_and_keeps_the_rest,
           cancels_the_connection_at_work_and_closes_it, closes_what_cannot_be_reset,
           tests_what_was_idle_for_long, tests_all_idle_ones_when_one_is_found_dead,
           closes_what_is_too_old, ends_a_long_life_on_return)
