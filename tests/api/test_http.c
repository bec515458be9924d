/*
 * The HTTP adapter over real sockets, with a handler that does what its path says.
 */
#include "base/clock.h"
#include "base/cpu_idle.h"
#include "base/err.h"
#include "base/text.h"
#include "lib/tests.h"
#include "server/http/reply.h"
#include "server/http/server.h"
#include "server/http/stream.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define STREAM_BYTES (8u << 20)

/* The machine's idle time: a busy machine has none. */
static atomic_bool busy;
bool __wrap_rh_cpu_idle_spare(struct rh_cpu_idle *idle);
bool __wrap_rh_cpu_idle_spare(struct rh_cpu_idle *idle)
{
    (void)idle;
    return !atomic_load(&busy);
}

static atomic_bool left;
static atomic_bool released;
static atomic_uint running;
static atomic_ullong produced;

static void answer(struct rh_web_request *request, unsigned status, struct rh_text body)
{
    rh_web_reply_start(request, status);
    rh_web_reply_type(request, "text/plain", true);
    rh_buf_add_text(rh_web_reply_body(request), body);
}

static bool begin(void *context, struct rh_web_request *request)
{
    (void)context;
    request->max_body = rh_text_is(request->path, "/large") ? 64u << 20 : 1000;
    request->lane = rh_text_is(request->query, "lane");
    if (!rh_text_is(request->path, "/inline"))
        return true;
    answer(request, 200, RH_TEXT("inline"));
    return false;
}

static void pause_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void wait_until_left(void)
{
    for (int i = 0; i < 30000 && !atomic_load(&left); i++)
        pause_ms(10);
}

static void stream(struct rh_web_request *request, bool well)
{
    struct rh_web_stream *out = NULL;
    struct rh_error error = RH_ERROR_INIT;
    unsigned char next = 0;
    int rc = RH_OK;

    rh_web_reply_start(request, 200);
    ck_assert_int_eq(rh_web_stream_open(request, 60000, &out, &error), RH_OK);
    for (unsigned done = 0; done < STREAM_BYTES && rc == RH_OK; done += 65536) {
        struct rh_buf *buf = rh_web_stream_buffer(out);
        for (unsigned i = 0; i < 65536; i++)
            rh_buf_add_char(buf, (char)(next++ % 251));
        rc = rh_web_stream_flush(out, &error);
        atomic_fetch_add(&produced, 65536);
        if (!well && done > STREAM_BYTES / 2)
            break;
    }
    if (rc == RH_CANCELLED)
        atomic_store(&left, true);
    rh_web_stream_end(out, well && rc == RH_OK);
}

static void run(void *context, void *worker, struct rh_web_request *request)
{
    (void)context;
    (void)worker;
    atomic_fetch_add(&running, 1);
    if (rh_text_is(request->path, "/stream")) {
        stream(request, true);
    } else if (rh_text_is(request->path, "/broken")) {
        stream(request, false);
    } else if (rh_text_is(request->path, "/wait")) {
        wait_until_left();
        answer(request, 200, RH_TEXT("waited"));
    } else if (rh_text_is(request->path, "/hold")) {
        while (!atomic_load(&released))
            pause_ms(5);
        answer(request, 200, RH_TEXT("held"));
    } else {
        uint64_t sum = 0;
        for (uint64_t i = 0; i < request->body.len; i++)
            sum = sum * 31 + (unsigned char)request->body.data[i];
        rh_web_reply_start(request, 200);
        rh_buf_addf(rh_web_reply_body(request), "%.*s?%.*s %llu", RH_TEXT_ARG(request->path),
                    RH_TEXT_ARG(request->query), (unsigned long long)sum);
    }
    atomic_fetch_sub(&running, 1);
}

static void refuse(void *context, struct rh_web_request *request, enum rh_web_refusal why)
{
    (void)context;
    answer(request, why == RH_WEB_REFUSE_BUSY ? 503 : 413, RH_TEXT("refused"));
}

