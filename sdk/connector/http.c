/*
 * HTTP for connectors. Nothing here retries or waits by itself: the host's service does, within the
 * op's deadline.
 *
 * An answer's body is outside data that ends up in a message for users, so of it only a bounded
 * first part is looked at, and only printable text is taken.
 */
#include "connector/http.h"

#include "base/err.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SAID_MAX 300u                      /* bytes of a body that go into a message */
#define PROBLEM_MAX ((size_t)64 << 10)     /* bytes of a body that are looked at for it */
#define PROBLEM_TREE_MAX ((size_t)8 << 20) /* the same, parsed */

/* ---- URLs ---------------------------------------------------------------------------------- */

static void add_encoded(struct rh_buf *url, struct rh_text text)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (uint64_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c && strchr(plain, c)) {
            rh_buf_add_char(url, (char)c);
            continue;
        }
        const char triple[] = {'%', hex[c >> 4], hex[c & 15]};
        rh_buf_add(url, triple, sizeof(triple));
    }
}

void rh_http_add_segment(struct rh_buf *url, struct rh_text segment)
{
    rh_buf_add_char(url, '/');
    if (rh_text_is(segment, "."))
        rh_buf_add_str(url, "%2E");
    else if (rh_text_is(segment, ".."))
        rh_buf_add_str(url, "%2E%2E");
    else
        add_encoded(url, segment);
}

void rh_http_add_parameter(struct rh_buf *url, struct rh_text name, struct rh_text value)
{
    bool is_first = !url->len || !memchr(url->data, '?', url->len);
    rh_buf_add_char(url, is_first ? '?' : '&');
    add_encoded(url, name);
    rh_buf_add_char(url, '=');
    add_encoded(url, value);
}

/* ---- What a status means ------------------------------------------------------------------- */

int rh_http_class(uint32_t status)
{
    if ((status >= 200 && status < 300) || status == 304)
        return RH_OK;
    switch (status) {
    case 401:
        return RH_AUTH;
    case 403:
    case 407:
        return RH_PERMISSION;
    case 404:
    case 410:
        return RH_NOT_FOUND;
    case 408:
    case 504:
        return RH_TIMEOUT;
    case 409:
    case 412:
        return RH_CONFLICT;
    case 413:
    case 414:
    case 507:
        return RH_RESOURCE;
    case 423:
        return RH_BUSY;
    case 429:
        return RH_RATE_LIMITED;
    case 501:
        return RH_UNSUPPORTED;
    default:
        if (status >= 400 && status < 500)
            return RH_INVALID;
        return status >= 500 && status < 600 ? RH_UNAVAILABLE : RH_PROTOCOL;
    }
}

/* A server that turns a request away has not looked at it; one that fails may have done it. */
static uint32_t retry_of(uint32_t status)
{
    if (status == 423 || status == 429)
        return RH_RETRY_SAFE;
    return status == 408 || status >= 500 ? RH_RETRY_IF_IDEMPOTENT : RH_RETRY_NEVER;
}

/* The text that tells, of a problem document; no text when there is none. */
static struct rh_text said_by(const struct rh_json *document)
{
    static const char *const names[] = {"message", "error_description", "reason", "detail",
                                        "error"};
    const struct rh_json *inner = rh_json_member(document, "error");
    struct rh_text said = {NULL, 0};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !said.len; i++) {
        const struct rh_json *member = rh_json_member(document, names[i]);
        if (member && member->kind == RH_JSON_STRING)
            said = member->text;
    }
    if (!said.len && inner && inner->kind == RH_JSON_OBJECT) {
        const struct rh_json *member = rh_json_member(inner, "message");
        if (!member)
            member = rh_json_member(inner, "reason");
        if (member && member->kind == RH_JSON_STRING)
            said = member->text;
    }
    return said;
}

/* Up to the end of the line or SAID_MAX, without what is not printable. */
static void add_printable(struct rh_buf *buf, struct rh_text text)
{
    while (text.len && buf->len < SAID_MAX) {
        unsigned step = rh_text_utf8_step(text.data, text.len);
        unsigned char c = (unsigned char)text.data[0];
        if (c == '\n' || c == '\r')
            break;
        if (step == 0 || c < 0x20 || c == 0x7f)
            rh_buf_add_char(buf, '?');
        else
            rh_buf_add(buf, text.data, step);
        text = rh_text_make(text.data + (step ? step : 1), text.len - (step ? step : 1));
    }
    if (buf->len >= SAID_MAX)
        rh_buf_add_str(buf, "…");
}

static void add_said(struct rh_buf *buf, struct rh_text body)
{
    body = rh_text_trim(body);
    if (body.len && body.data[0] == '<')
        return;
    if (!body.len || body.data[0] != '{') {
        add_printable(buf, body);
        return;
    }
    struct rh_arena *arena = body.len <= PROBLEM_MAX ? rh_arena_new(PROBLEM_TREE_MAX) : NULL;
    struct rh_json *document = NULL;
    if (arena && rh_json_parse(arena, body, &document, NULL) == RH_OK)
        add_printable(buf, said_by(document));
    rh_arena_free(arena);
}

