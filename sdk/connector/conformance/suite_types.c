/*
 * Types: what is written comes back exactly, or is refused with DATA. A source that would change a
 * value says so before it has it.
 */
#include "base/json.h"
#include "base/type.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"
#include "rows/cell.h"
#include "rows/encode.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES ((uint32_t)16 << 20)
#define DAY_US INT64_C(86400000000)
/* Types that a source may replace by another one. */
#define LESS_COMMON                                                                                \
    (RH_TYPE_BIT(RH_TYPE_BOOL) | RH_TYPE_BIT(RH_TYPE_UINT) | RH_TYPE_BIT(RH_TYPE_TIME) |           \
     RH_TYPE_BIT(RH_TYPE_INTERVAL) | RH_TYPE_BIT(RH_TYPE_UUID) | RH_TYPE_BIT(RH_TYPE_JSON))
#define N(array) (sizeof(array) / sizeof((array)[0]))

#define T(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_TEXT, .len = sizeof(literal) - 1, .as.data = (literal)                     \
    }
#define D(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_DECIMAL, .len = sizeof(literal) - 1, .as.data = (literal)                  \
    }
#define J(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_JSON, .len = sizeof(literal) - 1, .as.data = (literal)                     \
    }
#define X(type_, value)                                                                            \
    {                                                                                              \
        .type = (type_), .as.i = (value)                                                           \
    }
#define F(value)                                                                                   \
    {                                                                                              \
        .type = RH_TYPE_FLOAT, .as.f = (value)                                                     \
    }
#define P(type_, pointer, n)                                                                       \
    {                                                                                              \
        .type = (type_), .len = (n), .as.data = (pointer)                                          \
    }

/* ---- One column ------------------------------------------------------------------------------ */

struct column_test {
    struct rh_trial *t;
    struct rh_conn *conn;
    const struct rh_table *table;
    uint32_t at; /* position of v */
};

static void make_column(struct rh_trial *t, struct rh_column column, struct column_test *ret_test)
{
    static const uint32_t key[] = {0};
    struct rh_column *columns = rh_trial_alloc(t, 2 * sizeof(*columns));
    struct column_test test = {.t = t};
    struct rh_table made;
    uint32_t type;

    rh_trial_load(t);
    rh_fixture_need(t);
    test.conn = rh_trial_connect(t);
    columns[0] =
        (struct rh_column){.name = RH_TEXT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL};
    columns[1] = column;
    columns[1].name = RH_TEXT("v");
    if (!rh_fixture_create(t, test.conn, columns, 2, key, 1, &made))
        rh_trial_skip(t, "the source has no such type: %s", t->error.message);
    test.table = rh_fixture_find(t, test.conn, made.schema, made.name);
    test.at = rh_fixture_position(t, test.table, "v");
    type = rh_fixture_column(test.table, test.at)->type;
    if (type != column.type && (LESS_COMMON & RH_TYPE_BIT(column.type)))
        rh_trial_skip(t, "the source has no such type: it makes one told as %s",
                      rh_type_name(type));
    if (type != column.type)
        rh_trial_fail(t, "a column made as %s is told as %s", rh_type_name(column.type),
                      rh_type_name(type));
    *ret_test = test;
}

static bool is_same(struct rh_trial *t, const struct rh_value *a, const struct rh_value *b)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_json *x = NULL, *y = NULL;

    if (a->type != b->type)
        return false;
    if (a->type != RH_TYPE_JSON)
        return rh_cell_equal(a, b) &&
               (a->type != RH_TYPE_INTERVAL || memcmp(a->as.data, b->as.data, 16) == 0);
    return rh_json_parse(t->arena, rh_cell_text(a), &x, &ignored) == RH_OK &&
           rh_json_parse(t->arena, rh_cell_text(b), &y, &ignored) == RH_OK && rh_json_equal(x, y);
}

static struct rh_text show(const struct rh_value *value, struct rh_buf *buf)
{
    rh_buf_init(buf, (size_t)64 << 20);
    rh_encode_value(buf, value, false);
    if (buf->len > 80)
        buf->len = 80;
    return rh_buf_text(buf);
}

