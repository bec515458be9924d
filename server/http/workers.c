/*
 * As many workers as may compute at the same time are enough while the machine is busy: they take
 * one request after the other without sleeping in between, and more of them would only take turns.
 * While processors are idle, a source is waited for, and every request gets a worker at once. On a
 * machine that is busy, workers that have been at one request for long do not count, and nobody
 * waits for long behind them.
 *
 * While a connection is suspended libmicrohttpd does not watch its socket, so the watcher asks the
 * kernel, ten times a second, about the sockets of those requests that have been running for a
 * while; short requests never pay for it. A client that shuts down only its sending side counts as
 * gone, as it does in other servers.
 *
 * Lock order: slot, then what the handler locks in `gone`. The lanes' lock is a leaf.
 */
#include "server/http/workers.h"

#include "base/clock.h"
#include "base/cpu_idle.h"
#include "base/err.h"
#include "server/http/lanes.h"
#include "server/http/reply.h"
#include "server/http/stream.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define WATCH_AFTER_US 100000
#define WATCH_EVERY_US 100000
#define HURRY_US 5000    /* how often the watcher looks while somebody waits */
#define PATIENCE_US 5000 /* how long one waits where the machine is busy */

struct slot {
    struct rh_web_workers *workers;
    pthread_t thread;
    bool started;
    void *state; /* the handler's */
    pthread_cond_t wake;
    struct slot *below;           /* in the stack of idle ones */
    struct rh_web_request *given; /* by whom it was roused */
    bool busy;                    /* with a request of this lane */
    uint32_t lane;
    pthread_mutex_t lock; /* guards request, since_us, told */
    struct rh_web_request *request;
    uint64_t since_us;
    bool told;
};

struct rh_web_workers {
    const struct rh_web_handler *handler;
    struct rh_web_requests *requests;

    pthread_mutex_t lock; /* guards what follows, as far as stopping */
    struct rh_web_lanes *lanes;
    struct slot *idle; /* stack: the one that worked last is on top, its memory still in a cache */
    unsigned n_eager;  /* workers that are enough while the machine is busy */
    unsigned n_slow;   /* that were at one request for long, a moment ago */
    bool spare;        /* processors are idle */
    bool hurried;      /* the watcher is to look soon */
    bool stopping;
    pthread_cond_t watch_changed; /* hurried, stopping */

    pthread_t watcher;
    bool watching;
    struct rh_cpu_idle cpu; /* the watcher's */

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

/* Gives the next request to an idle one, which is to be woken; NULL when there is none of either. */
static struct slot *rouse_locked(struct rh_web_workers *workers, uint64_t until_us)
{
    struct slot *slot = workers->idle;

    if (!slot || !(slot->given = rh_web_lanes_take(workers->lanes, until_us)))
        return NULL;
    workers->idle = slot->below;
    return slot;
}

static bool may_rouse_locked(const struct rh_web_workers *workers)
{
    return workers->spare ||
           rh_web_lanes_running(workers->lanes) < workers->n_eager + workers->n_slow;
}

static void wake(struct slot *slot)
{
    if (slot)
        pthread_cond_signal(&slot->wake);
}

static struct rh_web_request *await_request_locked(struct rh_web_workers *workers,
                                                   struct slot *slot)
{
    struct rh_web_request *request;

    slot->below = workers->idle;
    workers->idle = slot;
    while (!slot->given && !workers->stopping)
        pthread_cond_wait(&slot->wake, &workers->lock);
    request = slot->given;
    slot->given = NULL;
    return request;
}

/* One that ends may make room for two: in its own lane, and in that of the one that comes now. */
static struct rh_web_request *pop(struct rh_web_workers *workers, struct slot *slot)
{
    struct rh_web_request *request;
    struct slot *roused = NULL;

    pthread_mutex_lock(&workers->lock);
    if (slot->busy)
        rh_web_lanes_end(workers->lanes, slot->lane);
    request = rh_web_lanes_take(workers->lanes, UINT64_MAX);
    if (may_rouse_locked(workers))
        roused = rouse_locked(workers, UINT64_MAX);
    if (!request)
        request = await_request_locked(workers, slot);
    slot->busy = request != NULL;
    slot->lane = request ? request->lane : 0;
    pthread_mutex_unlock(&workers->lock);
    wake(roused);
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

