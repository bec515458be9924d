/*
 * Whether the machine has processor time to spare: from the idle time of all processors that
 * /proc/uptime counts in hundredths of a second (proc_uptime(5)).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rh_cpu_idle {
    int fd; /* -1: cannot be told */
    uint64_t since_us;
    uint64_t idle_cs; /* until then */
    bool spare;
};

/* Until something is known, there is time to spare. */
void rh_cpu_idle_init(struct rh_cpu_idle *idle);
void rh_cpu_idle_fini(struct rh_cpu_idle *idle);
/* Whether half a processor's time or more was idle between the last two calls that were
 * 20 ms or more apart; true where that cannot be told. */
bool rh_cpu_idle_spare(struct rh_cpu_idle *idle);
