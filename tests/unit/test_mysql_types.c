/*
 * The connector `mysql`: every type at its boundaries, both ways.
 */
#include "connector_fixture.h"

static const struct {
    const char *name, *type;
} type_columns[] = {
    {"b", "tinyint(1)"},
    {"i1", "tinyint(4)"},
    {"i2", "smallint"},
    {"i3", "mediumint"},
    {"i4", "int"},
    {"i8", "bigint"},
    {"u1", "tinyint unsigned"},
    {"u4", "int unsigned"},
    {"u8", "bigint unsigned"},
    {"z", "int(8) unsigned zerofill"},
    {"f4", "float"},
    {"f8", "double"},
    {"n", "decimal(38,10)"},
    {"nz", "decimal(12,2) zerofill"},
    {"n65", "decimal(65,30)"},
    {"y", "year"},
    {"b1", "bit(1)"},
    {"b9", "bit(9)"},
    {"b64", "bit(64)"},
    {"vc", "varchar(40)"},
    {"l1", "varchar(40) CHARACTER SET latin1"},
    {"u16", "varchar(40) CHARACTER SET utf16"},
    {"ch", "char(5)"},
    {"t", "longtext"},
    {"e", "enum('sad','it''s ok','back\\\\slash')"},
    {"s", "set('x','y','z')"},
    {"bi", "binary(3)"},
    {"bl", "longblob"},
    {"d", "date"},
    {"ti", "time(6)"},
    {"dt", "datetime(6)"},
    {"ts", "timestamp(6) NULL"},
    {"utc", "datetime(6) COMMENT 'UTC'"},
    {"j", "json"},
    {"ub", "binary(16) COMMENT 'UUID'"},
    {"uu", "uuid"},
    {"ip", "inet6"},
    {"pt", "point"},
};
#define N_TYPES (sizeof type_columns / sizeof type_columns[0])

static const unsigned char uuid_bytes[16] = {0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3,
                                             0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00};
static const unsigned char point_bytes[25] = {0, 0, 0,    0,    1, 1, 0, 0, 0, 0, 0, 0,   0,
                                              0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x40};

static const struct rh_table *make_types_table(void)
{
    char text[4096] = "CREATE OR REPLACE TABLE types_test (id int PRIMARY KEY";
    size_t n = strlen(text);

    for (size_t i = 0; i < N_TYPES; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", %s %s", type_columns[i].name,
                              type_columns[i].type);
    (void)snprintf(text + n, sizeof text - n, ")");
    sql(text);
    return table_named("types_test");
}

