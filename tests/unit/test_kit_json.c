/*
 * JSON documents as rows: texts, cells, columns, streams.
 */
#include "connector/json_cell.h"
#include "connector/json_infer.h"
#include "connector/json_stream.h"
#include "connector/json_text.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct rh_arena *arena;
static struct rh_buf buf;
static struct rh_rowset rows;

static void set_up(void)
{
    arena = rh_arena_new((size_t)16 << 20);
    ck_assert_ptr_nonnull(arena);
    rh_buf_init(&buf, (size_t)1 << 20);
    rh_rowset_init(&rows, 1, SIZE_MAX);
}

static void tear_down(void)
{
    rh_rowset_fini(&rows);
    rh_buf_free(&buf);
    rh_arena_free(arena);
}

static struct rh_json *parsed(const char *text)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_json *value = NULL;
    ck_assert_msg(rh_json_parse(arena, rh_text_of(text), &value, &error) == RH_OK, "%s",
                  error.message);
    return value;
}

START_TEST(base64_goes_both_ways)
{
    static const char *const pairs[][2] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}};
    static const char *const wrong[] = {"Z",    "Zg",   "Zg=",  "Zg=a",     "=g==",  "Z===",
                                        "Zh==", "Zm9=", "Zm 9", "Zg==Zg==", "Zm9v=", "Zm-_"};
    set_up();
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        rh_buf_clear(&buf);
        rh_json_text_add_base64(&buf, rh_text_of(pairs[i][0]));
        ck_assert(rh_text_is(rh_buf_text(&buf), pairs[i][1]));
        rh_buf_clear(&buf);
        ck_assert(rh_json_text_add_bytes(&buf, rh_text_of(pairs[i][1])));
        ck_assert(rh_text_is(rh_buf_text(&buf), pairs[i][0]));
    }
    rh_buf_clear(&buf);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!rh_json_text_add_bytes(&buf, rh_text_of(wrong[i])), "%s", wrong[i]);
    ck_assert_uint_eq(buf.len, 0);
    tear_down();
}
END_TEST

START_TEST(uuids_go_both_ways)
{
    const char *text = "123e4567-e89b-12d3-a456-426614174000";
    char back[RH_JSON_UUID_SIZE];
    uint8_t uuid[16] = {0};
    ck_assert(rh_json_text_to_uuid(rh_text_of(text), uuid));
    ck_assert_uint_eq(uuid[0], 0x12);
    ck_assert_uint_eq(uuid[15], 0);
    rh_json_text_from_uuid(back, uuid);
    ck_assert(rh_text_equal(rh_text_make(back, sizeof(back)), rh_text_of(text)));
    ck_assert(rh_json_text_to_uuid(RH_TEXT("123E4567-E89B-12D3-A456-426614174000"), uuid));
    ck_assert(!rh_json_text_to_uuid(RH_TEXT("123e4567-e89b-12d3-a456-42661417400"), uuid));
    ck_assert(!rh_json_text_to_uuid(RH_TEXT("123e4567-e89b-12d3-a456-42661417400g"), uuid));
    ck_assert(!rh_json_text_to_uuid(RH_TEXT("123e4567ae89b-12d3-a456-426614174000"), uuid));
    ck_assert(!rh_json_text_to_uuid(RH_TEXT(""), uuid));
}
END_TEST

/* The cell that a column of this type gets from this JSON, written as JSON again behind its
 * type. */
static const char *cell_text(uint32_t type, uint32_t flags, const char *json)
{
    static const char *const names[] = {
        "missing", "null", "bool", "int",      "uint",      "float",    "decimal", "text",
        "bytes",   "date", "time", "datetime", "timestamp", "interval", "uuid",    "json"};
    const struct rh_column column = {.type = type, .flags = flags};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    rh_rowset_clear(&rows, 1);
    struct rh_value *cell = rh_rowset_row(&rows);
    rh_json_cell(&rows, cell, &column, json ? parsed(json) : NULL);
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, &error), RH_OK);
    rh_buf_clear(&buf);
    rh_buf_addf(&buf, "%s ", names[batch.cells[0].type]);
    ck_assert_int_eq(rh_json_add_value(&buf, &batch.cells[0], &error), RH_OK);
    rh_buf_add_char(&buf, '\0');
    return buf.data;
}

