/*
 * One process from its start to its end: spawn, boot, watch, reap.
 *
 * The thread blocks every signal, so that no handler of the host runs here. It waits for its own
 * child by its own descriptor, and so takes no other's status.
 */
#include "host/isolation/watch.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "host/isolation/output.h"
#include "host/isolation/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOT_US (10u * 1000000u)   /* to load a connector and describe it */
#define LINGER_US (60u * 1000000u) /* without connections */
#define END_US (2u * 1000000u)     /* from being asked to end to being killed */
#define TICK_MS 100
#define THREADS_US (1u * 1000000u) /* between two looks at the number of threads */
#define DEFAULT_THREADS 64u

static pthread_mutex_t totals_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */
static struct rh_isolation_stats totals;

void rh_watch_stats(struct rh_isolation_stats *ret_stats)
{
    pthread_mutex_lock(&totals_lock);
    *ret_stats = totals;
    pthread_mutex_unlock(&totals_lock);
}

static void add(struct rh_isolation_stats *to, const struct rh_isolation_stats *more)
{
    to->n_started += more->n_started;
    to->n_restarted += more->n_restarted;
    to->n_crashed += more->n_crashed;
    to->n_killed += more->n_killed;
    to->n_running += more->n_running;
}

/* For its connector, and for all. */
static void count(struct rh_process *process, struct rh_isolation_stats more)
{
    pthread_mutex_lock(&process->owner->lock);
    add(&process->owner->stats, &more);
    pthread_mutex_unlock(&process->owner->lock);
    pthread_mutex_lock(&totals_lock);
    add(&totals, &more);
    pthread_mutex_unlock(&totals_lock);
}

