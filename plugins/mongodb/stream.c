/*
 * Sockets of our own under the library: it blocks in what it reads and writes, so the waiting is done
 * here, where each wait ends at the operation's deadline, when its cancel fd becomes readable, or by
 * `cancel`. Outside of an operation (closing) there is a short time for a last word, and no new
 * connection is made.
 *
 * The look-up of host names blocks: libc has no other.
 */
#include "mongodb.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAM_TYPE 1000 /* the library's own end at 10 */
#define MAX_STREAMS 64   /* that are waited for at once */
#define READ_AHEAD ((size_t)64 << 10)

struct stream {
    mongoc_stream_t vtable; /* first: the library knows no more of it */
    struct rh_conn *conn;
    int fd;
    int error; /* errno of what failed last */
};

static struct stream *stream_of(mongoc_stream_t *stream)
{
    return (struct stream *)(void *)stream;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static uint64_t deadline_of(const struct rh_conn *conn)
{
    return conn->op ? conn->op->deadline_us : conn->grace_until_us;
}

/* Milliseconds to wait; -1 when the operation is over. timeout_ms < 0: none of its own. */
static int patience(struct rh_conn *conn, int64_t timeout_ms)
{
    uint64_t now_us = conn->host->now_us(conn->host), until_us = deadline_of(conn);
    uint64_t ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;

    if (!ms) {
        conn->ended = RH_TIMEOUT;
        return -1;
    }
    if (timeout_ms >= 0 && (uint64_t)timeout_ms < ms)
        ms = (uint64_t)timeout_ms;
    return ms > 60000 ? 60000 : (int)ms;
}

/* Waits for the n sockets; the array has room for two more. As poll: how many are ready, 0 after
 * timeout_ms, -1 with errno when the operation is over. */
static int wait_for(struct rh_conn *conn, struct pollfd *fds, nfds_t n, int64_t timeout_ms)
{
    fds[n] = (struct pollfd){.fd = conn->op ? conn->wake_fd : -1, .events = POLLIN};
    fds[n + 1] = (struct pollfd){.fd = conn->op ? conn->op->cancel_fd : -1, .events = POLLIN};
    for (;;) {
        int ms = conn->ended ? -1 : patience(conn, timeout_ms), ready;

        if (ms < 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        ready = poll(fds, n + 2, ms);
        if (ready < 0 && errno != EINTR)
            return -1;
        if (ready > 0 && (fds[n].revents || fds[n + 1].revents)) {
            conn->ended = RH_CANCELLED;
            errno = ECANCELED;
            return -1;
        }
        if (ready > 0 || (ready == 0 && timeout_ms >= 0 && ms >= timeout_ms))
            return ready < 0 ? 0 : ready;
    }
}

int rh_mongodb_pause(struct rh_conn *conn, int ms, struct rh_error *error)
{
    struct pollfd fds[2];

    if (wait_for(conn, fds, 0, ms) == 0)
        return RH_OK;
    return rh_fail(error, conn->ended ? conn->ended : RH_INTERNAL, "the wait was ended");
}

static bool wait_one(struct stream *s, short events, int64_t timeout_ms)
{
    struct pollfd fds[3] = {{.fd = s->fd, .events = events}};
    int ready = wait_for(s->conn, fds, 1, timeout_ms);

    s->error = ready > 0 ? 0 : ready == 0 ? ETIMEDOUT : errno;
    return ready > 0;
}

/* ---- The library's functions ----------------------------------------------------------------- */

static void stream_destroy(mongoc_stream_t *stream)
{
    struct stream *s = stream_of(stream);

    if (s->fd >= 0)
        close(s->fd);
    bson_free(s);
}

static int stream_close(mongoc_stream_t *stream)
{
    struct stream *s = stream_of(stream);

    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    return 0;
}

static int stream_flush(mongoc_stream_t *stream)
{
    return 0;
}

/* Moves the vector behind n bytes. */
static void advance(struct iovec **iov, size_t *n_iov, size_t n)
{
    while (*n_iov && n >= (*iov)->iov_len) {
        n -= (*iov)->iov_len;
        (*iov)++;
        (*n_iov)--;
    }
    if (*n_iov) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
}

static ssize_t stream_writev(mongoc_stream_t *stream, mongoc_iovec_t *iov, size_t n_iov,
                             int32_t timeout_ms)
{
    struct stream *s = stream_of(stream);
    ssize_t total = 0;

    while (n_iov) {
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = n_iov};
        ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        s->error = n < 0 ? errno : 0;
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (errno == EAGAIN && !timeout_ms)
                return total ? total : -1;
            if (errno == EAGAIN && !wait_one(s, POLLOUT, timeout_ms))
                return -1;
            continue;
        }
        if (n < 0)
            return -1;
        s->conn->sent = true;
        total += n;
        advance(&iov, &n_iov, (size_t)n);
    }
    return total;
}

static ssize_t stream_readv(mongoc_stream_t *stream, mongoc_iovec_t *iov, size_t n_iov,
                            size_t min_bytes, int32_t timeout_ms)
{
    struct stream *s = stream_of(stream);
    size_t total = 0;

    while (n_iov) {
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = n_iov};
        ssize_t n = recvmsg(s->fd, &message, MSG_DONTWAIT);

        s->error = n < 0 ? errno : 0;
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (total >= min_bytes && total)
                break;
            if (errno == EAGAIN && !timeout_ms)
                return -1;
            if (errno == EAGAIN && !wait_one(s, POLLIN, timeout_ms))
                return -1;
            continue;
        }
        if (n <= 0)
            return n < 0 || total < min_bytes ? -1 : (ssize_t)total;
        total += (size_t)n;
        advance(&iov, &n_iov, (size_t)n);
        if (total >= min_bytes)
            break;
    }
    return (ssize_t)total;
}

