/*
 * Connections and calls. A call costs one send and one receive; it waits without a time-out, since
 * the watcher ends a process whose calls are late.
 */
#include "host/isolation/proxy.h"

#include "base/clock.h"
#include "base/err.h"
#include "host/isolation/watch.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LATE_US (1u * 1000000u)   /* behind the deadline, and the call's beginning */
#define CANCEL_US (3u * 1000000u) /* behind a cancel: it may have work to undo */
#define CLOSE_MS 500              /* for the connector's own close */

static bool is_readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&wait, 1, 0) > 0;
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

/* Never waits: it is called under a token's lock. */
static void send_cancel_locked(struct rh_conn *conn)
{
    struct rh_control message = {RH_CONTROL_CANCEL, conn->call.seq, conn->number};

    if (conn->call.cancelled)
        return;
    if (!conn->call.cancel_us)
        conn->call.cancel_us = rh_clock_us();
    conn->call.cancelled = send(conn->process->control, &message, sizeof(message),
                                MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(message);
}

static void proxy_cancel(struct rh_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    if (conn->call.running)
        send_cancel_locked(conn);
    pthread_mutex_unlock(&conn->lock);
}

const char *rh_proxy_stuck(struct rh_conn *conn, uint64_t now_us)
{
    const struct rh_proxy_call *call = &conn->call;
    const char *reason = NULL;

    pthread_mutex_lock(&conn->lock);
    if (call->running) {
        if (now_us >= call->deadline_us || is_readable(call->cancel_fd))
            send_cancel_locked(conn);
        if (now_us > call->deadline_us + LATE_US && now_us > call->begin_us + LATE_US)
            reason = "a call did not end within 1 s of its deadline";
        else if (call->cancel_us && now_us > call->cancel_us + CANCEL_US)
            reason = "a call did not end within 3 s of being cancelled";
    }
    pthread_mutex_unlock(&conn->lock);
    return reason;
}

struct rh_conn *rh_proxy_next(struct rh_conn *conn)
{
    return conn->next;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

void rh_proxy_begin(struct rh_conn *conn, const struct rh_op *op)
{
    rh_wire_out_clear(&conn->out);
    if (op)
        rh_wire_put_op(&conn->out, op, is_readable(op->cancel_fd));
}

static void start_call(struct rh_conn *conn, const struct rh_op *op)
{
    uint64_t now_us = rh_clock_us();

    pthread_mutex_lock(&conn->lock);
    conn->call = (struct rh_proxy_call){
        .running = true,
        .seq = ++conn->seq,
        .cancel_fd = op ? op->cancel_fd : -1,
        .deadline_us = op ? op->deadline_us : now_us + RH_PROXY_PURE_US,
        .begin_us = now_us,
    };
    pthread_mutex_unlock(&conn->lock);
}

static void end_call(struct rh_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    conn->call.running = false;
    pthread_mutex_unlock(&conn->lock);
}

/* The process is gone, or about to go. `sent`: the question may have reached it. */
static int fail_gone(struct rh_conn *conn, enum rh_proxy_effect effect, bool sent,
                     struct rh_error *error)
{
    char death[RH_DEATH_BYTES];
    int error_class = RH_UNAVAILABLE;

    conn->broken = true;
    rh_process_explain(conn->process, death);
    if (sent && effect == RH_PROXY_WRITES)
        error_class = RH_UNKNOWN_OUTCOME;
    else if (sent && rh_clock_us() >= conn->call.deadline_us)
        error_class = RH_TIMEOUT;
    else if (sent && conn->call.cancel_us)
        error_class = RH_CANCELLED;
    rh_fail(error, error_class, "the connector's process %s", death);
    if (error && error->error_class == error_class)
        error->retry = sent && effect == RH_PROXY_WRITES ? RH_RETRY_IF_IDEMPOTENT : RH_RETRY_SAFE;
    return error_class;
}

static int fail_broken(struct rh_error *error)
{
    rh_fail(error, RH_UNAVAILABLE, "the connection's process is gone");
    if (error && error->error_class == RH_UNAVAILABLE)
        error->retry = RH_RETRY_SAFE;
    return RH_UNAVAILABLE;
}

int rh_proxy_fail_frame(struct rh_conn *conn, enum rh_proxy_effect effect, struct rh_error *error)
{
    rh_process_doom(conn->process, "it sent a malformed frame");
    return fail_gone(conn, effect, true, error);
}

/* The answer to this call: nothing but it may be there. */
static int receive(struct rh_conn *conn, uint32_t type, struct rh_wire_in *ret_in)
{
    struct rh_wire_header header;
    int rc = rh_channel_receive(&conn->channel, &header, ret_in);

    if (rc == RH_OK &&
        (header.type != type || header.seq != conn->seq || rh_channel_has_more(&conn->channel)))
        rc = RH_PROTOCOL;
    return rc;
}

/* Reads, that leave nothing behind on a connection once their cursor is finished. */
static bool is_read(uint32_t type)
{
    type &= ~RH_WIRE_ASSUMING;
    return type == RH_WIRE_PLAN || type == RH_WIRE_OPEN || type == RH_WIRE_NEXT ||
           type == RH_WIRE_PING || type == RH_WIRE_TABLES || type == RH_WIRE_EXPLAIN ||
           type == RH_WIRE_ESTIMATE;
}

void rh_proxy_tell_late(const struct rh_op *op, int32_t *rc, struct rh_error *error)
{
    if (*rc != RH_CANCELLED || rh_clock_us() < op->deadline_us || is_readable(op->cancel_fd))
        return;
    *rc = RH_TIMEOUT;
    if (error)
        rh_error_clear(error);
    rh_fail(error, RH_TIMEOUT, "the deadline passed");
}

int rh_proxy_ask(struct rh_conn *conn, const struct rh_op *op, uint32_t type,
                 enum rh_proxy_effect effect, int32_t *ret_rc, struct rh_wire_in *ret_in,
                 struct rh_error *error)
{
    uint32_t reset = conn->reset_due ? RH_WIRE_RESET_FIRST : 0;
    bool sent = false;
    int rc;

    if (conn->broken)
        return fail_broken(error);
    start_call(conn, op);
    rc = rh_channel_send(&conn->channel, &conn->out, type | reset, conn->seq, &sent);
    if (rc == RH_OK)
        rc = receive(conn, type, ret_in);
    end_call(conn);
    if (rc == RH_RESOURCE && !sent)
        return rh_fail(error, RH_RESOURCE, "no memory for a message to the connector's process");
    if (rc == RH_PROTOCOL || rc == RH_RESOURCE)
        return rh_proxy_fail_frame(conn, effect, error);
    if (rc)
        return fail_gone(conn, effect, sent, error);
    if (!rh_wire_take_outcome(ret_in, ret_rc, error))
        return rh_proxy_fail_frame(conn, effect, error);
    if (op)
        rh_proxy_tell_late(op, ret_rc, error);
    conn->reset_due = false;
    if (*ret_rc < 0 || !is_read(type))
        conn->touched = true;
    return RH_OK;
}

int32_t rh_proxy_ask_simply(struct rh_conn *conn, const struct rh_op *op, enum rh_wire_type type,
                            enum rh_proxy_effect effect, struct rh_error *error)
{
    struct rh_wire_in in;
    int32_t outcome;
    int rc = rh_proxy_ask(conn, op, type, effect, &outcome, &in, error);

    if (rc)
        return rc;
    return rh_wire_is_done(&in) ? outcome : rh_proxy_fail_frame(conn, effect, error);
}

bool rh_proxy_keep(struct rh_wire_in *in, struct rh_arena *arena)
{
    char *fixed = rh_arena_alloc(arena, in->n_fixed + in->n_bytes);

    if (!fixed)
        return false;
    memcpy(fixed, in->fixed, in->n_fixed);
    if (in->n_bytes)
        memcpy(fixed + in->n_fixed, in->bytes, in->n_bytes);
    in->fixed = fixed;
    in->bytes = fixed + in->n_fixed;
    return true;
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* Settings that are equal have equal frames: each is written in the same way, in their order. */
static void hash_frame(const struct rh_wire_out *out, unsigned char ret_key[32])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)out->fixed.data, out->fixed.len);
    crypto_hash_sha256_update(&state, (const unsigned char *)out->bytes.data, out->bytes.len);
    crypto_hash_sha256_final(&state, ret_key);
}

