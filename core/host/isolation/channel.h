/*
 * A stream of frames on a socket. One thread at a time.
 */
#pragma once

#include "host/isolation/wire.h"

struct rh_channel {
    int fd;     /* blocking; -1: closed */
    char *data; /* received: the frame at hand, then perhaps the beginning of the next */
    size_t cap;
    size_t n;             /* bytes received */
    size_t n_frame;       /* of those, the frame at hand: header and payload */
    uint64_t deadline_us; /* of receiving; 0: as long as it takes */
};

/* Takes the descriptor. */
void rh_channel_init(struct rh_channel *channel, int fd);
void rh_channel_fini(struct rh_channel *channel);

/* Sends what was written. *ret_sent (NULL allowed): whether all of it went out. RESOURCE when the
 * frame is too large or memory was short (nothing was sent), UNAVAILABLE when the other end is
 * gone. */
int rh_channel_send(struct rh_channel *channel, const struct rh_wire_out *out, uint32_t type,
                    uint32_t seq, bool *ret_sent);
/* Waits for the next frame. *ret_in is valid until the next call. RH_END when the other end closed
 * the socket (or it was reset), PROTOCOL when the frame is malformed, TIMEOUT, RESOURCE. */
int rh_channel_receive(struct rh_channel *channel, struct rh_wire_header *ret_header,
                       struct rh_wire_in *ret_in);
/* Whether bytes have come beyond the frame at hand: nobody asked for them. */
static inline bool rh_channel_has_more(const struct rh_channel *channel)
{
    return channel->n > channel->n_frame;
}
