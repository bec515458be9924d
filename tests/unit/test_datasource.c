/*
 * Datasources and sessions over a connector of our own: tables are read once however many ask,
 * refresh swaps, transactions end with their session.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "lib/tests.h"
#include "rows/session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AMPLE_US UINT64_C(300000000) /* a safety net */

/* ---- The connector ----------------------------------------------------------------------- */

struct rh_conn {
    bool in_tx;
};

static struct {
    atomic_uint n_connects, n_closes, n_tables, n_begins, n_commits, n_rollbacks;
    atomic_uint savepoints; /* now open */
    void (*hold)(void);     /* `tables` waits in it */
    atomic_int tables_fail; /* class it fails with */
    atomic_int fail_next;   /* class that the next tx call fails with */
    atomic_uint n_listed;   /* tables that it lists */
    atomic_bool creates;    /* what the last connect was told */
} fake;

static int32_t fake_connect(const struct rh_host *host, const struct rh_op *op,
                            const struct rh_settings *settings, struct rh_conn **ret_conn,
                            struct rh_error *error)
{
    fake.n_connects++;
    fake.creates = rh_kit_setting_bool(settings, "create", true);
    *ret_conn = calloc(1, sizeof(struct rh_conn));
    return 0;
}

static void fake_close(struct rh_conn *conn)
{
    fake.n_closes++;
    free(conn);
}

static int32_t fake_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return 0;
}

static int32_t fake_tables(struct rh_conn *conn, const struct rh_op *op,
                           struct rh_catalog *ret_catalog, struct rh_error *error)
{
    static const struct rh_column column = {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT};
    static const char *const names[] = {"a", "b", "c", "d"};
    fake.n_tables++;
    if (fake.hold)
        fake.hold();
    if (fake.tables_fail)
        return rh_fail(error, fake.tables_fail, "no tables today");
    uint32_t n = fake.n_listed;
    struct rh_table *tables = rh_arena_array(op->arena, n, sizeof(*tables));
    for (uint32_t i = 0; i < n; i++)
        tables[i] = (struct rh_table){.struct_size = sizeof(*tables),
                                      .name = rh_text_of(names[i]),
                                      .columns = &column,
                                      .n_columns = 1,
                                      .column_stride = sizeof(column),
                                      .est_rows = -1};
    ret_catalog->tables = tables;
    ret_catalog->n_tables = n;
    ret_catalog->table_stride = sizeof(*tables);
    return 0;
}

static int32_t fake_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_cursor **ret_cursor, struct rh_error *error)
{
    return rh_fail(error, RH_UNSUPPORTED, "no");
}

static int32_t fake_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                         struct rh_batch *ret_batch, struct rh_error *error)
{
    return RH_END;
}

static void fake_finish(struct rh_cursor *cursor)
{
}

static void fake_cancel(struct rh_conn *conn)
{
}

static int step(struct rh_error *error)
{
    int r = atomic_exchange(&fake.fail_next, 0);
    return r ? rh_fail(error, r, "on purpose") : 0;
}

static int32_t fake_begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                          struct rh_error *error)
{
    int r = step(error);
    if (!r) {
        ck_assert(!conn->in_tx);
        conn->in_tx = true;
        fake.n_begins++;
    }
    return r;
}

static int32_t fake_commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    ck_assert(conn->in_tx);
    int r = step(error);
    if (!r) {
        conn->in_tx = false;
        fake.n_commits++;
    }
    return r;
}

static int32_t fake_rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    ck_assert(conn->in_tx);
    ck_assert(op->deadline_us > rh_clock_us());
    int r = step(error);
    if (!r) {
        conn->in_tx = false;
        fake.n_rollbacks++;
    }
    return r;
}

static int32_t fake_savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                              struct rh_error *error)
{
    int r = step(error);
    if (!r)
        ck_assert_uint_eq(++fake.savepoints, number);
    return r;
}

static int32_t fake_rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                                struct rh_error *error)
{
    ck_assert_uint_eq(fake.savepoints, number);
    return step(error);
}

