/*
 * The main function of a test program. Each test runs in a process of its own, 10 minutes at most.
 *
 *     TESTS_MAIN("buf", grows, stops_at_its_ceiling)
 *     TESTS_MAIN_WITH("read", set_up, tear_down, limits_of_a_page, counts)
 *
 * and where a test runs once for each row of a table:
 *
 *     struct tests tests = tests_new("bind", set_up, tear_down);
 *
 *     tcase_add_loop_test(tests.tcase, conditions_are_bound, 0, COUNT(conditions));
 *     return tests_end(&tests);
 */
#pragma once

#include <check.h>
#include <stddef.h>

struct tests {
    Suite *suite;
    TCase *tcase;
};

/* `set_up` and `tear_down` run around each test, in its process; NULL: nothing does. */
struct tests tests_new(const char *name, SFun set_up, SFun tear_down);
/* Runs what was added, and frees all of it. Returns main's exit status. */
int tests_end(struct tests *tests);

int tests_run(const char *name, const TTest *const *tests, size_t n);
int tests_run_with(const char *name, SFun set_up, SFun tear_down, const TTest *const *tests,
                   size_t n);

#define TESTS_MAIN(name, ...) TESTS_MAIN_WITH(name, NULL, NULL, __VA_ARGS__)

#define TESTS_MAIN_WITH(name, set_up, tear_down, ...)                                              \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return tests_run_with(name, set_up, tear_down, tests, sizeof(tests) / sizeof(tests[0]));   \
    }
