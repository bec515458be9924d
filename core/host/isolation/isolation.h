/*
 * Connectors in processes of their own: the same vtable, as messages on a socketpair.
 *
 *   host process                                 rowhouse-connector-host
 *   ┌──────────────────────────────┐   control   ┌─────────────────────────────────┐
 *   │ proxy (a struct rh_library)  │◄───────────►│ control thread: connect, cancel │
 *   │  conn ─ one socket ──────────┼────frames──►│ one thread per connection       │
 *   └──────────────────────────────┘             │ the real connector              │
 *                                                └─────────────────────────────────┘
 *
 * One process per connector version and settings, so per datasource: a connector that crashes,
 * hangs or leaks costs the requests of its own datasource and nothing else. It starts with the
 * first connection and ends a minute after the last. Frames from it are as hostile as anything from
 * outside; one that is malformed ends the process.
 *
 * When the process dies: reads end UNAVAILABLE, writes and commits that were sent UNKNOWN_OUTCOME;
 * connections of the process are poisoned; it is started again with a back-off (100 ms, doubling to
 * 30 s, forgotten after a minute of health), and until then connecting fails UNAVAILABLE with how
 * it died and when it is tried again. A call that goes on for a second after its deadline, or for
 * three after it was cancelled, costs the process.
 */
#pragma once

#include "host/image.h"
#include "host/isolation/sandbox.h"
#include "host/library.h"

/*
 * Describes the connector in a child and returns a library whose calls go to such processes. The
 * image and the sandbox are copied. Errors as rh_library_load; a connector that crashes or hangs
 * while it is loaded is CONTRACT, with how. [any]
 *
 * The program rowhouse-connector-host is found in ROWHOUSE_CONNECTOR_HOST, beside this program, or
 * in ../libexec/rowhouse; NOT_FOUND when it is not there.
 */
int rh_isolation_load(const struct rh_image *image, const struct rh_sandbox *sandbox,
                      struct rh_library **ret_library, struct rh_error *error);

/*
 * rh_query.flags, to `plan` of such a library alone, from a reader that opens the query next (or
 * gives it up): the answer may be what was planned for a query that differs in its literals only.
 * Then `open` may fail with CONFLICT, RH_PLAN_CHANGED ("plan-changed"): nothing has happened, and
 * the reader plans again and opens.
 */
#define RH_QUERY_ASSUME 0x80000000u
#define RH_PLAN_CHANGED "plan-changed"

struct rh_isolation_stats {
    uint64_t n_started;           /* processes, among them one to describe each connector */
    uint64_t n_restarted;         /* of those, in place of one that died unasked */
    uint64_t n_crashed, n_killed; /* died of themselves; were killed by the host */
    uint32_t n_running;
};
/* Of all isolated connectors that there are and were. [any] */
void rh_isolation_stats(struct rh_isolation_stats *ret_stats);
/* Of each that there is. `use` may not load or free a library. [any] */
void rh_isolation_each(void (*use)(void *context, const struct rh_library *library,
                                   const struct rh_isolation_stats *stats),
                       void *context);