static int32_t fake_release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                            struct rh_error *error)
{
    ck_assert_uint_eq(fake.savepoints--, number);
    return step(error);
}

static const struct rh_tx fake_tx = {.struct_size = sizeof(fake_tx),
                                     .begin = fake_begin,
                                     .commit = fake_commit,
                                     .rollback = fake_rollback,
                                     .savepoint = fake_savepoint,
                                     .rollback_to = fake_rollback_to,
                                     .release = fake_release};

static const struct rh_connector fake_connector = {
    .struct_size = sizeof(fake_connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_SQL,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("fake"),
    .title = RH_TEXT_INIT("Fake"),
    .version = RH_TEXT_INIT("1"),
    .vendor = RH_TEXT_INIT("test"),
    .license = RH_TEXT_INIT("none"),
    .config_schema =
        RH_TEXT_INIT("{\"type\":\"object\",\"properties\":{\"url\":{\"type\":\"string\"}}}"),
    .url_schemes = RH_TEXT_INIT("fake"),
    .connect = fake_connect,
    .close = fake_close,
    .ping = fake_ping,
    .tables = fake_tables,
    .open = fake_open,
    .next = fake_next,
    .finish = fake_finish,
    .cancel = fake_cancel,
    .tx = &fake_tx,
};

/* ---- Around it --------------------------------------------------------------------------- */

static struct rh_registry *registry;
static struct rh_datasource *datasource;
static struct rh_arena *arena;
static struct rh_operation op;
static struct rh_error error;

static void setup(void)
{
    struct rh_library *library = NULL;
    rh_error_clear(&error);
    fake.n_listed = 2;
    ck_assert_msg(rh_registry_new(NULL, &registry, &error) == 0, "%s", error.message);
    ck_assert_msg(rh_library_adopt(&fake_connector, "fake", &library, &error) == 0, "%s",
                  error.message);
    ck_assert_int_eq(rh_registry_add(registry, library, &error), 0);
    struct rh_pool_limits limits;
    rh_pool_limits_default(&limits);
    limits.max_connections = 1;
    json_t *config = json_object();
    int r = rh_datasource_new(registry, "test", RH_TEXT("fake"), config, &limits, NULL, &datasource,
                              &error);
    ck_assert_msg(r == 0, "%s", error.message);
    json_decref(config);
    arena = rh_arena_new((size_t)64 << 20);
    rh_operation_init(&op, arena, NULL, rh_clock_us() + AMPLE_US);
}

static void teardown(void)
{
    rh_datasource_unref(datasource);
    rh_arena_free(arena);
    ck_assert_uint_eq(fake.n_connects, fake.n_closes);
}

static uint32_t count_tables(void)
{
    struct rh_tableset *tables = NULL;
    ck_assert_msg(rh_datasource_tables(datasource, &op, &tables, &error) == 0, "%s", error.message);
    uint32_t n = rh_tableset_count(tables);
    rh_tableset_unref(tables);
    return n;
}

/* ---- Tables ------------------------------------------------------------------------------ */

struct asker {
    pthread_t thread;
    uint64_t wait_us;
    int result;
    struct rh_error error;
    atomic_int tid; /* from where on it asks */
    atomic_bool ended;
};

static struct asker *askers_together;
static unsigned n_together;

static void *ask(void *context)
{
    struct asker *asker = context;
    struct rh_arena *own = rh_arena_new((size_t)1 << 20);
    struct rh_operation mine;
    struct rh_tableset *tables = NULL;
    asker->error = (struct rh_error)RH_ERROR_INIT;
    rh_operation_init(&mine, own, NULL, rh_clock_us() + asker->wait_us);
    asker->tid = gettid();
    asker->result = rh_datasource_tables(datasource, &mine, &tables, &asker->error);
    if (!asker->result)
        rh_tableset_unref(tables);
    rh_arena_free(own);
    asker->ended = true;
    return NULL;
}

static bool is_asleep(int tid)
{
    char path[64], stat[512];
    const char *state = NULL;
    size_t n = 0;
    FILE *file = NULL;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    n = fread(stat, 1, sizeof stat - 1, file);
    stat[n] = '\0';
    (void)fclose(file);
    state = strrchr(stat, ')'); /* proc(5): the state stands behind the name */
    return state && state[2] == 'S';
}

/* Until all others wait for this one. */
static void hold_for_waiters(void)
{
    for (unsigned i = 1; i < n_together; i++) {
        while (!askers_together[i].tid || !is_asleep(askers_together[i].tid))
            usleep(1000);
    }
}

static void hold_for_the_second(void)
{
    while (!askers_together[1].ended)
        usleep(1000);
}

static void ask_together(struct asker *askers, unsigned n)
{
    unsigned before = fake.n_tables;
    askers_together = askers;
    n_together = n;
    for (unsigned i = 0; i < n; i++) {
        askers[i].tid = 0;
        askers[i].ended = false;
    }
    for (unsigned i = 0; i < n; i++) {
        ck_assert_int_eq(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
        while (fake.n_tables == before) /* the first one loads */
            usleep(1000);
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(askers[i].thread, NULL);
}

START_TEST(tables_are_read_once)
{
    struct asker askers[8];
    fake.hold = hold_for_waiters;
    for (unsigned i = 0; i < 8; i++)
        askers[i].wait_us = AMPLE_US;
    ask_together(askers, 8);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(askers[i].result, 0);
    ck_assert_uint_eq(fake.n_tables, 1);
}
END_TEST

START_TEST(waiters_share_a_failure)
{
    struct asker askers[6];
    fake.hold = hold_for_waiters;
    fake.tables_fail = RH_AUTH;
    for (unsigned i = 0; i < 6; i++)
        askers[i].wait_us = AMPLE_US;
    ask_together(askers, 6);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_int_eq(askers[i].result, RH_AUTH);
        ck_assert_int_eq(askers[i].error.error_class, RH_AUTH);
        ck_assert_ptr_nonnull(strstr(askers[i].error.message, "no tables today"));
    }
    ck_assert_uint_eq(fake.n_tables, 1);
    fake.tables_fail = 0;
    fake.hold = NULL;
    ck_assert_uint_eq(count_tables(), 2);
}
END_TEST

START_TEST(a_waiter_keeps_its_own_deadline)
{
    struct asker askers[2] = {{.wait_us = AMPLE_US}, {.wait_us = 50000}};
    fake.hold = hold_for_the_second;
    ask_together(askers, 2);
    ck_assert_int_eq(askers[0].result, 0);
    ck_assert_int_eq(askers[1].result, RH_TIMEOUT);
}
END_TEST

START_TEST(the_timeout_of_one_is_not_that_of_all)
{
    struct asker askers[3] = {{.wait_us = AMPLE_US}, {.wait_us = AMPLE_US}, {.wait_us = AMPLE_US}};
    fake.tables_fail = RH_TIMEOUT;
    ask_together(askers, 3);
    ck_assert_uint_eq(fake.n_tables, 3);
    fake.tables_fail = 0;
}
END_TEST

START_TEST(refresh_swaps_the_set)
{
    struct rh_tableset *old = NULL;
    ck_assert_int_eq(rh_datasource_tables(datasource, &op, &old, &error), 0);
    fake.n_listed = 4;
    ck_assert_uint_eq(count_tables(), 2);
    ck_assert_int_eq(rh_datasource_refresh(datasource, &op, &error), 0);
    ck_assert_uint_eq(count_tables(), 4);
    ck_assert_uint_eq(rh_tableset_count(old), 2);
    ck_assert(rh_text_is(rh_tableset_at(old, 1)->name, "b"));
    rh_tableset_unref(old);
    fake.tables_fail = RH_UNAVAILABLE;
    ck_assert_int_eq(rh_datasource_refresh(datasource, &op, &error), RH_UNAVAILABLE);
    ck_assert_uint_eq(count_tables(), 4);
    fake.tables_fail = 0;
}
END_TEST

/* ---- Making ------------------------------------------------------------------------------ */

START_TEST(urls_name_their_connector)
{
    struct rh_datasource *made = NULL;
    ck_assert_msg(rh_datasource_from_url(registry, RH_TEXT("fake://x"), &made, &error) == 0, "%s",
                  error.message);
    ck_assert_str_eq(rh_datasource_name(made), "fake");
    ck_assert_uint_eq(rh_datasource_budget(made)->scan_rows, 2000000);
    struct rh_datasource *again = rh_datasource_ref(made);
    rh_datasource_unref(made);
    rh_datasource_unref(again);
    static const char *const wrong[] = {"nonsense", "", "x:y", "user:secret@host"};
    for (unsigned i = 0; i < 4; i++) {
        rh_error_clear(&error);
        int r = rh_datasource_from_url(registry, rh_text_of(wrong[i]), &made, &error);
        ck_assert_int_lt(r, 0);
        ck_assert_ptr_null(strstr(error.message, "secret"));
    }
}
END_TEST

static bool creates_at(const char *url)
{
    struct rh_datasource *made = NULL;
    struct rh_tableset *tables = NULL;
    ck_assert_msg(rh_datasource_from_url(registry, rh_text_of(url), &made, &error) == 0, "%s",
                  error.message);
    ck_assert_int_eq(rh_datasource_tables(made, &op, &tables, &error), 0);
    rh_tableset_unref(tables);
    rh_datasource_unref(made);
    return fake.creates;
}

START_TEST(urls_make_no_files)
{
    struct rh_connector maker = fake_connector;
    struct rh_library *library = NULL;
    maker.id = RH_TEXT("maker");
    maker.url_schemes = RH_TEXT("maker");
    maker.config_schema =
        RH_TEXT("{\"type\":\"object\",\"properties\":{\"url\":{\"type\":\"string\"},"
                "\"create\":{\"type\":\"boolean\",\"default\":true}}}");
    ck_assert_int_eq(rh_library_adopt(&maker, "maker", &library, &error), 0);
    ck_assert_int_eq(rh_registry_add(registry, library, &error), 0);
    ck_assert(!creates_at("maker:missing.db"));
    ck_assert(creates_at("fake:x")); /* has no such setting, and is not given one */
}
END_TEST

START_TEST(settings_are_checked)
{
    struct rh_datasource *made = NULL;
    json_t *config = json_pack("{s:s}", "ur", "x");
    ck_assert_int_eq(
        rh_datasource_new(registry, "d", RH_TEXT("fake"), config, NULL, NULL, &made, &error),
        RH_CONFIG);
    json_decref(config);
    rh_error_clear(&error);
    config = json_object();
    ck_assert_int_eq(
        rh_datasource_new(registry, "d", RH_TEXT("nope"), config, NULL, NULL, &made, &error),
        RH_NOT_FOUND);
    json_decref(config);
    ck_assert_ptr_null(made);
}
END_TEST

/* ---- Sessions ---------------------------------------------------------------------------- */

static struct rh_session session;

static void open_session(void)
{
    rh_error_clear(&error);
    ck_assert_msg(rh_session_open(datasource, &op, &session, &error) == 0, "%s", error.message);
}

START_TEST(a_session_needs_one_connection)
{
    open_session();
    ck_assert_uint_eq(rh_tableset_count(session.tables), 2);
    rh_session_close(&session);
    open_session();
    rh_session_close(&session);
    rh_session_close(&session);
    ck_assert_uint_eq(fake.n_connects, 1);
}
END_TEST

START_TEST(transactions_end_with_their_session)
{
    open_session();
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), 0);
    ck_assert(session.lease.poisoned);
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_session_commit(&session, &error), 0);
    ck_assert(!session.lease.poisoned);
    ck_assert_int_eq(rh_session_commit(&session, &error), RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), 0);
    rh_session_close(&session);
    ck_assert_uint_eq(fake.n_commits, 1);
    ck_assert_uint_eq(fake.n_rollbacks, 1);
    ck_assert_uint_eq(fake.n_closes, 0);
}
END_TEST

