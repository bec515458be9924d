/*
 * What the tests of the PostgreSQL connector share: a session with a real server, statements,
 * tables and an onlooker. ROWHOUSE_TEST_POSTGRES holds the URL of a database that may be written to
 * (tests/lib/postgres.sh run …); without it everything is skipped. Tests that kill the server's
 * processes need a superuser.
 */
#pragma once

#include "connector_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char server_host[] = "127.0.0.1";

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
    ck_assert_msg(connector->native->run(onlooker->own, &until.abi, &spec, &result, &problem) ==
                      RH_OK,
                  "%s", problem.message);
    ck_assert_int_eq(connector->next(result.cursor, &until.abi, 1, &batch, &problem), RH_OK);
    number = batch.cells[0].as.i;
    connector->finish(result.cursor);
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
    connector->close(onlooker->own);
}

static inline void cancel_session(struct onlooker *onlooker)
{
    connector->cancel(onlooker->session);
}

static inline void end_session(struct onlooker *onlooker)
{
    ck_assert_int_eq(onlooker_int(onlooker, "SELECT pg_terminate_backend($1, 60000)::int"), 1);
}

static inline struct rh_catalog catalog(void)
{
    struct rh_catalog found = {.struct_size = sizeof found};

    ok(connector->tables(conn, op, &found, &error));
    return found;
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

#define POSTGRES_TESTS(...) CONNECTOR_TESTS("postgres", "ROWHOUSE_TEST_POSTGRES", __VA_ARGS__)
