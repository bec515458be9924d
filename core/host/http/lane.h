/*
 * A lane: a curl multi handle with its kept-alive connections and one easy handle. Used by one
 * exchange, hence one thread, at a time; only rh_http_lane_wake may be called beside it.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/host.h>

#include <curl/curl.h>
#include <stdatomic.h>

struct rh_http_lane {
    struct rh_http_lane *next; /* while it is idle */
    CURLM *multi;
    CURL *easy;
};

/* What ends a wait beside the op. */
struct rh_http_wait {
    const struct rh_op *op;
    const atomic_bool *cancelled; /* by rh_http.cancel */
};

/* NULL when out of memory. Owned by caller. */
struct rh_http_lane *rh_http_lane_new(void);
void rh_http_lane_free(struct rh_http_lane *lane);
/* CANCELLED or TIMEOUT when the wait is over by now. */
int rh_http_lane_check(const struct rh_http_wait *wait, struct rh_error *error);
/* Waits until something happens on the lane, it is woken, or until_us has come; errors as above. */
int rh_http_lane_poll(struct rh_http_lane *lane, const struct rh_http_wait *wait, uint64_t until_us,
                      struct rh_error *error);
/* Waits until then (monotonic), whatever happens on the lane; errors as above. */
int rh_http_lane_sleep(struct rh_http_lane *lane, const struct rh_http_wait *wait,
                       uint64_t until_us, struct rh_error *error);
/* [any] */
void rh_http_lane_wake(struct rh_http_lane *lane);
