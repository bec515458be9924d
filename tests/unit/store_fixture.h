/*
 * The store on real connectors: SQLite in a temporary file; PostgreSQL when ROWHOUSE_TEST_POSTGRES
 * names a server, in a database of the test's own; CouchDB when ROWHOUSE_TEST_COUCHDB does, in
 * databases of the test's own, one for each app. ON_EACH defines a test that runs on all of them.
 */
#pragma once

#include "store/store.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/registry.h"
#include "host/settings.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATABASE "rowhouse_store_test"
#define AMPLE_US 500000000 /* a safety net: nothing here has to be done in time */

static struct rh_registry *registry;
static struct rh_arena *arena;
static struct rh_operation op;
static struct rh_error error;
static struct rh_pool *pool;
static struct rh_store *store;
static char folder[] = "/tmp/rowhouse-store-XXXXXX";
static enum source { SQLITE, POSTGRES, COUCHDB } on;
static unsigned n_setups; /* names the databases of the tests on CouchDB */

#define MAX_APPS 4
static struct rh_pool *app_pools[MAX_APPS];
static char app_names[MAX_APPS][64];

/* ---- Around it --------------------------------------------------------------------------- */

static inline const struct rh_library *library_of(const char *id)
{
    const struct rh_library *library = NULL;
    ck_assert_msg(rh_registry_get(registry, rh_text_of(id), &library, &error) == 0, "%s",
                  error.message);
    return library;
}

static inline struct rh_pool *pool_with(const char *id, json_t *config)
{
    const struct rh_library *library = library_of(id);
    struct rh_settings settings = {.struct_size = sizeof(settings)};
    struct rh_pool *made = NULL;
    ck_assert_msg(
        rh_settings_make(arena, library->connector.config_schema, config, &settings, &error) == 0,
        "%s", error.message);
    ck_assert_int_eq(rh_pool_new(library, "store", &settings, NULL, &made, &error), 0);
    json_decref(config);
    return made;
}

static inline struct rh_pool *make_pool(const char *id, const char *name, const char *value)
{
    return pool_with(id, json_pack("{s:s}", name, value));
}

/* app "": of what belongs to none. */
static inline struct rh_pool *couchdb_pool(const char *app)
{
    char database[128];
    snprintf(database, sizeof(database), "store%d_%u%s", getpid(), n_setups, app);
    return pool_with("couchdb", json_pack("{s:s,s:s,s:s,s:b,s:i}", "url",
                                          getenv("ROWHOUSE_TEST_COUCHDB"), "database", database,
                                          "table_field", "type", "create", 1, "sample", 0));
}

static inline int pool_of_app(void *context, const struct rh_store_place *place,
                              struct rh_pool **ret_pool, struct rh_error *ret_error)
{
    char name[64];
    int i = 0;
    (void)context;
    (void)ret_error;
    snprintf(name, sizeof(name), "+%.*s+%.*s+%.*s", RH_TEXT_ARG(place->tenant),
             RH_TEXT_ARG(place->app), RH_TEXT_ARG(place->environment));
    while (i < MAX_APPS && app_pools[i] && strcmp(app_names[i], name) != 0)
        i++;
    ck_assert_int_lt(i, MAX_APPS);
    if (!app_pools[i]) {
        memcpy(app_names[i], name, sizeof(name));
        app_pools[i] = couchdb_pool(name);
    }
    *ret_pool = app_pools[i];
    return 0;
}

static const struct rh_store_places places = {.pool_of = pool_of_app};

static inline struct rh_pool *new_pool(void)
{
    char where[512];
    if (on == COUCHDB)
        return couchdb_pool("");
    if (on == POSTGRES) {
        const char *url = getenv("ROWHOUSE_TEST_POSTGRES"); /* …/database */
        snprintf(where, sizeof(where), "%.*s/" DATABASE, (int)(strrchr(url, '/') - url), url);
        return make_pool("postgres", "url", where);
    }
    snprintf(where, sizeof(where), "%s/store.db", folder);
    return pool_with("sqlite",
                     json_pack("{s:s,s:i}", "path", where, "busy_timeout_ms", AMPLE_US / 1000));
}