/* Writes a row with this value. False when the source refuses it as it may. */
static bool put(struct column_test *test, int64_t id, const struct rh_value *value)
{
    struct rh_value cells[] = {X(RH_TYPE_INT, id), *value};
    struct rh_write_spec spec = rh_fixture_spec(test->table);
    struct rh_trial *t = test->t;
    struct rh_buf buf;
    int32_t rc;

    spec.n_rows = 1;
    spec.cells = cells;
    rc = rh_fixture_write(t, test->conn, t->connector->write->insert, &spec, NULL);
    if (rc != RH_OK && rc != RH_DATA)
        rh_trial_fail(t, "writing %.*s: %s, \"%.200s\", instead of OK or DATA",
                      RH_TEXT_ARG(show(value, &buf)), rh_error_class_name(rc), t->error.message);
    return rc == RH_OK;
}

/* The value in the row with this id; NULL when there is no such row. */
static const struct rh_value *get(struct column_test *test, const struct rh_rows_read *rows,
                                  int64_t id)
{
    for (uint64_t i = 0; i < rows->n_rows; i++)
        if (rows->cells[i * rows->n_cols].as.i == id)
            return &rows->cells[i * rows->n_cols + test->at];
    return NULL;
}

/* Each value kept or refused. */
static void keep_all(struct column_test *test, const struct rh_value *values, size_t n)
{
    struct rh_trial *t = test->t;
    struct rh_rows_read rows;
    struct rh_buf one, two;
    uint32_t n_refused = 0;
    bool *kept = rh_trial_alloc(t, n);

    for (size_t i = 0; i < n; i++) {
        kept[i] = put(test, (int64_t)i + 1, &values[i]);
        n_refused += !kept[i];
    }
    rh_fixture_rows(t, test->conn, test->table, &rows);
    for (size_t i = 0; i < n; i++) {
        const struct rh_value *found = get(test, &rows, (int64_t)i + 1);
        if (!kept[i] && found)
            rh_trial_fail(t, "%.*s was refused and is there", RH_TEXT_ARG(show(&values[i], &one)));
        if (kept[i] && !found)
            rh_trial_fail(t, "%.*s was taken and is not there",
                          RH_TEXT_ARG(show(&values[i], &one)));
        if (kept[i] && !is_same(t, &values[i], found))
            rh_trial_fail(t, "%s %.*s came back as %s %.*s", rh_type_name(values[i].type),
                          RH_TEXT_ARG(show(&values[i], &one)), rh_type_name(found->type),
                          RH_TEXT_ARG(show(found, &two)));
    }
    if (n_refused == n)
        rh_trial_fail(t, "it refuses every single value: %s", t->error.message);
    rh_trial_note(t, "%u of %zu values are refused with DATA", n_refused, n);
}

static void keep_type(struct rh_trial *t, uint32_t type, const struct rh_value *values, size_t n)
{
    struct column_test test;

    make_column(t, (struct rh_column){.type = type}, &test);
    keep_all(&test, values, n);
}

/* ---- Types ----------------------------------------------------------------------------------- */

static void bools(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        X(RH_TYPE_BOOL, 0), X(RH_TYPE_BOOL, 1), {.type = RH_TYPE_NULL}};
    keep_type(t, RH_TYPE_BOOL, values, N(values));
}

static void ints(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        X(RH_TYPE_INT, 0),
        X(RH_TYPE_INT, -1),
        X(RH_TYPE_INT, INT64_MAX),
        X(RH_TYPE_INT, INT64_MIN),
        X(RH_TYPE_INT, INT64_C(9007199254740993)),
        X(RH_TYPE_INT, INT64_C(-9007199254740993)),
        X(RH_TYPE_INT, INT64_C(2147483648)),
        X(RH_TYPE_INT, INT64_C(-2147483649)),
        {.type = RH_TYPE_NULL},
    };
    keep_type(t, RH_TYPE_INT, values, N(values));
}

static void uints(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        {.type = RH_TYPE_UINT, .as.u = 0},
        {.type = RH_TYPE_UINT, .as.u = UINT64_MAX},
        {.type = RH_TYPE_UINT, .as.u = (uint64_t)INT64_MAX + 1},
    };
    keep_type(t, RH_TYPE_UINT, values, N(values));
}

static void floats(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        F(0.0),
        F(-0.0),
        F(0.1),
        F(DBL_MAX),
        F(-DBL_MAX),
        F(DBL_MIN),
        F(4.9e-324),
        F(1.0 / 3),
        F(9007199254740993.0),
        F(0.30000000000000004),
        F((double)NAN),
        F((double)INFINITY),
        F(-(double)INFINITY),
    };
    keep_type(t, RH_TYPE_FLOAT, values, N(values));
}

