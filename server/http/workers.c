/*
 * While a connection is suspended libmicrohttpd does not watch its socket, so the watcher asks the
 * kernel, ten times a second, about the sockets of those requests that have been running for a
 * while; short requests never pay for it. A client that shuts down only its sending side counts as
 * gone, as it does in other servers.
 *
 * Lock order: slot, then what the handler locks in `gone`. The queue's lock is a leaf.
 */
#include "server/http/workers.h"

#include "base/clock.h"
#include "base/err.h"
#include "server/http/reply.h"
#include "server/http/stream.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define WATCH_AFTER_US 100000
#define WATCH_EVERY_MS 100

struct slot {
    struct rh_web_workers *workers;
    pthread_t thread;
    bool started;
    void *state;          /* the handler's */
    pthread_mutex_t lock; /* guards request, since_us, told */
    struct rh_web_request *request;
    uint64_t since_us;
    bool told;
};

struct rh_web_workers {
    const struct rh_web_handler *handler;
    struct rh_web_requests *requests;

    pthread_mutex_t lock; /* guards the queue */
    pthread_cond_t not_empty;
    struct rh_web_request **queue;
    unsigned cap, head, n;
    unsigned n_waiting; /* workers at not_empty */
    bool stopping;

    pthread_mutex_t watch_lock; /* guards watch_stop */
    pthread_cond_t watch_changed;
    bool watch_stop;
    pthread_t watcher;
    bool watching;

    unsigned n_slots;
    struct pollfd *polled; /* the watcher's, n_slots */
    struct slot **candidates;
    struct slot slots[];
};

static void tell_gone_locked(struct rh_web_workers *workers, struct slot *slot)
{
    if (slot->told)
        return;
    slot->told = true;
    if (atomic_load(&slot->request->streaming))
        rh_web_stream_abandon(slot->request->stream);
    workers->handler->gone(workers->handler->context, slot->state);
}

/* ---- Working ----------------------------------------------------------------------------- */

static struct rh_web_request *pop(struct rh_web_workers *workers)
{
    struct rh_web_request *request = NULL;

    pthread_mutex_lock(&workers->lock);
    while (workers->n == 0 && !workers->stopping) {
        workers->n_waiting++;
        pthread_cond_wait(&workers->not_empty, &workers->lock);
        workers->n_waiting--;
    }
    if (workers->n) {
        request = workers->queue[workers->head];
        workers->head = (workers->head + 1) % workers->cap;
        workers->n--;
    }
    pthread_mutex_unlock(&workers->lock);
    return request;
}

static void run_one(struct rh_web_workers *workers, struct slot *slot,
                    struct rh_web_request *request)
{
    pthread_mutex_lock(&slot->lock);
    slot->request = request;
    slot->since_us = rh_clock_us();
    slot->told = false;
    pthread_mutex_unlock(&slot->lock);

    workers->handler->run(workers->handler->context, slot->state, request);

    pthread_mutex_lock(&slot->lock);
    slot->request = NULL;
    pthread_mutex_unlock(&slot->lock);
    if (!request->stream) {
        rh_web_reply_compress(request);
        rh_web_server_hand_back(request);
    }
    rh_web_request_unref(workers->requests, request);
}

static void *work(void *context)
{
    struct slot *slot = context;
    struct rh_web_request *request;

    while ((request = pop(slot->workers)))
        run_one(slot->workers, slot, request);
    return NULL;
}

bool rh_web_workers_push(struct rh_web_workers *workers, struct rh_web_request *request)
{
    bool wake = false, pushed = false;

    pthread_mutex_lock(&workers->lock);
    if (workers->n < workers->cap && !workers->stopping) {
        rh_web_request_ref(request);
        workers->queue[(workers->head + workers->n) % workers->cap] = request;
        workers->n++;
        pushed = true;
        wake = workers->n_waiting > 0;
    }
    pthread_mutex_unlock(&workers->lock);
    if (wake)
        pthread_cond_signal(&workers->not_empty);
    return pushed;
}

unsigned rh_web_workers_queued(struct rh_web_workers *workers)
{
    unsigned n;

    pthread_mutex_lock(&workers->lock);
    n = workers->n;
    pthread_mutex_unlock(&workers->lock);
    return n;
}

/* ---- Watching ---------------------------------------------------------------------------- */

void rh_web_workers_gone(struct rh_web_workers *workers, const struct rh_web_request *request)
{
    for (unsigned i = 0; i < workers->n_slots; i++) {
        struct slot *slot = &workers->slots[i];
        pthread_mutex_lock(&slot->lock);
        if (slot->request == request)
            tell_gone_locked(workers, slot);
        pthread_mutex_unlock(&slot->lock);
    }
}

void rh_web_workers_cancel(struct rh_web_workers *workers)
{
    for (unsigned i = 0; i < workers->n_slots; i++) {
        struct slot *slot = &workers->slots[i];
        pthread_mutex_lock(&slot->lock);
        if (slot->request)
            tell_gone_locked(workers, slot);
        pthread_mutex_unlock(&slot->lock);
    }
}

