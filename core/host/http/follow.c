/* What follows an attempt: a redirect, a new access token, a retry, or nothing. */
#include "host/http/exchange.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"
#include "host/http/token.h"

#include <string.h>
#include <strings.h>

#define FIRST_BACKOFF_US 100000u
#define LAST_BACKOFF_US 10000000u
#define MAX_DOUBLINGS 10

/* ---- Redirects ---------------------------------------------------------------------------- */

static bool is_redirect(uint32_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* For a GET in place of a request with a body; and in a foreign place all the rest goes too. */
static void drop_headers(struct rh_http_exchange *exchange, bool foreign,
                         struct rh_http_header *kept)
{
    static const char *const harmless[] = {"accept", "accept-language", "range"};
    uint32_t n = 0;

    for (uint32_t i = 0; i < exchange->n_headers; i++) {
        struct rh_text name = exchange->headers[i].name;
        bool keep = !foreign && (name.len < 8 || strncasecmp(name.data, "content-", 8) != 0);

        for (size_t k = 0; k < sizeof(harmless) / sizeof(harmless[0]); k++)
            keep = keep || (name.len == strlen(harmless[k]) &&
                            strncasecmp(name.data, harmless[k], name.len) == 0);
        if (keep)
            kept[n++] = exchange->headers[i];
    }
    exchange->headers = kept;
    exchange->n_headers = n;
}

static int redirect(struct rh_http_exchange *exchange, struct rh_text location, bool *ret_again,
                    struct rh_error *error)
{
    uint32_t status = exchange->answer.status;
    bool post = strcmp(exchange->method, "POST") == 0, head = strcmp(exchange->method, "HEAD") == 0;
    bool to_get = (status == 303 && !head) || ((status == 301 || status == 302) && post);
    struct rh_http_url target;
    bool foreign;
    int rc;

    rc = rh_http_url_follow(exchange->arena, &exchange->url, location, &target, error);
    if (rc)
        return rh_error_prefix(error, "%s", exchange->shown);
    foreign = !rh_http_url_same_origin(&target, &exchange->url);
    if (!to_get && (exchange->flags & RH_HTTP_STREAM || (foreign && exchange->body.data)))
        return RH_OK;
    if (exchange->n_redirects++ >= exchange->client->options.max_redirects)
        return rh_fail(error, RH_PROTOCOL, "%s: redirected more than %u times", exchange->shown,
                       (unsigned)exchange->client->options.max_redirects);
    if (exchange->url.tls && !target.tls)
        return rh_fail(error, RH_PERMISSION, "%s: redirected from https to http", exchange->shown);
    if (to_get) {
        exchange->method = "GET";
        exchange->body = rh_text_make(NULL, 0);
        exchange->flags &= ~RH_HTTP_STREAM;
    }
    if (to_get || foreign) {
        struct rh_http_header *kept =
            rh_arena_array(exchange->arena, exchange->n_headers, sizeof(*kept));
        if (!kept)
            return rh_fail_nomem(error);
        drop_headers(exchange, foreign, kept);
    }
    exchange->url = target;
    *ret_again = true;
    return RH_OK;
}

/* ---- Retries ------------------------------------------------------------------------------ */

/* Half of it for certain, half by chance, so that many clients do not come back at once. */
static uint64_t backoff_us(uint32_t n_retries)
{
    uint64_t us = FIRST_BACKOFF_US << (n_retries < MAX_DOUBLINGS ? n_retries : MAX_DOUBLINGS);

    if (us > LAST_BACKOFF_US)
        us = LAST_BACKOFF_US;
    return us / 2 + rh_rand_u64() % (us / 2);
}

/* Waits, if a retry is left and there is time for it. */
static int retry(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                 uint64_t after_us, bool *ret_again, struct rh_error *error)
{
    uint64_t until_us = rh_clock_us() + after_us;

    if (exchange->n_retries >= exchange->client->options.retries ||
        exchange->flags & RH_HTTP_STREAM || until_us >= wait->op->deadline_us)
        return RH_OK;
    exchange->n_retries++;
    *ret_again = true;
    rh_http_transfer_stop(&exchange->transfer, wait);
    return rh_http_lane_sleep(exchange->lane, wait, until_us, error);
}

static int after_failure(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                         const struct rh_error *failure, bool *ret_again, struct rh_error *error)
{
    bool repeatable = failure->retry == RH_RETRY_SAFE ||
                      (failure->retry == RH_RETRY_IF_IDEMPOTENT && rh_http_exchange_safe(exchange));

    if (failure->error_class != RH_UNAVAILABLE || !repeatable)
        return RH_OK;
    return retry(exchange, wait, backoff_us(exchange->n_retries), ret_again, error);
}

static int after_refusal(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                         bool *ret_again, struct rh_error *error)
{
    uint32_t status = exchange->answer.status;
    uint64_t after_us = exchange->answer.retry_after_ms * 1000;
    bool failed = status == 502 || status == 503 || status == 504;

    if (status == 429 && after_us &&
        rh_http_url_same_origin(&exchange->url, &exchange->client->base))
        rh_http_limiter_block(exchange->client->limiter, rh_clock_us() + after_us);
    if (status != 429 && !(failed && rh_http_exchange_safe(exchange)))
        return RH_OK;
    if (!after_us)
        after_us = backoff_us(exchange->n_retries);
    return retry(exchange, wait, after_us, ret_again, error);
}

int rh_http_exchange_follow(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                            const struct rh_error *failure, bool *ret_again, struct rh_error *error)
{
    struct rh_http_answer *answer = &exchange->answer;
    struct rh_text location;
    int rc = RH_OK;

    *ret_again = false;
    if (failure->error_class)
        return after_failure(exchange, wait, failure, ret_again, error);
    location = rh_http_head_find(answer->headers, answer->n_headers, "location");
    if (is_redirect(answer->status) && location.data && exchange->client->options.max_redirects) {
        rc = redirect(exchange, location, ret_again, error);
    } else if (answer->status == 401 && exchange->token.data && !exchange->renewed &&
               !(exchange->flags & RH_HTTP_STREAM)) {
        exchange->renewed = *ret_again = true;
        rh_http_token_drop(exchange->client->token, exchange->token);
    } else {
        rc = after_refusal(exchange, wait, ret_again, error);
    }
    if (rc == RH_OK && *ret_again)
        rh_http_transfer_stop(&exchange->transfer, wait);
    return rc;
}
