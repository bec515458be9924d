/*
 * core/host/http: Signature 4, as AWS's test suite and the S3 documentation have it, and signed
 * assertions.
 */
#include "host/http/grant.h"
#include "host/http/sigv4.h"

#include "http_parts.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

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

TESTS_MAIN("http_signing", signs_as_the_suite_of_aws_says, signs_as_s3_wants_it,
           writes_the_date_of_a_signature, signs_an_assertion)
