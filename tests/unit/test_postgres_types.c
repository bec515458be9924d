/* Values of every type, both ways. */
#include "postgres_fixture.h"

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
        ok(connector->open(conn, op, &query, &cursor, &error));
        ok(connector->next(cursor, op, 100, &batch, &error));
        ck_assert_uint_eq(batch.n_rows, n_rows);
        ck_assert_uint_eq(batch.n_cols, N_TYPES + 1);
        for (uint64_t row = 0; row < n_rows; row++) {
            for (size_t col = 0; col <= N_TYPES; col++)
                check_same(&cells[row][col], &batch.cells[row * batch.n_cols + col],
                           table->columns[col].name);
        }
        ck_assert_int_eq(connector->next(cursor, op, 100, &batch, &error), RH_END);
        connector->finish(cursor);
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
    ok(connector->write->insert(conn, op, &spec, &result, &error));
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
    ok(connector->write->insert(conn, op, &spec, &result, &error));
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
        ok(connector->write->insert(conn, op, &write, &result, &error));
        ok(connector->native->run(conn, op, &spec, &native, &error));
        ok(connector->next(native.cursor, op, 1, &batch, &error));
        ck_assert_msg(batch.cells[0].as.i == 1, "%s became %.*s", numbers[i],
                      (int)batch.cells[1].len, (const char *)batch.cells[1].as.data);
        connector->finish(native.cursor);
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
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    cell = text_value("four");
    spec = spec_for(table, &table->columns[1], 1, &cell, 1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    cell = i_value(RH_TYPE_DATE, INT64_C(4000000000));
    spec = spec_for(table, &table->columns[2], 1, &cell, 1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    ck_assert_str_eq(error.column, "d");
    cell = data_value(RH_TYPE_TEXT, "a\0b", 3);
    spec = spec_for(table, &table->columns[3], 1, &cell, 1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    cell = text_value("\xff\xfe");
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM fit_test"), 0);
    sql("INSERT INTO fit_test (d) VALUES ('5874897-12-31')"); /* the last one */
}
END_TEST

POSTGRES_TESTS("postgres_types", types_both_ways, types_through_copy, decimals_by_size,
               values_that_do_not_fit)
