/*
 * Sockets: TCP or Unix, with or without TLS, never blocking. hiredis reads the protocol for us but
 * not the socket: its own waits know neither deadlines nor cancellation, and Debian's has no TLS.
 */
#include "redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Bytes --------------------------------------------------------------------------------- */

static bool would_block(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static int64_t tls_outcome(struct rh_redis_link *link, int n, short *ret_events)
{
    switch (SSL_get_error(link->tls, n)) {
    case SSL_ERROR_WANT_READ:
        *ret_events = POLLIN;
        return RH_REDIS_LINK_WAIT;
    case SSL_ERROR_WANT_WRITE:
        *ret_events = POLLOUT;
        return RH_REDIS_LINK_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return RH_REDIS_LINK_FAILED;
    }
}

int64_t rh_redis_link_read(struct rh_redis_link *link, void *to, size_t n, short *ret_events)
{
    ssize_t got;

    if (link->tls) {
        int read = SSL_read(link->tls, to, n > INT32_MAX ? INT32_MAX : (int)n);
        return read > 0 ? read : tls_outcome(link, read, ret_events);
    }
    got = recv(link->fd, to, n, 0);
    *ret_events = POLLIN;
    return got >= 0 ? got : would_block() ? RH_REDIS_LINK_WAIT : RH_REDIS_LINK_FAILED;
}

int64_t rh_redis_link_write(struct rh_redis_link *link, const void *from, size_t n,
                            short *ret_events)
{
    ssize_t put;

    if (link->tls) {
        int written = SSL_write(link->tls, from, n > INT32_MAX ? INT32_MAX : (int)n);
        return written > 0 ? written : tls_outcome(link, written, ret_events);
    }
    put = send(link->fd, from, n, MSG_NOSIGNAL);
    *ret_events = POLLOUT;
    return put >= 0 ? put : would_block() ? RH_REDIS_LINK_WAIT : RH_REDIS_LINK_FAILED;
}

void rh_redis_link_close(struct rh_redis_link *link)
{
    SSL_free(link->tls);
    SSL_CTX_free(link->tls_context);
    if (link->fd >= 0)
        close(link->fd);
    *link = (struct rh_redis_link){.fd = -1};
}

/* ---- TLS ----------------------------------------------------------------------------------- */

/* OpenSSL's own sockets write without MSG_NOSIGNAL, and a connector may touch no signal handler. */
static int bio_write(BIO *bio, const char *from, int n)
{
    ssize_t put = send((int)(intptr_t)BIO_get_data(bio), from, (size_t)n, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (put < 0 && would_block())
        BIO_set_retry_write(bio);
    return (int)put;
}

static int bio_read(BIO *bio, char *to, int n)
{
    ssize_t got = recv((int)(intptr_t)BIO_get_data(bio), to, (size_t)n, 0);

    BIO_clear_retry_flags(bio);
    if (got < 0 && would_block())
        BIO_set_retry_read(bio);
    return (int)got;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *bio_of(int fd)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "rowhouse");
    BIO *bio = NULL;

    /* Lives as long as the process: a BIO borrows it. */
    static _Atomic(BIO_METHOD *) shared;
    BIO_METHOD *none = NULL;
    if (method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
        BIO_meth_set_ctrl(method, bio_control) &&
        atomic_compare_exchange_strong(&shared, &none, method))
        method = NULL;
    BIO_meth_free(method);
    if (atomic_load(&shared))
        bio = BIO_new(atomic_load(&shared));
    if (bio) {
        BIO_set_data(bio, (void *)(intptr_t)fd);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* All certificates of a PEM text. */
static bool trust(SSL_CTX *context, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    bool any = false;
    X509 *certificate;

    while (bio && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        any = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) || any;
        X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error();
    return any;
}

static int prepare_tls(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_redis_config *config = &conn->config;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    unsigned char address[16];
    SSL *tls = NULL;
    BIO *bio;
    bool is_address = inet_pton(AF_INET, config->host, address) == 1 ||
                      inet_pton(AF_INET6, config->host, address) == 1;

    conn->link.tls_context = context;
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION))
        return rh_fail_nomem(error);
    if (config->ca ? !trust(context, config->ca) : !SSL_CTX_set_default_verify_paths(context))
        return rh_fail(error, RH_CONFIG, "ca has no certificate in PEM");
    SSL_CTX_set_verify(context, config->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    conn->link.tls = tls = SSL_new(context);
    bio = tls ? bio_of(conn->link.fd) : NULL;
    if (!bio)
        return rh_fail_nomem(error);
    SSL_set_bio(tls, bio, bio);
    SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (is_address
            ? !X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), config->host)
            : !SSL_set1_host(tls, config->host) || !SSL_set_tlsext_host_name(tls, config->host))
        return rh_fail(error, RH_CONFIG, "host is no name that a certificate could have");
    return RH_OK;
}

