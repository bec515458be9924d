/*
 * The store on real connectors: SQLite in a temporary file; PostgreSQL when ROWHOUSE_TEST_POSTGRES
 * names a server, in a database of the test's own; CouchDB when ROWHOUSE_TEST_COUCHDB does, in
 * databases of the test's own, one for each app. Each test runs on all of them.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/registry.h"
#include "host/settings.h"
#include "lib/fault.h"
#include "lib/tests.h"
#include "store/documents.h"
#include "store/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATABASE "rowhouse_store_test"

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

static const struct rh_library *library_of(const char *id)
{
    const struct rh_library *library = NULL;
    ck_assert_msg(rh_registry_get(registry, rh_text_of(id), &library, &error) == 0, "%s",
                  error.message);
    return library;
}

static struct rh_pool *pool_with(const char *id, json_t *config)
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

static struct rh_pool *make_pool(const char *id, const char *name, const char *value)
{
    return pool_with(id, json_pack("{s:s}", name, value));
}

/* app "": of what belongs to none. */
static struct rh_pool *couchdb_pool(const char *app)
{
    char database[128];
    snprintf(database, sizeof(database), "store%d_%u%s", getpid(), n_setups, app);
    return pool_with("couchdb", json_pack("{s:s,s:s,s:s,s:b,s:i}", "url",
                                          getenv("ROWHOUSE_TEST_COUCHDB"), "database", database,
                                          "table_field", "type", "create", 1, "sample", 0));
}

static int pool_of_app(void *context, const struct rh_store_place *place, struct rh_pool **ret_pool,
                       struct rh_error *ret_error)
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

static struct rh_pool *new_pool(void)
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
    return make_pool("sqlite", "path", where);
}

/* Runs statements of the source's own, one per line. */
static void native(struct rh_pool *database, const char *const *statements)
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

static void reset_database(bool make)
{
    struct rh_pool *server = make_pool("postgres", "url", getenv("ROWHOUSE_TEST_POSTGRES"));
    native(server, (const char *const[]){"DROP DATABASE IF EXISTS " DATABASE,
                                         make ? "CREATE DATABASE " DATABASE : NULL, NULL});
    rh_pool_free(server);
}

static void setup(unsigned source)
{
    on = (enum source)source;
    n_setups++;
    error = (struct rh_error)RH_ERROR_INIT;
    ck_assert_int_eq(rh_registry_new(NULL, &registry, &error), 0);
    arena = rh_arena_new((size_t)1 << 30);
    rh_operation_init(&op, arena, NULL, rh_clock_us() + 50000000);
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    if (on == POSTGRES)
        reset_database(true);
    pool = new_pool();
}

static void teardown(void)
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

static int reopen(void)
{
    rh_store_close(store);
    store = NULL;
    rh_error_clear(&error);
    return rh_store_open(pool, on == COUCHDB ? &places : NULL, &op, &store, &error);
}

static void open_store(void)
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

static int put(const char *key, const char *text, int64_t expected, int64_t *ret_revision)
{
    json_t *body = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(body);
    rh_error_clear(&error);
    int rc = rh_store_put(store, &op, key, body, expected, ret_revision, &error);
    ck_assert_int_eq(rc, error.error_class);
    json_decref(body);
    return rc;
}

static int delete (const char *key, int64_t expected)
{
    rh_error_clear(&error);
    return rh_store_delete(store, &op, key, expected, &error);
}

/* What a document holds, as text; "" when there is none. */
static const char *get(const char *key)
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

/* ---- Documents --------------------------------------------------------------------------- */