static void decimals(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        D("0.0000000000"),
        D("0.0000000001"),
        D("-0.0000000001"),
        D("9999999999999999999999999999.9999999999"),
        D("-9999999999999999999999999999.9999999999"),
        D("1234567890123456789012345678.0123456789"),
        D("12345678901234567.1000000000"),
        D("1.1000000000"),
        {.type = RH_TYPE_NULL},
    };
    struct column_test test;

    make_column(t, (struct rh_column){.type = RH_TYPE_DECIMAL, .precision = 38, .scale = 10},
                &test);
    keep_all(&test, values, N(values));
}

static void free_decimals(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        D("0"),
        D("0.1"),
        D("-12345678901234567890.123456789012345678901234567890"),
        D("18446744073709551616"),
        D("0.00000000000000000000000000000001"),
        D("100000000000000000000000000000000000000000000000000"),
        D("0.30000000000000004"),
        D("NaN"),
    };
    keep_type(t, RH_TYPE_DECIMAL, values, N(values));
}

static void texts(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        T(""),
        T(" "),
        T("a "),
        T(" a"),
        T("a\xcc\x81"),
        T("á"),
        T("😀"),
        T("it's"),
        T("\"quoted\""),
        T("back\\slash"),
        T("\t\r\n"),
        T("%s%n"),
        T("$1 ? :a"),
        T("a\0b"),
        T("\xef\xbf\xbf"),
        T("\x7f\x01"),
        T("NULL"),
        T("'; --"),
        T("İıſK"),
        T("\xf4\x8f\xbf\xbf"),
        T("\xef\xbb\xbfz"),
        T("日本"),
        {.type = RH_TYPE_NULL},
    };
    keep_type(t, RH_TYPE_TEXT, values, N(values));
}

static void bytes(struct rh_trial *t)
{
    unsigned char all[256];
    struct rh_value values[] = {P(RH_TYPE_BYTES, "", 0), P(RH_TYPE_BYTES, "\0", 1),
                                P(RH_TYPE_BYTES, all, sizeof(all)), P(RH_TYPE_BYTES, "\\x41", 4),
                                P(RH_TYPE_BYTES, "abc", 3)};

    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    keep_type(t, RH_TYPE_BYTES, values, N(values));
}

static void dates(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        X(RH_TYPE_DATE, 0),       X(RH_TYPE_DATE, -1),        X(RH_TYPE_DATE, 19782),
        X(RH_TYPE_DATE, -141428), /* 1582-10-14 in this calendar: never shifted */
        X(RH_TYPE_DATE, -141427), X(RH_TYPE_DATE, -141438),   X(RH_TYPE_DATE, -719162),
        X(RH_TYPE_DATE, -719163), X(RH_TYPE_DATE, -1000000),  X(RH_TYPE_DATE, 2932896),
        X(RH_TYPE_DATE, 2932897), X(RH_TYPE_DATE, INT64_MAX), X(RH_TYPE_DATE, INT64_MIN),
        X(RH_TYPE_DATE, 11016),
    };
    keep_type(t, RH_TYPE_DATE, values, N(values));
}

static void times(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        X(RH_TYPE_TIME, 0),           X(RH_TYPE_TIME, 1),      X(RH_TYPE_TIME, DAY_US - 1),
        X(RH_TYPE_TIME, 43200500000), X(RH_TYPE_TIME, DAY_US),
    };
    keep_type(t, RH_TYPE_TIME, values, N(values));
}

#define MOMENTS(type)                                                                              \
    X(type, 0), X(type, -1), X(type, 1), X(type, 1700000000123456), X(type, -141428 * DAY_US + 5), \
        X(type, -719162 * DAY_US), X(type, 2932896 * DAY_US + DAY_US - 1), X(type, INT64_MAX),     \
        X(type, INT64_MIN), X(type, 1711846800000000), X(type, 1711850400000000),                  \
        X(type, 951782400000000)

static void datetimes(struct rh_trial *t)
{
    static const struct rh_value values[] = {MOMENTS(RH_TYPE_DATETIME)};
    keep_type(t, RH_TYPE_DATETIME, values, N(values));
}

static void timestamps(struct rh_trial *t)
{
    static const struct rh_value values[] = {MOMENTS(RH_TYPE_TIMESTAMP)};
    keep_type(t, RH_TYPE_TIMESTAMP, values, N(values));
}

