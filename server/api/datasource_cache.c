/*
 * A reader takes the read lock for as long as it takes to find an entry and count a reference.
 * Definitions are loaded without a lock; when two requests load the same one, the first to arrive
 * is kept. A drop while one is being loaded raises `generation`, and then the loaded one is used
 * for its request only.
 *
 * Other servers may share the store: every FRESH_US one request looks whether the definition is
 * still the same, while others go on with what there is. While the store cannot be read, the
 * datasource is served for as long as the setting store_grace_s says, and then no more.
 *
 * An entry knows the registry's generation at which its connector was right. When that is not the
 * present one, whoever asks for the entry looks whether the connector is still the same library.
 */
#include "server/api/datasource_cache.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/text.h"
#include "server/api/api.h"
#include "server/api/definition.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_SIZE (2 * RH_NAME_MAX + 2)
#define FRESH_US ((uint64_t)5 * 1000000)

struct entry {
    char key[KEY_SIZE]; /* "app/name" */
    struct rh_datasource *datasource;
    _Atomic uint64_t checked; /* generation of the registry */
    int64_t revision;         /* of the definition */
    _Atomic uint64_t due_us;  /* when the store is to be asked again */
    _Atomic uint64_t seen_us; /* when the store last said that it is so */
    struct entry *next;
};

/* What a request needs to know of an entry, without the lock. */
struct seen {
    bool checked; /* its connector is right */
    bool due;     /* it is for this request to ask the store */
    int64_t revision;
    uint64_t seen_us;
};

struct rh_datasource_cache {
    struct rh_api *api;
    pthread_rwlock_t lock; /* guards all below */
    struct rh_map by_key;
    struct entry *entries;
    uint64_t generation;
};

struct rh_datasource_cache *rh_datasource_cache_new(struct rh_api *api)
{
    struct rh_datasource_cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return NULL;
    cache->api = api;
    pthread_rwlock_init(&cache->lock, NULL);
    rh_map_init(&cache->by_key);
    return cache;
}

static void free_entries(struct entry *entry)
{
    while (entry) {
        struct entry *next = entry->next;
        rh_datasource_unref(entry->datasource);
        free(entry);
        entry = next;
    }
}

void rh_datasource_cache_free(struct rh_datasource_cache *cache)
{
    if (!cache)
        return;
    free_entries(cache->entries);
    rh_map_free(&cache->by_key);
    pthread_rwlock_destroy(&cache->lock);
    free(cache);
}

/* Is it time, and was no other request faster? */
static bool take_turn(struct entry *entry, uint64_t now)
{
    uint64_t due = atomic_load_explicit(&entry->due_us, memory_order_relaxed);

    return now >= due && atomic_compare_exchange_strong(&entry->due_us, &due, now + FRESH_US);
}

/* connectors: the registry's generation. */
static struct rh_datasource *find(struct rh_datasource_cache *cache, struct rh_text key,
                                  uint64_t connectors, struct seen *ret_seen,
                                  uint64_t *ret_generation)
{
    struct rh_datasource *datasource = NULL;
    struct entry *entry;

    pthread_rwlock_rdlock(&cache->lock);
    entry = rh_map_get(&cache->by_key, key);
    if (entry) {
        datasource = rh_datasource_ref(entry->datasource);
        *ret_seen = (struct seen){
            .checked = atomic_load_explicit(&entry->checked, memory_order_relaxed) == connectors,
            .due = take_turn(entry, rh_clock_us()),
            .revision = entry->revision,
            .seen_us = atomic_load_explicit(&entry->seen_us, memory_order_relaxed)};
    }
    *ret_generation = cache->generation;
    pthread_rwlock_unlock(&cache->lock);
    return datasource;
}

/* Keeps it for the next request, unless something changed meanwhile or there is no memory. */
static void keep(struct rh_datasource_cache *cache, struct rh_text key,
                 struct rh_datasource *datasource, int64_t revision, uint64_t connectors,
                 uint64_t generation)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return;
    memcpy(entry->key, key.data, key.len);
    entry->datasource = rh_datasource_ref(datasource);
    entry->revision = revision;
    atomic_init(&entry->checked, connectors);
    atomic_init(&entry->seen_us, rh_clock_us());
    atomic_init(&entry->due_us, rh_clock_us() + FRESH_US);
    pthread_rwlock_wrlock(&cache->lock);
    if (generation == cache->generation && !rh_map_get(&cache->by_key, key) &&
        rh_map_put(&cache->by_key, rh_text_of(entry->key), entry, NULL)) {
        entry->next = cache->entries;
        cache->entries = entry;
        entry = NULL;
    }
    pthread_rwlock_unlock(&cache->lock);
    free_entries(entry);
}

