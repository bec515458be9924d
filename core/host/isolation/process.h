/*
 * The processes of isolated connectors, and who watches them.
 *
 *   STARTING ──boot──► READY ──a minute without connections──► ENDING ──► DEAD
 *      └──cannot start──┴──── crashed, late, malformed frame, end ─────────┘
 *
 * Each process has a thread here, which starts it, watches it and reaps it, and ends after it. That
 * thread is its parent as far as the kernel's parent-death signal goes, so the signal comes exactly
 * when this whole process dies. A call waits in recv(2) without a time-out; the watcher looks every
 * 100 ms for calls that are late or were cancelled by their descriptor alone.
 *
 * Locks: rh_isolated.lock, then rh_conn's own.
 */
#pragma once

#include "base/arena.h"
#include "host/image.h"
#include "host/isolation/channel.h"
#include "host/isolation/codec.h"
#include "host/isolation/isolation.h"

#include <pthread.h>
#include <sys/types.h>

#define RH_DEATH_BYTES 256

enum rh_process_state {
    RH_PROCESS_STARTING,
    RH_PROCESS_READY,
    RH_PROCESS_ENDING, /* asked to end; not for new connections */
    RH_PROCESS_DEAD,
};

/* One connector that runs isolated. */
struct rh_isolated {
    struct rh_image image;
    struct rh_arena *arena; /* the sandbox */
    struct rh_sandbox sandbox;
    struct rh_library *library; /* whose it is; NULL while it is described */
    char *description;          /* the frame that the library's texts lie in */
    uint32_t slot;              /* of its connect function */
    pthread_mutex_t lock;       /* guards all below, and processes */
    pthread_cond_t changed;     /* a process changed its state or its watcher ended */
    struct rh_instance *instances;
    uint32_t n_watchers;
    struct rh_isolation_stats stats;
    bool ending;
};

/* What has the same settings shares a process. */
struct rh_instance {
    struct rh_instance *next;
    unsigned char key[32]; /* hash of the settings */
    struct rh_process *process;
    uint32_t n_failures;        /* in a row */
    uint64_t retry_us;          /* not started again before */
    char death[RH_DEATH_BYTES]; /* how it died last: "was killed by SIGSEGV" */
};

struct rh_process {
    struct rh_isolated *owner;
    struct rh_instance *instance; /* NULL: only to describe the connector, or dead */
    uint32_t n_refs;
    enum rh_process_state state;
    struct rh_conn *conns; /* proxies that watch for lateness */
    uint32_t n_conns;      /* proxies and who is about to be one */
    uint64_t idle_since_us, started_us;
    uint64_t next_conn; /* number of the next connection */
    bool is_restart;    /* in place of one that died */
    const char *doom;   /* why it is killed; NULL while it is not */
    char death[RH_DEATH_BYTES];
    struct rh_error fault; /* why it could not be started */

    /* Set before READY, and then constant. */
    pid_t pid;
    int pidfd;
    int control; /* SOCK_SEQPACKET; writing is [any] */
    int wake;    /* eventfd: the watcher shall look */
    int output;  /* its stderr */
    struct rh_channel boot;
};

/* Starts a process only to have the connector described; ended by rh_process_unref. Waits. The
 * answer stands in process->boot. CONTRACT with how it failed, RESOURCE, NOT_FOUND. */
int rh_process_describe(struct rh_isolated *isolated, struct rh_process **ret_process,
                        struct rh_wire_in *ret_in, struct rh_error *error);
/* The running process for these settings, started when there is none, for a new connection: given
 * back with rh_process_release. UNAVAILABLE (it does not start, or not yet again), TIMEOUT,
 * CANCELLED, RESOURCE. [any] */
int rh_process_acquire(struct rh_isolated *isolated, const unsigned char key[32],
                       const struct rh_op *op, struct rh_process **ret_process,
                       struct rh_error *error);
/* The connection is gone. */
void rh_process_release(struct rh_process *process);
void rh_process_unref(struct rh_process *process);
/* Kills it, for this reason (static text: "it sent a malformed frame"). [any] */
void rh_process_doom(struct rh_process *process, const char *reason);
/* After its socket was closed: waits a moment for its end. ret_death: "was killed by SIGSEGV". */
void rh_process_explain(struct rh_process *process, char ret_death[RH_DEATH_BYTES]);
/* Ends all processes of a connector, and waits for their ends. */
void rh_process_end_all(struct rh_isolated *isolated);

/* The proxy's: looks whether its call is late; called by the watcher every 100 ms. Why the process
 * has to be killed for it (static text), or NULL. Under the owner's lock. */
const char *rh_proxy_stuck(struct rh_conn *conn, uint64_t now_us);
struct rh_conn *rh_proxy_next(struct rh_conn *conn);
