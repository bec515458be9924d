/*
 * What the tests of the PostgreSQL connector share: a session with a real server, statements, tables
 * and an onlooker. ROWHOUSE_TEST_POSTGRES holds the URL of a database that may be written to
 * (tests/lib/postgres.sh run …); without it everything is skipped. Tests that kill the server's
 * processes need a superuser.
 */
#pragma once

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/library.h"
#include "host/op.h"

#include <rowhouse/connector.h>

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000)
#define AMPLE (300 * SECOND) /* a safety net, not a measure: a deadline that no test shall meet */
#define TRIES 20 /* for a server to stop in time, on a machine that has other things to do */

static struct rh_library *library;
static const struct rh_connector *pg;
static struct rh_arena *arena;
static struct rh_operation operation;
static const struct rh_op *op;
static struct rh_error error;
static struct rh_conn *conn;

/* host and port of the server */
static const char server_host[] = "127.0.0.1";
static int64_t server_port;

static inline struct rh_value text_value(const char *text)
{
    return (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)strlen(text), .as.data = text};
}

static inline struct rh_value int_value(int64_t i)
{
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}

static inline struct rh_value data_value(uint8_t type, const void *data, size_t len)
{
    return (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = data};
}

static inline struct rh_value json_value(const char *text)
{
    return data_value(RH_TYPE_JSON, text, strlen(text));
}

static inline struct rh_value decimal_value(const char *text)
{
    return data_value(RH_TYPE_DECIMAL, text, strlen(text));
}

static inline struct rh_value i_value(uint8_t type, int64_t i)
{
    return (struct rh_value){.type = type, .as.i = i};
}

static inline void fresh(uint64_t us)
{
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + us);
    op = &operation.abi;
    rh_error_clear(&error);
}

#define ok(call)                                                                                   \
    do {                                                                                           \
        int ok_rc = (call);                                                                        \
        ck_assert_msg(ok_rc == RH_OK, "%s: %s %s: %s", #call, rh_error_class_name(ok_rc),          \
                      error.sqlstate, error.message);                                              \
    } while (0)

#define fails(call, expected)                                                                      \
    do {                                                                                           \
        rh_error_clear(&error);                                                                    \
        int fails_rc = (call);                                                                     \
        ck_assert_msg(fails_rc == (expected), "%s: %s instead of %s: %s", #call,                   \
                      rh_error_class_name(fails_rc), rh_error_class_name(expected),                \
                      error.message);                                                              \
        ck_assert_int_eq(error.error_class, fails_rc);                                             \
    } while (0)

static inline int connect_with(struct rh_setting *items, uint32_t n, struct rh_conn **ret_conn)
{
    const struct rh_settings settings = {
        .struct_size = sizeof settings, .n = n, .items = items, .stride = sizeof *items};

    return pg->connect(rh_host_services(), op, &settings, ret_conn, &error);
}

static inline struct rh_conn *connect_url(void)
{
    struct rh_setting url = {RH_TEXT_INIT("url"), text_value(getenv("ROWHOUSE_TEST_POSTGRES"))};
    struct rh_conn *made = NULL;

    ok(connect_with(&url, 1, &made));
    return made;
}

static inline void setup(void)
{
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    const char *url = getenv("ROWHOUSE_TEST_POSTGRES");
    const char *colon = strrchr(url, ':');
    char path[4096];

    server_port = strtoll(colon + 1, NULL, 10);
    (void)snprintf(path, sizeof path, "%s/postgres.so", folder ? folder : "plugins");
    arena = rh_arena_new(1u << 30);
    rh_error_clear(&error);
    error.struct_size = sizeof error;
    ok(rh_library_load(path, &library, &error));
    pg = &library->connector;
    fresh(AMPLE);
    conn = connect_url();
}

static inline void teardown(void)
{
    pg->close(conn);
    rh_arena_free(arena);
    rh_library_free(library);
}

