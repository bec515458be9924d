/*
 * The proxy: a connector's vtable whose functions ask a process. The connection's calls here, one
 * at a time; `cancel` and the watcher look in from other threads.
 */
#pragma once

#include "host/isolation/assume.h"
#include "host/isolation/process.h"

#include <pthread.h>

/* The call that runs. Guarded by rh_conn.lock. */
struct rh_proxy_call {
    bool running;
    bool cancelled; /* a cancel has been sent */
    uint32_t seq;
    int cancel_fd;
    uint64_t deadline_us;
    uint64_t begin_us;
    uint64_t cancel_us; /* when it was cancelled first; 0: it was not */
};

struct rh_conn {
    struct rh_process *process;
    struct rh_conn *next, *before; /* in the process's list; guarded by the owner's lock */
    uint64_t number;
    struct rh_channel channel;
    struct rh_wire_out out;
    pthread_mutex_t lock; /* guards call; a leaf */
    struct rh_proxy_call call;
    uint32_t seq;
    bool touched;             /* since its reset, more than reads that succeeded */
    bool reset_due;           /* with the next question */
    bool broken;              /* the process is gone, or said what it must not */
    struct rh_cursor *cursor; /* the one that is open */
    struct rh_assume assume;
};

/* What may have happened when the answer is lost. */
enum rh_proxy_effect {
    RH_PROXY_READS,
    RH_PROXY_WRITES, /* then the outcome is not known */
};

/* The least that calls without an operation may take. */
#define RH_PROXY_PURE_US (5u * 1000000u)

/* Begins a question: empties the frame and, unless op is NULL, puts the operation on it. */
void rh_proxy_begin(struct rh_conn *conn, const struct rh_op *op);
/*
 * Sends it and waits for the answer. type: RH_WIRE_*, with its bits. Returns OK with the
 * connector's own outcome in *ret_rc and what follows it in *ret_in, valid until the next call.
 * Otherwise the process is gone or has to go, and the error tells: UNAVAILABLE, TIMEOUT,
 * UNKNOWN_OUTCOME, RESOURCE.
 */
int rh_proxy_ask(struct rh_conn *conn, const struct rh_op *op, uint32_t type,
                 enum rh_proxy_effect effect, int32_t *ret_rc, struct rh_wire_in *ret_in,
                 struct rh_error *error);
/* The watcher cancels late calls, which the connector cannot tell from others: makes their
 * CANCELLED a TIMEOUT. */
void rh_proxy_tell_late(const struct rh_op *op, int32_t *rc, struct rh_error *error);
/* The answer could not be read: the process ends. Returns the error's class. */
int rh_proxy_fail_frame(struct rh_conn *conn, enum rh_proxy_effect effect, struct rh_error *error);
/* Questions and answers without more than an outcome. */
int32_t rh_proxy_ask_simply(struct rh_conn *conn, const struct rh_op *op, enum rh_wire_type type,
                            enum rh_proxy_effect effect, struct rh_error *error);
/* The answer's sections once more, in the op's arena; NULL when out of memory. */
bool rh_proxy_keep(struct rh_wire_in *in, struct rh_arena *arena);

/* Opens a connection of this connector. */
int32_t rh_proxy_connect(struct rh_isolated *isolated, const struct rh_op *op,
                         const struct rh_settings *settings, struct rh_conn **ret_conn,
                         struct rh_error *error);
/* The whole table but `connect`, which each connector has its own of. */
extern const struct rh_connector rh_proxy_connector;

/* In proxy_read.c and proxy_write.c. */
int32_t rh_proxy_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                      struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_proxy_next_rows(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                           struct rh_batch *ret_batch, struct rh_error *error);
void rh_proxy_finish(struct rh_cursor *cursor);
extern const struct rh_write rh_proxy_write;
extern const struct rh_tx rh_proxy_tx;
extern const struct rh_native rh_proxy_native;
extern const struct rh_ddl rh_proxy_ddl;
extern const struct rh_feed rh_proxy_feed;
