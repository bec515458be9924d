/*
 * core/host/http over real sockets: tests/lib/peer.py misbehaves on demand. One peer speaks HTTP,
 * another TLS; both live as long as this program.
 */
#include "host/http/http.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "host/library.h"
#include "host/redact.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <openssl/pem.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_US 50000000
#define SHORT_US 300000

static const struct rh_http *http = &rh_http_service;
static char plain_url[64], tls_url[64], ca[8192];
static struct rh_arena *arena;
static struct rh_http_client *client;
static struct rh_error error;
static struct rh_op op;

/* ---- Doing a request ----------------------------------------------------------------------- */

static void set_up(void)
{
    arena = rh_arena_new(16u << 20);
    error = (struct rh_error)RH_ERROR_INIT;
    op = (struct rh_op){.struct_size = sizeof(op),
                        .deadline_us = rh_clock_us() + LONG_US,
                        .cancel_fd = -1,
                        .arena = arena};
}

static void tear_down(void)
{
    http->client_free(client);
    client = NULL;
    rh_arena_free(arena);
}

static struct rh_http_options options_for(const char *url)
{
    return (struct rh_http_options){.struct_size = sizeof(struct rh_http_options),
                                    .base_url = rh_text_of(url)};
}

static void open_client(struct rh_http_options options)
{
    http->client_free(client);
    client = NULL;
    ck_assert_msg(http->client_new(rh_host_services(), &options, &client, &error) == RH_OK, "%s",
                  error.message);
}

static struct rh_http_request request_for(const char *method, const char *url)
{
    return (struct rh_http_request){.struct_size = sizeof(struct rh_http_request),
                                    .method = rh_text_of(method),
                                    .url = rh_text_of(url)};
}

/* What came back. */
static struct rh_http_answer answer;
static struct rh_text body;
static uint64_t n_body; /* all of it; `body` keeps the beginning */

static int read_body(struct rh_http_exchange *exchange)
{
    struct rh_text piece;
    struct rh_buf buf;
    bool ok = true;
    int rc;

    n_body = 0;
    rh_buf_init(&buf, 1u << 20);
    while ((rc = http->read(exchange, &op, &piece, &error)) == RH_OK) {
        ck_assert_uint_gt(piece.len, 0);
        n_body += piece.len;
        if (buf.len + piece.len <= buf.max)
            rh_buf_add_text(&buf, piece);
    }
    body = rh_arena_text(arena, rh_buf_text(&buf), &ok);
    ck_assert(ok);
    rh_buf_free(&buf);
    return rc == RH_END ? RH_OK : rc;
}

static int run(const struct rh_http_request *request)
{
    struct rh_http_exchange *exchange = NULL;
    const struct rh_http_header *headers;
    struct rh_http_header *copy;
    bool ok = true;
    int rc;

    error = (struct rh_error)RH_ERROR_INIT;
    answer = (struct rh_http_answer){.struct_size = sizeof(answer)};
    rc = http->send(client, &op, request, &exchange, &error);
    if (rc == RH_OK)
        rc = http->answer(exchange, &op, &answer, &error);
    if (rc == RH_OK)
        rc = read_body(exchange);
    headers = answer.headers;
    copy = rh_arena_array(arena, answer.n_headers, sizeof(*copy));
    for (uint32_t i = 0; i < answer.n_headers; i++) {
        copy[i].name = rh_arena_text(arena, headers[i].name, &ok);
        copy[i].value = rh_arena_text(arena, headers[i].value, &ok);
    }
    answer.headers = copy;
    answer.url = rh_arena_text(arena, answer.url, &ok);
    http->close(exchange);
    ck_assert_int_eq(rc, error.error_class);
    return rc;
}

static int get(const char *url)
{
    struct rh_http_request request = request_for("GET", url);

    return run(&request);
}

static int post(const char *url, const char *text, uint32_t flags)
{
    struct rh_http_request request = request_for("POST", url);

    request.body = rh_text_of(text);
    request.flags = flags;
    return run(&request);
}

#define GOOD(call) ck_assert_msg((call) == RH_OK, "%s", error.message)
#define BAD(call, expected)                                                                        \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        ck_assert_msg(rc_ == (expected), "%s: %s", rh_error_class_name(rc_), error.message);       \
    } while (0)

static const struct rh_json *parse(void)
{
    struct rh_json *json = NULL;

    ck_assert_msg(rh_json_parse(arena, body, &json, &error) == RH_OK, "%s", error.message);
    return json;
}

static const char *string(const struct rh_json *json, const char *name)
{
    const struct rh_json *member = rh_json_member(json, name);

    return member ? rh_arena_dup(arena, member->text.data, member->text.len) : "(none)";
}

static const char *header(const struct rh_json *request, const char *name)
{
    return string(rh_json_member(request, "headers"), name);
}