static inline int try_sql(struct rh_conn *on, const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    int rc = pg->native->run(on, op, &spec, &result, &error);

    if (!rc && result.cursor)
        pg->finish(result.cursor);
    return rc;
}

static inline void sql(const char *text)
{
    ok(try_sql(conn, text));
}

/* The one cell of a native query, copied as text or number. */
static inline int64_t sql_int(const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t value = 0;

    ok(pg->native->run(conn, op, &spec, &result, &error));
    ck_assert_ptr_nonnull(result.cursor);
    ok(pg->next(result.cursor, op, 10, &batch, &error));
    ck_assert_int_eq(batch.cells[0].type, RH_TYPE_INT);
    value = batch.cells[0].as.i;
    pg->finish(result.cursor);
    return value;
}

static inline int64_t pid_of(struct rh_conn *on)
{
    struct rh_conn *mine = conn;
    int64_t pid = 0;

    conn = on;
    pid = sql_int("SELECT pg_backend_pid()");
    conn = mine;
    return pid;
}

/* A thread with a session of its own that acts once, as soon as a statement of another session is
 * asleep. */
struct onlooker {
    void (*act)(struct onlooker *onlooker);
    struct rh_conn *session; /* the other */
    struct rh_cancel *token; /* for fire_token */
    int64_t pid;
    struct rh_conn *own;
    pthread_t thread;
};

/* A number from the onlooker's session, with nothing that the test's thread uses. */
static inline int64_t onlooker_int(struct onlooker *onlooker, const char *format)
{
    struct rh_arena *memory = rh_arena_new(1u << 24);
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_operation until;
    struct rh_native_spec spec = {.struct_size = sizeof spec, .n_parameters = 1};
    const struct rh_value pid = int_value(onlooker->pid);
    int64_t number = 0;

    spec.text = rh_text_of(format);
    spec.parameters = &pid;
    rh_operation_init(&until, memory, NULL, rh_clock_us() + AMPLE);
    ck_assert_msg(pg->native->run(onlooker->own, &until.abi, &spec, &result, &problem) == RH_OK,
                  "%s", problem.message);
    ck_assert_int_eq(pg->next(result.cursor, &until.abi, 1, &batch, &problem), RH_OK);
    number = batch.cells[0].as.i;
    pg->finish(result.cursor);
    rh_arena_free(memory);
    return number;
}

static inline void *look_on(void *context)
{
    struct onlooker *onlooker = context;

    while (!onlooker_int(onlooker, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
                                   " AND wait_event = 'PgSleep'"))
        ;
    onlooker->act(onlooker);
    return NULL;
}

static inline void onlooker_start(struct onlooker *onlooker, void (*act)(struct onlooker *onlooker),
                                  struct rh_conn *session, struct rh_cancel *token)
{
    *onlooker =
        (struct onlooker){.act = act, .session = session, .token = token, .pid = pid_of(session)};
    onlooker->own = connect_url();
    ck_assert_int_eq(pthread_create(&onlooker->thread, NULL, look_on, onlooker), 0);
}

static inline void onlooker_join(struct onlooker *onlooker)
{
    (void)pthread_join(onlooker->thread, NULL);
    pg->close(onlooker->own);
}

static inline void cancel_session(struct onlooker *onlooker)
{
    pg->cancel(onlooker->session);
}

static inline void end_session(struct onlooker *onlooker)
{
    ck_assert_int_eq(onlooker_int(onlooker, "SELECT pg_terminate_backend($1, 60000)::int"), 1);
}

/* After a call that was given up the session goes on, or says at once that it cannot: that is for
 * servers that do not stop in time. It is then made anew. */
