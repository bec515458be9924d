/*
 * Frames on a socket. A small frame costs one system call on each side; a large one is received in
 * growing pieces, so that a header that lies costs no memory.
 *
 * Rejected: to look for a frame a while before waiting for it, even when only a thread whose last
 * frame came soon does so. It saves a wake-up where a processor is idle; on a busy machine the two
 * sides share a processor, and who looks keeps it from the other: pages took three times as long.
 */
#include "host/isolation/channel.h"

#include "base/clock.h"

#include <rowhouse/error.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST_BYTES ((size_t)32 << 10)
#define KEEP_BYTES ((size_t)1 << 20)

_Static_assert(sizeof(struct rh_wire_header) % 8 == 0, "the payload is aligned as the header is");

void rh_channel_init(struct rh_channel *channel, int fd)
{
    *channel = (struct rh_channel){.fd = fd};
}

void rh_channel_fini(struct rh_channel *channel)
{
    if (channel->fd >= 0)
        close(channel->fd);
    free(channel->data);
    *channel = (struct rh_channel){.fd = -1};
}

/* ---- Sending ----------------------------------------------------------------------------- */

/* Takes n bytes from the front of what is still to be sent. */
static void advance(struct msghdr *message, size_t n)
{
    while (message->msg_iovlen && n >= message->msg_iov->iov_len) {
        n -= message->msg_iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
    if (message->msg_iovlen) {
        message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + n;
        message->msg_iov->iov_len -= n;
    }
}

int rh_channel_send(struct rh_channel *channel, const struct rh_wire_out *out, uint32_t type,
                    uint32_t seq, bool *ret_sent)
{
    struct rh_wire_header header = {(uint32_t)out->fixed.len, (uint32_t)out->bytes.len, type, seq};
    struct iovec parts[3] = {{&header, sizeof(header)},
                             {out->fixed.data, out->fixed.len},
                             {out->bytes.data, out->bytes.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};

    if (ret_sent)
        *ret_sent = false;
    if (rh_wire_out_failed(out))
        return RH_RESOURCE;
    while (message.msg_iovlen) {
        ssize_t n = sendmsg(channel->fd, &message, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return RH_UNAVAILABLE;
        advance(&message, (size_t)n);
    }
    if (ret_sent)
        *ret_sent = true;
    return RH_OK;
}

/* ---- Receiving --------------------------------------------------------------------------- */

/* Drops the frame at hand; what came behind it moves to the front. */
static void drop_frame(struct rh_channel *channel)
{
    channel->n -= channel->n_frame;
    if (channel->n && channel->n_frame)
        memmove(channel->data, channel->data + channel->n_frame, channel->n);
    channel->n_frame = 0;
    if (channel->n == 0 && channel->cap > KEEP_BYTES) {
        free(channel->data);
        channel->data = NULL;
        channel->cap = 0;
    }
}

static bool grow(struct rh_channel *channel, size_t wanted)
{
    size_t cap = channel->cap ? channel->cap * 2 : FIRST_BYTES;
    char *data;

    if (cap > wanted && channel->cap)
        cap = wanted;
    data = realloc(channel->data, cap);
    if (!data)
        return false;
    channel->data = data;
    channel->cap = cap;
    return true;
}

/* Whether something can be received before the deadline. */
static bool wait_until(const struct rh_channel *channel)
{
    struct pollfd wait = {.fd = channel->fd, .events = POLLIN};
    int rc;

    do
        rc = poll(&wait, 1, rh_clock_left_ms(channel->deadline_us));
    while (rc < 0 && errno == EINTR);
    return rc > 0;
}

/* Until `wanted` bytes are there. */
static int fill(struct rh_channel *channel, size_t wanted)
{
    while (channel->n < wanted) {
        ssize_t n;

        if (channel->n == channel->cap && !grow(channel, wanted))
            return RH_RESOURCE;
        if (channel->deadline_us && !wait_until(channel))
            return RH_TIMEOUT;
        n = recv(channel->fd, channel->data + channel->n, channel->cap - channel->n, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return RH_END;
        channel->n += (size_t)n;
    }
    return RH_OK;
}

int rh_channel_receive(struct rh_channel *channel, struct rh_wire_header *ret_header,
                       struct rh_wire_in *ret_in)
{
    struct rh_wire_header header;
    int rc;

    drop_frame(channel);
    rc = fill(channel, sizeof(header));
    if (rc)
        return rc;
    memcpy(&header, channel->data, sizeof(header));
    if (header.n_fixed % 8 || header.n_fixed > RH_WIRE_MAX_BYTES ||
        header.n_bytes > RH_WIRE_MAX_BYTES)
        return RH_PROTOCOL;
    rc = fill(channel, sizeof(header) + header.n_fixed + header.n_bytes);
    if (rc)
        return rc;
    channel->n_frame = sizeof(header) + header.n_fixed + header.n_bytes;
    rh_wire_in_init(ret_in, &header, channel->data + sizeof(header));
    *ret_header = header;
    return RH_OK;
}
