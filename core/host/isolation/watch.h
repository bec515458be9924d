/* The thread that a process has on this side. */
#pragma once

#include "host/isolation/process.h"

/* Processes of all connectors. [any] */
void rh_watch_stats(struct rh_isolation_stats *ret_stats);
/* Starts the thread, which starts the process; counted in the owner's n_watchers. The thread holds
 * a reference. Under the owner's lock. RESOURCE. */
int rh_watch_start_locked(struct rh_process *process, struct rh_error *error);
/* Makes the thread look at once. [any] */
void rh_watch_wake(struct rh_process *process);