ON_EACH(revisions_are_kept)
{
    int64_t revision = 77;
    open_store();
    ck_assert_str_eq(get("a"), "");
    ck_assert_int_eq(put("a", "{\"x\":1}", RH_STORE_NEW, &revision), 0);
    ck_assert_int_eq(revision, 1);
    ck_assert_str_eq(get("a"), "1 {\"x\":1}");

    revision = 77;
    ck_assert_int_eq(put("a", "2", RH_STORE_NEW, &revision), RH_EXISTS);
    ck_assert_int_eq(put("a", "2", 5, &revision), RH_CONFLICT);
    ck_assert_int_eq(put("a", "2", INT64_MAX, &revision), RH_CONFLICT);
    ck_assert_int_eq(put("a", "2", -2, &revision), RH_CONFLICT);
    ck_assert_int_eq(put("gone", "2", 1, &revision), RH_CONFLICT);
    ck_assert_int_eq(revision, 77);
    ck_assert_str_eq(get("a"), "1 {\"x\":1}");

    ck_assert_int_eq(put("a", "[true,null]", 1, &revision), 0);
    ck_assert_int_eq(revision, 2);
    ck_assert_int_eq(put("a", "\"text\"", RH_STORE_ANY, &revision), 0);
    ck_assert_int_eq(revision, 3);
    ck_assert_str_eq(get("a"), "3 \"text\"");
    ck_assert_int_eq(put("b", "{}", RH_STORE_ANY, &revision), 0);
    ck_assert_int_eq(revision, 1);

    ck_assert_int_eq(delete ("a", 2), RH_CONFLICT);
    ck_assert_int_eq(delete ("a", RH_STORE_NEW), RH_NOT_FOUND);
    ck_assert_str_eq(get("a"), "3 \"text\"");
    ck_assert_int_eq(delete ("a", 3), 0);
    ck_assert_str_eq(get("a"), "");
    ck_assert_int_eq(delete ("a", 3), RH_CONFLICT);
    ck_assert_int_eq(delete ("a", RH_STORE_ANY), RH_NOT_FOUND);
    ck_assert_int_eq(delete ("b", RH_STORE_ANY), 0);
    ck_assert_str_eq(get("b"), "");
}

ON_EACH(keys_and_bodies_have_limits)
{
    char key[1100];
    open_store();
    memset(key, 'k', sizeof(key));
    key[1025] = '\0';
    ck_assert_int_eq(put(key, "1", RH_STORE_NEW, NULL), RH_INVALID);
    ck_assert_int_eq(delete (key, 1), RH_INVALID);
    key[1024] = '\0';
    ck_assert_int_eq(put(key, "1", RH_STORE_NEW, NULL), 0);
    ck_assert_str_eq(get(key), "1 1");
    ck_assert_int_eq(put("", "1", RH_STORE_NEW, NULL), RH_INVALID);
    ck_assert_int_eq(put("a\xff", "1", RH_STORE_NEW, NULL), RH_INVALID);
    ck_assert_int_eq(put("a\xf4\x8f\xbf\xbf", "1", RH_STORE_NEW, NULL), RH_INVALID);

    /* No body is no deletion. */
    ck_assert_int_eq(put("a", "1", RH_STORE_NEW, NULL), 0);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_put(store, &op, "a", NULL, 1, NULL, &error), RH_INVALID);
    ck_assert_str_eq(get("a"), "1 1");

    json_t *body = json_stringn("a\0b", 3);
    ck_assert_int_eq(rh_store_put(store, &op, "nul", body, RH_STORE_NEW, NULL, &error), 0);
    json_decref(body);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_get(store, &op, "nul", &body, NULL, &error), 0);
    ck_assert_uint_eq(json_string_length(body), 3);
    json_decref(body);
}

ON_EACH(large_bodies_come_back)
{
    size_t n = (size_t)20 << 20;
    char *text = malloc(n + 1);
    json_t *back = NULL;
    open_store();
    for (size_t i = 0; i < n; i++)
        text[i] = "abc\"\\\n"[i % 6];
    json_t *body = json_stringn(text, n);
    ck_assert_int_eq(rh_store_put(store, &op, "large", body, RH_STORE_NEW, NULL, &error), 0);
    ck_assert_int_eq(rh_store_get(store, &op, "large", &back, NULL, &error), 0);
    ck_assert(json_equal(body, back));
    json_decref(back);
    json_decref(body);
    n = (size_t)65 << 20;
    text = realloc(text, n);
    memset(text, 'x', n);
    body = json_stringn(text, n);
    ck_assert_int_eq(rh_store_put(store, &op, "larger", body, RH_STORE_NEW, NULL, &error),
                     RH_INVALID);
    json_decref(body);
    free(text);
}

/* ---- Lists ------------------------------------------------------------------------------- */

struct listed {
    char keys[1024];
    int stop_at;
    int answer;
    int n;
};

