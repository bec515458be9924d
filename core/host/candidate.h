/*
 * What the registry finds in its folders: files and packages that may be connectors, and how one
 * of them becomes a library. For the registry only.
 */
#pragma once

#include "base/arena.h"
#include "host/library.h"
#include "host/trust/trust.h"

enum rh_candidate_kind { RH_CANDIDATE_ADDED, RH_CANDIDATE_BUNDLED, RH_CANDIDATE_PACKAGE };

/* As it lies in a folder. */
struct rh_candidate_place {
    enum rh_candidate_kind kind;
    const char *id;      /* from the name of the file or folder; need not be one */
    const char *version; /* of a package's folder; "" for files */
    const char *path;
    uint64_t stamp;
};

#define RH_CANDIDATE_MAX_FOLDERS 2

struct rh_candidate_folders {
    const char *bundled[RH_CANDIDATE_MAX_FOLDERS];
    uint32_t n_bundled;
    const char *installed; /* NULL: none */
};

/* Looks into the folders. The first of the bundled folders that has an id counts. Places live in
 * the arena. RESOURCE: nothing was found out. */
int rh_candidate_scan(struct rh_arena *arena, const struct rh_candidate_folders *folders,
                      struct rh_candidate_place **ret_places, uint32_t *ret_n,
                      struct rh_error *error);

/* How candidates are judged. */
struct rh_candidate_rules {
    const char *trust, *unsigned_ids, *isolated_ids;
};

/* A candidate whose bytes were read and verified: ready to be loaded. */
struct rh_candidate_opened {
    struct rh_image image;
    enum rh_trust_level level;
    const char *signer;
    bool isolated; /* is to be; the connector may ask for it as well */
    struct rh_sandbox sandbox;
    const char *key; /* equal keys: the same bytes, run in the same way */
};

/* Reads and verifies. has_bundled: a bundled connector of this id is there. Texts live in the
 * arena. NOT_FOUND: it went away; RESOURCE says nothing about it; others: it is refused. */
int rh_candidate_open(struct rh_arena *arena, const struct rh_candidate_place *place,
                      const struct rh_candidate_rules *rules, bool has_bundled,
                      struct rh_candidate_opened *ret_opened, struct rh_error *error);
void rh_candidate_close(struct rh_candidate_opened *opened);
/* Whether the library is what the name of its file, or its manifest, says. CONTRACT. */
int rh_candidate_check(const struct rh_candidate_place *place, const struct rh_library *library,
                       struct rh_error *error);
/* Loads what was opened and checked (rh_candidate_check). probe: in a child first, where it may crash.
 * Errors as rh_candidate_open. The library is owned by the caller. */
int rh_candidate_load(const struct rh_candidate_place *place,
                      const struct rh_candidate_opened *opened, bool probe,
                      struct rh_library **ret_library, struct rh_error *error);
