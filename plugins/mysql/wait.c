/*
 * See wait.h and connection.h. The library gives its callback nothing but the socket, so what is
 * waited for is kept per thread: a call stays on one.
 */
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KILL_US 1000000u  /* for KILL QUERY to get through */
#define GRACE_US 1000000u /* for the statement to end after it */
#define MAX_SLICE_MS 50

static __thread struct rh_conn *waiting;
static __thread uint64_t aside_until_us; /* deadline of the connection that kills */

struct rh_conn *rh_my_wait_for(struct rh_conn *conn)
{
    struct rh_conn *before = waiting;

    waiting = conn;
    return before;
}

/* Of the library's own OpenSSL, if that is what it uses: nothing here is linked with it. */
void ERR_clear_error(void) __attribute__((weak));

void rh_my_forget_tls_errors(void)
{
    if (ERR_clear_error)
        ERR_clear_error();
}

static int left_ms(uint64_t until_us, uint64_t now_us)
{
    uint64_t ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;

    return ms > 60000 ? 60000 : (int)ms;
}

/* ---- connections ---- */

void rh_my_set_options(MYSQL *my, const struct rh_my_config *config,
                       int (*wait)(my_socket, my_bool, int))
{
    static const char plugins[] = "mysql_native_password,caching_sha2_password,"
                                  "sha256_password,client_ed25519,parsec";
    char *const *text = config->text;
    unsigned protocol = text[RH_MY_SOCKET] ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    my_bool yes = 1;
    void *function = NULL;

    memcpy(&function, &wait, sizeof function);
    (void)mysql_optionsv(my, MARIADB_OPT_IO_WAIT, function);
    (void)mysql_optionsv(my, MYSQL_OPT_PROTOCOL, &protocol);
    (void)mysql_optionsv(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    /* None that would send the password as it is. */
    (void)mysql_optionsv(my, MARIADB_OPT_RESTRICTED_AUTH, plugins);
    if (strcmp(text[RH_MY_SSL_MODE], "disable") == 0)
        return;
    (void)mysql_optionsv(my, MYSQL_OPT_SSL_ENFORCE, &yes);
    (void)mysql_ssl_set(my, text[RH_MY_SSL_KEY], text[RH_MY_SSL_CERT], text[RH_MY_SSL_CA], NULL,
                        NULL);
    if (strcmp(text[RH_MY_SSL_MODE], "verify-full") == 0)
        (void)mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
}

/* Under TLS the library reads and writes without asking us first, unless that would block. */
static void unblock(my_socket fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && !(flags & O_NONBLOCK))
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

bool rh_my_log_in(MYSQL *my, const struct rh_my_config *config, unsigned long flags,
                  uint64_t left_us)
{
    char *const *text = config->text;
    unsigned seconds = (unsigned)(left_us / 1000000 > 86400 ? 86400 : left_us / 1000000 + 1);

    /* For the one moment in which the socket blocks: between the server's greeting, if that is
     * there at once, and the end of the TLS handshake. */
    (void)mysql_optionsv(my, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    if (!mysql_real_connect(my, text[RH_MY_HOST], text[RH_MY_USER],
                            text[RH_MY_PASSWORD] ? text[RH_MY_PASSWORD] : "", text[RH_MY_DATABASE],
                            config->port, text[RH_MY_SOCKET], flags))
        return false;
    unblock(mysql_get_socket(my));
    return true;
}

/* ---- killing ---- */

static int wait_aside(my_socket fd, my_bool is_read, int timeout_ms)
{
    struct pollfd poller = {.fd = fd, .events = is_read ? POLLIN : POLLOUT};

    unblock(fd);
    for (;;) {
        uint64_t now_us = waiting->host->now_us(waiting->host);
        int n = 0;
        if (now_us >= aside_until_us)
            return -1;
        n = poll(&poller, 1, left_ms(aside_until_us, now_us));
        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return -1;
    }
}

/* False when the server did not confirm it: then the statement may go on. */
static bool kill_query(struct rh_conn *conn, uint64_t now_us)
{
    MYSQL *aside = mysql_init(NULL);
    char text[64];
    bool sent = false;

    if (!aside)
        return false;
    aside_until_us = now_us + KILL_US;
    (void)snprintf(text, sizeof text, "KILL QUERY %lu", mysql_thread_id(conn->my));
    rh_my_set_options(aside, &conn->config, wait_aside);
    sent = rh_my_log_in(aside, &conn->config, 0, KILL_US) && mysql_query(aside, text) == 0;
    mysql_close(aside);
    rh_my_forget_tls_errors();
    return sent;
}

/* ---- waiting ---- */

/* The class that ends the wait, or RH_OK: go on. */
static int is_over(const struct rh_conn *conn, uint64_t now_us)
{
    if (atomic_load(&conn->state) == RH_MY_CANCELLED)
        return RH_CANCELLED;
    return now_us >= conn->op->deadline_us ? RH_TIMEOUT : RH_OK;
}

/* False: nothing is to be waited for any more. */
static bool interrupt(struct rh_conn *conn, int why, uint64_t now_us)
{
    conn->interrupted = why;
    if (!conn->connected || !kill_query(conn, now_us))
        return false;
    conn->killed = true;
    conn->grace_until_us = conn->host->now_us(conn->host) + GRACE_US;
    return true;
}

/* Under TLS the library says that it waits for input also when it waits for room (ma_tls_write of its
 * OpenSSL layer). So what looks like waiting for input is done in slices that grow, after each of
 * which it tries again; where there is no room, for either. Returns how long to wait, and for what. */
static int wait_slice(struct rh_conn *conn, my_socket fd, int ms, short *ret_events)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    if (*ret_events != POLLIN || (conn->connected && !conn->tls))
        return ms;
    if (poll(&room, 1, 0) == 0) {
        *ret_events = POLLIN | POLLOUT;
        return ms;
    }
    conn->slice_ms = conn->slice_ms < MAX_SLICE_MS / 2 ? conn->slice_ms * 2 + 1 : MAX_SLICE_MS;
    return ms < (int)conn->slice_ms ? ms : (int)conn->slice_ms;
}

int rh_my_wait(my_socket fd, my_bool is_read, int timeout_ms)
{
    struct rh_conn *conn = waiting;

    (void)timeout_ms;
    if (conn && !conn->connected)
        unblock(fd);
    while (conn) {
        struct pollfd fds[3] = {{.fd = fd, .events = is_read ? POLLIN : POLLOUT},
                                {.fd = conn->wake_fd, .events = POLLIN},
                                {.fd = conn->op->cancel_fd, .events = POLLIN}};
        uint64_t now_us = conn->host->now_us(conn->host);
        uint64_t until_us = conn->op->deadline_us, count = 0;
        int n = 0, ms = 0;
        if (conn->interrupted) { /* what ended the wait does not count twice */
            fds[1].fd = fds[2].fd = -1;
            until_us = conn->grace_until_us;
            if (now_us >= until_us)
                return -1;
        } else {
            int why = is_over(conn, now_us);
            if (why && !interrupt(conn, why, now_us))
                return -1;
            if (why)
                continue;
        }
        ms = left_ms(until_us, now_us);
        n = poll(fds, 3, wait_slice(conn, fd, ms, &fds[0].events));
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0 && conn->slice_ms)
            return 1; /* to try again */
        if (n <= 0)
            continue;
        if (fds[1].revents) /* the state tells whether it was for this call */
            (void)!read(conn->wake_fd, &count, sizeof count);
        if (fds[2].fd >= 0 && fds[2].revents && !interrupt(conn, RH_CANCELLED, now_us))
            return -1;
        if (fds[0].revents) {
            conn->slice_ms = 0;
            return 1;
        }
    }
    return -1;
}
