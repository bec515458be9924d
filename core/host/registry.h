/*
 * The connectors that this process knows, by id.
 *
 * Bundled ones are files <id>.so in the program's own folder: ROWHOUSE_PLUGINS, else ../plugins and
 * ../lib/rowhouse/plugins relative to the program; they are loaded when first asked for. Installed
 * ones are packages <id>/<version>/ in the folder of installed connectors, verified by host/trust
 * and run as their trust level says. Of several versions the highest that is not refused is taken,
 * unless a version is asked for ("acme@1.3.0"). A package cannot take a bundled one's place unless
 * it is first-party. A trust folder that cannot be understood refuses every package.
 *
 * Folders are looked at again when something is asked for, at most once a second, so that new,
 * upgraded, removed and revoked connectors count without a restart. What is refused stays known,
 * with its reason, until its file changes. A package that is to run in this process is loaded in a
 * child first, and so is a bundled file when it came or changed after the first look, or on request;
 * what crashes there is refused, what does not is remembered. A library lives as long as the
 * registry, since connections may still use it; the same bytes are never loaded twice.
 */
#pragma once

#include "host/library.h"
#include "host/trust/trust.h"

#include <stdint.h>

struct rh_registry;

/* NULL members: the default. Folders need not exist. */
struct rh_registry_options {
    const char *folder;       /* of bundled connectors */
    const char *installed;    /* packages; default ROWHOUSE_CONNECTORS, else none */
    const char *trust;        /* default ROWHOUSE_TRUST, else none */
    const char *unsigned_ids; /* default ROWHOUSE_UNSIGNED_CONNECTORS, else none */
    const char *isolated_ids; /* bundled and first-party ones to be isolated all the same, "*" for
                                 all; default ROWHOUSE_ISOLATE, else none */
    const char *tried;        /* host/tried.h: for what has to stay up, all bundled files in a
                                 child first, each once; default none */
};
/* options NULL: all defaults. They are copied. Nothing is looked at yet. */
int rh_registry_new(const struct rh_registry_options *options, struct rh_registry **ret_registry,
                    struct rh_error *error);
void rh_registry_free(struct rh_registry *registry);
/* [any] id: "acme" or "acme@1.3.0". Borrowed until the registry is freed. NOT_FOUND with near
 * names; CONTRACT when refused. */
int rh_registry_get(struct rh_registry *registry, struct rh_text id,
                    const struct rh_library **ret_library, struct rh_error *error);
/* [any] A number that is another one when rh_registry_get may answer otherwise than before. */
uint64_t rh_registry_generation(struct rh_registry *registry);
/* [any] Puts in a library that was adopted; takes it on success. EXISTS. */
int rh_registry_add(struct rh_registry *registry, struct rh_library *library,
                    struct rh_error *error);

struct rh_registry_entry {
    const char *id, *version;         /* version "" when a file was refused before it told */
    const struct rh_library *library; /* NULL when refused */
    const char *reason;               /* why; "" otherwise */
    const char *hint;                 /* what to do about it; "" otherwise */
    enum rh_trust_level level;
    const char *signer; /* "" when not signed */
    bool isolated;      /* runs in a process of its own */
    bool in_use;        /* what the id without a version means */
};
/* [any] All that are known, by id, the highest version first; entries and texts in one piece of
 * malloc'ed memory owned by the caller. */
int rh_registry_list(struct rh_registry *registry, struct rh_registry_entry **ret_entries,
                     uint32_t *ret_n, struct rh_error *error);
/* [any] The connector whose url_schemes has the scheme of this URL ("postgres://…", "sqlite:…"). */
int rh_registry_find_scheme(struct rh_registry *registry, struct rh_text url,
                            const struct rh_library **ret_library, struct rh_error *error);
