/*
 * A datasource: connector, settings, pool, budget, tables.
 *
 * The tables are read at most once at a time. Whoever comes first reads; the others wait, until
 * their own deadline, for what it finds. They share its failure too, unless it failed for a reason
 * of its own (its deadline, its caller): then the next one tries.
 *
 * The set of tables is swapped whole, so a reader that holds a reference is never disturbed.
 */
#include "rows/datasource.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/check.h"
#include "host/settings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SETTINGS_MAX_BYTES ((size_t)16 << 20)
#define CATALOG_MAX_BYTES ((size_t)2 << 30)
#define WAIT_STEP_MS 100

struct rh_datasource {
    atomic_uint refs;
    char *name;
    char *connector; /* as it was asked for */
    const struct rh_library *library;
    struct rh_pool *pool;
    struct rh_budget budget;

    pthread_mutex_t lock; /* guards all below; nothing else is locked under it */
    pthread_cond_t loaded;
    bool sync_made;
    struct rh_tableset *tables;
    bool loading;
    uint64_t n_loads;        /* ended, well or not */
    struct rh_error failure; /* of the last load */
};

void rh_budget_default(struct rh_budget *budget)
{
    *budget = (struct rh_budget){
        .scan_rows = 2000000,
        .memory_bytes = UINT64_C(64) << 20,
        .spill_bytes = UINT64_C(4) << 30,
        .time_ms = 30000,
    };
}

/* ---- Making ------------------------------------------------------------------------------ */

static void destroy(struct rh_datasource *datasource)
{
    if (!datasource)
        return;
    rh_tableset_unref(datasource->tables);
    rh_pool_free(datasource->pool);
    if (datasource->sync_made) {
        pthread_cond_destroy(&datasource->loaded);
        pthread_mutex_destroy(&datasource->lock);
    }
    free(datasource->name);
    free(datasource->connector);
    free(datasource);
}

static bool make_sync(struct rh_datasource *datasource)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes))
        return false;
    bool ok = !pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) &&
              !pthread_cond_init(&datasource->loaded, &attributes);
    pthread_condattr_destroy(&attributes);
    if (ok && pthread_mutex_init(&datasource->lock, NULL)) {
        pthread_cond_destroy(&datasource->loaded);
        ok = false;
    }
    datasource->sync_made = ok;
    return ok;
}

static int make(const struct rh_library *library, const char *name, struct rh_text connector,
                const json_t *config, const struct rh_pool_limits *limits,
                const struct rh_budget *budget, struct rh_datasource **ret_datasource,
                struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    struct rh_settings settings = {.struct_size = sizeof(settings)};
    struct rh_pool_limits pool_limits;
    int r = 0;

    struct rh_arena *arena = rh_arena_new(SETTINGS_MAX_BYTES);
    datasource = calloc(1, sizeof(*datasource));
    if (datasource) {
        datasource->name = strdup(name);
        datasource->connector = strndup(connector.data, connector.len);
    }
    if (!arena || !datasource || !datasource->name || !datasource->connector ||
        !make_sync(datasource)) {
        r = rh_fail_nomem(error);
        goto out;
    }
    atomic_init(&datasource->refs, 1);
    datasource->library = library;
    if (budget)
        datasource->budget = *budget;
    else
        rh_budget_default(&datasource->budget);
    r = rh_settings_make(arena, library->connector.config_schema, config, &settings, error);
    if (r)
        goto out;
    if (!limits) {
        rh_pool_limits_default(&pool_limits);
        limits = &pool_limits;
    }
    r = rh_pool_new(library, name, &settings, limits, &datasource->pool, error);
    if (r)
        goto out;
    *ret_datasource = datasource;
    datasource = NULL;
out:
    destroy(datasource);
    rh_arena_free(arena);
    return r;
}

int rh_datasource_new(struct rh_registry *registry, const char *name, struct rh_text connector_id,
                      const json_t *config, const struct rh_pool_limits *limits,
                      const struct rh_budget *budget, struct rh_datasource **ret_datasource,
                      struct rh_error *error)
{
    const struct rh_library *library = NULL;
    int r = rh_registry_get(registry, connector_id, &library, error);
    if (r)
        return r;
    return make(library, name, connector_id, config, limits, budget, ret_datasource, error);
}