static int note(void *context, const char *key, const json_t *body, int64_t revision,
                struct rh_error *ret_error)
{
    struct listed *listed = context;
    size_t used = strlen(listed->keys);
    snprintf(listed->keys + used, sizeof(listed->keys) - used, "%s ", key);
    ck_assert_int_eq(revision, 1);
    ck_assert_int_eq(json_integer_value(body), 1);
    return ++listed->n == listed->stop_at ? listed->answer : 0;
}

static const char *list(const char *prefix)
{
    static struct listed listed;
    listed = (struct listed){.n = 0};
    rh_error_clear(&error);
    ck_assert_msg(rh_store_list(store, &op, prefix, note, &listed, &error) == 0, "%s",
                  error.message);
    return listed.keys;
}

ON_EACH(lists_go_by_prefix_and_code_point)
{
    static const char *const keys[] = {"t/a/b", "t/a",    "t/a/",  "t/a0",   "t/a/A", "t/a/é",
                                       "t/a/€", "t/a/😀",  "t/b",   "T/a/x",  "t/a/_", "t/a/%",
                                       "t/a/z", "t/a/10", "t/a/9", "t/a/b/c"};
    struct listed listed = {.stop_at = 2, .answer = RH_END};
    open_store();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        ck_assert_int_eq(put(keys[i], "1", RH_STORE_NEW, NULL), 0);
    ck_assert_str_eq(list("t/a/"), "t/a/ t/a/% t/a/10 t/a/9 t/a/A t/a/_ t/a/b t/a/b/c t/a/z t/a/é "
                                   "t/a/€ t/a/😀 ");
    ck_assert_str_eq(list("t/a/b"), "t/a/b t/a/b/c ");
    ck_assert_str_eq(list("t/a/%"), "t/a/% ");
    ck_assert_str_eq(list("T"), "T/a/x ");
    ck_assert_str_eq(list("t/a0"), "t/a0 ");
    ck_assert_str_eq(list("u"), "");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_list(store, &op, "", note, &listed, &error), RH_INVALID);

    /* The callback's result ends the walk and comes back, whatever it is. */
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_list(store, &op, "t/", note, &listed, &error), RH_END);
    ck_assert_int_eq(listed.n, 2);
    listed = (struct listed){.stop_at = 1, .answer = -99};
    ck_assert_int_eq(rh_store_list(store, &op, "t/", note, &listed, &error), -99);
    ck_assert_int_eq(listed.n, 1);
}

ON_EACH(long_lists_are_complete)
{
    struct rh_store_change changes[700];
    struct listed listed = {.n = 0};
    char keys[700][16];
    json_t *one = json_integer(1);
    open_store();
    for (int i = 0; i < 700; i++) {
        snprintf(keys[i], sizeof(keys[i]), "many/%03d", (i * 37) % 700);
        changes[i] = (struct rh_store_change){keys[i], one, RH_STORE_NEW};
    }
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 700, &error), 0);
    json_decref(one);
    ck_assert_int_eq(rh_store_list(store, &op, "many/", note, &listed, &error), 0);
    ck_assert_int_eq(listed.n, 700);
}

/* ---- Batches ----------------------------------------------------------------------------- */

ON_EACH(batches_are_all_or_nothing)
{
    json_t *body = json_integer(5);
    open_store();
    ck_assert_int_eq(put("a", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("b", "1", RH_STORE_NEW, NULL), 0);
    struct rh_store_change changes[] = {{"a", body, 1}, {"c", body, RH_STORE_NEW}, {"b", NULL, 9}};
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_CONFLICT);
    ck_assert_str_eq(get("a"), "1 1");
    ck_assert_str_eq(get("c"), "");
    changes[2] = (struct rh_store_change){"a", body, RH_STORE_NEW};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_EXISTS);
    ck_assert_ptr_nonnull(strstr(error.message, "\"a\""));
    changes[2] = (struct rh_store_change){"nope", NULL, RH_STORE_ANY};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_NOT_FOUND);
    changes[2].key = "";
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_INVALID);
    ck_assert_str_eq(get("a"), "1 1");
    ck_assert_str_eq(get("c"), "");

    changes[2] = (struct rh_store_change){"b", NULL, 1};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), 0);
    ck_assert_str_eq(get("a"), "2 5");
    ck_assert_str_eq(get("b"), "");
    ck_assert_str_eq(get("c"), "1 5");
    /* One document changed twice, and no change at all. */
    changes[0] = (struct rh_store_change){"a", NULL, 2};
    changes[1] = (struct rh_store_change){"a", body, RH_STORE_ANY};
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 2, &error), 0);
    ck_assert_str_eq(get("a"), "1 5");
    ck_assert_int_eq(rh_store_batch(store, &op, NULL, 0, &error), 0);
    json_decref(body);
}

