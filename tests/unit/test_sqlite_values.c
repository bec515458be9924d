/* Cells as they are stored and written. */
#include "sqlite_fixture.h"

START_TEST(cells_as_they_are_stored)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (d DECIMAL(10,2), j JSON, day DATE, dt DATETIME, ts TIMESTAMPTZ, at "
            "TIME, u UUID, x)");
    sql(&s, "INSERT INTO t VALUES (1.5, '{\"a\":1}', '2024-02-29', '2024-02-29 13:05:00', "
            "'2024-02-29T00:00:00+02:00', '13:05', x'00112233445566778899aabbccddeeff', 1)");
    sql(&s, "INSERT INTO t VALUES (7, '{bad', 'soon', 5, 1.5, x'41', 'no', 'a' || char(0))");
    sql(&s,
        "INSERT INTO t VALUES ('1.005', '17', '0000-01-01', '9999-12-31T23:59:59.999999', NULL, "
        "'25:00', 'NO', x'')");
    introspect(&s);
    assert_query(
        &s, query_of(table_of(&s, "t")),
        "decimal:1.50|json:{\"a\":1}|date:19782|dt:1709211900000000|ts:1709157600000000|time:"
        "47100000000|uuid:00112233445566778899aabbccddeeff|int:1\n"
        "decimal:7.00|text:{bad|text:soon|int:5|float:1.5|bytes:41|text:no|text:a~\n"
        "decimal:1.005|json:17|date:-719528|dt:253402300799999999|null|text:25:00|text:NO|bytes:"
        "\n");
    stop(&s);
}
END_TEST

/* One row into columns first … of table t. */
static int insert_cells(struct session *s, uint32_t first, const struct rh_value *cells, uint32_t n)
{
    const struct rh_table *table = table_of(s, "t");
    const struct rh_write_spec spec = {.struct_size = sizeof spec,
                                       .table = table->name,
                                       .columns = table->columns + first,
                                       .n_columns = n,
                                       .column_stride = table->column_stride,
                                       .n_rows = 1,
                                       .cells = cells};

    return connector->write->insert(s->conn, op_of(s), &spec, &s->result, &s->error);
}

START_TEST(values_come_back)
{
    static const unsigned char uuid[16] = {0,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                           0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct rh_value json = rh_kit_text(rh_text_of("[1]"));
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (b BOOLEAN, i INT, f REAL, d DECIMAL(10,2), t TEXT, y BLOB, day DATE, "
            "at TIME, dt DATETIME, ts TIMESTAMPTZ, u UUID, j JSON)");
    introspect(&s);
    json.type = RH_TYPE_JSON;
    const struct rh_value cells[] = {
        {.type = RH_TYPE_BOOL, .as.i = 1},
        rh_kit_int(INT64_MIN),
        {.type = RH_TYPE_FLOAT, .as.f = -0.1},
        decimal_of("12345678901234.55"),
        {.type = RH_TYPE_TEXT, .len = 3, .as.data = "a\0b"},
        {.type = RH_TYPE_BYTES, .len = 2, .as.data = "\0\xff"},
        {.type = RH_TYPE_DATE, .as.i = -719528},
        {.type = RH_TYPE_TIME, .as.i = 86400000000},
        {.type = RH_TYPE_DATETIME, .as.i = -1},
        {.type = RH_TYPE_TIMESTAMP, .as.i = 1709157600000001},
        {.type = RH_TYPE_UUID, .len = 16, .as.data = uuid},
        json,
    };
    const struct rh_value empty[] = {{.type = RH_TYPE_TEXT, .len = 0, .as.data = ""},
                                     {.type = RH_TYPE_BYTES, .len = 0, .as.data = NULL}};
    ck_assert_msg(insert_cells(&s, 0, cells, COUNT(cells)) == RH_OK, "%s", s.error.message);
    assert_query(
        &s, query_of(table_of(&s, "t")),
        "bool:1|int:-9223372036854775808|float:-0.10000000000000001|decimal:12345678901234."
        "55|text:a~b|bytes:00ff|date:-719528|time:86400000000|dt:-1|ts:1709157600000001|"
        "uuid:00112233445566778899aabbccddeeff|json:[1]\n");
    assert_sql(&s, "SELECT typeof(d), dt, ts, u FROM t",
               "text:real|dt:-1|ts:1709157600000001|uuid:00112233445566778899aabbccddeeff\n");
    assert_sql(&s, "SELECT '' || day, '' || at, '' || dt, '' || ts, '' || u FROM t",
               "text:0000-01-01|text:24:00:00|text:1969-12-31 23:59:59.999999|text:2024-02-28 "
               "22:00:00.000001Z|text:00112233-4455-6677-8899-aabbccddeeff\n");
    sql(&s, "DELETE FROM t");
    ck_assert_int_eq(insert_cells(&s, 4, empty, 2), RH_OK);
    assert_sql(&s, "SELECT t, y FROM t", "text:|bytes:\n");
    stop(&s);
}
END_TEST

START_TEST(text_that_is_not_utf8)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (x TEXT, j JSON, d DATE)");
    sql(&s, "INSERT INTO t VALUES (CAST(x'61ff' AS TEXT), CAST(x'22ff22' AS TEXT), "
            "CAST(x'c0af' AS TEXT)), (CAST(x'c3a9' AS TEXT), NULL, NULL)");
    introspect(&s);
    assert_query(&s, query_of(table_of(&s, "t")),
                 "text:a\xff|bytes:22ff22|text:\xc0\xaf\ntext:\xc3\xa9|null|null\n");
    assert_sql(&s, "SELECT CAST(x'ff' AS TEXT)", "bytes:ff\n");
    assert_sql(&s, "SELECT x FROM t", "bytes:61ff\ntext:\xc3\xa9\n");
    stop(&s);
}
END_TEST

