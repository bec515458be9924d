/*
 * Cancel tokens: an eventfd for whoever waits, and the connections that are told at once.
 *
 * Targets are called under the token's lock. That is what makes releasing one a barrier: once the
 * pool has taken its connection off the token, no late cancel can hit the next borrower.
 */
#include "host/op.h"

#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int rh_cancel_init(struct rh_cancel *cancel, struct rh_error *error)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc;

    if (fd < 0)
        return rh_fail(error, RH_RESOURCE, "cannot make a cancel token: %s", strerror(errno));
    rc = pthread_mutex_init(&cancel->lock, NULL);
    if (rc) {
        close(fd);
        return rh_fail(error, RH_RESOURCE, "cannot make a cancel token: %s", strerror(rc));
    }
    cancel->fd = fd;
    atomic_init(&cancel->fired, false);
    memset(cancel->targets, 0, sizeof(cancel->targets));
    return RH_OK;
}

void rh_cancel_fini(struct rh_cancel *cancel)
{
    close(cancel->fd);
    cancel->fd = -1;
    pthread_mutex_destroy(&cancel->lock);
}

void rh_cancel_rearm(struct rh_cancel *cancel)
{
    uint64_t count;

    pthread_mutex_lock(&cancel->lock);
    if (rh_cancel_fired(cancel)) {
        while (read(cancel->fd, &count, sizeof(count)) < 0 && errno == EINTR)
            continue;
        atomic_store(&cancel->fired, false);
    }
    pthread_mutex_unlock(&cancel->lock);
}

void rh_cancel_fire(struct rh_cancel *cancel)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&cancel->lock);
    if (!rh_cancel_fired(cancel)) {
        atomic_store(&cancel->fired, true);
        /* Cannot block or overflow: the counter is 0 until the first and only write. */
        while (write(cancel->fd, &one, sizeof(one)) < 0 && errno == EINTR)
            continue;
        for (int i = 0; i < RH_CANCEL_TARGETS; i++) {
            if (cancel->targets[i].conn)
                cancel->targets[i].cancel(cancel->targets[i].conn);
        }
    }
    pthread_mutex_unlock(&cancel->lock);
}

/* The entry of this connection, or a free one for NULL; NULL when there is none. */
static struct rh_cancel_target *find_locked(struct rh_cancel *cancel, const struct rh_conn *conn)
{
    for (int i = 0; i < RH_CANCEL_TARGETS; i++) {
        if (cancel->targets[i].conn == conn)
            return &cancel->targets[i];
    }
    return NULL;
}

bool rh_cancel_aim(struct rh_cancel *cancel, void (*target)(struct rh_conn *), struct rh_conn *conn)
{
    struct rh_cancel_target *place;

    pthread_mutex_lock(&cancel->lock);
    place = find_locked(cancel, NULL);
    if (place)
        *place = (struct rh_cancel_target){target, conn};
    if (rh_cancel_fired(cancel))
        target(conn);
    pthread_mutex_unlock(&cancel->lock);
    return place != NULL;
}

void rh_cancel_release(struct rh_cancel *cancel, const struct rh_conn *conn)
{
    struct rh_cancel_target *place;

    pthread_mutex_lock(&cancel->lock);
    place = find_locked(cancel, conn);
    if (place)
        place->conn = NULL;
    pthread_mutex_unlock(&cancel->lock);
}

void rh_operation_init(struct rh_operation *op, struct rh_arena *arena, struct rh_cancel *cancel,
                       uint64_t deadline_us)
{
    memset(op, 0, sizeof(*op));
    op->abi.struct_size = sizeof(op->abi);
    op->abi.deadline_us = deadline_us;
    op->abi.cancel_fd = cancel ? cancel->fd : -1;
    op->abi.arena = arena;
    op->cancel = cancel;
}

static bool is_cancelled(const struct rh_operation *op)
{
    struct pollfd wait = {.fd = op->abi.cancel_fd, .events = POLLIN};

    if (op->cancel)
        return rh_cancel_fired(op->cancel);
    return wait.fd >= 0 && poll(&wait, 1, 0) > 0;
}

int rh_operation_check_at(struct rh_operation *op, uint64_t now_us, struct rh_error *error)
{
    if (is_cancelled(op))
        return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
    if (now_us >= op->abi.deadline_us)
        return rh_fail(error, RH_TIMEOUT, "the deadline of the operation has passed");
    return RH_OK;
}

int rh_operation_check(struct rh_operation *op, struct rh_error *error)
{
    return rh_operation_check_at(op, rh_clock_us(), error);
}