START_TEST(savepoints_nest)
{
    open_session();
    ck_assert_int_eq(rh_session_savepoint(&session, &error), RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), 0);
    ck_assert_int_eq(rh_session_savepoint(&session, &error), 0);
    ck_assert_int_eq(rh_session_savepoint(&session, &error), 0);
    ck_assert_int_eq(rh_session_rollback_to(&session, &error), 0);
    ck_assert_uint_eq(fake.savepoints, 1);
    ck_assert_int_eq(rh_session_release(&session, &error), 0);
    ck_assert_int_eq(rh_session_release(&session, &error), RH_INVALID);
    rh_session_close(&session);
}
END_TEST

START_TEST(a_rollback_after_the_deadline_gets_its_time)
{
    open_session();
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), 0);
    op.abi.deadline_us = rh_clock_us() - 1;
    rh_session_close(&session);
    ck_assert_uint_eq(fake.n_rollbacks, 1);
}
END_TEST

START_TEST(a_failed_commit_is_rolled_back)
{
    open_session();
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), 0);
    fake.fail_next = RH_CONSTRAINT;
    ck_assert_int_eq(rh_session_commit(&session, &error), RH_CONSTRAINT);
    ck_assert(!session.in_transaction);
    ck_assert_uint_eq(fake.n_rollbacks, 1);
    rh_session_close(&session);
    ck_assert_uint_eq(fake.n_closes, 0);
}
END_TEST

