/*
 * One thread, one poll loop, pairs of sockets. What a side cannot take at once is written blocking:
 * a test is alone with its proxy.
 */
#include "connector/conformance/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PAIRS 64
#define TICK_MS 20
#define DRIP_US 200

struct pair {
    int client, source; /* -1: free */
};

static struct proxy {
    int listener;
    uint16_t port;
    char host[256], service[32]; /* of the source */
    struct pair pairs[MAX_PAIRS];
    atomic_int mode;
    atomic_uint_least64_t bytes_left, pieces_left;
} proxy;

/* ---- Pairs ----------------------------------------------------------------------------------- */

static void drop(struct pair *pair, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (reset)
        setsockopt(pair->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(pair->client);
    close(pair->source);
    pair->client = pair->source = -1;
}

static int dial(void)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int on = 1;
    int fd = -1;

    if (getaddrinfo(proxy.host, proxy.service, &hints, &found) != 0)
        return -1;
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void accept_one(void)
{
    int client = accept4(proxy.listener, NULL, NULL, SOCK_CLOEXEC);
    const int on = 1;

    for (int i = 0; i < MAX_PAIRS && client >= 0; i++) {
        struct pair *pair = &proxy.pairs[i];
        if (pair->client >= 0)
            continue;
        pair->client = client;
        pair->source = dial();
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (pair->source < 0)
            drop(pair, true);
        return;
    }
    if (client >= 0)
        close(client);
}

static bool send_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t done = send(fd, data, n, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        data += done;
        n -= (size_t)done;
    }
    return true;
}

/* Takes n off what is left; the new amount, or what there was when it is less. */
static uint64_t take(atomic_uint_least64_t *left, uint64_t n)
{
    uint64_t had = atomic_load(left), taken = had < n ? had : n;

    if (had != UINT64_MAX)
        atomic_store(left, had - taken);
    return taken;
}

/* An answer on its way. False: the connection ends here. */
static bool pass_answer(const struct pair *pair, const char *data, size_t n)
{
    int mode = atomic_load(&proxy.mode);
    uint64_t allowed = take(&proxy.bytes_left, n);

    if (take(&proxy.pieces_left, 1) == 0)
        return false;
    if (mode != RH_PROXY_DRIP)
        return send_all(pair->client, data, allowed) && allowed == n;
    for (size_t i = 0; i < allowed; i++) {
        if (!send_all(pair->client, data + i, 1))
            return false;
        usleep(DRIP_US);
    }
    return allowed == n;
}

