/*
 * What of a process a connector must leave as it is: descriptors, threads, children, environment,
 * locale, directory, umask, signal handlers and mask. [any], on Linux.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RH_PROCESS_SIGNALS 65

struct rh_process_state {
    uint32_t n_fds;
    uint32_t n_threads;
    uint64_t environment, locale, directory; /* hashes */
    uint64_t signals;                        /* handlers, and this thread's mask */
    uint32_t umask;
};

void rh_process_look(struct rh_process_state *ret_state);
/* True when something is not as it was, and then says what; fewer descriptors and threads count
 * too. */
bool rh_process_differs(const struct rh_process_state *before, const struct rh_process_state *after,
                        char *ret_what, size_t size);
uint32_t rh_process_count_fds(void);
uint32_t rh_process_count_threads(void);
/* Bytes that malloc has given out and not got back; 0 where that cannot be known. */
uint64_t rh_process_heap_bytes(void);
