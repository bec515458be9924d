/*
 * See cancel.h. Rejected: PQcancel in a thread (it may outlive the connection), and
 * pg_cancel_backend over a second session (behind a pooler the process id is another's).
 */
#include "cancel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_CODE 80877102u /* 1234 << 16 | 5678 */

/* The trace has one line per message: "B\t12\tBackendKeyData\t 4711 -169200872". */
static bool find_key(const char *trace, uint32_t pid, uint32_t *ret_key)
{
    static const char name[] = "BackendKeyData\t";
    const char *found = trace ? strstr(trace, name) : NULL;
    char *end = NULL;
    long traced_pid = 0, key = 0;

    if (!found)
        return false;
    errno = 0;
    traced_pid = strtol(found + sizeof name - 1, &end, 10);
    if (errno || *end != ' ' || (uint32_t)traced_pid != pid)
        return false;
    key = strtol(end, &end, 10);
    if (errno || (*end != '\n' && *end != ' '))
        return false;
    *ret_key = (uint32_t)key;
    return true;
}

void rh_pg_cancel_learn(struct rh_pg_cancel *cancel, PGconn *pg, const char *trace)
{
    *cancel = (struct rh_pg_cancel){.address_len = sizeof cancel->address};
    cancel->pid = (uint32_t)PQbackendPID(pg);
    if (getpeername(PQsocket(pg), (struct sockaddr *)&cancel->address, &cancel->address_len))
        return;
    cancel->known = find_key(trace, cancel->pid, &cancel->key);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static bool wait_for(int fd, short events, uint64_t until_ms)
{
    for (;;) {
        struct pollfd poller = {.fd = fd, .events = events};
        uint64_t now = now_ms();
        int n = 0;
        if (now >= until_ms)
            return false;
        n = poll(&poller, 1, (int)(until_ms - now));
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static bool connect_to(int fd, const struct rh_pg_cancel *cancel, uint64_t until_ms)
{
    int problem = 0;
    socklen_t len = sizeof problem;

    if (connect(fd, (const struct sockaddr *)&cancel->address, cancel->address_len) == 0)
        return true;
    if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, until_ms))
        return false;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len) == 0 && problem == 0;
}

static void put_u32(unsigned char *to, uint32_t value)
{
    to[0] = (unsigned char)(value >> 24);
    to[1] = (unsigned char)(value >> 16);
    to[2] = (unsigned char)(value >> 8);
    to[3] = (unsigned char)value;
}

bool rh_pg_cancel_send(const struct rh_pg_cancel *cancel, uint64_t timeout_ms)
{
    uint64_t until_ms = now_ms() + timeout_ms;
    unsigned char request[16];
    char rest[16];
    bool sent = false;
    int fd = -1;

    if (!cancel->known)
        return false;
    fd = socket(cancel->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    put_u32(request, sizeof request);
    put_u32(request + 4, REQUEST_CODE);
    put_u32(request + 8, cancel->pid);
    put_u32(request + 12, cancel->key);
    if (!connect_to(fd, cancel, until_ms))
        goto out;
    if (send(fd, request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request)
        goto out;
    /* The server signals the session and then closes: after that, no later statement can be hit. */
    sent = wait_for(fd, POLLIN, until_ms) && recv(fd, rest, sizeof rest, 0) <= 0;
out:
    (void)close(fd);
    return sent;
}
