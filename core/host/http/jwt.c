#include "host/http/grant.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdlib.h>

#define MAX_JWT (64u << 10)
#define LIFETIME_S 3600 /* the longest that Google takes */

static void add_base64(struct rh_buf *buf, const void *data, size_t n)
{
    size_t room = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *to = rh_buf_reserve(buf, room);

    if (!to)
        return;
    sodium_bin2base64(to, room, data, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buf->len += room - 1;
}

static void add_member(struct rh_buf *buf, const char *name, struct rh_text value)
{
    if (!value.len)
        return;
    rh_json_add_key(buf, name);
    rh_json_add_string(buf, value);
    rh_buf_add_char(buf, ',');
}

static EVP_PKEY *read_key(struct rh_text pem)
{
    BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, "") : NULL;

    BIO_free(bio);
    if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/* Appends "." and the signature of what stands there. */
static int add_signature(struct rh_buf *jwt, EVP_PKEY *key, struct rh_error *error)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *signature = NULL;
    size_t n = 0;
    int rc = RH_OK;

    if (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, NULL, &n, (const unsigned char *)jwt->data, jwt->len) != 1 ||
        !(signature = malloc(n)) ||
        EVP_DigestSign(context, signature, &n, (const unsigned char *)jwt->data, jwt->len) != 1)
        rc = rh_fail(error, RH_RESOURCE, "the assertion for the token endpoint was not signed");
    if (rc == RH_OK) {
        rh_buf_add_char(jwt, '.');
        add_base64(jwt, signature, n);
    }
    free(signature);
    EVP_MD_CTX_free(context);
    return rc;
}

int rh_http_jwt_sign(struct rh_arena *arena, struct rh_text key_pem, struct rh_text issuer,
                     struct rh_text scope, struct rh_text audience, int64_t wall_us,
                     struct rh_text *ret_jwt, struct rh_error *error)
{
    static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    EVP_PKEY *key = read_key(key_pem);
    int64_t now_s = wall_us / 1000000;
    struct rh_buf jwt, claims;
    bool ok = true;
    int rc;

    rh_buf_init(&jwt, MAX_JWT);
    rh_buf_init(&claims, MAX_JWT);
    if (!key) {
        rc = rh_fail(error, RH_CONFIG, "the secret is not an RSA private key in PEM");
        goto out;
    }
    rh_buf_add_char(&claims, '{');
    add_member(&claims, "iss", issuer);
    add_member(&claims, "scope", scope);
    add_member(&claims, "aud", audience);
    rh_buf_addf(&claims, "\"iat\":%lld,\"exp\":%lld}", (long long)now_s,
                (long long)now_s + LIFETIME_S);
    add_base64(&jwt, header, sizeof(header) - 1);
    rh_buf_add_char(&jwt, '.');
    add_base64(&jwt, claims.data ? claims.data : "", claims.len);
    if (jwt.failed || claims.failed) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    rc = add_signature(&jwt, key, error);
    if (rc)
        goto out;
    *ret_jwt = rh_arena_text(arena, rh_buf_text(&jwt), &ok);
    if (!ok || jwt.failed)
        rc = rh_fail_nomem(error);
out:
    rh_buf_free(&jwt);
    rh_buf_free(&claims);
    EVP_PKEY_free(key);
    return rc;
}