START_TEST(connections_in_doubt_are_closed)
{
    static const int classes[] = {RH_UNKNOWN_OUTCOME, RH_PROTOCOL, RH_UNAVAILABLE, RH_TIMEOUT};
    open_session();
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), 0);
    fake.fail_next = classes[_i];
    ck_assert_int_eq(rh_session_commit(&session, &error), classes[_i]);
    ck_assert_int_eq(session.outcome, classes[_i]);
    rh_session_close(&session);
    ck_assert_uint_eq(fake.n_closes, 1);
    ck_assert_uint_eq(fake.n_rollbacks, 0);
    open_session();
    ck_assert_uint_eq(fake.n_connects, 2);
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), 0);
    fake.fail_next = RH_DATA;
    ck_assert_int_eq(rh_session_rollback(&session, &error), RH_DATA);
    rh_session_close(&session);
    ck_assert_uint_eq(fake.n_closes, 2);
}
END_TEST

START_TEST(the_gravest_outcome_stays)
{
    open_session();
    ck_assert_int_eq(rh_session_note(&session, RH_CONSTRAINT), RH_CONSTRAINT);
    ck_assert_int_eq(rh_session_note(&session, RH_PROTOCOL), RH_PROTOCOL);
    ck_assert_int_eq(rh_session_note(&session, RH_END), RH_END);
    rh_session_note(&session, RH_DATA);
    ck_assert_int_eq(session.outcome, RH_PROTOCOL);
    rh_session_close(&session);
    ck_assert_uint_eq(fake.n_closes, 1);
}
END_TEST

int main(void)
{
    struct tests tests = tests_new("datasource", setup, teardown);

    tcase_add_test(tests.tcase, tables_are_read_once);
    tcase_add_test(tests.tcase, waiters_share_a_failure);
    tcase_add_test(tests.tcase, a_waiter_keeps_its_own_deadline);
    tcase_add_test(tests.tcase, the_timeout_of_one_is_not_that_of_all);
    tcase_add_test(tests.tcase, refresh_swaps_the_set);
    tcase_add_test(tests.tcase, urls_name_their_connector);
    tcase_add_test(tests.tcase, urls_make_no_files);
    tcase_add_test(tests.tcase, settings_are_checked);
    tcase_add_test(tests.tcase, a_session_needs_one_connection);
    tcase_add_test(tests.tcase, transactions_end_with_their_session);
    tcase_add_test(tests.tcase, savepoints_nest);
    tcase_add_test(tests.tcase, a_rollback_after_the_deadline_gets_its_time);
    tcase_add_test(tests.tcase, a_failed_commit_is_rolled_back);
    tcase_add_loop_test(tests.tcase, connections_in_doubt_are_closed, 0, 4);
    tcase_add_test(tests.tcase, the_gravest_outcome_stays);
    return tests_end(&tests);
}