static const struct {
    uint32_t type, flags;
    const char *json, *cell;
} cells[] = {
    {RH_TYPE_TEXT, 0, NULL, "missing null"},
    {RH_TYPE_TEXT, 0, "null", "null null"},
    {RH_TYPE_BOOL, 0, "true", "bool true"},
    {RH_TYPE_BOOL, 0, "\"true\"", "text \"true\""},
    {RH_TYPE_BOOL, 0, "1", "int 1"},
    {RH_TYPE_INT, 0, "9223372036854775807", "int 9223372036854775807"},
    {RH_TYPE_INT, 0, "-9223372036854775808", "int -9223372036854775808"},
    {RH_TYPE_INT, 0, "9223372036854775808", "decimal 9223372036854775808"},
    {RH_TYPE_INT, 0, "1e3", "int 1000"},
    {RH_TYPE_INT, 0, "5.00", "int 5"},
    {RH_TYPE_INT, 0, "5.5", "decimal 5.5"},
    {RH_TYPE_INT, 0, "\"12\"", "int 12"},
    {RH_TYPE_INT, RH_COLUMN_INFERRED, "\"12\"", "text \"12\""},
    {RH_TYPE_INT, 0, "\"12 \"", "text \"12 \""},
    {RH_TYPE_INT, 0, "[1]", "json [1]"},
    {RH_TYPE_UINT, 0, "18446744073709551615", "uint 18446744073709551615"},
    {RH_TYPE_UINT, 0, "-1", "int -1"},
    {RH_TYPE_DECIMAL, 0, "1.50", "decimal 1.50"},
    {RH_TYPE_DECIMAL, 0, "7", "decimal 7"},
    {RH_TYPE_DECIMAL, 0, "\"1.50\"", "decimal 1.50"},
    {RH_TYPE_DECIMAL, 0, "1.5E-3", "decimal 0.0015"},
    {RH_TYPE_DECIMAL, 0, "1e300", "float 1e+300"},
    {RH_TYPE_DECIMAL, 0, "123456789012345678901234567890123456789012345678901234567890123456789.5",
     "decimal 123456789012345678901234567890123456789012345678901234567890123456789.5"},
    {RH_TYPE_FLOAT, 0, "0.1", "float 0.1"},
    {RH_TYPE_FLOAT, 0, "9007199254740993", "float 9007199254740992"},
    {RH_TYPE_FLOAT, RH_COLUMN_INFERRED, "9007199254740993", "int 9007199254740993"},
    {RH_TYPE_FLOAT, RH_COLUMN_INFERRED, "0.1", "float 0.1"},
    {RH_TYPE_FLOAT, 0, "1e999", "json 1e999"},
    {RH_TYPE_TEXT, 0, "\"a\\u00e9\\n\"", "text \"aé\\n\""},
    {RH_TYPE_TEXT, 0, "\"\"", "text \"\""},
    {RH_TYPE_TEXT, 0, "12", "int 12"},
    {RH_TYPE_TEXT, 0, "{\"a\": [1, 2.0]}", "json {\"a\": [1, 2.0]}"},
    {RH_TYPE_BYTES, 0, "\"Zm8=\"", "bytes \"Zm8=\""},
    {RH_TYPE_BYTES, 0, "\"\"", "bytes \"\""},
    {RH_TYPE_BYTES, 0, "\"Zm8\"", "text \"Zm8\""},
    {RH_TYPE_UUID, 0, "\"123E4567-e89b-12d3-a456-426614174000\"",
     "uuid \"123e4567-e89b-12d3-a456-426614174000\""},
    {RH_TYPE_UUID, 0, "\"123\"", "text \"123\""},
    {RH_TYPE_DATE, 0, "\"1582-10-04\"", "date \"1582-10-04\""},
    {RH_TYPE_DATE, 0, "\"infinity\"", "date \"infinity\""},
    {RH_TYPE_DATE, 0, "\"soon\"", "text \"soon\""},
    {RH_TYPE_TIME, 0, "\"13:05\"", "time \"13:05:00\""},
    {RH_TYPE_DATETIME, 0, "\"2024-02-29T13:05:00.25\"", "datetime \"2024-02-29T13:05:00.25\""},
    {RH_TYPE_TIMESTAMP, 0, "\"2024-02-29T13:05:00+01:00\"", "timestamp \"2024-02-29T12:05:00Z\""},
    {RH_TYPE_INTERVAL, 0, "\"P1M2DT3S\"", "interval \"P1M2DT3S\""},
    {RH_TYPE_JSON, 0, "1.0", "json 1.0"},
    {RH_TYPE_JSON, 0, "\"a\"", "json \"a\""},
};

