/*
 * Rowhouse connector ABI: what the host gives to a connector.
 *
 * Nothing here could not be a message: an isolated connector gets the same structs from the
 * process that runs it.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/http.h>
#include <rowhouse/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rh_arena; /* opaque: use rh_host.alloc */

/* rh_op.flags */
#define RH_OP_READ_ONLY 0x0001u /* nothing may be changed at the source; enforce or refuse */

/* One operation: given to every function that may block. Borrowed for the call. */
struct rh_op {
    uint32_t struct_size;
    uint32_t flags;
    uint64_t deadline_us; /* absolute, CLOCK_MONOTONIC; always finite */
    int32_t cancel_fd;    /* becomes readable when cancelled and stays so; -1 = cannot be cancelled.
                             Any wait includes it, or polls it at least every 100 ms */
    uint32_t reserved;
    struct rh_arena *arena; /* for what the host shall keep after the call */
    struct rh_text tenant;
    struct rh_text user; /* for the source's own audit; no text = none */
    struct rh_text request_id;
    uint64_t memory_budget; /* bytes the connector may hold for this operation */
};

#define RH_LOG_ERROR 1
#define RH_LOG_WARN 2
#define RH_LOG_INFO 3
#define RH_LOG_DEBUG 4

/* Host services, the same object for all connections; valid until the process ends. */
struct rh_host {
    uint32_t struct_size;
    uint32_t minor; /* the host's ABI minor */
    /* [any] One line to the host's log. Values of secret settings are struck out. */
    void (*log)(const struct rh_host *host, uint32_t level, struct rh_text line);
    /* [any] Monotonic clock, microseconds: the one rh_op.deadline_us is measured by. */
    uint64_t (*now_us)(const struct rh_host *host);
    /* [conn] Zeroed memory from the op's arena, aligned to 16; NULL when out of memory or budget. */
    void *(*alloc)(struct rh_arena *arena, uint64_t size);
    const struct rh_http *http; /* never NULL */
};

#ifdef __cplusplus
}
#endif
