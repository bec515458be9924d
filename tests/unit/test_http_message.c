/* core/host/http: heads, encoded bodies, and the rate of requests. */
#include "host/http/decode.h"
#include "host/http/head.h"
#include "host/http/limiter.h"

#include "http_parts.h"

#include <zlib.h>
#include <zstd.h>

/* ---- Heads -------------------------------------------------------------------------------- */

static int line(struct rh_http_head *head, const char *text)
{
    return rh_http_head_line(head, rh_text_of(text), 200, NULL);
}

START_TEST(collects_a_head)
{
    const struct rh_http_header *headers;
    struct rh_http_head head;
    uint32_t n;

    arena = rh_arena_new(1 << 20);
    rh_http_head_init(&head, 200);
    ck_assert_int_eq(line(&head, "HTTP/1.1 200 OK\r\n"), RH_OK);
    ck_assert_int_eq(line(&head, "Content-TYPE:  text/plain \r\n"), RH_OK);
    ck_assert_int_eq(line(&head, "X-Folded: a\r\n"), RH_OK);
    ck_assert_int_eq(line(&head, "   b\r\n"), RH_OK);
    ck_assert_int_eq(line(&head, "Empty:\r\n"), RH_OK);
    ck_assert(!head.complete);
    ck_assert_int_eq(line(&head, "\r\n"), RH_OK);
    ck_assert(head.complete);
    ck_assert_int_eq(line(&head, "Trailer: x\r\n"), RH_OK);
    ck_assert_int_eq(rh_http_head_parse(&head, arena, &headers, &n, fresh()), RH_OK);
    ck_assert_uint_eq(n, 3);
    ck_assert(rh_text_is(rh_http_head_find(headers, n, "content-type"), "text/plain"));
    ck_assert(rh_text_is(rh_http_head_find(headers, n, "x-folded"), "a b"));
    ck_assert_uint_eq(rh_http_head_find(headers, n, "empty").len, 0);
    ck_assert_ptr_null(rh_http_head_find(headers, n, "trailer").data);
    rh_http_head_clear(&head);
    ck_assert_int_eq(line(&head, "HTTP/1.1 200 OK\r\n"), RH_OK);
    ck_assert_int_eq(line(&head, "no colon\r\n"), RH_OK);
    ck_assert_int_eq(rh_http_head_parse(&head, arena, &headers, &n, fresh()), RH_PROTOCOL);
    for (int i = 0; i < 20; i++)
        if (line(&head, "A-Header: of some length\r\n"))
            break;
    ck_assert_int_eq(line(&head, "A-Header: of some length\r\n"), RH_RESOURCE);
    rh_http_head_fini(&head);
    rh_arena_free(arena);
}
END_TEST

START_TEST(reads_retry_after)
{
    int64_t wall_us = INT64_C(784111777000000); /* Sun, 06 Nov 1994 08:49:37 GMT */

    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT("120"), wall_us), 120000);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT(" 0 "), wall_us), 1);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT("18446744073709551615"), wall_us),
                      UINT64_C(366) * 24 * 3600 * 1000);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT("184467440737095516150"), wall_us), 0);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT("-1"), wall_us), 0);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT("soon"), wall_us), 0);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT(""), wall_us), 0);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT("Sun, 06 Nov 1994 08:49:47 GMT"), wall_us),
                      10000);
    ck_assert_uint_eq(rh_http_retry_after_ms(RH_TEXT("Sun, 06 Nov 1994 08:49:27 GMT"), wall_us), 1);
}
END_TEST

/* ---- Bodies ------------------------------------------------------------------------------- */

/* Decodes, one byte of input at a time, into pieces of `room`. Returns how much came out. */
static int decode(const char *encoding, const char *data, size_t n, size_t room, uint64_t *ret_n,
                  bool *ret_complete)
{
    struct rh_http_decoder *decoder = NULL;
    char *out = malloc(room);
    int rc = rh_http_decoder_new(rh_text_of(encoding), &decoder, NULL);

    *ret_n = 0;
    for (size_t i = 0; rc == RH_OK && i < n; i++) {
        struct rh_text in = {data + i, 1};
        size_t some = 1;

        while (rc == RH_OK && (in.len || some)) {
            rc = rh_http_decoder_step(decoder, &in, out, room, &some, NULL);
            ck_assert_uint_le(some, room);
            *ret_n += some;
        }
    }
    *ret_complete = rc == RH_OK && decoder && rh_http_decoder_complete(decoder);
    rh_http_decoder_free(decoder);
    free(out);
    return rc;
}

static size_t pack(int window, const char *data, size_t n, char *to, size_t room)
{
    z_stream z = {.next_out = (Bytef *)to, .avail_out = (uInt)room, .avail_in = (uInt)n};

    memcpy(&z.next_in, &data, sizeof(data));
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = room - z.avail_out;
    deflateEnd(&z);
    return n;
}

