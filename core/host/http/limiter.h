/*
 * Rate limiters, shared by all clients that are the same to the server: same origin, user and
 * secret. So ten pooled connections keep one rate, and a Retry-After that one of them got holds the
 * others back too.
 */
#pragma once

#include <rowhouse/error.h>

#include <stdint.h>

#define RH_HTTP_KEY_BYTES 32

struct rh_http_limiter;

/* key: a digest of what they share. per_minute 0: no rate of its own; among several, the lowest
 * counts. NULL when out of memory. [any] */
struct rh_http_limiter *rh_http_limiter_get(const uint8_t key[RH_HTTP_KEY_BYTES],
                                            uint32_t per_minute);
/* [any] NULL is allowed. */
void rh_http_limiter_put(struct rh_http_limiter *limiter);
/* Takes the next slot and says when it is, if that is not after `latest_us`; else takes nothing and
 * returns RATE_LIMITED with retry_after_ms. All times of the monotonic clock. [any] */
int rh_http_limiter_take(struct rh_http_limiter *limiter, uint64_t now_us, uint64_t latest_us,
                         uint64_t *ret_at_us, struct rh_error *error);
/* Nothing before then. [any] */
void rh_http_limiter_block(struct rh_http_limiter *limiter, uint64_t until_us);
