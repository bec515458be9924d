/*
 * Isolated connectors as libraries.
 *
 * A connector's `connect` is told nothing about which connector it is, so each isolated library
 * takes one of a fixed number of connect functions, whose places it is then found by.
 */
#include "host/isolation/isolation.h"

#include "base/err.h"
#include "host/isolation/proxy.h"
#include "host/isolation/watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_SLOTS 128u

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER; /* before an rh_isolated.lock */
static struct rh_isolated *slots[N_SLOTS]; /* a slot does not change while it is taken */

static int32_t connect_in(uint32_t slot, const struct rh_op *op, const struct rh_settings *settings,
                          struct rh_conn **ret_conn, struct rh_error *error)
{
    return rh_proxy_connect(slots[slot], op, settings, ret_conn, error);
}

#define SLOT(n)                                                                                    \
    static int32_t connect_##n(const struct rh_host *host, const struct rh_op *op,                 \
                               const struct rh_settings *settings, struct rh_conn **ret_conn,      \
                               struct rh_error *error)                                             \
    {                                                                                              \
        return connect_in(0x##n, op, settings, ret_conn, error);                                   \
    }
#define EACH_OF_16(X, high)                                                                        \
    X(high##0)                                                                                     \
    X(high##1)                                                                                     \
    X(high##2)                                                                                     \
    X(high##3)                                                                                     \
    X(high##4)                                                                                     \
    X(high##5)                                                                                     \
    X(high##6)                                                                                     \
    X(high##7)                                                                                     \
    X(high##8)                                                                                     \
    X(high##9)                                                                                     \
    X(high##a)                                                                                     \
    X(high##b)                                                                                     \
    X(high##c)                                                                                     \
    X(high##d)                                                                                     \
    X(high##e)                                                                                     \
    X(high##f)
#define EACH(X)                                                                                    \
    EACH_OF_16(X, 0)                                                                               \
    EACH_OF_16(X, 1)                                                                               \
    EACH_OF_16(X, 2)                                                                               \
    EACH_OF_16(X, 3)                                                                               \
    EACH_OF_16(X, 4)                                                                               \
    EACH_OF_16(X, 5)                                                                               \
    EACH_OF_16(X, 6)                                                                               \
    EACH_OF_16(X, 7)
#define NAME(n) connect_##n,

EACH(SLOT)

typedef int32_t connect_fn(const struct rh_host *host, const struct rh_op *op,
                           const struct rh_settings *settings, struct rh_conn **ret_conn,
                           struct rh_error *error);
static connect_fn *const connects[] = {EACH(NAME)};
_Static_assert(sizeof(connects) / sizeof(connects[0]) == N_SLOTS, "a function for each slot");

static int take_slot(struct rh_isolated *isolated, struct rh_error *error)
{
    uint32_t slot = 0;

    pthread_mutex_lock(&slots_lock);
    while (slot < N_SLOTS && slots[slot])
        slot++;
    if (slot < N_SLOTS)
        slots[slot] = isolated;
    pthread_mutex_unlock(&slots_lock);
    isolated->slot = slot;
    return slot < N_SLOTS
               ? RH_OK
               : rh_fail(error, RH_RESOURCE, "more than %u isolated connectors", N_SLOTS);
}

static void give_slot(struct rh_isolated *isolated)
{
    if (isolated->slot >= N_SLOTS)
        return;
    pthread_mutex_lock(&slots_lock);
    slots[isolated->slot] = NULL;
    pthread_mutex_unlock(&slots_lock);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static const char *const *copy_strings(struct rh_arena *arena, const char *const *strings,
                                       uint32_t n)
{
    const char **copy = rh_arena_array(arena, n, sizeof(*copy));

    for (uint32_t i = 0; copy && i < n; i++) {
        if (!(copy[i] = rh_arena_dup(arena, strings[i], strlen(strings[i]))))
            return NULL;
    }
    return copy;
}

static bool copy_sandbox(struct rh_isolated *isolated, const struct rh_sandbox *from)
{
    struct rh_sandbox *to = &isolated->sandbox;
    struct rh_arena *arena = isolated->arena;

    *to = *from;
    return (to->ports = (uint16_t *)rh_arena_dup(arena, from->ports,
                                                 from->n_ports * sizeof(*from->ports))) &&
           (to->hosts = copy_strings(arena, from->hosts, from->n_hosts)) &&
           (to->read_paths = copy_strings(arena, from->read_paths, from->n_read_paths)) &&
           (to->write_paths = copy_strings(arena, from->write_paths, from->n_write_paths));
}

static void init_lock(struct rh_isolated *isolated)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&isolated->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&isolated->lock, NULL);
}

/* Ends its processes. NULL is allowed. */
static void free_isolated(struct rh_isolated *isolated)
{
    if (!isolated)
        return;
    rh_process_end_all(isolated);
    give_slot(isolated);
    pthread_cond_destroy(&isolated->changed);
    pthread_mutex_destroy(&isolated->lock);
    rh_image_close(&isolated->image);
    rh_arena_free(isolated->arena);
    free(isolated->description);
    free(isolated);
}

static int new_isolated(const struct rh_image *image, const struct rh_sandbox *sandbox,
                        struct rh_isolated **ret_isolated, struct rh_error *error)
{
    struct rh_isolated *isolated = calloc(1, sizeof(*isolated));
    int rc = RH_OK;

    if (!isolated)
        return rh_fail_nomem(error);
    init_lock(isolated);
    isolated->slot = N_SLOTS;
    isolated->image.fd = -1;
    isolated->arena = rh_arena_new((size_t)4 << 20);
    if (!isolated->arena || !copy_sandbox(isolated, sandbox))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = rh_image_copy(image, &isolated->image, error);
    if (rc) {
        free_isolated(isolated);
        return rc;
    }
    *ret_isolated = isolated;
    return RH_OK;
}

/* ---- Libraries ------------------------------------------------------------------------------- */

static void end_library(struct rh_library *library)
{
    free_isolated(library->isolated);
}

/* The library's texts and operators lie in the description, which stays. */
static int adopt(struct rh_isolated *isolated, struct rh_wire_in *in,
                 struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_connector proxy = rh_proxy_connector;
    struct rh_wire_connector table;
    struct rh_library *library = NULL;
    int rc;

    proxy.connect = connects[isolated->slot];
    if (!rh_wire_take_connector(in, &proxy, &table))
        return rh_fail(error, RH_CONTRACT, "%s: its process described it in a malformed frame",
                       isolated->image.path);
    rc = rh_library_adopt(&table.connector, isolated->image.path, &library, error);
    if (rc)
        return rc;
    library->path = strdup(isolated->image.path);
    if (!library->path) {
        rh_library_free(library);
        return rh_fail_nomem(error);
    }
    memcpy(library->sha256, isolated->image.sha256, sizeof(library->sha256));
    library->isolated = isolated;
    library->end = end_library;
    pthread_mutex_lock(&slots_lock);
    isolated->library = library;
    pthread_mutex_unlock(&slots_lock);
    *ret_library = library;
    return RH_OK;
}

int rh_isolation_load(const struct rh_image *image, const struct rh_sandbox *sandbox,
                      struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_isolated *isolated = NULL;
    struct rh_process *process = NULL;
    struct rh_wire_in in;
    int rc;

    rc = new_isolated(image, sandbox, &isolated, error);
    if (rc)
        return rc;
    if ((rc = take_slot(isolated, error)) == RH_OK &&
        (rc = rh_process_describe(isolated, &process, &in, error)) == RH_OK) {
        isolated->description = process->boot.data;
        process->boot.data = NULL;
        rh_watch_wake(process);
        rh_process_unref(process);
        rc = adopt(isolated, &in, ret_library, error);
    }
    if (rc)
        free_isolated(isolated);
    return rc;
}

void rh_isolation_stats(struct rh_isolation_stats *ret_stats)
{
    rh_watch_stats(ret_stats);
}

void rh_isolation_each(void (*use)(void *context, const struct rh_library *library,
                                   const struct rh_isolation_stats *stats),
                       void *context)
{
    pthread_mutex_lock(&slots_lock);
    for (uint32_t i = 0; i < N_SLOTS; i++) {
        struct rh_isolated *isolated = slots[i];
        struct rh_isolation_stats stats;

        if (!isolated || !isolated->library)
            continue;
        pthread_mutex_lock(&isolated->lock);
        stats = isolated->stats;
        pthread_mutex_unlock(&isolated->lock);
        use(context, isolated->library, &stats);
    }
    pthread_mutex_unlock(&slots_lock);
}
