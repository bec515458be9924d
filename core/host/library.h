/*
 * Loading a connector: bytes → lint → dlopen → entry → negotiated table.
 *
 * The file is read once into a sealed memfd, and what is linted and hashed is what is loaded.
 * Loaded code is never unloaded. The host's copy of the table is complete: required functions are
 * there, every gap holds a stub that answers RH_UNSUPPORTED, groups are NULL or whole. Two pointers
 * stay NULL where the connector has none, because their absence has a meaning: `plan` (planned from
 * the operators table alone) and `reset` (nothing to reset).
 *
 * ROWHOUSE_PLUGINS_BY_PATH=1 loads the file itself, for debuggers and sanitizers, which find no
 * symbols in a memfd. The log says so.
 */
#pragma once

#include "host/image.h"

#include <rowhouse/connector.h>

#include <stdint.h>

struct rh_isolated;

struct rh_library {
    struct rh_connector connector; /* host's copy, all gaps filled. groups point below; texts and
                                      `operators` are the connector's own, which live for ever */
    struct rh_write write;
    struct rh_tx tx;
    struct rh_native native;
    struct rh_ddl ddl;
    struct rh_feed feed;
    struct rh_limits limits;
    char *path;                             /* where the bytes came from; NULL when adopted */
    char sha256[65];                        /* of those bytes, hex; "" when adopted */
    struct rh_isolated *isolated;           /* its processes; NULL: it runs in this one */
    void (*end)(struct rh_library *);       /* frees those; NULL: there is nothing to end */
    uint8_t upper[RH_N_TYPES][RH_N_OPS][4]; /* operators table, expanded: verdict by column type,
                                               base operator, (NOT ? 1 : 0) + (FOLD ? 2 : 0) */
};

/* Errors: NOT_FOUND (no file), CONTRACT with a message that names path and reason: not an ELF
 * shared object for this machine, "exports … besides rh_connector_v1", "has no rh_connector_v1",
 * "needs ABI 2, this host speaks 1", "lacks the required function …", text relocations, executable
 * stack, static TLS, unresolved symbols. RESOURCE. Owned by the caller, who never frees a loaded
 * library while a connection of it exists. [any] */
int rh_library_load(const char *path, struct rh_library **ret_library, struct rh_error *error);
/* The same with bytes that were read already; exactly these are loaded. The image is borrowed for
 * the call. [any] */
int rh_library_load_image(const struct rh_image *image, struct rh_library **ret_library,
                          struct rh_error *error);
/* Frees the host's table; the code stays mapped. NULL is allowed. */
void rh_library_free(struct rh_library *library);

/* The negotiation alone, on a table in this process (tests, connectors linked in). `name` is for
 * messages. */
int rh_library_adopt(const struct rh_connector *table, const char *name,
                     struct rh_library **ret_library, struct rh_error *error);

/* Upper bound for a predicate on a column of this type (EXISTS, SEEK: any type): RH_VERDICT_*.
 * NONE for what is no operator or type. */
uint32_t rh_library_upper(const struct rh_library *library, uint32_t op, uint32_t type);

/* The host services object that all connectors get. */
const struct rh_host *rh_host_services(void);
