/*
 * The kit's HTTP: URLs, what a status means, answers in any pieces. The host's service is stood in
 * for by a script here; tests/conformance and the connectors use the real one.
 */
#include "connector/http.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/tests.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* ---- A service that plays one answer ------------------------------------------------------- */

struct rh_http_exchange {
    const char *body;
    size_t at;
};

static struct {
    const char *body;
    uint32_t status;
    size_t piece; /* bytes per read */
    int fails_at; /* the call that fails: 1 send, 2 answer, 3 the second read */
    int n_open;
    int n_reads;
} script;

static int32_t play_send(struct rh_http_client *client, const struct rh_op *op,
                         const struct rh_http_request *request,
                         struct rh_http_exchange **ret_exchange, struct rh_error *error)
{
    static struct rh_http_exchange exchange;
    if (script.fails_at == 1)
        return rh_fail(error, RH_UNAVAILABLE, "refused");
    exchange = (struct rh_http_exchange){.body = script.body};
    *ret_exchange = &exchange;
    script.n_open++;
    script.n_reads = 0;
    return RH_OK;
}

static int32_t play_answer(struct rh_http_exchange *exchange, const struct rh_op *op,
                           struct rh_http_answer *ret_answer, struct rh_error *error)
{
    if (script.fails_at == 2)
        return rh_fail(error, RH_TIMEOUT, "the deadline passed");
    ret_answer->status = script.status;
    ret_answer->retry_after_ms = 1500;
    return RH_OK;
}

static int32_t play_read(struct rh_http_exchange *exchange, const struct rh_op *op,
                         struct rh_text *ret_piece, struct rh_error *error)
{
    size_t left = strlen(exchange->body) - exchange->at;
    if (++script.n_reads == 2 && script.fails_at == 3)
        return rh_fail(error, RH_UNAVAILABLE, "reset");
    if (!left)
        return RH_END;
    if (left > script.piece)
        left = script.piece;
    *ret_piece = rh_text_make(exchange->body + exchange->at, left);
    exchange->at += left;
    return RH_OK;
}

static void play_close(struct rh_http_exchange *exchange)
{
    script.n_open--;
}

static const struct rh_http http = {
    .struct_size = sizeof(http),
    .send = play_send,
    .answer = play_answer,
    .read = play_read,
    .close = play_close,
};
static const struct rh_op op = {.struct_size = sizeof(op), .cancel_fd = -1};
static const struct rh_http_request request = {.struct_size = sizeof(request)};

/* ---- URLs ---------------------------------------------------------------------------------- */

START_TEST(urls_are_encoded)
{
    struct rh_buf url;
    rh_buf_init(&url, 200);
    rh_http_add_segment(&url, RH_TEXT("a/b ?#%"));
    rh_http_add_segment(&url, RH_TEXT(".."));
    rh_http_add_segment(&url, RH_TEXT("_find.x~-"));
    rh_http_add_segment(&url, RH_TEXT("é"));
    rh_http_add_segment(&url, rh_text_make("\0", 1));
    rh_http_add_parameter(&url, RH_TEXT("q"), RH_TEXT("a&b=c+\""));
    rh_http_add_parameter(&url, RH_TEXT("n"), RH_TEXT(""));
    ck_assert(rh_text_is(rh_buf_text(&url),
                         "/a%2Fb%20%3F%23%25/%2E%2E/_find.x~-/%C3%A9/%00?q=a%26b%3Dc%2B%22&n="));
    rh_buf_free(&url);
}
END_TEST

/* ---- Errors -------------------------------------------------------------------------------- */

