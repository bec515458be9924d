/* core/host/http: URLs, and the addresses that they may lead to. */
#include "host/http/egress.h"
#include "host/http/url.h"

#include "http_parts.h"

#include <arpa/inet.h>

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

TESTS_MAIN("http_url", forbids_link_local_and_metadata_to_all,
           leaves_private_addresses_to_configured_hosts, obeys_the_list, refuses_what_is_no_host,
           reads_urls, refuses_other_urls, joins_and_follows_urls)
