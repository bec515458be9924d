/*
 * The connector `mysql`: connecting, deadlines, cancelling, servers that go away.
 */
#include "deaf_server.h"

START_TEST(refuses_credentials)
{
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value("127.0.0.1")},
                                 {RH_TEXT_INIT("port"), int_value(server_port)},
                                 {RH_TEXT_INIT("user"), text_value("secret")},
                                 {RH_TEXT_INIT("database"), text_value("rowhouse")},
                                 {RH_TEXT_INIT("password"), text_value("not-s3cret")}};
    struct rh_conn *made = NULL;

    fails(connect_with(items, 5, &made), RH_AUTH);
    ck_assert_int_eq(error.native_code, 1045);
    ck_assert_str_eq(error.sqlstate, "28000");
    ck_assert_ptr_null(strstr(error.message, "not-s3cret"));
    fails(connect_with(items, 4, &made), RH_AUTH); /* no password at all */
    items[4].value = text_value("s3cret");
    rh_error_clear(&error);
    ok(connect_with(items, 5, &made));
    ok(connector->ping(made, op, &error));
    connector->close(made);
    items[3].value = text_value("no_such_database");
    items[2].value = text_value("rowhouse");
    fails(connect_with(items, 4, &made), RH_NOT_FOUND);
}
END_TEST

START_TEST(refuses_settings)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), text_value("mysql://u:topsecret@localhost/db")},
        {RH_TEXT_INIT("host"), text_value("localhost")}};
    static const char *const wrong[] = {
        "postgres://u:topsecret@localhost/db",       "mysql://u:topsecret@localhost:port/db",
        "mysql://u:topsecret@localhost/db?what=x",   "mysql://u:topsecret%@localhost/db",
        "mysql://u:topsecret@localhost:70000/db",    "mysql://u:topsecret%0@[::1/db",
        "mysql://u:topsecret@h/db?ssl_mode=topmost", "mysql://u:topsecret%00@h/db"};
    struct rh_conn *made = NULL;

    fails(connect_with(items, 2, &made), RH_CONFIG);
    ck_assert_ptr_null(strstr(error.message, "topsecret"));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        items[0].value = text_value(wrong[i]);
        fails(connect_with(items, 1, &made), RH_CONFIG);
        ck_assert_ptr_null(strstr(error.message, "topsecret"));
    }
}
END_TEST

START_TEST(takes_urls_and_sockets)
{
    const char *folder = getenv("ROWHOUSE_TEST_MARIADB_DIR");
    char text[512];
    struct rh_setting items[] = {{RH_TEXT_INIT("url"), text_value(text)},
                                 {RH_TEXT_INIT("database"), text_value("rowhouse")}};
    struct rh_conn *made = NULL;

    (void)snprintf(text, sizeof text, "mariadb://secret:s%%33cret@127.0.0.1:%lld",
                   (long long)server_port);
    items[0].value = text_value(text);
    ok(connect_with(items, 2, &made));
    connector->close(made);
    if (folder) {
        (void)snprintf(text, sizeof text, "mysql://rowhouse@localhost/rowhouse?socket=%s/socket",
                       folder);
        items[0].value = text_value(text);
        ok(connect_with(items, 1, &made));
        connector->close(made);
    }
}
END_TEST

/* Over TLS where the server has it. */
START_TEST(encrypts)
{
    const struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), text_value(getenv("ROWHOUSE_TEST_MARIADB"))},
        {RH_TEXT_INIT("ssl_mode"), text_value("require")}};
    const struct rh_setting strict[] = {items[0],
                                        {RH_TEXT_INIT("ssl_mode"), text_value("verify-full")}};
    struct rh_conn *made = NULL, *mine = conn;
    bool tls = sql_int("SELECT @@have_ssl = 'YES'") == 1;

    if (!tls) {
        fails(connect_with(items, 2, &made), RH_CONFIG);
        return;
    }
    ok(connect_with(items, 2, &made));
    conn = made;
    ck_assert_int_eq(sql_int("SELECT LENGTH(VARIABLE_VALUE) > 0 FROM"
                             " information_schema.SESSION_STATUS WHERE VARIABLE_NAME ="
                             " 'Ssl_cipher'"),
                     1);
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM seq_1_to_300000"), 300000);
    connector->close(made);
    conn = mine;
    fails(connect_with(strict, 2, &made), RH_CONFIG); /* signed by itself */
    rh_error_clear(&error);
    if (getenv("ROWHOUSE_TEST_MARIADB_DIR")) { /* … by one that is trusted */
        char file[512];
        const struct rh_setting trusting[] = {{RH_TEXT_INIT("host"), text_value("localhost")},
                                              {RH_TEXT_INIT("port"), int_value(server_port)},
                                              {RH_TEXT_INIT("user"), text_value("rowhouse")},
                                              {RH_TEXT_INIT("ssl_mode"), text_value("verify-full")},
                                              {RH_TEXT_INIT("ssl_ca"), null_value()}};
        struct rh_setting items_now[5];
        (void)snprintf(file, sizeof file, "%s/cert.pem", getenv("ROWHOUSE_TEST_MARIADB_DIR"));
        memcpy(items_now, trusting, sizeof items_now);
        items_now[4].value = text_value(file);
        ok(connect_with(items_now, 5, &made));
        connector->close(made);
        items_now[0].value = text_value("127.0.0.1"); /* not the name that it has */
        fails(connect_with(items_now, 5, &made), RH_CONFIG);
    }
}
END_TEST

