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
struct rh_http_server;
struct rh_http_stream;

enum rh_http_method {
    RH_HTTP_GET,
    RH_HTTP_HEAD,
    RH_HTTP_POST,
    RH_HTTP_PUT,
    RH_HTTP_PATCH,
    RH_HTTP_DELETE,
    RH_HTTP_OPTIONS,
    RH_HTTP_OTHER,
};

enum rh_http_phase {
    RH_HTTP_HEADERS,
    RH_HTTP_BODY,
    RH_HTTP_RUNNING,
    RH_HTTP_REPLIED,
    RH_HTTP_SENT,
};

/* Bytes that the handler may keep with a request between `begin` and `run`. */
#define RH_HTTP_ROOM 512
#define RH_HTTP_MAX_HEADERS 20

struct rh_http_header {
    const char *name; /* static text */
    uint32_t offset;  /* of the NUL-terminated value in header_text */
};

struct rh_http_request {
    /* What was asked. The texts are borrowed until the request ends. */
    enum rh_http_method method;
    struct rh_text path;  /* as sent: percent-encoded, without the query */
    struct rh_text query; /* as sent: percent-encoded, without '?' */
    struct rh_text body;  /* once it has arrived */
    uint64_t received_us; /* monotonic clock, when the request line had arrived */
    uint64_t max_body;    /* bytes; `begin` may change it */

    /* The answer. */
    unsigned status;
    bool replied; /* `begin`: the answer is complete */
    struct rh_http_header headers[RH_HTTP_MAX_HEADERS];
    unsigned n_headers;
    bool compressible;
    struct rh_buf header_text;
    struct rh_buf reply; /* the answer's body, unless a stream was opened */
    struct rh_http_stream *stream;
    atomic_bool streaming; /* set once `stream` may be looked at by other threads */

    _Alignas(16) unsigned char room[RH_HTTP_ROOM];

    /* The adapter's own. */
    enum rh_http_phase phase;
    struct rh_http_server *server;
    struct MHD_Connection *connection;
    struct rh_http_body upload;
    uint64_t n_swallowed; /* body bytes dropped after the answer was known */
    char *uri;
    size_t uri_cap;
    atomic_int fd; /* the connection's socket, -1 when the connection has let go */
    atomic_uint refs;
    struct rh_http_request *next_free;
};

/* [epoll, worker] Value of a request header, borrowed until the request ends; no text when it was
 * not sent. Names are matched without regard to case. */
struct rh_text rh_http_request_header(const struct rh_http_request *request, const char *name);
/* "GET", …; "?" for what is none of ours. Static text. */
const char *rh_http_method_name(enum rh_http_method method);
enum rh_http_method rh_http_method_of(const char *name);

/* The list of requests that are not in use. One per server. */
struct rh_http_requests;
struct rh_http_requests *rh_http_requests_new(void);
void rh_http_requests_free(struct rh_http_requests *requests);
/* [any] How many are in use, by a connection or a worker. */
unsigned rh_http_requests_active(const struct rh_http_requests *requests);
/* A request with one reference and an empty answer, for this URI (path and query, copied). NULL
 * when out of memory. [any] */
struct rh_http_request *rh_http_request_new(struct rh_http_requests *requests, const char *uri);
void rh_http_request_ref(struct rh_http_request *request);
/* [any] The last reference recycles it. */
void rh_http_request_unref(struct rh_http_requests *requests, struct rh_http_request *request);