static void gone(void *context, void *worker)
{
    (void)context;
    (void)worker;
    atomic_store(&left, true);
}

static void *worker_new(void *context)
{
    (void)context;
    return malloc(1);
}

static void worker_free(void *context, void *worker)
{
    (void)context;
    free(worker);
}

static const struct rh_web_handler HANDLER = {
    .begin = begin,
    .run = run,
    .refuse = refuse,
    .gone = gone,
    .worker_new = worker_new,
    .worker_free = worker_free,
};

static struct rh_web_server *server;

static void start(void)
{
    const struct rh_web_options options = {
        .listen = "127.0.0.1:0",
        .temp_folder = "/tmp",
        .threads = 2,
        .workers = 2,
        .eager = 1,
        .queue = 2,
        .max_connections = 100,
        .idle_seconds = 60,
    };
    struct rh_error error = RH_ERROR_INIT;

    atomic_store(&left, false);
    atomic_store(&released, false);
    ck_assert_int_eq(rh_web_server_start(&options, &HANDLER, &server, &error), RH_OK);
}

static void stop(void)
{
    if (server)
        ck_assert(rh_web_server_stop(server, 2000));
    server = NULL;
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval patience = {20, 0};
    int64_t port = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const char *url = rh_web_server_url(server);

    ck_assert(rh_text_to_i64(rh_text_of(strrchr(url, ':') + 1), &port));
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say(int fd, const void *data, size_t n)
{
    const char *from = data;

    while (n) {
        ssize_t done = send(fd, from, n, MSG_NOSIGNAL);
        ck_assert_int_gt(done, 0);
        from += done;
        n -= (size_t)done;
    }
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* Reads until the other side closes, or `enough` occurs. Owned by the caller; NUL-terminated. */
static char *hear(int fd, const char *enough, size_t *ret_len)
{
    struct rh_buf buf;
    char part[65536];
    size_t len;
    char *all;

    rh_buf_init(&buf, 64u << 20);
    for (;;) {
        ssize_t n = recv(fd, part, sizeof(part), 0);
        if (n <= 0)
            break;
        rh_buf_add(&buf, part, (size_t)n);
        if (enough && memmem(buf.data, buf.len, enough, strlen(enough)))
            break;
    }
    len = buf.len;
    all = rh_buf_take(&buf);
    if (ret_len)
        *ret_len = len;
    return all;
}

static void expect(int fd, const char *wanted)
{
    char *got = hear(fd, wanted, NULL);

    ck_assert_msg(got && strstr(got, wanted), "wanted %s, got %s", wanted, got ? got : "nothing");
    free(got);
}

START_TEST(answers_inline_and_from_a_worker)
{
    int fd = dial();

    say_text(fd, "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(fd, "inline");
    say_text(fd, "GET /a%2Fb?x=%31&y HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(fd, "/a%2Fb?x=%31&y 0");
    close(fd);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    int fd = dial();
    char *got, *first, *second, *third;

    say_text(fd, "GET /one HTTP/1.1\r\nHost: x\r\n\r\nPOST /two HTTP/1.1\r\nHost: x\r\n"
                 "Content-Length: 1\r\n\r\nAGET /three HTTP/1.1\r\nHost: x\r\n\r\n");
    got = hear(fd, "/three? 0", NULL);
    first = strstr(got, "/one? 0");
    second = strstr(got, "/two? 65");
    third = strstr(got, "/three? 0");
    ck_assert(first && second && third && first < second && second < third);
    free(got);
    close(fd);
}
END_TEST

START_TEST(bodies_above_the_bound_are_refused)
{
    int fd = dial();
    char body[1001];

    memset(body, 'a', sizeof(body));
    say_text(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    say(fd, body, 1001);
    expect(fd, " 413 ");
    close(fd);
    fd = dial();
    say_text(fd, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
    say(fd, body, 1001);
    say_text(fd, "\r\n0\r\n\r\n");
    expect(fd, " 413 ");
    close(fd);
    fd = dial();
    say_text(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    say(fd, body, 1000);
    expect(fd, " 200 ");
    close(fd);
}
END_TEST

START_TEST(large_bodies_arrive_whole)
{
    size_t n = 5u << 20;
    char *body = malloc(n);
    char head[200], wanted[40];
    uint64_t sum = 0;
    int fd = dial();

    for (size_t i = 0; i < n; i++) {
        body[i] = (char)(i * 7 + i / 1000);
        sum = sum * 31 + (unsigned char)body[i];
    }
    snprintf(head, sizeof(head), "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             n);
    snprintf(wanted, sizeof(wanted), "/large? %llu", (unsigned long long)sum);
    say_text(fd, head);
    say(fd, body, n);
    expect(fd, wanted);
    free(body);
    close(fd);
}
END_TEST

/* Takes the chunks of an answer apart; the number of payload bytes, or -1 when the end is missing.
 */
static long dechunk(const char *data, size_t n, unsigned char *ret_next)
{
    const char *at = memmem(data, n, "\r\n\r\n", 4);
    const char *end = data + n;
    long total = 0;

    ck_assert_ptr_nonnull(at);
    at += 4;
    while (at < end) {
        char *after;
        unsigned long size = strtoul(at, &after, 16);
        if (size == 0)
            return total;
        at = after + 2;
        if (at + size + 2 > end)
            return -1;
        for (unsigned long i = 0; i < size; i++)
            ck_assert_int_eq((unsigned char)at[i], (*ret_next)++ % 251);
        at += size + 2;
        total += (long)size;
    }
    return -1;
}

START_TEST(a_stream_arrives_whole_and_waits_for_its_reader)
{
    int fd = dial();
    unsigned char next = 0;
    uint64_t before, after;
    size_t n;
    char *got;

    atomic_store(&produced, 0);
    say_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    do {
        before = atomic_load(&produced);
        pause_ms(200);
        after = atomic_load(&produced);
    } while (before != after || after == 0);
    ck_assert_uint_lt(after, STREAM_BYTES);
    got = hear(fd, NULL, &n);
    ck_assert_int_eq(dechunk(got, n, &next), STREAM_BYTES);
    free(got);
    close(fd);
}
END_TEST

START_TEST(a_broken_stream_can_be_told_from_a_whole_one)
{
    int fd = dial();
    unsigned char next = 0;
    size_t n;
    char *got;

    say_text(fd, "GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
    got = hear(fd, NULL, &n);
    ck_assert_int_eq(dechunk(got, n, &next), -1);
    free(got);
    close(fd);
}
END_TEST

START_TEST(a_client_that_leaves_is_noticed)
{
    int fd = dial();

    say_text(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&running) == 0)
        pause_ms(1);
    close(fd);
    for (int i = 0; i < 30000 && !atomic_load(&left); i++)
        pause_ms(10);
    ck_assert(atomic_load(&left));
}
END_TEST

START_TEST(a_reader_that_leaves_ends_the_stream)
{
    int fd = dial();

    say_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(fd, "HTTP/1.1 200");
    close(fd);
    for (int i = 0; i < 30000 && !atomic_load(&left); i++)
        pause_ms(10);
    ck_assert(atomic_load(&left));
}
END_TEST

START_TEST(a_full_queue_answers_busy)
{
    int fds[5];
    int fd;

    for (int i = 0; i < 2; i++) {
        fds[i] = dial();
        say_text(fds[i], "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    while (atomic_load(&running) < 2)
        pause_ms(1);
    for (int i = 2; i < 4; i++) {
        struct rh_web_stats stats = {0};
        fds[i] = dial();
        say_text(fds[i], "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        while (stats.n_queued < (unsigned)i - 1) {
            pause_ms(1);
            rh_web_server_stats(server, &stats);
        }
    }
    fd = dial();
    say_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(fd, " 503 ");
    close(fd);
    atomic_store(&released, true);
    for (int i = 0; i < 4; i++) {
        expect(fds[i], "held");
        close(fds[i]);
    }
}
END_TEST

START_TEST(a_lane_that_is_held_up_leaves_workers_to_others)
{
    struct rh_web_stats stats = {0};
    int fds[2], fd = dial();

    for (int i = 0; i < 2; i++) {
        fds[i] = dial();
        say_text(fds[i], "GET /hold?lane HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    while (atomic_load(&running) < 1 || stats.n_queued < 1) {
        pause_ms(1);
        rh_web_server_stats(server, &stats);
    }
    for (int i = 0; i < 3; i++) {
        say_text(fd, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(fd, "/other? 0");
    }
    ck_assert_uint_eq(atomic_load(&running), 1);
    atomic_store(&released, true);
    for (int i = 0; i < 2; i++) {
        expect(fds[i], "held");
        close(fds[i]);
    }
    close(fd);
}
END_TEST

/* One worker is enough on a busy machine, but not where it is held up. */
START_TEST(a_busy_machine_lets_nobody_wait_for_long)
{
    int held = dial(), fd = dial();

    atomic_store(&busy, true);
    for (int i = 0; i < 2; i++) { /* the second time, everybody knows that it is busy */
        say_text(held, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        while (atomic_load(&running) < 1)
            pause_ms(1);
        say_text(fd, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
        expect(fd, "/other? 0");
        atomic_store(&released, true);
        expect(held, "held");
        atomic_store(&released, false);
        pause_ms(150);
    }
    close(held);
    close(fd);
}
END_TEST

static void *release_soon(void *context)
{
    (void)context;
    pause_ms(200);
    atomic_store(&released, true);
    return NULL;
}

START_TEST(stopping_waits_for_running_requests)
{
    pthread_t thread;
    int fd = dial();

    say_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&running) == 0)
        pause_ms(1);
    pthread_create(&thread, NULL, release_soon, NULL);
    ck_assert(rh_web_server_stop(server, 600000));
    server = NULL;
    expect(fd, "held");
    pthread_join(thread, NULL);
    close(fd);
}
END_TEST

START_TEST(stopping_cancels_what_does_not_end)
{
    int fd = dial();

    say_text(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&running) == 0)
        pause_ms(1);
    ck_assert(rh_web_server_stop(server, 50));
    server = NULL;
    ck_assert(atomic_load(&left));
    close(fd);
}
END_TEST

START_TEST(stopping_gives_up_on_what_ignores_it)
{
    int fd = dial();

    say_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&running) == 0)
        pause_ms(1);
    ck_assert(!rh_web_server_stop(server, 10));
    server = NULL; /* still running: left to the end of the process */
    close(fd);
}
END_TEST

START_TEST(addresses_that_cannot_be_listened_on_are_refused)
{
    const char *const bad[] = {"", "7070", "127.0.0.1:", "no.such.host.invalid:1", "127.0.0.1:x"};
    struct rh_web_options options = {.threads = 1, .workers = 1, .queue = 1, .max_connections = 1};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rh_error error = RH_ERROR_INIT;
        struct rh_web_server *none = NULL;
        options.listen = bad[i];
        ck_assert_int_eq(rh_web_server_start(&options, &HANDLER, &none, &error), RH_CONFIG);
        ck_assert_ptr_null(none);
    }
}
END_TEST

TESTS_MAIN_WITH("http", start, stop, answers_inline_and_from_a_worker,
                pipelined_requests_are_answered_in_order, bodies_above_the_bound_are_refused,
                large_bodies_arrive_whole, a_stream_arrives_whole_and_waits_for_its_reader,
                a_broken_stream_can_be_told_from_a_whole_one, a_client_that_leaves_is_noticed,
                a_reader_that_leaves_ends_the_stream, a_full_queue_answers_busy,
                a_lane_that_is_held_up_leaves_workers_to_others,
                a_busy_machine_lets_nobody_wait_for_long, stopping_waits_for_running_requests,
                stopping_cancels_what_does_not_end, stopping_gives_up_on_what_ignores_it,
                addresses_that_cannot_be_listened_on_are_refused)
