/* core/host/isolation: what a connector does that crashes, does not end, or takes too much, and what is
 * said of it. */
#include "isolation/vandal.h"

#include <poll.h>
#include <sys/resource.h>

static const char *const READS[] = {"ping", "tables", "plan",  "explain", "estimate", "open",
                                    "next", "finish", "reset", "begin",   "savepoint"};
static const char *const WRITES[] = {"insert", "commit", "run", "apply"};
static void crash_in(const struct rh_library *library, const char *name, int expected)
{
    struct visit visit;
    int rc;

    ck_assert_int_eq(enter(&visit, library, name, "crash", name), RH_OK);
    rc = call(&visit, name, 20000);
    ck_assert_msg(rc == expected && visit.error.error_class == expected, "%s: %d %s", name, rc,
                  visit.error.message);
    ck_assert_msg(strstr(visit.error.message, "SIGSEGV"), "%s", visit.error.message);
    /* The connection stays dead, and says so at once. */
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
    leave(&visit);
    /* And is not started again at once. */
    ck_assert_int_eq(enter(&visit, library, name, "crash", name), RH_UNAVAILABLE);
    ck_assert_msg(strstr(visit.error.message, "SIGSEGV") &&
                      strstr(visit.error.message, "started again"),
                  "%s", visit.error.message);
    ck_assert_uint_eq(visit.error.retry, RH_RETRY_SAFE);
    ck_assert_uint_gt(visit.error.retry_after_ms, 0);
    leave(&visit);
}

START_TEST(crashes_in_every_function)
{
    struct rh_library *library = loaded(NULL);
    struct rh_isolation_stats stats;
    struct visit visit, bystander;

    ck_assert_int_eq(enter(&bystander, library, "", "", ""), RH_OK);
    for (size_t i = 0; i < COUNT(READS); i++)
        crash_in(library, READS[i], RH_UNAVAILABLE);
    for (size_t i = 0; i < COUNT(WRITES); i++)
        crash_in(library, WRITES[i], RH_UNKNOWN_OUTCOME);
    ck_assert_int_eq(enter(&visit, library, "connect", "crash", ""), RH_UNAVAILABLE);
    leave(&visit);
    /* In close nobody is asked; it must end all the same. */
    ck_assert_int_eq(enter(&visit, library, "close", "crash", ""), RH_OK);
    leave(&visit);
    ck_assert_int_eq(call(&bystander, "ping", 20000), RH_OK);
    leave(&bystander);
    rh_library_free(library);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_running, 0);
    ck_assert_uint_ge(stats.n_crashed, COUNT(READS) + COUNT(WRITES) + 1);
}
END_TEST

START_TEST(tells_how_it_died)
{
    static const struct {
        const char *action, *how;
    } cases[] = {{"abort", "SIGABRT"},
                 {"exit", "exited with status 7"},
                 {"truncated", "exited with status 0"},
                 {"rubbish", "malformed frame"},
                 {"oversized", "malformed frame"},
                 {"promise", "exited with status 0"},
                 {"close", "socket"}};
    struct rh_library *library = loaded(NULL);
    struct visit visit;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ck_assert_int_eq(enter(&visit, library, "ping", cases[i].action, ""), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
        ck_assert_msg(strstr(visit.error.message, cases[i].how), "%s: %s", cases[i].action,
                      visit.error.message);
        leave(&visit);
    }
    rh_library_free(library);
}
END_TEST

START_TEST(kills_what_does_not_end)
{
    struct rh_library *library = loaded(NULL);
    struct rh_isolation_stats stats;
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "ping", "loop", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 200), RH_TIMEOUT);
    ck_assert_msg(strstr(visit.error.message, "did not end within 1 s"), "%s", visit.error.message);
    leave(&visit);
    ck_assert_int_eq(enter(&visit, library, "insert", "loop", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "insert", 200), RH_UNKNOWN_OUTCOME);
    leave(&visit);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_killed, 2);
    rh_library_free(library);
}
END_TEST

/* Its second begins with the call: it is cancelled first, and its process lives on. */
START_TEST(spares_what_comes_behind_its_deadline)
{
    struct rh_library *library = loaded(NULL);
    struct rh_isolation_stats stats;
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "insert", "wait", ""), RH_OK);
    ck_assert_msg(call(&visit, "insert", (uint64_t)-2000) == RH_TIMEOUT, "%s", visit.error.message);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
    leave(&visit);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_killed, 0);
    rh_library_free(library);
}
END_TEST

START_TEST(holds_memory_and_threads_to_their_limits)
{
    struct rh_sandbox sandbox = {.memory_bytes = (uint64_t)128 << 20, .max_threads = 16};
    struct rh_library *library = loaded(&sandbox);
    struct visit visit;

    if (!SANITIZED) {
        ck_assert_int_eq(enter(&visit, library, "ping", "leak", ""), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_RESOURCE);
        leave(&visit);
        ck_assert_int_eq(enter(&visit, library, "ping", "leak-crash", ""), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
        ck_assert_msg(strstr(visit.error.message, "memory used up"), "%s", visit.error.message);
        leave(&visit);
    }
    ck_assert_int_eq(enter(&visit, library, "ping", "threads", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
    ck_assert_msg(strstr(visit.error.message, "more threads"), "%s", visit.error.message);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

START_TEST(bears_a_flood_of_lines)
{
    struct rh_library *library = loaded(NULL);
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "ping", "log", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
    leave(&visit);
    ck_assert_int_eq(enter(&visit, library, "ping", "stderr", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

static uint64_t cpu_used_us(void)
{
    struct rusage usage;

    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
}

/* A flood that does not end costs this process next to nothing: less of its time than a core has. */
START_TEST(is_not_kept_busy_by_a_flood)
{
    static const char *const ways[] = {"log", "control", "stderr"};
    struct rh_library *library = loaded(NULL);

    for (size_t i = 0; i < COUNT(ways); i++) {
        struct visit visit;
        uint64_t used_us;

        ck_assert_int_eq(enter(&visit, library, "ping", "flood", ways[i]), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
        used_us = cpu_used_us();
        for (int seconds = 0; seconds < 3; seconds++)
            poll(NULL, 0, 1000);
        used_us = cpu_used_us() - used_us;
        ck_assert_msg(used_us < 200000, "%s: %u ms", ways[i], (unsigned)(used_us / 1000));
        leave(&visit);
    }
    rh_library_free(library);
}
END_TEST

TESTS_MAIN("misbehaving", crashes_in_every_function, tells_how_it_died, kills_what_does_not_end,
           spares_what_comes_behind_its_deadline, holds_memory_and_threads_to_their_limits,
           bears_a_flood_of_lines, is_not_kept_busy_by_a_flood)