START_TEST(cells_keep_every_value)
{
    set_up();
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
        ck_assert_str_eq(cell_text(cells[i].type, cells[i].flags, cells[i].json), cells[i].cell);
    tear_down();
}
END_TEST

START_TEST(numbers_that_json_lacks_are_refused)
{
    const struct rh_value values[] = {
        {.type = RH_TYPE_FLOAT, .as.f = (double)NAN},
        {.type = RH_TYPE_FLOAT, .as.f = (double)INFINITY},
        {.type = RH_TYPE_DECIMAL, .len = 3, .as.data = "NaN"},
    };
    struct rh_error error = RH_ERROR_INIT;
    set_up();
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(rh_json_add_value(&buf, &values[i], &error), RH_DATA);
    ck_assert_uint_eq(buf.len, 0);
    tear_down();
}
END_TEST

static void *host_alloc(struct rh_arena *op_arena, uint64_t size)
{
    return rh_arena_alloc(op_arena, size);
}

static const struct rh_host host = {.struct_size = sizeof(host), .alloc = host_alloc};

static const char *const documents[] = {
    "{\"i\":1, \"d\":1, \"f\":1, \"t\":\"a\", \"b\":true, \"j\":[], \"n\":null, \"m\":1}",
    "{\"i\":-5, \"d\":1.5, \"f\":1.5, \"t\":\"b\", \"b\":false, \"j\":1, \"m\":\"x\", \"o\":1}",
    "{\"f\":1e300, \"b\":null, \"o\":true}",
};

static int infer_all(struct rh_json_infer *infer, struct rh_column **ret, uint32_t *ret_n,
                     struct rh_error *error)
{
    int rc = RH_OK;
    for (size_t i = 0; rc == RH_OK && i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct rh_json *document = NULL;
        rc = rh_json_parse(arena, rh_text_of(documents[i]), &document, error);
        if (rc == RH_OK)
            rc = rh_json_infer_add(infer, document, error);
    }
    return rc ? rc : rh_json_infer_columns(infer, &host, arena, ret, ret_n, error);
}