int rh_http_fail(struct rh_error *error, uint32_t status, struct rh_text body, const char *format,
                 ...)
{
    char what[256] = "";
    struct rh_buf said;
    int error_class = rh_http_class(status);
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    rh_buf_init(&said, SAID_MAX + 16);
    add_said(&said, body);
    bool is_first = !error || error->error_class == RH_OK;
    /* 304 and 2xx are no failures by themselves: whoever calls this says that they are. */
    int rc = rh_fail(error, error_class ? error_class : RH_PROTOCOL, "%s%s%.*s (HTTP %u)", what,
                     said.len ? ": " : "", RH_TEXT_ARG(rh_buf_text(&said)), status);
    if (error && is_first) {
        error->native_code = status;
        error->retry = retry_of(status);
    }
    rh_buf_free(&said);
    return rc;
}

/* ---- Requests ------------------------------------------------------------------------------ */

struct rh_text rh_http_header_of(const struct rh_http_answer *answer, const char *name)
{
    for (uint32_t i = 0; i < answer->n_headers; i++) {
        if (rh_text_is(answer->headers[i].name, name))
            return answer->headers[i].value;
    }
    return (struct rh_text){NULL, 0};
}

/* The request has been done, whatever is wrong with its answer. */
static int after_sending(int rc, struct rh_error *error)
{
    if (error)
        error->retry = RH_RETRY_IF_IDEMPOTENT;
    return rc;
}

int rh_http_read_body(const struct rh_http *http, struct rh_http_exchange *exchange,
                      const struct rh_op *op, struct rh_buf *body, struct rh_error *error)
{
    struct rh_text piece;
    int rc;
    while ((rc = http->read(exchange, op, &piece, error)) == RH_OK) {
        rh_buf_add_text(body, piece);
        if (body->failed)
            return after_sending(
                rh_fail(error, RH_RESOURCE, "the answer is longer than %zu bytes", body->max),
                error);
    }
    return rc == RH_END ? RH_OK : rc;
}

int rh_http_fetch(const struct rh_http *http, struct rh_http_client *client, const struct rh_op *op,
                  const struct rh_http_request *request, struct rh_buf *body, uint32_t *ret_status,
                  struct rh_error *error)
{
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    struct rh_http_exchange *exchange = NULL;
    rh_buf_clear(body);
    int rc = http->send(client, op, request, &exchange, error);
    if (rc)
        return rc;
    rc = http->answer(exchange, op, &answer, error);
    if (rc == RH_OK)
        rc = rh_http_read_body(http, exchange, op, body, error);
    if (rc == RH_OK)
        *ret_status = answer.status;
    http->close(exchange);
    return rc;
}

int rh_http_parse(struct rh_arena *arena, const struct rh_buf *body, const char *what,
                  struct rh_json **ret_answer, struct rh_error *error)
{
    bool ok = true;
    struct rh_text text = rh_arena_text(arena, rh_buf_text(body), &ok);
    int rc = ok ? rh_json_parse(arena, text, ret_answer, error) : rh_fail_nomem(error);
    if (rc == RH_INVALID) {
        if (error)
            rh_error_clear(error);
        rc = rh_fail(error, RH_PROTOCOL, "%s: the server's answer is not JSON", what);
    }
    return rc ? after_sending(rc, error) : RH_OK;
}

int rh_http_as_unknown(int rc, const char *what, struct rh_error *error)
{
    if (rc == RH_OK || !error || (error->retry != RH_RETRY_IF_IDEMPOTENT && rc != RH_PROTOCOL))
        return rc;
    error->error_class = RH_UNKNOWN_OUTCOME;
    rh_error_prefix(error, "whether %s written is not known", what);
    return RH_UNKNOWN_OUTCOME;
}

/* An answer that is no success: as much of its body as is looked at. What cannot be read of it is no
 * reason to tell less. */
static int fail_answer(struct rh_http_documents *documents, const struct rh_op *op,
                       const struct rh_http_answer *answer, const char *what,
                       struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_buf body;
    rh_buf_init(&body, PROBLEM_MAX);
    rh_http_read_body(documents->http, documents->exchange, op, &body, &ignored);
    int rc = rh_http_fail(error, answer->status, rh_buf_text(&body), "%s", what);
    if (error)
        error->retry_after_ms = answer->retry_after_ms;
    rh_buf_free(&body);
    return rc;
}

int rh_http_documents_open(struct rh_http_documents *documents, const struct rh_http *http,
                           struct rh_http_client *client, const struct rh_op *op,
                           const struct rh_http_request *request, const char *path,
                           size_t max_bytes, const char *what, struct rh_error *error)
{
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    *documents = (struct rh_http_documents){.http = http};
    rh_json_stream_init(&documents->stream, path, max_bytes);
    int rc = http->send(client, op, request, &documents->exchange, error);
    if (rc == RH_OK)
        rc = http->answer(documents->exchange, op, &answer, error);
    if (rc == RH_OK && (answer.status < 200 || answer.status > 299))
        rc = fail_answer(documents, op, &answer, what, error);
    return rc;
}

int rh_http_documents_next(struct rh_http_documents *documents, const struct rh_op *op,
                           struct rh_arena *arena, struct rh_json **ret_document,
                           struct rh_error *error)
{
    struct rh_text piece;
    int rc;
    while ((rc = rh_json_stream_next(&documents->stream, arena, ret_document, error)) ==
           RH_JSON_MORE) {
        rc = documents->http->read(documents->exchange, op, &piece, error);
        if (rc == RH_END)
            rh_json_stream_close(&documents->stream);
        else if (rc)
            return rc;
        else
            rh_json_stream_push(&documents->stream, piece);
    }
    return rc;
}

void rh_http_documents_close(struct rh_http_documents *documents)
{
    if (documents->exchange)
        documents->http->close(documents->exchange);
    rh_json_stream_fini(&documents->stream);
    *documents = (struct rh_http_documents){0};
}
