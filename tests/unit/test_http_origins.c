/* core/host/http: where a request may go: redirects, addresses, certificates, proxies. */
#include "http_fixture.h"

/* ---- Redirects and addresses --------------------------------------------------------------- */

static const char *redirect_to(int status, int n, const char *to)
{
    return rh_arena_printf(arena, "/redirect/%d/%d?to=%s", status, n, to);
}

START_TEST(follows_redirects)
{
    struct rh_http_options options = options_for(plain_url);
    const struct rh_json *echo;

    options.max_redirects = 3;
    options.auth = RH_HTTP_AUTH_BASIC;
    options.user = RH_TEXT("me");
    options.secret = RH_TEXT("s3cret");
    open_client(options);
    GOOD(get(redirect_to(302, 3, "/echo?a=1")));
    ck_assert_str_eq(string(parse(), "target"), "/echo?a=1");
    ck_assert_str_eq(header(parse(), "authorization"), "Basic bWU6czNjcmV0");
    ck_assert(rh_text_ends(answer.url, "/echo?a=1"));
    BAD(get(redirect_to(302, 4, "/echo")), RH_PROTOCOL);
    BAD(get(redirect_to(302, 1000000, "/echo")), RH_PROTOCOL);
    BAD(get(redirect_to(302, 1, "ftp://localhost/")), RH_PROTOCOL);
    for (int status = 301; status <= 308; status++) {
        if (status > 303 && status < 307)
            continue;
        GOOD(post(redirect_to(status, 2, "/echo"), "body", 0));
        echo = parse();
        ck_assert_str_eq(string(echo, "method"), status < 307 ? "GET" : "POST");
        ck_assert_str_eq(string(echo, "body"), status < 307 ? "" : "body");
    }
    options.max_redirects = 0;
    open_client(options);
    GOOD(get(redirect_to(302, 1, "/echo")));
    ck_assert_uint_eq(answer.status, 302);
}
END_TEST

/* "localhost" is another origin than 127.0.0.1, and no configured host. */
START_TEST(goes_to_no_private_address_by_redirect)
{
    const char *far = rh_arena_printf(arena, "http://localhost%s/echo", strrchr(plain_url, ':'));
    struct rh_http_options options = options_for(plain_url);

    reset(plain_url);
    options.max_redirects = 3;
    open_client(options);
    BAD(get(redirect_to(302, 1, far)), RH_PERMISSION);
    ck_assert_str_eq(error.code, "egress-forbidden");
    BAD(get(redirect_to(307, 1, "http://169.254.169.254/latest/meta-data")), RH_PERMISSION);
    BAD(get(redirect_to(302, 1, "http://[::ffff:127.0.0.1]:1/")), RH_PERMISSION);
    BAD(get(redirect_to(302, 1, "http://2130706433:1/")), RH_PERMISSION);
    BAD(get(redirect_to(302, 1, "http://10.0.0.1/")), RH_PERMISSION);
    BAD(get(far), RH_PERMISSION);
    BAD(get("http://169.254.169.254/"), RH_PERMISSION);
    ck_assert_uint_eq(log_of(plain_url)->n, 5);
    options.base_url = RH_TEXT("http://169.254.169.254/");
    open_client(options);
    BAD(get("/"), RH_PERMISSION);
}
END_TEST

START_TEST(takes_no_credentials_to_another_origin)
{
    static const char *const hosts[] = {"localhost", "127.0.0.0/8"};
    struct rh_http_config config = {.hosts = hosts, .n_hosts = 2, .user_agent = "tester"};
    const char *far = rh_arena_printf(arena, "http://localhost%s/echo", strrchr(plain_url, ':'));
    struct rh_http_header own = {RH_TEXT("X-Key"), RH_TEXT("s3cret")};
    struct rh_http_header headers[] = {{RH_TEXT("X-Mine"), RH_TEXT("s3cret")},
                                       {RH_TEXT("Accept"), RH_TEXT("text/x")}};
    struct rh_http_request request = request_for("GET", redirect_to(302, 1, far));
    struct rh_http_options options = options_for(plain_url);
    const struct rh_json *echo;

    ck_assert_int_eq(rh_http_configure(&config, &error), RH_OK);
    options.auth = RH_HTTP_AUTH_BEARER;
    options.secret = RH_TEXT("s3cret");
    options.headers = &own;
    options.n_headers = 1;
    options.max_redirects = 3;
    open_client(options);
    request.headers = headers;
    request.n_headers = 2;
    GOOD(run(&request));
    echo = parse();
    ck_assert(strncmp(header(echo, "host"), "localhost:", 10) == 0);
    ck_assert_str_eq(header(echo, "authorization"), "(none)");
    ck_assert_str_eq(header(echo, "x-key"), "(none)");
    ck_assert_str_eq(header(echo, "x-mine"), "(none)");
    ck_assert_str_eq(header(echo, "accept"), "text/x");
    ck_assert_str_eq(header(echo, "user-agent"), "tester");
    GOOD(get(far));
    ck_assert_str_eq(header(parse(), "authorization"), "(none)");
    ck_assert_str_eq(header(parse(), "x-key"), "(none)");
    GOOD(post(redirect_to(307, 1, far), "body", 0));
    ck_assert_uint_eq(answer.status, 307);
    GOOD(post(redirect_to(303, 1, far), "body", 0));
    ck_assert_str_eq(header(parse(), "authorization"), "(none)");
    ck_assert_int_eq(rh_http_configure(NULL, &error), RH_OK);
}
END_TEST

