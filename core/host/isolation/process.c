/*
 * Which process serves which settings, and when a new one is started.
 *
 * Settings are known here by their hash alone. An instance is kept while it has a process or a
 * failure that still counts.
 */
#include "host/isolation/process.h"

#include "base/clock.h"
#include "base/err.h"
#include "host/isolation/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FORGET_US (60u * 1000000u)
#define SLICE_US 100000u /* between two looks at a cancel descriptor */
#define DYING_MS 1000    /* from a closed socket to the end of the process that it belonged to */
#define KILLED_US (5u * 1000000u)

/* ---- Life ------------------------------------------------------------------------------------ */

static struct rh_process *new_process(struct rh_isolated *owner, struct rh_instance *instance)
{
    struct rh_process *process = calloc(1, sizeof(*process));

    if (!process)
        return NULL;
    process->owner = owner;
    process->instance = instance;
    process->n_refs = 1;
    process->pidfd = process->control = process->wake = process->output = -1;
    process->boot.fd = -1;
    process->fault = (struct rh_error)RH_ERROR_INIT;
    return process;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void unref_locked(struct rh_process *process)
{
    if (--process->n_refs)
        return;
    rh_channel_fini(&process->boot);
    close_fd(process->pidfd);
    close_fd(process->control);
    close_fd(process->wake);
    close_fd(process->output);
    free(process);
}

void rh_process_unref(struct rh_process *process)
{
    struct rh_isolated *owner = process->owner;

    pthread_mutex_lock(&owner->lock);
    unref_locked(process);
    pthread_mutex_unlock(&owner->lock);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void wait_locked(struct rh_isolated *owner, uint64_t until_us)
{
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                             .tv_nsec = (long)(until_us % 1000000) * 1000};

    pthread_cond_timedwait(&owner->changed, &owner->lock, &until);
}

static bool is_readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&wait, 1, 0) > 0;
}

/* Until it is READY, or never will be. op NULL: as long as it takes. */
static int wait_ready_locked(struct rh_process *process, const struct rh_op *op,
                             struct rh_error *error)
{
    while (process->state == RH_PROCESS_STARTING) {
        uint64_t now_us = rh_clock_us();

        if (op && is_readable(op->cancel_fd))
            return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
        if (op && now_us >= op->deadline_us)
            return rh_fail(error, RH_TIMEOUT, "the connector's process did not start in time");
        wait_locked(process->owner, now_us + SLICE_US);
    }
    return RH_OK;
}

/* ---- Describing ------------------------------------------------------------------------------ */

int rh_process_describe(struct rh_isolated *isolated, struct rh_process **ret_process,
                        struct rh_wire_in *ret_in, struct rh_error *error)
{
    struct rh_process *process = new_process(isolated, NULL);
    int32_t outcome;
    int rc;

    if (!process)
        return rh_fail_nomem(error);
    pthread_mutex_lock(&isolated->lock);
    process->n_conns = 1; /* so that it does not end before it was heard */
    rc = rh_watch_start_locked(process, error);
    if (rc == RH_OK)
        rc = wait_ready_locked(process, NULL, error);
    process->n_conns = 0;
    if (rc == RH_OK && process->fault.error_class) {
        rc = process->fault.error_class;
        *error = process->fault;
    }
    pthread_mutex_unlock(&isolated->lock);
    if (rc == RH_OK) {
        struct rh_wire_header header;

        memcpy(&header, process->boot.data, sizeof(header));
        rh_wire_in_init(ret_in, &header, process->boot.data + sizeof(header));
        if (rh_wire_take_outcome(ret_in, &outcome, NULL)) {
            *ret_process = process;
            return RH_OK;
        }
        rc = rh_fail(error, RH_CONTRACT, "%s: its process sent a malformed frame",
                     isolated->image.path);
    }
    rh_watch_wake(process);
    rh_process_unref(process);
    return rc;
}

/* ---- Instances ------------------------------------------------------------------------------- */

static void forget_locked(struct rh_isolated *isolated, uint64_t now_us)
{
    struct rh_instance **link = &isolated->instances;

    while (*link) {
        struct rh_instance *instance = *link;

        if (instance->process ||
            (instance->n_failures && now_us < instance->retry_us + FORGET_US)) {
            link = &instance->next;
            continue;
        }
        *link = instance->next;
        free(instance);
    }
}

static struct rh_instance *find_locked(struct rh_isolated *isolated, const unsigned char key[32])
{
    struct rh_instance *instance = isolated->instances;

    while (instance && memcmp(instance->key, key, sizeof(instance->key)) != 0)
        instance = instance->next;
    if (instance)
        return instance;
    instance = calloc(1, sizeof(*instance));
    if (!instance)
        return NULL;
    memcpy(instance->key, key, sizeof(instance->key));
    instance->next = isolated->instances;
    isolated->instances = instance;
    return instance;
}

