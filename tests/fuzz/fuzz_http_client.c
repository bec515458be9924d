/*
 * What the HTTP service reads by itself, on any bytes: heads, Retry-After, Location, compressed
 * bodies, patterns of hosts. The first byte chooses. Nothing may be read or written out of bounds,
 * whatever is accepted keeps its promises, and decoding always ends.
 */
#include "host/http/decode.h"
#include "host/http/egress.h"
#include "host/http/head.h"
#include "host/http/sigv4.h"
#include "host/http/url.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void head(struct rh_arena *arena, struct rh_text text)
{
    const struct rh_http_header *headers = NULL;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_http_head lines;
    uint32_t n = 0;
    int rc = RH_OK;

    rh_http_head_init(&lines, 4096);
    while (rc == RH_OK && text.data) {
        struct rh_text line = rh_text_cut(&text, '\n');
        rc = rh_http_head_line(&lines, line, 200, &error);
    }
    if (rc == RH_OK && rh_http_head_parse(&lines, arena, &headers, &n, &error) == RH_OK)
        for (uint32_t i = 0; i < n; i++) {
            require(headers[i].name.len > 0);
            require(rh_http_retry_after_ms(headers[i].value, 784111777000000) <=
                    UINT64_C(366) * 24 * 3600 * 1000);
        }
    require(n <= RH_HTTP_MAX_HEADERS);
    rh_http_head_fini(&lines);
}

static void url(struct rh_arena *arena, struct rh_text text)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_http_url base, next;

    require(rh_http_url_parse(arena, RH_TEXT("https://a.example/v1"), "URL", RH_CONFIG, &base,
                              &error) == RH_OK);
    if (rh_http_url_follow(arena, &base, text, &next, &error) == RH_OK) {
        require(next.host.len > 0 && next.path.len > 0);
        require(rh_text_starts(next.text, next.tls ? "https://" : "http://"));
    }
    rh_error_clear(&error);
    if (rh_http_url_join(arena, &base, text, &next, &error) == RH_OK)
        require(next.host.len > 0 &&
                (rh_http_url_same_origin(&base, &next) || (text.data[0] | 0x20) == 'h'));
}

static void decode(const char *encoding, struct rh_text text)
{
    struct rh_http_decoder *decoder = NULL;
    struct rh_error error = RH_ERROR_INIT;
    char out[512];
    size_t n = 1, left = 1u << 16;
    int rc;

    require(rh_http_decoder_new(rh_text_of(encoding), &decoder, &error) == RH_OK);
    do {
        uint64_t before = text.len;
        rc = rh_http_decoder_step(decoder, &text, out, sizeof(out), &n, &error);
        require(n <= sizeof(out) && (rc || n || text.len < before || !before));
    } while (rc == RH_OK && (n || text.len) && --left);
    rh_http_decoder_free(decoder);
}

static void egress(struct rh_text text)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_egress *rules = NULL;
    char *copy = strndup(text.data, text.len);
    const char *pattern = copy;

    if (rh_egress_new(&pattern, 1, &rules, &error) == RH_OK)
        rh_egress_allows_host(rules, text, true, false);
    rh_egress_free(rules);
    free(copy);
}

static void sign(struct rh_text text)
{
    static const struct rh_sigv4 key = {RH_TEXT_INIT("a"), RH_TEXT_INIT("b"), RH_TEXT_INIT("c"),
                                        RH_TEXT_INIT("s3")};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_text path = rh_text_cut(&text, '?'), query = rh_text_cut(&text, '\n');
    struct rh_http_header header = {RH_TEXT("A"), text};
    struct rh_sigv4_request request = {RH_TEXT("GET"),    path, query, &header, 1, "x",
                                       "20130524T000000Z"};
    struct rh_buf buf;

    rh_buf_init(&buf, 4096);
    require(rh_sigv4_sign(&key, &request, &buf, &error) == RH_OK);
    rh_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *arena;
    struct rh_text text;

    if (!size)
        return 0;
    arena = rh_arena_new(16u << 20);
    text = rh_text_make((const char *)data + 1, size - 1);
    switch (data[0] % 7) {
    case 0:
        head(arena, text);
        break;
    case 1:
        url(arena, text);
        break;
    case 2:
        decode("gzip", text);
        break;
    case 3:
        decode("deflate", text);
        break;
    case 4:
        decode("zstd", text);
        break;
    case 5:
        egress(text);
        break;
    default:
        sign(text);
    }
    rh_arena_free(arena);
    return 0;
}
