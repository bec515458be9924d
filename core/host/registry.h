/*
 * The connectors that this process knows, by id.
 *
 * Found in a folder of *.so files: ROWHOUSE_PLUGINS, else ../plugins and ../lib/rowhouse/plugins
 * relative to the program. A connector is loaded when it is first asked for by id, from
 * <folder>/<id>.so; listing loads all of them. A file that is refused stays known with its reason.
 */
#pragma once

#include "host/library.h"

#include <stdint.h>

struct rh_registry;

/* folder NULL: the default search. The folder need not exist (then there are no connectors). */
int rh_registry_new(const char *folder, struct rh_registry **ret_registry, struct rh_error *error);
void rh_registry_free(struct rh_registry *registry);
/* [any] Borrowed until the registry is freed. NOT_FOUND with near names; CONTRACT when refused. */
int rh_registry_get(struct rh_registry *registry, struct rh_text id,
                    const struct rh_library **ret_library, struct rh_error *error);
/* [any] Puts in a library that was adopted; takes it on success. EXISTS. */
int rh_registry_add(struct rh_registry *registry, struct rh_library *library,
                    struct rh_error *error);

struct rh_registry_entry {
    const char *id;
    const struct rh_library *library; /* NULL when refused */
    const char *reason;               /* why; "" otherwise */
};
/* [any] All that are known, by id; in malloc'ed memory owned by the caller (the texts borrowed
 * from the registry). */
int rh_registry_list(struct rh_registry *registry, struct rh_registry_entry **ret_entries,
                     uint32_t *ret_n, struct rh_error *error);
/* [any] The connector whose url_schemes has the scheme of this URL ("postgres://…", "sqlite:…"). */
int rh_registry_find_scheme(struct rh_registry *registry, struct rh_text url,
                            const struct rh_library **ret_library, struct rh_error *error);
