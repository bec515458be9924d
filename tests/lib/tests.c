/* The main function of a test program. */
#include "lib/tests.h"

#include <stdlib.h>

#define TIMEOUT_S 600 /* for what hangs; slow machines are no failure */

struct tests tests_new(const char *name, SFun set_up, SFun tear_down)
{
    struct tests tests = {suite_create(name), tcase_create(name)};

    tcase_set_timeout(tests.tcase, TIMEOUT_S);
    tcase_add_checked_fixture(tests.tcase, set_up, tear_down);
    suite_add_tcase(tests.suite, tests.tcase);
    return tests;
}

int tests_end(struct tests *tests)
{
    SRunner *runner = srunner_create(tests->suite);
    int n_failed;

    srunner_run_all(runner, CK_NORMAL);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int tests_run_with(const char *name, SFun set_up, SFun tear_down, const TTest *const *tests,
                   size_t n)
{
    struct tests all = tests_new(name, set_up, tear_down);

    for (size_t i = 0; i < n; i++)
        tcase_add_test(all.tcase, tests[i]);
    return tests_end(&all);
}

int tests_run(const char *name, const TTest *const *tests, size_t n)
{
    return tests_run_with(name, NULL, NULL, tests, n);
}