START_TEST(decodes_every_form)
{
    static char plain[300000], packed[20000];
    uint64_t n_out;
    bool complete;
    size_t n;

    memset(plain, 'x', sizeof(plain));
    n = pack(16 + 15, plain, sizeof(plain), packed, sizeof(packed));
    memcpy(packed + n, packed, n); /* two members */
    ck_assert_int_eq(decode("gzip", packed, 2 * n, 1000, &n_out, &complete), RH_OK);
    ck_assert(complete && n_out == 2 * sizeof(plain));
    ck_assert_int_eq(decode("gzip", packed, 2 * n - 1, 1000, &n_out, &complete), RH_OK);
    ck_assert(!complete);
    packed[n] = 'x'; /* no second member */
    ck_assert_int_eq(decode("gzip", packed, 2 * n, 1000, &n_out, &complete), RH_PROTOCOL);
    n = pack(15, plain, sizeof(plain), packed, sizeof(packed));
    ck_assert_int_eq(decode("deflate", packed, n, 7, &n_out, &complete), RH_OK);
    ck_assert(complete && n_out == sizeof(plain));
    packed[n] = 'x';
    ck_assert_int_eq(decode("deflate", packed, n + 1, 1000, &n_out, &complete), RH_PROTOCOL);
    n = pack(-15, plain, sizeof(plain), packed, sizeof(packed));
    ck_assert_int_eq(decode("Deflate", packed, n, 65536, &n_out, &complete), RH_OK);
    ck_assert(complete && n_out == sizeof(plain));
    n = ZSTD_compress(packed, sizeof(packed), plain, sizeof(plain), 3);
    ck_assert_int_eq(decode("zstd", packed, n, 100, &n_out, &complete), RH_OK);
    ck_assert(complete && n_out == sizeof(plain));
    ck_assert_int_eq(decode("zstd", packed, n - 1, 100, &n_out, &complete), RH_OK);
    ck_assert(!complete);
    ck_assert_int_eq(decode("zstd", "not zstd", 8, 100, &n_out, &complete), RH_PROTOCOL);
    ck_assert_int_eq(decode("br", "", 0, 100, &n_out, &complete), RH_PROTOCOL);
    ck_assert_int_eq(decode("gzip, gzip", "", 0, 100, &n_out, &complete), RH_PROTOCOL);
    ck_assert_int_eq(decode("gzip", "", 0, 100, &n_out, &complete), RH_OK);
    ck_assert(complete);
}
END_TEST

/* ---- Limits ------------------------------------------------------------------------------- */

START_TEST(keeps_one_rate_for_all)
{
    uint8_t key[RH_HTTP_KEY_BYTES] = {1}, other[RH_HTTP_KEY_BYTES] = {2};
    struct rh_http_limiter *a = rh_http_limiter_get(key, 120), *b = rh_http_limiter_get(key, 0);
    struct rh_http_limiter *c = rh_http_limiter_get(other, 0);
    struct rh_error error = RH_ERROR_INIT;
    uint64_t now = 1000000000, at;

    ck_assert_ptr_eq(a, b);
    ck_assert_int_eq(rh_http_limiter_take(a, now, now, &at, fresh()), RH_OK);
    ck_assert_int_eq(rh_http_limiter_take(b, now, now, &at, fresh()), RH_OK); /* the burst */
    ck_assert_int_eq(rh_http_limiter_take(a, now, now + 499999, &at, &error), RH_RATE_LIMITED);
    ck_assert_uint_eq(error.retry_after_ms, 501);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    ck_assert_int_eq(rh_http_limiter_take(a, now, now + 500000, &at, fresh()), RH_OK);
    ck_assert_uint_eq(at, now + 500000);
    ck_assert_int_eq(rh_http_limiter_take(b, now, now + 1000000, &at, fresh()), RH_OK);
    ck_assert_uint_eq(at, now + 1000000);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(rh_http_limiter_take(c, now, now, &at, fresh()), RH_OK);
        ck_assert_uint_eq(at, now);
    }
    rh_http_limiter_block(c, now + 5000000);
    ck_assert_int_eq(rh_http_limiter_take(c, now, now + 4999999, &at, fresh()), RH_RATE_LIMITED);
    ck_assert_int_eq(rh_http_limiter_take(c, now, now + 5000000, &at, fresh()), RH_OK);
    ck_assert_uint_eq(at, now + 5000000);
    rh_http_limiter_put(a);
    rh_http_limiter_put(b);
    rh_http_limiter_put(c);
}
END_TEST

TESTS_MAIN("http_message", collects_a_head, reads_retry_after, decodes_every_form,
           keeps_one_rate_for_all)
