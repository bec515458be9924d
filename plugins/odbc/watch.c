/*
 * See watch.h. The thread looks every TICK_US while calls follow each other, and waits without a
 * time-out after IDLE_TICKS without one: a call then costs one wake-up, all others none.
 *
 * Rejected: SQL_ATTR_QUERY_TIMEOUT for the deadline (whole seconds, a round trip per change in some
 * drivers, ignored by others); SQL_ATTR_ASYNC_ENABLE (none of the drivers at hand has it, and then
 * every call is polled).
 */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TICK_MS 25
#define IDLE_TICKS 40
#define AGAIN_US 200000 /* between two cancels of the same call */

static void drain(int fd)
{
    uint64_t n = 0;

    while (read(fd, &n, sizeof n) < 0 && errno == EINTR)
        ;
}

static void wake(struct rh_odbc_watch *watch)
{
    const uint64_t one = 1;

    while (write(watch->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static bool is_readable(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&poller, 1, 0) > 0;
}

/* With the lock. */
static void look(struct rh_odbc_watch *watch)
{
    uint64_t now_us = watch->host->now_us(watch->host);

    if (!watch->active)
        return;
    if (watch->reason == RH_ODBC_NOT_ENDED) {
        if (watch->cancelled || is_readable(watch->cancel_fd))
            watch->reason = RH_ODBC_CANCELLED;
        else if (now_us >= watch->deadline_us)
            watch->reason = RH_ODBC_TIMED_OUT;
    }
    if (watch->reason == RH_ODBC_NOT_ENDED || !watch->running ||
        (watch->fired_us && now_us - watch->fired_us < AGAIN_US))
        return;
    watch->fired_us = now_us;
    (void)SQLCancel(watch->running);
}

static void *run(void *context)
{
    struct rh_odbc_watch *watch = context;
    unsigned n_idle = 0;

    (void)pthread_mutex_lock(&watch->lock);
    while (!watch->stop) {
        struct pollfd poller = {.fd = watch->wake_fd, .events = POLLIN};
        n_idle = watch->active ? 0 : n_idle + 1;
        watch->asleep = n_idle > IDLE_TICKS;
        bool asleep = watch->asleep;
        (void)pthread_mutex_unlock(&watch->lock);
        if (poll(&poller, 1, asleep ? -1 : TICK_MS) > 0)
            drain(watch->wake_fd);
        (void)pthread_mutex_lock(&watch->lock);
        watch->asleep = false;
        look(watch);
    }
    (void)pthread_mutex_unlock(&watch->lock);
    return NULL;
}

bool rh_odbc_watch_start(struct rh_odbc_watch *watch, const struct rh_host *host)
{
    sigset_t all, before;

    watch->host = host;
    watch->cancel_fd = -1;
    watch->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (watch->wake_fd < 0)
        return false;
    (void)pthread_mutex_init(&watch->lock, NULL);
    (void)sigfillset(&all); /* signals are the host's own threads' business */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    watch->started = pthread_create(&watch->thread, NULL, run, watch) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!watch->started)
        (void)close(watch->wake_fd);
    return watch->started;
}

void rh_odbc_watch_stop(struct rh_odbc_watch *watch)
{
    if (!watch->started)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    watch->stop = true;
    (void)pthread_mutex_unlock(&watch->lock);
    wake(watch);
    (void)pthread_join(watch->thread, NULL);
    (void)pthread_mutex_destroy(&watch->lock);
    (void)close(watch->wake_fd);
    watch->started = false;
}

void rh_odbc_watch_arm(struct rh_odbc_watch *watch, const struct rh_op *op)
{
    bool asleep = false;

    (void)pthread_mutex_lock(&watch->lock);
    watch->active = true;
    watch->cancelled = false;
    watch->reason = RH_ODBC_NOT_ENDED;
    watch->fired_us = 0;
    watch->deadline_us = op->deadline_us;
    watch->cancel_fd = op->cancel_fd;
    watch->running = NULL;
    asleep = watch->asleep;
    (void)pthread_mutex_unlock(&watch->lock);
    if (asleep)
        wake(watch);
}

void rh_odbc_watch_disarm(struct rh_odbc_watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->active = false;
    watch->running = NULL;
    watch->cancel_fd = -1;
    (void)pthread_mutex_unlock(&watch->lock);
}

void rh_odbc_watch_enter(struct rh_odbc_watch *watch, SQLHSTMT statement)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->running = statement;
    (void)pthread_mutex_unlock(&watch->lock);
}

void rh_odbc_watch_leave(struct rh_odbc_watch *watch)
{
    rh_odbc_watch_enter(watch, NULL);
}

enum rh_odbc_reason rh_odbc_watch_reason(struct rh_odbc_watch *watch)
{
    enum rh_odbc_reason reason;

    (void)pthread_mutex_lock(&watch->lock);
    reason = watch->reason;
    (void)pthread_mutex_unlock(&watch->lock);
    return reason;
}

void rh_odbc_watch_cancel(struct rh_odbc_watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->cancelled = watch->active;
    (void)pthread_mutex_unlock(&watch->lock);
    wake(watch);
}