/* Tells a slot whose connection has been closed by the client. Between the poll and now the slot
 * may have gone on to another request, so it is asked again under its lock. */
static void check_slot(struct rh_web_workers *workers, struct slot *slot)
{
    struct pollfd asked = {.events = POLLRDHUP};

    pthread_mutex_lock(&slot->lock);
    if (slot->request) {
        asked.fd = atomic_load(&slot->request->fd);
        if (asked.fd >= 0 && poll(&asked, 1, 0) == 1)
            tell_gone_locked(workers, slot);
    }
    pthread_mutex_unlock(&slot->lock);
}

static void look_once(struct rh_web_workers *workers)
{
    uint64_t now = rh_clock_us();
    unsigned n = 0;

    for (unsigned i = 0; i < workers->n_slots; i++) {
        struct slot *slot = &workers->slots[i];
        pthread_mutex_lock(&slot->lock);
        if (slot->request && !slot->told && now - slot->since_us >= WATCH_AFTER_US) {
            workers->polled[n] = (struct pollfd){atomic_load(&slot->request->fd), POLLRDHUP, 0};
            workers->candidates[n++] = slot;
        }
        pthread_mutex_unlock(&slot->lock);
    }
    if (n == 0 || poll(workers->polled, n, 0) <= 0)
        return;
    for (unsigned i = 0; i < n; i++)
        if (workers->polled[i].revents)
            check_slot(workers, workers->candidates[i]);
}

static void *watch(void *context)
{
    struct rh_web_workers *workers = context;
    struct timespec until;

    pthread_mutex_lock(&workers->watch_lock);
    while (!workers->watch_stop) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_EVERY_MS * 1000000L;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&workers->watch_changed, &workers->watch_lock, &until);
        if (workers->watch_stop)
            break;
        pthread_mutex_unlock(&workers->watch_lock);
        look_once(workers);
        pthread_mutex_lock(&workers->watch_lock);
    }
    pthread_mutex_unlock(&workers->watch_lock);
    return NULL;
}

/* ---- Life -------------------------------------------------------------------------------- */

static bool start_threads(struct rh_web_workers *workers)
{
    for (unsigned i = 0; i < workers->n_slots; i++) {
        struct slot *slot = &workers->slots[i];
        slot->state = workers->handler->worker_new(workers->handler->context);
        if (!slot->state || pthread_create(&slot->thread, NULL, work, slot) != 0)
            return false;
        slot->started = true;
    }
    if (pthread_create(&workers->watcher, NULL, watch, workers) != 0)
        return false;
    workers->watching = true;
    return true;
}

int rh_web_workers_new(unsigned n_workers, unsigned queue, const struct rh_web_handler *handler,
                       struct rh_web_requests *requests, struct rh_web_workers **ret_workers,
                       struct rh_error *error)
{
    struct rh_web_workers *workers;
    pthread_condattr_t monotonic;

    workers = calloc(1, sizeof(*workers) + n_workers * sizeof(workers->slots[0]));
    if (!workers)
        return rh_fail_nomem(error);
    workers->handler = handler;
    workers->requests = requests;
    workers->cap = queue;
    workers->n_slots = n_workers;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->not_empty, NULL);
    pthread_mutex_init(&workers->watch_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->watch_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (unsigned i = 0; i < n_workers; i++) {
        pthread_mutex_init(&workers->slots[i].lock, NULL);
        workers->slots[i].workers = workers;
    }
    workers->queue = calloc(queue, sizeof(workers->queue[0]));
    workers->polled = calloc(n_workers, sizeof(workers->polled[0]));
    workers->candidates = calloc(n_workers, sizeof(workers->candidates[0]));
    if (!workers->queue || !workers->polled || !workers->candidates || !start_threads(workers)) {
        rh_web_workers_free(workers);
        return rh_fail(error, RH_RESOURCE, "cannot start %u worker threads", n_workers);
    }
    *ret_workers = workers;
    return RH_OK;
}

void rh_web_workers_free(struct rh_web_workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->not_empty);
    pthread_mutex_unlock(&workers->lock);
    pthread_mutex_lock(&workers->watch_lock);
    workers->watch_stop = true;
    pthread_cond_signal(&workers->watch_changed);
    pthread_mutex_unlock(&workers->watch_lock);
    if (workers->watching)
        pthread_join(workers->watcher, NULL);
    for (unsigned i = 0; i < workers->n_slots; i++) {
        struct slot *slot = &workers->slots[i];
        if (slot->started)
            pthread_join(slot->thread, NULL);
        if (slot->state)
            workers->handler->worker_free(workers->handler->context, slot->state);
        pthread_mutex_destroy(&slot->lock);
    }
    free(workers->queue);
    free(workers->polled);
    free(workers->candidates);
    pthread_cond_destroy(&workers->not_empty);
    pthread_mutex_destroy(&workers->lock);
    pthread_cond_destroy(&workers->watch_changed);
    pthread_mutex_destroy(&workers->watch_lock);
    free(workers);
}