START_TEST(unreachable)
{
    int64_t port = 0;
    int fd = listen_deaf(&port);
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value("127.0.0.1")},
                                 {RH_TEXT_INIT("port"), int_value(port)},
                                 {RH_TEXT_INIT("ssl_mode"), text_value("require")}};
    struct rh_conn *made = NULL;

    fresh(SECOND / 2);
    fails(connect_with(items, 3, &made), RH_TIMEOUT); /* a black hole */
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    (void)close(fd);
    fresh(AMPLE);
    fails(connect_with(items, 2, &made), RH_UNAVAILABLE); /* refused */
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
}
END_TEST

static void *cancel_soon(void *context)
{
    (void)usleep(100000);
    connector->cancel(context);
    return NULL;
}

static void *fire_soon(void *context)
{
    (void)usleep(100000);
    rh_cancel_fire(context);
    return NULL;
}

START_TEST(cancels)
{
    pthread_t thread;
    struct rh_cancel token;
    bool survived = false;

    connector->cancel(conn); /* without a running call: no effect */
    ok(connector->ping(conn, op, &error));
    for (int i = 0; i < TRIES && !survived; i++) {
        ok(connector->tx->begin(conn, op, 0, &error));
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, conn), 0);
        fails(try_sql(conn, "SELECT SLEEP(1000)"), RH_CANCELLED);
        (void)pthread_join(thread, NULL);
        survived = session_goes_on();
    }
    ck_assert(survived);
    ok(connector->tx->commit(conn, op, &error)); /* with its transaction */
    ok(rh_cancel_init(&token, &error));
    rh_operation_init(&operation, arena, &token, rh_clock_us() + AMPLE);
    ck_assert_int_eq(pthread_create(&thread, NULL, fire_soon, &token), 0);
    fails(try_sql(conn, "SELECT COUNT(*) FROM seq_1_to_300000 a, seq_1_to_300000 b"), RH_CANCELLED);
    (void)pthread_join(thread, NULL);
    if (session_goes_on())
        ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM information_schema.PROCESSLIST"
                                 " WHERE INFO LIKE 'SELECT COUNT(*) FROM seq%'"),
                         0);
    rh_cancel_fini(&token);
}
END_TEST

/* A KILL QUERY that comes too late does not hit the next statement. */
START_TEST(cancels_at_any_time)
{
    pthread_t thread;
    bool survived = false;

    for (int i = 0; i < 60; i++) {
        char text[64];
        int rc = RH_OK;
        (void)snprintf(text, sizeof text, "SELECT SLEEP(%d.%03d)", 0, 90 + i / 3);
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, conn), 0);
        rc = try_sql(conn, text);
        ck_assert(rc == RH_OK || rc == RH_CANCELLED);
        (void)pthread_join(thread, NULL); /* else it might cancel what comes now */
        survived |= session_goes_on();
        ck_assert_int_eq(sql_int("SELECT 7"), 7);
    }
    ck_assert(survived);
}
END_TEST

START_TEST(deadline)
{
    char text[128];
    bool survived = false;

    for (int i = 0; i < TRIES && !survived; i++) {
        (void)snprintf(text, sizeof text, "SELECT SLEEP(1000 + %d)", i);
        fresh(SECOND / 5);
        fails(try_sql(conn, text), RH_TIMEOUT);
        survived = session_goes_on();
        (void)snprintf(text, sizeof text,
                       "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
                       " WHERE INFO LIKE 'SELECT SLEEP(1000 + %d)'",
                       i);
    }
    ck_assert(survived);
    ck_assert_int_eq(sql_int(text), 0);
}
END_TEST

