/* core/host/http: what needs no network: signatures, addresses, URLs, heads, bodies, limits. */
#include "host/http/decode.h"
#include "host/http/egress.h"
#include "host/http/grant.h"
#include "host/http/head.h"
#include "host/http/limiter.h"
#include "host/http/sigv4.h"
#include "host/http/url.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/tests.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* An empty error that nobody looks at. */
static struct rh_error *fresh(void)
{
    static struct rh_error error;

    error = (struct rh_error)RH_ERROR_INIT;
    return &error;
}

/* ---- Signature 4: AWS's test suite and the examples of the S3 documentation ---------------- */

static void signs(const struct rh_sigv4 *key, const struct rh_sigv4_request *request,
                  const char *signature)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf buf;

    rh_buf_init(&buf, 4096);
    ck_assert_int_eq(rh_sigv4_sign(key, request, &buf, &error), RH_OK);
    ck_assert_msg(rh_text_ends(rh_buf_text(&buf), signature), "%.*s is not %s",
                  RH_TEXT_ARG(rh_buf_text(&buf)), signature);
    rh_buf_free(&buf);
}

static const struct rh_sigv4 suite_key = {RH_TEXT_INIT("AKIDEXAMPLE"),
                                          RH_TEXT_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                                          RH_TEXT_INIT("us-east-1"), RH_TEXT_INIT("service")};

static void suite(const char *method, const char *path, const char *query, const char *name1,
                  const char *value1, const char *name2, const char *value2, const char *body,
                  const char *signature)
{
    struct rh_http_header headers[] = {
        {RH_TEXT("X-Amz-Date"), RH_TEXT("20150830T123600Z")},
        {RH_TEXT("Host"), RH_TEXT("example.amazonaws.com")},
        {rh_text_of(name1), rh_text_of(value1)},
        {rh_text_of(name2), rh_text_of(value2)},
    };
    char hash[RH_SIGV4_HASH_SIZE];
    struct rh_sigv4_request request = {.method = rh_text_of(method),
                                       .path = rh_text_of(path),
                                       .query = rh_text_of(query),
                                       .headers = headers,
                                       .n_headers = name2   ? 4
                                                    : name1 ? 3
                                                            : 2,
                                       .payload_hash = hash,
                                       .date = "20150830T123600Z"};

    rh_sigv4_hash(rh_text_of(body), hash);
    signs(&suite_key, &request, signature);
}

#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