/* ---- Opening ----------------------------------------------------------------------------- */

ON_EACH(documents_outlive_the_store)
{
    open_store();
    ck_assert_int_eq(put("a", "{\"kept\":true}", RH_STORE_NEW, NULL), 0);
    rh_pool_free(pool);
    pool = new_pool();
    open_store();
    ck_assert_str_eq(get("a"), "1 {\"kept\":true}");
    ck_assert_str_eq(get("schema"), "1 {\"version\":1}");
}

/* Writes a body past the store. */
static void spoil(const char *body, int64_t revision)
{
    struct rh_documents documents;
    struct rh_lease lease;
    bool found = false;
    rh_error_clear(&error);
    ck_assert_int_eq(rh_pool_borrow(pool, &op, &lease, &error), 0);
    ck_assert_int_eq(rh_documents_open(&documents, arena, &lease, &error), 0);
    ck_assert_int_eq(rh_documents_update(&documents, &lease, RH_TEXT("schema"), rh_text_of(body),
                                         revision, revision + 1, &found, &error),
                     0);
    ck_assert(found);
    rh_pool_return(&lease, 0);
}

ON_EACH(a_newer_schema_is_refused)
{
    open_store();
    ck_assert_int_eq(put("schema", "{\"version\":2}", RH_STORE_ANY, NULL), 0);
    ck_assert_int_eq(reopen(), RH_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "version 2"));
    ck_assert_ptr_nonnull(strstr(error.hint, "newer Rowhouse"));
    spoil("[]", 2);
    ck_assert_int_eq(reopen(), RH_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "malformed"));
    spoil("{oops", 3);
    ck_assert_int_eq(reopen(), RH_DATA);
}

static void change_table(uint32_t kind, const struct rh_table *table)
{
    struct rh_ddl_change change = {.kind = kind, .table = table};
    struct rh_text told = {NULL, 0};
    struct rh_lease lease;
    int rc;
    rh_error_clear(&error);
    ck_assert_int_eq(rh_pool_borrow(pool, &op, &lease, &error), 0);
    rc = lease.library->connector.ddl->apply(lease.conn, &op.abi, &change, 1, sizeof(change), 0,
                                             &told, &error);
    ck_assert_msg(rc == 0, "%s", error.message);
    rh_pool_return(&lease, rc);
}

#define TEXT_COLUMN(what)                                                                          \
    {                                                                                              \
        .name = RH_TEXT_INIT(what), .type = RH_TYPE_TEXT                                           \
    }
#define INT_COLUMN(what)                                                                           \
    {                                                                                              \
        .name = RH_TEXT_INIT(what), .type = RH_TYPE_INT                                            \
    }

ON_EACH(other_tables_are_refused)
{
    static const struct {
        uint32_t n_columns, n_key;
        uint32_t key[2];
        struct rh_column columns[4];
    } shapes[] = {
        {2, 1, {0}, {INT_COLUMN("id"), TEXT_COLUMN("body")}},
        {3, 1, {0}, {TEXT_COLUMN("key"), TEXT_COLUMN("revision"), TEXT_COLUMN("body")}},
        {3, 0, {0}, {TEXT_COLUMN("key"), INT_COLUMN("revision"), TEXT_COLUMN("body")}},
        {3, 1, {1}, {TEXT_COLUMN("key"), INT_COLUMN("revision"), TEXT_COLUMN("body")}},
        {3, 2, {0, 2}, {TEXT_COLUMN("key"), INT_COLUMN("revision"), TEXT_COLUMN("body")}},
        {4,
         1,
         {0},
         {TEXT_COLUMN("key"), INT_COLUMN("revision"), TEXT_COLUMN("body"), INT_COLUMN("more")}}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct rh_table table = {.struct_size = sizeof(table),
                                 .name = RH_TEXT_INIT("documents"),
                                 .columns = shapes[i].columns,
                                 .n_columns = shapes[i].n_columns,
                                 .column_stride = sizeof(struct rh_column),
                                 .key = shapes[i].key,
                                 .n_key = shapes[i].n_key,
                                 .est_rows = -1};
        change_table(RH_DDL_CREATE_TABLE, &table);
        ck_assert_msg(reopen() == RH_CONFIG, "shape %zu", i);
        ck_assert_ptr_nonnull(strstr(error.message, "of another kind"));
        change_table(RH_DDL_DROP_TABLE, &table);
    }
    if (on != COUCHDB) {
        native(pool,
               (const char *const[]){
                   "CREATE VIEW documents AS SELECT 'a' AS key, 1 AS revision, 'b' AS body", NULL});
        ck_assert_int_eq(reopen(), RH_CONFIG);
        native(pool, (const char *const[]){"DROP VIEW documents", NULL});
    }
    open_store();
}