START_TEST(a_status_is_a_class)
{
    static const struct {
        uint32_t status;
        int error_class;
    } wanted[] = {
        {200, RH_OK},         {204, RH_OK},          {299, RH_OK},          {304, RH_OK},
        {100, RH_PROTOCOL},   {301, RH_PROTOCOL},    {400, RH_INVALID},     {401, RH_AUTH},
        {403, RH_PERMISSION}, {404, RH_NOT_FOUND},   {409, RH_CONFLICT},    {412, RH_CONFLICT},
        {413, RH_RESOURCE},   {422, RH_INVALID},     {423, RH_BUSY},        {429, RH_RATE_LIMITED},
        {499, RH_INVALID},    {500, RH_UNAVAILABLE}, {501, RH_UNSUPPORTED}, {503, RH_UNAVAILABLE},
        {504, RH_TIMEOUT},    {599, RH_UNAVAILABLE}, {600, RH_PROTOCOL},    {0, RH_PROTOCOL}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        ck_assert_int_eq(rh_http_class(wanted[i].status), wanted[i].error_class);
}
END_TEST

static const char *told(uint32_t status, struct rh_text body)
{
    static struct rh_error error;
    error = (struct rh_error)RH_ERROR_INIT;
    ck_assert_int_lt(rh_http_fail(&error, status, body, "cannot read \"%s\"", "x"), 0);
    ck_assert_int_eq(error.native_code, status);
    ck_assert(rh_text_is_utf8(rh_text_of(error.message)));
    return error.message;
}

START_TEST(a_message_says_what_the_body_says)
{
    static const char *const bodies[][2] = {
        {"", "cannot read \"x\" (HTTP 404)"},
        {"{\"error\":\"not_found\",\"reason\":\"missing\"}",
         "cannot read \"x\": missing (HTTP 404)"},
        {"{\"error\":{\"code\":7,\"message\":\"no\"}}", "cannot read \"x\": no (HTTP 404)"},
        {"{\"error\":{\"type\":\"t\",\"reason\":\"why\"}}", "cannot read \"x\": why (HTTP 404)"},
        {"{\"message\":\"a\\nb\"}", "cannot read \"x\": a (HTTP 404)"},
        {"{\"a\":1}", "cannot read \"x\" (HTTP 404)"},
        {"{\"message\":", "cannot read \"x\" (HTTP 404)"},
        {"<html><body>no", "cannot read \"x\" (HTTP 404)"},
        {" plain \x01\xff text\r\nmore", "cannot read \"x\": plain ?? text (HTTP 404)"},
    };
    char large[4000];
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        ck_assert_str_eq(told(404, rh_text_of(bodies[i][0])), bodies[i][1]);
    for (size_t i = 0; i < sizeof(large); i += 2)
        memcpy(large + i, "é", 2);
    ck_assert_ptr_nonnull(strstr(told(500, rh_text_make(large, sizeof(large))), "é… (HTTP 500)"));
    ck_assert_ptr_nonnull(strstr(told(200, RH_TEXT("?")), "(HTTP 200)"));
}
END_TEST

START_TEST(the_first_error_wins)
{
    struct rh_error error = RH_ERROR_INIT;
    rh_fail(&error, RH_DATA, "before");
    ck_assert_int_eq(rh_http_fail(&error, 404, RH_TEXT(""), "after"), RH_DATA);
    ck_assert_str_eq(error.message, "before");
    ck_assert_int_eq(error.native_code, 0);
    ck_assert_int_eq(rh_http_fail(NULL, 404, RH_TEXT(""), "after"), RH_NOT_FOUND);
}
END_TEST

START_TEST(retrying_is_advised_by_status)
{
    static const uint32_t wanted[][2] = {{404, RH_RETRY_NEVER},
                                         {409, RH_RETRY_NEVER},
                                         {429, RH_RETRY_SAFE},
                                         {503, RH_RETRY_IF_IDEMPOTENT}};
    for (size_t i = 0; i < 4; i++) {
        struct rh_error error = RH_ERROR_INIT;
        rh_http_fail(&error, wanted[i][0], RH_TEXT(""), "x");
        ck_assert_uint_eq(error.retry, wanted[i][1]);
    }
}
END_TEST

/* ---- Answers ------------------------------------------------------------------------------- */

START_TEST(headers_are_found)
{
    const struct rh_http_header headers[] = {{RH_TEXT_INIT("etag"), RH_TEXT_INIT("\"1\"")},
                                             {RH_TEXT_INIT("link"), RH_TEXT_INIT("<x>")}};
    const struct rh_http_answer answer = {.headers = headers, .n_headers = 2};
    ck_assert(rh_text_is(rh_http_header_of(&answer, "link"), "<x>"));
    ck_assert_ptr_null(rh_http_header_of(&answer, "lin").data);
}
END_TEST

START_TEST(whole_answers_have_a_ceiling)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf body;
    uint32_t status = 0;
    rh_buf_init(&body, 10);
    script.body = "0123456789";
    script.status = 404;
    for (script.piece = 1; script.piece < 12; script.piece++) {
        ck_assert_int_eq(rh_http_fetch(&http, NULL, &op, &request, &body, &status, &error), RH_OK);
        ck_assert(rh_text_is(rh_buf_text(&body), "0123456789"));
        ck_assert_uint_eq(status, 404);
    }
    script.body = "0123456789x";
    ck_assert_int_eq(rh_http_fetch(&http, NULL, &op, &request, &body, &status, &error),
                     RH_RESOURCE);
    script.body = "0123456789";
    script.piece = 4;
    for (script.fails_at = 1; script.fails_at <= 3; script.fails_at++) {
        rh_error_clear(&error);
        ck_assert_int_lt(rh_http_fetch(&http, NULL, &op, &request, &body, &status, &error), 0);
    }
    ck_assert_int_eq(script.n_open, 0);
    rh_buf_free(&body);
}
END_TEST