START_TEST(goes_deaf)
{
    struct proxy proxy;
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value("127.0.0.1")},
                                 {RH_TEXT_INIT("port"), int_value(0)},
                                 {RH_TEXT_INIT("user"), text_value("rowhouse")},
                                 {RH_TEXT_INIT("database"), text_value("rowhouse")},
                                 {RH_TEXT_INIT("ssl_mode"), text_value("disable")}};
    struct rh_conn *made = NULL;

    proxy_start(&proxy);
    items[1].value.as.i = proxy.port;
    ok(connect_with(items, 5, &made));
    ok(connector->ping(made, op, &error));
    proxy.deaf = true;
    fresh(SECOND / 5);
    fails(try_sql(made, "SELECT 1"), RH_TIMEOUT); /* KILL finds nobody either */
    fresh(AMPLE);
    fails(connector->ping(made, op, &error), RH_UNAVAILABLE); /* poisoned: at once */
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    connector->close(made);
    proxy_stop(&proxy);
}
END_TEST

static void make_big_table(void)
{
    sql("CREATE TABLE IF NOT EXISTS big_test (id int PRIMARY KEY, name varchar(40), hash char(32),"
        " t text)");
    if (sql_int("SELECT COUNT(*) FROM big_test") == 0)
        sql("INSERT INTO big_test SELECT seq, CONCAT('name ', seq), MD5(seq), REPEAT('x', 60)"
            " FROM seq_1_to_1000000");
}

static void kill_session(struct rh_conn *victim, const char *what)
{
    struct rh_conn *mine = conn;
    char text[64];
    int64_t id = 0;

    conn = victim;
    id = sql_int("SELECT CONNECTION_ID()");
    conn = mine;
    (void)snprintf(text, sizeof text, "%s %lld", what, (long long)id);
    sql(text);
}

START_TEST(killed_mid_stream)
{
    struct rh_conn *victim = connect_url(), *mine = conn;
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    char text[64];
    int rc = RH_OK;

    fresh(AMPLE);
    make_big_table();
    query = select_all(table_named("big_test"));
    conn = victim;
    (void)snprintf(text, sizeof text, "KILL %lld", (long long)sql_int("SELECT CONNECTION_ID()"));
    conn = mine;
    ok(connector->open(victim, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 100, &batch, &error));
    sql(text);
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
    const struct rh_table *table = NULL;

    sql("CREATE OR REPLACE TABLE dead_test (id int, t text)");
    table = table_named("dead_test");
    kill_session(victim, "KILL");
    spec = spec_for(table, table->columns, 2, cells, 1);
    for (int i = 0; i < 100 && connector->ping(victim, op, &error) == RH_OK; i++)
        (void)usleep(10000); /* until the word gets here */
    rh_error_clear(&error);
    fails(connector->write->insert(victim, op, &spec, &result, &error), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    connector->close(victim);
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM dead_test"), 0);
}
END_TEST

/* About 110 MB of rows. */
START_TEST(scan_in_bounded_memory)
{
    struct rh_query query;

    fresh(AMPLE);
    make_big_table();
    query = select_all(table_named("big_test"));
    check_scan(&query, 1000000);
    ok(connector->reset(conn, op, &error));
}
END_TEST

/* Wherever a cursor is left, the session is as good as new. */
START_TEST(leaves_cursors_early)
{
    const struct rh_order by_id = {.column = 0};
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    fresh(AMPLE);
    make_big_table();
    query = select_all(table_named("big_test"));
    query.order = &by_id;
    query.n_order = 1;
    leave_early(&query);
    ok(connector->tx->begin(conn, op, 0, &error)); /* inside a transaction, which goes on */
    sql("INSERT INTO big_test VALUES (-1, '', '', '')");
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 100, &batch, &error));
    connector->finish(cursor);
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM big_test WHERE id = -1"), 1);
    ok(connector->tx->rollback(conn, op, &error));
}
END_TEST