/* Percent-encodes the bytes of an answer for /raw. */
static const char *raw(const char *bytes)
{
    struct rh_buf url;
    char *text;

    rh_buf_init(&url, 65536);
    rh_buf_add_str(&url, "/raw?answer=");
    for (const char *c = bytes; *c; c++)
        rh_buf_addf(&url, "%%%02X", (unsigned)(unsigned char)*c);
    text = rh_arena_dup(arena, url.data, url.len);
    rh_buf_free(&url);
    return text;
}

/* The peer's log, through a client of its own. */
static const struct rh_json *log_of(const char *url)
{
    struct rh_http_client *saved = client;
    const struct rh_json *json;

    client = NULL;
    open_client(options_for(url));
    GOOD(get("/log"));
    json = parse();
    http->client_free(client);
    client = saved;
    return json;
}

static void reset(const char *url)
{
    open_client(options_for(url));
    GOOD(get("/reset"));
    http->client_free(client);
    client = NULL;
}

/* ---- Requests and answers ------------------------------------------------------------------ */

START_TEST(sends_and_reads)
{
    struct rh_http_header headers[] = {{RH_TEXT("X-Mine"), RH_TEXT("a b")},
                                       {RH_TEXT("X-Empty"), RH_TEXT("")},
                                       {RH_TEXT("Content-Type"), RH_TEXT("text/x")}};
    struct rh_http_request request = request_for("PUT", "/echo?x=1");
    struct rh_http_options options = options_for(plain_url);
    const struct rh_json *echo;

    options.headers = headers;
    options.n_headers = 1;
    open_client(options);
    request.headers = headers + 1;
    request.n_headers = 2;
    request.body = RH_TEXT("hello");
    GOOD(run(&request));
    ck_assert_uint_eq(answer.status, 200);
    ck_assert_uint_eq(answer.content_length, n_body);
    echo = parse();
    ck_assert_str_eq(string(echo, "method"), "PUT");
    ck_assert_str_eq(string(echo, "target"), "/echo?x=1");
    ck_assert_str_eq(string(echo, "body"), "hello");
    ck_assert_str_eq(header(echo, "x-mine"), "a b");
    ck_assert_str_eq(header(echo, "x-empty"), "");
    ck_assert_str_eq(header(echo, "content-type"), "text/x");
    ck_assert_str_eq(header(echo, "content-length"), "5");
    ck_assert_str_eq(header(echo, "accept-encoding"), "gzip, deflate, zstd");
    ck_assert_str_eq(header(echo, "user-agent"), "Rowhouse/" RH_VERSION);
    ck_assert_str_eq(header(echo, "expect"), "(none)");
    GOOD(get("/status/404"));
    ck_assert_uint_eq(answer.status, 404);
    GOOD(post("/echo", NULL, 0));
    echo = parse();
    ck_assert_str_eq(header(echo, "content-length"), "0");
    ck_assert_str_eq(header(echo, "content-type"), "(none)");
    request = request_for("HEAD", "/body/1234");
    GOOD(run(&request));
    ck_assert_uint_eq(answer.content_length, 1234);
    ck_assert_uint_eq(n_body, 0);
    request = request_for("DELETE", "/echo");
    GOOD(run(&request));
    ck_assert_str_eq(string(parse(), "method"), "DELETE");
}
END_TEST

START_TEST(keeps_the_connection)
{
    const struct rh_json *log, *first;

    reset(plain_url);
    open_client(options_for(plain_url));
    for (int i = 0; i < 5; i++)
        GOOD(i % 2 ? get("/echo") : post("/echo", "x", 0));
    log = log_of(plain_url);
    ck_assert_uint_eq(log->n, 5);
    first = rh_json_member(log->child, "connection");
    for (const struct rh_json *one = log->child; one; one = one->next)
        ck_assert(rh_json_equal(rh_json_member(one, "connection"), first));
}
END_TEST

START_TEST(has_several_exchanges_at_once)
{
    struct rh_http_request request = request_for("GET", "/body/300000");
    struct rh_http_exchange *exchanges[3];

    open_client(options_for(plain_url));
    for (int i = 0; i < 3; i++)
        GOOD(http->send(client, &op, &request, &exchanges[i], &error));
    for (int i = 2; i >= 0; i--) {
        answer = (struct rh_http_answer){.struct_size = sizeof(answer)};
        GOOD(http->answer(exchanges[i], &op, &answer, &error));
        GOOD(read_body(exchanges[i]));
        ck_assert_uint_eq(n_body, 300000);
    }
    for (int i = 0; i < 3; i++)
        http->close(exchanges[i]);
}
END_TEST

