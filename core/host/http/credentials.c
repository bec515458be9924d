/* What authenticates a request, by the kind that the client has. */
#include "host/http/exchange.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/http/sigv4.h"
#include "host/http/token.h"

#include <string.h>
#include <strings.h>

static bool is_named(struct rh_text name, const char *other)
{
    return name.len == strlen(other) && strncasecmp(name.data, other, name.len) == 0;
}

static bool is_signed(struct rh_text name)
{
    return is_named(name, "content-type") ||
           (name.len > 6 && strncasecmp(name.data, "x-amz-", 6) == 0);
}

/* The hash of the body: the connector's, the real one, or "unsigned" for a stream to S3. */
static int payload_hash(const struct rh_http_exchange *exchange, const struct rh_vec *headers,
                        char ret_hash[RH_SIGV4_HASH_SIZE], struct rh_error *error)
{
    const struct rh_http_header *all = headers->items;

    for (uint32_t i = 0; i < headers->n; i++)
        if (is_named(all[i].name, "x-amz-content-sha256") &&
            all[i].value.len < RH_SIGV4_HASH_SIZE) {
            memcpy(ret_hash, all[i].value.data, all[i].value.len);
            ret_hash[all[i].value.len] = 0;
            return RH_OK;
        }
    if (!(exchange->flags & RH_HTTP_STREAM)) {
        rh_sigv4_hash(exchange->body, ret_hash);
        return RH_OK;
    }
    if (!rh_text_is(exchange->client->options.service, "s3"))
        return rh_fail(error, RH_UNSUPPORTED, "a streamed body can be signed for S3 only");
    memcpy(ret_hash, RH_SIGV4_UNSIGNED, sizeof(RH_SIGV4_UNSIGNED));
    return RH_OK;
}

static int add_amz_headers(struct rh_http_exchange *exchange, struct rh_vec *headers,
                           const char *date, const char *hash, struct rh_error *error)
{
    const struct rh_http_options *options = &exchange->client->options;
    bool given = false;
    int rc;

    rc = rh_http_exchange_add(exchange, headers, RH_TEXT("X-Amz-Date"), rh_text_of(date), error);
    if (rc == RH_OK && options->token.len)
        rc = rh_http_exchange_add(exchange, headers, RH_TEXT("X-Amz-Security-Token"),
                                  options->token, error);
    for (uint32_t i = 0; i < headers->n; i++)
        given = given ||
                is_named(((struct rh_http_header *)headers->items)[i].name, "x-amz-content-sha256");
    if (rc == RH_OK && !given && rh_text_is(options->service, "s3"))
        rc = rh_http_exchange_add(exchange, headers, RH_TEXT("X-Amz-Content-Sha256"),
                                  rh_text_of(hash), error);
    return rc;
}

static int sign(struct rh_http_exchange *exchange, struct rh_vec *headers, struct rh_error *error)
{
    const struct rh_http_options *options = &exchange->client->options;
    struct rh_sigv4 key = {options->user, options->secret, options->region, options->service};
    char *date = rh_arena_alloc(exchange->arena, RH_SIGV4_DATE_SIZE);
    char *hash = rh_arena_alloc(exchange->arena, RH_SIGV4_HASH_SIZE);
    struct rh_vec with = RH_VEC_INIT(struct rh_http_header);
    struct rh_sigv4_request request;
    struct rh_buf value;
    bool ok = true;
    int rc;

    if (!date || !hash)
        return rh_fail_nomem(error);
    rh_sigv4_date(rh_clock_wall_us(), date);
    rc = payload_hash(exchange, headers, hash, error);
    if (rc == RH_OK)
        rc = add_amz_headers(exchange, headers, date, hash, error);
    if (rc == RH_OK)
        rc = rh_http_exchange_add(exchange, &with, RH_TEXT("host"), exchange->url.authority, error);
    for (uint32_t i = 0; rc == RH_OK && i < headers->n; i++) {
        const struct rh_http_header *header = (struct rh_http_header *)headers->items + i;
        if (is_signed(header->name))
            rc = rh_http_exchange_add(exchange, &with, header->name, header->value, error);
    }
    if (rc)
        return rc;
    request = (struct rh_sigv4_request){.method = rh_text_of(exchange->method),
                                        .path = exchange->url.path,
                                        .query = exchange->url.query,
                                        .headers = with.items,
                                        .n_headers = with.n,
                                        .payload_hash = hash,
                                        .date = date};
    rh_buf_init(&value, 65536);
    rc = rh_sigv4_sign(&key, &request, &value, error);
    if (rc == RH_OK)
        rc = rh_http_exchange_add(exchange, headers, RH_TEXT("Authorization"),
                                  rh_arena_text(exchange->arena, rh_buf_text(&value), &ok), error);
    rh_buf_free(&value);
    return ok ? rc : rh_fail_nomem(error);
}

int rh_http_exchange_authenticate(struct rh_http_exchange *exchange,
                                  const struct rh_http_wait *wait, struct rh_vec *headers,
                                  struct rh_error *error)
{
    struct rh_http_client *client = exchange->client;
    const struct rh_http_options *options = &client->options;
    char *value;
    int rc;

    switch (options->auth) {
    case RH_HTTP_AUTH_NONE:
        return RH_OK;
    case RH_HTTP_AUTH_BASIC:
    case RH_HTTP_AUTH_BEARER:
        return rh_http_exchange_add(exchange, headers, RH_TEXT("Authorization"),
                                    client->authorization, error);
    case RH_HTTP_AUTH_HEADER:
        return rh_http_exchange_add(exchange, headers, options->user, options->secret, error);
    case RH_HTTP_AUTH_QUERY:
        return rh_http_url_with_query(exchange->arena, &exchange->url, options->user,
                                      options->secret, &exchange->sent, error);
    case RH_HTTP_AUTH_SIGV4:
        return sign(exchange, headers, error);
    default:
        rc = rh_http_token_use(client, exchange->lane, wait, exchange->arena, &exchange->token,
                               error);
        if (rc)
            return rc;
        value = rh_arena_printf(exchange->arena, "Bearer %.*s", RH_TEXT_ARG(exchange->token));
        if (!value)
            return rh_fail_nomem(error);
        return rh_http_exchange_add(exchange, headers, RH_TEXT("Authorization"), rh_text_of(value),
                                    error);
    }
}