/* Documents of apps, where each has a home of its own; a batch goes to several. */
ON_EACH(apps_have_homes)
{
    json_t *body = json_integer(1);
    open_store();
    ck_assert_int_eq(put("t/apps/a", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("t/datasources/a/x", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("t/datasources/a/y", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("t/datasources/b/x", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("u/datasources/a/x", "1", RH_STORE_NEW, NULL), 0);
    if (on == COUCHDB) {
        ck_assert_str_eq(app_names[0], "+t+a+dev");
        ck_assert_str_eq(app_names[1], "+t+b+dev");
        ck_assert_str_eq(app_names[2], "+u+a+dev");
    }
    ck_assert_str_eq(list("t/datasources/a/"), "t/datasources/a/x t/datasources/a/y ");
    ck_assert_str_eq(list("t/apps/"), "t/apps/a ");

    struct rh_store_change changes[] = {
        {"t/datasources/a/x", NULL, 1}, {"t/datasources/a/y", body, 1}, {"t/apps/a", NULL, 7}};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_CONFLICT);
    ck_assert_str_eq(list("t/datasources/a/"), "t/datasources/a/x t/datasources/a/y ");
    changes[2].expected = 1;
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), 0);
    ck_assert_str_eq(get("t/datasources/a/x"), "");
    ck_assert_str_eq(get("t/datasources/a/y"), "2 1");
    ck_assert_str_eq(get("t/apps/a"), "");
    ck_assert_str_eq(get("t/datasources/b/x"), "1 1");
    json_decref(body);
}

START_TEST(memory_is_refused)
{
    setup(SQLITE);
    struct rh_pool *other = make_pool("memory", "name", "store");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_open(other, NULL, &op, &store, &error), RH_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "\"memory\" cannot keep the store: its data ends"));
    ck_assert_ptr_nonnull(strstr(error.hint, "SQLite"));
    rh_pool_free(other);
    teardown();
}
END_TEST

/* ---- Several at once --------------------------------------------------------------------- */

#define RACERS 6
#define ROUNDS 25

struct racer {
    pthread_t thread;
    struct rh_pool *pool;
    int won; /* documents that it was the one to make */
};

/* Its own store on the same database: makes documents that all want to make, and adds to one that
 * all add to, with expected revisions and without. */
static void *race(void *context)
{
    struct racer *racer = context;
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_arena *own = rh_arena_new((size_t)256 << 20);
    struct rh_operation mine;
    struct rh_store *opened = NULL;
    rh_operation_init(&mine, own, NULL, rh_clock_us() + 50000000);
    if (rh_store_open(racer->pool, NULL, &mine, &opened, &problem) != 0) {
        fprintf(stderr, "%s\n", problem.message);
        racer->won = -1000;
    }
    for (int i = 0; opened && i < ROUNDS; i++) {
        char key[32];
        json_t *body = json_integer(i);
        snprintf(key, sizeof(key), "race/%d", i);
        rh_error_clear(&problem);
        int rc = rh_store_put(opened, &mine, key, body, RH_STORE_NEW, NULL, &problem);
        if (rc == 0)
            racer->won++;
        else if (rc != RH_EXISTS)
            racer->won = -1000;
        rh_error_clear(&problem);
        if (rh_store_put(opened, &mine, "any", body, RH_STORE_ANY, NULL, &problem) != 0) {
            fprintf(stderr, "%s\n", problem.message);
            racer->won = -1000;
        }
        json_decref(body);
        for (rc = RH_CONFLICT; rc == RH_CONFLICT;) {
            json_t *old = NULL;
            int64_t revision = 0;
            rh_error_clear(&problem);
            rc = rh_store_get(opened, &mine, "sum", &old, &revision, &problem);
            if (rc != 0)
                break;
            body = json_integer(json_integer_value(old) + 1);
            rc = rh_store_put(opened, &mine, "sum", body, revision, NULL, &problem);
            json_decref(body);
            json_decref(old);
        }
        if (rc != 0) {
            fprintf(stderr, "%s\n", problem.message);
            racer->won = -1000;
        }
    }
    rh_store_close(opened);
    rh_arena_free(own);
    return NULL;
}