static int stream_setsockopt(mongoc_stream_t *stream, int level, int name, void *value,
                             mongoc_socklen_t size)
{
    return setsockopt(stream_of(stream)->fd, level, name, value, size);
}

static bool stream_is_closed(mongoc_stream_t *stream)
{
    char byte;
    ssize_t n = recv(stream_of(stream)->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* When the operation is over, the sockets are told to have failed: then the library gives up. */
static ssize_t stream_poll(mongoc_stream_poll_t *streams, size_t n, int32_t timeout_ms)
{
    struct pollfd fds[MAX_STREAMS + 2];
    int ready;

    if (!n || n > MAX_STREAMS) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = stream_of(streams[i].stream)->fd,
                                 .events = (short)streams[i].events};
    ready = wait_for(stream_of(streams[0].stream)->conn, fds, n, timeout_ms);
    for (size_t i = 0; i < n; i++)
        streams[i].revents = ready < 0 ? POLLERR | POLLHUP : fds[i].revents;
    return ready < 0 ? (ssize_t)n : ready;
}

static bool stream_timed_out(mongoc_stream_t *stream)
{
    return stream_of(stream)->error == ETIMEDOUT;
}

static bool stream_should_retry(mongoc_stream_t *stream)
{
    return stream_of(stream)->error == EAGAIN;
}

static mongoc_stream_t *stream_new(struct rh_conn *conn, int fd)
{
    struct stream *s = bson_malloc0(sizeof(*s));

    s->vtable = (mongoc_stream_t){
        .type = STREAM_TYPE,
        .destroy = stream_destroy,
        .close = stream_close,
        .flush = stream_flush,
        .writev = stream_writev,
        .readv = stream_readv,
        .setsockopt = stream_setsockopt,
        .check_closed = stream_is_closed,
        .poll = stream_poll,
        .failed = stream_destroy,
        .timed_out = stream_timed_out,
        .should_retry = stream_should_retry,
    };
    s->conn = conn;
    s->fd = fd;
    return &s->vtable;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

/* A connected socket, or -1 with errno. */
static int connect_to(struct rh_conn *conn, int family, const struct sockaddr *address,
                      socklen_t size)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1, failure = 0;
    struct pollfd fds[3] = {{.fd = fd, .events = POLLOUT}};
    socklen_t n = sizeof(failure);

    if (fd < 0)
        return -1;
    if (family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    if (connect(fd, address, size) == 0)
        return fd;
    if (errno == EINPROGRESS && wait_for(conn, fds, 1, -1) > 0) {
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &n) == 0 && !failure)
            return fd;
        errno = failure ? failure : errno;
    }
    failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

static int connect_host(struct rh_conn *conn, const mongoc_host_list_t *host)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    char port[16];
    int fd = -1;

    if (host->family == AF_UNIX) {
        if (strlen(host->host) >= sizeof(local.sun_path)) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(local.sun_path, host->host, strlen(host->host));
        return connect_to(conn, AF_UNIX, (const struct sockaddr *)&local, sizeof(local));
    }
    snprintf(port, sizeof(port), "%u", (unsigned)host->port);
    if (getaddrinfo(host->host, port, &hints, &found)) {
        errno = EHOSTUNREACH;
        return -1;
    }
    for (const struct addrinfo *a = found; a && fd < 0 && !conn->ended; a = a->ai_next)
        fd = connect_to(conn, a->ai_family, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return fd;
}

/* TLS over the stream, which is freed when it fails. */
static mongoc_stream_t *secure(struct rh_conn *conn, const mongoc_host_list_t *host,
                               mongoc_stream_t *base, bson_error_t *error)
{
    mongoc_ssl_opt_t options = *mongoc_ssl_opt_get_default();
    int ms = patience(conn, -1);
    mongoc_stream_t *tls;

    options.ca_file = conn->config.tls_ca;
    options.pem_file = conn->config.tls_key;
    options.weak_cert_validation = conn->config.insecure;
    options.allow_invalid_hostname = conn->config.insecure;
    tls = mongoc_stream_tls_new_with_hostname(base, host->host, &options, 1);
    if (!tls) {
        bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET,
                       "TLS cannot be set up with these certificates");
        mongoc_stream_destroy(base);
        return NULL;
    }
    if (mongoc_stream_tls_handshake_block(tls, host->host, ms < 0 ? 0 : ms, error))
        return tls;
    mongoc_stream_destroy(tls);
    return NULL;
}

mongoc_stream_t *rh_mongodb_stream_open(const mongoc_uri_t *uri, const mongoc_host_list_t *host,
                                        void *connection, bson_error_t *error)
{
    struct rh_conn *conn = connection;
    mongoc_stream_t *stream = NULL;
    int fd = -1;

    errno = ENOTCONN;
    if (conn->op && !conn->ended)
        fd = connect_host(conn, host);
    if (fd < 0) {
        bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT,
                       "cannot connect to %s: %s", host->host_and_port, strerrordesc_np(errno));
        return NULL;
    }
    stream = stream_new(conn, fd);
    if (mongoc_uri_get_tls(uri))
        stream = secure(conn, host, stream, error);
    return stream ? mongoc_stream_buffered_new(stream, READ_AHEAD) : NULL;
}