static bool is_scheme_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

/* A scheme has at least two characters before its colon. */
static bool has_scheme(struct rh_text url)
{
    uint64_t i = 0;
    while (i < url.len && is_scheme_char(url.data[i]))
        i++;
    return i >= 2 && i < url.len && url.data[i] == ':';
}

static bool is_database_file(struct rh_text url)
{
    return rh_text_ends(url, ".db") || rh_text_ends(url, ".sqlite") ||
           rh_text_ends(url, ".sqlite3");
}

/* Whether the connector has a setting of that name. */
static bool has_setting(const struct rh_library *library, const char *name)
{
    struct rh_text text = library->connector.config_schema;
    json_t *schema = json_loadb(text.data ? text.data : "", (size_t)text.len, 0, NULL);
    bool has = json_object_get(json_object_get(schema, "properties"), name) != NULL;
    json_decref(schema);
    return has;
}

/* A URL is a source to be read: one that is not there is not made ("create"). */
static json_t *config_of(const struct rh_library *library, const char *setting, struct rh_text url)
{
    json_t *config = json_pack("{s:s%}", setting, url.data, (size_t)url.len);
    if (config && has_setting(library, "create") &&
        json_object_set_new(config, "create", json_false())) {
        json_decref(config);
        config = NULL;
    }
    return config;
}

int rh_datasource_from_url(struct rh_registry *registry, struct rh_text url,
                           struct rh_datasource **ret_datasource, struct rh_error *error)
{
    const struct rh_library *library = NULL;
    json_t *config = NULL;
    int r = 0;

    if (has_scheme(url)) {
        r = rh_registry_find_scheme(registry, url, &library, error);
        if (r)
            return r;
        config = config_of(library, "url", url);
    } else if (is_database_file(url)) {
        r = rh_registry_get(registry, RH_TEXT("sqlite"), &library, error);
        if (r)
            return r;
        config = config_of(library, "path", url);
    } else {
        /* Not quoted: what does not look like a URL may still hold a password. */
        rh_fail(error, RH_CONFIG, "this is neither the URL of a datasource nor a database file");
        return rh_error_hint(error, "give postgres://user@host/database, sqlite:file.db, or a file "
                                    "that ends in .db, .sqlite or .sqlite3");
    }
    if (!config)
        return rh_fail(error, RH_CONFIG, "the URL of the datasource is not UTF-8");

    struct rh_text id = library->connector.id;
    char name[64] = "";
    if (id.len < sizeof(name))
        memcpy(name, id.data, id.len);
    r = make(library, name, id, config, NULL, NULL, ret_datasource, error);
    json_decref(config);
    return r;
}

struct rh_datasource *rh_datasource_ref(struct rh_datasource *datasource)
{
    atomic_fetch_add_explicit(&datasource->refs, 1, memory_order_relaxed);
    return datasource;
}

void rh_datasource_unref(struct rh_datasource *datasource)
{
    if (datasource && atomic_fetch_sub_explicit(&datasource->refs, 1, memory_order_acq_rel) == 1)
        destroy(datasource);
}

/* ---- Parts ------------------------------------------------------------------------------- */

const char *rh_datasource_name(const struct rh_datasource *datasource)
{
    return datasource->name;
}

const char *rh_datasource_connector(const struct rh_datasource *datasource)
{
    return datasource->connector;
}

const struct rh_library *rh_datasource_library(const struct rh_datasource *datasource)
{
    return datasource->library;
}

const struct rh_budget *rh_datasource_budget(const struct rh_datasource *datasource)
{
    return &datasource->budget;
}

struct rh_pool *rh_datasource_pool(struct rh_datasource *datasource)
{
    return datasource->pool;
}

/* ---- Tables ------------------------------------------------------------------------------ */

/* Asks the source. The catalogue goes to an arena of its own: it may be much larger than what the
 * request that happens to come first may hold. */
