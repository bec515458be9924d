/*
 * The PostgreSQL connector against a real server: ROWHOUSE_TEST_POSTGRES holds the URL of a database
 * that may be written to (tests/lib/postgres.sh run …); without it everything is skipped. Tests that
 * kill the server's processes need a superuser.
 */
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

static struct rh_library *library;
static const struct rh_connector *pg;
static struct rh_arena *arena;
static struct rh_operation operation;
static const struct rh_op *op;
static struct rh_error error;
static struct rh_conn *conn;

/* ---- helpers ---- */

static struct rh_value text_value(const char *text)
{
    return (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)strlen(text), .as.data = text};
}

static struct rh_value int_value(int64_t i)
{
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}

static struct rh_value data_value(uint8_t type, const void *data, size_t len)
{
    return (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = data};
}

static struct rh_value json_value(const char *text)
{
    return data_value(RH_TYPE_JSON, text, strlen(text));
}

static struct rh_value decimal_value(const char *text)
{
    return data_value(RH_TYPE_DECIMAL, text, strlen(text));
}

static struct rh_value i_value(uint8_t type, int64_t i)
{
    return (struct rh_value){.type = type, .as.i = i};
}

static void fresh(uint64_t us)
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

static int connect_with(struct rh_setting *items, uint32_t n, struct rh_conn **ret_conn)
{
    const struct rh_settings settings = {
        .struct_size = sizeof settings, .n = n, .items = items, .stride = sizeof *items};

    return pg->connect(rh_host_services(), op, &settings, ret_conn, &error);
}

static struct rh_conn *connect_url(void)
{
    struct rh_setting url = {RH_TEXT_INIT("url"), text_value(getenv("ROWHOUSE_TEST_POSTGRES"))};
    struct rh_conn *made = NULL;

    ok(connect_with(&url, 1, &made));
    return made;
}

/* host and port of the server */
static const char *server_host = "127.0.0.1";
static int64_t server_port;

static void setup(void)
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
    fresh(30 * SECOND);
    conn = connect_url();
}

static void teardown(void)
{
    pg->close(conn);
    rh_arena_free(arena);
    rh_library_free(library);
}

static int try_sql(struct rh_conn *on, const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    int rc = pg->native->run(on, op, &spec, &result, &error);

    if (!rc && result.cursor)
        pg->finish(result.cursor);
    return rc;
}

static void sql(const char *text)
{
    ok(try_sql(conn, text));
}

/* The one cell of a native query, copied as text or number. */
static int64_t sql_int(const char *text)
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

static struct rh_catalog catalog(void)
{
    struct rh_catalog found = {.struct_size = sizeof found};

    ok(pg->tables(conn, op, &found, &error));
    return found;
}

static const struct rh_table *table_named(const char *name)
{
    struct rh_catalog all = catalog();

    for (uint32_t i = 0; i < all.n_tables; i++) {
        if (rh_text_is(all.tables[i].name, name))
            return &all.tables[i];
    }
    ck_abort_msg("no table %s", name);
    return NULL;
}

static const struct rh_column *column_named(const struct rh_table *table, const char *name)
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
static struct rh_query select_all(const struct rh_table *table)
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

static uint64_t count_rows(const struct rh_query *query)
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

static struct rh_write_spec spec_for(const struct rh_table *table, const struct rh_column *columns,
                                     uint32_t n_columns, const struct rh_value *cells,
                                     uint64_t n_rows)
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

static void check_same(const struct rh_value *a, const struct rh_value *b, struct rh_text what)
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

/* ---- types ---- */

static const struct {
    const char *name, *type;
} type_columns[] = {
    {"b", "boolean"},      {"i2", "smallint"},       {"i4", "integer"},
    {"i8", "bigint"},      {"f4", "real"},           {"f8", "double precision"},
    {"num", "numeric"},    {"n2", "numeric(38,10)"}, {"t", "text"},
    {"vc", "varchar(40)"}, {"ch", "char(5)"},        {"by", "bytea"},
    {"d", "date"},         {"ti", "time"},           {"ts", "timestamp"},
    {"tz", "timestamptz"}, {"iv", "interval"},       {"u", "uuid"},
    {"j", "json"},         {"jb", "jsonb"},          {"m", "mood"},
    {"arr", "integer[]"},  {"tarr", "text[]"},       {"ip", "inet"},
    {"mo", "money"},       {"rg", "int4range"},
};
#define N_TYPES (sizeof type_columns / sizeof type_columns[0])

static void make_types_table(void)
{
    char text[4096] = "CREATE TABLE types_test (id int PRIMARY KEY";
    size_t n = strlen(text);

    (void)try_sql(conn, "DROP TABLE IF EXISTS types_test");
    sql("DROP TYPE IF EXISTS mood");
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'Happy')");
    for (size_t i = 0; i < N_TYPES; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", %s %s", type_columns[i].name,
                              type_columns[i].type);
    (void)snprintf(text + n, sizeof text - n, ")");
    sql(text);
}

static const unsigned char uuid_bytes[16] = {0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3,
                                             0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00};

/* Rows of boundary values, id first, in the order of type_columns. */
static uint64_t boundary_rows(struct rh_value cells[][N_TYPES + 1])
{
    static const struct rh_interval interval = {-13, 40, -1500000};
    static const struct rh_interval big = {INT32_MAX, INT32_MIN, INT64_MAX};
    const struct rh_value low[N_TYPES + 1] = {
        int_value(1),
        i_value(RH_TYPE_BOOL, 0),
        int_value(INT16_MIN),
        int_value(INT32_MIN),
        int_value(INT64_MIN),
        {.type = RH_TYPE_FLOAT, .as.f = -1.5},
        {.type = RH_TYPE_FLOAT, .as.f = -1.7976931348623157e308},
        decimal_value("-99999999999999999999999999999999999999.0001"),
        decimal_value("-1234567890123456789012345678.0123456789"),
        text_value(""),
        text_value("a'b\"c\\d\n%_"),
        text_value("ab"),
        data_value(RH_TYPE_BYTES, "\0\1\xff", 3),
        i_value(RH_TYPE_DATE, -2440588),
        i_value(RH_TYPE_TIME, 0),
        i_value(RH_TYPE_DATETIME, -210866803200000000),
        i_value(RH_TYPE_TIMESTAMP, -1),
        data_value(RH_TYPE_INTERVAL, &interval, 16),
        data_value(RH_TYPE_UUID, uuid_bytes, 16),
        json_value("{\"a\": [1,2]}"),
        json_value("{\"a\": [1, 2]}"),
        text_value("sad"),
        json_value("[1,null,-3]"),
        json_value("[\"a,b\",\"NULL\",\"q\\\"\\\\\",null,\"\xc3\xa9\"]"),
        text_value("10.0.0.0/8"),
        decimal_value("-12.34"),
        text_value("[1,5)")};
    const struct rh_value high[N_TYPES + 1] = {
        int_value(2),
        i_value(RH_TYPE_BOOL, 1),
        int_value(INT16_MAX),
        int_value(INT32_MAX),
        int_value(INT64_MAX),
        {.type = RH_TYPE_FLOAT, .as.f = (double)3.4028234663852886e38},
        {.type = RH_TYPE_FLOAT, .as.f = 5e-324},
        decimal_value("NaN"),
        decimal_value("0.0000000001"),
        text_value("\xf0\x9f\x98\x80 \xe2\x82\xac"),
        text_value("x"),
        text_value("abcde"),
        data_value(RH_TYPE_BYTES, "", 0),
        i_value(RH_TYPE_DATE, INT64_MAX),
        i_value(RH_TYPE_TIME, 86400000000),
        i_value(RH_TYPE_DATETIME, INT64_MIN),
        i_value(RH_TYPE_TIMESTAMP, 4102444800123456),
        data_value(RH_TYPE_INTERVAL, &big, 16),
        data_value(RH_TYPE_UUID, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16),
        json_value("null"),
        json_value("[]"),
        text_value("Happy"),
        json_value("[]"),
        json_value("[[\"a\"],[\"b\"]]"),
        text_value("::1/128"),
        decimal_value("92233720368547758.07"),
        text_value("empty")};

    memcpy(cells[0], low, sizeof low);
    memcpy(cells[1], high, sizeof high);
    for (size_t i = 0; i <= N_TYPES; i++)
        cells[2][i] = (struct rh_value){.type = RH_TYPE_NULL};
    cells[2][0] = int_value(3);
    return 3;
}

static void check_boundary_rows(const struct rh_table *table, struct rh_value cells[][N_TYPES + 1],
                                uint64_t n_rows)
{
    static const struct rh_order by_id = {.column = 0};
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    query.order = &by_id;
    query.n_order = 1;
    for (int pass = 0; pass < 2; pass++) { /* as a cursor and as a plain statement */
        query.limit = pass ? 100 : RH_NO_LIMIT;
        ok(pg->open(conn, op, &query, &cursor, &error));
        ok(pg->next(cursor, op, 100, &batch, &error));
        ck_assert_uint_eq(batch.n_rows, n_rows);
        ck_assert_uint_eq(batch.n_cols, N_TYPES + 1);
        for (uint64_t row = 0; row < n_rows; row++) {
            for (size_t col = 0; col <= N_TYPES; col++)
                check_same(&cells[row][col], &batch.cells[row * batch.n_cols + col],
                           table->columns[col].name);
        }
        ck_assert_int_eq(pg->next(cursor, op, 100, &batch, &error), RH_END);
        pg->finish(cursor);
    }
}

START_TEST(types_both_ways)
{
    struct rh_value cells[3][N_TYPES + 1];
    uint64_t n = boundary_rows(cells);
    const struct rh_table *table = NULL;
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_types_table();
    table = table_named("types_test");
    ck_assert_uint_eq(table->n_columns, N_TYPES + 1);
    spec = spec_for(table, table->columns, table->n_columns, cells[0], n);
    spec.returning = table->columns;
    spec.n_returning = table->n_columns;
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, n);
    ck_assert_uint_eq(result.returned.n_rows, n);
    for (uint64_t row = 0; row < n; row++) {
        for (size_t col = 0; col <= N_TYPES; col++)
            check_same(&cells[row][col], &result.returned.cells[row * (N_TYPES + 1) + col],
                       table->columns[col].name);
    }
    check_boundary_rows(table, cells, n);
}
END_TEST

/* Every way in must give the same rows as the types table says: COPY, upsert, and texts that the
 * server parses. */
