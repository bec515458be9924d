/*
 * Connections: commands out, replies in. Commands are put together here; replies are taken apart by
 * hiredis' reader, which makes them in an arena of ours. Reading has a ceiling per reply, so a
 * server that sends without end is left.
 *
 * A call that ends early leaves replies behind. They are counted, and skipped by the next call: the
 * connection goes on. Only what cannot be told apart any more breaks it.
 */
#include "redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)
#define OUT_BYTES ((size_t)1 << 30)
#define MAX_ITEMS (1u << 20) /* of one array */

enum { IDLE, RUNNING, CANCELLED };

/* ---- Waiting and cancelling ---------------------------------------------------------------- */

int rh_redis_wait(struct rh_conn *conn, const struct rh_op *op, short events,
                  struct rh_error *error)
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = conn->link.fd, .events = events},
                                {.fd = conn->wake_fd, .events = POLLIN},
                                {.fd = op->cancel_fd, .events = POLLIN}};
        uint64_t now_us = conn->host->now_us(conn->host), left_ms;
        int n;

        if (atomic_load(&conn->state) == CANCELLED)
            return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
        if (now_us >= op->deadline_us)
            return rh_fail(error, RH_TIMEOUT, "Redis did not answer within the deadline");
        left_ms = (op->deadline_us - now_us + 999) / 1000;
        n = poll(fds, op->cancel_fd >= 0 ? 3 : 2, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n < 0 && errno != EINTR)
            return rh_fail(error, RH_INTERNAL, "poll failed: %s", strerror(errno));
        if (n <= 0)
            continue;
        if (op->cancel_fd >= 0 && fds[2].revents)
            return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
        if (fds[0].revents)
            return RH_OK;
    }
}

static void clear_wake(struct rh_conn *conn)
{
    uint64_t count;

    (void)!read(conn->wake_fd, &count, sizeof(count));
}

static int lost(struct rh_conn *conn, const char *how, struct rh_error *error)
{
    int rc = rh_fail(error, RH_UNAVAILABLE, "the connection to Redis was lost: %s", how);

    conn->broken = true;
    if (error && rc == RH_UNAVAILABLE)
        error->retry = RH_RETRY_IF_IDEMPOTENT;
    return rc;
}

static int dead(struct rh_error *error)
{
    rh_fail(error, RH_UNAVAILABLE, "the connection to Redis was lost");
    if (error)
        error->retry = RH_RETRY_SAFE;
    return RH_UNAVAILABLE;
}

/* A server that went away while nothing was asked has closed the socket. */
static bool has_hung_up(struct rh_conn *conn)
{
    struct pollfd poller = {.fd = conn->link.fd, .events = POLLIN};

    return conn->n_owed == 0 && !conn->link.tls && poll(&poller, 1, 0) > 0;
}

int rh_redis_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc;

    atomic_store(&conn->state, RUNNING);
    rc = conn->broken ? dead(error) : rh_kit_check(conn->host, op, error);
    if (rc == RH_OK && has_hung_up(conn)) {
        conn->broken = true;
        rc = dead(error);
    }
    return rc;
}

void rh_redis_leave(struct rh_conn *conn)
{
    if (atomic_exchange(&conn->state, IDLE) == CANCELLED)
        clear_wake(conn);
}

void rh_redis_cancel(struct rh_conn *conn)
{
    int running = RUNNING;
    uint64_t one = 1;

    if (atomic_compare_exchange_strong(&conn->state, &running, CANCELLED))
        (void)!write(conn->wake_fd, &one, sizeof(one));
}

/* ---- Commands ------------------------------------------------------------------------------ */

static void add_count(struct rh_buf *out, char sign, uint64_t n)
{
    rh_buf_add_char(out, sign);
    rh_buf_add_u64(out, n);
    rh_buf_add(out, "\r\n", 2);
}

void rh_redis_begin(struct rh_conn *conn, uint32_t n_words)
{
    add_count(&conn->out, '*', n_words);
    conn->n_owed++;
}

void rh_redis_word(struct rh_conn *conn, struct rh_text word)
{
    add_count(&conn->out, '$', word.len);
    rh_buf_add_text(&conn->out, word);
    rh_buf_add(&conn->out, "\r\n", 2);
}

static void add_words(struct rh_conn *conn, const char *words, uint32_t n_more)
{
    struct rh_text rest = rh_text_of(words);
    uint32_t n = 1 + n_more;

    for (uint64_t i = 0; i < rest.len; i++)
        n += rest.data[i] == ' ';
    rh_redis_begin(conn, n);
    while (rest.len)
        rh_redis_word(conn, rh_text_cut(&rest, ' '));
}

void rh_redis_command(struct rh_conn *conn, const char *words)
{
    add_words(conn, words, 0);
}

void rh_redis_command_on(struct rh_conn *conn, const char *words, struct rh_text last)
{
    add_words(conn, words, 1);
    rh_redis_word(conn, last);
}

