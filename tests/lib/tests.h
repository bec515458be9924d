/* The main function of a test program: TESTS_MAIN("buf", grows, stops_at_its_ceiling) */
#pragma once

#include <check.h>
#include <stddef.h>

/* Runs each test in a process of its own, 10 minutes at most. Returns main's exit status. */
int tests_run(const char *name, const TTest *const *tests, size_t n);

#define TESTS_MAIN(name, ...)                                                                      \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return tests_run(name, tests, sizeof(tests) / sizeof(tests[0]));                           \
    }