/* Rows of boundary values, id first, in the order of type_columns. */
static uint64_t boundary_rows(struct rh_value cells[][N_TYPES + 1])
{
    static const struct rh_interval below = {0, 0, INT64_C(-3020399999999)};
    const struct rh_value low[N_TYPES + 1] = {
        int_value(1),
        i_value(RH_TYPE_BOOL, 0),
        int_value(-128),
        int_value(INT16_MIN),
        int_value(-8388608),
        int_value(INT32_MIN),
        int_value(INT64_MIN),
        int_value(0),
        int_value(0),
        i_value(RH_TYPE_UINT, 0),
        int_value(7),
        float_value((double)0.1f),
        float_value(-1.7976931348623157e308),
        decimal_value("-9999999999999999999999999999.9999999999"),
        decimal_value("7.50"),
        decimal_value("-99999999999999999999999999999999999.999999999999999999999999999999"),
        int_value(1901),
        i_value(RH_TYPE_BOOL, 0),
        int_value(0),
        i_value(RH_TYPE_UINT, 0),
        text_value(""),
        text_value("\xc3\xa4\xe2\x82\xac"), /* latin1 is cp1252 here */
        text_value("\xf0\x9f\x98\x80"),
        text_value("ab"),
        text_value(""),
        text_value("sad"),
        text_value(""),
        data_value(RH_TYPE_BYTES, "\0\1\xff", 3),
        data_value(RH_TYPE_BYTES, "", 0),
        i_value(RH_TYPE_DATE, -719162),
        i_value(RH_TYPE_TIME, 0),
        i_value(RH_TYPE_DATETIME, -719162 * INT64_C(86400000000)),
        i_value(RH_TYPE_TIMESTAMP, 1000000),
        i_value(RH_TYPE_TIMESTAMP, -1),
        json_value("{\"a\": [1,2]}"),
        data_value(RH_TYPE_UUID, "\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16),
        data_value(RH_TYPE_UUID, uuid_bytes, 16),
        text_value("::1"),
        data_value(RH_TYPE_BYTES, point_bytes, 25)};
    const struct rh_value high[N_TYPES + 1] = {
        int_value(2),
        i_value(RH_TYPE_BOOL, 1),
        int_value(127),
        int_value(INT16_MAX),
        int_value(8388607),
        int_value(INT32_MAX),
        int_value(INT64_MAX),
        int_value(255),
        int_value(UINT32_MAX),
        {.type = RH_TYPE_UINT, .as.u = UINT64_MAX},
        int_value(12345678),
        float_value((double)3.4028234663852886e38f),
        float_value(5e-324),
        decimal_value("0.0000000001"),
        decimal_value("9999999999.99"),
        decimal_value("0.000000000000000000000000000001"),
        int_value(2155),
        i_value(RH_TYPE_BOOL, 1),
        int_value(511),
        {.type = RH_TYPE_UINT, .as.u = UINT64_MAX},
        text_value("a'b\"c\\d\n%_ \t "),
        text_value("?"),
        text_value("\xd0\x96"),
        text_value("abcde"),
        data_value(RH_TYPE_TEXT, "nul\0 and \xf0\x9f\x98\x80 \\N", 16),
        text_value("back\\slash"),
        text_value("x,z"),
        data_value(RH_TYPE_BYTES, "abc", 3),
        data_value(RH_TYPE_BYTES, "\0\t\n\\\xff'", 6),
        i_value(RH_TYPE_DATE, 2932896),
        i_value(RH_TYPE_TIME, 86399999999),
        i_value(RH_TYPE_DATETIME, INT64_C(253402300799999999)),
        i_value(RH_TYPE_TIMESTAMP, INT64_C(2147483647999999)),
        i_value(RH_TYPE_TIMESTAMP, INT64_C(4102444800123456)),
        json_value("null"),
        data_value(RH_TYPE_UUID, uuid_bytes, 16),
        data_value(RH_TYPE_UUID, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                   16),
        text_value("2001:db8::ff"),
        null_value()};

    memcpy(cells[0], low, sizeof low);
    memcpy(cells[1], high, sizeof high);
    for (size_t i = 0; i <= N_TYPES; i++)
        cells[2][i] = null_value();
    cells[2][0] = int_value(3);
    memcpy(cells[3], low, sizeof low); /* times out of a day, dates with zeros */
    cells[3][0] = int_value(4);
    cells[3][30] = data_value(RH_TYPE_INTERVAL, &below, sizeof below);
    cells[3][29] = text_value("0000-00-00");
    cells[3][31] = text_value("2024-00-07 10:00:00.500000");
    cells[3][1] = int_value(5);
    return 4;
}

static void check_rows(const struct rh_table *table, const struct rh_value *cells, uint64_t n_rows,
                       uint32_t n_cols)
{
    static const struct rh_order by_id = {.column = 0};
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    query.order = &by_id;
    query.n_order = 1;
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 1000, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, n_rows);
    ck_assert_uint_eq(batch.n_cols, n_cols);
    for (uint64_t i = 0; i < n_rows * n_cols; i++)
        check_same(&cells[i], &batch.cells[i], table->columns[i % n_cols].name);
    ck_assert_int_eq(connector->next(cursor, op, 100, &batch, &error), RH_END);
    connector->finish(cursor);
}

