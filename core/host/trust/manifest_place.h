/*
 * A value of a manifest and where it stands, for those who read manifests: every error names the
 * place. For manifest.c and its parts only.
 */
#pragma once

#include "base/json.h"
#include "host/trust/manifest.h"

#define RH_MANIFEST_MAX_ITEMS 256 /* of a list */

struct rh_manifest_place {
    struct rh_arena *arena;
    const struct rh_json *value;
    char pointer[184];
    struct rh_error *error;
};

/* A member of an object, and what reads it. */
struct rh_manifest_member {
    const char *name;
    bool required;
    int (*read)(struct rh_manifest_place *place, struct rh_manifest *manifest);
};

/* CONTRACT: "the manifest's <place> <reason>". */
int rh_manifest_place_fail(const struct rh_manifest_place *place, const char *reason);
/* The place of a member below; a pointer that gets too long is cut. */
struct rh_manifest_place rh_manifest_place_member(const struct rh_manifest_place *place,
                                                  struct rh_text name, const struct rh_json *value);
struct rh_manifest_place rh_manifest_place_element(const struct rh_manifest_place *place,
                                                   uint32_t i, const struct rh_json *value);

/* Reads an object by the table of its members; any other member is refused. */
int rh_manifest_place_read(const struct rh_manifest_place *place,
                           const struct rh_manifest_member *members, size_t n,
                           struct rh_manifest *manifest);
/* A text without control characters, copied. */
int rh_manifest_place_text(const struct rh_manifest_place *place, const char **ret_text);
/* A whole number from 0 to max. */
int rh_manifest_place_number(const struct rh_manifest_place *place, uint64_t max,
                             uint64_t *ret_number);
/* An array of texts that all pass the test. */
int rh_manifest_place_texts(const struct rh_manifest_place *place,
                            bool (*is_valid)(struct rh_text text), const char *otherwise,
                            const char *const **ret_texts, uint32_t *ret_n);

/* The object of permissions. (manifest_permissions.c) */
int rh_manifest_read_permissions(struct rh_manifest_place *place, struct rh_manifest *manifest);