START_TEST(an_answer_that_makes_no_sense_leaves_a_write_in_doubt)
{
    struct rh_arena *arena = rh_arena_new(4096);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_json *answer = NULL;
    struct rh_buf body;
    uint32_t status;
    rh_buf_init(&body, 10);
    ck_assert_int_eq(rh_http_as_unknown(RH_OK, "it was", &error), RH_OK);
    rh_fail(&error, RH_UNAVAILABLE, "refused");
    ck_assert_int_eq(rh_http_as_unknown(RH_UNAVAILABLE, "it was", &error), RH_UNAVAILABLE);
    rh_error_clear(&error);
    script.body = "0123456789x";
    script.piece = 4;
    script.fails_at = 0;
    int rc = rh_http_fetch(&http, NULL, &op, &request, &body, &status, &error);
    ck_assert_int_eq(rc, RH_RESOURCE);
    ck_assert_int_eq(rh_http_as_unknown(rc, "it was", &error), RH_UNKNOWN_OUTCOME);
    ck_assert_ptr_nonnull(strstr(error.message, "whether it was written is not known: "));
    rh_error_clear(&error);
    rh_buf_clear(&body);
    rh_buf_add_str(&body, "{\"a\":");
    rc = rh_http_parse(arena, &body, "cannot write", &answer, &error);
    ck_assert_int_eq(rc, RH_PROTOCOL);
    ck_assert_str_eq(error.message, "cannot write: the server's answer is not JSON");
    ck_assert_int_eq(rh_http_as_unknown(rc, "it was", &error), RH_UNKNOWN_OUTCOME);
    ck_assert_int_eq(rh_http_parse(arena, &body, "x", &answer, NULL), RH_PROTOCOL);
    rh_buf_add_str(&body, "1}");
    ck_assert_int_eq(rh_http_parse(arena, &body, "cannot write", &answer, NULL), RH_OK);
    rh_buf_clear(&body); /* the answer's text is its own */
    rh_buf_add_str(&body, "........");
    ck_assert(rh_text_is(rh_json_member(answer, "a")->text, "1"));
    rh_buf_free(&body);
    rh_arena_free(arena);
}
END_TEST

/* Opens and reads all; returns what ended it. */
static int read_all(const char *path, uint32_t *ret_n, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(100000);
    struct rh_http_documents documents;
    struct rh_json *document;
    *ret_n = 0;
    int rc = rh_http_documents_open(&documents, &http, NULL, &op, &request, path, 1000,
                                    "cannot list things", error);
    while (rc == RH_OK &&
           (rc = rh_http_documents_next(&documents, &op, arena, &document, error)) == RH_OK)
        ++*ret_n;
    rh_http_documents_close(&documents);
    rh_http_documents_close(&documents);
    rh_arena_free(arena);
    return rc;
}

START_TEST(documents_come_one_by_one)
{
    struct rh_error error = RH_ERROR_INIT;
    uint32_t n;
    script.status = 200;
    script.fails_at = 0;
    script.body = "{\"items\":[{\"a\":1},{\"a\":2},{\"a\":3}],\"next\":null}";
    for (script.piece = 1; script.piece < 60; script.piece++) {
        ck_assert_int_eq(read_all("items", &n, &error), RH_END);
        ck_assert_uint_eq(n, 3);
    }
    script.piece = 20;
    script.fails_at = 3;
    ck_assert_int_eq(read_all("items", &n, &error), RH_UNAVAILABLE);
    rh_error_clear(&error);
    script.fails_at = 0;
    script.body = "{\"items\":[{\"a\":1}";
    ck_assert_int_eq(read_all("items", &n, &error), RH_PROTOCOL);
    rh_error_clear(&error);
    script.status = 429;
    script.body = "{\"message\":\"slow down\"}";
    ck_assert_int_eq(read_all("items", &n, &error), RH_RATE_LIMITED);
    ck_assert_str_eq(error.message, "cannot list things: slow down (HTTP 429)");
    ck_assert_uint_eq(error.retry_after_ms, 1500);
    ck_assert_int_eq(script.n_open, 0);
}
END_TEST

TESTS_MAIN("kit_http", urls_are_encoded, a_status_is_a_class, a_message_says_what_the_body_says,
           the_first_error_wins, retrying_is_advised_by_status, headers_are_found,
           whole_answers_have_a_ceiling, an_answer_that_makes_no_sense_leaves_a_write_in_doubt,
           documents_come_one_by_one)