START_TEST(streams_a_body)
{
    struct rh_http_header length = {RH_TEXT("Content-Length"), RH_TEXT("2000000")};
    struct rh_http_request request = request_for("POST", "/echo");
    struct rh_http_exchange *exchange;
    static char piece[100000];
    uint64_t n;

    memset(piece, 'y', sizeof(piece));
    open_client(options_for(plain_url));
    request.flags = RH_HTTP_STREAM;
    request.headers = &length;
    for (request.n_headers = 0; request.n_headers < 2; request.n_headers++) {
        GOOD(http->send(client, &op, &request, &exchange, &error));
        for (int i = 0; i < 20; i++) {
            GOOD(http->write(exchange, &op, RH_TEXT(""), &error));
            GOOD(http->write(exchange, &op, rh_text_make(piece, sizeof(piece)), &error));
        }
        answer = (struct rh_http_answer){.struct_size = sizeof(answer)};
        GOOD(http->answer(exchange, &op, &answer, &error));
        GOOD(read_body(exchange));
        ck_assert(rh_text_to_u64(rh_json_member(parse(), "n_body")->text, &n));
        ck_assert_uint_eq(n, 2000000);
        ck_assert_str_eq(header(parse(), "content-length"),
                         request.n_headers ? "2000000" : "(none)");
        http->close(exchange);
    }
}
END_TEST

START_TEST(decodes_bodies)
{
    static const char *const encodings[] = {"gzip", "deflate", "raw", ""};
    char url[64];

    open_client(options_for(plain_url));
    for (size_t i = 0; i < 4; i++) {
        snprintf(url, sizeof(url), "/body/5000000?encoding=%s", encodings[i]);
        GOOD(get(url));
        ck_assert_uint_eq(n_body, 5000000);
        for (uint64_t k = 0; k < body.len; k++)
            ck_assert_int_eq(body.data[k], 'x');
    }
}
END_TEST

static long peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* A bomb, and a reader who is slow: neither costs memory. */
START_TEST(bounds_memory)
{
    struct rh_http_request request = request_for("GET", "/body/400000000");
    struct rh_http_options options = options_for(plain_url);
    struct rh_http_exchange *exchange;
    struct rh_text piece;
    long before;

    open_client(options);
    GOOD(get("/body/100000?encoding=gzip"));
    before = peak_kib();
    GOOD(get("/body/400000000?encoding=gzip"));
    ck_assert_uint_eq(n_body, 400000000);
    GOOD(http->send(client, &op, &request, &exchange, &error));
    answer = (struct rh_http_answer){.struct_size = sizeof(answer)};
    GOOD(http->answer(exchange, &op, &answer, &error));
    for (int i = 0; i < 100; i++) {
        GOOD(http->read(exchange, &op, &piece, &error));
        ck_assert_uint_le(piece.len, 1u << 18);
    }
    http->close(exchange);
    ck_assert_int_lt(peak_kib() - before, 32 << 10);
    options.max_answer_bytes = 1000000;
    open_client(options);
    GOOD(get("/body/1000000?encoding=gzip"));
    BAD(get("/body/1000001?encoding=gzip"), RH_RESOURCE);
    BAD(get("/body/400000000?encoding=gzip"), RH_RESOURCE);
    BAD(get("/body/400000000"), RH_RESOURCE);
    ck_assert_ptr_nonnull(strstr(error.message, "longer than 1000000 bytes"));
}
END_TEST

/* ---- Hostile answers ----------------------------------------------------------------------- */

START_TEST(refuses_malformed_answers)
{
    static const struct {
        const char *bytes;
        int error_class;
    } cases[] = {
        {"", RH_UNAVAILABLE},
        {"SSH-2.0-OpenSSH\r\n", RH_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", RH_UNAVAILABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", RH_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", RH_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", RH_UNAVAILABLE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
         RH_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", RH_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
         RH_UNAVAILABLE},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", RH_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", RH_PROTOCOL},
        {"HTTP/1.1 200 OK\r\n: no name\r\n\r\n", RH_PROTOCOL},
        {"HTTP/1.1 999999 OK\r\n\r\n", RH_PROTOCOL},
        {"HTTP/3.7 200 OK\r\n\r\n", RH_PROTOCOL},
    };

    open_client(options_for(plain_url));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = get(raw(cases[i].bytes));

        ck_assert_msg(rc == cases[i].error_class, "%s gives %s: %s", cases[i].bytes,
                      rh_error_class_name(rc), error.message);
    }
    GOOD(get("/echo"));
}
END_TEST

