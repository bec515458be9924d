/*
 * The HTTP server: libmicrohttpd with epoll threads that never block, and a bounded pool of
 * workers that may.
 *
 *   epoll thread: headers → begin → body → queue, connection suspended
 *   worker:       run → answer ready → connection resumed
 *   epoll thread: answer sent
 */
#pragma once

#include "server/http/request.h"

#include <rowhouse/error.h>

struct rh_web_server;

enum rh_web_refusal {
    RH_WEB_REFUSE_BUSY,      /* the queue is full */
    RH_WEB_REFUSE_TOO_LARGE, /* the body is above max_body */
    RH_WEB_REFUSE_STORAGE,   /* the body could not be kept */
    RH_WEB_REFUSE_FRAMING,   /* it is not clear where the body ends */
};

struct rh_web_handler {
    void *context;
    /* [epoll] The headers have arrived. Must not block. Sets max_body and returns true to be run on
     * a worker once the body is there, or fills the answer and returns false. */
    bool (*begin)(void *context, struct rh_web_request *request);
    /* [worker] Fills the answer or opens a stream and ends it. */
    void (*run)(void *context, void *worker, struct rh_web_request *request);
    /* [epoll, worker] Fills the answer of a request that is not run. */
    void (*refuse)(void *context, struct rh_web_request *request, enum rh_web_refusal why);
    /* [any] The client of the request that this worker runs has left. Only called while `run` is
     * under way; must not block. */
    void (*gone)(void *context, void *worker);
    /* What a worker keeps from request to request. NULL when out of memory. */
    void *(*worker_new)(void *context);
    void (*worker_free)(void *context, void *worker);
};

struct rh_web_options {
    const char *listen;      /* "127.0.0.1:7070", "[::1]:0"; port 0: any free one */
    const char *temp_folder; /* for large bodies */
    unsigned threads;        /* epoll threads */
    unsigned workers;        /* at most */
    unsigned eager;          /* of these, as many as are enough while the machine is busy */
    unsigned queue;          /* requests that may wait for a worker */
    unsigned max_connections;
    unsigned idle_seconds; /* a connection without a request is closed after */
};

/* CONFIG when the address cannot be listened on. handler and options' texts are borrowed for the
 * server's life. Owned by the caller. */
int rh_web_server_start(const struct rh_web_options *options, const struct rh_web_handler *handler,
                        struct rh_web_server **ret_server, struct rh_error *error);
/* "http://127.0.0.1:7070", valid as long as the server. */
const char *rh_web_server_url(const struct rh_web_server *server);
/* Stops listening, lets running requests finish for up to grace_ms, then cancels them. Frees the
 * server and returns true; when requests still run a while after that, returns false and leaves
 * everything as it is: the process should end. NULL is allowed. */
bool rh_web_server_stop(struct rh_web_server *server, unsigned grace_ms);

struct rh_web_stats {
    unsigned n_active; /* requests under way */
    unsigned n_queued; /* of these: waiting for a worker */
    unsigned n_workers;
};
/* [any] */
void rh_web_server_stats(struct rh_web_server *server, struct rh_web_stats *ret_stats);

/* [worker] The answer is ready (or its stream open): wakes the connection. */
void rh_web_server_hand_back(struct rh_web_request *request);
