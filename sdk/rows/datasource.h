/*
 * A datasource: a connector with settings, its pool of connections, its budget, and the set of its
 * tables. Shared by reference count; everything in it but the tables is immutable.
 */
#pragma once

#include "host/pool.h"
#include "host/registry.h"
#include "rows/tableset.h"

#include <jansson.h>

/* What one request may cost at the host when it completes a query (rows.md, "Budgets"). */
struct rh_budget {
    uint64_t scan_rows; /* rows read from the source beyond what is returned; default 2 000 000 */
    uint64_t memory_bytes; /* held in memory before a sort or group spills; default 64 MiB */
    uint64_t spill_bytes;  /* in temporary files; default 4 GiB */
    uint32_t time_ms;      /* of one request; default 30 000 */
};
void rh_budget_default(struct rh_budget *budget);

struct rh_datasource;

/* config: JSON object as the user gave it, checked against the connector's schema and copied. No
 * connection is made. limits and budget NULL: the defaults. Errors: NOT_FOUND (connector), CONFIG.
 * Owned by the caller, who gives it back with unref. */
int rh_datasource_new(struct rh_registry *registry, const char *name, struct rh_text connector_id,
                      const json_t *config, const struct rh_pool_limits *limits,
                      const struct rh_budget *budget, struct rh_datasource **ret_datasource,
                      struct rh_error *error);
/* From a URL that names its connector by scheme: postgres://…, sqlite:file.db, a file name that
 * ends in .db, .sqlite or .sqlite3. */
int rh_datasource_from_url(struct rh_registry *registry, struct rh_text url,
                           struct rh_datasource **ret_datasource, struct rh_error *error);
struct rh_datasource *rh_datasource_ref(struct rh_datasource *datasource);
void rh_datasource_unref(struct rh_datasource *datasource);

const char *rh_datasource_name(const struct rh_datasource *datasource);
/* As it was asked for: "acme" or "acme@1.3.0". */
const char *rh_datasource_connector(const struct rh_datasource *datasource);
const struct rh_library *rh_datasource_library(const struct rh_datasource *datasource);
const struct rh_budget *rh_datasource_budget(const struct rh_datasource *datasource);
struct rh_pool *rh_datasource_pool(struct rh_datasource *datasource);

/* [any] The tables, read from the source on first use and kept until refresh. A new reference,
 * which the caller gives back with rh_tableset_unref. */
int rh_datasource_tables(struct rh_datasource *datasource, struct rh_operation *op,
                         struct rh_tableset **ret_tables, struct rh_error *error);
/* [any] Reads the tables again; requests under way finish on the old set. */
int rh_datasource_refresh(struct rh_datasource *datasource, struct rh_operation *op,
                          struct rh_error *error);