/* It died, and it is too early to start it again. */
static int fail_early(const struct rh_instance *instance, uint64_t now_us, struct rh_error *error)
{
    uint64_t left_ms = (instance->retry_us - now_us) / 1000 + 1;

    rh_fail(error, RH_UNAVAILABLE, "the connector's process %s; it is started again in %llu ms",
            instance->death, (unsigned long long)left_ms);
    if (error && error->error_class == RH_UNAVAILABLE) {
        error->retry = RH_RETRY_SAFE;
        error->retry_after_ms = left_ms;
    }
    return RH_UNAVAILABLE;
}

static int start_locked(struct rh_isolated *isolated, struct rh_instance *instance,
                        struct rh_error *error)
{
    struct rh_process *process = new_process(isolated, instance);
    int rc = RH_OK;

    if (process)
        process->is_restart = instance->n_failures > 0;
    rc = process ? rh_watch_start_locked(process, error) : rh_fail_nomem(error);

    if (rc == RH_OK)
        instance->process = process;
    /* The watcher has a reference of its own, and takes it out of the instance before it ends. */
    if (process)
        unref_locked(process);
    return rc;
}

static int fail_start(const struct rh_process *process, struct rh_error *error)
{
    rh_fail(error, RH_UNAVAILABLE, "the connector's process %s", process->death);
    if (error && error->error_class == RH_UNAVAILABLE)
        error->retry = RH_RETRY_SAFE;
    return RH_UNAVAILABLE;
}

static int acquire_locked(struct rh_isolated *isolated, const unsigned char key[32],
                          const struct rh_op *op, struct rh_process **ret_process,
                          struct rh_error *error)
{
    uint64_t now_us = rh_clock_us();
    struct rh_instance *instance;
    struct rh_process *process;
    int rc = RH_OK;

    forget_locked(isolated, now_us);
    instance = find_locked(isolated, key);
    if (!instance)
        return rh_fail_nomem(error);
    if (!instance->process && instance->n_failures && now_us < instance->retry_us)
        return fail_early(instance, now_us, error);
    if (!instance->process)
        rc = start_locked(isolated, instance, error);
    if (rc)
        return rc;
    process = instance->process;
    process->n_refs++;
    process->n_conns++;
    rc = wait_ready_locked(process, op, error);
    if (rc == RH_OK && process->state != RH_PROCESS_READY)
        rc = fail_start(process, error);
    if (rc) {
        process->n_conns--;
        process->idle_since_us = rh_clock_us();
        unref_locked(process);
        return rc;
    }
    *ret_process = process;
    return RH_OK;
}

int rh_process_acquire(struct rh_isolated *isolated, const unsigned char key[32],
                       const struct rh_op *op, struct rh_process **ret_process,
                       struct rh_error *error)
{
    int rc;

    pthread_mutex_lock(&isolated->lock);
    rc = acquire_locked(isolated, key, op, ret_process, error);
    pthread_mutex_unlock(&isolated->lock);
    return rc;
}

void rh_process_release(struct rh_process *process)
{
    struct rh_isolated *owner = process->owner;

    pthread_mutex_lock(&owner->lock);
    process->n_conns--;
    process->idle_since_us = rh_clock_us();
    unref_locked(process);
    pthread_mutex_unlock(&owner->lock);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

void rh_process_doom(struct rh_process *process, const char *reason)
{
    pthread_mutex_lock(&process->owner->lock);
    if (!process->doom && process->state != RH_PROCESS_DEAD)
        process->doom = reason;
    pthread_mutex_unlock(&process->owner->lock);
    rh_watch_wake(process);
}

void rh_process_explain(struct rh_process *process, char ret_death[RH_DEATH_BYTES])
{
    struct pollfd wait = {.fd = process->pidfd, .events = POLLIN};
    struct rh_isolated *owner = process->owner;
    uint64_t until_us = rh_clock_us() + KILLED_US;

    if (poll(&wait, 1, DYING_MS) <= 0)
        rh_process_doom(process, "it closed a connection's socket");
    pthread_mutex_lock(&owner->lock);
    while (process->state != RH_PROCESS_DEAD && rh_clock_us() < until_us)
        wait_locked(owner, rh_clock_us() + SLICE_US);
    snprintf(ret_death, RH_DEATH_BYTES, "%s", process->death[0] ? process->death : "is gone");
    pthread_mutex_unlock(&owner->lock);
}

void rh_process_end_all(struct rh_isolated *isolated)
{
    pthread_mutex_lock(&isolated->lock);
    isolated->ending = true;
    for (struct rh_instance *i = isolated->instances; i; i = i->next) {
        if (i->process)
            rh_watch_wake(i->process);
    }
    while (isolated->n_watchers)
        wait_locked(isolated, rh_clock_us() + SLICE_US);
    while (isolated->instances) {
        struct rh_instance *instance = isolated->instances;

        isolated->instances = instance->next;
        free(instance);
    }
    pthread_mutex_unlock(&isolated->lock);
}
