#include "host/http/lane.h"

#include "base/clock.h"
#include "base/err.h"

#include <poll.h>
#include <stdlib.h>

#define MAX_CONNECTIONS 4L /* the base URL's, and where redirects lead */

struct rh_http_lane *rh_http_lane_new(void)
{
    struct rh_http_lane *lane = calloc(1, sizeof(*lane));

    if (!lane)
        return NULL;
    lane->multi = curl_multi_init();
    lane->easy = curl_easy_init();
    if (lane->multi && lane->easy &&
        curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS) == CURLM_OK)
        return lane;
    rh_http_lane_free(lane);
    return NULL;
}

void rh_http_lane_free(struct rh_http_lane *lane)
{
    if (!lane)
        return;
    curl_easy_cleanup(lane->easy);
    curl_multi_cleanup(lane->multi);
    free(lane);
}

int rh_http_lane_check(const struct rh_http_wait *wait, struct rh_error *error)
{
    struct pollfd fd = {.fd = wait->op->cancel_fd, .events = POLLIN};

    if (atomic_load(wait->cancelled) || (fd.fd >= 0 && poll(&fd, 1, 0) > 0))
        return rh_fail(error, RH_CANCELLED, "the request was cancelled");
    if (rh_clock_us() >= wait->op->deadline_us)
        return rh_fail(error, RH_TIMEOUT, "the deadline passed");
    return RH_OK;
}

int rh_http_lane_poll(struct rh_http_lane *lane, const struct rh_http_wait *wait, uint64_t until_us,
                      struct rh_error *error)
{
    struct curl_waitfd fd = {.fd = wait->op->cancel_fd, .events = CURL_WAIT_POLLIN};
    uint64_t end_us = until_us < wait->op->deadline_us ? until_us : wait->op->deadline_us;
    CURLMcode code;
    int rc;

    rc = rh_http_lane_check(wait, error);
    if (rc)
        return rc;
    code = curl_multi_poll(lane->multi, &fd, fd.fd >= 0 ? 1 : 0, rh_clock_left_ms(end_us), NULL);
    if (code != CURLM_OK)
        return rh_fail(error, RH_INTERNAL, "curl: %s", curl_multi_strerror(code));
    return rh_http_lane_check(wait, error);
}

int rh_http_lane_sleep(struct rh_http_lane *lane, const struct rh_http_wait *wait,
                       uint64_t until_us, struct rh_error *error)
{
    int rc = RH_OK;

    while (rc == RH_OK && rh_clock_us() < until_us)
        rc = rh_http_lane_poll(lane, wait, until_us, error);
    return rc;
}

void rh_http_lane_wake(struct rh_http_lane *lane)
{
    curl_multi_wakeup(lane->multi);
}