START_TEST(takes_odd_answers)
{
    open_client(options_for(plain_url));
    GOOD(get(raw("HTTP/1.0 200\r\n\r\nto the end")));
    ck_assert(rh_text_is(body, "to the end"));
    ck_assert_uint_eq(answer.content_length, RH_HTTP_UNKNOWN_LENGTH);
    GOOD(get(raw("HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                 "A: b\r\n c\r\n\r\nok")));
    ck_assert_uint_eq(answer.n_headers, 2);
    ck_assert(rh_text_is(answer.headers[1].value, "b c"));
    GOOD(get(
        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: x\r\n\r\n")));
    ck_assert(rh_text_is(body, "ok"));
    ck_assert_uint_eq(answer.n_headers, 1);
    GOOD(get(raw("HTTP/1.1 204 None\r\nContent-Encoding: gzip\r\n\r\n")));
}
END_TEST

START_TEST(bounds_the_head)
{
    struct rh_http_options options = options_for(plain_url);
    struct rh_buf head;

    rh_buf_init(&head, 1u << 20);
    rh_buf_add_str(&head, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100; i++)
        rh_buf_addf(&head, "Header-%d: value\r\n", i);
    rh_buf_add_str(&head, "Content-Length: 0\r\n\r\n");
    rh_buf_add_char(&head, 0);
    open_client(options);
    GOOD(get(raw(head.data)));
    ck_assert_uint_eq(answer.n_headers, 101);
    options.max_header_bytes = 1000;
    open_client(options);
    BAD(get(raw(head.data)), RH_RESOURCE);
    rh_buf_free(&head);
}
END_TEST

START_TEST(refuses_malformed_requests)
{
    static const struct rh_http_header bad[] = {
        {RH_TEXT_INIT("A"), RH_TEXT_INIT("b\r\nC: d")},
        {RH_TEXT_INIT("A\r\nB"), RH_TEXT_INIT("c")},
        {RH_TEXT_INIT("A b"), RH_TEXT_INIT("c")},
        {RH_TEXT_INIT(""), RH_TEXT_INIT("c")},
        {RH_TEXT_INIT("Host"), RH_TEXT_INIT("other")},
        {RH_TEXT_INIT("A"), RH_TEXT_INIT("b\0c")},
        {RH_TEXT_INIT("Transfer-Encoding"), RH_TEXT_INIT("chunked")},
        {RH_TEXT_INIT("proxy-authorization"), RH_TEXT_INIT("x")},
        {RH_TEXT_INIT("content-length"), RH_TEXT_INIT("x")},
    };
    struct rh_http_request request;

    reset(plain_url);
    open_client(options_for(plain_url));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request = request_for("GET", "/echo");
        request.headers = &bad[i];
        request.n_headers = 1;
        BAD(run(&request), RH_INVALID);
    }
    request = request_for("GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET", "/echo");
    BAD(run(&request), RH_INVALID);
    request = request_for("", "/echo");
    BAD(run(&request), RH_INVALID);
    BAD(get("/echo\r\nX: y"), RH_INVALID);
    BAD(get("/echo x"), RH_INVALID);
    BAD(get("http://user:secret@localhost/"), RH_INVALID);
    ck_assert_ptr_null(strstr(error.message, "secret"));
    BAD(get("http://"), RH_INVALID);
    ck_assert_uint_eq(log_of(plain_url)->n, 0);
}
END_TEST

START_TEST(refuses_impossible_options)
{
    static const char *const urls[] = {"",           "localhost",     "ftp://a",   "file:///x",
                                       "http://a?x", "http://u:p@a/", "http://a b"};
    struct rh_http_options options;

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        options = options_for(urls[i]);
        error = (struct rh_error)RH_ERROR_INIT;
        BAD(http->client_new(rh_host_services(), &options, &client, &error), RH_CONFIG);
    }
    for (uint32_t auth = RH_HTTP_AUTH_BEARER; auth < 12; auth++) {
        options = options_for(plain_url);
        options.auth = auth;
        error = (struct rh_error)RH_ERROR_INIT;
        BAD(http->client_new(rh_host_services(), &options, &client, &error), RH_CONFIG);
    }
    options = options_for(plain_url);
    options.proxy = RH_TEXT("ftp://a/");
    error = (struct rh_error)RH_ERROR_INIT;
    BAD(http->client_new(rh_host_services(), &options, &client, &error), RH_CONFIG);
    ck_assert_ptr_null(client);
}
END_TEST

/* ---- Redirects and addresses --------------------------------------------------------------- */

static const char *redirect_to(int status, int n, const char *to)
{
    return rh_arena_printf(arena, "/redirect/%d/%d?to=%s", status, n, to);
}

START_TEST(follows_redirects)
{
    struct rh_http_options options = options_for(plain_url);
    const struct rh_json *echo;

    options.max_redirects = 3;
    options.auth = RH_HTTP_AUTH_BASIC;
    options.user = RH_TEXT("me");
    options.secret = RH_TEXT("s3cret");
    open_client(options);
    GOOD(get(redirect_to(302, 3, "/echo?a=1")));
    ck_assert_str_eq(string(parse(), "target"), "/echo?a=1");
    ck_assert_str_eq(header(parse(), "authorization"), "Basic bWU6czNjcmV0");
    ck_assert(rh_text_ends(answer.url, "/echo?a=1"));
    BAD(get(redirect_to(302, 4, "/echo")), RH_PROTOCOL);
    BAD(get(redirect_to(302, 1000000, "/echo")), RH_PROTOCOL);
    BAD(get(redirect_to(302, 1, "ftp://localhost/")), RH_PROTOCOL);
    for (int status = 301; status <= 308; status++) {
        if (status > 303 && status < 307)
            continue;
        GOOD(post(redirect_to(status, 2, "/echo"), "body", 0));
        echo = parse();
        ck_assert_str_eq(string(echo, "method"), status < 307 ? "GET" : "POST");
        ck_assert_str_eq(string(echo, "body"), status < 307 ? "" : "body");
    }
    options.max_redirects = 0;
    open_client(options);
    GOOD(get(redirect_to(302, 1, "/echo")));
    ck_assert_uint_eq(answer.status, 302);
}
END_TEST

/* "localhost" is another origin than 127.0.0.1, and no configured host. */
START_TEST(goes_to_no_private_address_by_redirect)
{
    const char *far = rh_arena_printf(arena, "http://localhost%s/echo", strrchr(plain_url, ':'));
    struct rh_http_options options = options_for(plain_url);

    reset(plain_url);
    options.max_redirects = 3;
    open_client(options);
    BAD(get(redirect_to(302, 1, far)), RH_PERMISSION);
    ck_assert_str_eq(error.code, "egress-forbidden");
    BAD(get(redirect_to(307, 1, "http://169.254.169.254/latest/meta-data")), RH_PERMISSION);
    BAD(get(redirect_to(302, 1, "http://[::ffff:127.0.0.1]:1/")), RH_PERMISSION);
    BAD(get(redirect_to(302, 1, "http://2130706433:1/")), RH_PERMISSION);
    BAD(get(redirect_to(302, 1, "http://10.0.0.1/")), RH_PERMISSION);
    BAD(get(far), RH_PERMISSION);
    BAD(get("http://169.254.169.254/"), RH_PERMISSION);
    ck_assert_uint_eq(log_of(plain_url)->n, 5);
    options.base_url = RH_TEXT("http://169.254.169.254/");
    open_client(options);
    BAD(get("/"), RH_PERMISSION);
}
END_TEST

START_TEST(takes_no_credentials_to_another_origin)
{
    static const char *const hosts[] = {"localhost", "127.0.0.0/8"};
    struct rh_http_config config = {.hosts = hosts, .n_hosts = 2, .user_agent = "tester"};
    const char *far = rh_arena_printf(arena, "http://localhost%s/echo", strrchr(plain_url, ':'));
    struct rh_http_header own = {RH_TEXT("X-Key"), RH_TEXT("s3cret")};
    struct rh_http_header headers[] = {{RH_TEXT("X-Mine"), RH_TEXT("s3cret")},
                                       {RH_TEXT("Accept"), RH_TEXT("text/x")}};
    struct rh_http_request request = request_for("GET", redirect_to(302, 1, far));
    struct rh_http_options options = options_for(plain_url);
    const struct rh_json *echo;

    ck_assert_int_eq(rh_http_configure(&config, &error), RH_OK);
    options.auth = RH_HTTP_AUTH_BEARER;
    options.secret = RH_TEXT("s3cret");
    options.headers = &own;
    options.n_headers = 1;
    options.max_redirects = 3;
    open_client(options);
    request.headers = headers;
    request.n_headers = 2;
    GOOD(run(&request));
    echo = parse();
    ck_assert(strncmp(header(echo, "host"), "localhost:", 10) == 0);
    ck_assert_str_eq(header(echo, "authorization"), "(none)");
    ck_assert_str_eq(header(echo, "x-key"), "(none)");
    ck_assert_str_eq(header(echo, "x-mine"), "(none)");
    ck_assert_str_eq(header(echo, "accept"), "text/x");
    ck_assert_str_eq(header(echo, "user-agent"), "tester");
    GOOD(get(far));
    ck_assert_str_eq(header(parse(), "authorization"), "(none)");
    ck_assert_str_eq(header(parse(), "x-key"), "(none)");
    GOOD(post(redirect_to(307, 1, far), "body", 0));
    ck_assert_uint_eq(answer.status, 307);
    GOOD(post(redirect_to(303, 1, far), "body", 0));
    ck_assert_str_eq(header(parse(), "authorization"), "(none)");
    ck_assert_int_eq(rh_http_configure(NULL, &error), RH_OK);
}
END_TEST

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

static uint32_t n_requests(void)
{
    return log_of(plain_url)->n;
}

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

/* ---- Credentials --------------------------------------------------------------------------- */

START_TEST(authenticates)
{
    struct rh_http_options options = options_for(plain_url);

    options.user = RH_TEXT("X-Api-Key");
    options.secret = RH_TEXT("s3cret&");
    options.auth = RH_HTTP_AUTH_HEADER;
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_str_eq(header(parse(), "x-api-key"), "s3cret&");
    options.auth = RH_HTTP_AUTH_QUERY;
    open_client(options);
    GOOD(get("/echo?a=b"));
    ck_assert_str_eq(string(parse(), "target"), "/echo?a=b&X-Api-Key=s3cret%26");
    ck_assert_ptr_null(strstr(answer.url.data, "s3cret"));
    options.auth = RH_HTTP_AUTH_BEARER;
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_str_eq(header(parse(), "authorization"), "Bearer s3cret&");
    options.auth = RH_HTTP_AUTH_SIGV4;
    options.region = RH_TEXT("eu-west-1");
    options.service = RH_TEXT("s3");
    options.token = RH_TEXT("session");
    open_client(options);
    GOOD(post("/echo?b=1&a=2", "body", 0));
    ck_assert_ptr_nonnull(strstr(header(parse(), "authorization"),
                                 "/eu-west-1/s3/aws4_request, SignedHeaders=host;"
                                 "x-amz-content-sha256;x-amz-date;x-amz-security-token, "));
    ck_assert_str_eq(header(parse(), "x-amz-content-sha256"),
                     "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5");
    ck_assert_str_eq(header(parse(), "x-amz-security-token"), "session");
}
END_TEST

static struct rh_http_options oauth(uint32_t auth, const char *token_path)
{
    struct rh_http_options options = options_for(plain_url);

    options.auth = auth;
    options.user = RH_TEXT("me:myself");
    options.secret = RH_TEXT("s3cret");
    options.scope = RH_TEXT("a b");
    options.token_url = rh_text_of(rh_arena_printf(arena, "%s%s", plain_url, token_path));
    return options;
}

START_TEST(fetches_access_tokens)
{
    const struct rh_json *log;
    struct rh_buf shown;

    reset(plain_url);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token"));
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    GOOD(get("/private")); /* refuses the token the third time, hence a new one */
    ck_assert_uint_eq(answer.status, 200);
    log = log_of(plain_url);
    ck_assert_uint_eq(log->n, 6); /* two for tokens, four for answers */
    ck_assert_str_eq(string(log->child, "body"), "grant_type=client_credentials&scope=a%20b");
    rh_buf_init(&shown, 100);
    rh_redact_text(RH_TEXT("token-2 s3cret"), &shown);
    ck_assert(rh_text_is(rh_buf_text(&shown), "******** ********"));
    rh_buf_free(&shown);
    reset(plain_url);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token?mode=body"));
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    ck_assert_uint_eq(n_requests(), 3);
}
END_TEST

START_TEST(refreshes_access_tokens)
{
    struct rh_http_options options =
        oauth(RH_HTTP_AUTH_OAUTH2_REFRESH, "/token?mode=rotate&life=3600");
    const struct rh_json *log;

    reset(plain_url);
    options.token = RH_TEXT("refresh-0");
    open_client(options);
    for (int i = 0; i < 3; i++) {
        GOOD(get("/private"));
        ck_assert_uint_eq(answer.status, 200);
    }
    log = log_of(plain_url);
    ck_assert_uint_eq(log->n, 6);
    ck_assert_str_eq(string(log->child, "body"),
                     "grant_type=refresh_token&refresh_token=refresh-0&scope=a%20b");
    ck_assert_str_eq(string(log->child->next->next->next->next, "body"),
                     "grant_type=refresh_token&refresh_token=refresh-1&scope=a%20b");
}
END_TEST

START_TEST(fetches_tokens_with_an_assertion)
{
    struct rh_http_options options = oauth(RH_HTTP_AUTH_OAUTH2_JWT, "/token");
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    const struct rh_json *log;
    char *pem;
    long n;

    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    n = BIO_get_mem_data(bio, &pem);
    reset(plain_url);
    options.secret = rh_text_make(pem, (size_t)n);
    open_client(options);
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    log = log_of(plain_url);
    ck_assert(
        strncmp(string(log->child, "body"),
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey",
                77) == 0);
    ck_assert_str_eq(header(log->child, "authorization"), "(none)");
    BIO_free(bio);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(says_why_there_is_no_token)
{
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token?mode=refuse"));
    BAD(get("/private"), RH_AUTH);
    ck_assert_ptr_nonnull(strstr(error.message, "invalid_grant"));
    ck_assert_ptr_null(strstr(error.message, "s3cret"));
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token?mode=text"));
    BAD(get("/private"), RH_PROTOCOL);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/status/500"));
    BAD(get("/private"), RH_UNAVAILABLE);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/silent"));
    op.deadline_us = rh_clock_us() + SHORT_US;
    BAD(get("/private"), RH_TIMEOUT);
}
END_TEST

#define N_THREADS 8

static void *use_token(void *context)
{
    struct rh_http_request request = request_for("GET", "/echo");
    struct rh_http_answer head = {.struct_size = sizeof(head)};
    struct rh_http_exchange *exchange = NULL;
    struct rh_error mine = RH_ERROR_INIT;
    struct rh_text piece;
    int rc;

    rc = http->send(context, &op, &request, &exchange, &mine);
    if (rc == RH_OK)
        rc = http->answer(exchange, &op, &head, &mine);
    while (rc == RH_OK)
        rc = http->read(exchange, &op, &piece, &mine);
    http->close(exchange);
    return rc == RH_END ? context : NULL;
}

START_TEST(fetches_a_token_once_for_all_threads)
{
    struct rh_http_client *clients[N_THREADS];
    pthread_t threads[N_THREADS];
    struct rh_http_options options;
    uint32_t n_tokens = 0;
    void *result;

    reset(plain_url);
    options = oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token");
    for (int i = 0; i < N_THREADS; i++) { /* two threads to a client */
        clients[i] = NULL;
        if (i % 2 == 0)
            GOOD(http->client_new(rh_host_services(), &options, &clients[i], &error));
    }
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_token, clients[i / 2 * 2]), 0);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], &result);
        ck_assert_ptr_nonnull(result);
    }
    for (const struct rh_json *one = log_of(plain_url)->child; one; one = one->next)
        n_tokens += strncmp(string(one, "target"), "/token", 6) == 0;
    ck_assert_uint_eq(n_tokens, 1);
    for (int i = 0; i < N_THREADS; i++)
        http->client_free(clients[i]);
}
END_TEST