/* Other calls while a cursor is open: little that is left is kept for it, much is refused. */
START_TEST(shares_the_session)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t expected = 0;
    int rc = RH_OK;

    fresh(AMPLE);
    make_big_table();
    query = select_all(table_named("big_test"));
    query.limit = 20000;
    ok(connector->tx->begin(conn, op, 0, &error));
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 100, &batch, &error));
    expected = (int64_t)batch.n_rows;
    ok(connector->tx->savepoint(conn, op, 1, &error));
    while ((rc = connector->next(cursor, op, 700, &batch, &error)) == RH_OK) {
        ck_assert_int_eq(batch.cells[0].as.i, expected + 1);
        ck_assert_uint_le(batch.n_rows, 700);
        expected += (int64_t)batch.n_rows;
        ok(connector->ping(conn, op, &error));
    }
    ck_assert_int_eq(rc, RH_END);
    ck_assert_int_eq(expected, 20000);
    connector->finish(cursor);
    query.limit = RH_NO_LIMIT;
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 100, &batch, &error));
    fails(connector->tx->savepoint(conn, op, 2, &error), RH_BUSY);
    connector->finish(cursor);
    rh_error_clear(&error);
    ok(connector->tx->commit(conn, op, &error));
}
END_TEST

/* The deadline passes while rows are coming. */
START_TEST(deadline_mid_stream)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = RH_OK;

    sql("CREATE OR REPLACE VIEW slow_view AS SELECT seq, SLEEP(0.005) AS s FROM seq_1_to_100000");
    query = select_all(table_named("slow_view"));
    fresh(SECOND / 2);
    rc = connector->open(conn, op, &query, &cursor, &error);
    if (rc == RH_OK) {
        while ((rc = connector->next(cursor, op, 50, &batch, &error)) == RH_OK)
            ;
        connector->finish(cursor);
    }
    ck_assert_int_eq(rc, RH_TIMEOUT);
    (void)session_goes_on();
    ck_assert_int_eq(sql_int("SELECT 7"), 7);
    sql("DROP VIEW slow_view");
}
END_TEST

START_TEST(resets_sessions)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;

    sql("CREATE OR REPLACE TABLE reset_test (id int PRIMARY KEY)");
    query = select_all(table_named("reset_test"));
    for (int i = 0; i < 3; i++) {
        ok(connector->open(conn, op, &query, &cursor, &error));
        connector->finish(cursor);
        sql("SET time_zone = '+09:00', sql_mode = '', @left_over = 5");
        sql("CREATE TEMPORARY TABLE left_over (a int)");
        operation.abi.flags = RH_OP_READ_ONLY;
        ok(try_sql(conn, "SELECT GET_LOCK('rowhouse_test', 1)"));
        operation.abi.flags = 0;
        ok(connector->reset(conn, op, &error));
        ck_assert_int_eq(sql_int("SELECT @@time_zone = '+00:00' AND @@sql_mode LIKE '%STRICT%'"
                                 " AND @left_over IS NULL AND IS_FREE_LOCK('rowhouse_test')"),
                         1);
        fails(try_sql(conn, "SELECT * FROM left_over"), RH_NOT_FOUND);
        rh_error_clear(&error);
    }
}
END_TEST

/* More statements than are kept, and one whose table changed. */
START_TEST(prepares_again)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    sql("CREATE OR REPLACE TABLE prepare_test (a int PRIMARY KEY, b int, c int, d int)");
    sql("INSERT INTO prepare_test VALUES (1, 2, 3, 4)");
    query = select_all(table_named("prepare_test"));
    for (int i = 0; i < 300; i++) {
        const struct rh_order order = {.column = (uint32_t)i % 4, .flags = (uint32_t)(i / 4) % 4};
        uint32_t select[8];
        query.order = &order;
        query.n_order = 1;
        query.select = select;
        query.n_select = 8;
        for (int k = 0; k < 8; k++)
            select[k] = (uint32_t)(i >> k) & 3;
        if (i == 150)
            sql("ALTER TABLE prepare_test MODIFY b bigint, MODIFY c varchar(10)");
        ok(connector->open(conn, op, &query, &cursor, &error));
        ok(connector->next(cursor, op, 10, &batch, &error));
        connector->finish(cursor);
    }
    ck_assert_int_le(
        sql_int("SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS"
                " WHERE VARIABLE_NAME = 'Prepared_stmt_count'"),
        200);
}
END_TEST

CONNECTOR_TESTS("mysql", "ROWHOUSE_TEST_MARIADB", "mysql_connect", refuses_credentials,
                refuses_settings, takes_urls_and_sockets, encrypts, unreachable, cancels,
                cancels_at_any_time, deadline, goes_deaf, killed_mid_stream, notices_a_dead_session,
                scan_in_bounded_memory, leaves_cursors_early, shares_the_session,
                deadline_mid_stream, resets_sessions, prepares_again)