static int acquire(struct rh_isolated *isolated, struct rh_conn *conn, const struct rh_op *op,
                   const struct rh_settings *settings, struct rh_error *error)
{
    unsigned char key[32];

    rh_wire_put_settings(&conn->out, settings);
    if (rh_wire_out_failed(&conn->out))
        return rh_fail_nomem(error);
    hash_frame(&conn->out, key);
    return rh_process_acquire(isolated, key, op, &conn->process, error);
}

/* Gives the process its end of the connection's socket. */
static int pass_socket(struct rh_conn *conn, int fd)
{
    struct rh_control message = {RH_CONTROL_OPEN, 0, conn->number};
    struct iovec part = {&message, sizeof(message)};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } ancillary = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.room,
                            .msg_controllen = sizeof(ancillary.room)};

    memcpy(CMSG_DATA(&ancillary.head), &fd, sizeof(fd));
    while (sendmsg(conn->process->control, &packet, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return RH_UNAVAILABLE;
    }
    return RH_OK;
}

static void link_conn(struct rh_conn *conn)
{
    struct rh_process *process = conn->process;

    pthread_mutex_lock(&process->owner->lock);
    conn->number = ++process->next_conn;
    conn->next = process->conns;
    if (conn->next)
        conn->next->before = conn;
    process->conns = conn;
    pthread_mutex_unlock(&process->owner->lock);
}