static int load(struct rh_datasource *datasource, struct rh_operation *op,
                struct rh_tableset **ret_tables, struct rh_error *error)
{
    struct rh_lease lease = {0};
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    struct rh_arena *arena = rh_arena_new(CATALOG_MAX_BYTES);
    int r = arena ? 0 : rh_fail_nomem(error);
    if (!r)
        r = rh_pool_borrow(datasource->pool, op, &lease, error);
    if (!r) {
        struct rh_op abi = op->abi;
        abi.arena = arena;
        r = datasource->library->connector.tables(lease.conn, &abi, &catalog, error);
        r = rh_check_outcome(r, "tables", error);
        if (r == RH_END)
            r = rh_fail(error, RH_CONTRACT, "the connector's \"tables\" returned END");
        rh_pool_return(&lease, r);
        if (!r)
            r = rh_tableset_new(&catalog, ret_tables, error);
        if (r)
            rh_error_prefix(error, "reading the tables of \"%s\"", datasource->name);
    }
    rh_arena_free(arena);
    return r;
}

/* Whether the failure is the loader's own and says nothing about the source. */
static bool is_private(int r)
{
    return r == RH_CANCELLED || r == RH_TIMEOUT || r == RH_BUSY;
}

/* Waits one step for the loader. The lock is held. */
static int wait_locked(struct rh_datasource *datasource, struct rh_operation *op,
                       struct rh_error *error)
{
    uint64_t until = rh_clock_us() + (uint64_t)WAIT_STEP_MS * 1000;
    if (until > op->abi.deadline_us)
        until = op->abi.deadline_us;
    struct timespec at = {.tv_sec = (time_t)(until / 1000000),
                          .tv_nsec = (long)(until % 1000000) * 1000};
    pthread_cond_timedwait(&datasource->loaded, &datasource->lock, &at);
    return rh_operation_check(op, error);
}

/* Loads while the others wait. The lock is held, and held again on return. */
static int load_locked(struct rh_datasource *datasource, struct rh_operation *op,
                       struct rh_error *error)
{
    struct rh_tableset *tables = NULL, *old = NULL;
    struct rh_error failure = RH_ERROR_INIT;
    datasource->loading = true;
    pthread_mutex_unlock(&datasource->lock);
    int r = load(datasource, op, &tables, &failure);
    pthread_mutex_lock(&datasource->lock);
    datasource->loading = false;
    datasource->n_loads++;
    datasource->failure = failure;
    if (!r) {
        old = datasource->tables;
        datasource->tables = tables;
    } else if (error && error->error_class == RH_OK) {
        *error = failure;
    }
    pthread_cond_broadcast(&datasource->loaded);
    rh_tableset_unref(old);
    return r;
}

int rh_datasource_tables(struct rh_datasource *datasource, struct rh_operation *op,
                         struct rh_tableset **ret_tables, struct rh_error *error)
{
    int r = 0;
    pthread_mutex_lock(&datasource->lock);
    while (!r && !datasource->tables) {
        if (!datasource->loading) {
            r = load_locked(datasource, op, error);
            continue;
        }
        uint64_t n_loads = datasource->n_loads;
        r = wait_locked(datasource, op, error);
        int shared = datasource->failure.error_class;
        if (!r && !datasource->tables && datasource->n_loads != n_loads && shared &&
            !is_private(shared)) {
            if (error && error->error_class == RH_OK)
                *error = datasource->failure;
            r = shared;
        }
    }
    if (!r)
        *ret_tables = rh_tableset_ref(datasource->tables);
    pthread_mutex_unlock(&datasource->lock);
    return r;
}

int rh_datasource_refresh(struct rh_datasource *datasource, struct rh_operation *op,
                          struct rh_error *error)
{
    int r = 0;
    pthread_mutex_lock(&datasource->lock);
    /* A load that began before this call may have missed what the caller wants to see. */
    while (!r && datasource->loading)
        r = wait_locked(datasource, op, error);
    if (!r)
        r = load_locked(datasource, op, error);
    pthread_mutex_unlock(&datasource->lock);
    return r;
}
