/* Looking at the folders: what is new, has changed, is gone. */
#include "host/registry_parts.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_BYTES ((size_t)32 << 20)
#define LOOK_EVERY_US 1000000

static void free_known(struct rh_known *known)
{
    free(known->id);
    free(known->path);
    free(known->signer);
    free(known);
}

int rh_registry_insert_locked(struct rh_registry *registry, const struct rh_candidate_place *place,
                              struct rh_known **ret_known, struct rh_error *error)
{
    struct rh_known *known = calloc(1, sizeof(*known)), **at = &registry->known;

    if (!known)
        return rh_fail_nomem(error);
    known->kind = place->kind;
    known->stamp = place->stamp;
    known->is_late = registry->was_looked;
    known->is_seen = true;
    rh_error_clear(&known->refusal);
    snprintf(known->version, sizeof(known->version), "%s", place->version);
    known->id = strdup(place->id);
    known->path = strdup(place->path);
    if (!known->id || !known->path) {
        free_known(known);
        return rh_fail_nomem(error);
    }
    while (*at && strcmp((*at)->id, place->id) < 0)
        at = &(*at)->next;
    known->next = *at;
    *at = known;
    registry->n_known++;
    *ret_known = known;
    return RH_OK;
}

void rh_registry_remove_locked(struct rh_registry *registry, struct rh_known *known)
{
    struct rh_known **at = &registry->known;

    while (*at != known)
        at = &(*at)->next;
    *at = known->next;
    registry->n_known--;
    free_known(known);
}

static struct rh_known *find_locked(const struct rh_registry *registry,
                                    const struct rh_candidate_place *place)
{
    struct rh_known *known = registry->known;

    while (known && (known->kind != place->kind || strcmp(known->id, place->id) != 0 ||
                     (known->kind == RH_CANDIDATE_PACKAGE &&
                      strncmp(known->version, place->version, RH_KNOWN_MAX_VERSION) != 0)))
        known = known->next;
    return known;
}

/* What was found out of it does not hold any more. */
static void forget(struct rh_known *known)
{
    if (known->state == RH_KNOWN_LOADING)
        known->is_stale = true;
    else
        known->state = RH_KNOWN_NEW;
}

static int merge_locked(struct rh_registry *registry, const struct rh_candidate_place *place,
                        bool *ret_changed, struct rh_error *error)
{
    struct rh_known *known = find_locked(registry, place);
    char *path;

    if (!known) {
        *ret_changed = true;
        return rh_registry_insert_locked(registry, place, &known, error);
    }
    known->is_seen = true;
    known->is_gone = false;
    if (known->stamp == place->stamp && strcmp(known->path, place->path) == 0)
        return RH_OK;
    path = strdup(place->path);
    if (!path)
        return rh_fail_nomem(error);
    free(known->path);
    known->path = path;
    known->stamp = place->stamp;
    known->is_late = true;
    forget(known);
    *ret_changed = true;
    return RH_OK;
}

static bool sweep_locked(struct rh_registry *registry)
{
    struct rh_known *next, *known = registry->known;
    bool changed = false;

    for (; known; known = next) {
        next = known->next;
        if (known->is_seen || known->kind == RH_CANDIDATE_ADDED)
            continue;
        changed = true;
        if (known->state == RH_KNOWN_LOADING)
            known->is_gone = true;
        else
            rh_registry_remove_locked(registry, known);
    }
    return changed;
}

/* Other keys, or another list of what is revoked: packages are judged anew. */
static bool look_at_trust_locked(struct rh_registry *registry)
{
    uint64_t stamp = rh_trust_stamp(registry->rules.trust);
    bool changed = registry->was_looked && stamp != registry->trust_stamp;

    registry->trust_stamp = stamp;
    for (struct rh_known *known = registry->known; changed && known; known = known->next)
        if (known->kind == RH_CANDIDATE_PACKAGE)
            forget(known);
    return changed;
}

static int look_locked(struct rh_registry *registry, struct rh_arena *arena, struct rh_error *error)
{
    struct rh_candidate_place *places = NULL;
    bool changed = false;
    uint32_t n = 0;
    int rc = rh_candidate_scan(arena, &registry->folders, &places, &n, error);

    if (rc != RH_OK)
        return rc;
    for (struct rh_known *known = registry->known; known; known = known->next)
        known->is_seen = false;
    for (uint32_t i = 0; i < n && rc == RH_OK; i++)
        rc = merge_locked(registry, &places[i], &changed, error);
    if (rc == RH_OK) {
        changed = sweep_locked(registry) || changed;
        changed = look_at_trust_locked(registry) || changed;
        registry->was_looked = true;
    }
    if (changed)
        atomic_fetch_add(&registry->generation, 1);
    return rc;
}

int rh_registry_look_locked(struct rh_registry *registry, struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    struct rh_arena *arena;
    int rc;

    if (rh_clock_us() < atomic_load_explicit(&registry->next_look_us, memory_order_relaxed))
        return RH_OK;
    arena = rh_arena_new(LOOK_BYTES);
    if (!arena)
        return rh_fail_nomem(error);
    rc = look_locked(registry, arena, &failed);
    rh_arena_free(arena);
    if (rc != RH_OK && registry->was_looked)
        rh_log(RH_LOG_WARN, "host", "cannot look for connectors: %s", failed.message);
    else if (rc != RH_OK)
        return rh_fail(error, rc, "%s", failed.message);
    atomic_store_explicit(&registry->next_look_us, rh_clock_us() + LOOK_EVERY_US,
                          memory_order_relaxed);
    return RH_OK;
}
