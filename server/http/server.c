/*
 * The adapter to libmicrohttpd. What the library answers by itself (a malformed request line,
 * headers above its 32 KiB) does not come here.
 *
 * The request object is made when the request line has arrived, because only then does the library
 * show the URI as it was sent.
 */
#include "server/http/server.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "server/http/listen.h"
#include "server/http/reply.h"
#include "server/http/stream.h"
#include "server/http/workers.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* What is still read of a body whose answer is known, so that the client gets to read it. */
#define SWALLOW_BYTES ((uint64_t)1 << 20)
#define CONNECTION_MEMORY ((size_t)32 << 10)
#define AFTER_CANCEL_MS 5000

struct rh_web_server {
    const struct rh_web_handler *handler;
    const char *temp_folder;
    struct MHD_Daemon *daemon;
    struct rh_web_requests *requests;
    struct rh_web_workers *workers;
    unsigned n_workers;
    char *url;
    atomic_bool stopping;
};

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct rh_web_server *server = context;
    struct rh_web_request *request = rh_web_request_new(server->requests, uri);

    if (!request)
        return NULL;
    request->server = server;
    request->connection = connection;
    return request;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode why)
{
    struct rh_web_server *server = context;
    struct rh_web_request *request = *slot;

    (void)connection;
    if (!request)
        return;
    *slot = NULL;
    atomic_store(&request->fd, -1);
    if (request->stream) {
        if (request->phase == RH_WEB_REPLIED)
            rh_web_stream_refuse(request->stream);
        if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
            rh_web_workers_gone(server->workers, request);
    }
    rh_web_request_unref(server->requests, request);
}

static enum MHD_Result send_last_reply(struct rh_web_request *request, bool last)
{
    bool sent = rh_web_reply_send(request, last);

    request->phase = RH_WEB_SENT;
    return sent ? MHD_YES : MHD_NO;
}

static enum MHD_Result send_reply(struct rh_web_request *request)
{
    return send_last_reply(request, atomic_load(&request->server->stopping));
}

static void refuse(struct rh_web_request *request, enum rh_web_refusal why)
{
    const struct rh_web_handler *handler = request->server->handler;

    handler->refuse(handler->context, request, why);
    request->replied = true;
}

/* What is said about where the body ends. A proxy in front that took the other of two answers would
 * let one client's body pass for another's request. */
struct framing {
    unsigned n_lengths, n_codings;
    bool chunked;
};

static enum MHD_Result look_at_framing(void *context, enum MHD_ValueKind kind, const char *name,
                                       const char *value)
{
    struct framing *framing = context;

    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        framing->n_lengths++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        framing->n_codings++;
        framing->chunked = value && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

static bool is_framed_once(struct MHD_Connection *connection)
{
    struct framing framing = {0};

    MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_framing, &framing);
    return framing.n_lengths + framing.n_codings <= 1 &&
           (framing.n_codings == 0 || framing.chunked);
}

static enum MHD_Result on_headers(struct rh_web_request *request, const char *method)
{
    const struct rh_web_handler *handler = request->server->handler;
    const union MHD_ConnectionInfo *info;
    struct rh_text length;
    uint64_t announced = 0;

    request->method = rh_web_method_of(method);
    request->phase = RH_WEB_BODY;
    info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    atomic_store(&request->fd, info ? info->connect_fd : -1);
    length = rh_web_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length.data && !rh_text_to_u64(length, &announced))
        announced = UINT64_MAX;
    request->replied = !handler->begin(handler->context, request);
    if (!is_framed_once(request->connection)) {
        if (!request->replied)
            refuse(request, RH_WEB_REFUSE_FRAMING);
        return send_last_reply(request, true);
    }
    if (!request->replied && announced > request->max_body)
        refuse(request, RH_WEB_REFUSE_TOO_LARGE);
    /* An answer before the body closes the connection, so it is given only when reading the body
     * would take long. */
    if (request->replied && announced > SWALLOW_BYTES)
        return send_reply(request);
    return MHD_YES;
}

static enum MHD_Result on_body(struct rh_web_request *request, const char *data, size_t *size)
{
    struct rh_web_server *server = request->server;
    size_t n = *size;