START_TEST(types_both_ways)
{
    struct rh_value cells[4][N_TYPES + 1];
    uint64_t n = boundary_rows(cells);
    const struct rh_table *table = make_types_table();
    struct rh_write_spec spec = spec_for(table, table->columns, N_TYPES + 1, cells[0], n);
    struct rh_write_result result = {.struct_size = sizeof result};

    spec.returning = table->columns;
    spec.n_returning = N_TYPES + 1;
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, n);
    ck_assert_uint_eq(result.returned.n_rows, n);
    for (uint64_t i = 0; i < n * (N_TYPES + 1); i++)
        check_same(&cells[i / (N_TYPES + 1)][i % (N_TYPES + 1)], &result.returned.cells[i],
                   table->columns[i % (N_TYPES + 1)].name);
    check_rows(table, cells[0], n, N_TYPES + 1);
    ck_assert_int_eq(sql_int("SELECT f4 = CAST(0.1 AS FLOAT) AND HEX(b64) = '0' FROM types_test"
                             " WHERE id = 1"),
                     1);
    ck_assert_int_eq(sql_int("SELECT HEX(l1) = 'E480' AND HEX(ub) LIKE '8000%' FROM types_test"
                             " WHERE id = 1"),
                     1);
}
END_TEST

START_TEST(types_through_load_data)
{
    static struct rh_value rows[99][N_TYPES + 1];
    struct rh_value cells[4][N_TYPES + 1];
    const struct rh_table *table = make_types_table();
    struct rh_write_spec spec = spec_for(table, table->columns, N_TYPES + 1, rows[0], 99);
    struct rh_write_result result = {.struct_size = sizeof result};
    int64_t loads = 0;

    (void)boundary_rows(cells);
    for (int i = 0; i < 99; i++) {
        memcpy(rows[i], cells[i % 3], sizeof rows[i]);
        rows[i][0] = int_value(i);
    }
    loads = sql_int("SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.SESSION_STATUS"
                    " WHERE VARIABLE_NAME = 'Com_load'");
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 99);
    check_rows(table, rows[0], 99, N_TYPES + 1);
    ck_assert_int_eq(sql_int("SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM"
                             " information_schema.SESSION_STATUS"
                             " WHERE VARIABLE_NAME = 'Com_load'"),
                     loads + 1);
    ck_assert_int_eq(sql_int("SELECT @rh_28 IS NULL"), 1);
}
END_TEST

START_TEST(introspects_types)
{
    const struct rh_table *table = make_types_table();
    static const struct {
        const char *name;
        uint32_t type;
    } expected[] = {
        {"b", RH_TYPE_BOOL},       {"i1", RH_TYPE_INT},        {"u4", RH_TYPE_INT},
        {"u8", RH_TYPE_UINT},      {"f4", RH_TYPE_FLOAT},      {"n", RH_TYPE_DECIMAL},
        {"y", RH_TYPE_INT},        {"b1", RH_TYPE_BOOL},       {"b9", RH_TYPE_INT},
        {"b64", RH_TYPE_UINT},     {"vc", RH_TYPE_TEXT},       {"e", RH_TYPE_TEXT},
        {"s", RH_TYPE_TEXT},       {"bi", RH_TYPE_BYTES},      {"bl", RH_TYPE_BYTES},
        {"d", RH_TYPE_DATE},       {"ti", RH_TYPE_TIME},       {"dt", RH_TYPE_DATETIME},
        {"ts", RH_TYPE_TIMESTAMP}, {"utc", RH_TYPE_TIMESTAMP}, {"j", RH_TYPE_JSON},
        {"ub", RH_TYPE_UUID},      {"uu", RH_TYPE_UUID},       {"ip", RH_TYPE_TEXT},
        {"pt", RH_TYPE_BYTES},     {"t", RH_TYPE_TEXT},
    };

    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        ck_assert_msg(column_named(table, expected[i].name)->type == expected[i].type,
                      "%s has type %u", expected[i].name,
                      column_named(table, expected[i].name)->type);
    ck_assert_uint_eq(column_named(table, "n")->precision, 38);
    ck_assert_uint_eq(column_named(table, "n")->scale, 10);
    ck_assert_uint_eq(column_named(table, "vc")->max_length, 40);
    ck_assert_uint_eq(column_named(table, "e")->n_options, 3);
    ck_assert(rh_text_is(column_named(table, "e")->options[1], "it's ok"));
    ck_assert(rh_text_is(column_named(table, "e")->options[2], "back\\slash"));
    ck_assert(column_named(table, "ip")->flags & RH_COLUMN_OPAQUE);
    ck_assert(column_named(table, "pt")->flags & RH_COLUMN_OPAQUE);
}
END_TEST