static inline bool session_goes_on(void)
{
    int rc = RH_OK;

    fresh(AMPLE);
    rc = pg->ping(conn, op, &error);
    if (rc == RH_OK)
        return true;
    ck_assert_int_eq(rc, RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    pg->close(conn);
    rh_error_clear(&error);
    conn = connect_url();
    return false;
}

static inline struct rh_catalog catalog(void)
{
    struct rh_catalog found = {.struct_size = sizeof found};

    ok(pg->tables(conn, op, &found, &error));
    return found;
}

static inline const struct rh_table *table_named(const char *name)
{
    struct rh_catalog all = catalog();

    for (uint32_t i = 0; i < all.n_tables; i++) {
        if (rh_text_is(all.tables[i].name, name))
            return &all.tables[i];
    }
    ck_abort_msg("no table %s", name);
    return NULL;
}

static inline const struct rh_column *column_named(const struct rh_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_is(table->columns[i].name, name))
            return &table->columns[i];
    }
    ck_abort_msg("no column %s", name);
    return NULL;
}

static uint32_t all_positions[64];

/* SELECT of all columns. */
static inline struct rh_query select_all(const struct rh_table *table)
{
    for (uint32_t i = 0; i < 64; i++)
        all_positions[i] = i;
    return (struct rh_query){.struct_size = sizeof(struct rh_query),
                             .schema = table->schema,
                             .table = table->name,
                             .columns = table->columns,
                             .n_columns = table->n_columns,
                             .column_stride = table->column_stride,
                             .select = all_positions,
                             .n_select = table->n_columns,
                             .limit = RH_NO_LIMIT};
}

static inline uint64_t count_rows(const struct rh_query *query)
{
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t n = 0;
    int rc = RH_OK;

    ok(pg->open(conn, op, query, &cursor, &error));
    while ((rc = pg->next(cursor, op, 1000, &batch, &error)) == RH_OK)
        n += batch.n_rows;
    ck_assert_msg(rc == RH_END, "%s", error.message);
    pg->finish(cursor);
    return n;
}

static inline struct rh_write_spec spec_for(const struct rh_table *table,
                                            const struct rh_column *columns, uint32_t n_columns,
                                            const struct rh_value *cells, uint64_t n_rows)
{
    return (struct rh_write_spec){.struct_size = sizeof(struct rh_write_spec),
                                  .schema = table->schema,
                                  .table = table->name,
                                  .columns = columns,
                                  .n_columns = n_columns,
                                  .column_stride = sizeof(struct rh_column),
                                  .n_rows = n_rows,
                                  .cells = cells,
                                  .returning_stride = sizeof(struct rh_column)};
}

static inline void check_same(const struct rh_value *a, const struct rh_value *b,
                              struct rh_text what)
{
    ck_assert_msg(a->type == b->type, "%.*s: type %u instead of %u", RH_TEXT_ARG(what), b->type,
                  a->type);
    switch (a->type) {
    case RH_TYPE_NULL:
        return;
    case RH_TYPE_DECIMAL:
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
    case RH_TYPE_JSON:
    case RH_TYPE_INTERVAL:
        ck_assert_msg(a->len == b->len && (a->len == 0 || !memcmp(a->as.data, b->as.data, a->len)),
                      "%.*s: \"%.*s\" instead of \"%.*s\"", RH_TEXT_ARG(what), (int)b->len,
                      (const char *)b->as.data, (int)a->len, (const char *)a->as.data);
        return;
    default:
        ck_assert_msg(a->as.i == b->as.i, "%.*s: %lld instead of %lld", RH_TEXT_ARG(what),
                      (long long)b->as.i, (long long)a->as.i);
    }
}

static const unsigned char uuid_bytes[16] = {0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3,
                                             0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00};

static inline void make_big_table(void)
{
    static const char make[] = "CREATE TABLE big_test AS SELECT i AS id, 'name ' || i AS name,"
                               " md5(i::text) AS hash FROM generate_series(1, 1000000) i";

    if (sql_int("SELECT count(*) FROM pg_class WHERE relname = 'big_test'") == 0) {
        sql(make);
        sql("ALTER TABLE big_test ADD PRIMARY KEY (id)");
        sql("ANALYZE big_test");
    }
}