START_TEST(columns_are_as_wide_as_their_values)
{
    static const struct {
        const char *name;
        uint32_t type;
        const char *native;
    } wanted[] = {
        {"i", RH_TYPE_INT, "number"},   {"d", RH_TYPE_DECIMAL, "number"},
        {"f", RH_TYPE_FLOAT, "number"}, {"t", RH_TYPE_TEXT, "string"},
        {"b", RH_TYPE_BOOL, "boolean"}, {"j", RH_TYPE_JSON, "mixed"},
        {"n", RH_TYPE_TEXT, "null"},    {"m", RH_TYPE_TEXT, "mixed"},
        {"o", RH_TYPE_JSON, "mixed"},
    };
    struct rh_error error = RH_ERROR_INIT;
    struct rh_json_infer infer;
    struct rh_column *columns = NULL;
    uint32_t n = 0;
    set_up();
    rh_json_infer_init(&infer, arena, 9);
    ck_assert_int_eq(infer_all(&infer, &columns, &n, &error), RH_OK);
    ck_assert_uint_eq(n, 9);
    for (uint32_t i = 0; i < n; i++) {
        ck_assert(rh_text_is(columns[i].name, wanted[i].name));
        ck_assert_msg(columns[i].type == wanted[i].type, "%s: %u", wanted[i].name, columns[i].type);
        ck_assert(rh_text_is(columns[i].native_type, wanted[i].native));
        ck_assert_uint_eq(columns[i].flags, RH_COLUMN_INFERRED);
    }
    ck_assert_int_eq(rh_json_infer_add(&infer, parsed("[1]"), &error), RH_DATA);
    rh_json_infer_fini(&infer);
    rh_json_infer_init(&infer, arena, 8);
    rh_error_clear(&error);
    ck_assert_int_eq(infer_all(&infer, &columns, &n, &error), RH_OK);
    ck_assert_uint_eq(n, 8); /* the ninth is left out */
    rh_json_infer_fini(&infer);
    tear_down();
}
END_TEST

/* ---- Streams ------------------------------------------------------------------------------- */

/* Reads a text in pieces of so many bytes: the documents' own texts with '|' behind each, and the
 * envelope behind those. Returns the last answer of `next`. */
static int read_stream(const char *path, const char *text, size_t piece, size_t max,
                       struct rh_error *error)
{
    struct rh_json_stream stream;
    struct rh_json *document = NULL;
    struct rh_text rest = rh_text_of(text);
    int rc;
    rh_buf_clear(&buf);
    rh_json_stream_init(&stream, path, max);
    while ((rc = rh_json_stream_next(&stream, arena, &document, error)) >= 0 && rc != RH_END) {
        if (rc == RH_OK) {
            rh_buf_add_text(&buf, document->source);
            rh_buf_add_char(&buf, '|');
        } else if (rest.len == 0) {
            rh_json_stream_close(&stream);
        } else {
            size_t n = rest.len < piece ? rest.len : piece;
            rh_json_stream_push(&stream, rh_text_make(rest.data, n));
            rest = rh_text_make(rest.data + n, rest.len - n);
        }
    }
    if (rc == RH_END && stream.envelope)
        rh_buf_add_text(&buf, stream.envelope->source);
    if (rc == RH_END && path && !stream.found)
        rh_buf_add_str(&buf, " (not found)");
    rh_json_stream_fini(&stream);
    rh_buf_add_char(&buf, '\0');
    return rc;
}

static const struct {
    const char *path, *text, *read;
} streams[] = {
    {NULL, "", ""},
    {NULL, "{\"a\":1}\n\n [2] \r\n3", "{\"a\":1}|[2]|3|"},
    {"", "[]", "[]"},
    {"", " [ 1 , \"a,]\\\"\" , {\"b\":[1,{}]} , null ] ", "1|\"a,]\\\"\"|{\"b\":[1,{}]}|null|[]"},
    {"rows", "{\"n\":2,\"rows\":[{\"a\":1},{\"a\":2}],\"next\":\"x\"}",
     "{\"a\":1}|{\"a\":2}|{\"n\":2,\"rows\":[],\"next\":\"x\"}"},
    {"rows", "{\"x\":{\"rows\":[1]},\"y\":[[\"rows\"]],\"rows\":[2]}",
     "2|{\"x\":{\"rows\":[1]},\"y\":[[\"rows\"]],\"rows\":[]}"},
    {"hits.hits", "{\"hits\":{\"total\":{\"hits\":[9]},\"hits\":[1,2]},\"took\":3}",
     "1|2|{\"hits\":{\"total\":{\"hits\":[9]},\"hits\":[]},\"took\":3}"},
    {"a.b", "{\"a\":1,\"b\":[2]}", "{\"a\":1,\"b\":[2]} (not found)"},
    {"a.b", "{\"b\":[1],\"a\":{\"c\":{\"b\":[2]}},\"d\":{\"b\":[3]}}",
     "{\"b\":[1],\"a\":{\"c\":{\"b\":[2]}},\"d\":{\"b\":[3]}} (not found)"},
    {"rows", "{\"rows\":\"rows\",\"error\":\"no\"}",
     "{\"rows\":\"rows\",\"error\":\"no\"} (not found)"},
    {"rows", "{\"a\":\"\\\"rows\\\":[\",\"rows\":[1]}", "1|{\"a\":\"\\\"rows\\\":[\",\"rows\":[]}"},
    {"rows", "[{\"rows\":[1]}]", "[{\"rows\":[1]}] (not found)"},
};

