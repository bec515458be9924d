/* Many random cases in one test: the same ones in every run, and a check that is cheap. */
#pragma once

#include <check.h>
#include <stdint.h>

/* As ck_assert, without its message to the parent for each check that holds. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

static uint64_t seed = 88172645463325252u;

/* xorshift64. */
static inline uint64_t random_u64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
