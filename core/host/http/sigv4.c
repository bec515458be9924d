/* "Create a signed AWS API request", AWS Identity and Access Management User Guide. */
#include "host/http/sigv4.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "host/http/url.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define MAX_TEXT (1u << 20)

struct pair {
    struct rh_text name;
    struct rh_text value;
    uint64_t at; /* position in the request: keeps the sort stable */
};

void rh_sigv4_hash(struct rh_text body, char ret_hex[RH_SIGV4_HASH_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)(body.data ? body.data : ""), body.len);
    sodium_bin2hex(ret_hex, RH_SIGV4_HASH_SIZE, hash, sizeof(hash));
}

void rh_sigv4_date(int64_t wall_us, char ret_date[RH_SIGV4_DATE_SIZE])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    if (strftime(ret_date, RH_SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm) == 0)
        ret_date[0] = 0;
}

static int by_name(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = rh_text_compare(left->name, right->name);

    return order ? order : left->at < right->at ? -1 : left->at > right->at;
}

static int by_name_and_value(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = rh_text_compare(left->name, right->name);

    return order ? order : rh_text_compare(left->value, right->value);
}

/* Percent-encoded as AWS does it, whatever of it was encoded before. */
static void add_encoded_once(struct rh_text text, struct rh_buf *buf)
{
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        int high, low;

        if (c == '%' && i + 2 < text.len && (high = rh_text_hex_digit(text.data[i + 1])) >= 0 &&
            (low = rh_text_hex_digit(text.data[i + 2])) >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        rh_http_url_encode(rh_text_make(&c, 1), buf);
    }
}

static void add_path(struct rh_text path, bool once, struct rh_buf *buf)
{
    struct rh_text rest = path;

    if (!path.len)
        rh_buf_add_char(buf, '/');
    while (rest.data) {
        struct rh_text segment = rh_text_cut(&rest, '/');

        if (once)
            add_encoded_once(segment, buf);
        else
            rh_http_url_encode(segment, buf);
        if (rest.data)
            rh_buf_add_char(buf, '/');
    }
}

static bool encode_part(struct rh_arena *arena, struct rh_text part, struct rh_text *ret)
{
    struct rh_buf buf;
    bool ok = true;

    rh_buf_init(&buf, MAX_TEXT);
    add_encoded_once(part, &buf);
    *ret = rh_arena_text(arena, rh_buf_text(&buf), &ok);
    ok = ok && !buf.failed;
    rh_buf_free(&buf);
    return ok;
}

static bool add_query(struct rh_arena *arena, struct rh_text query, struct rh_buf *buf)
{
    struct rh_vec parts = RH_VEC_INIT(struct pair);
    struct pair *pair;

    while (query.len) {
        struct rh_text value = rh_text_cut(&query, '&');
        struct rh_text name = rh_text_cut(&value, '=');

        if (!name.len && !value.len)
            continue;
        pair = rh_vec_push(&parts, arena);
        if (!pair || !encode_part(arena, name, &pair->name) ||
            !encode_part(arena, value, &pair->value))
            return false;
    }
    if (parts.n)
        qsort(parts.items, parts.n, sizeof(*pair), by_name_and_value);
    pair = parts.items;
    for (uint32_t i = 0; i < parts.n; i++) {
        if (i)
            rh_buf_add_char(buf, '&');
        rh_buf_add_text(buf, pair[i].name);
        rh_buf_add_char(buf, '=');
        rh_buf_add_text(buf, pair[i].value);
    }
    return true;
}

static void add_value(struct rh_text value, struct rh_buf *buf)
{
    bool gap = false;

    value = rh_text_trim(value);
    for (uint64_t i = 0; i < value.len; i++) {
        bool blank = value.data[i] == ' ' || value.data[i] == '\t';
        if (blank && gap)
            continue;
        rh_buf_add_char(buf, blank ? ' ' : value.data[i]);
        gap = blank;
    }
}

static struct pair *sorted_headers(struct rh_arena *arena, const struct rh_sigv4_request *request)
{
    struct pair *pairs = rh_arena_array(arena, request->n_headers, sizeof(*pairs));

    for (uint32_t i = 0; pairs && i < request->n_headers; i++) {
        struct rh_text name = request->headers[i].name;
        char *lower = rh_arena_dup(arena, name.data, name.len);

        if (!lower)
            return NULL;
        for (uint64_t k = 0; k < name.len; k++)
            if (lower[k] >= 'A' && lower[k] <= 'Z')
                lower[k] = (char)(lower[k] | 0x20);
        pairs[i] = (struct pair){rh_text_make(lower, name.len), request->headers[i].value, i};
    }
    if (pairs)
        qsort(pairs, request->n_headers, sizeof(*pairs), by_name);
    return pairs;
}