START_TEST(streams_are_cut_anywhere)
{
    struct rh_error error = RH_ERROR_INIT;
    set_up();
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        for (size_t piece = 1; piece < 40; piece++) {
            int rc = read_stream(streams[i].path, streams[i].text, piece, 100, &error);
            ck_assert_msg(rc == RH_END, "%s: %s", streams[i].text, error.message);
            ck_assert_str_eq(buf.data, streams[i].read);
        }
    }
    tear_down();
}
END_TEST

START_TEST(streams_that_are_broken_are_told_from_short_ones)
{
    static const char *const broken[][2] = {
        {NULL, "{\"a\":1"},
        {NULL, "{\"a\":1}{\"a\":2}"},
        {"", ""},
        {"", "[1"},
        {"", "[1,"},
        {"", "[1,]"},
        {"", "[,1]"},
        {"", "[1 2]"},
        {"", "[1]]"},
        {"", "[{]}"},
        {"", "[1] x"},
        {"", "[}"},
        {"rows", "{\"rows\":[1]"},
        {"rows", "{\"rows\":[1],}"},
        {"rows", "{\"rows\":[tru]}"},
        {"rows", "{\"rows\":[1}]}"},
        {"rows", "{\"rows\":[1]}}"},
        {"rows", "\"rows\":[1]"},
        {"rows", "{\"rows\":[\"a]}"},
        {"rows", "{{\"rows\":[1]}}"},
        {"rows", "{\"rows\",[1]}"},
    };
    set_up();
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        for (size_t piece = 1; piece < 20; piece++) {
            struct rh_error error = RH_ERROR_INIT;
            int rc = read_stream(broken[i][0], broken[i][1], piece, 100, &error);
            ck_assert_msg(rc == RH_PROTOCOL, "%s: %d", broken[i][1], rc);
        }
    }
    tear_down();
}
END_TEST

/* A stream ends well exactly when the whole text is well-formed, whatever the text is. */
START_TEST(streams_take_what_the_parser_takes)
{
    static const char *const tokens[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         " ",
                                         "1",
                                         "\"rows\"",
                                         "\"a\"",
                                         "\"\"",
                                         "true",
                                         "\"[\"",
                                         "\\",
                                         "\"",
                                         "\"rows\":[",
                                         "{\"rows\":[1",
                                         "]}",
                                         "null",
                                         "-1.5"};
    static const char *const paths[] = {"", "rows", "rows.a", "a.rows"};
    uint32_t seed = 1, n_good = 0;
    set_up();
    for (unsigned round = 0; round < 60000; round++) {
        struct rh_error error = RH_ERROR_INIT;
        struct rh_json *whole = NULL;
        char text[128] = "";
        size_t n = 0;
        for (unsigned i = 0; i < 1 + round % 12; i++) {
            seed = seed * 1664525 + 1013904223;
            const char *token = tokens[(seed >> 16) % (sizeof(tokens) / sizeof(tokens[0]))];
            memcpy(text + n, token, strlen(token) + 1);
            n += strlen(token);
        }
        bool is_good = rh_json_parse(arena, rh_text_of(text), &whole, NULL) == RH_OK;
        int rc = read_stream(paths[round % 4], text, 1 + round % 5, 1000, &error);
        ck_assert_msg((rc == RH_END) == is_good, "path \"%s\": %s", paths[round % 4], text);
        n_good += is_good;
        rh_arena_reset(arena);
    }
    ck_assert_uint_gt(n_good, 1000);
    tear_down();
}
END_TEST