static void pump(struct pair *pair, bool from_client)
{
    char data[16384];
    ssize_t n = recv(from_client ? pair->client : pair->source, data, sizeof(data), 0);

    if (n <= 0)
        drop(pair, n < 0);
    else if (from_client ? !send_all(pair->source, data, (size_t)n)
                         : !pass_answer(pair, data, (size_t)n))
        drop(pair, true);
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void *run(void *unused)
{
    for (;;) {
        struct pollfd waits[1 + 2 * MAX_PAIRS];
        bool holds = atomic_load(&proxy.mode) == RH_PROXY_HOLE;

        waits[0] = (struct pollfd){.fd = proxy.listener, .events = POLLIN};
        for (int i = 0; i < MAX_PAIRS; i++) {
            const struct pair *pair = &proxy.pairs[i];
            waits[1 + 2 * i] = (struct pollfd){.fd = holds ? -1 : pair->client, .events = POLLIN};
            waits[2 + 2 * i] = (struct pollfd){.fd = holds ? -1 : pair->source, .events = POLLIN};
        }
        if (poll(waits, 1 + 2 * MAX_PAIRS, TICK_MS) < 0 && errno != EINTR)
            return NULL;
        if (waits[0].revents)
            accept_one();
        for (int i = 0; i < MAX_PAIRS; i++) {
            struct pair *pair = &proxy.pairs[i];
            if (atomic_load(&proxy.mode) == RH_PROXY_RESET && pair->client >= 0)
                drop(pair, true);
            if (pair->client >= 0 && waits[1 + 2 * i].fd == pair->client &&
                waits[1 + 2 * i].revents)
                pump(pair, true);
            if (pair->source >= 0 && waits[2 + 2 * i].fd == pair->source &&
                waits[2 + 2 * i].revents)
                pump(pair, false);
        }
    }
}

/* ---- Public ---------------------------------------------------------------------------------- */

static void read_target(struct rh_trial *t)
{
    const json_t *through = rh_trial_need(t, "through");
    const char *to = json_string_value(json_object_get(through, "to"));
    const char *colon = to ? strrchr(to, ':') : NULL;

    if (!colon || (size_t)(colon - to) >= sizeof(proxy.host) ||
        strlen(colon + 1) >= sizeof(proxy.service))
        rh_trial_fail(t, "the configuration: \"through\" has no \"to\": \"host:port\"");
    snprintf(proxy.host, sizeof(proxy.host), "%.*s", (int)(colon - to), to);
    snprintf(proxy.service, sizeof(proxy.service), "%s", colon + 1);
}

void rh_proxy_start(struct rh_trial *t)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    pthread_t thread;

    read_target(t);
    for (int i = 0; i < MAX_PAIRS; i++)
        proxy.pairs[i] = (struct pair){-1, -1};
    atomic_store(&proxy.bytes_left, UINT64_MAX);
    atomic_store(&proxy.pieces_left, UINT64_MAX);
    proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy.listener < 0 ||
        bind(proxy.listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(proxy.listener, 64) != 0 ||
        getsockname(proxy.listener, (struct sockaddr *)&address, &n) != 0 ||
        pthread_create(&thread, NULL, run, NULL) != 0)
        rh_trial_fail(t, "the suite cannot start its proxy: %s", strerror(errno));
    pthread_detach(thread);
    proxy.port = ntohs(address.sin_port);
}

void rh_proxy_set(enum rh_proxy_mode mode)
{
    atomic_store(&proxy.mode, (int)mode);
}

void rh_proxy_cut_after(uint64_t n_bytes)
{
    atomic_store(&proxy.bytes_left, n_bytes);
}

void rh_proxy_cut_after_pieces(uint64_t n_pieces)
{
    atomic_store(&proxy.pieces_left, n_pieces);
}

/* {host} and {port} replaced in a text. */
static void fill_in(struct rh_buf *buf, const char *text)
{
    while (*text) {
        if (strncmp(text, "{host}", 6) == 0 || strncmp(text, "{port}", 6) == 0) {
            if (text[1] == 'h')
                rh_buf_add_str(buf, "127.0.0.1");
            else
                rh_buf_addf(buf, "%u", proxy.port);
            text += 6;
        } else {
            rh_buf_add_char(buf, *text++);
        }
    }
    rh_buf_add_char(buf, 0);
}

/* The whole text "{port}" becomes a number where the schema wants one. */
void rh_proxy_settings(struct rh_trial *t, struct rh_settings *ret_settings)
{
    json_t *settings = json_deep_copy(json_object_get(rh_trial_need(t, "through"), "settings"));
    const char *name;
    json_t *value;

    if (!settings)
        rh_trial_fail(t, "the configuration: \"through\" has no \"settings\"");
    json_object_foreach(settings, name, value)
    {
        struct rh_buf buf;
        if (!json_is_string(value))
            continue;
        rh_buf_init(&buf, 65536);
        fill_in(&buf, json_string_value(value));
        if (strcmp(json_string_value(value), "{port}") == 0)
            json_object_set_new(settings, name, json_integer(proxy.port));
        else
            json_object_set_new(settings, name, json_string(buf.data));
        rh_buf_free(&buf);
    }
    rh_trial_settings(t, settings, ret_settings);
    json_decref(settings);
}