START_TEST(values_that_do_not_fit)
{
    static const struct rh_interval month = {1, 0, 0};
    const struct {
        const char *column;
        struct rh_value value;
    } wrong[] = {
        {"i1", int_value(128)},
        {"u1", int_value(-1)},
        {"b", int_value(1000)},
        {"vc", text_value("01234567890123456789012345678901234567890")},
        {"vc", data_value(RH_TYPE_TEXT, "\xff\xfe", 2)},
        {"l1", text_value("\xd0\x96")},
        {"e", text_value("merry")},
        {"d", i_value(RH_TYPE_DATE, INT64_C(4000000000))},
        {"d", i_value(RH_TYPE_DATE, INT64_MAX)},
        {"dt", i_value(RH_TYPE_DATETIME, INT64_MIN)},
        {"ts", i_value(RH_TYPE_TIMESTAMP, -1)},
        {"f8", float_value(__builtin_nan(""))},
        {"f8", float_value(__builtin_inf())},
        {"n", decimal_value("NaN")},
        {"n", decimal_value("99999999999999999999999999999")},
        {"ti", data_value(RH_TYPE_INTERVAL, &month, sizeof month)},
        {"bl", int_value(1)}, /* not wrong: not reached */
        {"y", int_value(1)},
    };
    const struct rh_table *table = make_types_table();
    struct rh_write_result result = {.struct_size = sizeof result};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0] - 2; i++) {
        const struct rh_column *column = column_named(table, wrong[i].column);
        struct rh_column columns[2] = {table->columns[0], *column};
        struct rh_value cells[2 * 70];
        struct rh_write_spec spec = spec_for(table, columns, 2, cells, 1);
        for (int row = 0; row < 70; row++) {
            cells[2 * row] = int_value(row);
            cells[2 * row + 1] = row == 44 ? wrong[i].value : null_value();
        }
        cells[1] = wrong[i].value;
        fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
        ck_assert_msg(strcmp(error.column, wrong[i].column) == 0, "%s: \"%s\" in %s",
                      wrong[i].column, error.column, error.message);
        ck_assert_uint_eq(error.row, 0);
        cells[1] = null_value();
        spec.n_rows = 70; /* in bulk: nothing is kept, and the row is found */
        fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
        ck_assert_msg(error.row == 44, "%s: row %llu", wrong[i].column,
                      (unsigned long long)error.row);
        ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM types_test"), 0);
    }
}
END_TEST

/* As large as the server takes, and larger: an error, not a lost connection. */
START_TEST(large_values)
{
    size_t n = (size_t)16 << 20;
    char *text = malloc((size_t)80 << 20);
    const struct rh_table *table = NULL;
    struct rh_value cells[2] = {int_value(1), null_value()};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', (size_t)80 << 20);
    sql("CREATE OR REPLACE TABLE large_test (id int PRIMARY KEY, t longtext)");
    table = table_named("large_test");
    cells[1] = data_value(RH_TYPE_TEXT, text, n);
    spec = spec_for(table, table->columns, 2, cells, 1);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    check_rows(table, cells, 1, 2);
    cells[0] = int_value(2);
    cells[1].len = 80u << 20;
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_RESOURCE);
    rh_error_clear(&error);
    ok(connector->ping(conn, op, &error));
    free(text);
}
END_TEST

CONNECTOR_TESTS("mysql", "ROWHOUSE_TEST_MARIADB", "mysql_types", types_both_ways,
                types_through_load_data, introspects_types, values_that_do_not_fit, large_values)
