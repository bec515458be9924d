/*
 * One HTTP request, from its request line until its answer has been sent.
 *
 *   HEADERS ──► BODY ──► RUNNING ──► REPLIED ──► (sent)
 *      └──────────┴── answered at once ──┘
 *
 * The object and its buffers are recycled. It is shared by the connection (an epoll thread) and,
 * while it runs, by one worker; whoever lets go last gives it back. The fields are written by the
 * thread whose turn it is; the hand-over (queue, resume) orders the accesses.
 */
#pragma once

#include "base/buf.h"
#include "server/http/body.h"

#include <rowhouse/value.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;
struct rh_web_server;
struct rh_web_stream;

enum rh_web_method {
    RH_WEB_GET,
    RH_WEB_HEAD,
    RH_WEB_POST,
    RH_WEB_PUT,
    RH_WEB_PATCH,
    RH_WEB_DELETE,
    RH_WEB_OPTIONS,
    RH_WEB_OTHER,
};

enum rh_web_phase {
    RH_WEB_HEADERS,
    RH_WEB_BODY,
    RH_WEB_RUNNING,
    RH_WEB_REPLIED,
    RH_WEB_SENT,
};

/* Bytes that the handler may keep with a request between `begin` and `run`. */
#define RH_WEB_ROOM 512
#define RH_WEB_MAX_HEADERS 20

struct rh_web_header {
    const char *name; /* static text */
    uint32_t offset;  /* of the NUL-terminated value in header_text */
};

struct rh_web_request {
    /* What was asked. The texts are borrowed until the request ends. */
    enum rh_web_method method;
    struct rh_text path;  /* as sent: percent-encoded, without the query */
    struct rh_text query; /* as sent: percent-encoded, without '?' */
    struct rh_text body;  /* once it has arrived */
    uint64_t received_us; /* monotonic clock, when the request line had arrived */
    uint64_t max_body;    /* bytes; `begin` may change it */
    uint32_t lane;        /* lanes.h; `begin` may change it; 0: bound by nobody */

    /* The answer. */
    unsigned status;
    bool replied; /* `begin`: the answer is complete */
    struct rh_web_header headers[RH_WEB_MAX_HEADERS];
    unsigned n_headers;
    bool compressible;
    struct rh_buf header_text;
    struct rh_buf reply; /* the answer's body, unless a stream was opened */
    struct rh_web_stream *stream;
    atomic_bool streaming; /* set once `stream` may be looked at by other threads */

    _Alignas(16) unsigned char room[RH_WEB_ROOM];

    /* The adapter's own. */
    enum rh_web_phase phase;
    struct rh_web_server *server;
    struct MHD_Connection *connection;
    struct rh_web_body upload;
    uint64_t n_swallowed; /* body bytes dropped after the answer was known */
    char *uri;
    size_t uri_cap;
    atomic_int fd; /* the connection's socket, -1 when the connection has let go */
    atomic_uint refs;
    uint64_t queued_us;          /* monotonic clock, when it began to wait for a worker */
    struct rh_web_request *next; /* of those in its lane, or not in use */
};

/* [epoll, worker] Value of a request header, borrowed until the request ends; no text when it was
 * not sent. Names are matched without regard to case. */
struct rh_text rh_web_request_header(const struct rh_web_request *request, const char *name);
/* "GET", …; "?" for what is none of ours. Static text. */
const char *rh_web_method_name(enum rh_web_method method);
enum rh_web_method rh_web_method_of(const char *name);

/* The list of requests that are not in use. One per server. */
struct rh_web_requests;
struct rh_web_requests *rh_web_requests_new(void);
void rh_web_requests_free(struct rh_web_requests *requests);
/* [any] How many are in use, by a connection or a worker. */
unsigned rh_web_requests_active(const struct rh_web_requests *requests);
/* A request with one reference and an empty answer, for this URI (path and query, copied). NULL
 * when out of memory. [any] */
struct rh_web_request *rh_web_request_new(struct rh_web_requests *requests, const char *uri);
void rh_web_request_ref(struct rh_web_request *request);
/* [any] The last reference recycles it. */
void rh_web_request_unref(struct rh_web_requests *requests, struct rh_web_request *request);
