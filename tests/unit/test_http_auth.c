/* core/host/http: credentials, and the access tokens that it fetches. */
#include "http_fixture.h"

#include "host/redact.h"

#include <openssl/pem.h>
#include <pthread.h>

/* ---- Credentials --------------------------------------------------------------------------- */

START_TEST(authenticates)
{
    struct rh_http_options options = options_for(plain_url);

    options.user = RH_TEXT("X-Api-Key");
    options.secret = RH_TEXT("s3cret&");
    options.auth = RH_HTTP_AUTH_HEADER;
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_str_eq(header(parse(), "x-api-key"), "s3cret&");
    options.auth = RH_HTTP_AUTH_QUERY;
    open_client(options);
    GOOD(get("/echo?a=b"));
    ck_assert_str_eq(string(parse(), "target"), "/echo?a=b&X-Api-Key=s3cret%26");
    ck_assert_ptr_null(strstr(answer.url.data, "s3cret"));
    options.auth = RH_HTTP_AUTH_BEARER;
    open_client(options);
    GOOD(get("/echo"));
    ck_assert_str_eq(header(parse(), "authorization"), "Bearer s3cret&");
    options.auth = RH_HTTP_AUTH_SIGV4;
    options.region = RH_TEXT("eu-west-1");
    options.service = RH_TEXT("s3");
    options.token = RH_TEXT("session");
    open_client(options);
    GOOD(post("/echo?b=1&a=2", "body", 0));
    ck_assert_ptr_nonnull(strstr(header(parse(), "authorization"),
                                 "/eu-west-1/s3/aws4_request, SignedHeaders=host;"
                                 "x-amz-content-sha256;x-amz-date;x-amz-security-token, "));
    ck_assert_str_eq(header(parse(), "x-amz-content-sha256"),
                     "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5");
    ck_assert_str_eq(header(parse(), "x-amz-security-token"), "session");
}
END_TEST

static struct rh_http_options oauth(uint32_t auth, const char *token_path)
{
    struct rh_http_options options = options_for(plain_url);

    options.auth = auth;
    options.user = RH_TEXT("me:myself");
    options.secret = RH_TEXT("s3cret");
    options.scope = RH_TEXT("a b");
    options.token_url = rh_text_of(rh_arena_printf(arena, "%s%s", plain_url, token_path));
    return options;
}

START_TEST(fetches_access_tokens)
{
    const struct rh_json *log;
    struct rh_buf shown;

    reset(plain_url);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token"));
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    GOOD(get("/private")); /* refuses the token the third time, hence a new one */
    ck_assert_uint_eq(answer.status, 200);
    log = log_of(plain_url);
    ck_assert_uint_eq(log->n, 6); /* two for tokens, four for answers */
    ck_assert_str_eq(string(log->child, "body"), "grant_type=client_credentials&scope=a%20b");
    rh_buf_init(&shown, 100);
    rh_redact_text(RH_TEXT("token-2 s3cret"), &shown);
    ck_assert(rh_text_is(rh_buf_text(&shown), "******** ********"));
    rh_buf_free(&shown);
    reset(plain_url);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token?mode=body"));
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    ck_assert_uint_eq(n_requests(), 3);
}
END_TEST

START_TEST(refreshes_access_tokens)
{
    struct rh_http_options options =
        oauth(RH_HTTP_AUTH_OAUTH2_REFRESH, "/token?mode=rotate&life=3600");
    const struct rh_json *log;

    reset(plain_url);
    options.token = RH_TEXT("refresh-0");
    open_client(options);
    for (int i = 0; i < 3; i++) {
        GOOD(get("/private"));
        ck_assert_uint_eq(answer.status, 200);
    }
    log = log_of(plain_url);
    ck_assert_uint_eq(log->n, 6);
    ck_assert_str_eq(string(log->child, "body"),
                     "grant_type=refresh_token&refresh_token=refresh-0&scope=a%20b");
    ck_assert_str_eq(string(log->child->next->next->next->next, "body"),
                     "grant_type=refresh_token&refresh_token=refresh-1&scope=a%20b");
}
END_TEST

START_TEST(fetches_tokens_with_an_assertion)
{
    struct rh_http_options options = oauth(RH_HTTP_AUTH_OAUTH2_JWT, "/token");
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    const struct rh_json *log;
    char *pem;
    long n;

    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    n = BIO_get_mem_data(bio, &pem);
    reset(plain_url);
    options.secret = rh_text_make(pem, (size_t)n);
    open_client(options);
    GOOD(get("/private"));
    ck_assert_uint_eq(answer.status, 200);
    log = log_of(plain_url);
    ck_assert(
        strncmp(string(log->child, "body"),
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey",
                77) == 0);
    ck_assert_str_eq(header(log->child, "authorization"), "(none)");
    BIO_free(bio);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(says_why_there_is_no_token)
{
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token?mode=refuse"));
    BAD(get("/private"), RH_AUTH);
    ck_assert_ptr_nonnull(strstr(error.message, "invalid_grant"));
    ck_assert_ptr_null(strstr(error.message, "s3cret"));
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token?mode=text"));
    BAD(get("/private"), RH_PROTOCOL);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/status/500"));
    BAD(get("/private"), RH_UNAVAILABLE);
    open_client(oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/silent"));
    op.deadline_us = rh_clock_us() + SHORT_US;
    BAD(get("/private"), RH_TIMEOUT);
}
END_TEST

#define N_THREADS 8

static void *use_token(void *context)
{
    struct rh_http_request request = request_for("GET", "/echo");
    struct rh_http_answer head = {.struct_size = sizeof(head)};
    struct rh_http_exchange *exchange = NULL;
    struct rh_error mine = RH_ERROR_INIT;
    struct rh_text piece;
    int rc;

    rc = http->send(context, &op, &request, &exchange, &mine);
    if (rc == RH_OK)
        rc = http->answer(exchange, &op, &head, &mine);
    while (rc == RH_OK)
        rc = http->read(exchange, &op, &piece, &mine);
    http->close(exchange);
    return rc == RH_END ? context : NULL;
}

START_TEST(fetches_a_token_once_for_all_threads)
{
    struct rh_http_client *clients[N_THREADS];
    pthread_t threads[N_THREADS];
    struct rh_http_options options;
    uint32_t n_tokens = 0;
    void *result;

    reset(plain_url);
    options = oauth(RH_HTTP_AUTH_OAUTH2_CLIENT, "/token");
    for (int i = 0; i < N_THREADS; i++) { /* two threads to a client */
        clients[i] = NULL;
        if (i % 2 == 0)
            GOOD(http->client_new(rh_host_services(), &options, &clients[i], &error));
    }
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_token, clients[i / 2 * 2]), 0);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], &result);
        ck_assert_ptr_nonnull(result);
    }
    for (const struct rh_json *one = log_of(plain_url)->child; one; one = one->next)
        n_tokens += strncmp(string(one, "target"), "/token", 6) == 0;
    ck_assert_uint_eq(n_tokens, 1);
    for (int i = 0; i < N_THREADS; i++)
        http->client_free(clients[i]);
}
END_TEST

HTTP_TESTS("http_auth", authenticates, fetches_access_tokens, refreshes_access_tokens,
           fetches_tokens_with_an_assertion, says_why_there_is_no_token,
           fetches_a_token_once_for_all_threads)
