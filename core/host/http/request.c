/* What a connector asks for: checked, so that nothing in it can break out of its place, and
 * copied. */
#include "host/http/exchange.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"

#include <string.h>
#include <strings.h>

#define MAX_REQUEST_HEADERS 100
#define MAX_METHOD 32

static bool is_token(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (!c || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return text.len;
}

static bool is_named(struct rh_text name, const char *other)
{
    return name.len == strlen(other) && strncasecmp(name.data, other, name.len) == 0;
}

/* Framing and routing are the host's. */
static bool is_reserved(struct rh_text name)
{
    static const char *const names[] = {"host", "transfer-encoding", "connection", "keep-alive",
                                        "te",   "trailer",           "upgrade",    "expect"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_named(name, names[i]))
            return true;
    return name.len >= 6 && strncasecmp(name.data, "proxy-", 6) == 0;
}

bool rh_http_header_valid(const struct rh_http_header *header)
{
    if (!is_token(header->name) || header->name.len > 256 || header->value.len > 65536 ||
        is_reserved(header->name))
        return false;
    for (uint64_t i = 0; i < header->value.len; i++) {
        unsigned char c = (unsigned char)header->value.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static int take_headers(struct rh_http_exchange *exchange, const struct rh_http_request *request,
                        struct rh_error *error)
{
    struct rh_vec copies = RH_VEC_INIT(struct rh_http_header);
    struct rh_http_header *copy;
    uint64_t length;
    bool ok = true;

    if (request->n_headers > MAX_REQUEST_HEADERS)
        return rh_fail(error, RH_INVALID, "the request has more than %d headers",
                       MAX_REQUEST_HEADERS);
    for (uint32_t i = 0; i < request->n_headers; i++) {
        const struct rh_http_header *header = &request->headers[i];

        if (!rh_http_header_valid(header))
            return rh_fail(error, RH_INVALID, "header %u of the request may not be sent",
                           (unsigned)i + 1);
        if (is_named(header->name, "content-length")) {
            if (!rh_text_to_u64(header->value, &length) || length > INT64_MAX)
                return rh_fail(error, RH_INVALID, "Content-Length is not a number");
            exchange->stream_length = (int64_t)length;
            continue;
        }
        copy = rh_vec_push(&copies, exchange->arena);
        if (!copy)
            return rh_fail_nomem(error);
        copy->name = rh_arena_text(exchange->arena, header->name, &ok);
        copy->value = rh_arena_text(exchange->arena, rh_text_trim(header->value), &ok);
    }
    exchange->headers = copies.items;
    exchange->n_headers = copies.n;
    return ok ? RH_OK : rh_fail_nomem(error);
}

int rh_http_exchange_take(struct rh_http_exchange *exchange, const struct rh_http_request *from,
                          struct rh_error *error)
{
    struct rh_http_request request = {.flags = 0};
    int rc;

    if (from->struct_size < offsetof(struct rh_http_request, headers))
        return rh_fail(error, RH_CONTRACT, "rh_http_request.struct_size is too small");
    memcpy(&request, from,
           from->struct_size < sizeof(request) ? from->struct_size : sizeof(request));
    if (request.flags & 0xffffu & ~(RH_HTTP_SAFE | RH_HTTP_STREAM))
        return rh_fail(error, RH_CONTRACT, "rh_http_request.flags has bits that are not known");
    if (!is_token(request.method) || request.method.len > MAX_METHOD)
        return rh_fail(error, RH_INVALID, "the request has no method");
    exchange->flags = request.flags;
    exchange->stream_length = -1;
    exchange->method = rh_arena_dup(exchange->arena, request.method.data, request.method.len);
    if (!exchange->method)
        return rh_fail_nomem(error);
    if (!(request.flags & RH_HTTP_STREAM))
        exchange->body = request.body;
    rc = take_headers(exchange, &request, error);
    if (rc == RH_OK)
        rc = rh_http_url_join(exchange->arena, &exchange->client->base, request.url, &exchange->url,
                              error);
    return rc;
}

bool rh_http_exchange_safe(const struct rh_http_exchange *exchange)
{
    return exchange->flags & RH_HTTP_SAFE || strcmp(exchange->method, "GET") == 0 ||
           strcmp(exchange->method, "HEAD") == 0 || strcmp(exchange->method, "OPTIONS") == 0;
}