/* ---- TLS and proxies ----------------------------------------------------------------------- */

START_TEST(verifies_certificates)
{
    struct rh_http_options options = options_for(tls_url);
    char other[64];

    open_client(options);
    BAD(get("/echo"), RH_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "certificate"));
    ck_assert_uint_eq(error.retry, RH_RETRY_NEVER);
    options.ca = rh_text_of(ca);
    open_client(options);
    GOOD(get("/echo"));
    snprintf(other, sizeof(other), "https://127.0.0.2%s", strrchr(tls_url, ':'));
    options.base_url = rh_text_of(other); /* the peer does not listen there */
    open_client(options);
    BAD(get("/echo"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    options = options_for(tls_url);
    options.flags = RH_HTTP_CLIENT_INSECURE;
    open_client(options);
    GOOD(get("/body/5000000?encoding=gzip"));
    ck_assert_uint_eq(n_body, 5000000);
    options.ca = RH_TEXT("no certificate");
    options.flags = 0;
    open_client(options);
    BAD(get("/echo"), RH_CONFIG);
    options = options_for(tls_url);
    options.ca = rh_text_of(ca);
    options.max_redirects = 1;
    open_client(options);
    BAD(get(redirect_to(302, 1, plain_url)), RH_PERMISSION);
    ck_assert_ptr_nonnull(strstr(error.message, "https to http"));
}
END_TEST

START_TEST(goes_through_proxies)
{
    struct rh_http_options options = options_for(plain_url);
    const struct rh_json *echo;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_ptr_null(strstr(body.data, "\"proxied\": true"));
    options.proxy = rh_text_of(
        rh_arena_printf(arena, "http://me:pr0xy-secret@%s", plain_url + strlen("http://")));
    open_client(options);
    GOOD(get("/echo"));
    echo = parse();
    ck_assert_int_eq(rh_json_member(echo, "proxied")->kind, RH_JSON_TRUE);
    ck_assert_str_eq(header(echo, "proxy-authorization"), "Basic bWU6cHIweHktc2VjcmV0");
    options.base_url = rh_text_of(tls_url);
    options.ca = rh_text_of(ca);
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_int_eq(rh_json_member(parse(), "proxied")->kind, RH_JSON_FALSE);
    ck_assert_str_eq(header(parse(), "proxy-authorization"), "(none)");
    BAD(get("http://169.254.169.254/"), RH_PERMISSION);
    options.proxy = RH_TEXT("http://me:pr0xy-secret@127.0.0.1:1");
    open_client(options);
    BAD(get("/echo"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    ck_assert_ptr_null(strstr(error.message, "pr0xy-secret"));
}
END_TEST

START_TEST(says_who_cannot_be_reached)
{
    struct rh_http_options options = options_for("http://127.0.0.1:1/db?");

    options.base_url.len--;
    options.auth = RH_HTTP_AUTH_QUERY;
    options.user = RH_TEXT("key");
    options.secret = RH_TEXT("s3cret");
    open_client(options);
    BAD(get("/x?y=z"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    ck_assert_ptr_nonnull(strstr(error.message, "GET http://127.0.0.1:1/db/x: "));
    ck_assert_ptr_null(strstr(error.message, "s3cret"));
    options.base_url = RH_TEXT("http://no-such-host.invalid");
    open_client(options);
    BAD(get("/x"), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
}
END_TEST

HTTP_TESTS("http_origins", follows_redirects, goes_to_no_private_address_by_redirect,
           takes_no_credentials_to_another_origin, verifies_certificates, goes_through_proxies,
           says_who_cannot_be_reached)