static void add_headers(const struct pair *pairs, uint32_t n, struct rh_buf *buf)
{
    for (uint32_t i = 0; i < n; i++) {
        bool again = i && rh_text_equal(pairs[i].name, pairs[i - 1].name);

        if (again) {
            buf->len -= buf->failed ? 0 : 1;
            rh_buf_add_char(buf, ',');
        } else {
            rh_buf_add_text(buf, pairs[i].name);
            rh_buf_add_char(buf, ':');
        }
        add_value(pairs[i].value, buf);
        rh_buf_add_char(buf, '\n');
    }
}

static void add_names(const struct pair *pairs, uint32_t n, struct rh_buf *buf)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i && rh_text_equal(pairs[i].name, pairs[i - 1].name))
            continue;
        if (i)
            rh_buf_add_char(buf, ';');
        rh_buf_add_text(buf, pairs[i].name);
    }
}

static void hmac(const void *key, size_t n_key, struct rh_text text,
                 unsigned char ret[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, key, n_key);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)(text.data ? text.data : ""),
                                  text.len);
    crypto_auth_hmacsha256_final(&state, ret);
    sodium_memzero(&state, sizeof(state));
}

/* The key of one day, region and service signs the text. */
static int sign_text(const struct rh_sigv4 *key, struct rh_text day, struct rh_text text,
                     char ret_hex[RH_SIGV4_HASH_SIZE], struct rh_error *error)
{
    unsigned char hash[crypto_auth_hmacsha256_BYTES];
    struct rh_buf first;

    rh_buf_init(&first, MAX_TEXT);
    rh_buf_add_str(&first, "AWS4");
    rh_buf_add_text(&first, key->secret);
    if (first.failed) {
        rh_buf_free(&first);
        return rh_fail_nomem(error);
    }
    hmac(first.data, first.len, day, hash);
    hmac(hash, sizeof(hash), key->region, hash);
    hmac(hash, sizeof(hash), key->service, hash);
    hmac(hash, sizeof(hash), RH_TEXT("aws4_request"), hash);
    hmac(hash, sizeof(hash), text, hash);
    sodium_bin2hex(ret_hex, RH_SIGV4_HASH_SIZE, hash, sizeof(hash));
    sodium_memzero(first.data, first.len);
    rh_buf_free(&first);
    return RH_OK;
}

int rh_sigv4_sign(const struct rh_sigv4 *key, const struct rh_sigv4_request *request,
                  struct rh_buf *ret_authorization, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(MAX_TEXT * 4);
    struct rh_text day = {request->date, 8};
    struct pair *pairs = arena ? sorted_headers(arena, request) : NULL;
    char hash[RH_SIGV4_HASH_SIZE];
    struct rh_buf canonical, scope;
    bool ok = pairs;
    int rc = RH_OK;

    rh_buf_init(&canonical, MAX_TEXT);
    rh_buf_init(&scope, MAX_TEXT);
    if (ok) {
        rh_buf_add_text(&canonical, request->method);
        rh_buf_add_char(&canonical, '\n');
        add_path(request->path, rh_text_is(key->service, "s3"), &canonical);
        rh_buf_add_char(&canonical, '\n');
        ok = add_query(arena, request->query, &canonical);
    }
    if (ok) {
        rh_buf_add_char(&canonical, '\n');
        add_headers(pairs, request->n_headers, &canonical);
        rh_buf_add_char(&canonical, '\n');
        add_names(pairs, request->n_headers, &canonical);
        rh_buf_addf(&canonical, "\n%s", request->payload_hash);
        rh_buf_addf(&scope, "%.*s/%.*s/%.*s/aws4_request", RH_TEXT_ARG(day),
                    RH_TEXT_ARG(key->region), RH_TEXT_ARG(key->service));
    }
    if (!ok || canonical.failed || scope.failed) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    rh_sigv4_hash(rh_buf_text(&canonical), hash);
    rh_buf_clear(&canonical);
    rh_buf_addf(&canonical, ALGORITHM "\n%s\n%.*s\n%s", request->date,
                RH_TEXT_ARG(rh_buf_text(&scope)), hash);
    rc = canonical.failed ? rh_fail_nomem(error)
                          : sign_text(key, day, rh_buf_text(&canonical), hash, error);
    if (rc)
        goto out;
    rh_buf_addf(ret_authorization,
                ALGORITHM " Credential=%.*s/%.*s, SignedHeaders=", RH_TEXT_ARG(key->access_key),
                RH_TEXT_ARG(rh_buf_text(&scope)));
    add_names(pairs, request->n_headers, ret_authorization);
    rh_buf_addf(ret_authorization, ", Signature=%s", hash);
    if (ret_authorization->failed)
        rc = rh_fail_nomem(error);
out:
    rh_buf_free(&canonical);
    rh_buf_free(&scope);
    rh_arena_free(arena);
    return rc;
}
