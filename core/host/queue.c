/*
 * Waking sets a flag under the waiter's lock, so no wake-up is lost between looking and sleeping.
 * A waiter that was granted a slot must take the pool's lock to learn of it, and the one who grants
 * holds that lock until the wake-up is done: so the waiter's stack outlives every use of it.
 */
#include "host/queue.h"

#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define GLANCE_US 100000u

int rh_waiter_init(struct rh_waiter *waiter, struct rh_error *error)
{
    pthread_condattr_t monotonic;
    int rc;

    memset(waiter, 0, sizeof(*waiter));
    rc = pthread_condattr_init(&monotonic);
    if (rc)
        return rh_fail(error, RH_RESOURCE, "cannot wait: %s", strerror(rc));
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    rc = pthread_cond_init(&waiter->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (rc)
        return rh_fail(error, RH_RESOURCE, "cannot wait: %s", strerror(rc));
    rc = pthread_mutex_init(&waiter->lock, NULL);
    if (rc) {
        pthread_cond_destroy(&waiter->wake);
        return rh_fail(error, RH_RESOURCE, "cannot wait: %s", strerror(rc));
    }
    return RH_OK;
}

void rh_waiter_fini(struct rh_waiter *waiter)
{
    pthread_cond_destroy(&waiter->wake);
    pthread_mutex_destroy(&waiter->lock);
}

static void wake(struct rh_waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    waiter->woken = true;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->lock);
}

/* A token knows connections only; while its operation waits, the waiter stands in for one. */
static void wake_by_token(struct rh_conn *waiter)
{
    wake((struct rh_waiter *)waiter);
}

/* Whether it was woken before that time. */
static bool sleep_until(struct rh_waiter *waiter, uint64_t until_us)
{
    struct timespec until = {
        .tv_sec = (time_t)(until_us / 1000000),
        .tv_nsec = (long)(until_us % 1000000) * 1000,
    };
    bool woken;
    int rc = 0;

    pthread_mutex_lock(&waiter->lock);
    while (!waiter->woken && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&waiter->wake, &waiter->lock, &until);
    woken = waiter->woken;
    pthread_mutex_unlock(&waiter->lock);
    return woken;
}

void rh_waiter_sleep(struct rh_waiter *waiter, struct rh_operation *op, uint64_t until_us)
{
    struct rh_conn *stand_in = (struct rh_conn *)waiter;
    bool told = !op->cancel || rh_cancel_aim(op->cancel, wake_by_token, stand_in);
    uint64_t glance_us;

    if (until_us > op->abi.deadline_us)
        until_us = op->abi.deadline_us;
    do {
        glance_us = until_us;
        if (!told) { /* the token has no room for one more: look every now and then */
            glance_us = rh_clock_us() + GLANCE_US;
            glance_us = glance_us < until_us ? glance_us : until_us;
        }
    } while (!sleep_until(waiter, glance_us) && glance_us < until_us &&
             !rh_cancel_fired(op->cancel));
    if (op->cancel)
        rh_cancel_release(op->cancel, stand_in);
}

void rh_queue_push(struct rh_queue *queue, struct rh_waiter *waiter)
{
    struct rh_waiter **at = &queue->first;

    if (queue->last && queue->last->ticket < waiter->ticket)
        at = &queue->last->next;
    while (*at && (*at)->ticket < waiter->ticket)
        at = &(*at)->next;
    waiter->next = *at;
    *at = waiter;
    if (!waiter->next)
        queue->last = waiter;
    queue->n++;
}

void rh_queue_remove(struct rh_queue *queue, struct rh_waiter *waiter)
{
    struct rh_waiter *before = NULL, *at = queue->first;

    while (at && at != waiter) {
        before = at;
        at = at->next;
    }
    if (!at)
        return;
    if (before)
        before->next = at->next;
    else
        queue->first = at->next;
    if (queue->last == at)
        queue->last = before;
    at->next = NULL;
    queue->n--;
}

bool rh_queue_grant(struct rh_queue *queue, uint32_t slot, bool is_empty)
{
    struct rh_waiter *waiter = queue->first;

    while (waiter && is_empty && waiter->has_slot)
        waiter = waiter->next;
    if (!waiter)
        return false;
    rh_queue_remove(queue, waiter);
    waiter->granted = true;
    waiter->slot = slot;
    wake(waiter);
    return true;
}

void rh_queue_wake_all(struct rh_queue *queue)
{
    for (struct rh_waiter *waiter = queue->first; waiter; waiter = waiter->next)
        wake(waiter);
}
