/*
 * Requests are recycled through a list under one lock; what a large request made grow is given
 * back, so that a burst of large answers does not stay in memory.
 */
#include "server/http/request.h"

#include "base/clock.h"
#include "base/text.h"
#include "server/http/stream.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>

#define MAX_FREE 512
#define KEEP_REPLY_BYTES ((size_t)256 << 10)
#define MAX_REPLY_BYTES ((size_t)1 << 30)
#define MAX_HEADER_BYTES ((size_t)16 << 10)

struct rh_web_requests {
    pthread_mutex_t lock; /* guards all below; a leaf */
    struct rh_web_request *free;
    unsigned n_free;
    atomic_uint n_active; /* not under the lock */
};

static const char *const METHODS[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

const char *rh_web_method_name(enum rh_web_method method)
{
    return method < RH_WEB_OTHER ? METHODS[method] : "?";
}

enum rh_web_method rh_web_method_of(const char *name)
{
    for (unsigned i = 0; i < RH_WEB_OTHER; i++)
        if (strcmp(METHODS[i], name) == 0)
            return (enum rh_web_method)i;
    return RH_WEB_OTHER;
}

struct rh_text rh_web_request_header(const struct rh_web_request *request, const char *name)
{
    const char *value = NULL;
    size_t size = 0;

    if (MHD_lookup_connection_value_n(request->connection, MHD_HEADER_KIND, name, strlen(name),
                                      &value, &size) != MHD_YES ||
        !value)
        return (struct rh_text){NULL, 0};
    return (struct rh_text){value, size};
}

static void destroy(struct rh_web_request *request)
{
    rh_web_body_fini(&request->upload);
    rh_buf_free(&request->header_text);
    rh_buf_free(&request->reply);
    free(request->uri);
    free(request);
}

struct rh_web_requests *rh_web_requests_new(void)
{
    struct rh_web_requests *requests = calloc(1, sizeof(*requests));

    if (requests)
        pthread_mutex_init(&requests->lock, NULL);
    return requests;
}

void rh_web_requests_free(struct rh_web_requests *requests)
{
    if (!requests)
        return;
    while (requests->free) {
        struct rh_web_request *request = requests->free;
        requests->free = request->next;
        destroy(request);
    }
    pthread_mutex_destroy(&requests->lock);
    free(requests);
}

unsigned rh_web_requests_active(const struct rh_web_requests *requests)
{
    return atomic_load(&requests->n_active);
}

static struct rh_web_request *take(struct rh_web_requests *requests)
{
    struct rh_web_request *request;

    pthread_mutex_lock(&requests->lock);
    request = requests->free;
    if (request) {
        requests->free = request->next;
        requests->n_free--;
    }
    pthread_mutex_unlock(&requests->lock);
    if (request)
        return request;

    request = calloc(1, sizeof(*request));
    if (!request)
        return NULL;
    rh_web_body_init(&request->upload);
    rh_buf_init(&request->header_text, MAX_HEADER_BYTES);
    rh_buf_init(&request->reply, MAX_REPLY_BYTES);
    return request;
}

/* Behind "http://host" of the absolute form, which proxies may send. */
static const char *skip_authority(const char *uri)
{
    const char *behind = *uri == '/' ? NULL : strstr(uri, "://");

    if (!behind)
        return uri;
    behind += strlen("://");
    behind += strcspn(behind, "/?");
    return *behind == '/' ? behind : "/";
}

static bool set_uri(struct rh_web_request *request, const char *whole)
{
    const char *uri = skip_authority(whole), *query;
    size_t size = strlen(uri) + 1;

    if (size > request->uri_cap) {
        char *grown = realloc(request->uri, size + 256);
        if (!grown)
            return false;
        request->uri = grown;
        request->uri_cap = size + 256;
    }
    memcpy(request->uri, uri, size);
    query = memchr(request->uri, '?', size);
    request->path = rh_text_make(request->uri, query ? (size_t)(query - request->uri) : size - 1);
    request->query = query ? rh_text_of(query + 1) : RH_TEXT("");
    return true;
}

struct rh_web_request *rh_web_request_new(struct rh_web_requests *requests, const char *uri)
{
    struct rh_web_request *request = take(requests);

    if (!request)
        return NULL;
    atomic_fetch_add(&requests->n_active, 1);
    request->method = RH_WEB_OTHER;
    request->body = RH_TEXT("");
    request->received_us = rh_clock_us();
    request->max_body = 0;
    request->lane = 0;
    request->status = 0;
    request->replied = false;
    request->n_headers = 0;
    request->compressible = false;
    request->stream = NULL;
    atomic_store_explicit(&request->streaming, false, memory_order_relaxed);
    request->phase = RH_WEB_HEADERS;
    request->connection = NULL;
    request->n_swallowed = 0;
    request->next = NULL;
    atomic_store_explicit(&request->fd, -1, memory_order_relaxed);
    atomic_store_explicit(&request->refs, 1, memory_order_relaxed);
    if (!set_uri(request, uri)) {
        rh_web_request_unref(requests, request);
        return NULL;
    }
    return request;
}

void rh_web_request_ref(struct rh_web_request *request)
{
    atomic_fetch_add_explicit(&request->refs, 1, memory_order_relaxed);
}

void rh_web_request_unref(struct rh_web_requests *requests, struct rh_web_request *request)
{
    bool kept = false;

    if (atomic_fetch_sub_explicit(&request->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (request->stream)
        rh_web_stream_unref(request->stream);
    rh_web_body_reset(&request->upload);
    if (request->reply.cap > KEEP_REPLY_BYTES)
        rh_buf_free(&request->reply);
    rh_buf_clear(&request->reply);
    rh_buf_clear(&request->header_text);
    pthread_mutex_lock(&requests->lock);
    if (requests->n_free < MAX_FREE) {
        request->next = requests->free;
        requests->free = request;
        requests->n_free++;
        kept = true;
    }
    pthread_mutex_unlock(&requests->lock);
    if (!kept)
        destroy(request);
    atomic_fetch_sub(&requests->n_active, 1);
}