/* Runs statements of the source's own, one per line. */
static inline void native(struct rh_pool *database, const char *const *statements)
{
    struct rh_lease lease;
    ck_assert_msg(rh_pool_borrow(database, &op, &lease, &error) == 0, "%s", error.message);
    for (; *statements; statements++) {
        struct rh_native_spec spec = {.struct_size = sizeof(spec), .text = rh_text_of(*statements)};
        struct rh_native_result result = {.struct_size = sizeof(result)};
        int rc = lease.library->connector.native->run(lease.conn, &op.abi, &spec, &result, &error);
        ck_assert_msg(rc == 0, "%s: %s", *statements, error.message);
        if (result.cursor)
            lease.library->connector.finish(result.cursor);
    }
    rh_pool_return(&lease, 0);
}

static inline void reset_database(bool make)
{
    struct rh_pool *server = make_pool("postgres", "url", getenv("ROWHOUSE_TEST_POSTGRES"));
    native(server, (const char *const[]){"DROP DATABASE IF EXISTS " DATABASE,
                                         make ? "CREATE DATABASE " DATABASE : NULL, NULL});
    rh_pool_free(server);
}

static inline void setup(unsigned source)
{
    on = (enum source)source;
    n_setups++;
    error = (struct rh_error)RH_ERROR_INIT;
    ck_assert_int_eq(rh_registry_new(NULL, &registry, &error), 0);
    arena = rh_arena_new((size_t)1 << 30);
    rh_operation_init(&op, arena, NULL, rh_clock_us() + AMPLE_US);
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    if (on == POSTGRES)
        reset_database(true);
    pool = new_pool();
}

static inline void teardown(void)
{
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
    char path[64];
    rh_store_close(store);
    store = NULL;
    rh_error_clear(&error);
    rh_pool_free(pool);
    for (int i = 0; i < MAX_APPS; i++) {
        rh_pool_free(app_pools[i]);
        app_pools[i] = NULL;
    }
    if (on == POSTGRES)
        reset_database(false);
    rh_registry_free(registry);
    rh_arena_free(arena);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

static inline int reopen(void)
{
    rh_store_close(store);
    store = NULL;
    rh_error_clear(&error);
    return rh_store_open(pool, on == COUCHDB ? &places : NULL, &op, &store, &error);
}

static inline void open_store(void)
{
    ck_assert_msg(reopen() == 0, "%s", error.message);
}

/* The test on each source that there is. */
#define ON_EACH(name)                                                                              \
    static void name##_on(void);                                                                   \
    START_TEST(name)                                                                               \
    {                                                                                              \
        static const char *const servers[] = {NULL, "ROWHOUSE_TEST_POSTGRES",                      \
                                              "ROWHOUSE_TEST_COUCHDB"};                            \
        for (unsigned source = SQLITE; source <= COUCHDB; source++) {                              \
            if (servers[source] && !getenv(servers[source]))                                       \
                continue;                                                                          \
            setup(source);                                                                         \
            name##_on();                                                                           \
            teardown();                                                                            \
        }                                                                                          \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_on(void)

static inline int put(const char *key, const char *text, int64_t expected, int64_t *ret_revision)
{
    json_t *body = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(body);
    rh_error_clear(&error);
    int rc = rh_store_put(store, &op, key, body, expected, ret_revision, &error);
    ck_assert_int_eq(rc, error.error_class);
    json_decref(body);
    return rc;
}

static inline int delete (const char *key, int64_t expected)
{
    rh_error_clear(&error);
    return rh_store_delete(store, &op, key, expected, &error);
}

/* What a document holds, as text; "" when there is none. */
static inline const char *get(const char *key)
{
    static char text[256];
    json_t *body = NULL;
    int64_t revision = 0;
    rh_error_clear(&error);
    int rc = rh_store_get(store, &op, key, &body, &revision, &error);
    text[0] = '\0';
    if (rc == RH_NOT_FOUND)
        return text;
    ck_assert_msg(rc == 0, "%s", error.message);
    char *dumped = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(text, sizeof(text), "%lld %s", (long long)revision, dumped);
    free(dumped);
    json_decref(body);
    return text;
}