static void run_racers(struct racer *racers)
{
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.pool = new_pool()};
        ck_assert_int_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        rh_pool_free(racers[i].pool);
    }
}

ON_EACH(stores_race)
{
    struct racer racers[RACERS];
    char expected[64];
    int won = 0;
    open_store();
    ck_assert_int_eq(put("sum", "0", RH_STORE_NEW, NULL), 0);
    run_racers(racers);
    for (int i = 0; i < RACERS; i++)
        won += racers[i].won;
    ck_assert_int_eq(won, ROUNDS);
    snprintf(expected, sizeof(expected), "%d %d", RACERS * ROUNDS + 1, RACERS * ROUNDS);
    ck_assert_str_eq(get("sum"), expected);
    json_t *body = NULL;
    int64_t revision = 0;
    ck_assert_int_eq(rh_store_get(store, &op, "any", &body, &revision, &error), 0);
    ck_assert_int_eq(revision, RACERS * ROUNDS);
    json_decref(body);
}

static void *open_only(void *context)
{
    struct racer *racer = context;
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_arena *own = rh_arena_new((size_t)64 << 20);
    struct rh_operation mine;
    struct rh_store *opened = NULL;
    rh_operation_init(&mine, own, NULL, rh_clock_us() + 20000000);
    racer->won = rh_store_open(racer->pool, NULL, &mine, &opened, &problem);
    if (racer->won)
        fprintf(stderr, "%s\n", problem.message);
    rh_store_close(opened);
    rh_arena_free(own);
    return NULL;
}

ON_EACH(first_starts_race)
{
    struct racer racers[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.pool = new_pool()};
        ck_assert_int_eq(pthread_create(&racers[i].thread, NULL, open_only, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        rh_pool_free(racers[i].pool);
        ck_assert_int_eq(racers[i].won, 0);
    }
    open_store();
    ck_assert_str_eq(get("schema"), "1 {\"version\":1}");
}

/* ---- Out of memory ----------------------------------------------------------------------- */

static bool work(void *context)
{
    struct rh_store *opened = NULL;
    json_t *body = json_integer(1), *back = NULL;
    struct listed listed = {.n = 0};
    rh_error_clear(&error);
    rh_arena_reset(arena);
    int rc = body ? rh_store_open(pool, NULL, &op, &opened, &error) : RH_RESOURCE;
    if (rc == 0)
        rc = rh_store_put(opened, &op, "fault", body, RH_STORE_ANY, NULL, &error);
    if (rc == 0)
        rc = rh_store_get(opened, &op, "fault", &back, NULL, &error);
    if (rc == 0)
        FAULT_ASSERT(json_integer_value(back) == 1);
    if (rc == 0)
        rc = rh_store_delete(opened, &op, "fault", RH_STORE_ANY, &error);
    if (rc == 0)
        rc = rh_store_list(opened, &op, "fault", note, &listed, &error);
    FAULT_ASSERT(rc == 0 || !opened || error.error_class == rc);
    FAULT_ASSERT(rc != 0 || listed.n == 0);
    json_decref(back);
    json_decref(body);
    rh_store_close(opened);
    return rc == 0;
}

START_TEST(failed_allocations_are_errors)
{
    setup(SQLITE);
    native(pool, (const char *const[]){"SELECT 1", NULL});
    ck_assert_uint_gt(fault_torture(work, NULL), 3);
    teardown();
}
END_TEST

TESTS_MAIN("store", revisions_are_kept, keys_and_bodies_have_limits, large_bodies_come_back,
           lists_go_by_prefix_and_code_point, long_lists_are_complete, batches_are_all_or_nothing,
           documents_outlive_the_store, a_newer_schema_is_refused, other_tables_are_refused,
           apps_have_homes, memory_is_refused, stores_race, first_starts_race,
           failed_allocations_are_errors)
