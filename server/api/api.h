/*
 * The API: all that requests share. Built once at start-up; immutable but for what has its own
 * lock (datasources, metrics).
 */
#pragma once

#include "host/registry.h"
#include "rows/datasource.h"
#include "server/api/access.h"
#include "server/api/config.h"
#include "server/api/datasource_cache.h"
#include "server/api/home.h"
#include "server/api/metrics.h"
#include "server/api/router.h"
#include "server/http/server.h"
#include "services/secrets.h"
#include "store/store.h"

struct rh_api {
    struct rh_config config;
    struct rh_registry *registry;
    struct rh_secrets *secrets;
    struct rh_home *home; /* where the store and internal tables are */
    struct rh_store *store;
    struct rh_datasource_cache *datasources;
    struct rh_access access;
    char *admin_key; /* only while starting, for the demo's text; wiped then */
    bool admin_key_made;
    struct rh_router *router;
    struct rh_metrics *metrics;
    _Atomic(struct rh_web_server *) server; /* set once it runs; borrowed */
    struct rh_buf openapi;                  /* the documents, made once */
    struct rh_buf docs;
    uint64_t started_us;
};

/* Opens everything but the HTTP server. config is taken, also on errors. Owned by the caller. */
int rh_api_open(struct rh_config *config, struct rh_api **ret_api, struct rh_error *error);
void rh_api_close(struct rh_api *api); /* NULL is allowed */

/* How the HTTP server calls the API; `context` must be set to it. */
extern const struct rh_web_handler rh_api_handler;
/* The same at metrics_listen. */
extern const struct rh_web_handler rh_api_metrics_handler;
