/*
 * The datasources that are in use, by app and name. Made from their stored definitions when they
 * are first asked for, replaced when the definition or its connector changes; requests under way
 * keep the one they have. One whose connector was removed or revoked is closed.
 */
#pragma once

#include "host/op.h"
#include "rows/datasource.h"

struct rh_api;
struct rh_datasource_cache;

struct rh_datasource_cache *rh_datasource_cache_new(struct rh_api *api);
void rh_datasource_cache_free(struct rh_datasource_cache *cache);

/* [worker] A new reference, to be given back with rh_datasource_unref. NOT_FOUND, codes
 * "unknown-app", "unknown-datasource"; UNAVAILABLE, codes "connector-missing", "connector-refused";
 * CONFIG when its stored definition cannot be used. */
int rh_datasource_cache_get(struct rh_datasource_cache *cache, struct rh_operation *op,
                            struct rh_text app, struct rh_text name,
                            struct rh_datasource **ret_datasource, struct rh_error *error);
/* [any] The definition has changed or is gone. name NULL: all datasources of the app. */
void rh_datasource_cache_drop(struct rh_datasource_cache *cache, const char *app, const char *name);
/* [any] Closes connections that have been idle for too long, also of datasources that nobody asks. */
void rh_datasource_cache_reap(struct rh_datasource_cache *cache);
/* [any] */
void rh_datasource_cache_each(struct rh_datasource_cache *cache,
                              void (*each)(void *context, const char *app, const char *name,
                                           struct rh_datasource *datasource),
                              void *context);
