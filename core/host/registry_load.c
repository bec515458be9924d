/* Opening and loading one candidate, without the lock, and what comes of it. */
#include "host/registry_parts.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "host/tried.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_BYTES ((size_t)64 << 20)

struct loading {
    struct rh_registry *registry;
    struct rh_known *known;
    struct rh_arena *arena;
    struct rh_candidate_place place; /* a copy: the candidate may change meanwhile */
    struct rh_candidate_opened opened;
    bool has_bundled;
    bool is_late;
    const struct rh_library *library;
    char *signer;
};

/* ---- Loaded libraries ---------------------------------------------------------------------- */

int rh_registry_keep_locked(struct rh_registry *registry, struct rh_library *library,
                            const char *key, struct rh_error *error)
{
    size_t n = strlen(key) + 1;
    struct rh_loaded *loaded = malloc(sizeof(*loaded) + n);

    if (!loaded)
        return rh_fail_nomem(error);
    loaded->library = library;
    memcpy(loaded->key, key, n);
    loaded->next = registry->loaded;
    registry->loaded = loaded;
    return RH_OK;
}

static const struct rh_library *find_loaded_locked(const struct rh_registry *registry,
                                                   const char *key)
{
    const struct rh_loaded *loaded = registry->loaded;

    while (loaded && strcmp(loaded->key, key) != 0)
        loaded = loaded->next;
    return loaded ? loaded->library : NULL;
}

/* Keeps it, unless somebody else has loaded the same meanwhile. */
static int keep(struct loading *l, struct rh_library *library, struct rh_error *error)
{
    int rc = RH_OK;

    pthread_mutex_lock(&l->registry->lock);
    l->library = find_loaded_locked(l->registry, l->opened.key);
    if (!l->library) {
        rc = rh_registry_keep_locked(l->registry, library, l->opened.key, error);
        if (rc == RH_OK) {
            l->library = library;
            library = NULL;
        }
    }
    pthread_mutex_unlock(&l->registry->lock);
    rh_library_free(library);
    return rc;
}

/* ---- Loading ------------------------------------------------------------------------------ */

static int copy_place(struct loading *l, struct rh_error *error)
{
    const struct rh_known *known = l->known;
    const char *id = rh_arena_dup(l->arena, known->id, strlen(known->id));
    const char *version = rh_arena_dup(l->arena, known->version, strlen(known->version));
    const char *path = rh_arena_dup(l->arena, known->path, strlen(known->path));

    if (!id || !version || !path)
        return rh_fail_nomem(error);
    l->place = (struct rh_candidate_place){known->kind, id, version, path, known->stamp};
    l->is_late = known->is_late;
    for (const struct rh_known *other = l->registry->known; other; other = other->next)
        if (other->kind == RH_CANDIDATE_BUNDLED && strcmp(other->id, id) == 0)
            l->has_bundled = true;
    return RH_OK;
}

/* Without the lock. A package in this process is always tried in a child first; a bundled file that
 * was there when a program for one command started is as good as the program itself. */
static int run(struct loading *l, struct rh_error *error)
{
    const char *tried = l->registry->tried;
    bool probe = l->place.kind == RH_CANDIDATE_PACKAGE || l->is_late || tried;
    struct rh_library *library = NULL;
    int rc = rh_candidate_open(l->arena, &l->place, &l->registry->rules, l->has_bundled, &l->opened,
                               error);

    if (rc != RH_OK)
        return rc;
    if (l->opened.signer[0]) {
        l->signer = strdup(l->opened.signer);
        if (!l->signer)
            return rh_fail_nomem(error);
    }
    pthread_mutex_lock(&l->registry->lock);
    l->library = find_loaded_locked(l->registry, l->opened.key);
    pthread_mutex_unlock(&l->registry->lock);
    if (l->library)
        return rh_candidate_check(&l->place, l->library, error);
    probe = probe && !rh_tried_has(tried, l->opened.image.sha256);
    rc = rh_candidate_load(&l->place, &l->opened, probe, &library, error);
    if (rc == RH_OK && probe)
        rh_tried_add(tried, l->opened.image.sha256);
    return rc == RH_OK ? keep(l, library, error) : rc;
}

static void set_ready_locked(struct loading *l)
{
    struct rh_known *known = l->known;
    struct rh_text version = l->library->connector.version;

    known->state = RH_KNOWN_READY;
    known->library = l->library;
    known->level = l->opened.level;
    known->isolated = l->library->isolated != NULL;
    free(known->signer);
    known->signer = l->signer;
    l->signer = NULL;
    rh_error_clear(&known->refusal);
    if (known->kind == RH_CANDIDATE_BUNDLED)
        snprintf(known->version, sizeof(known->version), "%.*s", RH_TEXT_ARG(version));
    if (known->kind == RH_CANDIDATE_PACKAGE)
        rh_log(RH_LOG_INFO, "host", "connector %s %s: %s, %s", known->id, known->version,
               rh_trust_level_name(known->level), known->isolated ? "isolated" : "in-process");
}

static void set_refused_locked(struct loading *l, const struct rh_error *refusal)
{
    struct rh_known *known = l->known;

    known->state = RH_KNOWN_REFUSED;
    known->library = NULL;
    known->level = RH_TRUST_REFUSED;
    known->refusal = *refusal;
    rh_log(RH_LOG_WARN, "host", "connector refused: %s", refusal->message);
}

/* The outcome counts for what the candidate was when it began. */
static void end_locked(struct loading *l, int rc, const struct rh_error *refusal)
{
    struct rh_known *known = l->known;

    if (known->is_gone || rc == RH_NOT_FOUND) {
        rh_registry_remove_locked(l->registry, known);
    } else if (rc == RH_RESOURCE) {
        known->state = RH_KNOWN_NEW;
    } else {
        if (rc == RH_OK)
            set_ready_locked(l);
        else
            set_refused_locked(l, refusal);
        if (known->is_stale)
            known->state = RH_KNOWN_NEW;
        known->is_stale = false;
    }
    atomic_fetch_add(&l->registry->generation, 1);
    pthread_cond_broadcast(&l->registry->ended);
}

int rh_registry_load_locked(struct rh_registry *registry, struct rh_known *known,
                            struct rh_error *error)
{
    struct loading l = {.registry = registry, .known = known, .opened = {.image = {.fd = -1}}};
    struct rh_error refusal = RH_ERROR_INIT;
    int rc;

    l.arena = rh_arena_new(OPEN_BYTES);
    rc = l.arena ? copy_place(&l, error) : rh_fail_nomem(error);
    if (rc == RH_OK) {
        known->state = RH_KNOWN_LOADING;
        pthread_mutex_unlock(&registry->lock);
        rc = run(&l, &refusal);
        pthread_mutex_lock(&registry->lock);
        end_locked(&l, rc, &refusal);
    }
    rh_candidate_close(&l.opened);
    free(l.signer);
    rh_arena_free(l.arena);
    if (rc == RH_RESOURCE && error && error->error_class == RH_OK)
        *error = refusal;
    return rc == RH_RESOURCE ? rc : RH_OK;
}