static void unlink_conn(struct rh_conn *conn)
{
    struct rh_process *process = conn->process;

    pthread_mutex_lock(&process->owner->lock);
    if (conn->next)
        conn->next->before = conn->before;
    if (conn->before)
        conn->before->next = conn->next;
    else if (process->conns == conn)
        process->conns = conn->next;
    pthread_mutex_unlock(&process->owner->lock);
}

static int open_socket(struct rh_conn *conn, struct rh_error *error)
{
    int ends[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return rh_fail(error, RH_RESOURCE, "cannot make a socket: %s", strerror(errno));
    rh_channel_init(&conn->channel, ends[0]);
    rc = pass_socket(conn, ends[1]);
    close(ends[1]);
    return rc ? fail_gone(conn, RH_PROXY_READS, false, error) : RH_OK;
}

static void proxy_close(struct rh_conn *conn);

int32_t rh_proxy_connect(struct rh_isolated *isolated, const struct rh_op *op,
                         const struct rh_settings *settings, struct rh_conn **ret_conn,
                         struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    pthread_mutex_init(&conn->lock, NULL);
    rh_channel_init(&conn->channel, -1);
    rh_wire_out_init(&conn->out);
    rh_assume_init(&conn->assume);
    rc = acquire(isolated, conn, op, settings, error);
    if (rc == RH_OK) {
        link_conn(conn);
        rc = open_socket(conn, error);
    }
    if (rc == RH_OK) {
        rh_proxy_begin(conn, op);
        rh_wire_put_settings(&conn->out, settings);
        rc = rh_proxy_ask_simply(conn, op, RH_WIRE_CONNECT, RH_PROXY_READS, error);
    }
    if (rc) {
        proxy_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

/* The connector closes when it sees the end of the socket, and closes that when it is done: what a
 * closed connection held at the source is free when this returns. */
static void hang_up(struct rh_conn *conn)
{
    struct pollfd wait = {.fd = conn->channel.fd, .events = POLLIN};

    if (wait.fd < 0 || conn->broken)
        return;
    shutdown(wait.fd, SHUT_WR);
    poll(&wait, 1, CLOSE_MS);
}

static void proxy_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_proxy_finish(conn->cursor);
    hang_up(conn);
    if (conn->process) {
        unlink_conn(conn);
        rh_process_release(conn->process);
    }
    rh_channel_fini(&conn->channel);
    rh_wire_out_fini(&conn->out);
    rh_assume_fini(&conn->assume);
    pthread_mutex_destroy(&conn->lock);
    free(conn);
}

/* ---- What is asked simply -------------------------------------------------------------------- */

static int32_t proxy_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    rh_proxy_begin(conn, op);
    return rh_proxy_ask_simply(conn, op, RH_WIRE_PING, RH_PROXY_READS, error);
}

/*
 * Not waited for. After reads that succeeded there is nothing that must be given up at once, so the
 * reset goes along with the next question; after everything else the process resets while the
 * connection lies idle here. It replaces a connection whose reset fails by a new one.
 */
static int32_t proxy_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (conn->cursor)
        rh_proxy_finish(conn->cursor);
    if (conn->broken)
        return fail_broken(error);
    conn->reset_due = !conn->touched;
    if (!conn->touched)
        return RH_OK;
    conn->touched = false;
    rh_proxy_begin(conn, NULL);
    if (rh_channel_send(&conn->channel, &conn->out, RH_WIRE_RESET, 0, NULL) != RH_OK)
        return fail_gone(conn, RH_PROXY_READS, false, error);
    return RH_OK;
}

