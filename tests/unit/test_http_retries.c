/* core/host/http: deadlines, cancelling, repeated requests, rates. */
#include "http_fixture.h"

#include <pthread.h>
#include <sys/eventfd.h>

/* ---- Time ---------------------------------------------------------------------------------- */

START_TEST(ends_at_the_deadline)
{
    static const char *const urls[] = {"/silent", "/drip"};

    open_client(options_for(plain_url));
    for (int i = 0; i < 2; i++) {
        op.deadline_us = rh_clock_us() + SHORT_US;
        BAD(get(urls[i]), RH_TIMEOUT);
        ck_assert_uint_eq(error.retry, RH_RETRY_IF_IDEMPOTENT);
    }
    BAD(get("/echo"), RH_TIMEOUT);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
}
END_TEST

static void *cancel_soon(void *context)
{
    const int *fd = context;
    uint64_t one = 1;

    usleep(100000);
    if (*fd >= 0)
        ck_assert_int_eq(write(*fd, &one, sizeof(one)), sizeof(one));
    else
        http->cancel(client);
    return NULL;
}

START_TEST(ends_when_cancelled)
{
    static const char *const urls[] = {"/silent", "/drip"};
    pthread_t thread;
    int fd;

    open_client(options_for(plain_url));
    for (int i = 0; i < 4; i++) {
        fd = i < 2 ? eventfd(0, EFD_CLOEXEC) : -1;
        op.cancel_fd = fd;
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &fd), 0);
        BAD(get(urls[i % 2]), RH_CANCELLED);
        pthread_join(thread, NULL);
        if (fd >= 0)
            close(fd);
    }
    op.cancel_fd = -1;
    http->cancel(client); /* nothing waits: no effect */
    GOOD(get("/echo"));
}
END_TEST

/* ---- Retries and rates --------------------------------------------------------------------- */

START_TEST(repeats_what_is_safe)
{
    struct rh_http_options options = options_for(plain_url);

    options.retries = 3;
    open_client(options);
    GOOD(get("/flaky/a/503/2"));
    ck_assert_uint_eq(answer.status, 200);
    GOOD(get("/flaky/b/0/2"));
    ck_assert_uint_eq(answer.status, 200);
    GOOD(get("/flaky/c/502/9"));
    ck_assert_uint_eq(answer.status, 502);
    GOOD(get("/flaky/d/500/2"));
    ck_assert_uint_eq(answer.status, 500);
    GOOD(post("/flaky/e/503/1", "x", 0));
    ck_assert_uint_eq(answer.status, 503);
    GOOD(post("/flaky/f/503/1", "x", RH_HTTP_SAFE));
    ck_assert_uint_eq(answer.status, 200);
    GOOD(post("/flaky/g/0/1", "x", RH_HTTP_SAFE));
    ck_assert_uint_eq(answer.status, 200);
    ck_assert_str_eq(string(parse(), "body"), "x");
    BAD(post("/flaky/h/0/1", "x", 0), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_IF_IDEMPOTENT);
    BAD(get("/flaky/i/0/9"), RH_UNAVAILABLE);
    GOOD(post("/flaky/j/429/1", "x", 0));
    ck_assert_uint_eq(answer.status, 200);
}
END_TEST

/* A connection that died while it was idle: libcurl would send anything again. */
START_TEST(never_sends_a_write_twice)
{
    reset(plain_url);
    open_client(options_for(plain_url));
    GOOD(get("/echo"));
    BAD(post("/flaky/a/0/1", "x", 0), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_IF_IDEMPOTENT);
    ck_assert_uint_eq(n_requests(), 2);
    reset(plain_url);
    open_client(options_for(plain_url));
    GOOD(get("/echo"));
    GOOD(get("/flaky/a/0/1")); /* libcurl's own repetition */
    ck_assert_uint_eq(n_requests(), 3);
}
END_TEST

START_TEST(obeys_retry_after)
{
    struct rh_http_options options = options_for(plain_url);

    reset(plain_url);
    options.retries = 3;
    open_client(options);
    GOOD(post("/flaky/a/429/1?after=1", "x", 0));
    ck_assert_uint_eq(answer.status, 200);
    ck_assert_uint_eq(n_requests(), 2);
    GOOD(get("/status/503?after=3600"));
    ck_assert_uint_eq(answer.status, 503);
    ck_assert_uint_eq(answer.retry_after_ms, 3600000);
    GOOD(get("/status/429?after=3600"));
    ck_assert_uint_eq(answer.status, 429);
    BAD(get("/echo"), RH_RATE_LIMITED); /* the same server, still before its time */
    ck_assert_uint_gt(error.retry_after_ms, 3000000);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    BAD(get("/echo"), RH_RATE_LIMITED);
}
END_TEST

START_TEST(limits_its_rate)
{
    struct rh_http_options options = options_for(plain_url);
    uint64_t from_us = rh_clock_us();

    options.rate_per_minute = 600; /* bursts of 10 */
    open_client(options);
    for (int i = 0; i < 13; i++)
        GOOD(get("/status/200"));
    ck_assert_uint_ge(rh_clock_us() - from_us, 300000);
    op.deadline_us = rh_clock_us() + 50000;
    for (int i = 0; i < 3 && get("/status/200") == RH_OK; i++)
        ;
    ck_assert(error.error_class == RH_RATE_LIMITED || error.error_class == RH_TIMEOUT);
}
END_TEST

HTTP_TESTS("http_retries", ends_at_the_deadline, ends_when_cancelled, repeats_what_is_safe,
           never_sends_a_write_twice, obeys_retry_after, limits_its_rate)