/* Whether its connector is still the one that the registry gives for it. */
static bool is_current(struct rh_datasource_cache *cache, struct rh_datasource *datasource)
{
    const struct rh_library *library = NULL;
    struct rh_error ignored = RH_ERROR_INIT;

    return rh_registry_get(cache->api->registry, rh_text_of(rh_datasource_connector(datasource)),
                           &library, &ignored) == RH_OK &&
           library == rh_datasource_library(datasource);
}

static void mark_checked(struct rh_datasource_cache *cache, struct rh_text key,
                         const struct rh_datasource *datasource, uint64_t connectors)
{
    struct entry *entry;

    pthread_rwlock_rdlock(&cache->lock);
    entry = rh_map_get(&cache->by_key, key);
    if (entry && entry->datasource == datasource)
        atomic_store_explicit(&entry->checked, connectors, memory_order_relaxed);
    pthread_rwlock_unlock(&cache->lock);
}

/* Takes it out, unless another has taken its place already. */
static void evict(struct rh_datasource_cache *cache, struct rh_text key,
                  const struct rh_datasource *datasource)
{
    struct entry *entry, **at;

    pthread_rwlock_wrlock(&cache->lock);
    entry = rh_map_get(&cache->by_key, key);
    if (entry && entry->datasource == datasource) {
        for (at = &cache->entries; *at != entry;)
            at = &(*at)->next;
        *at = entry->next;
        entry->next = NULL;
        rh_map_remove(&cache->by_key, key);
    } else {
        entry = NULL;
    }
    pthread_rwlock_unlock(&cache->lock);
    free_entries(entry);
}

static void mark_seen(struct rh_datasource_cache *cache, struct rh_text key,
                      const struct rh_datasource *datasource)
{
    struct entry *entry;

    pthread_rwlock_rdlock(&cache->lock);
    entry = rh_map_get(&cache->by_key, key);
    if (entry && entry->datasource == datasource)
        atomic_store_explicit(&entry->seen_us, rh_clock_us(), memory_order_relaxed);
    pthread_rwlock_unlock(&cache->lock);
}

/* Asks the store whether the definition is still the one that the datasource was made from. An
 * error only once the store has not been read for too long. */
static int ask_store(struct rh_datasource_cache *cache, struct rh_operation *op, struct rh_text key,
                     struct rh_datasource *datasource, const struct seen *seen, bool *ret_same,
                     struct rh_error *error)
{
    int64_t grace_s = cache->api->config.numbers[RH_CONFIG_STORE_GRACE_S];
    uint64_t grace_us = (uint64_t)grace_s * 1000000 + FRESH_US;
    struct rh_error failed = RH_ERROR_INIT;
    struct rh_text name = key, app = rh_text_cut(&name, '/');
    json_t *definition = NULL;
    int64_t revision = 0;
    bool is_old = rh_clock_us() - seen->seen_us > grace_us;
    int rc = RH_OK;

    *ret_same = true;
    if (!seen->due && !is_old)
        return RH_OK;
    rc = rh_definition_get_datasource(cache->api, op, app, name, &definition, &revision, &failed);
    json_decref(definition);
    if (rc == RH_OK || rc == RH_NOT_FOUND) {
        *ret_same = rc == RH_OK && revision == seen->revision;
        if (*ret_same)
            mark_seen(cache, key, datasource);
        return RH_OK;
    }
    if (!is_old)
        return RH_OK;
    *error = failed;
    return rh_error_prefix(error, "the store cannot be read");
}

/* The one that is kept, if it is right: a new reference, or NULL. */
static int find_current(struct rh_datasource_cache *cache, struct rh_operation *op,
                        struct rh_text key, uint64_t connectors,
                        struct rh_datasource **ret_datasource, uint64_t *ret_generation,
                        struct rh_error *error)
{
    struct seen seen = {.checked = false};
    struct rh_datasource *datasource = find(cache, key, connectors, &seen, ret_generation);
    bool same = true;
    int rc;

