/* Manifests for `rowhouse connector sign`: of what a connector says of itself, the options, and
 * what its author wrote. All live in the arena. */
#pragma once

#include "cli/cli.h"
#include "host/trust/manifest.h"

/* Of a shared object alone: one file, <id>.so; the rest from the option --manifest or the other
 * options. */
int rh_cli_draft_of_library(struct rh_arena *arena, const struct rh_cli_words *words,
                            const struct rh_library *library, const struct rh_image *image,
                            struct rh_manifest *ret_manifest, struct rh_error *error);
/* The connector in a folder: the one that manifest.json names, else the only *.so. */
int rh_cli_draft_library_path(struct rh_arena *arena, const char *folder, const char **ret_path,
                              struct rh_error *error);
/* Of a folder: its manifest.json, where there is one, with all its files as they are now. Options
 * for permissions are refused then: they are written in the manifest. */
int rh_cli_draft_of_folder(struct rh_arena *arena, const struct rh_cli_words *words,
                           const char *folder, const struct rh_library *library,
                           struct rh_manifest *ret_manifest, struct rh_error *error);