static void intervals(struct rh_trial *t)
{
    static const struct rh_interval parts[] = {
        {0, 0, 0},
        {1, 2, 3},
        {-1, -2, -3},
        {14, 0, 0},
        {0, 45, 0},
        {0, 0, 1},
        {0, 0, 100 * DAY_US},
        {1, -1, 1},
        {1200, 0, DAY_US / 2},
    };
    struct rh_value values[N(parts)];

    for (size_t i = 0; i < N(parts); i++)
        values[i] = (struct rh_value)P(RH_TYPE_INTERVAL, &parts[i], 16);
    keep_type(t, RH_TYPE_INTERVAL, values, N(parts));
}

static void uuids(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        P(RH_TYPE_UUID, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16),
        P(RH_TYPE_UUID, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16),
        P(RH_TYPE_UUID, "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0", 16),
    };
    keep_type(t, RH_TYPE_UUID, values, N(values));
}

static void jsons(struct rh_trial *t)
{
    static const struct rh_value values[] = {
        J("null"),
        J("true"),
        J("0"),
        J("\"\""),
        J("[]"),
        J("{}"),
        J("{\"a\":[1,2,{\"b\":null}],\"\":\"empty\"}"),
        J("12345678901234567890.123456789"),
        J("[0.1,1e2,-0]"),
        J("\"\\u0041\\n\\\"\\\\/ 😀\""),
        J("[\"\\u0000\"]"),
        {.type = RH_TYPE_NULL},
    };
    keep_type(t, RH_TYPE_JSON, values, N(values));
}

/* ---- Size and encoding ----------------------------------------------------------------------- */

static void keep_large(struct rh_trial *t, uint32_t type)
{
    struct column_test test;
    struct rh_value value = {.type = (uint8_t)type, .len = LARGE_BYTES}, cells[2];
    struct rh_write_spec spec;
    struct rh_rows_read rows;
    char *data = rh_trial_alloc(t, LARGE_BYTES);
    int32_t rc;

    for (uint32_t i = 0; i < LARGE_BYTES; i++)
        data[i] = (char)('a' + i % 23);
    value.as.data = data;
    make_column(t, (struct rh_column){.type = type}, &test);
    spec = rh_fixture_spec(test.table);
    cells[0] = (struct rh_value)X(RH_TYPE_INT, 1);
    cells[1] = value;
    spec.n_rows = 1;
    spec.cells = cells;
    rc = rh_fixture_write(t, test.conn, t->connector->write->insert, &spec, NULL);
    if (rc == RH_DATA || rc == RH_RESOURCE) {
        rh_trial_note(t, "it refuses them: %s", t->error.message);
        return;
    }
    rh_trial_ok(t, "writing 16 MiB", rc);
    rh_fixture_rows(t, test.conn, test.table, &rows);
    if (rows.n_rows != 1 || !is_same(t, &value, get(&test, &rows, 1)))
        rh_trial_fail(t, "16 MiB of %s do not come back as they were", rh_type_name(type));
}

static void large_text(struct rh_trial *t)
{
    keep_large(t, RH_TYPE_TEXT);
}

static void large_bytes(struct rh_trial *t)
{
    keep_large(t, RH_TYPE_BYTES);
}

static void invalid_text(struct rh_trial *t)
{
    static const struct rh_value values[] = {T("\xff"), T("a\xc3"), T("\xed\xa0\x80"),
                                             T("\xc0\x80"), T("\xf5\x80\x80\x80")};
    struct column_test test;

    make_column(t, (struct rh_column){.type = RH_TYPE_TEXT}, &test);
    for (size_t i = 0; i < N(values); i++) {
        const struct rh_value *kept;
        struct rh_rows_read rows;
        if (!put(&test, (int64_t)i + 1, &values[i]))
            continue;
        rh_fixture_rows(t, test.conn, test.table, &rows);
        kept = get(&test, &rows, (int64_t)i + 1);
        if (!kept)
            rh_trial_fail(t, "text that is not UTF-8 was taken, and its row is not there");
        rh_trial_fail(t, "text that is not UTF-8 was taken, and came back as %s of %u bytes",
                      rh_type_name(kept->type), kept->len);
    }
    rh_trial_ping(t, test.conn, "text that was not UTF-8");
}

static void defaults(struct rh_trial *t)
{
    const struct rh_value missing = {.type = RH_TYPE_MISSING};
    struct rh_column column = {
        .type = RH_TYPE_TEXT, .default_text = RH_TEXT("given"), .flags = RH_COLUMN_DEFAULT};
    const struct rh_value *found;
    struct rh_rows_read rows;
    struct column_test test;

    make_column(t, column, &test);
    if (!put(&test, 1, &missing))
        rh_trial_fail(t, "MISSING in a row to insert is refused: %s", t->error.message);
    rh_fixture_rows(t, test.conn, test.table, &rows);
    found = get(&test, &rows, 1);
    if (!found || found->type != RH_TYPE_TEXT || !rh_text_is(rh_cell_text(found), "given"))
        rh_trial_fail(t, "MISSING in a row to insert did not become the column's default");
}

