/* Connecting, refusing, giving up, and what a session leaves behind. */
#include "deaf_server.h"
#include "postgres_fixture.h"

/* Ends another session; when this returns, its process is gone. */
static void terminate(int64_t pid)
{
    char text[96];

    (void)snprintf(text, sizeof text, "SELECT pg_terminate_backend(%lld, 60000)::int",
                   (long long)pid);
    ck_assert_int_eq(sql_int(text), 1);
}

START_TEST(refuses_credentials)
{
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value(server_host)},
                                 {RH_TEXT_INIT("port"), int_value(server_port)},
                                 {RH_TEXT_INIT("user"), text_value("secret")},
                                 {RH_TEXT_INIT("database"), text_value("rowhouse")},
                                 {RH_TEXT_INIT("password"), text_value("not-s3cret")}};
    struct rh_conn *made = NULL;

    fails(connect_with(items, 5, &made), RH_AUTH);
    ck_assert_str_eq(error.sqlstate, "28P01");
    ck_assert_ptr_null(strstr(error.message, "not-s3cret"));
    fails(connect_with(items, 4, &made), RH_AUTH); /* no password at all */
    items[4].value = text_value("s3cret");
    rh_error_clear(&error);
    ok(connect_with(items, 5, &made));
    ok(connector->ping(made, op, &error));
    connector->close(made);
    items[3].value = text_value("no_such_database");
    fails(connect_with(items, 5, &made), RH_NOT_FOUND);
}
END_TEST

START_TEST(refuses_settings)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), text_value("postgres://u:topsecret@localhost/db")},
        {RH_TEXT_INIT("host"), text_value("localhost")}};
    struct rh_conn *made = NULL;

    fails(connect_with(items, 2, &made), RH_CONFIG);
    ck_assert_ptr_null(strstr(error.message, "topsecret"));
    items[0].value = text_value("mysql://u:topsecret@localhost/db");
    fails(connect_with(items, 1, &made), RH_CONFIG);
    items[0].value = text_value("postgres://u:topsecret@localhost:port/db?what=x");
    fails(connect_with(items, 1, &made), RH_CONFIG);
    ck_assert_ptr_null(strstr(error.message, "topsecret"));
    items[0].value = text_value("postgres://u:topsecret@localhost/db?options=-csearch_path%3Dx");
    fails(connect_with(items, 1, &made), RH_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "options"));
}
END_TEST

START_TEST(unreachable)
{
    int64_t port = 0;
    int fd = listen_deaf(&port);
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value("127.0.0.1")},
                                 {RH_TEXT_INIT("port"), int_value(port)},
                                 {RH_TEXT_INIT("sslmode"), text_value("disable")}};
    struct rh_conn *made = NULL;

    fresh(SECOND / 5);
    fails(connect_with(items, 3, &made), RH_TIMEOUT); /* a black hole */
    fresh(SECOND / 5);
    items[2].value = text_value("prefer");
    fails(connect_with(items, 3, &made), RH_TIMEOUT);
    (void)close(fd);
    fresh(AMPLE);
    fails(connect_with(items, 2, &made), RH_UNAVAILABLE); /* refused */
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
}
END_TEST

static void fire_token(struct onlooker *onlooker)
{
    rh_cancel_fire(onlooker->token);
}

START_TEST(cancels)
{
    struct onlooker onlooker;
    struct rh_cancel token;
    bool survived = false;

    connector->cancel(conn); /* without a running call: no effect */
    ok(connector->ping(conn, op, &error));
    for (int i = 0; i < TRIES && !survived; i++) {
        onlooker_start(&onlooker, cancel_session, conn, NULL);
        fails(try_sql(conn, "SELECT pg_sleep(1000)"), RH_CANCELLED);
        onlooker_join(&onlooker);
        survived = session_goes_on();
    }
    ck_assert(survived);
    ok(rh_cancel_init(&token, &error));
    onlooker_start(&onlooker, fire_token, conn, &token);
    rh_operation_init(&operation, arena, &token, rh_clock_us() + AMPLE);
    fails(try_sql(conn, "SELECT pg_sleep(1000)"), RH_CANCELLED);
    onlooker_join(&onlooker);
    (void)session_goes_on();
    rh_cancel_fini(&token);
}
END_TEST

START_TEST(deadline)
{
    bool survived = false;

    for (int i = 0; i < TRIES && !survived; i++) {
        int64_t pid = pid_of(conn);
        char text[128];
        (void)snprintf(text, sizeof text,
                       "SELECT count(*) FROM pg_stat_activity WHERE pid = %lld"
                       " AND wait_event = 'PgSleep'",
                       (long long)pid);
        fresh(SECOND / 5);
        fails(try_sql(conn, "SELECT pg_sleep(1000)"), RH_TIMEOUT);
        if (session_goes_on()) {
            ck_assert_int_eq(sql_int(text), 0);
            survived = true;
        }
    }
    ck_assert(survived);
}
END_TEST