START_TEST(types_through_copy)
{
    static struct rh_value cells[128][6];
    static char names[128][32];
    const struct rh_table *table = NULL;
    struct rh_column columns[6];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    (void)try_sql(conn, "DROP TABLE IF EXISTS copy_test");
    sql("CREATE TABLE copy_test (id int PRIMARY KEY, m text, num numeric(30,10), jb jsonb,"
        " iv interval, dflt int DEFAULT 42)");
    table = table_named("copy_test");
    for (int i = 0; i < 6; i++)
        columns[i] = table->columns[i];
    for (int i = 0; i < 128; i++) {
        static const struct rh_interval interval = {1, 2, 3};
        (void)snprintf(names[i], sizeof names[i], "%d.%04d", i * 7919, i);
        cells[i][0] = int_value(i);
        cells[i][1] = i % 5 ? text_value(names[i]) : (struct rh_value){.type = RH_TYPE_NULL};
        cells[i][2] = decimal_value(names[i]);
        cells[i][3] = json_value("{\"k\": \"v\"}");
        cells[i][4] = data_value(RH_TYPE_INTERVAL, &interval, 16);
        cells[i][5] = (struct rh_value){.type = RH_TYPE_MISSING};
    }
    spec = spec_for(table, columns, 6, cells[0], 128);
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 128);
    ck_assert_int_eq(
        sql_int("SELECT count(*) FROM copy_test WHERE num = (id * 7919)::text::numeric "
                "+ id / 10000.0 AND dflt = 42 AND jb->>'k' = 'v'"
                " AND iv = interval '1 mon 2 days 00:00:00.000003'"
                " AND (m IS NULL) = (id % 5 = 0)"),
        128);
}
END_TEST

START_TEST(decimals_by_size)
{
    static const char *const numbers[] = {"0",
                                          "0.0",
                                          "-0.5",
                                          "1",
                                          "10",
                                          "9999",
                                          "10000",
                                          "10001",
                                          "100000000",
                                          "0.0001",
                                          "0.00001",
                                          "12345.6789",
                                          "99999999.99999999",
                                          "-100000000.00000001",
                                          "0.00000000000000000001",
                                          "340282366920938463463374607431768211456",
                                          "1000000000000000000000000000000.000"};
    const struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .text = RH_TEXT_INIT("SELECT n::text = t, n::text FROM dec_test")};
    const struct rh_table *table = NULL;

    (void)try_sql(conn, "DROP TABLE IF EXISTS dec_test");
    sql("CREATE TABLE dec_test (n numeric, t text)");
    table = table_named("dec_test");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct rh_value cells[2] = {decimal_value(numbers[i]), text_value(numbers[i])};
        struct rh_write_spec write = spec_for(table, table->columns, 2, cells, 1);
        struct rh_write_result result = {.struct_size = sizeof result};
        struct rh_native_result native = {.struct_size = sizeof native};
        struct rh_batch batch = {.struct_size = sizeof batch};
        sql("DELETE FROM dec_test");
        ok(pg->write->insert(conn, op, &write, &result, &error));
        ok(pg->native->run(conn, op, &spec, &native, &error));
        ok(pg->next(native.cursor, op, 1, &batch, &error));
        ck_assert_msg(batch.cells[0].as.i == 1, "%s became %.*s", numbers[i],
                      (int)batch.cells[1].len, (const char *)batch.cells[1].as.data);
        pg->finish(native.cursor);
    }
}
END_TEST

START_TEST(values_that_do_not_fit)
{
    const struct rh_table *table = NULL;
    struct rh_value cell;
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    (void)try_sql(conn, "DROP TABLE IF EXISTS fit_test");
    sql("CREATE TABLE fit_test (i2 smallint, vc varchar(3), d date, t text)");
    table = table_named("fit_test");
    cell = int_value(40000);
    spec = spec_for(table, &table->columns[0], 1, &cell, 1);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    cell = text_value("four");
    spec = spec_for(table, &table->columns[1], 1, &cell, 1);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    cell = i_value(RH_TYPE_DATE, INT64_C(4000000000));
    spec = spec_for(table, &table->columns[2], 1, &cell, 1);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    ck_assert_str_eq(error.column, "d");
    cell = data_value(RH_TYPE_TEXT, "a\0b", 3);
    spec = spec_for(table, &table->columns[3], 1, &cell, 1);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    cell = text_value("\xff\xfe");
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM fit_test"), 0);
    sql("INSERT INTO fit_test (d) VALUES ('5874897-12-31')"); /* the last one */
}
END_TEST

/* ---- connecting ---- */

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
    ok(pg->ping(made, op, &error));
    pg->close(made);
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

/* A socket that listens; nobody ever answers on it. */
static int listen_deaf(int64_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

START_TEST(unreachable)
{
    int64_t port = 0;
    int fd = listen_deaf(&port);
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value("127.0.0.1")},
                                 {RH_TEXT_INIT("port"), int_value(port)},
                                 {RH_TEXT_INIT("sslmode"), text_value("disable")}};
    struct rh_conn *made = NULL;
    uint64_t start = rh_clock_us();

    fresh(SECOND / 2);
    fails(connect_with(items, 3, &made), RH_TIMEOUT); /* a black hole */
    ck_assert_uint_lt(rh_clock_us() - start, SECOND);
    fresh(SECOND / 2);
    items[2].value = text_value("prefer");
    fails(connect_with(items, 3, &made), RH_TIMEOUT);
    (void)close(fd);
    fresh(SECOND);
    start = rh_clock_us();
    fails(connect_with(items, 2, &made), RH_UNAVAILABLE); /* refused */
    ck_assert_uint_lt(rh_clock_us() - start, SECOND);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    fresh(SECOND);
}
END_TEST

static void *cancel_soon(void *context)
{
    (void)usleep(100000);
    pg->cancel(context);
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
    uint64_t start = 0;

    pg->cancel(conn); /* without a running call: no effect */
    ok(pg->ping(conn, op, &error));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, conn), 0);
        start = rh_clock_us();
        fails(try_sql(conn, "SELECT pg_sleep(20)"), RH_CANCELLED);
        ck_assert_uint_lt(rh_clock_us() - start, 350000);
        (void)pthread_join(thread, NULL);
        rh_error_clear(&error);
        ok(pg->ping(conn, op, &error)); /* the session goes on */
    }
    ok(rh_cancel_init(&token, &error));
    rh_operation_init(&operation, arena, &token, rh_clock_us() + 30 * SECOND);
    ck_assert_int_eq(pthread_create(&thread, NULL, fire_soon, &token), 0);
    start = rh_clock_us();
    fails(try_sql(conn, "SELECT pg_sleep(20)"), RH_CANCELLED);
    ck_assert_uint_lt(rh_clock_us() - start, 350000);
    (void)pthread_join(thread, NULL);
    fresh(10 * SECOND);
    ok(pg->ping(conn, op, &error));
    rh_cancel_fini(&token);
}
END_TEST

START_TEST(deadline)
{
    uint64_t start = rh_clock_us();

    fresh(SECOND / 5);
    fails(try_sql(conn, "SELECT pg_sleep(20)"), RH_TIMEOUT);
    ck_assert_uint_lt(rh_clock_us() - start, SECOND / 2);
    fresh(10 * SECOND);
    ok(pg->ping(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                             " AND query LIKE 'SELECT pg_sleep%'"),
                     0);
}
END_TEST

/* A server that goes deaf in the middle: a proxy that stops passing bytes on. */
struct proxy {
    int listener;
    int64_t port;
    atomic_bool deaf;
    pthread_t thread;
};

static void *run_proxy(void *context)
{
    struct proxy *proxy = context;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)server_port)};
    int client = accept(proxy->listener, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    static char bytes[65536];

    if (connect(server, (struct sockaddr *)&address, sizeof address))
        return NULL;
    while (!proxy->deaf) {
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(fds, 2, 20) <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            ssize_t n = fds[i].revents ? read(fds[i].fd, bytes, sizeof bytes) : 0;
            if (n > 0 && !proxy->deaf)
                (void)!write(fds[1 - i].fd, bytes, (size_t)n);
        }
    }
    (void)sleep(6);
    return NULL;
}

START_TEST(goes_deaf)
{
    struct proxy proxy = {.deaf = false};
    struct rh_setting items[] = {{RH_TEXT_INIT("host"), text_value("127.0.0.1")},
                                 {RH_TEXT_INIT("port"), int_value(0)},
                                 {RH_TEXT_INIT("user"), text_value("rowhouse")},
                                 {RH_TEXT_INIT("sslmode"), text_value("disable")}};
    struct rh_conn *made = NULL;
    uint64_t start = 0;

    proxy.listener = listen_deaf(&proxy.port);
    items[1].value.as.i = proxy.port;
    ck_assert_int_eq(pthread_create(&proxy.thread, NULL, run_proxy, &proxy), 0);
    ok(connect_with(items, 4, &made));
    ok(pg->ping(made, op, &error));
    proxy.deaf = true;
    fresh(SECOND / 5);
    start = rh_clock_us();
    fails(try_sql(made, "SELECT 1"), RH_TIMEOUT);
    ck_assert_uint_lt(rh_clock_us() - start, 2 * SECOND);
    fresh(SECOND);
    start = rh_clock_us();
    fails(pg->ping(made, op, &error), RH_UNAVAILABLE); /* poisoned: at once */
    ck_assert_uint_lt(rh_clock_us() - start, SECOND / 10);
    start = rh_clock_us();
    pg->close(made);
    ck_assert_uint_lt(rh_clock_us() - start, SECOND / 2);
}
END_TEST

static void make_big_table(void)
{
    static const char make[] = "CREATE TABLE big_test AS SELECT i AS id, 'name ' || i AS name,"
                               " md5(i::text) AS hash FROM generate_series(1, 1000000) i";

    if (sql_int("SELECT count(*) FROM pg_class WHERE relname = 'big_test'") == 0) {
        sql(make);
        sql("ALTER TABLE big_test ADD PRIMARY KEY (id)");
        sql("ANALYZE big_test");
    }
}

START_TEST(killed_mid_stream)
{
    struct rh_conn *victim = connect_url();
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    char text[128];
    int64_t pid = 0;
    int rc = RH_OK;
    struct rh_conn *mine = conn;

    make_big_table();
    query = select_all(table_named("big_test"));
    conn = victim;
    pid = sql_int("SELECT pg_backend_pid()");
    conn = mine;
    ok(pg->open(victim, op, &query, &cursor, &error));
    ok(pg->next(cursor, op, 100, &batch, &error));
    (void)snprintf(text, sizeof text, "SELECT pg_terminate_backend(%lld)", (long long)pid);
    sql(text);
    (void)usleep(100000);
    while ((rc = pg->next(cursor, op, 100, &batch, &error)) == RH_OK)
        ;
    ck_assert_int_eq(rc, RH_UNAVAILABLE);
    pg->finish(cursor);
    fails(pg->ping(victim, op, &error), RH_UNAVAILABLE);
    pg->close(victim);
}
END_TEST