int rh_redis_flush(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    size_t sent = 0;

    if (conn->out.failed) {
        conn->broken = true; /* how many were complete is not known */
        return rh_fail(error, RH_RESOURCE, "the commands are too large");
    }
    while (sent < conn->out.len) {
        short events = 0;
        int64_t n =
            rh_redis_link_write(&conn->link, conn->out.data + sent, conn->out.len - sent, &events);
        int rc = RH_OK;

        if (n >= 0)
            sent += (size_t)n;
        else if (n == RH_REDIS_LINK_FAILED)
            rc = lost(conn, "it cannot be written to", error);
        else
            rc = rh_redis_wait(conn, op, events, error);
        if (rc) {
            conn->broken = true; /* half a command */
            return rc;
        }
    }
    rh_buf_clear(&conn->out);
    return RH_OK;
}

/* ---- Replies: how hiredis makes them --------------------------------------------------------- */

static struct rh_redis_reply *make_reply(const redisReadTask *task, enum rh_redis_reply_type type)
{
    struct rh_redis_reply *reply = rh_arena_alloc(task->privdata, sizeof(*reply));

    if (!reply)
        return NULL;
    reply->type = type;
    if (task->parent) {
        struct rh_redis_reply *parent = task->parent->obj;
        parent->items[task->idx] = reply;
    }
    return reply;
}

static void *make_text(const redisReadTask *task, char *data, size_t len)
{
    enum rh_redis_reply_type type = task->type == REDIS_REPLY_ERROR    ? RH_REDIS_REPLY_ERROR
                                    : task->type == REDIS_REPLY_STATUS ? RH_REDIS_REPLY_STATUS
                                                                       : RH_REDIS_REPLY_TEXT;
    struct rh_redis_reply *reply = make_reply(task, type);
    bool ok = true;

    if (reply)
        reply->text = rh_arena_text(task->privdata, rh_text_make(data, len), &ok);
    return ok ? reply : NULL;
}

static void *make_array(const redisReadTask *task, int n)
{
    struct rh_redis_reply *reply = make_reply(task, RH_REDIS_REPLY_ARRAY);

    if (!reply || n < 0 || (uint32_t)n > MAX_ITEMS)
        return NULL;
    reply->n = (uint32_t)n;
    reply->items = rh_arena_array(task->privdata, (size_t)n, sizeof(struct rh_redis_reply *));
    return reply->items ? reply : NULL;
}

static void *make_int(const redisReadTask *task, long long value)
{
    struct rh_redis_reply *reply = make_reply(task, RH_REDIS_REPLY_INT);

    if (reply)
        reply->integer = value;
    return reply;
}

static void *make_nil(const redisReadTask *task)
{
    return make_reply(task, RH_REDIS_REPLY_NIL);
}

static void free_nothing(void *reply)
{
    (void)reply; /* it is the arena's */
}

static redisReplyObjectFunctions makers = {make_text, make_array, make_int, make_nil, free_nothing};

/* ---- Replies: reading them ------------------------------------------------------------------- */

static int bad_reply(struct rh_conn *conn, struct rh_error *error)
{
    const redisReader *reader = conn->reader;

    conn->broken = true;
    if (reader->err == REDIS_ERR_OOM)
        return rh_fail(error, RH_RESOURCE, "an answer of Redis is larger than %zu MiB",
                       RH_REDIS_REPLY_BYTES >> 20);
    return rh_fail(error, RH_PROTOCOL, "Redis sent what is not its protocol");
}

static int read_some(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    char piece[READ_BYTES];
    short events = POLLIN;
    redisReader *reader = conn->reader;
    int64_t n = rh_redis_link_read(&conn->link, piece, sizeof(piece), &events);

    if (n == RH_REDIS_LINK_WAIT)
        return rh_redis_wait(conn, op, events, error);
    if (n == RH_REDIS_LINK_FAILED)
        return lost(conn, "it cannot be read", error);
    if (n == 0)
        return lost(conn, "the server ended it", error);
    if (reader->len - reader->pos > RH_REDIS_REPLY_BYTES ||
        redisReaderFeed(reader, piece, (size_t)n) != REDIS_OK) {
        reader->err = REDIS_ERR_OOM;
        return bad_reply(conn, error);
    }
    return RH_OK;
}

static int receive_one(struct rh_conn *conn, const struct rh_op *op,
                       const struct rh_redis_reply **ret_reply, struct rh_error *error)
{
    void *reply = NULL;
    int rc = RH_OK;

    while (rc == RH_OK) {
        if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK)
            return bad_reply(conn, error);
        if (reply)
            break;
        rc = read_some(conn, op, error);
    }
    if (rc)
        return rc;
    conn->n_owed--;
    *ret_reply = reply;
    return RH_OK;
}

int rh_redis_receive(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_redis_reply **ret_reply, struct rh_error *error)
{
    if (conn->n_owed == 0)
        return rh_fail(error, RH_INTERNAL, "no reply of Redis is due");
    while (conn->n_stale) {
        const struct rh_redis_reply *stale;
        int rc = receive_one(conn, op, &stale, error);

        if (rc)
            return rc;
        conn->n_stale--;
        rh_redis_release(conn);
    }
    return receive_one(conn, op, ret_reply, error);
}