static int start_tls(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = prepare_tls(conn, error);

    while (rc == RH_OK) {
        short events = POLLIN;
        int done = SSL_connect(conn->link.tls);
        long reason = SSL_get_verify_result(conn->link.tls);

        if (done == 1)
            return RH_OK;
        if (tls_outcome(&conn->link, done, &events) == RH_REDIS_LINK_WAIT) {
            rc = rh_redis_wait(conn, op, events, error);
            continue;
        }
        rh_fail(error, RH_UNAVAILABLE, "no TLS with the Redis server: %s",
                reason == X509_V_OK ? "it does not speak it, or ended the connection"
                                    : X509_verify_cert_error_string(reason));
        rc = reason == X509_V_OK
                 ? RH_UNAVAILABLE
                 : rh_error_hint(error, "give the certificate of its authority in ca");
    }
    return rc;
}

/* ---- Connecting ---------------------------------------------------------------------------- */

static int unreachable(struct rh_conn *conn, const char *why, struct rh_error *error)
{
    const struct rh_redis_config *config = &conn->config;

    if (config->host[0] == '/')
        rh_fail(error, RH_UNAVAILABLE, "cannot connect to Redis at \"%s\": %s", config->host, why);
    else
        rh_fail(error, RH_UNAVAILABLE, "cannot connect to Redis at \"%s\", port %u: %s",
                config->host, (unsigned)config->port, why);
    if (error)
        error->retry = RH_RETRY_SAFE;
    return RH_UNAVAILABLE;
}

static int try_address(struct rh_conn *conn, const struct rh_op *op, const struct sockaddr *address,
                       socklen_t length, struct rh_error *error)
{
    int one = 1, failure = 0, rc;
    socklen_t size = sizeof(failure);

    if (conn->link.fd >= 0)
        close(conn->link.fd);
    conn->link.fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->link.fd < 0)
        return unreachable(conn, strerror(errno), error);
    if (address->sa_family != AF_UNIX)
        (void)setsockopt(conn->link.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(conn->link.fd, address, length) == 0)
        return RH_OK;
    if (errno != EINPROGRESS)
        return unreachable(conn, strerror(errno), error);
    rc = rh_redis_wait(conn, op, POLLOUT, error);
    if (rc)
        return rc;
    if (getsockopt(conn->link.fd, SOL_SOCKET, SO_ERROR, &failure, &size) || failure)
        return unreachable(conn, strerror(failure ? failure : errno), error);
    return RH_OK;
}

static int open_unix(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(conn->config.host);

    if (n >= sizeof(address.sun_path))
        return rh_fail(error, RH_CONFIG, "the path of the Unix socket is too long");
    memcpy(address.sun_path, conn->config.host, n);
    return try_address(conn, op, (const struct sockaddr *)&address, sizeof(address), error);
}

static int open_tcp(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[16];
    int rc;

    snprintf(port, sizeof(port), "%u", (unsigned)conn->config.port);
    rc = getaddrinfo(conn->config.host, port, &hints, &found);
    if (rc)
        return unreachable(conn, gai_strerror(rc), error);
    rc = RH_UNAVAILABLE;
    for (const struct addrinfo *at = found; at && rc == RH_UNAVAILABLE; at = at->ai_next) {
        rh_error_clear(error);
        rc = try_address(conn, op, at->ai_addr, at->ai_addrlen, error);
    }
    freeaddrinfo(found);
    return rc;
}

int rh_redis_link_open(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = conn->config.host[0] == '/' ? open_unix(conn, op, error) : open_tcp(conn, op, error);

    return rc == RH_OK && conn->config.tls ? start_tls(conn, op, error) : rc;
}
