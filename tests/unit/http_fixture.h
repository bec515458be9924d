/*
 * What the tests of core/host/http share: peers over real sockets (tests/lib/peer.py) that
 * misbehave on demand, a client, a request and its answer. One peer speaks HTTP, another TLS; both
 * live as long as the program.
 */
#pragma once

#include "host/http/http.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "host/library.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_US 500000000 /* a safety net: 400 MB come through on a machine that is busy, too */
#define SHORT_US 300000

static const struct rh_http *http = &rh_http_service;
static char plain_url[64], tls_url[64], ca[8192];
static struct rh_arena *arena;
static struct rh_http_client *client;
static struct rh_error error;
static struct rh_op op;

/* ---- Doing a request ----------------------------------------------------------------------- */

static inline void set_up(void)
{
    arena = rh_arena_new(16u << 20);
    error = (struct rh_error)RH_ERROR_INIT;
    op = (struct rh_op){.struct_size = sizeof(op),
                        .deadline_us = rh_clock_us() + LONG_US,
                        .cancel_fd = -1,
                        .arena = arena};
}

static inline void tear_down(void)
{
    http->client_free(client);
    client = NULL;
    rh_arena_free(arena);
}

static inline struct rh_http_options options_for(const char *url)
{
    return (struct rh_http_options){.struct_size = sizeof(struct rh_http_options),
                                    .base_url = rh_text_of(url)};
}

static inline void open_client(struct rh_http_options options)
{
    http->client_free(client);
    client = NULL;
    ck_assert_msg(http->client_new(rh_host_services(), &options, &client, &error) == RH_OK, "%s",
                  error.message);
}

static inline struct rh_http_request request_for(const char *method, const char *url)
{
    return (struct rh_http_request){.struct_size = sizeof(struct rh_http_request),
                                    .method = rh_text_of(method),
                                    .url = rh_text_of(url)};
}

/* What came back. */
static struct rh_http_answer answer;
static struct rh_text body;
static uint64_t n_body; /* all of it; `body` keeps the beginning */

static inline int read_body(struct rh_http_exchange *exchange)
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

static inline int run(const struct rh_http_request *request)
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

static inline int get(const char *url)
{
    struct rh_http_request request = request_for("GET", url);

    return run(&request);
}

static inline int post(const char *url, const char *text, uint32_t flags)
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

static inline const struct rh_json *parse(void)
{
    struct rh_json *json = NULL;

    ck_assert_msg(rh_json_parse(arena, body, &json, &error) == RH_OK, "%s", error.message);
    return json;
}

static inline const char *string(const struct rh_json *json, const char *name)
{
    const struct rh_json *member = rh_json_member(json, name);

    return member ? rh_arena_dup(arena, member->text.data, member->text.len) : "(none)";
}

static inline const char *header(const struct rh_json *request, const char *name)
{
    return string(rh_json_member(request, "headers"), name);
}

/* Percent-encodes the bytes of an answer for /raw. */
static inline const char *raw(const char *bytes)
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
static inline const struct rh_json *log_of(const char *url)
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

static inline void reset(const char *url)
{
    open_client(options_for(url));
    GOOD(get("/reset"));
    http->client_free(client);
    client = NULL;
}

static inline uint32_t n_requests(void)
{
    return log_of(plain_url)->n;
}

/* ---- The program --------------------------------------------------------------------------- */

/* Starts a peer; it ends with the pipe that it reads. */
static inline bool start_peer(const char *peer, const char *scheme, const char *folder,
                              char url[64])
{
    static const char python[] = "/usr/bin/python3";
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

static inline bool read_ca(const char *folder)
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

static inline int run_tests(const char *name, const char *peer, const TTest *const *tests, size_t n)
{
    char folder[] = "/tmp/rowhouse-peer.XXXXXX";

    if (!mkdtemp(folder) || !start_peer(peer, "http", NULL, plain_url) ||
        !start_peer(peer, "https", folder, tls_url) || !read_ca(folder))
        return 77;
    rmdir(folder);
    return tests_run_with(name, set_up, tear_down, tests, n);
}

#define HTTP_TESTS(name, ...)                                                                      \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return run_tests(name, RH_TESTS "/lib/peer.py", tests, sizeof(tests) / sizeof(tests[0]));  \
    }