/* ---- TLS and proxies ----------------------------------------------------------------------- */

START_TEST(verifies_certificates)
{
    struct rh_http_options options = options_for(tls_url);
    char other[64];

    open_client(options);
    BAD(get("/echo"), RH_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "certificate"));
    ck_assert_uint_eq(error.retry, RH_RETRY_NEVER);
    options.ca = rh_text_of(ca);
    open_client(options);
    GOOD(get("/echo"));
    snprintf(other, sizeof(other), "https://127.0.0.2%s", strrchr(tls_url, ':'));
    options.base_url = rh_text_of(other); /* the peer does not listen there */
    open_client(options);
    BAD(get("/echo"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    options = options_for(tls_url);
    options.flags = RH_HTTP_CLIENT_INSECURE;
    open_client(options);
    GOOD(get("/body/5000000?encoding=gzip"));
    ck_assert_uint_eq(n_body, 5000000);
    options.ca = RH_TEXT("no certificate");
    options.flags = 0;
    open_client(options);
    BAD(get("/echo"), RH_CONFIG);
    options = options_for(tls_url);
    options.ca = rh_text_of(ca);
    options.max_redirects = 1;
    open_client(options);
    BAD(get(redirect_to(302, 1, plain_url)), RH_PERMISSION);
    ck_assert_ptr_nonnull(strstr(error.message, "https to http"));
}
END_TEST

START_TEST(goes_through_proxies)
{
    struct rh_http_options options = options_for(plain_url);
    const struct rh_json *echo;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_ptr_null(strstr(body.data, "\"proxied\": true"));
    options.proxy = rh_text_of(
        rh_arena_printf(arena, "http://me:pr0xy-secret@%s", plain_url + strlen("http://")));
    open_client(options);
    GOOD(get("/echo"));
    echo = parse();
    ck_assert_int_eq(rh_json_member(echo, "proxied")->kind, RH_JSON_TRUE);
    ck_assert_str_eq(header(echo, "proxy-authorization"), "Basic bWU6cHIweHktc2VjcmV0");
    options.base_url = rh_text_of(tls_url);
    options.ca = rh_text_of(ca);
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_int_eq(rh_json_member(parse(), "proxied")->kind, RH_JSON_FALSE);
    ck_assert_str_eq(header(parse(), "proxy-authorization"), "(none)");
    BAD(get("http://169.254.169.254/"), RH_PERMISSION);
    options.proxy = RH_TEXT("http://me:pr0xy-secret@127.0.0.1:1");
    open_client(options);
    BAD(get("/echo"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    ck_assert_ptr_null(strstr(error.message, "pr0xy-secret"));
}
END_TEST

START_TEST(says_who_cannot_be_reached)
{
    struct rh_http_options options = options_for("http://127.0.0.1:1/db?");

    options.base_url.len--;
    options.auth = RH_HTTP_AUTH_QUERY;
    options.user = RH_TEXT("key");
    options.secret = RH_TEXT("s3cret");
    open_client(options);
    BAD(get("/x?y=z"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    ck_assert_ptr_nonnull(strstr(error.message, "GET http://127.0.0.1:1/db/x: "));
    ck_assert_ptr_null(strstr(error.message, "s3cret"));
    options.base_url = RH_TEXT("http://no-such-host.invalid");
    open_client(options);
    BAD(get("/x"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
}
END_TEST

START_TEST(wants_its_calls_in_order)
{
    struct rh_http_request request = request_for("GET", "/echo");
    struct rh_http_exchange *exchange;
    struct rh_text piece;

    open_client(options_for(plain_url));
    GOOD(http->send(client, &op, &request, &exchange, &error));
    BAD(http->read(exchange, &op, &piece, &error), RH_CONTRACT);
    error = (struct rh_error)RH_ERROR_INIT;
    BAD(http->write(exchange, &op, RH_TEXT("x"), &error), RH_CONTRACT);
    http->close(exchange);
    request.flags = 0x8;
    error = (struct rh_error)RH_ERROR_INIT;
    BAD(http->send(client, &op, &request, &exchange, &error), RH_CONTRACT);
}
END_TEST

/* ---- Without memory ------------------------------------------------------------------------ */

static bool whole_exchange(void *context)
{
    struct rh_http_options options = options_for(plain_url);
    struct rh_http_request request = request_for("GET", "/redirect/302/1?to=/body/100000"
                                                        "%3Fencoding=gzip");
    struct rh_http_answer head = {.struct_size = sizeof(head)};
    struct rh_http_exchange *exchange = NULL;
    struct rh_http_client *mine = NULL;
    struct rh_error failure = RH_ERROR_INIT;
    struct rh_text piece;
    int rc;

    options.auth = RH_HTTP_AUTH_SIGV4;
    options.user = options.region = options.service = RH_TEXT("abcd");
    options.secret = RH_TEXT("s3cret");
    options.max_redirects = 1;
    rc = http->client_new(rh_host_services(), &options, &mine, &failure);
    if (rc == RH_OK)
        rc = http->send(mine, &op, &request, &exchange, &failure);
    if (rc == RH_OK)
        rc = http->answer(exchange, &op, &head, &failure);
    while (rc == RH_OK)
        rc = http->read(exchange, &op, &piece, &failure);
    FAULT_ASSERT(rc == RH_END || (rc == RH_RESOURCE && failure.error_class == RH_RESOURCE));
    http->close(exchange);
    http->client_free(mine);
    return rc == RH_END;
}

START_TEST(survives_without_memory)
{
    ck_assert_uint_gt(fault_torture(whole_exchange, NULL), 30);
}
END_TEST

/* ---- The program --------------------------------------------------------------------------- */

/* Starts a peer; it ends with the pipe that it reads. */
static bool start_peer(const char *scheme, const char *folder, char url[64])
{
    static const char python[] = "/usr/bin/python3", peer[] = RH_TESTS "/lib/peer.py";
    int in[2], out[2];
    char line[32];
    FILE *file_out;

    if (pipe(in) || pipe(out))
        return false;
    if (fork() == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int fd = 3; fd < 32; fd++)
            close(fd);
        execl(python, python, peer, folder ? "--tls" : NULL, folder, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    file_out = fdopen(out[0], "r");
    if (!file_out || !fgets(line, sizeof(line), file_out))
        return false;
    line[strcspn(line, "\n")] = 0;
    snprintf(url, 64, "%s://127.0.0.1:%s", scheme, line);
    return true;
}

static bool read_ca(const char *folder)
{
    char path[256];
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), "%s/cert.pem", folder);
    file = fopen(path, "r");
    if (!file)
        return false;
    n = fread(ca, 1, sizeof(ca) - 1, file);
    fclose(file);
    ca[n] = 0;
    unlink(path);
    snprintf(path, sizeof(path), "%s/key.pem", folder);
    unlink(path);
    return n > 0;
}

int main(void)
{
    const TTest *const tests[] = {sends_and_reads,
                                  keeps_the_connection,
                                  has_several_exchanges_at_once,
                                  streams_a_body,
                                  decodes_bodies,
                                  bounds_memory,
                                  refuses_malformed_answers,
                                  takes_odd_answers,
                                  bounds_the_head,
                                  refuses_malformed_requests,
                                  refuses_impossible_options,
                                  follows_redirects,
                                  goes_to_no_private_address_by_redirect,
                                  takes_no_credentials_to_another_origin,
                                  ends_at_the_deadline,
                                  ends_when_cancelled,
                                  repeats_what_is_safe,
                                  never_sends_a_write_twice,
                                  obeys_retry_after,
                                  limits_its_rate,
                                  authenticates,
                                  fetches_access_tokens,
                                  refreshes_access_tokens,
                                  fetches_tokens_with_an_assertion,
                                  says_why_there_is_no_token,
                                  fetches_a_token_once_for_all_threads,
                                  verifies_certificates,
                                  goes_through_proxies,
                                  says_who_cannot_be_reached,
                                  wants_its_calls_in_order,
                                  survives_without_memory};
    char folder[] = "/tmp/rowhouse-peer.XXXXXX";
    Suite *suite = suite_create("http_client");
    TCase *tcase = tcase_create("http_client");
    SRunner *runner;
    int failed;

    if (!mkdtemp(folder) || !start_peer("http", NULL, plain_url) ||
        !start_peer("https", folder, tls_url) || !read_ca(folder))
        return 77;
    rmdir(folder);
    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
