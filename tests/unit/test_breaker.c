/* core/host/breaker.h */
#include "host/breaker.h"

#include "lib/tests.h"

#define SECOND UINT64_C(1000000)

/* How long the breaker stays shut to everybody, from now on. */
static uint64_t pause_of(struct rh_breaker *breaker, uint64_t now_us)
{
    uint64_t wait_us = 0;

    ck_assert(!rh_breaker_admit(breaker, now_us, &wait_us));
    ck_assert(rh_breaker_is_open(breaker, now_us));
    return wait_us;
}

START_TEST(is_closed_at_first)
{
    struct rh_breaker breaker = {0};
    uint64_t wait_us;

    ck_assert(rh_breaker_admit(&breaker, 5, &wait_us));
    ck_assert(rh_breaker_admit(&breaker, 5, &wait_us)); /* as many as like */
    ck_assert(!rh_breaker_is_open(&breaker, 5));
    rh_breaker_success(&breaker);
    ck_assert(rh_breaker_admit(&breaker, 5, &wait_us));
}
END_TEST

START_TEST(waits_longer_and_longer_but_never_above_30_seconds)
{
    struct rh_breaker breaker = {0};
    uint64_t now_us = SECOND, full_us = 100000, wait_us;

    for (int i = 0; i < 100; i++) {
        ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
        rh_breaker_failure(&breaker, now_us, now_us + 10, false);
        now_us += 10;
        wait_us = pause_of(&breaker, now_us);
        ck_assert_uint_le(wait_us, full_us);
        ck_assert_uint_gt(wait_us, full_us - full_us / 4);
        now_us += wait_us;
        full_us = full_us * 2 < 30 * SECOND ? full_us * 2 : 30 * SECOND;
    }
    ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
    rh_breaker_success(&breaker);
    rh_breaker_failure(&breaker, now_us, now_us, false);
    ck_assert_uint_le(pause_of(&breaker, now_us), 100000);
}
END_TEST

START_TEST(lets_one_try)
{
    struct rh_breaker breaker = {0};
    uint64_t now_us = SECOND, wait_us = 0;

    rh_breaker_failure(&breaker, now_us, now_us, false);
    now_us += pause_of(&breaker, now_us);
    ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
    ck_assert_uint_gt(pause_of(&breaker, now_us), 0);
    rh_breaker_abandon(&breaker, now_us);
    ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
    ck_assert(!rh_breaker_admit(&breaker, now_us, &wait_us));
}
END_TEST

START_TEST(counts_what_failed_together_once)
{
    struct rh_breaker breaker = {0};
    uint64_t now_us = SECOND, wait_us;

    for (uint64_t i = 0; i < 10; i++) /* all of them began before the first failed */
        rh_breaker_failure(&breaker, now_us + i, now_us + 20 + i, false);
    ck_assert_uint_eq(breaker.n_failures, 1);
    now_us += SECOND;
    ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
    rh_breaker_failure(&breaker, SECOND, now_us, false); /* a straggler ends no one else's try */
    rh_breaker_abandon(&breaker, SECOND);
    ck_assert(!rh_breaker_admit(&breaker, now_us, &wait_us));
    ck_assert_uint_eq(breaker.n_failures, 1);
}
END_TEST

START_TEST(is_brief_when_a_person_must_mend_it)
{
    struct rh_breaker breaker = {0};
    uint64_t now_us = SECOND, wait_us;

    for (int i = 0; i < 20; i++) {
        ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
        rh_breaker_failure(&breaker, now_us, now_us, true);
        wait_us = pause_of(&breaker, now_us);
        ck_assert_uint_le(wait_us, 500000);
        now_us += wait_us;
    }
}
END_TEST

/* A source that answered is not suspected of being away for long. */
START_TEST(brief_failures_do_not_add_up)
{
    struct rh_breaker breaker = {0};
    uint64_t now_us = SECOND, wait_us;

    for (int i = 0; i < 20; i++) {
        ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
        rh_breaker_failure(&breaker, now_us, now_us, true);
        wait_us = pause_of(&breaker, now_us);
        ck_assert_uint_le(wait_us, SECOND / 2);
        ck_assert_uint_eq(wait_us, rh_breaker_wait_us(&breaker, now_us));
        now_us += wait_us;
        ck_assert_uint_eq(rh_breaker_wait_us(&breaker, now_us), 0);
    }
    ck_assert(rh_breaker_admit(&breaker, now_us, &wait_us));
    rh_breaker_failure(&breaker, now_us, now_us, false);
    ck_assert_uint_le(pause_of(&breaker, now_us), 200000);
}
END_TEST

TESTS_MAIN("breaker", is_closed_at_first, waits_longer_and_longer_but_never_above_30_seconds,
           lets_one_try, counts_what_failed_together_once, is_brief_when_a_person_must_mend_it,
           brief_failures_do_not_add_up)
