/* Servers that do not answer: one that never does, and one that goes deaf in the middle. */
#pragma once

#include "connector_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket that listens; nobody ever answers on it. */
static inline int listen_deaf(int64_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Stands before the server and passes bytes on until it is `deaf`. */
struct proxy {
    int listener;
    int64_t port;
    atomic_bool deaf, over;
    pthread_t thread;
};

static inline void *run_proxy(void *context)
{
    struct proxy *proxy = context;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)server_port)};
    int client = accept(proxy->listener, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    static char bytes[65536];

    if (connect(server, (struct sockaddr *)&address, sizeof address))
        return NULL;
    while (!proxy->over) {
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(fds, 2, 20) <= 0)
            continue;
        for (int i = 0; i < 2 && !proxy->deaf; i++) {
            ssize_t n = fds[i].revents ? read(fds[i].fd, bytes, sizeof bytes) : 0;
            if (n > 0)
                (void)!write(fds[1 - i].fd, bytes, (size_t)n);
        }
    }
    (void)close(client);
    (void)close(server);
    return NULL;
}

static inline void proxy_start(struct proxy *proxy)
{
    *proxy = (struct proxy){.deaf = false};
    proxy->listener = listen_deaf(&proxy->port);
    ck_assert_int_eq(pthread_create(&proxy->thread, NULL, run_proxy, proxy), 0);
}

static inline void proxy_stop(struct proxy *proxy)
{
    proxy->over = true;
    (void)pthread_join(proxy->thread, NULL);
    (void)close(proxy->listener);
}
