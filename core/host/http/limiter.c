/*
 * The generic cell rate algorithm: one number per limiter, the time at which the next slot would be
 * due if requests came evenly. A request may be early by one second's worth of slots.
 */
#include "host/http/limiter.h"

#include "base/err.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US ((uint64_t)60000000)
#define BURST_US ((uint64_t)1000000)

struct rh_http_limiter {
    struct rh_http_limiter *next;
    uint64_t refs;
    uint64_t due_us;
    uint64_t blocked_us;
    uint32_t per_minute;
    uint8_t key[RH_HTTP_KEY_BYTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all limiters; a leaf */
static struct rh_http_limiter *limiters; /* as many as datasources over HTTP: a list will do */

struct rh_http_limiter *rh_http_limiter_get(const uint8_t key[RH_HTTP_KEY_BYTES],
                                            uint32_t per_minute)
{
    struct rh_http_limiter *limiter;

    pthread_mutex_lock(&lock);
    limiter = limiters;
    while (limiter && memcmp(limiter->key, key, RH_HTTP_KEY_BYTES) != 0)
        limiter = limiter->next;
    if (!limiter) {
        limiter = calloc(1, sizeof(*limiter));
        if (limiter) {
            memcpy(limiter->key, key, RH_HTTP_KEY_BYTES);
            limiter->next = limiters;
            limiters = limiter;
        }
    }
    if (limiter) {
        limiter->refs++;
        if (per_minute && (!limiter->per_minute || per_minute < limiter->per_minute))
            limiter->per_minute = per_minute;
    }
    pthread_mutex_unlock(&lock);
    return limiter;
}

void rh_http_limiter_put(struct rh_http_limiter *limiter)
{
    struct rh_http_limiter **at = &limiters;

    if (!limiter)
        return;
    pthread_mutex_lock(&lock);
    if (--limiter->refs == 0) {
        while (*at != limiter)
            at = &(*at)->next;
        *at = limiter->next;
        free(limiter);
    }
    pthread_mutex_unlock(&lock);
}

int rh_http_limiter_take(struct rh_http_limiter *limiter, uint64_t now_us, uint64_t latest_us,
                         uint64_t *ret_at_us, struct rh_error *error)
{
    uint64_t at = now_us, due, step;

    pthread_mutex_lock(&lock);
    if (limiter->blocked_us > at)
        at = limiter->blocked_us;
    due = limiter->due_us;
    step = limiter->per_minute ? MINUTE_US / limiter->per_minute : 0;
    if (due < now_us)
        due = now_us;
    if (step && due > at + (BURST_US > step ? BURST_US - step : 0))
        at = due - (BURST_US > step ? BURST_US - step : 0);
    if (at <= latest_us)
        limiter->due_us = (due > at ? due : at) + step;
    pthread_mutex_unlock(&lock);
    if (at <= latest_us) {
        *ret_at_us = at;
        return RH_OK;
    }
    rh_fail(error, RH_RATE_LIMITED, "the rate limit leaves no request before the deadline");
    if (error && error->error_class == RH_RATE_LIMITED) {
        error->retry = RH_RETRY_SAFE;
        error->retry_after_ms = (at - now_us) / 1000 + 1;
    }
    return RH_RATE_LIMITED;
}

void rh_http_limiter_block(struct rh_http_limiter *limiter, uint64_t until_us)
{
    pthread_mutex_lock(&lock);
    if (until_us > limiter->blocked_us)
        limiter->blocked_us = until_us;
    pthread_mutex_unlock(&lock);
}