START_TEST(signs_as_the_suite_of_aws_says)
{
    suite("GET", "/", NULL, NULL, NULL, NULL, NULL, "",
          "=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    suite("GET", "/", "Param2=value2&Param1=value1", NULL, NULL, NULL, NULL, "",
          "=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
    suite("GET", "/", UNRESERVED "=" UNRESERVED, NULL, NULL, NULL, NULL, "",
          "=9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
    suite("GET", "/", "\xe1\x88\xb4=bar", NULL, NULL, NULL, NULL, "",
          "=2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
    suite("GET", "/", "%E1%88%B4=bar", NULL, NULL, NULL, NULL, "",
          "=2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
    suite("GET", "/\xe1\x88\xb4", NULL, NULL, NULL, NULL, NULL, "",
          "=8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
    suite("GET", "/" UNRESERVED, NULL, NULL, NULL, NULL, NULL, "",
          "=07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
    suite("POST", "/", NULL, NULL, NULL, NULL, NULL, "",
          "=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    suite("POST", "/", "Param1=value1", NULL, NULL, NULL, NULL, "",
          "=28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11");
    suite("POST", "/", NULL, "My-Header1", "value1", NULL, NULL, "",
          "=c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
    suite("POST", "/", NULL, "Content-Type", "application/x-www-form-urlencoded", NULL, NULL,
          "Param1=value1", "=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
    suite("GET", "/", NULL, "My-Header1", " value1", "My-Header2", " \"a   b   c\"", "",
          "=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}
END_TEST

static const struct rh_sigv4 s3_key = {RH_TEXT_INIT("AKIAIOSFODNN7EXAMPLE"),
                                       RH_TEXT_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                       RH_TEXT_INIT("us-east-1"), RH_TEXT_INIT("s3")};

static void s3(const char *method, const char *path, const char *query,
               const struct rh_http_header *more, uint32_t n_more, const char *body,
               const char *signature)
{
    char hash[RH_SIGV4_HASH_SIZE] = "";
    struct rh_http_header headers[5] = {
        {RH_TEXT("Host"), RH_TEXT("examplebucket.s3.amazonaws.com")},
        {RH_TEXT("x-amz-date"), RH_TEXT("20130524T000000Z")},
        {RH_TEXT("x-amz-content-sha256"), rh_text_make(hash, 64)},
    };
    struct rh_sigv4_request request = {.method = rh_text_of(method),
                                       .path = rh_text_of(path),
                                       .query = rh_text_of(query),
                                       .headers = headers,
                                       .n_headers = 3 + n_more,
                                       .payload_hash = hash,
                                       .date = "20130524T000000Z"};

    rh_sigv4_hash(rh_text_of(body), hash);
    for (uint32_t i = 0; i < n_more; i++)
        headers[3 + i] = more[i];
    signs(&s3_key, &request, signature);
}

START_TEST(signs_as_s3_wants_it)
{
    struct rh_http_header range = {RH_TEXT("Range"), RH_TEXT("bytes=0-9")};
    struct rh_http_header put[] = {
        {RH_TEXT("x-amz-storage-class"), RH_TEXT("REDUCED_REDUNDANCY")},
        {RH_TEXT("Date"), RH_TEXT("Fri, 24 May 2013 00:00:00 GMT")},
    };

    s3("GET", "/test.txt", NULL, &range, 1, "",
       "=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    s3("PUT", "/test%24file.text", NULL, put, 2, "Welcome to Amazon S3.",
       "=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    s3("PUT", "/test$file.text", NULL, put, 2, "Welcome to Amazon S3.",
       "=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    s3("GET", "/", "lifecycle", NULL, 0, "",
       "=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    s3("GET", "/", "max-keys=2&prefix=J", NULL, 0, "",
       "=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}
END_TEST

START_TEST(writes_the_date_of_a_signature)
{
    char date[RH_SIGV4_DATE_SIZE];

    rh_sigv4_date(1369353600000000, date);
    ck_assert_str_eq(date, "20130524T000000Z");
}
END_TEST

/* ---- Egress ------------------------------------------------------------------------------- */

static bool allows(const struct rh_egress *egress, const char *host, const char *address,
                   bool configured)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return rh_egress_allows_address(egress, rh_text_of(host), (struct sockaddr *)&v4,
                                        configured);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return rh_egress_allows_address(egress, rh_text_of(host), (struct sockaddr *)&v6, configured);
}

START_TEST(forbids_link_local_and_metadata_to_all)
{
    static const char *const never[] = {
        "169.254.169.254",
        "169.254.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "::",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
    };
    struct rh_egress *egress = NULL;

    ck_assert_int_eq(rh_egress_new(NULL, 0, &egress, fresh()), RH_OK);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        ck_assert_msg(!allows(egress, "a", never[i], true), "%s", never[i]);
        ck_assert_msg(!allows(NULL, "a", never[i], true), "%s", never[i]);
    }
    rh_egress_free(egress);
}
END_TEST

START_TEST(leaves_private_addresses_to_configured_hosts)
{
    static const char *const private[] = {"127.0.0.1",  "10.0.0.1",       "172.31.255.255",
                                          "::1",        "fd12::1",        "192.168.0.10",
                                          "100.64.0.1", "::ffff:10.0.0.1"};
    static const char *const public[] = {"93.184.216.34",    "172.32.0.1",         "100.128.0.1",
                                         "11.0.0.1",         "2606:2800:220:1::1", "169.253.0.1",
                                         "2002:5db8:d822::1"};
    struct rh_egress *egress = NULL;

    ck_assert_int_eq(rh_egress_new(NULL, 0, &egress, fresh()), RH_OK);
    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
        ck_assert_msg(allows(egress, "a", private[i], true), "%s", private[i]);
        ck_assert_msg(!allows(egress, "a", private[i], false), "%s", private[i]);
    }
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
        ck_assert_msg(allows(egress, "a", public[i], false), "%s", public[i]);
    ck_assert(rh_egress_allows_host(egress, RH_TEXT("example.com"), false, false));
    ck_assert(!rh_egress_allows_host(egress, RH_TEXT("127.0.0.1"), false, false));
    ck_assert(rh_egress_allows_host(egress, RH_TEXT("127.0.0.1"), true, false));
    ck_assert(!rh_egress_allows_host(egress, RH_TEXT("::1"), false, false));
    ck_assert(!rh_egress_allows_host(egress, RH_TEXT("::ffff:127.0.0.1"), false, false));
    rh_egress_free(egress);
}
END_TEST

START_TEST(obeys_the_list)
{
    static const char *const hosts[] = {"API.example.com", "*.cdn.example.com", "10.1.0.0/16",
                                        "169.254.7.7", "fd12::/16"};
    struct rh_egress *egress = NULL;

    ck_assert_int_eq(rh_egress_new(hosts, 5, &egress, fresh()), RH_OK);
    ck_assert(allows(egress, "api.example.com", "1.2.3.4", false));
    ck_assert(allows(egress, "api.example.com.", "10.9.9.9", false));
    ck_assert(!allows(egress, "api.example.com", "169.254.169.254", true));
    ck_assert(allows(egress, "api.example.com", "169.254.7.7", true));
    ck_assert(allows(egress, "a.b.cdn.example.com", "1.2.3.4", false));
    ck_assert(!allows(egress, "cdn.example.com", "1.2.3.4", true));
    ck_assert(!allows(egress, "evilapi.example.com", "1.2.3.4", true));
    ck_assert(allows(egress, "other.org", "10.1.255.255", false));
    ck_assert(!allows(egress, "other.org", "10.2.0.0", true));
    ck_assert(allows(egress, "other.org", "fd12:1::", false));
    ck_assert(!rh_egress_allows_host(egress, RH_TEXT("127.0.0.1"), true, false));
    ck_assert(rh_egress_allows_host(egress, RH_TEXT("other.org"), true, false));
    ck_assert(!rh_egress_allows_host(egress, RH_TEXT("other.org"), true, true));
    ck_assert(rh_egress_allows_host(egress, RH_TEXT("api.example.com"), false, true));
    rh_egress_free(egress);
}
END_TEST

START_TEST(refuses_what_is_no_host)
{
    static const char *const bad[] = {"",         "*",           "*.",     "a b",
                                      "http://a", "10.0.0.0/33", "::/129", "10.0.0/8"};
    struct rh_egress *egress = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(rh_egress_new(&bad[i], 1, &egress, fresh()), RH_CONFIG);
    ck_assert_ptr_null(egress);
}
END_TEST

/* ---- URLs --------------------------------------------------------------------------------- */

static struct rh_arena *arena;

static struct rh_http_url parse(const char *text)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_http_url url;

    ck_assert_msg(rh_http_url_parse(arena, rh_text_of(text), "URL", RH_CONFIG, &url, &error) ==
                      RH_OK,
                  "%s: %s", text, error.message);
    return url;
}

START_TEST(reads_urls)
{
    struct rh_http_url url;

    arena = rh_arena_new(1 << 20);
    url = parse("HTTPS://Example.COM:8443/a/../b?c=%20#d");
    ck_assert(url.tls && url.port == 8443);
    ck_assert_str_eq(url.host.data, "example.com");
    ck_assert_str_eq(url.authority.data, "example.com:8443");
    ck_assert_str_eq(url.path.data, "/a/../b");
    ck_assert_str_eq(url.query.data, "c=%20");
    ck_assert_ptr_null(strchr(url.text.data, '#'));
    url = parse("http://[::1]");
    ck_assert_str_eq(url.host.data, "::1");
    ck_assert_str_eq(url.authority.data, "[::1]");
    ck_assert_str_eq(url.path.data, "/");
    ck_assert_ptr_null(url.query.data);
    ck_assert_uint_eq(url.port, 80);
    rh_arena_free(arena);
}
END_TEST

START_TEST(refuses_other_urls)
{
    static const char *const bad[] = {
        "",
        "example.com",
        "ftp://a/",
        "file:///etc/passwd",
        "http://",

        "http://u:p@a/",
        "https://u@a/",
        "http://a b/",
        "http://a/\r\nX: y",
        "http://a\t",
        "http://\xc3\xa4/",
        "http://a:99999999/",
        "//a/",
        "http://[::1",
    };
    struct rh_http_url url;

    arena = rh_arena_new(1 << 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(rh_http_url_parse(arena, rh_text_of(bad[i]), "URL", RH_CONFIG, &url,
                                        fresh()) == RH_CONFIG,
                      "%s", bad[i]);
    rh_arena_free(arena);
}
END_TEST

static void joins(const char *base, const char *text, const char *expected)
{
    struct rh_http_url from = parse(base), url;

    ck_assert_int_eq(rh_http_url_join(arena, &from, rh_text_of(text), &url, fresh()), RH_OK);
    ck_assert_str_eq(url.text.data, expected);
}

static void follows(const char *base, const char *text, const char *expected)
{
    struct rh_http_url from = parse(base), url;

    ck_assert_int_eq(rh_http_url_follow(arena, &from, rh_text_of(text), &url, fresh()), RH_OK);
    ck_assert_str_eq(url.text.data, expected);
}

START_TEST(joins_and_follows_urls)
{
    struct rh_http_url from, url;

    arena = rh_arena_new(1 << 20);
    joins("https://a/v1", "/items?x=1", "https://a/v1/items?x=1");
    joins("https://a/v1/", "items", "https://a/v1/items");
    joins("https://a", "?x=1", "https://a/?x=1");
    joins("https://a/v1", "?x=1", "https://a/v1?x=1");
    joins("https://a/v1", "", "https://a/v1");
    joins("https://a/v1", "//evil.com/x", "https://a/v1//evil.com/x");
    joins("https://a/v1", "@evil.com", "https://a/v1/@evil.com");
    joins("https://a", "@evil.com", "https://a/@evil.com");
    joins("https://a", ":80", "https://a/:80");
    joins("https://a/v1", "http://b/x", "http://b/x");
    follows("https://a/v1/x?y", "/z", "https://a/z");
    follows("https://a/v1/x?y", "z", "https://a/v1/z");
    follows("https://a/v1/x?y", "//b/z", "https://b/z");
    follows("https://a/v1/x?y", "http://b:8/z#f", "http://b:8/z");
    follows("https://a/v1/x?y", "?z", "https://a/v1/x?z");
    follows("https://a/v1/x", "/a b", "https://a/a%20b");
    from = parse("https://a/v1");
    ck_assert_int_eq(rh_http_url_follow(arena, &from, RH_TEXT("ftp://b/"), &url, fresh()),
                     RH_PROTOCOL);
    ck_assert_int_eq(rh_http_url_follow(arena, &from, RH_TEXT("http://u:p@b/"), &url, fresh()),
                     RH_PROTOCOL);
    ck_assert_int_eq(rh_http_url_follow(arena, &from, RH_TEXT(""), &url, fresh()), RH_PROTOCOL);
    ck_assert_int_eq(rh_http_url_join(arena, &from, RH_TEXT("/a b"), &url, fresh()), RH_INVALID);
    ck_assert_int_eq(rh_http_url_join(arena, &from, RH_TEXT("/a\nb"), &url, fresh()), RH_INVALID);
    ck_assert_int_eq(
        rh_http_url_with_query(arena, &from, RH_TEXT("k y"), RH_TEXT("a&b"), &url, fresh()), RH_OK);
    ck_assert_str_eq(url.text.data, "https://a/v1?k%20y=a%26b");
    rh_arena_free(arena);
}
END_TEST

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

/* ---- JWT ---------------------------------------------------------------------------------- */

static struct rh_text decode64(struct rh_text text)
{
    unsigned char *out = rh_arena_alloc(arena, text.len + 1);
    size_t n = 0;

    ck_assert_int_eq(sodium_base642bin(out, text.len, text.data, text.len, NULL, &n, NULL,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    return rh_text_make((char *)out, n);
}

START_TEST(signs_an_assertion)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct rh_text jwt, rest, header, claims, signature;
    char *pem;
    long n;

    arena = rh_arena_new(1 << 20);
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    n = BIO_get_mem_data(bio, &pem);
    ck_assert_int_eq(rh_http_jwt_sign(arena, rh_text_make(pem, (size_t)n), RH_TEXT("me\"x"),
                                      RH_TEXT("a b"), RH_TEXT("https://t/"), 1000000000000, &jwt,
                                      NULL),
                     RH_OK);
    rest = jwt;
    header = rh_text_cut(&rest, '.');
    claims = rh_text_cut(&rest, '.');
    signature = decode64(rest);
    ck_assert_int_eq(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    ck_assert_int_eq(EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.len,
                                      (const unsigned char *)jwt.data, header.len + 1 + claims.len),
                     1);
    ck_assert(rh_text_is(decode64(header), "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"));
    ck_assert(rh_text_is(decode64(claims), "{\"iss\":\"me\\\"x\",\"scope\":\"a b\",\"aud\":"
                                           "\"https://t/\",\"iat\":1000000,\"exp\":1003600}"));
    ck_assert_int_eq(rh_http_jwt_sign(arena, RH_TEXT("no key"), RH_TEXT("me"), RH_TEXT("a"),
                                      RH_TEXT("b"), 0, &jwt, fresh()),
                     RH_CONFIG);
    EVP_MD_CTX_free(context);
    BIO_free(bio);
    EVP_PKEY_free(key);
    rh_arena_free(arena);
}
END_TEST

TESTS_MAIN("http_client_parts", signs_as_the_suite_of_aws_says, signs_as_s3_wants_it,
           writes_the_date_of_a_signature, forbids_link_local_and_metadata_to_all,
           leaves_private_addresses_to_configured_hosts, obeys_the_list, refuses_what_is_no_host,
           reads_urls, refuses_other_urls, joins_and_follows_urls, collects_a_head,
           reads_retry_after, decodes_every_form, keeps_one_rate_for_all, signs_an_assertion)