    *ret_datasource = NULL;
    if (!datasource)
        return RH_OK;
    rc = ask_store(cache, op, key, datasource, &seen, &same, error);
    if (rc == RH_OK && same && (seen.checked || is_current(cache, datasource))) {
        if (!seen.checked)
            mark_checked(cache, key, datasource, connectors);
        *ret_datasource = datasource;
        return RH_OK;
    }
    if (rc == RH_OK)
        evict(cache, key, datasource);
    rh_datasource_unref(datasource);
    return rc;
}

int rh_datasource_cache_get(struct rh_datasource_cache *cache, struct rh_operation *op,
                            struct rh_text app, struct rh_text name,
                            struct rh_datasource **ret_datasource, struct rh_error *error)
{
    struct rh_datasource *datasource;
    char room[KEY_SIZE];
    struct rh_text key;
    uint64_t generation, connectors;
    int64_t revision = 0;
    int rc;

    if (!rh_name_is_valid(app))
        return rh_definition_no_app(app, error);
    if (!rh_name_is_valid(name))
        return rh_definition_no_datasource(app, name, error);
    memcpy(room, app.data, app.len);
    room[app.len] = '/';
    memcpy(room + app.len + 1, name.data, name.len);
    key = rh_text_make(room, app.len + 1 + name.len);
    connectors = rh_registry_generation(cache->api->registry);
    rc = find_current(cache, op, key, connectors, &datasource, &generation, error);
    if (rc != RH_OK)
        return rc;
    if (!datasource) {
        rc =
            rh_definition_open_datasource(cache->api, op, app, name, &datasource, &revision, error);
        if (rc != RH_OK)
            return rc;
        keep(cache, key, datasource, revision, connectors, generation);
    }
    *ret_datasource = datasource;
    return RH_OK;
}

static bool belongs(const struct entry *entry, const char *app, const char *name)
{
    struct rh_text rest = rh_text_of(entry->key);

    return rh_text_is(rh_text_cut(&rest, '/'), app) && (!name || rh_text_is(rest, name));
}

void rh_datasource_cache_drop(struct rh_datasource_cache *cache, const char *app, const char *name)
{
    struct entry *dropped = NULL, **at;

    pthread_rwlock_wrlock(&cache->lock);
    cache->generation++;
    for (at = &cache->entries; *at;) {
        struct entry *entry = *at;
        if (!belongs(entry, app, name)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        rh_map_remove(&cache->by_key, rh_text_of(entry->key));
        entry->next = dropped;
        dropped = entry;
    }
    pthread_rwlock_unlock(&cache->lock);
    free_entries(dropped); /* without the lock: closing connections may take a while */
}

void rh_datasource_cache_each(struct rh_datasource_cache *cache,
                              void (*each)(void *context, const char *app, const char *name,
                                           struct rh_datasource *datasource),
                              void *context)
{
    pthread_rwlock_rdlock(&cache->lock);
    for (const struct entry *entry = cache->entries; entry; entry = entry->next) {
        char key[KEY_SIZE];
        char *slash;
        memcpy(key, entry->key, sizeof(key));
        slash = strchr(key, '/');
        if (!slash)
            continue;
        *slash = '\0';
        each(context, key, slash + 1, entry->datasource);
    }
    pthread_rwlock_unlock(&cache->lock);
}

/* References to all, in an array of *ret_n; NULL when memory is short. */
static struct rh_datasource **take_all(struct rh_datasource_cache *cache, size_t *ret_n)
{
    struct rh_datasource **all;
    size_t n = 0;

    pthread_rwlock_rdlock(&cache->lock);
    for (const struct entry *entry = cache->entries; entry; entry = entry->next)
        n++;
    all = calloc(n + 1, sizeof(struct rh_datasource *));
    n = 0;
    for (const struct entry *entry = cache->entries; all && entry; entry = entry->next)
        all[n++] = rh_datasource_ref(entry->datasource);
    pthread_rwlock_unlock(&cache->lock);
    *ret_n = n;
    return all;
}

void rh_datasource_cache_reap(struct rh_datasource_cache *cache)
{
    size_t n;
    struct rh_datasource **all = take_all(cache, &n);

    for (size_t i = 0; i < n; i++) { /* without the lock: closing connections may take a while */
        rh_pool_reap(rh_datasource_pool(all[i]));
        rh_datasource_unref(all[i]);
    }
    free(all);
}