static struct rh_value json_of(const char *text)
{
    struct rh_value value = rh_kit_text(rh_text_of(text));
    value.type = RH_TYPE_JSON;
    return value;
}

START_TEST(numbers_in_json)
{
    static const char *const kept[] = {
        "7", "-1.5", " 1e2 ", "9223372036854775807", "\"1e999\"", "[12345678901234567890]"};
    static const char *const lost[] = {"12345678901234567890", " -12345678901234567890 ",
                                       "0.12345678901234567890", "1e999"};
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (j JSON, k JSON TEXT)");
    introspect(&s);
    for (uint32_t i = 0; i < COUNT(kept); i++) {
        const struct rh_value value = json_of(kept[i]);
        ck_assert_msg(insert_cells(&s, 0, &value, 1) == RH_OK, "%s", kept[i]);
    }
    for (uint32_t i = 0; i < COUNT(lost); i++) {
        const struct rh_value value = json_of(lost[i]);
        ck_assert_msg(insert_cells(&s, 0, &value, 1) == RH_DATA, "%s", lost[i]);
        ck_assert_str_eq(s.error.column, "j");
        ck_assert_msg(insert_cells(&s, 1, &value, 1) == RH_OK, "%s", lost[i]);
    }
    assert_query(&s, query_of(table_of(&s, "t")),
                 "json:7|null\njson:-1.5|null\njson:100|null\njson:9223372036854775807|null\n"
                 "json:\"1e999\"|null\njson:[12345678901234567890]|null\n"
                 "null|json:12345678901234567890\nnull|json: -12345678901234567890 \n"
                 "null|json:0.12345678901234567890\nnull|json:1e999\n");
    stop(&s);
}
END_TEST

START_TEST(values_that_do_not_fit)
{
    struct session s;
    const struct rh_value large = {.type = RH_TYPE_UINT, .as.u = UINT64_MAX};
    const struct rh_value nan = {.type = RH_TYPE_FLOAT, .as.f = __builtin_nan("")};
    const struct rh_value digits = decimal_of("12345678901234567890.12");
    const struct rh_value whole = decimal_of("9223372036854775807.00");
    const struct rh_value forever = {.type = RH_TYPE_DATE, .as.i = INT64_MAX};

    start(&s);
    sql(&s, "CREATE TABLE t (i INT, f REAL, d DECIMAL(30,2), day DATE)");
    introspect(&s);
    ck_assert_int_eq(insert_cells(&s, 0, &large, 1), RH_DATA);
    ck_assert_str_eq(s.error.column, "i");
    ck_assert_uint_eq(s.error.row, 0);
    ck_assert_int_eq(insert_cells(&s, 1, &nan, 1), RH_DATA);
    ck_assert_int_eq(insert_cells(&s, 2, &digits, 1), RH_DATA);
    ck_assert_int_eq(insert_cells(&s, 3, &forever, 1), RH_DATA);
    ck_assert_int_eq(insert_cells(&s, 2, &whole, 1), RH_OK);
    assert_query(&s, query_of(table_of(&s, "t")),
                 "null|null|decimal:9223372036854775807.00|null\n");
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_values", cells_as_they_are_stored, values_come_back, text_that_is_not_utf8,
           numbers_in_json, values_that_do_not_fit)
