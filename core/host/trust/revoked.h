/*
 * The list of what is revoked: a line per entry, "sha256 HEX reason", "key ID reason" or
 * "version ID@VERSION reason"; # begins a comment.
 */
#pragma once

#include "base/arena.h"
#include "base/vec.h"

#include <rowhouse/error.h>

#include <stdbool.h>

struct rh_revoked {
    struct rh_vec entries;
};

/* Everything is copied into the arena. CONFIG with the number of a line that cannot be
 * understood. */
int rh_revoked_read(struct rh_arena *arena, struct rh_text text, struct rh_revoked *ret_revoked,
                    struct rh_error *error);

/* The reason when it is revoked ("" when none is given), else NULL. */
const char *rh_revoked_sha256(const struct rh_revoked *revoked, const char *sha256);
const char *rh_revoked_key(const struct rh_revoked *revoked, const char *key_name);
const char *rh_revoked_version(const struct rh_revoked *revoked, const char *id,
                               const char *version);