static const struct rh_table *people;

static inline void make_people(void)
{
    (void)try_sql(conn, "DROP TABLE IF EXISTS people");
    (void)try_sql(conn, "DROP COLLATION IF EXISTS nocase");
    sql("DROP TYPE IF EXISTS mood2");
    sql("CREATE TYPE mood2 AS ENUM ('sad', 'ok', 'Happy')");
    sql("CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2',"
        " deterministic = false)");
    sql("CREATE TABLE people (id int PRIMARY KEY, name text, ci text COLLATE nocase, ch char(6),"
        " n numeric, f float8, m mood2, jb jsonb, d date, ts timestamptz, u uuid, by bytea, b bool,"
        " ip inet, s smallint, f4 real)");
    sql("INSERT INTO people VALUES"
        " (1, 'Anna', 'Anna', 'ab', 1.0, 1.5, 'sad', '[1,\"a\"]', '2024-02-29',"
        " '2024-02-29 23:59:59.999999Z', '00000000-0000-0000-0000-000000000001', '\\x00', true,"
        " '10.0.0.9', 1, 0.1),"
        " (2, 'anna', 'anna', 'AB', 1.00, 'NaN', 'ok', '[]', '0044-03-15 BC',"
        " '2024-03-01 00:00:00Z', '00000000-0000-0000-0000-000000000002', '\\xff', false,"
        " '10.0.0.10', 2, 0.2),"
        " (3, 'straße 100%', 'STRASSE', 'b', -0.5, '-Infinity', 'Happy', '\"\"', 'infinity',"
        " 'infinity', NULL, '', NULL, '::1', -32768, 'NaN'),"
        " (4, E'line\\nbreak_x', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL),"
        " (5, '', '', '', 99999999999999999999.5, 0, 'ok', 'null', '1970-01-01', 'epoch',"
        " 'ffffffff-ffff-ffff-ffff-ffffffffffff', '\\x0001', true, '10.0.0.0/8', 32767, -1.5),"
        " (6, 'ΣΊΣΥΦΟΣ K\\', 'x', 'b ', 2, 3, 'ok', '{\"a\":1}', '2024-01-01', '2024-01-01Z',"
        " NULL, '\\x', false, NULL, 0, 1)");
    people = table_named("people");
}

static inline uint32_t position_of(const char *name)
{
    return (uint32_t)(column_named(people, name) - people->columns);
}

/* ---- a table that is written to ---- */

static const struct rh_table *stock;

static inline void make_stock(void)
{
    (void)try_sql(conn, "DROP TABLE IF EXISTS stock");
    sql("CREATE TABLE stock (id int PRIMARY KEY, name text NOT NULL, qty int DEFAULT 7"
        " CHECK (qty >= 0), tag text)");
    stock = table_named("stock");
}

static inline void make_slow(const char *body)
{
    char text[512];

    (void)snprintf(text, sizeof text,
                   "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$BEGIN %s RETURN NEW; END$$",
                   body);
    sql(text);
    sql("CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION "
        "slow()");
}

static const char sleeps[] = "PERFORM pg_sleep(1000);";
/* The first two rows swallow what wakes them: the server sends the signal twice for one request, to
 * the session and to its process group. */
static const char ignores_the_first[] =
    "BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN"
    " IF NEW.id % 1000 > 1 THEN RAISE; END IF; END;";

/* ---- running ---- */

static inline int postgres_run(const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner = NULL;
    int failed = 0;

    if (!getenv("ROWHOUSE_TEST_POSTGRES")) {
        (void)printf("skipped: ROWHOUSE_TEST_POSTGRES is not set\n");
        return 77;
    }
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 600);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

#define POSTGRES_MAIN(name, ...)                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return postgres_run(name, tests, sizeof(tests) / sizeof(tests[0]));                        \
    }