    *size = 0;
    if (!request->replied) {
        if (n > request->max_body - request->upload.size)
            refuse(request, RH_WEB_REFUSE_TOO_LARGE);
        else if (!rh_web_body_add(&request->upload, server->temp_folder, data, n))
            refuse(request, RH_WEB_REFUSE_STORAGE);
        return MHD_YES;
    }
    request->n_swallowed += n;
    return request->n_swallowed <= SWALLOW_BYTES ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_complete_request(struct rh_web_request *request)
{
    struct rh_web_server *server = request->server;

    if (!request->replied && !rh_web_body_finish(&request->upload, &request->body))
        refuse(request, RH_WEB_REFUSE_STORAGE);
    if (request->replied)
        return send_reply(request);
    request->phase = RH_WEB_RUNNING;
    MHD_suspend_connection(request->connection);
    if (!rh_web_workers_push(server->workers, request)) {
        refuse(request, RH_WEB_REFUSE_BUSY);
        rh_web_server_hand_back(request);
    }
    return MHD_YES;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **slot)
{
    struct rh_web_request *request = *slot;

    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    if (!request)
        return MHD_NO;
    switch (request->phase) {
    case RH_WEB_HEADERS:
        return on_headers(request, method);
    case RH_WEB_BODY:
        return *size ? on_body(request, data, size) : on_complete_request(request);
    case RH_WEB_REPLIED:
        return send_reply(request);
    case RH_WEB_RUNNING:
    case RH_WEB_SENT:
        break;
    }
    return MHD_YES;
}

void rh_web_server_hand_back(struct rh_web_request *request)
{
    request->phase = RH_WEB_REPLIED;
    MHD_resume_connection(request->connection);
}

/* The path is decoded by the router, so that an encoded '/' stays inside its segment. */
static size_t keep_encoded(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static int start_daemon(struct rh_web_server *server, const struct rh_web_options *options, int fd,
                        struct rh_error *error)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;

    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_access, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, options->threads > 1 ? options->threads : 0u,
        MHD_OPTION_CONNECTION_LIMIT, options->max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        0u, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, server, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL, MHD_OPTION_END);
    return server->daemon ? RH_OK
                          : rh_fail(error, RH_RESOURCE, "cannot start the HTTP server threads");
}

int rh_web_server_start(const struct rh_web_options *options, const struct rh_web_handler *handler,
                        struct rh_web_server **ret_server, struct rh_error *error)
{
    struct rh_web_server *server = calloc(1, sizeof(*server));
    int fd = -1, rc;

    if (!server)
        return rh_fail_nomem(error);
    server->handler = handler;
    server->temp_folder = options->temp_folder;
    server->n_workers = options->workers;
    server->requests = rh_web_requests_new();
    if (!server->requests) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    rc = rh_web_listen(options->listen, &fd, &server->url, error);
    if (rc != RH_OK)
        goto out;
    rc = rh_web_workers_new(options->workers, options->eager, options->queue, handler,
                            server->requests, &server->workers, error);
    if (rc != RH_OK)
        goto out;
    rc = start_daemon(server, options, fd, error);
    if (rc != RH_OK)
        goto out;
    fd = -1;
    *ret_server = server;
    return RH_OK;

out:
    if (fd >= 0)
        close(fd);
    rh_web_workers_free(server->workers);
    rh_web_requests_free(server->requests);
    free(server->url);
    free(server);
    return rc;
}

const char *rh_web_server_url(const struct rh_web_server *server)
{
    return server->url;
}

void rh_web_server_stats(struct rh_web_server *server, struct rh_web_stats *ret_stats)
{
    ret_stats->n_active = rh_web_requests_active(server->requests);
    ret_stats->n_queued = rh_web_workers_queued(server->workers);
    ret_stats->n_workers = server->n_workers;
}

static bool wait_idle(struct rh_web_server *server, unsigned ms)
{
    uint64_t deadline_us = rh_clock_us() + (uint64_t)ms * 1000;
    struct timespec pause = {0, 5 * 1000 * 1000};

    while (rh_web_requests_active(server->requests)) {
        if (rh_clock_us() >= deadline_us)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

bool rh_web_server_stop(struct rh_web_server *server, unsigned grace_ms)
{
    MHD_socket fd;

    if (!server)
        return true;
    atomic_store(&server->stopping, true);
    fd = MHD_quiesce_daemon(server->daemon);
    if (!wait_idle(server, grace_ms)) {
        rh_log(RH_LOG_WARN, "server", "requests still run after %u ms: cancelling them", grace_ms);
        rh_web_workers_cancel(server->workers);
        if (!wait_idle(server, AFTER_CANCEL_MS))
            return false;
    }
    MHD_stop_daemon(server->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
    rh_web_workers_free(server->workers);
    rh_web_requests_free(server->requests);
    free(server->url);
    free(server);
    return true;
}