/* A session that ended while nothing was asked: nothing has happened, so anything may be retried. */
START_TEST(notices_a_dead_session)
{
    struct rh_conn *victim = connect_url(), *mine = conn;
    struct rh_value cells[] = {int_value(1), text_value("x")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    char text[128];

    (void)try_sql(conn, "DROP TABLE IF EXISTS dead_test");
    sql("CREATE TABLE dead_test (id int, t text)");
    conn = victim;
    (void)snprintf(text, sizeof text, "SELECT pg_terminate_backend(%lld)",
                   (long long)sql_int("SELECT pg_backend_pid()"));
    ok(pg->ping(conn, op, &error));
    conn = mine;
    sql(text);
    (void)usleep(100000);
    const struct rh_table *table = table_named("dead_test");
    spec = spec_for(table, table->columns, 2, cells, 1);
    fails(pg->write->insert(victim, op, &spec, &result, &error), RH_UNAVAILABLE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    pg->close(victim);
}
END_TEST

START_TEST(scan_in_bounded_memory)
{
    struct rh_query query;
    struct rusage before, after;
    uint64_t start = 0;

    make_big_table();
    query = select_all(table_named("big_test"));
    (void)getrusage(RUSAGE_SELF, &before);
    start = rh_clock_us();
    ck_assert_uint_eq(count_rows(&query), 1000000);
    ck_assert_uint_lt(rh_clock_us() - start, 20 * SECOND);
    (void)getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__ /* it keeps what was freed for a while */
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 16 * 1024);
#endif
    ok(pg->reset(conn, op, &error));
}
END_TEST

/* Wherever a cursor is left, the session is as good as new. */
START_TEST(leaves_cursors_early)
{
    const struct rh_order by_id = {.column = 0};
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    make_big_table();
    query = select_all(table_named("big_test"));
    query.order = &by_id;
    query.n_order = 1;
    for (int n = 0; n < 12; n++) {
        uint64_t seen = 0, last = 0;
        ok(pg->open(conn, op, &query, &cursor, &error));
        for (int i = 0; i < n; i++) {
            ok(pg->next(cursor, op, i % 2 ? 1 : 5000, &batch, &error));
            for (uint64_t row = 0; row < batch.n_rows; row++) {
                ck_assert_int_gt(batch.cells[row * batch.n_cols].as.i, (int64_t)last);
                last = (uint64_t)batch.cells[row * batch.n_cols].as.i;
            }
            seen += batch.n_rows;
        }
        ck_assert_uint_eq(seen, last); /* nothing skipped, nothing twice */
        pg->finish(cursor);
        if (n % 2)
            ok(pg->reset(conn, op, &error));
        ck_assert_int_eq(sql_int("SELECT 7::int"), 7);
    }
    ok(pg->tx->begin(conn, op, 0, &error)); /* inside a transaction, with other work between */
    ok(pg->open(conn, op, &query, &cursor, &error));
    for (int i = 0; i < 6; i++) {
        ok(pg->next(cursor, op, 5000, &batch, &error));
        ok(pg->tx->savepoint(conn, op, 1, &error));
        ok(pg->tx->release(conn, op, 1, &error));
    }
    pg->finish(cursor);
    ok(pg->open(conn, op, &query, &cursor, &error));
    pg->finish(cursor);
    ok(pg->tx->commit(conn, op, &error));
}
END_TEST

/* ---- introspection ---- */

START_TEST(introspects)
{
    const struct rh_table *table = NULL;
    const struct rh_column *column = NULL;
    struct rh_catalog all;
    bool partition_seen = false;

    (void)try_sql(conn, "DROP SCHEMA IF EXISTS \"odd schema\" CASCADE");
    (void)try_sql(conn, "DROP SCHEMA IF EXISTS other CASCADE");
    sql("CREATE SCHEMA \"odd schema\"");
    sql("CREATE SCHEMA other");
    sql("CREATE TABLE other.target (a int, b text, PRIMARY KEY (b, a))");
    sql("CREATE DOMAIN other.positive AS int CHECK (VALUE > 0)");
    sql("CREATE DOMAIN other.strict AS other.positive NOT NULL");
    sql("CREATE TYPE other.colour AS ENUM ('red', 'g\"r''een', 'bl\xc3\xbc')");
    sql("CREATE TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" ("
        " \"order\" serial PRIMARY KEY, \"sp ace\" varchar(10) NOT NULL DEFAULT 'it''s',"
        " \"quo\"\"te\" numeric(12,3), gone int, dom other.strict, c other.colour,"
        " always int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (gone * 2) STORED,"
        " ra int, rb text, bin text COLLATE \"C\", pt point, ar int[],"
        " FOREIGN KEY (rb, ra) REFERENCES other.target (b, a))");
    sql("ALTER TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" DROP COLUMN twice");
    sql("ALTER TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" DROP COLUMN gone");
    sql("ALTER TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" ADD twice int GENERATED"
        " ALWAYS AS (ra * 2) STORED");
    sql("COMMENT ON TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" IS 'A table''s comment'");
    sql("COMMENT ON COLUMN \"odd schema\".\"select \"\"from\"\" \xc3\xa9\".ra IS 'of ra'");
    sql("CREATE UNIQUE INDEX odd_part ON \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" (ra)"
        " WHERE ra > 3");
    sql("CREATE INDEX odd_two ON \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" (rb, \"order\")"
        " INCLUDE (ra)");
    sql("CREATE INDEX odd_expr ON \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" (lower(rb))");
    sql("CREATE VIEW other.a_view AS SELECT a FROM other.target GROUP BY a");
    sql("CREATE VIEW other.w_view AS SELECT * FROM other.target");
    sql("CREATE MATERIALIZED VIEW other.m_view AS SELECT 1 AS one");
    sql("CREATE TABLE other.parent (k int PRIMARY KEY) PARTITION BY RANGE (k)");
    sql("CREATE TABLE other.child PARTITION OF other.parent FOR VALUES FROM (0) TO (9)");
    sql("CREATE TABLE other.no_columns ()");

    all = catalog();
    ck_assert(rh_text_is(all.default_schema, "public"));
    for (uint32_t i = 0; i < all.n_tables; i++) {
        partition_seen = partition_seen || rh_text_is(all.tables[i].name, "child");
        ck_assert(!rh_text_starts(all.tables[i].schema, "pg_"));
        ck_assert(!rh_text_is(all.tables[i].schema, "information_schema"));
    }
    ck_assert(!partition_seen);
    table = table_named("select \"from\" \xc3\xa9");
    ck_assert(rh_text_is(table->schema, "odd schema"));
    ck_assert(rh_text_is(table->comment, "A table's comment"));
    ck_assert_uint_eq(table->n_key, 1);
    ck_assert(rh_text_is(table->columns[table->key[0]].name, "order"));
    column = column_named(table, "order");
    ck_assert_uint_eq(column->flags & (RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY),
                      RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY);
    column = column_named(table, "sp ace");
    ck_assert_uint_eq(column->max_length, 10);
    ck_assert(rh_text_is(column->native_type, "character varying(10)"));
    ck_assert(rh_text_is(column->default_text, "'it''s'::character varying"));
    ck_assert(column->flags & RH_COLUMN_EXACT_EQUAL);
    column = column_named(table, "quo\"te");
    ck_assert_uint_eq(column->precision, 12);
    ck_assert_uint_eq(column->scale, 3);
    column = column_named(table, "dom");
    ck_assert_uint_eq(column->type, RH_TYPE_INT);
    ck_assert(!(column->flags & RH_COLUMN_NOT_NULL)); /* its type is, which an outer join ignores */
    column = column_named(table, "c");
    ck_assert_uint_eq(column->n_options, 3);
    ck_assert(rh_text_is(column->options[1], "g\"r'een"));
    ck_assert(rh_text_is(column->options[2], "bl\xc3\xbc"));
    ck_assert(column_named(table, "always")->flags & RH_COLUMN_GENERATED);
    ck_assert(column_named(table, "twice")->flags & RH_COLUMN_GENERATED);
    ck_assert(rh_text_is(column_named(table, "ra")->comment, "of ra"));
    ck_assert(column_named(table, "bin")->flags & RH_COLUMN_BINARY_ORDER);
    ck_assert(column_named(table, "pt")->flags & RH_COLUMN_OPAQUE);
    ck_assert_uint_eq(column_named(table, "ar")->type, RH_TYPE_JSON);
    ck_assert_uint_eq(table->n_foreign_keys, 1);
    ck_assert(rh_text_is(table->foreign_keys[0].schema, "other"));
    ck_assert(rh_text_is(table->foreign_keys[0].table, "target"));
    ck_assert(rh_text_is(table->columns[table->foreign_keys[0].columns[0]].name, "rb"));
    ck_assert(rh_text_is(table->foreign_keys[0].ref_columns[0], "b"));
    ck_assert_uint_eq(table->n_indexes, 3);
    ck_assert_uint_eq(table->indexes[1].flags, RH_INDEX_UNIQUE | RH_INDEX_PARTIAL);
    ck_assert_uint_eq(table->indexes[2].n_columns, 2);
    ck_assert_uint_eq(table_named("target")->n_key, 2);
    ck_assert(rh_text_is(table_named("target")->columns[table_named("target")->key[0]].name, "b"));
    ck_assert_uint_eq(table_named("a_view")->kind, RH_TABLE_VIEW);
    ck_assert_uint_eq(table_named("a_view")->flags, RH_TABLE_READ_ONLY);
    ck_assert_uint_eq(table_named("w_view")->flags, 0);
    ck_assert_uint_eq(table_named("m_view")->kind, RH_TABLE_MATERIALIZED);
    ck_assert_uint_eq(table_named("no_columns")->n_columns, 0);
    ck_assert_uint_eq(table_named("parent")->n_key, 1);
}
END_TEST

START_TEST(shows_only_given_schemas)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), text_value(getenv("ROWHOUSE_TEST_POSTGRES"))},
        {RH_TEXT_INIT("schemas"), json_value("[\"visible\", \"pg_catalog\"]")}};
    struct rh_conn *made = NULL;
    struct rh_conn *mine = conn;
    struct rh_catalog all;

    (void)try_sql(conn, "DROP SCHEMA IF EXISTS visible CASCADE");
    sql("CREATE SCHEMA visible");
    sql("CREATE TABLE visible.one (a int)");
    ok(connect_with(items, 2, &made));
    conn = made;
    all = catalog();
    ck_assert_ptr_nonnull(table_named("one"));
    ck_assert_ptr_nonnull(table_named("pg_class"));
    for (uint32_t i = 0; i < all.n_tables; i++)
        ck_assert(!rh_text_is(all.tables[i].schema, "public"));
    conn = mine;
    pg->close(made);
}
END_TEST

/* ---- conditions ---- */

static const struct rh_table *people;

static void make_people(void)
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

static uint32_t position_of(const char *name)
{
    return (uint32_t)(column_named(people, name) - people->columns);
}

/* The ids for which the predicate holds, as the sum of 1 << id; checks that the plan says EXACT. */
static uint64_t holds(const char *column, uint32_t predicate, const struct rh_value *values,
                      uint32_t n)
{
    struct rh_query query = select_all(people);
    const struct rh_node node = {.op = predicate, .column = position_of(column), .n = n};
    const uint32_t conjunct = 0;
    uint8_t verdict = 0;
    uint32_t needs[64];
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t ids = 0;
    int rc = RH_OK;

    query.n_select = 1;
    query.nodes = &node;
    query.n_nodes = 1;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    query.values = values;
    query.n_values = n;
    ok(pg->plan(conn, &query, &plan, &error));
    ck_assert_msg(verdict == RH_VERDICT_EXACT, "%s op %#x: not exact", column, predicate);
    ok(pg->open(conn, op, &query, &cursor, &error));
    while ((rc = pg->next(cursor, op, 10, &batch, &error)) == RH_OK) {
        for (uint64_t row = 0; row < batch.n_rows; row++)
            ids |= UINT64_C(1) << batch.cells[row].as.i;
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    pg->finish(cursor);
    return ids;
}

#define ALL_IDS 0x7eu /* 1 … 6 */

static void check_holds(const char *column, uint32_t predicate, struct rh_value value, uint64_t ids)
{
    uint64_t found = holds(column, predicate, &value, 1);

    ck_assert_msg(found == ids, "%s op %#x \"%.*s\": %#llx instead of %#llx", column, predicate,
                  value.len ? (int)value.len : 0, value.len ? (const char *)value.as.data : "",
                  (unsigned long long)found, (unsigned long long)ids);
    found = holds(column, predicate | RH_OP_NOT, &value, 1);
    ck_assert_msg(found == (ALL_IDS & ~ids), "%s not op %#x: %#llx instead of %#llx", column,
                  predicate, (unsigned long long)found, (unsigned long long)(ALL_IDS & ~ids));
}

static uint32_t verdict_of(const char *column, uint32_t predicate, const struct rh_value *value)
{
    struct rh_query query = select_all(people);
    const struct rh_node node = {.op = predicate, .column = position_of(column), .n = 1};
    const uint32_t conjunct = 0;
    uint8_t verdict = 9;
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict};

    query.nodes = &node;
    query.n_nodes = query.n_conjuncts = query.n_values = 1;
    query.conjuncts = &conjunct;
    query.values = value;
    ok(pg->plan(conn, &query, &plan, &error));
    return verdict;
}

#define ID(n) (UINT64_C(1) << (n))
#define F(o) ((o) | RH_OP_FOLD)

START_TEST(predicates)
{
    const struct rh_value nan = {.type = RH_TYPE_FLOAT, .as.f = __builtin_nan("")};
    const struct rh_value half = {.type = RH_TYPE_FLOAT, .as.f = 1.5};
    const struct rh_value words[] = {text_value("Anna"), text_value(""), text_value("zzz")};
    const struct rh_value moods[] = {text_value("ok"), text_value("sad")};
    const struct rh_value odd_moods[] = {text_value("ok"), text_value("grumpy")};
    const struct rh_value ints[] = {int_value(1), int_value(100000), int_value(-32768)};

    make_people();
    check_holds("name", RH_OP_EQ, text_value("Anna"), ID(1));
    check_holds("name", RH_OP_EQ, text_value(""), ID(5));
    check_holds("name", RH_OP_LT, text_value("a"), ID(1) | ID(5));
    check_holds("name", RH_OP_GTE, text_value("straße"), ID(3) | ID(6));
    check_holds("ci", RH_OP_EQ, text_value("anna"), ID(2));
    check_holds("ci", RH_OP_LT, text_value("a"), ID(1) | ID(3) | ID(5));
    check_holds("ci", RH_OP_STARTS, text_value("an"), ID(2));
    check_holds("ci", F(RH_OP_STARTS), text_value("AN"), ID(1) | ID(2));
    check_holds("ch", RH_OP_EQ, text_value("b"), ID(3) | ID(6));
    check_holds("ch", RH_OP_EQ, text_value("b "), 0);
    check_holds("ch", RH_OP_LTE, text_value("AB"), ID(2) | ID(5));
    check_holds("n", RH_OP_EQ, decimal_value("1.000"), ID(1) | ID(2));
    check_holds("n", RH_OP_GT, decimal_value("99999999999999999999.49"), ID(5));
    check_holds("f", RH_OP_EQ, nan, ID(2));
    check_holds("f", RH_OP_GT, half, ID(2) | ID(6));
    check_holds("f4", RH_OP_GT, half, ID(3));
    check_holds("m", RH_OP_EQ, text_value("ok"), ID(2) | ID(5) | ID(6));
    check_holds("m", RH_OP_EQ, text_value("grumpy"), 0);
    check_holds("m", RH_OP_LT, text_value("ok"), ID(3));
    check_holds("m", RH_OP_CONTAINS, text_value("a"), ID(1) | ID(3));
    check_holds("d", RH_OP_LT, i_value(RH_TYPE_DATE, 0), ID(2));
    check_holds("d", RH_OP_EQ, i_value(RH_TYPE_DATE, INT64_MAX), ID(3));
    check_holds("ts", RH_OP_GTE, i_value(RH_TYPE_TIMESTAMP, 1709251199999999),
                ID(1) | ID(2) | ID(3));
    check_holds("u", RH_OP_GT, data_value(RH_TYPE_UUID, uuid_bytes, 16), ID(5));
    check_holds("by", RH_OP_LT, data_value(RH_TYPE_BYTES, "\0\1", 2), ID(1) | ID(3) | ID(6));
    check_holds("b", RH_OP_EQ, i_value(RH_TYPE_BOOL, 1), ID(1) | ID(5));
    check_holds("ip", RH_OP_EQ, text_value("10.0.0.9/32"), ID(1));
    check_holds("ip", RH_OP_LT, text_value("10.0.0.10"), ID(5));
    check_holds("s", RH_OP_LT, int_value(100000), ID(1) | ID(2) | ID(3) | ID(5) | ID(6));
    check_holds("s", RH_OP_EQ, int_value(-32768), ID(3));
    check_holds("name", RH_OP_LIKE, text_value("%\\%"), ID(3));
    check_holds("name", RH_OP_LIKE, text_value("line_break\\_x"), ID(4));
    check_holds("name", RH_OP_CONTAINS, text_value("%"), ID(3));
    check_holds("name", RH_OP_ENDS, text_value("K\\"), ID(6));
    check_holds("name", F(RH_OP_EQ) & ~RH_OP_FOLD, text_value("ANNA"), 0);
    check_holds("name", F(RH_OP_CONTAINS), text_value("NN"), ID(1) | ID(2));
    check_holds("name", F(RH_OP_STARTS), text_value("σίσυφος"), ID(6));      /* final sigma */
    check_holds("name", F(RH_OP_ENDS), text_value("\xe2\x84\xaa\\"), ID(6)); /* KELVIN SIGN */
    check_holds("name", F(RH_OP_LIKE), text_value("LINE%X"), ID(4));
    check_holds("name", F(RH_OP_LIKE), text_value("a__a"), ID(1) | ID(2));
    check_holds("name", F(RH_OP_LIKE), text_value("a.*"), 0);
    check_holds("name", F(RH_OP_CONTAINS), text_value("100%"), ID(3));
    check_holds("name", F(RH_OP_CONTAINS), text_value(""), ALL_IDS);
    ck_assert_uint_eq(holds("name", RH_OP_IN, words, 3), ID(1) | ID(5));
    ck_assert_uint_eq(holds("name", RH_OP_IN | RH_OP_NOT, words, 3), ALL_IDS & ~(ID(1) | ID(5)));
    ck_assert_uint_eq(holds("ci", RH_OP_IN, words, 3), ID(1) | ID(5));
    ck_assert_uint_eq(holds("m", RH_OP_IN, moods, 2), ID(1) | ID(2) | ID(5) | ID(6));
    ck_assert_uint_eq(holds("m", RH_OP_IN, odd_moods, 2), ID(2) | ID(5) | ID(6));
    ck_assert_uint_eq(holds("s", RH_OP_IN, ints, 3), ID(1) | ID(3));
    ck_assert_uint_eq(holds("jb", RH_OP_NULL, NULL, 0), ID(4));
    ck_assert_uint_eq(holds("jb", RH_OP_EMPTY, NULL, 0), ID(2) | ID(3) | ID(4) | ID(5));
    ck_assert_uint_eq(holds("jb", RH_OP_EMPTY | RH_OP_NOT, NULL, 0), ID(1) | ID(6));
    check_holds("jb", RH_OP_HAS_ANY, json_value("1.0"), ID(1));
    check_holds("jb", RH_OP_HAS_ALL, json_value("\"a\""), ID(1));
    check_holds("jb", RH_OP_HAS_ALL, json_value("\"\""), 0); /* a string is no array */
}
END_TEST

/* Composites of NULLs, infinite numbers, NOT NULL domains, numbers that are no oids. */
START_TEST(predicates_of_odd_values)
{
    const struct rh_value far = int_value(INT64_C(1) << 32), below = int_value(-1);

    (void)try_sql(conn, "DROP TABLE IF EXISTS odd CASCADE");
    (void)try_sql(conn, "DROP TYPE IF EXISTS pair");
    (void)try_sql(conn, "DROP DOMAIN IF EXISTS always");
    sql("CREATE TYPE pair AS (a int, b int)");
    sql("CREATE DOMAIN always AS int NOT NULL");
    sql("CREATE TABLE odd (id int PRIMARY KEY, p pair, n numeric, o oid, k always,"
        " ps int[])");
    sql("INSERT INTO odd VALUES (1, ROW(NULL, NULL), 'Infinity', 1, 1), (2, NULL, 4, 2, 1),"
        " (3, ROW(1, NULL), '-Infinity', 3, 1), (4, '(1,2)', 'NaN', 4294967295, 1),"
        " (5, NULL, 2, NULL, 1), (6, NULL, NULL, 0, 1)");
    sql("UPDATE odd SET ps = '{NULL}' WHERE id IN (1, 3, 4)");
    sql("CREATE VIEW odd_view AS SELECT i, odd.k FROM generate_series(6, 7) i"
        " LEFT JOIN odd ON odd.id = i");
    people = table_named("odd");
    ck_assert_uint_eq(verdict_of("p", RH_OP_NULL, &below), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of("p", RH_OP_NULL | RH_OP_NOT, &below), RH_VERDICT_NONE);
    ck_assert_uint_eq(holds("ps", RH_OP_NULL, NULL, 0), ID(2) | ID(5) | ID(6));
    ck_assert_uint_eq(holds("ps", RH_OP_NULL | RH_OP_NOT, NULL, 0), ID(1) | ID(3) | ID(4));
    check_holds("n", RH_OP_GT, int_value(3), ID(2) | ID(4));
    check_holds("n", RH_OP_GTE, int_value(4), ID(2) | ID(4));
    check_holds("n", RH_OP_LT, int_value(3), ID(5));
    check_holds("n", RH_OP_LTE, int_value(4), ID(2) | ID(5));
    check_holds("o", RH_OP_EQ, int_value(4294967295), ID(4));
    ck_assert_uint_eq(verdict_of("o", RH_OP_EQ, &far), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of("o", RH_OP_GT, &below), RH_VERDICT_NONE);
    ck_assert(!(column_named(table_named("odd_view"), "k")->flags & RH_COLUMN_NOT_NULL));
}
END_TEST

/* Every pair of these collations, each way; names and texts, too. */
START_TEST(joins_across_collations)
{
    const struct rh_node node = {.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .first = 0};
    const uint32_t conjunct = 0;
    uint64_t n_taken = 0;

    (void)try_sql(conn, "DROP TABLE IF EXISTS people");
    (void)try_sql(conn, "DROP TABLE IF EXISTS collated");
    sql("CREATE TABLE collated (a text, b text COLLATE \"C\", c text COLLATE \"POSIX\","
        " d name, e varchar(9) COLLATE \"en-x-icu\")");
    sql("INSERT INTO collated VALUES ('x', 'x', 'x', 'x', 'x'), ('Y', 'y', 'Y', 'y', 'Y')");
    people = table_named("collated");
    for (uint32_t outer = 0; outer < 5; outer++) {
        for (uint32_t inner = 0; inner < 5; inner++) {
            struct rh_query query = select_all(people);
            const struct rh_semijoin join = {.schema = people->schema,
                                             .table = people->name,
                                             .columns = people->columns,
                                             .n_columns = people->n_columns,
                                             .column_stride = people->column_stride,
                                             .outer = &outer,
                                             .inner = &inner,
                                             .n_pairs = 1};
            uint8_t verdict = RH_VERDICT_NONE;
            uint32_t needs[64];
            struct rh_plan plan = {
                .struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};
            bool same = (outer == 1 || outer == 3) == (inner == 1 || inner == 3);
            query.nodes = &node;
            query.n_nodes = query.n_conjuncts = query.n_semijoins = 1;
            query.conjuncts = &conjunct;
            query.semijoins = &join;
            query.semijoin_stride = sizeof join;
            ok(pg->plan(conn, &query, &plan, &error));
            if (verdict != RH_VERDICT_EXACT)
                continue;
            n_taken++;
            ck_assert_uint_eq(count_rows(&query), same ? 2 : 1);
        }
    }
    ck_assert_uint_eq(n_taken, 25);
}
END_TEST

START_TEST(says_what_it_cannot)
{
    const struct rh_value nul = data_value(RH_TYPE_TEXT, "a\0", 2);
    const struct rh_value object = json_value("{\"a\":1}");
    const struct {
        const char *column;
        uint32_t op;
        const struct rh_value *value;
    } cases[] = {{"name", RH_OP_EQ, &nul}, {"jb", RH_OP_HAS_ALL, &object}};

    make_people();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rh_query query = select_all(people);
        const struct rh_node node = {
            .op = cases[i].op, .column = position_of(cases[i].column), .n = 1};
        const uint32_t conjunct = 0;
        uint8_t verdict = 9;
        struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict};
        query.nodes = &node;
        query.n_nodes = query.n_conjuncts = query.n_values = 1;
        query.conjuncts = &conjunct;
        query.values = cases[i].value;
        ok(pg->plan(conn, &query, &plan, &error));
        ck_assert_uint_eq(verdict, RH_VERDICT_NONE);
    }
}
END_TEST

START_TEST(aggregates_exactly)
{
    const struct rh_table *table = NULL;
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    const struct rh_aggregate aggregates[] = {{RH_AGG_COUNT, RH_NO_COLUMN, 0, RH_TYPE_INT},
                                              {RH_AGG_COUNT, 0, 1, RH_TYPE_INT},
                                              {RH_AGG_SUM, 0, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_AVG, 0, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_AVG, 1, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_MIN, 2, 0, RH_TYPE_TEXT},
                                              {RH_AGG_MAX, 1, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_MIN, 3, 0, RH_TYPE_UUID},
                                              {RH_AGG_MAX, 4, 0, RH_TYPE_BOOL},
                                              {RH_AGG_SUM, 5, 0, RH_TYPE_FLOAT}};
    struct rh_value expected[] = {int_value(3),
                                  int_value(2),
                                  decimal_value("18446744073709551615"),
                                  decimal_value("6148914691236517205.000000"),
                                  decimal_value("-0.500001"),
                                  text_value("B"),
                                  decimal_value("0"),
                                  data_value(RH_TYPE_UUID, uuid_bytes, 16),
                                  i_value(RH_TYPE_BOOL, 1),
                                  {.type = RH_TYPE_FLOAT, .as.f = 0.75}};

    (void)try_sql(conn, "DROP TABLE IF EXISTS agg_test");
    sql("CREATE TABLE agg_test (i bigint, n numeric, t text, u uuid, b bool, f real)");
    sql("INSERT INTO agg_test VALUES (9223372036854775807, -1.0000010, 'a',"
        " '123e4567-e89b-12d3-a456-426614174000', true, 0.5), (9223372036854775807, 0, 'B',"
        " 'ffffffff-0000-0000-0000-000000000000', false, 0.25), (1, NULL, 'c', NULL, NULL, NULL)");
    table = table_named("agg_test");
    query = select_all(table);
    query.n_select = 0;
    query.aggregates = aggregates;
    query.n_aggregates = sizeof aggregates / sizeof aggregates[0];
    ok(pg->open(conn, op, &query, &cursor, &error));
    ok(pg->next(cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 1);
    for (uint32_t i = 0; i < query.n_aggregates; i++)
        check_same(&expected[i], &batch.cells[i], rh_text_of("aggregate"));
    pg->finish(cursor);
    sql("DELETE FROM agg_test");
    ok(pg->open(conn, op, &query, &cursor, &error));
    ok(pg->next(cursor, op, 10, &batch, &error));
    ck_assert_int_eq(batch.cells[0].as.i, 0);
    for (uint32_t i = 2; i < query.n_aggregates; i++)
        ck_assert_uint_eq(batch.cells[i].type, RH_TYPE_NULL);
    pg->finish(cursor);
}
END_TEST

START_TEST(groups_orders_and_limits)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    const struct rh_group groups[] = {{0, RH_BUCKET_NONE}, {0, RH_BUCKET_MONTH}};
    const struct rh_aggregate count = {RH_AGG_COUNT, RH_NO_COLUMN, 0, RH_TYPE_INT};
    const struct rh_order order[] = {{2, RH_ORDER_DESC}, {0, RH_ORDER_BINARY}};
    struct rh_group used[2];
    struct rh_plan plan = {.struct_size = sizeof plan};

    make_people();
    query = select_all(people);
    memcpy(used, groups, sizeof used);
    used[0].column = position_of("m");
    used[1].column = position_of("d");
    query.n_select = 0;
    query.groups = used;
    query.n_groups = 2;
    query.aggregates = &count;
    query.n_aggregates = 1;
    query.order = order;
    query.n_order = 2;
    query.offset = 1;
    query.limit = 3;
    ok(pg->plan(conn, &query, &plan, &error));
    ck_assert_uint_eq(plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(plan.n_order, 2);
    ok(pg->open(conn, op, &query, &cursor, &error));
    ok(pg->next(cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 3);
    ck_assert_uint_eq(batch.n_cols, 3);
    ck_assert_uint_eq(batch.cells[0].type, RH_TYPE_TEXT);
    ck_assert_uint_eq(batch.cells[1].type, RH_TYPE_DATE);
    pg->finish(cursor);
}
END_TEST

START_TEST(estimates_and_explains)
{
    struct rh_query query;
    struct rh_text text = {NULL, 0};
    int64_t rows = 0;

    make_big_table();
    query = select_all(table_named("big_test"));
    ok(pg->estimate(conn, op, &query, &rows, &error));
    ck_assert_int_gt(rows, 900000);
    ck_assert_int_lt(rows, 1100000);
    ok(pg->explain(conn, op, &query, &text, &error));
    ck_assert(rh_text_starts(text, "SELECT t0.\"id\""));
}
END_TEST

/* ---- writing ---- */

static const struct rh_table *stock;

static void make_stock(void)
{
    (void)try_sql(conn, "DROP TABLE IF EXISTS stock");
    sql("CREATE TABLE stock (id int PRIMARY KEY, name text NOT NULL, qty int DEFAULT 7"
        " CHECK (qty >= 0), tag text)");
    stock = table_named("stock");
}

static struct rh_value missing = {.type = RH_TYPE_MISSING};

START_TEST(inserts_and_returns_in_order)
{
    struct rh_value cells[] = {int_value(3), text_value("c"), missing,      missing,
                               int_value(1), text_value("a"), int_value(1), text_value("x"),
                               int_value(2), text_value("b"), missing,      text_value("y")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    spec = spec_for(stock, stock->columns, 4, cells, 3);
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    ck_assert_uint_eq(result.returned.n_rows, 3);
    ck_assert_int_eq(result.returned.cells[0].as.i, 3);
    ck_assert_int_eq(result.returned.cells[2].as.i, 7);
    ck_assert_int_eq(result.returned.cells[3].as.i, 1);
    ck_assert_int_eq(result.returned.cells[5].as.i, 1);
    ck_assert_int_eq(result.returned.cells[6].as.i, 2);
    sql("ALTER TABLE stock ALTER name DROP NOT NULL, ALTER id SET DEFAULT 99");
    spec =
        spec_for(stock, stock->columns, 4, (struct rh_value[]){missing, missing, missing, missing},
                 1); /* nothing given at all */
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ck_assert_int_eq(sql_int("SELECT qty FROM stock WHERE id = 99"), 7);
}
END_TEST

/* Many rows with one bad among them: nothing is kept, and the row is named, on every path. */
static void insert_with_bad_row(uint64_t n, uint64_t bad, uint32_t n_returning, bool in_tx)
{
    struct rh_value *cells = calloc(n * 3, sizeof *cells);
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    for (uint64_t i = 0; i < n; i++) {
        cells[i * 3] = int_value((int64_t)i + 1000);
        cells[i * 3 + 1] = text_value("row");
        cells[i * 3 + 2] = int_value(5);
    }
    cells[bad * 3] = int_value(1000); /* a duplicate key */
    spec = spec_for(stock, stock->columns, 3, cells, n);
    spec.returning = stock->columns;
    spec.n_returning = n_returning;
    if (in_tx) {
        ok(pg->tx->begin(conn, op, 0, &error));
        sql("INSERT INTO stock VALUES (1, 'before', 1)");
    }
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_msg(error.row == bad, "row %llu instead of %llu", (unsigned long long)error.row,
                  (unsigned long long)bad);
    ck_assert_str_eq(error.sqlstate, "23505");
    rh_error_clear(&error);
    if (in_tx) {
        ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1); /* still usable */
        ok(pg->tx->rollback(conn, op, &error));
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
    cells[bad * 3] = int_value(5000);
    rh_error_clear(&error);
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, n);
    ck_assert_uint_eq(result.returned.n_rows, n_returning ? n : 0);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), (int64_t)n);
    sql("DELETE FROM stock");
    free(cells);
}

START_TEST(inserts_all_or_nothing)
{
    make_stock();
    insert_with_bad_row(3, 2, 0, false);
    insert_with_bad_row(2000, 1500, 1, false);
    insert_with_bad_row(2000, 1500, 0, false); /* COPY */
    insert_with_bad_row(3, 1, 0, true);
    insert_with_bad_row(2000, 700, 2, true);
    insert_with_bad_row(2000, 700, 0, true);
}
END_TEST

START_TEST(names_the_constraint)
{
    struct rh_value cells[] = {int_value(1), {.type = RH_TYPE_NULL}, int_value(1)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    spec = spec_for(stock, stock->columns, 3, cells, 1);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_str_eq(error.column, "name");
    ck_assert_uint_eq(error.row, 0);
    cells[1] = text_value("x");
    cells[2] = int_value(-1);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
    (void)try_sql(conn, "DROP TABLE IF EXISTS stock_of");
    sql("CREATE TABLE stock_of (s int REFERENCES stock)");
    fails(try_sql(conn, "INSERT INTO stock_of VALUES (77)"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_FOREIGN_KEY);
    sql("DROP TABLE stock_of");
}
END_TEST

START_TEST(updates_and_deletes_by_key)
{
    const uint32_t key = 0, name_key = 1;
    struct rh_value cells[] = {int_value(1),
                               text_value("one"),
                               int_value(10),
                               int_value(9),
                               text_value("no such row"),
                               int_value(1),
                               int_value(2),
                               missing,
                               int_value(20),
                               int_value(1),
                               text_value("again"),
                               missing};
    struct rh_value names[] = {text_value("gone"), int_value(4), text_value("twin"), int_value(5)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'twin'), (4, 'twin'),"
        " (5, 'gone')");
    spec = spec_for(stock, stock->columns, 3, cells, 4);
    spec.key = &key;
    spec.n_key = 1;
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(pg->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    ck_assert_uint_eq(result.returned.n_rows, 3); /* the row that matched none is left out */
    ck_assert_int_eq(result.returned.cells[0].as.i, 1);
    ck_assert_int_eq(result.returned.cells[3].as.i, 2);
    check_same(&cells[10], &result.returned.cells[7], rh_text_of("name"));
    ck_assert_int_eq(result.returned.cells[8].as.i, 10);
    /* keyed by a column that is no key: the second row matches two, so nothing happens */
    spec = spec_for(stock, &stock->columns[1], 2, names, 2);
    spec.key = (const uint32_t[]){0};
    spec.n_key = 1;
    (void)name_key;
    fails(pg->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    ck_assert_uint_eq(error.row, 1);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE qty IN (4, 5)"), 0);
    ok(pg->tx->begin(conn, op, 0, &error)); /* in a transaction, which stays usable */
    fails(pg->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    rh_error_clear(&error);
    spec = spec_for(stock, stock->columns, 1, (struct rh_value[]){int_value(3), int_value(8)}, 2);
    spec.key = &key;
    spec.n_key = 1;
    ok(pg->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ok(pg->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 4);
}
END_TEST

/* One row outside a transaction goes another way. */
START_TEST(changes_one_row)
{
    struct rh_value cells[] = {text_value("twin"), int_value(5)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'one'), (3, 'twin'), (4, 'twin')");
    spec = spec_for(stock, &stock->columns[1], 2, cells, 1);
    spec.key = (const uint32_t[]){0};
    spec.n_key = 1;
    for (int i = 0; i < 3; i++) { /* unprepared and prepared */
        fails(pg->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
        ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
        ck_assert_uint_eq(error.row, 0);
    }
    spec.n_columns = 1;
    fails(pg->write->remove(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE qty = 7"), 3);
    ok(pg->tx->begin(conn, op, 0, &error)); /* and inside one, which stays usable */
    fails(pg->write->remove(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    rh_error_clear(&error);
    cells[0] = text_value("one");
    ok(pg->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ok(pg->tx->rollback(conn, op, &error));
    spec.n_columns = 2;
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(pg->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_int_eq(result.returned.cells[0].as.i, 1);
    ck_assert_int_eq(result.returned.cells[2].as.i, 5);
    cells[1] = int_value(-5);
    fails(pg->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
    rh_error_clear(&error);
    cells[0] = text_value("nobody");
    ok(pg->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 0);
    ck_assert_uint_eq(result.returned.n_rows, 0);
    sql("CREATE TABLE IF NOT EXISTS stock_log (what text)");
    sql("CREATE RULE log AS ON UPDATE TO stock DO ALSO INSERT INTO stock_log VALUES ('x')");
    cells[0] = text_value("one");
    cells[1] = int_value(6);
    spec.n_returning = 0;
    ok(pg->write->update(conn, op, &spec, &result, &error)); /* a rule: not inside WITH */
    ck_assert_int_eq(sql_int("SELECT qty FROM stock WHERE id = 1"), 6);
    sql("DROP RULE log ON stock");
}
END_TEST

/* Cancelled in the middle of many changes: nothing is kept, and the session goes on. */
START_TEST(cancels_writes)
{
    struct rh_value cells[300];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    pthread_t thread;

    make_stock();
    sql("INSERT INTO stock SELECT i, 'n' FROM generate_series(0, 99) i");
    sql("CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END'");
    sql("CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION "
        "slow()");
    for (int i = 0; i < 100; i++) {
        cells[i * 3] = int_value(i);
        cells[i * 3 + 1] = text_value("changed");
        cells[i * 3 + 2] = int_value(1);
    }
    for (int nested = 0; nested < 2; nested++) {
        for (int way = 0; way < 3; way++) {
            spec = spec_for(stock, stock->columns, 3, cells, 100);
            spec.key = (const uint32_t[]){0};
            spec.n_key = way == 0;
            if (way == 2) { /* by chunks instead of COPY */
                spec.returning = stock->columns;
                spec.n_returning = 1;
            }
            for (int i = 0; i < 100; i++)
                cells[i * 3] = int_value(way ? 1000 + i : i);
            if (nested)
                ok(pg->tx->begin(conn, op, 0, &error));
            ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, conn), 0);
            if (way == 0)
                fails(pg->write->update(conn, op, &spec, &result, &error), RH_CANCELLED);
            else
                fails(pg->write->insert(conn, op, &spec, &result, &error), RH_CANCELLED);
            (void)pthread_join(thread, NULL);
            rh_error_clear(&error);
            ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE name = 'changed'"), 0);
            if (nested)
                ok(pg->tx->commit(conn, op, &error));
        }
    }
}
END_TEST

START_TEST(changes_keys)
{
    struct rh_column columns[2];
    struct rh_value cells[] = {int_value(1), int_value(100)};
    const uint32_t key = 0;
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a')");
    columns[0] = columns[1] = stock->columns[0];
    spec = spec_for(stock, columns, 2, cells, 1);
    spec.key = &key;
    spec.n_key = 1;
    ok(pg->write->update(conn, op, &spec, &result, &error));
    ck_assert_int_eq(sql_int("SELECT id FROM stock"), 100);
}
END_TEST

START_TEST(upserts)
{
    const uint32_t key = 0;
    struct rh_value cells[] = {int_value(1),      text_value("new"), int_value(2),
                               text_value("two"), int_value(2),      text_value("two again")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock VALUES (1, 'old', 50)");
    spec = spec_for(stock, stock->columns, 2, cells, 3);
    spec.key = &key;
    spec.n_key = 1;
    spec.resolve = RH_RESOLVE_MERGE;
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(pg->write->upsert(conn, op, &spec, &result, &error)); /* the same key twice in one call */
    ck_assert_uint_eq(result.returned.n_rows, 3);
    ck_assert_int_eq(result.returned.cells[2].as.i, 50);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE name IN ('new', 'two again')"), 2);
    spec.resolve = RH_RESOLVE_IGNORE;
    cells[0] = int_value(7);
    spec.n_rows = 2;
    ok(pg->write->upsert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_uint_eq(result.returned.n_rows, 1);
    ck_assert_int_eq(result.returned.cells[0].as.i, 7);
}
END_TEST

START_TEST(writes_by_condition)
{
    struct rh_query where;
    const struct rh_node node = {.op = RH_OP_GTE, .column = 0, .n = 1};
    const struct rh_value two = int_value(2);
    const uint32_t conjunct = 0;
    struct rh_value cell = int_value(33);
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    where = select_all(stock);
    where.n_select = 0;
    where.nodes = &node;
    where.n_nodes = where.n_conjuncts = where.n_values = 1;
    where.conjuncts = &conjunct;
    where.values = &two;
    spec = spec_for(stock, &stock->columns[2], 1, &cell, 1);
    spec.where = &where;
    ok(pg->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(sql_int("SELECT sum(qty)::int FROM stock"), 33 + 33 + 7);
    ok(pg->tx->begin(conn, op, 0, &error)); /* the same inside a transaction */
    cell = int_value(-1);
    fails(pg->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert(error.row == RH_NO_ROW);
    rh_error_clear(&error);
    cell = int_value(44);
    spec.returning = stock->columns;
    spec.n_returning = 1;
    ok(pg->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.returned.n_rows, 2);
    spec = spec_for(stock, NULL, 0, NULL, 0);
    spec.where = &where;
    ok(pg->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    ok(pg->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT sum(qty)::int FROM stock"), 33 + 33 + 7);
    ok(pg->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
}
END_TEST

static void *kill_soon(void *context)
{
    (void)usleep(200000);
    sql(context);
    return NULL;
}

/* The connection is lost while a change is under way: nobody can know. */
START_TEST(outcome_unknown)
{
    struct rh_conn *victim = connect_url(), *mine = conn;
    struct rh_value cells[] = {int_value(1), text_value("x")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    pthread_t thread;
    char text[128];

    make_stock();
    sql("CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(20); RETURN NEW; END'");
    sql("CREATE TRIGGER slow BEFORE INSERT ON stock FOR EACH ROW EXECUTE FUNCTION slow()");
    conn = victim;
    (void)snprintf(text, sizeof text, "SELECT pg_terminate_backend(%lld)",
                   (long long)sql_int("SELECT pg_backend_pid()"));
    conn = mine;
    spec = spec_for(stock, stock->columns, 2, cells, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_soon, text), 0);
    int rc = pg->write->insert(victim, op, &spec, &result, &(struct rh_error)RH_ERROR_INIT);
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(rc, RH_UNKNOWN_OUTCOME);
    fails(pg->ping(victim, op, &error), RH_UNAVAILABLE);
    pg->close(victim);
    /* A deadline that passes, with the server's word that nothing was kept, is no riddle. */
    fresh(SECOND / 5);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_TIMEOUT);
    fresh(10 * SECOND);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
}
END_TEST

START_TEST(copy_falls_back)
{
    struct rh_value cells[100];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    const struct rh_table *view = NULL;

    (void)try_sql(conn, "DROP TABLE IF EXISTS viewed CASCADE");
    sql("CREATE TABLE viewed (a int)");
    sql("CREATE VIEW viewing AS SELECT a FROM viewed");
    view = table_named("viewing");
    for (int i = 0; i < 100; i++)
        cells[i] = int_value(i);
    spec = spec_for(view, view->columns, 1, cells, 100);
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 100);
    ok(pg->tx->begin(conn, op, 0, &error));
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ok(pg->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM viewed"), 200);
}
END_TEST

/* ---- transactions ---- */

START_TEST(transactions)
{
    struct rh_conn *second = connect_url(), *mine = conn;

    make_stock();
    ok(pg->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    ok(pg->tx->savepoint(conn, op, 1, &error));
    sql("INSERT INTO stock VALUES (2, 'b')");
    ok(pg->tx->savepoint(conn, op, 2, &error));
    fails(try_sql(conn, "INSERT INTO stock VALUES (1, 'again')"), RH_CONSTRAINT);
    rh_error_clear(&error);
    ok(pg->tx->rollback_to(conn, op, 2, &error));
    ok(pg->tx->release(conn, op, 2, &error));
    ok(pg->tx->rollback_to(conn, op, 1, &error));
    ok(pg->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);

    ok(pg->tx->begin(conn, op, RH_TX_READ_ONLY | RH_TX_SNAPSHOT, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    conn = second;
    sql("INSERT INTO stock VALUES (5, 'other')");
    conn = mine;
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    fails(try_sql(conn, "INSERT INTO stock VALUES (6, 'no')"), RH_PERMISSION);
    rh_error_clear(&error);
    fails(pg->tx->commit(conn, op, &error), RH_INVALID); /* it had failed */
    rh_error_clear(&error);
    ok(pg->tx->begin(conn, op, 0, &error)); /* reset ends what was left open */
    sql("INSERT INTO stock VALUES (8, 'left')");
    ok(pg->reset(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE id = 8"), 0);
    fails(pg->tx->commit(conn, op, &error), RH_INVALID);
    pg->close(second);
}
END_TEST

/* ---- native ---- */

START_TEST(native_statements)
{
    const struct rh_value parameters[] = {
        int_value(2), text_value("x'; DROP TABLE stock; --"), {.type = RH_TYPE_NULL}};
    struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .n_parameters = 3,
        .parameters = parameters,
        .text = RH_TEXT_INIT("SELECT id, $2::text AS t, $3::date AS nothing, 1.50 AS n,"
                             " 'NaN'::float8 AS f, '\\x00ff'::bytea AS b, '1 mon'::interval AS i,"
                             " '{1,2}'::int[] AS a, now() AS ts, '[1]'::jsonb AS j,"
                             " 'Infinity'::numeric AS inf, '0044-03-15 BC'::date AS ides"
                             " FROM stock WHERE id = $1")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};

    make_stock();
    sql("INSERT INTO stock VALUES (1, 'a'), (2, 'b')");
    ok(pg->native->run(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_columns, 12);
    ck_assert(rh_text_is(result.columns[0].name, "id"));
    ck_assert_uint_eq(result.columns[2].type, RH_TYPE_DATE);
    ck_assert_uint_eq(result.columns[3].type, RH_TYPE_DECIMAL);
    ok(pg->next(result.cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 1);
    ck_assert_int_eq(batch.cells[0].as.i, 2);
    check_same(&parameters[1], &batch.cells[1], rh_text_of("t"));
    ck_assert_uint_eq(batch.cells[2].type, RH_TYPE_NULL);
    ck_assert_uint_eq(batch.cells[3].type, RH_TYPE_DECIMAL);
    ck_assert_uint_eq(batch.cells[4].type, RH_TYPE_FLOAT);
    check_same(&(struct rh_value){.type = RH_TYPE_BYTES, .len = 2, .as.data = "\0\xff"},
               &batch.cells[5], rh_text_of("b"));
    ck_assert_uint_eq(batch.cells[6].type, RH_TYPE_INTERVAL);
    ck_assert_int_eq(((const struct rh_interval *)batch.cells[6].as.data)->months, 1);
    ck_assert_uint_eq(batch.cells[7].type, RH_TYPE_TEXT);
    ck_assert_uint_eq(batch.cells[8].type, RH_TYPE_TIMESTAMP);
    ck_assert_uint_eq(batch.cells[9].type, RH_TYPE_JSON);
    ck_assert_uint_eq(batch.cells[10].type, RH_TYPE_TEXT);
    ck_assert_uint_eq(batch.cells[11].type, RH_TYPE_TEXT);
    ck_assert_int_eq(pg->next(result.cursor, op, 10, &batch, &error), RH_END);
    pg->finish(result.cursor);

    fails(try_sql(conn, "SELECT 1; SELECT 2"), RH_INVALID);
    fails(try_sql(conn, "/* x */ -- y\n COMMIT"), RH_UNSUPPORTED);
    fails(try_sql(conn, "COPY stock TO STDOUT"), RH_UNSUPPORTED);
    fails(try_sql(conn, "SELEC 1"), RH_INVALID);
    fails(try_sql(conn, "SELECT * FROM no_such_table"), RH_NOT_FOUND);
    rh_error_clear(&error);
    spec = (struct rh_native_spec){.struct_size = sizeof spec,
                                   .text = RH_TEXT_INIT("UPDATE stock SET qty = 1 RETURNING id")};
    ok(pg->native->run(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    pg->finish(result.cursor);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE qty = 1"), 2);
}
END_TEST

START_TEST(native_read_only)
{
    make_stock();
    operation.abi.flags = RH_OP_READ_ONLY;
    fails(try_sql(conn, "INSERT INTO stock VALUES (1, 'a')"), RH_PERMISSION);
    fails(try_sql(conn, "WITH x AS (INSERT INTO stock VALUES (1, 'a') RETURNING id)"
                        " SELECT * FROM x"),
          RH_PERMISSION);
    rh_error_clear(&error);
    ok(try_sql(conn, "SET default_transaction_read_only = off"));
    ok(try_sql(conn, "SELECT set_config('search_path', 'elsewhere', false)"));
    operation.abi.flags = 0;
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
    ok(pg->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    operation.abi.flags = RH_OP_READ_ONLY;
    fails(try_sql(conn, "INSERT INTO stock VALUES (2, 'b')"), RH_PERMISSION);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    operation.abi.flags = 0;
    sql("INSERT INTO stock VALUES (3, 'c')"); /* the host's transaction may still write */
    ok(pg->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 2);
}
END_TEST

START_TEST(native_streams)
{
    const struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .text = RH_TEXT_INIT("SELECT i, md5(i::text) FROM generate_series(1, 300000) i")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    const struct rh_native_spec endless = {
        .struct_size = sizeof endless,
        .text = RH_TEXT_INIT("SELECT i, md5(i::text) FROM generate_series(1, 5000000) i")};
    uint64_t n = 0, start = 0;
    int rc = RH_OK;

    operation.abi.flags = RH_OP_READ_ONLY;
    ok(pg->native->run(conn, op, &spec, &result, &error));
    while ((rc = pg->next(result.cursor, op, 1000, &batch, &error)) == RH_OK)
        n += batch.n_rows;
    ck_assert_int_eq(rc, RH_END);
    ck_assert_uint_eq(n, 300000);
    pg->finish(result.cursor);
    ok(pg->native->run(conn, op, &endless, &result, &error));
    ok(pg->next(result.cursor, op, 10, &batch, &error));
    fails(pg->ping(conn, op, &error), RH_BUSY);
    start = rh_clock_us();
    pg->finish(result.cursor); /* early */
    ck_assert_uint_lt(rh_clock_us() - start, SECOND);
    rh_error_clear(&error);
    ok(pg->ping(conn, op, &error));
}
END_TEST

/* Without READ_ONLY, what a SELECT did stays done though nobody reads its rows. */
START_TEST(native_effects_stay)
{
    const struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .text = RH_TEXT_INIT("WITH x AS (INSERT INTO stock SELECT i, 'a'"
                             " FROM generate_series(1, 20000) i RETURNING id, name)"
                             " SELECT id, name, NULL AS nothing FROM x ORDER BY id")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = RH_OK;

    make_stock();
    ok(pg->native->run(conn, op, &spec, &result, &error));
    ok(pg->next(result.cursor, op, 1, &batch, &error));
    ck_assert_int_eq(batch.cells[0].as.i, 1);
    ck_assert_uint_eq(batch.cells[2].type, RH_TYPE_NULL);
    pg->finish(result.cursor);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 20000);
    operation.abi.memory_budget = 10000; /* what does not fit is undone, or said to be open */
    rc = try_sql(conn, "DELETE FROM stock RETURNING id");
    ck_assert(rc == RH_RESOURCE || rc == RH_UNKNOWN_OUTCOME);
    rh_error_clear(&error);
    operation.abi.memory_budget = 0;
    if (rc == RH_RESOURCE)
        ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 20000);
}
END_TEST

/* Whatever stands in front of it: transaction control does not get to the server. */
START_TEST(native_hides_no_control)
{
    static const char *const texts[] = {";COMMIT", "/* /* */ */ ROLLBACK", "-- x\rCOMMIT",
                                        "\f;;/**/;END", ";COPY (SELECT 1) TO PROGRAM 'true'"};

    make_stock();
    ok(pg->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (uint32_t flags = 0; flags <= RH_OP_READ_ONLY; flags++) {
            operation.abi.flags = flags;
            fails(try_sql(conn, texts[i]), RH_UNSUPPORTED);
            rh_error_clear(&error);
        }
    }
    operation.abi.flags = RH_OP_READ_ONLY;
    fails(try_sql(conn, "DEALLOCATE ALL"), RH_PERMISSION);
    fails(try_sql(conn, "DISCARD PLANS"), RH_PERMISSION);
    rh_error_clear(&error);
    operation.abi.flags = 0;
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    ok(pg->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
}
END_TEST

static int64_t locks_held(struct rh_conn *by)
{
    struct rh_conn *mine = conn;
    int64_t n = 0;

    conn = by;
    n = sql_int("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711");
    conn = mine;
    return n;
}

START_TEST(resets_after_reading)
{
    struct rh_conn *second = connect_url();

    operation.abi.flags = RH_OP_READ_ONLY;
    ok(try_sql(conn, "SELECT pg_advisory_lock(4711)"));
    operation.abi.flags = 0;
    ck_assert_int_eq(locks_held(second), 1);
    ok(pg->reset(conn, op, &error));
    ck_assert_int_eq(locks_held(second), 0);
    pg->close(second);
}
END_TEST

START_TEST(resets_session_settings)
{
    sql("SET TimeZone = 'Asia/Tokyo'");
    sql("SET search_path = nowhere");
    sql("CREATE TEMP TABLE left_over (a int)");
    ok(pg->reset(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT (current_setting('TimeZone') = 'UTC'"
                             " AND current_setting('search_path') <> 'nowhere'"
                             " AND to_regclass('left_over') IS NULL)::int"),
                     1);
}
END_TEST

/* The same where statements go through a pipeline, outside and inside a transaction. */
START_TEST(prepares_writes_again)
{
    struct rh_value cells[2 * 5];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_column columns[2];

    for (int nested = 0; nested < 2; nested++) {
        make_stock();
        sql("INSERT INTO stock SELECT i, 'a' FROM generate_series(1, 5) i");
        columns[0] = *column_named(stock, "id");
        columns[1] = *column_named(stock, "name");
        for (int i = 0; i < 5; i++) {
            cells[2 * i] = int_value(i + 1);
            cells[2 * i + 1] = text_value("new");
        }
        spec = spec_for(stock, &columns[0], 2, cells, 5);
        spec.key = (const uint32_t[]){0};
        spec.n_key = 1;
        spec.returning = stock->columns;
        spec.n_returning = stock->n_columns;
        for (int i = 0; i < 4; i++) {
            if (i == 2)
                sql("ALTER TABLE stock ALTER qty TYPE bigint");
            if (i == 3)
                sql("DEALLOCATE ALL");
            if (nested)
                ok(pg->tx->begin(conn, op, 0, &error));
            ok(pg->write->update(conn, op, &spec, &result, &error));
            ck_assert_uint_eq(result.n_affected, 5);
            ck_assert_uint_eq(result.returned.n_rows, 5);
            if (nested)
                ok(pg->tx->commit(conn, op, &error));
        }
        ok(pg->reset(conn, op, &error));
        ok(pg->write->update(conn, op, &spec, &result, &error));
    }
}
END_TEST

/* What fails before anything was sent leaves the host's transaction as it is. */
START_TEST(refusals_leave_the_transaction)
{
    static const char long_name[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    const struct rh_table *table = NULL;
    struct rh_value cells[5];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_column gone;

    (void)try_sql(conn, "DROP TABLE IF EXISTS refused");
    sql("CREATE TABLE refused (i2 smallint, c \"char\", n name)");
    table = table_named("refused");
    gone = table->columns[0];
    gone.name = rh_text_of("gone");
    ok(pg->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO refused VALUES (1, 'a', 'b')");
    for (int i = 0; i < 5; i++)
        cells[i] = data_value(RH_TYPE_BYTES, "x", 1);
    spec = spec_for(table, &table->columns[0], 1, cells, 5);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    for (int i = 0; i < 5; i++)
        cells[i] = text_value("ab");
    spec = spec_for(table, &table->columns[1], 1, cells, 5);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    ck_assert_str_eq(error.column, "c");
    cells[0] = text_value(long_name);
    spec = spec_for(table, &table->columns[2], 1, cells, 1);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    for (int i = 0; i < 5; i++)
        cells[i] = int_value(i);
    spec = spec_for(table, &gone, 1, cells, 5);
    fails(pg->write->insert(conn, op, &spec, &result, &error), RH_NOT_FOUND);
    rh_error_clear(&error);
    spec = spec_for(table, &table->columns[0], 1, cells, 5);
    ok(pg->write->insert(conn, op, &spec, &result, &error));
    ok(pg->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM refused"), 6);
}
END_TEST

/* A cursor that is left while its next rows would take long does not end the transaction. */
START_TEST(leaves_a_slow_cursor)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t n = 0;

    (void)try_sql(conn, "DROP VIEW IF EXISTS slow");
    sql("CREATE VIEW slow AS SELECT i, CASE WHEN i > 6000 THEN pg_sleep(0.01)::text END AS t"
        " FROM generate_series(1, 12000) i");
    make_stock();
    query = select_all(table_named("slow"));
    ok(pg->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    ok(pg->open(conn, op, &query, &cursor, &error));
    for (int i = 0; n < 5000 && i < 50; i++) {
        ok(pg->next(cursor, op, 5000, &batch, &error));
        n += batch.n_rows;
    }
    pg->finish(cursor);
    ok(pg->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    sql("DROP VIEW slow");
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
        ok(pg->open(conn, op, &query, &cursor, &error));
        pg->finish(cursor);
    }
    ck_assert_int_gt(sql_int("SELECT count(*) FROM pg_prepared_statements"), 0);
    sql("ALTER TABLE stock ALTER qty TYPE bigint");
    ok(pg->open(conn, op, &query, &cursor, &error));
    pg->finish(cursor);
    for (int i = 0; i < 3; i++) {
        ok(pg->open(conn, op, &query, &cursor, &error));
        pg->finish(cursor);
    }
    sql("DEALLOCATE ALL");
    for (int i = 0; i < 3; i++) {
        ok(pg->open(conn, op, &query, &cursor, &error));
        pg->finish(cursor);
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
            ok(pg->open(conn, op, &query, &cursor, &error));
            pg->finish(cursor);
        }
    }
    ck_assert_int_le(sql_int("SELECT count(*) FROM pg_prepared_statements"), 256);
}
END_TEST

/* ---- tables made ---- */

START_TEST(makes_tables)
{
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_IDENTITY},
        {.name = RH_TEXT_INIT("a \"b\""), .type = RH_TYPE_DECIMAL, .precision = 10, .scale = 2},
        {.name = RH_TEXT_INIT("t"),
         .type = RH_TYPE_TEXT,
         .max_length = 20,
         .flags = RH_COLUMN_NOT_NULL,
         .default_text = RH_TEXT_INIT("it's")}};
    const uint32_t key = 0, indexed = 2;
    const struct rh_index index = {
        .name = RH_TEXT_INIT("made_t"), .columns = &indexed, .n_columns = 1};
    const struct rh_table table = {.struct_size = sizeof table,
                                   .name = RH_TEXT_INIT("made"),
                                   .columns = columns,
                                   .n_columns = 3,
                                   .column_stride = sizeof columns[0],
                                   .key = &key,
                                   .n_key = 1,
                                   .indexes = &index,
                                   .n_indexes = 1,
                                   .index_stride = sizeof index};
    const struct rh_column wider = {
        .name = RH_TEXT_INIT("t"), .type = RH_TYPE_TEXT, .default_text = RH_TEXT_INIT("x")};
    struct rh_ddl_change changes[] = {
        {.kind = RH_DDL_CREATE_TABLE, .table = &table},
        {.kind = RH_DDL_ALTER_COLUMN, .table = &table, .column = &wider},
        {.kind = RH_DDL_RENAME_COLUMN,
         .table = &table,
         .column = &columns[1],
         .new_name = RH_TEXT_INIT("ab")}};
    struct rh_text native = {NULL, 0};
    const struct rh_table *made = NULL;

    (void)try_sql(conn, "DROP TABLE IF EXISTS made");
    ok(pg->ddl->apply(conn, op, changes, 3, sizeof changes[0], RH_DDL_DRY_RUN, &native, &error));
    ck_assert(rh_text_starts(native, "CREATE TABLE \"made\""));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM pg_class WHERE relname = 'made'"), 0);
    ok(pg->ddl->apply(conn, op, changes, 3, sizeof changes[0], 0, &native, &error));
    made = table_named("made");
    ck_assert_uint_eq(made->n_key, 1);
    ck_assert_uint_eq(made->n_indexes, 2);
    ck_assert(made->columns[0].flags & RH_COLUMN_IDENTITY);
    ck_assert_uint_eq(column_named(made, "ab")->precision, 10);
    ck_assert(rh_text_is(column_named(made, "t")->native_type, "text"));
    ck_assert(!(column_named(made, "t")->flags & RH_COLUMN_NOT_NULL));
    fails(pg->ddl->apply(conn, op, changes, 1, sizeof changes[0], 0, &native, &error), RH_EXISTS);
    changes[0].kind = RH_DDL_DROP_TABLE;
    changes[1].kind = RH_DDL_DROP_TABLE; /* the second fails, so the first is undone */
    fails(pg->ddl->apply(conn, op, changes, 2, sizeof changes[0], 0, &native, &error),
          RH_NOT_FOUND);
    ck_assert_uint_eq(error.row, 1);
    rh_error_clear(&error);
    ck_assert_ptr_nonnull(table_named("made"));
    ok(pg->ddl->apply(conn, op, changes, 1, sizeof changes[0], 0, &native, &error));
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *made = tcase_create(name);

    tcase_add_checked_fixture(made, setup, teardown);
    tcase_set_timeout(made, 60);
    suite_add_tcase(suite, made);
    return made;
}

static Suite *suite(void)
{
    Suite *made = suite_create("postgres");
    TCase *types = add_case(made, "types");
    TCase *connections = add_case(made, "connections");
    TCase *reading = add_case(made, "reading");
    TCase *writing = add_case(made, "writing");

    tcase_add_test(types, types_both_ways);
    tcase_add_test(types, types_through_copy);
    tcase_add_test(types, decimals_by_size);
    tcase_add_test(types, values_that_do_not_fit);
    tcase_add_test(connections, refuses_credentials);
    tcase_add_test(connections, refuses_settings);
    tcase_add_test(connections, unreachable);
    tcase_add_test(connections, cancels);
    tcase_add_test(connections, deadline);
    tcase_add_test(connections, goes_deaf);
    tcase_add_test(connections, killed_mid_stream);
    tcase_add_test(connections, notices_a_dead_session);
    tcase_add_test(connections, resets_session_settings);
    tcase_add_test(connections, prepares_again);
    tcase_add_test(reading, scan_in_bounded_memory);
    tcase_add_test(reading, leaves_cursors_early);
    tcase_add_test(reading, introspects);
    tcase_add_test(reading, shows_only_given_schemas);
    tcase_add_test(reading, predicates);
    tcase_add_test(reading, says_what_it_cannot);
    tcase_add_test(reading, aggregates_exactly);
    tcase_add_test(reading, groups_orders_and_limits);
    tcase_add_test(reading, estimates_and_explains);
    tcase_add_test(reading, native_statements);
    tcase_add_test(reading, native_read_only);
    tcase_add_test(reading, native_streams);
    tcase_add_test(reading, native_effects_stay);
    tcase_add_test(reading, native_hides_no_control);
    tcase_add_test(reading, leaves_a_slow_cursor);
    tcase_add_test(reading, predicates_of_odd_values);
    tcase_add_test(reading, joins_across_collations);
    tcase_add_test(connections, resets_after_reading);
    tcase_add_test(writing, prepares_writes_again);
    tcase_add_test(writing, refusals_leave_the_transaction);
    tcase_add_test(writing, inserts_and_returns_in_order);
    tcase_add_test(writing, inserts_all_or_nothing);
    tcase_add_test(writing, names_the_constraint);
    tcase_add_test(writing, updates_and_deletes_by_key);
    tcase_add_test(writing, changes_one_row);
    tcase_add_test(writing, cancels_writes);
    tcase_add_test(writing, changes_keys);
    tcase_add_test(writing, upserts);
    tcase_add_test(writing, writes_by_condition);
    tcase_add_test(writing, outcome_unknown);
    tcase_add_test(writing, copy_falls_back);
    tcase_add_test(writing, transactions);
    tcase_add_test(writing, makes_tables);
    return made;
}

int main(void)
{
    SRunner *runner = NULL;
    int failed = 0;

    if (!getenv("ROWHOUSE_TEST_POSTGRES")) {
        (void)printf("skipped: ROWHOUSE_TEST_POSTGRES is not set\n");
        return 77;
    }
    runner = srunner_create(suite());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