START_TEST(streams_have_ceilings)
{
    struct rh_error error = RH_ERROR_INIT;
    set_up();
    ck_assert_int_eq(read_stream(NULL, "\"12345678\"\n", 3, 11, &error), RH_END);
    ck_assert_int_eq(read_stream(NULL, "\"123456789\"\n", 3, 11, &error), RH_RESOURCE);
    rh_error_clear(&error);
    ck_assert_int_eq(read_stream("", "[\"12345678\"]", 3, 10, &error), RH_END);
    ck_assert_int_eq(read_stream("", "[\"123456789\"]", 3, 10, &error), RH_RESOURCE);
    rh_error_clear(&error);
    ck_assert_int_eq(read_stream("", "[\"123456789a", 3, 10, &error), RH_RESOURCE);
    rh_error_clear(&error);
    ck_assert_int_eq(read_stream("a", "{\"a\":[1]}", 3, 8, &error), RH_END);
    ck_assert_int_eq(read_stream("a", "{\"a\":[1],\"b\":1}", 3, 8, &error), RH_RESOURCE);
    tear_down();
}
END_TEST

/* ---- Without memory ------------------------------------------------------------------------ */

static bool run_all(void *context)
{
    static const char text[] = "{\"rows\": [{\"a\": 1, \"b\": \"x\"}, {\"a\": 2.5}], \"next\": 1}";
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_column column = {.type = RH_TYPE_BYTES};
    struct rh_json_stream stream;
    struct rh_json_infer infer;
    struct rh_rowset row;
    struct rh_json *document = NULL;
    struct rh_column *columns = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    uint32_t n = 0;
    struct rh_arena *own = rh_arena_new((size_t)1 << 20);
    if (!own)
        return false;
    rh_json_stream_init(&stream, "rows", 1000);
    rh_json_infer_init(&infer, own, 10);
    rh_rowset_init(&row, 1, SIZE_MAX);
    rh_json_stream_push(&stream, rh_text_of(text));
    rh_json_stream_close(&stream);
    int rc;
    while ((rc = rh_json_stream_next(&stream, own, &document, &error)) == RH_OK &&
           (rc = rh_json_infer_add(&infer, document, &error)) == RH_OK)
        ;
    if (rc == RH_END)
        rc = rh_json_infer_columns(&infer, &host, own, &columns, &n, &error);
    rh_rowset_clear(&row, 1);
    struct rh_value *cell = rh_rowset_row(&row);
    if (rc == RH_OK && cell && rh_json_parse(own, RH_TEXT("\"Zm8=\""), &document, &error) == RH_OK)
        rh_json_cell(&row, cell, &column, document);
    if (rc == RH_OK)
        rc = rh_rowset_batch(&row, &batch, &error);
    FAULT_ASSERT(rc == RH_OK || rc == RH_RESOURCE);
    FAULT_ASSERT(rc != RH_OK || (n == 2 && batch.cells[0].type == RH_TYPE_BYTES));
    rh_rowset_fini(&row);
    rh_json_infer_fini(&infer);
    rh_json_stream_fini(&stream);
    rh_arena_free(own);
    return rc == RH_OK;
}

START_TEST(every_allocation_may_fail)
{
    ck_assert_uint_gt(fault_torture(run_all, NULL), 5);
}
END_TEST

TESTS_MAIN("kit_json", base64_goes_both_ways, uuids_go_both_ways, cells_keep_every_value,
           numbers_that_json_lacks_are_refused, columns_are_as_wide_as_their_values,
           streams_are_cut_anywhere, streams_that_are_broken_are_told_from_short_ones,
           streams_take_what_the_parser_takes, streams_have_ceilings, every_allocation_may_fail)
