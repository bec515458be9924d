/*
 * Packages of connectors on disk, as the verbs sign, verify, install, list and remove share them,
 * and where these look when they are not told.
 */
#pragma once

#include "cli/cli.h"
#include "host/trust/trust.h"

/* The option --trust, else ROWHOUSE_TRUST; NULL: none. */
const char *rh_cli_trust(const struct rh_cli_words *words);
/* The option --unsigned, else ROWHOUSE_UNSIGNED_CONNECTORS; NULL: none. */
const char *rh_cli_unsigned(const struct rh_cli_words *words);
/* That option, else ROWHOUSE_CONNECTORS. NULL after having told that it must be given. */
const char *rh_cli_installed(const char *command, const struct rh_cli_words *words,
                             const char *option);

/* <root>/<id>/<version>, in the arena; NULL when out of memory. */
const char *rh_cli_package_path(struct rh_arena *arena, const char *root, const char *id,
                                const char *version);
/* Writes the image's bytes to a new file in the folder, and syncs it. */
int rh_cli_package_write_file(const char *folder, const char *name, const struct rh_image *image,
                              struct rh_error *error);
/* Copies the package into a new folder, which must not be there; its files are compared with the
 * manifest on the way. What is left after an error is the caller's to remove. */
int rh_cli_package_copy(const char *from, const struct rh_manifest *manifest, const char *to,
                        struct rh_error *error);
/* Whether both folders have the same manifest, byte by byte, and so the same files. */
int rh_cli_package_is_same(const char *a, const char *b, bool *ret_same, struct rh_error *error);
