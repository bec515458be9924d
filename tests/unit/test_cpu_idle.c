/* core/base/cpu_idle.h: the kernel's text, and what is made of it. */
#include "base/cpu_idle.h"

#include "base/clock.h"
#include "lib/tests.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether there is time to spare, when so long ago 50.00 s had been idle; before: what was known. */
static bool spare(const char *text, uint64_t ago_us, bool before)
{
    char path[] = "/tmp/rowhouse-uptime.XXXXXX";
    struct rh_cpu_idle idle = {
        .fd = mkstemp(path), .since_us = rh_clock_us() - ago_us, .idle_cs = 5000, .spare = before};
    bool is_spare;

    ck_assert_int_ge(idle.fd, 0);
    unlink(path);
    ck_assert_int_eq(write(idle.fd, text, strlen(text)), (ssize_t)strlen(text));
    is_spare = rh_cpu_idle_spare(&idle);
    ck_assert_int_eq(idle.spare, is_spare);
    rh_cpu_idle_fini(&idle);
    ck_assert_int_eq(idle.fd, -1);
    return is_spare;
}

START_TEST(tells_an_idle_machine_from_a_busy_one)
{
    ck_assert(!spare("123.45 50.00\n", 1000000, true));
    ck_assert(!spare("123.45 50.45\n", 1000000, true));
    ck_assert(spare("123.45 50.55\n", 1000000, false));
    ck_assert(spare("123.45 52.00\n", 1000000, false));
}
END_TEST

START_TEST(repeats_itself_at_once)
{
    ck_assert(spare("123.45 50.00\n", 100, true));
    ck_assert(!spare("123.45 90.00\n", 100, false));
}
END_TEST

START_TEST(keeps_to_what_it_knew_where_it_cannot_read)
{
    static const char *const texts[] = {"", "\n", "123.45", "123.45 \n", "1 2\n", "a.b c.d\n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert(spare(texts[i], 1000000, true));
        ck_assert(!spare(texts[i], 1000000, false));
    }
}
END_TEST

START_TEST(reads_the_kernel)
{
    struct rh_cpu_idle idle;

    rh_cpu_idle_init(&idle);
    ck_assert_int_ge(idle.fd, 0);
    ck_assert_uint_gt(idle.idle_cs, 0);
    ck_assert(rh_cpu_idle_spare(&idle));
    rh_cpu_idle_fini(&idle);
}
END_TEST

TESTS_MAIN("cpu_idle", tells_an_idle_machine_from_a_busy_one, repeats_itself_at_once,
           keeps_to_what_it_knew_where_it_cannot_read, reads_the_kernel)