START_TEST(goes_deaf)
{
    struct proxy proxy;
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value("127.0.0.1")},
                                 {RH_TEXT_INIT("port"), int_value(0)},
                                 {RH_TEXT_INIT("user"), text_value("rowhouse")},
                                 {RH_TEXT_INIT("sslmode"), text_value("disable")}};
    struct rh_conn *made = NULL;

    proxy_start(&proxy);
    items[1].value.as.i = proxy.port;
    ok(connect_with(items, 4, &made));
    ok(connector->ping(made, op, &error));
    proxy.deaf = true;
    fresh(SECOND / 5);
    fails(try_sql(made, "SELECT 1"), RH_TIMEOUT);
    fresh(AMPLE);
    fails(connector->ping(made, op, &error), RH_UNAVAILABLE); /* poisoned: at once */
    connector->close(made);
    proxy_stop(&proxy);
}
END_TEST

START_TEST(killed_mid_stream)
{
    struct rh_conn *victim = connect_url();
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t pid = pid_of(victim);
    int rc = RH_OK;

    make_big_table();
    query = select_all(table_named("big_test"));
    ok(connector->open(victim, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 100, &batch, &error));
    terminate(pid);
    while ((rc = connector->next(cursor, op, 100, &batch, &error)) == RH_OK)
        ;
    ck_assert_int_eq(rc, RH_UNAVAILABLE);
    connector->finish(cursor);
    fails(connector->ping(victim, op, &error), RH_UNAVAILABLE);
    connector->close(victim);
}
END_TEST

/* A session that ended while nothing was asked: nothing has happened, so anything may be
 * retried. */
START_TEST(notices_a_dead_session)
{
    struct rh_conn *victim = connect_url();
    struct rh_value cells[] = {int_value(1), text_value("x")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    (void)try_sql(conn, "DROP TABLE IF EXISTS dead_test");
    sql("CREATE TABLE dead_test (id int, t text)");
    terminate(pid_of(victim));
    const struct rh_table *table = table_named("dead_test");
    spec = spec_for(table, table->columns, 2, cells, 1);
    fails(connector->write->insert(victim, op, &spec, &result, &error), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    connector->close(victim);
}
END_TEST

START_TEST(resets_session_settings)
{
    sql("SET TimeZone = 'Asia/Tokyo'");
    sql("SET search_path = nowhere");
    sql("CREATE TEMP TABLE left_over (a int)");
    ok(connector->reset(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT (current_setting('TimeZone') = 'UTC'"
                             " AND current_setting('search_path') <> 'nowhere'"
                             " AND to_regclass('left_over') IS NULL)::int"),
                     1);
}
END_TEST

/* A prepared statement whose table changed, and one that the server forgot. */
START_TEST(prepares_again)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;

    make_stock();
    query = select_all(stock);
    query.limit = 10;
    for (int i = 0; i < 4; i++) {
        ok(connector->open(conn, op, &query, &cursor, &error));
        connector->finish(cursor);
    }
    ck_assert_int_gt(sql_int("SELECT count(*) FROM pg_prepared_statements"), 0);
    sql("ALTER TABLE stock ALTER qty TYPE bigint");
    ok(connector->open(conn, op, &query, &cursor, &error));
    connector->finish(cursor);
    for (int i = 0; i < 3; i++) {
        ok(connector->open(conn, op, &query, &cursor, &error));
        connector->finish(cursor);
    }
    sql("DEALLOCATE ALL");
    for (int i = 0; i < 3; i++) {
        ok(connector->open(conn, op, &query, &cursor, &error));
        connector->finish(cursor);
    }
    for (int i = 0; i < 700; i++) { /* more statements than are kept */
        const struct rh_order order = {.column = (uint32_t)i % 4, .flags = (uint32_t)(i / 4) % 4};
        uint32_t select[8];
        query.order = &order;
        query.n_order = 1;
        query.select = select;
        query.n_select = 8;
        for (int k = 0; k < 8; k++)
            select[k] = (uint32_t)(i >> k) & 3;
        for (int k = 0; k < 2; k++) {
            ok(connector->open(conn, op, &query, &cursor, &error));
            connector->finish(cursor);
        }
    }
    ck_assert_int_le(sql_int("SELECT count(*) FROM pg_prepared_statements"), 256);
}
END_TEST

POSTGRES_TESTS("postgres_connection", refuses_credentials, refuses_settings, unreachable, cancels,
               deadline, goes_deaf, killed_mid_stream, notices_a_dead_session,
               resets_session_settings, prepares_again)
