/*
 * rowhouse-connector-host: the process of one isolated connector.
 *
 * Started by the host with three descriptors beside the standard ones: the control socket, the
 * sealed image, and a socket for the start. It enters the sandbox before it looks at the image.
 * It ends when the control socket does, or with the host.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "host/http/http.h"
#include "session.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOOT_US (10u * 1000000u)
#define ARENAS 4 /* of malloc: each reserves 64 MiB of address space */

/* ---- The log --------------------------------------------------------------------------------- */

/* A line that the host does not take at once is lost. */
static void send_line(uint32_t level, struct rh_text line)
{
    struct {
        struct rh_control head;
        char text[RH_CONTROL_LOG_BYTES];
    } message = {.head = {.kind = RH_CONTROL_LOG, .value = level}};
    size_t n = line.len < sizeof(message.text) ? line.len : sizeof(message.text);

    if (n)
        memcpy(message.text, line.data, n);
    (void)send(RH_CHILD_CONTROL, &message, sizeof(message.head) + n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void service_log(const struct rh_host *host, uint32_t level, struct rh_text line)
{
    if (level >= RH_LOG_ERROR && level <= RH_LOG_DEBUG && (line.data || !line.len))
        send_line(level, line);
}

/* ---- The start ------------------------------------------------------------------------------- */

static int read_boot(struct rh_channel *channel, struct rh_arena *arena, struct rh_wire_boot *boot)
{
    struct rh_wire_header header;
    struct rh_wire_in in;

    channel->deadline_us = rh_clock_us() + BOOT_US;
    if (rh_channel_receive(channel, &header, &in) != RH_OK || header.type != RH_WIRE_BOOT)
        return -1;
    return rh_wire_take_boot(&in, arena, boot) && rh_wire_is_done(&in) ? 0 : -1;
}

static int enter_sandbox(const struct rh_sandbox *sandbox, struct rh_error *error)
{
    struct rh_http_config http = {.hosts = sandbox->hosts, .n_hosts = sandbox->n_hosts};
    const char *lacking = "";
    char line[128];
    int rc = rh_sandbox_enter(sandbox, &lacking, error);

    if (rc)
        return rc;
    if (*lacking) {
        snprintf(line, sizeof(line), "the kernel has no %s: the sandbox is weaker", lacking);
        send_line(RH_LOG_WARN, rh_text_of(line));
    }
    return rh_http_configure(&http, error);
}

static int load(const struct rh_wire_boot *boot, struct rh_library **ret_library,
                struct rh_error *error)
{
    struct rh_image image = {
        .path = strdup(boot->path), .fd = RH_CHILD_IMAGE, .n_bytes = boot->n_bytes};
    int rc;

    if (!image.path)
        return rh_fail_nomem(error);
    if (strcmp(boot->build, RH_VERSION) != 0) {
        free(image.path);
        return rh_fail(error, RH_CONTRACT,
                       "rowhouse-connector-host is of version " RH_VERSION ", this program of %s",
                       boot->build);
    }
    snprintf(image.sha256, sizeof(image.sha256), "%s", boot->sha256);
    rc = enter_sandbox(&boot->sandbox, error);
    if (rc == RH_OK)
        rc = rh_library_load_image(&image, ret_library, error);
    rh_image_close(&image);
    return rc;
}

/* Sandbox, connector, and the answer to the host. */
static bool boot(struct served *served)
{
    struct rh_arena *arena = rh_arena_new((size_t)4 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;
    struct rh_channel channel;
    struct rh_wire_boot boot;
    struct rh_wire_out out;
    int rc = -1;

    rh_channel_init(&channel, RH_CHILD_BOOT);
    rh_wire_out_init(&out);
    if (!arena || read_boot(&channel, arena, &boot) != 0)
        goto out;
    /* The host may have died before the signal was asked for. */
    if ((uint32_t)getppid() != boot.parent)
        goto out;
    rc = load(&boot, &library, &error);
    rh_wire_put_outcome(&out, rc, &error);
    if (rc == RH_OK)
        rh_wire_put_connector(&out, &library->connector);
    if (rh_channel_send(&channel, &out, RH_WIRE_BOOT, 0, NULL) != RH_OK)
        rc = -1;
    if (rc == RH_OK) {
        served->connector = &library->connector;
        served->host = *rh_host_services();
        served->host.log = service_log;
    }
out:
    rh_wire_out_fini(&out);
    rh_channel_fini(&channel);
    rh_arena_free(arena);
    return rc == RH_OK;
}

/* ---- Control --------------------------------------------------------------------------------- */

/* The descriptor that came along; -1 when there was none. */
static int passed_fd(struct msghdr *packet)
{
    struct cmsghdr *head = CMSG_FIRSTHDR(packet);
    int fd;

    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
        head->cmsg_len != CMSG_LEN(sizeof(fd)))
        return -1;
    memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    return fd;
}

/* One message. False: the host is gone, or wants this process to be. */
static bool hear(const struct served *served)
{
    struct rh_control message = {0};
    struct iovec part = {&message, sizeof(message)};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } ancillary;
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.room,
                            .msg_controllen = sizeof(ancillary.room)};
    ssize_t n = recvmsg(RH_CHILD_CONTROL, &packet, MSG_CMSG_CLOEXEC);

    if (n < 0 && errno == EINTR)
        return true;
    if (n != (ssize_t)sizeof(message))
        return false;
    if (message.kind == RH_CONTROL_OPEN)
        session_start(served, message.conn, passed_fd(&packet));
    else if (message.kind == RH_CONTROL_CANCEL)
        session_cancel(message.conn, message.value);
    return true;
}

int main(void)
{
    static struct served served;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, ARENAS);
    if (!boot(&served))
        _exit(2);
    while (hear(&served))
        continue;
    /* Without ado: connections that are still open end with their sockets. */
    _exit(0);
}
