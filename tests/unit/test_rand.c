/* core/base/rand.h and clock.h */
#include "base/clock.h"
#include "base/rand.h"
#include "lib/tests.h"

#include <string.h>

START_TEST(fills_every_byte)
{
    unsigned char data[512], seen[512] = {0};
    for (int round = 0; round < 16; round++) {
        rh_rand_bytes(data, sizeof(data));
        for (size_t i = 0; i < sizeof(data); i++)
            seen[i] |= data[i];
    }
    for (size_t i = 0; i < sizeof(seen); i++)
        ck_assert_uint_ne(seen[i], 0);
    rh_rand_bytes(data, 0);
    ck_assert_uint_ne(rh_rand_u64(), rh_rand_u64());
}
END_TEST

START_TEST(identifiers_sort_by_time)
{
    char first[RH_ID_SIZE], next[RH_ID_SIZE], same[RH_ID_SIZE];
    rh_id_make(first);
    ck_assert_uint_eq(strlen(first), RH_ID_SIZE - 1);
    ck_assert_uint_eq(strspn(first, "0123456789abcdefghjkmnpqrstvwxyz"), RH_ID_SIZE - 1);
    rh_id_make(same);
    ck_assert_str_ne(first + 10, same + 10);
    do
        rh_id_make(next);
    while (memcmp(first, next, 10) == 0);
    ck_assert_str_lt(first, next);

    /* the time within, by Crockford's alphabet */
    uint64_t ms = 0;
    for (int i = 0; i < 10; i++)
        ms = ms * 32 + (uint64_t)(strchr("0123456789abcdefghjkmnpqrstvwxyz", next[i]) -
                                  "0123456789abcdefghjkmnpqrstvwxyz");
    uint64_t now = (uint64_t)rh_clock_wall_us() / 1000;
    ck_assert(ms <= now && now - ms < 60000);
}
END_TEST

START_TEST(clocks_go_on)
{
    uint64_t before = rh_clock_us();
    while (rh_clock_us() == before)
        ;
    ck_assert_uint_gt(rh_clock_us(), before);
    ck_assert_int_gt(rh_clock_wall_us(), INT64_C(1600000000000000));
}
END_TEST

START_TEST(time_left_is_rounded_up)
{
    ck_assert_int_eq(rh_clock_left_ms(0), 0);
    ck_assert_int_eq(rh_clock_left_ms(rh_clock_us()), 0);
    ck_assert_int_eq(rh_clock_left_ms(UINT64_MAX), INT32_MAX);
    int left = rh_clock_left_ms(rh_clock_us() + 60 * 1000000);
    ck_assert(left > 50000 && left <= 60000);
    /* less than a millisecond is left until there is none: never 0 before the deadline */
    uint64_t deadline = rh_clock_us() + 900;
    int ms = rh_clock_left_ms(deadline);
    ck_assert(ms == 1 || rh_clock_us() >= deadline);
}
END_TEST

TESTS_MAIN("rand", fills_every_byte, identifiers_sort_by_time, clocks_go_on,
           time_left_is_rounded_up)
