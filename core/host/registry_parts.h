/*
 * What the files of the registry share: what is known of each candidate, under one lock. The lock
 * is not held while a candidate is read, tried in a child and loaded; whoever needs that very one
 * waits for it.
 *
 *               first asked for           done
 *       NEW ─────────────────► LOADING ──────► READY or REFUSED
 *        ▲                                             │
 *        └──────────────── its file, or what is trusted, has changed
 *
 * A candidate that was ready keeps its library while its successor is loaded, and others are
 * answered with that.
 */
#pragma once

#include "base/arena.h"
#include "host/candidate.h"
#include "host/registry.h"

#include <pthread.h>
#include <stdatomic.h>

#define RH_KNOWN_MAX_VERSION 64

enum rh_known_state { RH_KNOWN_NEW, RH_KNOWN_LOADING, RH_KNOWN_READY, RH_KNOWN_REFUSED };

struct rh_known {
    struct rh_known *next;
    enum rh_candidate_kind kind;
    char *id, *path;                        /* owned */
    char version[RH_KNOWN_MAX_VERSION + 1]; /* "" until a file has told */
    uint64_t stamp;

    enum rh_known_state state;
    bool is_late;  /* came, or changed, after the first look */
    bool is_seen;  /* by the look under way */
    bool is_stale; /* changed while LOADING: is NEW again when that ends */
    bool is_gone;  /* went away while LOADING: is freed when that ends */

    const struct rh_library *library; /* while READY, and until its successor is */
    enum rh_trust_level level;
    char *signer; /* owned; NULL: none */
    bool isolated;
    struct rh_error refusal; /* while REFUSED */
};

struct rh_loaded {
    struct rh_loaded *next;
    struct rh_library *library;
    char key[]; /* of rh_candidate_opened; "" when it was added */
};

struct rh_registry {
    struct rh_arena *arena; /* what comes from the options */
    struct rh_candidate_folders folders;
    const char *tried; /* NULL: none */
    struct rh_candidate_rules rules;
    _Atomic uint64_t generation;
    _Atomic uint64_t next_look_us;

    pthread_mutex_t lock;   /* guards all below; the log's lock is taken under it */
    pthread_cond_t ended;   /* a candidate is LOADING no more */
    struct rh_known *known; /* by id */
    uint32_t n_known;
    struct rh_loaded *loaded;
    uint64_t trust_stamp;
    bool was_looked;
};

/* Looks at the folders again when that was a second ago. RESOURCE, but only the first time: later
 * it is logged, and what was known is still known. */
int rh_registry_look_locked(struct rh_registry *registry, struct rh_error *error);
/* Puts in a candidate of this place; texts are copied. */
int rh_registry_insert_locked(struct rh_registry *registry, const struct rh_candidate_place *place,
                              struct rh_known **ret_known, struct rh_error *error);
void rh_registry_remove_locked(struct rh_registry *registry, struct rh_known *known);

/* Opens and loads what is NEW; the lock is released meanwhile, so no pointer to a candidate
 * survives the call. RESOURCE says nothing of the candidate, which stays NEW. */
int rh_registry_load_locked(struct rh_registry *registry, struct rh_known *known,
                            struct rh_error *error);
/* Takes the library on success. */
int rh_registry_keep_locked(struct rh_registry *registry, struct rh_library *library,
                            const char *key, struct rh_error *error);
