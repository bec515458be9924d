/*
 * core/store/store.h: opened again, on what is not a store of this version, and by several at once.
 */
#include "store_fixture.h"

#include "store/documents.h"

#include <pthread.h>

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
    rh_operation_init(&mine, own, NULL, rh_clock_us() + AMPLE_US);
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
        else if (rc != RH_EXISTS) {
            fprintf(stderr, "%s\n", problem.message);
            racer->won = -1000;
        }
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
    rh_operation_init(&mine, own, NULL, rh_clock_us() + AMPLE_US);
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

TESTS_MAIN("store_opening", documents_outlive_the_store, a_newer_schema_is_refused,
           other_tables_are_refused, memory_is_refused, stores_race, first_starts_race)