void rh_watch_wake(struct rh_process *process)
{
    const uint64_t one = 1;

    while (write(process->wake, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

static void kill_now(const struct rh_process *process)
{
    syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
}

/* ---- Boot ------------------------------------------------------------------------------------ */

static int ask_to_boot(struct rh_process *process, struct rh_error *error)
{
    const struct rh_isolated *owner = process->owner;
    struct rh_wire_boot boot = {
        .version = RH_WIRE_VERSION,
        .parent = (uint32_t)getpid(),
        .n_bytes = owner->image.n_bytes,
        .build = RH_VERSION,
        .path = owner->image.path,
        .sha256 = owner->image.sha256,
        .sandbox = owner->sandbox,
    };
    struct rh_wire_out out;
    int rc;

    rh_wire_out_init(&out);
    rh_wire_put_boot(&out, &boot);
    rc = rh_channel_send(&process->boot, &out, RH_WIRE_BOOT, 0, NULL);
    rh_wire_out_fini(&out);
    if (rc == RH_RESOURCE)
        return rh_fail_nomem(error);
    return rc ? rh_fail(error, RH_CONTRACT, "%s: its process ended before it was loaded",
                        owner->image.path)
              : RH_OK;
}

/* Reads the answer; it stays in process->boot. */
static int hear_of_boot(struct rh_process *process, struct rh_error *error)
{
    const char *path = process->owner->image.path;
    struct rh_wire_header header;
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    process->boot.deadline_us = rh_clock_us() + BOOT_US;
    rc = rh_channel_receive(&process->boot, &header, &in);
    switch (rc) {
    case RH_OK:
        break;
    case RH_TIMEOUT:
        rh_process_doom(process, "it was not loaded within 10 s");
        return rh_fail(error, RH_CONTRACT, "%s: it was not loaded within 10 s", path);
    case RH_END:
        return RH_END; /* how it died is known when it is reaped */
    case RH_RESOURCE:
        return rh_fail_nomem(error);
    default:
        rh_process_doom(process, "it sent a malformed frame");
        return rh_fail(error, RH_CONTRACT, "%s: its process sent a malformed frame", path);
    }
    if (!rh_wire_take_outcome(&in, &outcome, error))
        return rh_fail(error, RH_CONTRACT, "%s: its process sent a malformed frame", path);
    if (outcome != RH_OK && error->error_class != outcome)
        return rh_fail(error, RH_CONTRACT, "%s: it could not be loaded", path);
    return outcome;
}

static int boot(struct rh_process *process, struct rh_error *error)
{
    struct rh_spawned spawned;
    int rc =
        rh_spawn(process->owner->image.fd, process->owner->sandbox.environment, &spawned, error);

    if (rc)
        return rc;
    process->pid = spawned.pid;
    process->pidfd = spawned.pidfd;
    process->control = spawned.control;
    process->output = spawned.output;
    rh_channel_init(&process->boot, spawned.boot);
    count(process, (struct rh_isolation_stats){
                       .n_started = 1, .n_restarted = process->is_restart, .n_running = 1});
    rc = ask_to_boot(process, error);
    return rc ? rc : hear_of_boot(process, error);
}

/* ---- Watching -------------------------------------------------------------------------------- */

/* Threads are counted from here: the kernel has a limit per user only. */
static bool has_too_many_threads(const struct rh_process *process)
{
    uint32_t most = process->owner->sandbox.max_threads;
    char path[64], text[1024];
    const char *at;
    uint64_t n = 0;
    ssize_t got;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)process->pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    got = (ssize_t)fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[got > 0 ? got : 0] = 0;
    at = strstr(text, "\nThreads:\t");
    if (at)
        n = strtoull(at + 10, NULL, 10);
    return n > (most ? most : DEFAULT_THREADS);
}

/* What the clock brings: lateness, a limit passed, the end of a process that nobody uses. */
static void look_locked(struct rh_process *process, uint64_t now_us, bool threads)
{
    for (struct rh_conn *conn = process->conns; conn; conn = rh_proxy_next(conn)) {
        const char *reason = rh_proxy_stuck(conn, now_us);

        if (reason && !process->doom)
            process->doom = reason;
    }
    if (threads && !process->doom && has_too_many_threads(process))
        process->doom = "it had more threads than it may have";
    if (process->state == RH_PROCESS_READY && process->n_conns == 0 &&
        (process->owner->ending || !process->instance ||
         now_us - process->idle_since_us > LINGER_US)) {
        process->state = RH_PROCESS_ENDING;
        if (process->instance)
            process->instance->process = NULL;
    }
}

static void drain(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

/* Until the process is gone or shall be killed. */
static void watch(struct rh_process *process, struct rh_output *output)
{
    struct pollfd waits[] = {{.fd = process->pidfd, .events = POLLIN},
                             {.fd = process->control, .events = POLLIN},
                             {.fd = process->output, .events = POLLIN},
                             {.fd = process->wake, .events = POLLIN}};
    uint64_t threads_us = 0, end_us = 0;
    bool gone = false;

    while (!gone) {
        uint64_t now_us;

        /* What comes from a flood waits where it is, and is lost there. */
        waits[1].events = waits[2].events = rh_output_is_flooded(output) ? 0 : POLLIN;
        poll(waits, 4, TICK_MS);
        gone = waits[0].revents != 0;
        if (waits[3].revents)
            drain(process->wake);
        if (waits[1].revents && !rh_output_read_control(output, process->control))
            waits[1].fd = -1;
        if (waits[2].revents && !rh_output_read_lines(output, process->output))
            waits[2].fd = -1;
        now_us = rh_clock_us();
        pthread_mutex_lock(&process->owner->lock);
        look_locked(process, now_us, now_us >= threads_us);
        if (now_us >= threads_us)
            threads_us = now_us + THREADS_US;
        if (process->state == RH_PROCESS_ENDING && !end_us) {
            end_us = now_us + END_US;
            shutdown(process->control, SHUT_RDWR);
        }
        gone = gone || process->doom || (end_us && now_us > end_us);
        pthread_mutex_unlock(&process->owner->lock);
    }
}

/* ---- The end --------------------------------------------------------------------------------- */

static void describe_death(struct rh_process *process, int status, const struct rusage *usage)
{
    uint64_t limit = rh_sandbox_memory(&process->owner->sandbox);
    const char *memory = "";
    char *to = process->death;
    size_t room = sizeof(process->death);

    if ((uint64_t)usage->ru_maxrss * 1024 >= limit / 10 * 9)
        memory = ", with its memory used up";
    if (process->doom)
        snprintf(to, room, "was killed by the host: %s", process->doom);
    else if (WIFSIGNALED(status) && sigabbrev_np(WTERMSIG(status)))
        snprintf(to, room, "was killed by SIG%s%s", sigabbrev_np(WTERMSIG(status)), memory);
    else if (WIFSIGNALED(status))
        snprintf(to, room, "was killed by signal %d%s", WTERMSIG(status), memory);
    else
        snprintf(to, room, "exited with status %d%s", WEXITSTATUS(status), memory);
}

/* Whether it died of itself. */
static bool reap(struct rh_process *process)
{
    struct rusage usage = {0};
    int status = 0;
    bool unasked, doomed;

    kill_now(process);
    while (wait4(process->pid, &status, 0, &usage) < 0) {
        if (errno != EINTR) {
            status = 0; /* somebody else has reaped it */
            break;
        }
    }
    pthread_mutex_lock(&process->owner->lock);
    unasked = process->state != RH_PROCESS_ENDING;
    doomed = process->doom != NULL;
    describe_death(process, status, &usage);
    pthread_mutex_unlock(&process->owner->lock);
    count(process, (struct rh_isolation_stats){.n_killed = doomed,
                                               .n_crashed = !doomed && unasked,
                                               .n_running = (uint32_t)-1});
    return unasked;
}

/* The instance learns of a failure, and when it may be tried again. */
static void note_failure_locked(struct rh_process *process)
{
    struct rh_instance *instance = process->instance;
    uint64_t now_us = rh_clock_us();
    uint64_t delay_us = 100000;

    if (!instance)
        return;
    if (process->state != RH_PROCESS_STARTING && now_us - process->started_us >= 60u * 1000000u)
        instance->n_failures = 0;
    for (uint32_t i = 0; i < instance->n_failures && delay_us < 30000000u; i++)
        delay_us *= 2;
    instance->n_failures++;
    instance->retry_us = now_us + (delay_us < 30000000u ? delay_us : 30000000u);
    memcpy(instance->death, process->death, sizeof(instance->death));
}

static void finish(struct rh_process *process, bool unasked, int rc)
{
    struct rh_isolated *owner = process->owner;

    pthread_mutex_lock(&owner->lock);
    if (rc == RH_END)
        rh_fail(&process->fault, RH_CONTRACT, "%s: its process %s while it was loaded",
                owner->image.path, process->death);
    if (unasked) {
        if (!process->death[0])
            snprintf(process->death, sizeof(process->death), "could not be started: %.200s",
                     process->fault.message);
        note_failure_locked(process);
    }
    if (process->instance && process->instance->process == process)
        process->instance->process = NULL;
    process->instance = NULL;
    process->state = RH_PROCESS_DEAD;
    pthread_cond_broadcast(&owner->changed);
    pthread_mutex_unlock(&owner->lock);
}

static void *run(void *context)
{
    struct rh_process *process = context;
    struct rh_isolated *owner = process->owner;
    struct rh_output output;
    bool unasked = true;
    int rc = boot(process, &process->fault);

    rh_output_init(&output, owner->image.path);
    if (rc == RH_OK) {
        if (process->instance)
            rh_channel_fini(&process->boot);
        pthread_mutex_lock(&owner->lock);
        process->state = RH_PROCESS_READY;
        process->started_us = process->idle_since_us = rh_clock_us();
        pthread_cond_broadcast(&owner->changed);
        pthread_mutex_unlock(&owner->lock);
        watch(process, &output);
    }
    if (process->pid) {
        unasked = reap(process);
        rh_output_read_control(&output, process->control);
        rh_output_read_lines(&output, process->output);
    }
    if (unasked && process->pid)
        rh_log(RH_LOG_ERROR, "isolation", "the process %d of connector %s %s", (int)process->pid,
               owner->image.path, process->death);
    rh_output_fini(&output);
    finish(process, unasked, rc);
    rh_process_unref(process);
    /* The last that this thread does with the owner. */
    pthread_mutex_lock(&owner->lock);
    owner->n_watchers--;
    pthread_cond_broadcast(&owner->changed);
    pthread_mutex_unlock(&owner->lock);
    return NULL;
}

int rh_watch_start_locked(struct rh_process *process, struct rh_error *error)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int rc;

    process->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (process->wake < 0)
        return rh_fail(error, RH_RESOURCE, "cannot make an eventfd: %s", strerror(errno));
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    process->n_refs++;
    rc = pthread_create(&thread, &attributes, run, process);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (rc) {
        process->n_refs--;
        return rh_fail(error, RH_RESOURCE, "cannot make a thread: %s", strerror(rc));
    }
    process->owner->n_watchers++;
    return RH_OK;
}
