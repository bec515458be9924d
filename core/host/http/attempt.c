/* One attempt: what is sent and where. */
#include "host/http/exchange.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"

#include <strings.h>

int rh_http_exchange_add(struct rh_http_exchange *exchange, struct rh_vec *headers,
                         struct rh_text name, struct rh_text value, struct rh_error *error)
{
    struct rh_http_header *header = rh_vec_push(headers, exchange->arena);

    if (!header)
        return rh_fail_nomem(error);
    *header = (struct rh_http_header){name, value};
    return RH_OK;
}

static int compose(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                   struct rh_vec *headers, struct rh_error *error)
{
    const struct rh_http_client *client = exchange->client;
    bool home = rh_http_url_same_origin(&exchange->url, &client->base);
    int rc = RH_OK;

    exchange->sent = exchange->url;
    for (uint32_t i = 0; rc == RH_OK && i < exchange->n_headers; i++)
        rc = rh_http_exchange_add(exchange, headers, exchange->headers[i].name,
                                  exchange->headers[i].value, error);
    for (uint32_t i = 0; rc == RH_OK && home && i < client->options.n_headers; i++) {
        const struct rh_http_header *header = &client->options.headers[i];
        bool given = false;

        for (uint32_t k = 0; k < exchange->n_headers; k++)
            given = given || (exchange->headers[k].name.len == header->name.len &&
                              strncasecmp(exchange->headers[k].name.data, header->name.data,
                                          header->name.len) == 0);
        if (!given)
            rc = rh_http_exchange_add(exchange, headers, header->name, header->value, error);
    }
    if (rc == RH_OK && home)
        rc = rh_http_exchange_authenticate(exchange, wait, headers, error);
    return rc;
}

static int wait_for_slot(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                         struct rh_error *error)
{
    uint64_t at_us;
    int rc;

    if (!rh_http_url_same_origin(&exchange->url, &exchange->client->base))
        return RH_OK;
    rc = rh_http_lane_check(wait, error);
    if (rc == RH_OK)
        rc = rh_http_limiter_take(exchange->client->limiter, rh_clock_us(), wait->op->deadline_us,
                                  &at_us, error);
    if (rc == RH_OK)
        rc = rh_http_lane_sleep(exchange->lane, wait, at_us, error);
    return rc;
}

static int check_egress(const struct rh_http_exchange *exchange, struct rh_error *error)
{
    bool configured = rh_http_client_configured(exchange->client, &exchange->url);

    if (rh_egress_allows_host(rh_http_config_egress(), exchange->url.host, configured,
                              exchange->client->options.proxy.len > 0))
        return RH_OK;
    rh_fail(error, RH_PERMISSION, "requests may not go to %.*s",
            RH_TEXT_ARG(exchange->url.authority));
    return rh_error_code(error, "egress-forbidden");
}

int rh_http_exchange_attempt(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                             struct rh_error *error)
{
    struct rh_vec headers = RH_VEC_INIT(struct rh_http_header);
    struct rh_http_attempt attempt;
    int rc;

    exchange->shown = rh_arena_printf(exchange->arena, "%s %s", exchange->method,
                                      rh_http_url_shown(exchange->arena, &exchange->url));
    if (!exchange->shown)
        return rh_fail_nomem(error);
    rc = check_egress(exchange, error);
    if (rc == RH_OK)
        rc = wait_for_slot(exchange, wait, error);
    if (rc == RH_OK)
        rc = compose(exchange, wait, &headers, error);
    if (rc)
        return rc;
    attempt = (struct rh_http_attempt){.client = exchange->client,
                                       .url = &exchange->sent,
                                       .method = exchange->method,
                                       .headers = headers.items,
                                       .n_headers = headers.n,
                                       .body = exchange->body,
                                       .stream = exchange->flags & RH_HTTP_STREAM,
                                       .stream_length = exchange->stream_length,
                                       .once = !rh_http_exchange_safe(exchange)};
    rc = rh_http_transfer_start(&exchange->transfer, exchange->lane, &attempt, error);
    if (rc == RH_OK)
        rc = rh_http_transfer_run(&exchange->transfer, wait, RH_HTTP_STARTED, error);
    return rc;
}