    while ((request = pop(slot->workers, slot)))
        run_one(slot->workers, slot, request);
    return NULL;
}

bool rh_web_workers_push(struct rh_web_workers *workers, struct rh_web_request *request)
{
    uint64_t now_us = rh_clock_us();
    struct slot *roused = NULL;
    bool pushed, hurry = false;

    pthread_mutex_lock(&workers->lock);
    pushed = !workers->stopping && rh_web_lanes_push(workers->lanes, request, now_us);
    if (pushed) {
        rh_web_request_ref(request);
        if (may_rouse_locked(workers))
            roused = rouse_locked(workers, UINT64_MAX);
        hurry = !roused && workers->idle && !workers->hurried;
        workers->hurried = workers->hurried || hurry;
    }
    pthread_mutex_unlock(&workers->lock);
    wake(roused);
    if (hurry)
        pthread_cond_signal(&workers->watch_changed);
    return pushed;
}

unsigned rh_web_workers_queued(struct rh_web_workers *workers)
{
    unsigned n;

    pthread_mutex_lock(&workers->lock);
    n = rh_web_lanes_waiting(workers->lanes);
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

/* Returns how many workers have been at one request for long. */
static unsigned look_once(struct rh_web_workers *workers)
{
    uint64_t now = rh_clock_us();
    unsigned n = 0, n_slow = 0;

    for (unsigned i = 0; i < workers->n_slots; i++) {
        struct slot *slot = &workers->slots[i];
        pthread_mutex_lock(&slot->lock);
        if (slot->request && now - slot->since_us >= WATCH_AFTER_US) {
            n_slow++;
            if (!slot->told) {
                workers->polled[n] = (struct pollfd){atomic_load(&slot->request->fd), POLLRDHUP, 0};
                workers->candidates[n++] = slot;
            }
        }
        pthread_mutex_unlock(&slot->lock);
    }
    if (n && poll(workers->polled, n, 0) > 0)
        for (unsigned i = 0; i < n; i++)
            if (workers->polled[i].revents)
                check_slot(workers, workers->candidates[i]);
    return n_slow;
}

static void wait_locked(struct rh_web_workers *workers, uint64_t until_us)
{
    struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};

    pthread_cond_timedwait(&workers->watch_changed, &workers->lock, &until);
}

/* Those that wait, as far as the machine has something to spare; else one that has waited long. */
static void rouse_waiting_locked(struct rh_web_workers *workers, uint64_t now_us)
{
    uint64_t until_us = workers->spare ? UINT64_MAX : now_us - PATIENCE_US;
    struct slot *roused;

    do {
        roused = rouse_locked(workers, until_us);
        wake(roused);
    } while (roused && workers->spare);
    workers->hurried = workers->idle && rh_web_lanes_waiting(workers->lanes);
}

static void *watch(void *context)
{
    struct rh_web_workers *workers = context;
    uint64_t now_us = rh_clock_us(), look_us = now_us + WATCH_EVERY_US;
    unsigned n_slow = 0;
    bool spare;

    pthread_mutex_lock(&workers->lock);
    while (!workers->stopping) {
        wait_locked(workers, workers->hurried ? now_us + HURRY_US : look_us);
        now_us = rh_clock_us();
        pthread_mutex_unlock(&workers->lock);
        spare = rh_cpu_idle_spare(&workers->cpu);
        if (now_us >= look_us) {
            n_slow = look_once(workers);
            look_us = now_us + WATCH_EVERY_US;
        }
        pthread_mutex_lock(&workers->lock);
        workers->spare = spare;
        workers->n_slow = n_slow;
        rouse_waiting_locked(workers, now_us);
    }
    pthread_mutex_unlock(&workers->lock);
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

int rh_web_workers_new(unsigned n_workers, unsigned n_eager, unsigned queue,
                       const struct rh_web_handler *handler, struct rh_web_requests *requests,
                       struct rh_web_workers **ret_workers, struct rh_error *error)
{
    struct rh_web_workers *workers;
    pthread_condattr_t monotonic;

    workers = calloc(1, sizeof(*workers) + n_workers * sizeof(workers->slots[0]));
    if (!workers)
        return rh_fail_nomem(error);
    workers->handler = handler;
    workers->requests = requests;
    workers->n_slots = n_workers;
    pthread_mutex_init(&workers->lock, NULL);
    workers->n_eager = n_eager;
    rh_cpu_idle_init(&workers->cpu);
    workers->spare = rh_cpu_idle_spare(&workers->cpu);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->watch_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (unsigned i = 0; i < n_workers; i++) {
        pthread_mutex_init(&workers->slots[i].lock, NULL);
        pthread_cond_init(&workers->slots[i].wake, NULL);
        workers->slots[i].workers = workers;
    }
    workers->lanes = rh_web_lanes_new(n_workers, queue);
    workers->polled = calloc(n_workers, sizeof(workers->polled[0]));
    workers->candidates = calloc(n_workers, sizeof(workers->candidates[0]));
    if (!workers->lanes || !workers->polled || !workers->candidates || !start_threads(workers)) {
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
    for (struct slot *slot = workers->idle; slot; slot = slot->below)
        pthread_cond_signal(&slot->wake);
    pthread_cond_signal(&workers->watch_changed);
    pthread_mutex_unlock(&workers->lock);
    if (workers->watching)
        pthread_join(workers->watcher, NULL);
    for (unsigned i = 0; i < workers->n_slots; i++) {
        struct slot *slot = &workers->slots[i];
        if (slot->started)
            pthread_join(slot->thread, NULL);
        if (slot->state)
            workers->handler->worker_free(workers->handler->context, slot->state);
        pthread_mutex_destroy(&slot->lock);
        pthread_cond_destroy(&slot->wake);
    }
    rh_cpu_idle_fini(&workers->cpu);
    rh_web_lanes_free(workers->lanes);
    free(workers->polled);
    free(workers->candidates);
    pthread_mutex_destroy(&workers->lock);
    pthread_cond_destroy(&workers->watch_changed);
    free(workers);
}