void rh_redis_release(struct rh_conn *conn)
{
    /* A reply of which only a part has come is in the arena too. */
    if (((const redisReader *)conn->reader)->ridx < 0)
        rh_arena_reset(conn->arena);
}

void rh_redis_abandon(struct rh_conn *conn)
{
    if (conn->out.len) /* not sent: never mind which of them are owed */
        conn->broken = true;
    conn->n_stale = conn->n_owed;
    rh_redis_release(conn);
}

/* ---- Connecting ------------------------------------------------------------------------------ */

/* Which keys there are, SCAN tells of one node only: better no rows than some of them. */
static int check_cluster(const struct rh_redis_reply *info, struct rh_error *error)
{
    if (info->type != RH_REDIS_REPLY_TEXT ||
        !memmem(info->text.data, info->text.len, "cluster_enabled:1", 17))
        return RH_OK; /* or the user may not ask */
    return rh_fail(error, RH_UNSUPPORTED,
                   "the server is a node of a Redis Cluster, which is not "
                   "supported");
}

static int greet(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_redis_config *config = &conn->config;
    const struct rh_redis_reply *reply;
    int rc = RH_OK;

    if (config->password) {
        rh_redis_begin(conn, config->user ? 3 : 2);
        rh_redis_word(conn, RH_TEXT("AUTH"));
        if (config->user)
            rh_redis_word(conn, rh_text_of(config->user));
        rh_redis_word(conn, rh_text_of(config->password));
    }
    rh_redis_begin(conn, 2);
    rh_redis_word(conn, RH_TEXT("SELECT"));
    {
        char number[24];
        struct rh_buf text = {.data = number, .cap = sizeof(number), .max = sizeof(number)};
        rh_buf_add_u64(&text, config->database);
        rh_redis_word(conn, rh_buf_text(&text));
    }
    rh_redis_command(conn, "INFO cluster");
    rc = rh_redis_flush(conn, op, error);
    explicit_bzero(conn->out.data, conn->out.cap);
    while (rc == RH_OK && conn->n_owed) {
        bool is_last = conn->n_owed == 1;
        rc = rh_redis_receive(conn, op, &reply, error);
        if (rc == RH_OK)
            rc = is_last ? check_cluster(reply, error)
                         : rh_redis_check(reply, "cannot connect", error);
    }
    rh_redis_release(conn);
    return rc;
}

static int start(struct rh_conn *conn, const struct rh_op *op, const struct rh_settings *settings,
                 struct rh_error *error)
{
    redisReader *reader = redisReaderCreateWithFunctions(&makers);
    int rc = rh_redis_config_init(&conn->config, settings, error);

    conn->reader = reader;
    conn->arena = rh_arena_new(RH_REDIS_REPLY_BYTES * 4);
    conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rc)
        return rc;
    if (!reader || !conn->arena)
        return rh_fail_nomem(error);
    if (conn->wake_fd < 0)
        return rh_fail(error, RH_RESOURCE, "no file descriptor is left");
    reader->privdata = conn->arena;
    rc = rh_redis_enter(conn, op, error);
    if (rc == RH_OK)
        rc = rh_redis_link_open(conn, op, error);
    if (rc == RH_OK)
        rc = greet(conn, op, error);
    rh_redis_leave(conn);
    return rc;
}

int32_t rh_redis_connect(const struct rh_host *host, const struct rh_op *op,
                         const struct rh_settings *settings, struct rh_conn **ret_conn,
                         struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    conn->link.fd = -1;
    conn->wake_fd = -1;
    rh_buf_init(&conn->out, OUT_BYTES);
    rh_rowset_init(&conn->returned, 0, SIZE_MAX);
    rc = start(conn, op, settings, error);
    if (rc)
        rh_redis_close(conn);
    else
        *ret_conn = conn;
    return rc;
}

void rh_redis_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_redis_finish(conn->cursor);
    rh_redis_link_close(&conn->link);
    if (conn->reader)
        redisReaderFree(conn->reader);
    rh_arena_free(conn->arena);
    rh_buf_free(&conn->out);
    rh_rowset_fini(&conn->returned);
    if (conn->wake_fd >= 0)
        close(conn->wake_fd);
    rh_redis_config_fini(&conn->config);
    free(conn);
}

int32_t rh_redis_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_redis_reply *reply = NULL;
    int rc = rh_redis_enter(conn, op, error);

    if (rc == RH_OK) {
        rh_redis_command(conn, "PING");
        rc = rh_redis_flush(conn, op, error);
    }
    if (rc == RH_OK)
        rc = rh_redis_receive(conn, op, &reply, error);
    if (rc == RH_OK && reply->type != RH_REDIS_REPLY_STATUS)
        rc = rh_redis_fail(error, reply, "no answer to a ping");
    if (rc)
        rh_redis_abandon(conn);
    rh_redis_release(conn);
    rh_redis_leave(conn);
    return rc;
}
