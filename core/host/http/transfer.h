/*
 * One attempt at a request: set up on a lane, driven by its caller, with bounded buffers both ways.
 *
 * The body of the answer waits in `in` until it is taken; when that is full the transfer pauses, so
 * the peer waits. The body of a streamed request is `out`; when that is empty the transfer pauses.
 */
#pragma once

#include "host/http/head.h"
#include "host/http/lane.h"
#include "host/http/url.h"

struct rh_http_client;

/* What to send. Borrowed until rh_http_transfer_stop. */
struct rh_http_attempt {
    const struct rh_http_client *client;
    const struct rh_http_url *url;
    const char *method;
    const struct rh_http_header *headers;
    uint32_t n_headers;
    struct rh_text body; /* no text: none */
    bool stream;
    int64_t stream_length; /* -1: not known */
    bool once;             /* never send it twice, not even on a connection that was found dead */
};

struct rh_http_transfer {
    struct rh_http_lane *lane; /* borrowed */
    struct rh_http_attempt attempt;
    struct curl_slist *lines;
    struct rh_http_head head;
    struct rh_buf in;
    struct rh_text out;
    bool added;      /* to the lane's multi handle */
    bool done;       /* `result` says how */
    bool sent;       /* a connection was there, so some of the request may have arrived */
    bool repeated;   /* libcurl wanted to send it again, and `once` forbade it */
    bool forbidden;  /* by egress rules */
    bool in_paused;  /* the answer waits for room in `in` */
    bool out_paused; /* the request waits for more in `out` */
    bool out_ended;  /* no more will come */
    bool drop;       /* what still comes is thrown away */
    uint64_t n_dropped;
    CURLcode result;
    struct rh_error fault; /* of a callback, which then has ended the transfer */
    char detail[CURL_ERROR_SIZE];
};

enum rh_http_goal {
    RH_HTTP_STARTED,   /* as far as it goes without waiting */
    RH_HTTP_HEAD,      /* the head has come */
    RH_HTTP_BODY,      /* there is something in `in` */
    RH_HTTP_TAKEN,     /* all of `out` has been taken */
    RH_HTTP_COMPLETED, /* nothing more will come */
};

void rh_http_transfer_init(struct rh_http_transfer *transfer, uint32_t max_header_bytes);
void rh_http_transfer_fini(struct rh_http_transfer *transfer);
/* RESOURCE, CONFIG (what libcurl cannot do). */
int rh_http_transfer_start(struct rh_http_transfer *transfer, struct rh_http_lane *lane,
                           const struct rh_http_attempt *attempt, struct rh_error *error);
/* Drives it until the goal is reached or it is done (RH_OK); CANCELLED, TIMEOUT; INTERNAL. */
int rh_http_transfer_run(struct rh_http_transfer *transfer, const struct rh_http_wait *wait,
                         enum rh_http_goal goal, struct rh_error *error);
/* Takes it off the lane. The connection is kept when the answer was complete; a short rest of one
 * is read for that. */
void rh_http_transfer_stop(struct rh_http_transfer *transfer, const struct rh_http_wait *wait);
long rh_http_transfer_status(const struct rh_http_transfer *transfer);
/* How a transfer that is done ended: RH_OK, or an error with its retry advice. `shown` names the
 * request. */
int rh_http_transfer_outcome(const struct rh_http_transfer *transfer, const char *shown,
                             struct rh_error *error);