static int32_t proxy_tables(struct rh_conn *conn, const struct rh_op *op,
                            struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, op);
    rc = rh_proxy_ask(conn, op, RH_WIRE_TABLES, RH_PROXY_READS, &outcome, &in, error);
    if (rc || outcome)
        return rc ? rc : outcome;
    if (!rh_proxy_keep(&in, op->arena))
        return rh_fail_nomem(error);
    if (!rh_wire_take_catalog(&in, ret_catalog) || !rh_wire_is_done(&in))
        return rh_proxy_fail_frame(conn, RH_PROXY_READS, error);
    return outcome;
}

static int32_t ask_plan(struct rh_conn *conn, const struct rh_query *query,
                        struct rh_plan *ret_plan, struct rh_error *error)
{
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, NULL);
    rh_wire_put_query(&conn->out, query);
    rh_wire_put_plan(&conn->out, ret_plan, query);
    rc = rh_proxy_ask(conn, NULL, RH_WIRE_PLAN, RH_PROXY_READS, &outcome, &in, error);
    if (rc || (outcome && rh_wire_is_done(&in)))
        return rc ? rc : outcome;
    if (!rh_wire_take_plan(&in, ret_plan, query) || !rh_wire_is_done(&in))
        return rh_proxy_fail_frame(conn, RH_PROXY_READS, error);
    return outcome;
}

static int32_t proxy_plan(struct rh_conn *conn, const struct rh_query *query,
                          struct rh_plan *ret_plan, struct rh_error *error)
{
    struct rh_query plain = *query;
    int32_t rc;

    plain.flags &= ~RH_QUERY_ASSUME;
    if (!(query->flags & RH_QUERY_ASSUME))
        return ask_plan(conn, &plain, ret_plan, error);
    if (rh_assume_look(&conn->assume, &plain, ret_plan))
        return RH_OK;
    rc = ask_plan(conn, &plain, ret_plan, error);
    if (rc == RH_OK)
        rh_assume_keep(&conn->assume, &plain, ret_plan);
    return rc;
}

static int32_t proxy_explain(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, struct rh_text *ret_native,
                             struct rh_error *error)
{
    struct rh_wire_in in;
    struct rh_text *text;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, op);
    rh_wire_put_query(&conn->out, query);
    rc = rh_proxy_ask(conn, op, RH_WIRE_EXPLAIN, RH_PROXY_READS, &outcome, &in, error);
    if (rc || outcome)
        return rc ? rc : outcome;
    if (!rh_proxy_keep(&in, op->arena))
        return rh_fail_nomem(error);
    text = rh_wire_take(&in, 1, sizeof(*text));
    if (!text || !rh_wire_fix_text(&in, text) || !rh_wire_is_done(&in))
        return rh_proxy_fail_frame(conn, RH_PROXY_READS, error);
    *ret_native = *text;
    return outcome;
}

static int32_t proxy_estimate(struct rh_conn *conn, const struct rh_op *op,
                              const struct rh_query *query, int64_t *ret_rows,
                              struct rh_error *error)
{
    struct rh_wire_in in;
    const int64_t *rows;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, op);
    rh_wire_put_query(&conn->out, query);
    rc = rh_proxy_ask(conn, op, RH_WIRE_ESTIMATE, RH_PROXY_READS, &outcome, &in, error);
    if (rc || outcome)
        return rc ? rc : outcome;
    rows = rh_wire_take(&in, 1, sizeof(*rows));
    if (!rows || !rh_wire_is_done(&in))
        return rh_proxy_fail_frame(conn, RH_PROXY_READS, error);
    *ret_rows = *rows;
    return outcome;
}

const struct rh_connector rh_proxy_connector = {
    .struct_size = sizeof(rh_proxy_connector),
    .abi_minor = RH_ABI_MINOR,
    .threads = RH_THREADS_SERIAL,
    .close = proxy_close,
    .ping = proxy_ping,
    .tables = proxy_tables,
    .open = rh_proxy_open,
    .next = rh_proxy_next_rows,
    .finish = rh_proxy_finish,
    .cancel = proxy_cancel,
    .plan = proxy_plan,
    .explain = proxy_explain,
    .estimate = proxy_estimate,
    .reset = proxy_reset,
    .write = &rh_proxy_write,
    .tx = &rh_proxy_tx,
    .native = &rh_proxy_native,
    .ddl = &rh_proxy_ddl,
    .feed = &rh_proxy_feed,
};
