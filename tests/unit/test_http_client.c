/* core/host/http: requests, their answers, and what is refused in either. */
#include "http_fixture.h"

#include "lib/fault.h"

#include <sys/resource.h>

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

HTTP_TESTS("http_client", sends_and_reads, keeps_the_connection, has_several_exchanges_at_once,
           streams_a_body, decodes_bodies, bounds_memory, refuses_malformed_answers,
           takes_odd_answers, bounds_the_head, refuses_malformed_requests,
           refuses_impossible_options, wants_its_calls_in_order, survives_without_memory)
