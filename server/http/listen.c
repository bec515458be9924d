/* Tries all addresses that the name stands for and listens on the first that works. */
#include "server/http/listen.h"

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static int split(const char *address, char **ret_host, char **ret_port, struct rh_error *error)
{
    const char *colon = strrchr(address, ':');
    const char *host = address;
    size_t host_len = colon ? (size_t)(colon - address) : 0;
    uint64_t port = 0;

    if (!colon || colon[1] == '\0')
        return rh_fail(error, RH_CONFIG, "\"%s\" is no address to listen on: want host:port",
                       address);
    /* getaddrinfo would take the number modulo 65536. */
    if (!rh_text_to_u64(rh_text_of(colon + 1), &port) || port > UINT16_MAX)
        return rh_fail(error, RH_CONFIG,
                       "\"%s\" is no address to listen on: the port is a number up to 65535",
                       address);
    if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    *ret_host = strndup(host, host_len);
    *ret_port = strdup(colon + 1);
    return *ret_host && *ret_port ? RH_OK : rh_fail_nomem(error);
}

static int open_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof(bound);

    if (getsockname(fd, (struct sockaddr *)&bound, &size) != 0)
        return 0;
    if (bound.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&bound)->sin6_port);
    return ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

int rh_web_listen(const char *address, int *ret_fd, char **ret_url, struct rh_error *error)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char *host = NULL, *port = NULL, *url = NULL;
    int fd = -1, rc, failed;

    rc = split(address, &host, &port, error);
    if (rc != RH_OK)
        goto out;
    failed = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    if (failed) {
        rc = rh_fail(error, RH_CONFIG, "cannot listen on %s: %s", address, gai_strerror(failed));
        goto out;
    }
    for (const struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
        fd = open_one(info);
    if (fd < 0) {
        rc = rh_fail(error, RH_CONFIG, "cannot listen on %s: %s", address, strerror(errno));
        goto out;
    }
    if (asprintf(&url, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u",
                 *host ? host : "127.0.0.1", port_of(fd)) < 0) {
        url = NULL;
        rc = rh_fail_nomem(error);
        goto out;
    }
    *ret_fd = fd;
    *ret_url = url;
    fd = -1;

out:
    if (fd >= 0)
        close(fd);
    if (list)
        freeaddrinfo(list);
    free(host);
    free(port);
    return rc;
}
