/*
 * The ODBC connector with MariaDB's driver: ROWHOUSE_TEST_MARIADB holds the URL of a database that
 * may be written to (tests/lib/mariadb.sh run …); without it everything is skipped.
 */
#include "unit/odbc/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct type_case types[] = {
    {"b", "BOOLEAN", "true", "false", RH_TYPE_BOOL, V(BOOL, 1), V(BOOL, 0)},
    {"i1", "TINYINT", "127", "-128", RH_TYPE_INT, V(INT, 127), V(INT, -128)},
    {"u1", "TINYINT UNSIGNED", "255", "0", RH_TYPE_INT, V(INT, 255), V(INT, 0)},
    {"u4", "INT UNSIGNED", "4294967295", "0", RH_TYPE_INT, V(INT, UINT32_MAX), V(INT, 0)},
    {"i8", "BIGINT", "9223372036854775807", "-9223372036854775808", RH_TYPE_INT, V(INT, INT64_MAX),
     V(INT, INT64_MIN)},
    {"u8", "BIGINT UNSIGNED", "18446744073709551615", "0", RH_TYPE_UINT, V(UINT, -1), V(UINT, 0)},
    {"f8", "DOUBLE", "0.1e0 + 0.2e0", "-1.7976931348623157e308", RH_TYPE_FLOAT, F(0.1 + 0.2),
     F(-1.7976931348623157e308)},
    {"n", "DECIMAL(38,10)", "1234567890123456789012345678.0123456789", "-0.0000000001",
     RH_TYPE_DECIMAL, D(DECIMAL, "1234567890123456789012345678.0123456789"),
     D(DECIMAL, "-0.0000000001")},
    {"t", "TEXT", "'ü😀 it''s'", "''", RH_TYPE_TEXT, T("ü😀 it's"), T("")},
    {"vc", "VARCHAR(20)", "'ünïcödé €'", "'x '", RH_TYPE_TEXT, T("ünïcödé €"), T("x ")},
    {"lt", "VARCHAR(20) CHARACTER SET latin1", "'é'", "'y'", RH_TYPE_TEXT, T("é"), T("y")},
    {"bin", "VARBINARY(10)", "x'00ff10'", "''", RH_TYPE_BYTES, D(BYTES, "\x00\xff\x10"),
     D(BYTES, "")},
    {"d", "DATE", "'2024-02-29'", "'1000-01-01'", RH_TYPE_DATE, V(DATE, 19782), V(DATE, -354285)},
    {"ti", "TIME(6)", "'23:59:59.999999'", "'00:00:00'", RH_TYPE_TIME,
     V(TIME, INT64_C(86399999999)), V(TIME, 0)},
    {"dt", "DATETIME(6)", "'2024-02-29 13:05:00.123456'", "'1969-12-31 23:59:59.5'",
     RH_TYPE_DATETIME, V(DATETIME, INT64_C(1709211900123456)), V(DATETIME, -500000)},
    {"ts", "TIMESTAMP(6) NULL", "'2024-02-29 13:05:00.123456'", "'1970-01-01 00:00:01'",
     RH_TYPE_TIMESTAMP, V(TIMESTAMP, INT64_C(1709211900123456)), V(TIMESTAMP, 1000000)},
};

static const struct target mariadb = {
    .name = "MariaDB for the test",
    .library = "libmaodbc.so",
    .dialect = "mysql",
    .slow = "SELECT SLEEP(120)",
    .slow_shown =
        "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(120)%'",
    .text_type = "VARCHAR(200)",
    .double_type = "DOUBLE",
    .identity = "INTEGER AUTO_INCREMENT PRIMARY KEY",
    .types = types,
    .n_types = N_OF(types),
    .has_schemas = true,
    .text_is_exact = true,
    .own_decimals = true,
};

START_TEST(knows_wrong_passwords)
{
    struct rh_conn *made = NULL;
    char string[512];

    (void)snprintf(string, sizeof string, "SERVER=%s;PORT=%s;DATABASE=rowhouse", host, port);
    fails(connect_with(string, "secret", "wrong}{;pass", &made), RH_AUTH);
    ck_assert(!strstr(error.message, "wrong"));
}
END_TEST

START_TEST(notices_a_lost_connection)
{
    struct rh_conn *other = connect_again();
    char text[128];
    int64_t id = sql_int_on(other, "SELECT CONNECTION_ID()");

    (void)snprintf(text, sizeof text, "KILL %lld", (long long)id);
    sql(text);
    ck_assert_int_lt(try_sql(other, "CREATE TABLE odbc_lost (a int)"), 0);
    fails(connector->ping(other, op, &error), RH_UNAVAILABLE);
    connector->close(other);
}
END_TEST

/* Rows come one by one from the server; meanwhile the session is busy. */
START_TEST(reads_many_rows)
{
    const struct rh_table *table = NULL;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t n = 0;
    int rc;

    drop("odbc_many");
    sql("CREATE TABLE odbc_many (id INTEGER PRIMARY KEY, t VARCHAR(50))");
    sql("INSERT INTO odbc_many SELECT seq, CONCAT('row ', seq) FROM seq_1_to_50000");
    table = table_named("odbc_many");
    struct rh_query query = select_all(table);
    ok(connector->open(conn, op, &query, &cursor, &error));
    fails(connector->ping(conn, op, &error), RH_BUSY);
    rh_error_clear(&error);
    while ((rc = connector->next(cursor, op, 4096, &batch, &error)) == RH_OK)
        n += (int64_t)batch.n_rows;
    ck_assert_msg(rc == RH_END, "%s", error.message);
    ck_assert_int_eq(n, 50000);
    connector->finish(cursor);
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 10, &batch, &error));
    connector->finish(cursor);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_many"), 50000);
    drop("odbc_many");
}
END_TEST

int main(void)
{
    static const TTest *const *const own[] = {&knows_wrong_passwords, &knows_unreachable_servers,
                                              &notices_a_lost_connection, &reads_many_rows};

    target = &mariadb;
    if (!split_url(getenv("ROWHOUSE_TEST_MARIADB"), host, port) || !prepare()) {
        (void)puts("skipped: no ROWHOUSE_TEST_MARIADB, or no driver");
        return 77;
    }
    (void)snprintf(base_string, sizeof base_string,
                   "SERVER=%s;PORT=%s;DATABASE=rowhouse;UID=rowhouse", host, port);
    return run_suite(own, N_OF(own));
}