/* ---- Tables that are there ------------------------------------------------------------------- */

static void check_expected(struct rh_trial *t, struct rh_conn *conn, const json_t *expected)
{
    const char *name = json_string_value(json_object_get(expected, "name"));
    const json_t *columns = json_object_get(expected, "columns");
    const json_t *rows = json_object_get(expected, "rows"), *row;
    const struct rh_table *table;
    struct rh_rows_read found;
    size_t i, c;

    if (!name || !json_is_array(columns) || !json_is_array(rows))
        rh_trial_fail(t, "the configuration: a table has a name, columns and rows");
    table = rh_fixture_find(t, conn, (struct rh_text){NULL, 0}, rh_text_of(name));
    rh_fixture_rows(t, conn, table, &found);
    if (found.n_rows != json_array_size(rows))
        rh_trial_fail(t, "\"%s\" has %llu rows instead of %zu", name,
                      (unsigned long long)found.n_rows, json_array_size(rows));
    json_array_foreach(rows, i, row)
    {
        for (c = 0; c < json_array_size(columns); c++) {
            const char *column = json_string_value(json_array_get(columns, c));
            uint32_t at = rh_fixture_position(t, table, column ? column : "");
            char *text = json_dumps(json_array_get(row, c), JSON_ENCODE_ANY | JSON_COMPACT);
            struct rh_json *want = NULL, *have = NULL;
            struct rh_error error = RH_ERROR_INIT;
            struct rh_buf buf;
            rh_buf_init(&buf, (size_t)1 << 24);
            rh_encode_value(&buf, &found.cells[i * found.n_cols + at], false);
            if (!text || rh_json_parse(t->arena, rh_text_of(text), &want, &error) ||
                rh_json_parse(t->arena, rh_buf_text(&buf), &have, &error) ||
                !rh_json_equal(want, have))
                rh_trial_fail(t, "\"%s\", row %zu, column \"%s\" is %.*s instead of %s", name, i,
                              column, RH_TEXT_ARG(rh_buf_text(&buf)), text ? text : "?");
            rh_buf_free(&buf);
            free(text);
        }
    }
}

static void expected_tables(struct rh_trial *t)
{
    const json_t *tables, *table;
    struct rh_conn *conn;
    size_t i;

    rh_trial_load(t);
    if (!json_object_get(t->config, "tables") && rh_fixture_can_make(t))
        rh_trial_skip(t, "it makes tables of its own");
    tables = rh_trial_need(t, "tables");
    conn = rh_trial_connect(t);
    json_array_foreach(tables, i, table) check_expected(t, conn, table);
    t->connector->close(conn);
}

#define KEEPS "values up to the type's bounds come back exactly, or are refused with DATA"

const struct rh_trial_test rh_suite_types[] = {
    {"bool", "BOOL: " KEEPS, bools},
    {"int", "INT: " KEEPS, ints},
    {"uint", "UINT: " KEEPS, uints},
    {"float", "FLOAT: " KEEPS, floats},
    {"decimal", "DECIMAL(38, 10): " KEEPS, decimals},
    {"free-decimal", "DECIMAL without limits: " KEEPS, free_decimals},
    {"text", "TEXT: " KEEPS, texts},
    {"bytes", "BYTES: " KEEPS, bytes},
    {"date", "DATE: " KEEPS "; also before 1582", dates},
    {"time", "TIME: " KEEPS, times},
    {"datetime", "DATETIME: " KEEPS "; no zone is ever applied", datetimes},
    {"timestamp", "TIMESTAMP: " KEEPS, timestamps},
    {"interval", "INTERVAL: " KEEPS "; its parts are not folded into each other", intervals},
    {"uuid", "UUID: " KEEPS, uuids},
    {"json", "JSON: " KEEPS ", digit for digit", jsons},
    {"large-text", "text of 16 MiB comes back as it was, or is refused", large_text},
    {"large-bytes", "16 MiB of bytes come back as they were, or are refused", large_bytes},
    {"invalid-text", "text that is not UTF-8 is refused with DATA", invalid_text},
    {"defaults", "MISSING in a row to insert becomes the column's default", defaults},
    {"tables", "the configured tables have the configured rows", expected_tables},
    {NULL, NULL, NULL},
};
