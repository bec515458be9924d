/*
 * Opening and closing, in this order: data folder, secrets, connectors, store, access. Everything
 * that a request needs is there before the server listens.
 */
#include "server/api/api.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "rows/read.h"
#include "server/api/openapi.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define OPEN_US ((uint64_t)30 * 1000000)
#define DOCUMENT_BYTES ((size_t)16 << 20)

static int make_folder(const char *path, struct rh_error *error)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return rh_fail(error, RH_CONFIG, "cannot make the folder %s: %s", path, strerror(errno));
    return RH_OK;
}

static int open_folders(const char *data, struct rh_error *error)
{
    char *temp = NULL;
    int rc = make_folder(data, error);

    if (rc != RH_OK)
        return rc;
    if (asprintf(&temp, "%s/tmp", data) < 0)
        return rh_fail_nomem(error);
    rc = make_folder(temp, error);
    free(temp);
    return rc;
}

static int open_secrets(struct rh_api *api, const char *data, struct rh_error *error)
{
    const char *master = api->config.texts[RH_CONFIG_MASTER_KEY];
    uint8_t key[32];
    int rc;

    if (*master && setenv("ROWHOUSE_MASTER_KEY", master, 1) != 0)
        return rh_fail_nomem(error);
    rc = rh_secrets_open(data, &api->secrets, error);
    unsetenv("ROWHOUSE_MASTER_KEY");
    if (rc != RH_OK)
        return rc;
    rh_secrets_derive(api->secrets, "cursor", key);
    rh_read_set_cursor_key(key);
    sodium_memzero(key, sizeof(key));
    return RH_OK;
}

static int open_store(struct rh_api *api, const char *data, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_operation op;
    int rc = arena ? rh_home_open(api->registry, data, api->config.texts[RH_CONFIG_STORE],
                                  &api->home, error)
                   : rh_fail_nomem(error);

    if (rc == RH_OK) {
        rh_operation_init(&op, arena, NULL, rh_clock_us() + OPEN_US);
        rc = rh_home_store(api->home, &op, &api->store, error);
    }
    if (rc != RH_OK)
        rh_error_prefix(error, "the store");
    rh_arena_free(arena);
    return rc;
}

static int make_documents(struct rh_api *api, struct rh_error *error)
{
    int rc;

    rh_buf_init(&api->openapi, DOCUMENT_BYTES);
    rh_buf_init(&api->docs, DOCUMENT_BYTES);
    rc = rh_openapi_write(&api->openapi, error);
    if (rc != RH_OK)
        return rc;
    rh_docs_write_html(&api->docs);
    return api->docs.failed ? rh_fail_nomem(error) : RH_OK;
}

/* Owned by the caller. */
static char *path_in_data(const struct rh_api *api, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", api->config.texts[RH_CONFIG_DATA], name) < 0 ? NULL : path;
}

/* The setting, else the folder of that name in the data folder; owned by the caller. */
static char *folder_of(const struct rh_api *api, enum rh_config_name name)
{
    const char *given = api->config.texts[name];

    return *given ? strdup(given) : path_in_data(api, rh_config_item(name)->name);
}

static int open_registry(struct rh_api *api, struct rh_error *error)
{
    const char *plugins = api->config.texts[RH_CONFIG_PLUGINS];
    char *connectors = folder_of(api, RH_CONFIG_CONNECTORS);
    char *trust = folder_of(api, RH_CONFIG_TRUST);
    char *tried = path_in_data(api, "connectors.tried");
    struct rh_registry_options options = {
        .folder = *plugins ? plugins : NULL,
        .installed = connectors,
        .trust = trust,
        .unsigned_ids = api->config.texts[RH_CONFIG_UNSIGNED_CONNECTORS],
        .isolated_ids = api->config.texts[RH_CONFIG_ISOLATE],
        .tried = tried,
    };
    int rc = connectors && trust && tried ? rh_registry_new(&options, &api->registry, error)
                                          : rh_fail_nomem(error);

    free(connectors);
    free(trust);
    free(tried);
    return rc;
}

static int open_all(struct rh_api *api, struct rh_error *error)
{
    const char *data = api->config.texts[RH_CONFIG_DATA];
    int rc;

    rc = open_folders(data, error);
    if (rc == RH_OK)
        rc = open_secrets(api, data, error);
    if (rc == RH_OK)
        rc = open_registry(api, error);
    if (rc == RH_OK)
        rc = open_store(api, data, error);
    if (rc == RH_OK)
        rc = rh_access_open(&api->access, data, api->config.texts[RH_CONFIG_ADMIN_KEY],
                            &api->admin_key, &api->admin_key_made, error);
    if (rc == RH_OK)
        rc = make_documents(api, error);
    if (rc != RH_OK)
        return rc;
    api->router = rh_router_new();
    api->metrics = rh_metrics_new(rh_command_count());
    api->datasources = rh_datasource_cache_new(api);
    return api->router && api->metrics && api->datasources ? RH_OK : rh_fail_nomem(error);
}

int rh_api_open(struct rh_config *config, struct rh_api **ret_api, struct rh_error *error)
{
    struct rh_api *api;
    int rc;

    if (sodium_init() < 0) {
        rh_config_fini(config);
        return rh_fail(error, RH_INTERNAL, "libsodium cannot be initialised");
    }
    api = calloc(1, sizeof(*api));
    if (!api) {
        rh_config_fini(config);
        return rh_fail_nomem(error);
    }
    api->config = *config;
    *config = (struct rh_config){0};
    api->started_us = rh_clock_us();
    rc = open_all(api, error);
    if (rc != RH_OK) {
        rh_api_close(api);
        return rc;
    }
    *ret_api = api;
    return RH_OK;
}

void rh_api_close(struct rh_api *api)
{
    if (!api)
        return;
    rh_datasource_cache_free(api->datasources);
    rh_store_close(api->store);
    rh_home_close(api->home);
    rh_registry_free(api->registry);
    rh_secrets_close(api->secrets);
    rh_router_free(api->router);
    rh_metrics_free(api->metrics);
    rh_buf_free(&api->openapi);
    rh_buf_free(&api->docs);
    if (api->admin_key)
        sodium_memzero(api->admin_key, strlen(api->admin_key));
    free(api->admin_key);
    rh_config_fini(&api->config);
    free(api);
}
