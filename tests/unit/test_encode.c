/* Rows to JSON, NDJSON and CSV: every type, and cells that try to break the document. */
#include "rows/encode.h"

#include "base/json.h"
#include "base/text.h"
#include "lib/cells.h"
#include "lib/tests.h"
#include "rows/jsoncheck.h"

#include <math.h>
#include <string.h>

static const struct rh_interval span = {.months = 14, .days = 3, .us = 500000};

static const struct {
    struct rh_value cell;
    const char *json, *csv;
} cells[] = {
    {{.type = RH_TYPE_NULL}, "null", ""},
    {X(RH_TYPE_BOOL, 1), "true", "true"},
    {I(0), "0", "0"},
    {I(-7), "-7", "-7"},
    {I(INT64_MIN), "-9223372036854775808", "-9223372036854775808"},
    {I(INT64_MAX), "9223372036854775807", "9223372036854775807"},
    {I(100), "100", "100"},
    {{.type = RH_TYPE_UINT, .as.u = UINT64_MAX}, "18446744073709551615", "18446744073709551615"},
    {F(1.5), "1.5", "1.5"},
    {F((double)NAN), "\"NaN\"", "NaN"},
    {F((double)INFINITY), "\"Infinity\"", "Infinity"},
    {F(-(double)INFINITY), "\"-Infinity\"", "-Infinity"},
    {S(RH_TYPE_DECIMAL, "-12.3400"), "-12.3400", "-12.3400"},
    {S(RH_TYPE_DECIMAL, "007"), "7", "007"},
    {S(RH_TYPE_DECIMAL, "-000.50"), "-0.50", "-000.50"},
    {S(RH_TYPE_DECIMAL, "000"), "0", "000"},
    {S(RH_TYPE_DECIMAL, "NaN"), "\"NaN\"", "NaN"},
    {T(""), "\"\"", "\"\""},
    {T("plain"), "\"plain\"", "plain"},
    {T("a,b"), "\"a,b\"", "\"a,b\""},
    {T("say \"hi\""), "\"say \\\"hi\\\"\"", "\"say \"\"hi\"\"\""},
    {T("two\r\nlines"), "\"two\\r\\nlines\"", "\"two\r\nlines\""},
    {T("nul\0"), "\"nul\\u0000\"", NULL},
    {T("bad\xff"), "\"bad\xef\xbf\xbd\"", "bad\xef\xbf\xbd"},
    {T("bad\xff,"), "\"bad\xef\xbf\xbd,\"", "\"bad\xef\xbf\xbd,\""},
    {S(RH_TYPE_BYTES, ""), "\"\"", "\"\""},
    {S(RH_TYPE_BYTES, "f"), "\"Zg==\"", "Zg=="},
    {S(RH_TYPE_BYTES, "fo"), "\"Zm8=\"", "Zm8="},
    {S(RH_TYPE_BYTES, "foo"), "\"Zm9v\"", "Zm9v"},
    {S(RH_TYPE_BYTES, "\xfb\xff\xfe"), "\"+//+\"", "+//+"},
    {X(RH_TYPE_DATE, 19782), "\"2024-02-29\"", "2024-02-29"},
    {X(RH_TYPE_DATE, INT64_MAX), "\"infinity\"", "infinity"},
    {X(RH_TYPE_DATE, INT64_MIN), "\"-infinity\"", "-infinity"},
    {X(RH_TYPE_TIME, 47100250000), "\"13:05:00.25\"", "13:05:00.25"},
    {X(RH_TYPE_DATETIME, 0), "\"1970-01-01T00:00:00\"", "1970-01-01T00:00:00"},
    {X(RH_TYPE_TIMESTAMP, -1), "\"1969-12-31T23:59:59.999999Z\"", "1969-12-31T23:59:59.999999Z"},
    {X(RH_TYPE_TIMESTAMP, INT64_MAX), "\"infinity\"", "infinity"},
    {{.type = RH_TYPE_INTERVAL, .len = 16, .as.data = &span}, "\"P1Y2M3DT0.5S\"", "P1Y2M3DT0.5S"},
    {S(RH_TYPE_UUID, "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x01\x23\x45\x67\x89\xab\xcd\xef"),
     "\"12345678-9abc-def0-0123-456789abcdef\"", "12345678-9abc-def0-0123-456789abcdef"},
    {S(RH_TYPE_JSON, "{\"a\": [1, 2]}"), "{\"a\": [1, 2]}", "\"{\"\"a\"\": [1, 2]}\""},
    {S(RH_TYPE_JSON, "[1],\"injected\":true"), "\"[1],\\\"injected\\\":true\"", NULL},
    {S(RH_TYPE_JSON, ""), "\"\"", NULL},
};

static struct rh_arena *arena;

static struct rh_text encode(enum rh_format format, const struct rh_value *row, uint32_t n,
                             bool numbers_as_text, struct rh_buf *buf)
{
    static const struct rh_column columns[] = {{.name = RH_TEXT_INIT("a")},
                                               {.name = RH_TEXT_INIT("b \"c\"")},
                                               {.name = RH_TEXT_INIT("d")}};
    struct rh_batch batch = {.n_cols = n, .n_rows = 1, .cells = row};
    struct rh_encoder *encoder;

    arena = arena ? arena : rh_arena_new((size_t)16 << 20);
    encoder = rh_encoder_new(arena, format, columns, n, numbers_as_text);
    ck_assert_ptr_nonnull(encoder);
    rh_buf_clear(buf);
    rh_encoder_rows(encoder, buf, &batch);
    ck_assert(!buf->failed);
    return rh_buf_text(buf);
}

static void check(struct rh_text got, const char *want, size_t i)
{
    ck_assert_msg(rh_text_is(got, want), "case %zu: %.*s, not %s", i, RH_TEXT_ARG(got), want);
}

START_TEST(every_type_as_json_and_csv)
{
    struct rh_buf buf;
    struct rh_text got;

    rh_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < COUNT(cells); i++) {
        rh_buf_clear(&buf);
        rh_encode_value(&buf, &cells[i].cell, false);
        check(rh_buf_text(&buf), cells[i].json, i);
        got = encode(RH_FORMAT_JSON, &cells[i].cell, 1, false, &buf);
        ck_assert(rh_text_starts(got, "{\"a\":") && rh_text_ends(got, "}"));
        check(rh_text_make(got.data + 5, got.len - 6), cells[i].json, i);
        ck_assert_msg(rh_jsoncheck_is_valid(got), "case %zu", i);
        got = encode(RH_FORMAT_CSV, &cells[i].cell, 1, false, &buf);
        ck_assert(rh_text_ends(got, "\r\n"));
        if (cells[i].csv)
            check(rh_text_make(got.data, got.len - 2), cells[i].csv, i);
    }
    rh_buf_free(&buf);
}
END_TEST

START_TEST(numbers_as_text)
{
    const struct rh_value row[] = {I(5), S(RH_TYPE_DECIMAL, "0.10"), F(0.5)};
    struct rh_buf buf;

    rh_buf_init(&buf, 1 << 20);
    check(encode(RH_FORMAT_JSON, row, 3, true, &buf),
          "{\"a\":\"5\",\"b \\\"c\\\"\":\"0.10\",\"d\":0.5}", 0);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(missing_cells_are_left_out)
{
    struct rh_buf buf;

    rh_buf_init(&buf, 1 << 20);
    for (unsigned bits = 0; bits < 8; bits++) {
        static const char *const want[] = {"{}",
                                           "{\"a\":1}",
                                           "{\"b \\\"c\\\"\":\"x\"}",
                                           "{\"a\":1,\"b \\\"c\\\"\":\"x\"}",
                                           "{\"d\":3}",
                                           "{\"a\":1,\"d\":3}",
                                           "{\"b \\\"c\\\"\":\"x\",\"d\":3}",
                                           "{\"a\":1,\"b \\\"c\\\"\":\"x\",\"d\":3}"};
        struct rh_value row[] = {I(1), T("x"), I(3)};
        for (unsigned c = 0; c < 3; c++)
            if (!(bits >> c & 1))
                row[c] = (struct rh_value){.type = RH_TYPE_MISSING};
        check(encode(RH_FORMAT_JSON, row, 3, false, &buf), want[bits], bits);
    }
    rh_buf_free(&buf);
}
END_TEST

START_TEST(commas_and_lines_between_rows)
{
    static const struct rh_column column = {.name = RH_TEXT_INIT("n,m")};
    const struct rh_value rows[] = {I(1), S(RH_TYPE_JSON, "[\n1,\r\n2]"), I(3)};
    struct rh_batch batch = {.n_cols = 1, .n_rows = 3, .cells = rows};
    struct rh_encoder *encoder;
    struct rh_buf buf;

    arena = rh_arena_new((size_t)16 << 20);
    rh_buf_init(&buf, 1 << 20);
    encoder = rh_encoder_new(arena, RH_FORMAT_JSON, &column, 1, false);
    rh_encoder_begin(encoder, &buf);
    rh_encoder_slice(encoder, &buf, &batch, 0, 1);
    rh_encoder_slice(encoder, &buf, &batch, 2, 1);
    check(rh_buf_text(&buf), "{\"n,m\":1},{\"n,m\":3}", 0);
    rh_buf_clear(&buf);
    encoder = rh_encoder_new(arena, RH_FORMAT_NDJSON, &column, 1, false);
    rh_encoder_begin(encoder, &buf);
    rh_encoder_rows(encoder, &buf, &batch);
    check(rh_buf_text(&buf), "{\"n,m\":1}\n{\"n,m\":[ 1,  2]}\n{\"n,m\":3}\n", 0);
    rh_buf_clear(&buf);
    encoder = rh_encoder_new(arena, RH_FORMAT_CSV, &column, 1, false);
    rh_encoder_begin(encoder, &buf);
    rh_encoder_slice(encoder, &buf, &batch, 0, 1);
    check(rh_buf_text(&buf), "\"n,m\"\r\n1\r\n", 0);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_fails)
{
    struct rh_value row[] = {I(1), T("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), I(3)};
    struct rh_batch batch = {.n_cols = 3, .n_rows = 1, .cells = row};
    static const struct rh_column columns[3];
    struct rh_buf buf;

    arena = rh_arena_new((size_t)16 << 20);
    for (size_t max = 0; max < 700; max++) {
        struct rh_encoder *encoder = rh_encoder_new(arena, RH_FORMAT_JSON, columns, 3, false);
        rh_buf_init(&buf, max);
        rh_encoder_rows(encoder, &buf, &batch);
        ck_assert(buf.len <= max);
        ck_assert(buf.failed || rh_jsoncheck_is_valid(rh_buf_text(&buf)));
        ck_assert(max > 10 || buf.failed);
        rh_buf_free(&buf);
    }
}
END_TEST

/* ---- Is it JSON? ------------------------------------------------------------------------- */

static const char *const valid[] = {
    "0",
    "-1.5e+3",
    " null ",
    "true",
    "false",
    "\"\\u00e9\\n\\/\"",
    "[]",
    "[ ]",
    "{}",
    "{ }",
    "[1,[2,[3]],{\"a\":{}}]",
    "{\"a\":1,\"b\":[{},{}]}",
    "\"\xf0\x9f\x98\x80\"",
    "\n[\t1\r]\n",
};
static const char *const invalid[] = {
    "",    " ",    "nul",     "truefalse",   "01",         "1.",    "+1",
    "'a'", "\"",   "\"\\x\"", "\"\\u12g4\"", "\"\n\"",     "[1,]",  "[,1]",
    "[1",  "1]",   "{\"a\"}", "{\"a\":}",    "{\"a\":1,}", "{a:1}", "{\"a\":1]",
    "[1}", "1 2",  "[]]",     "{}{}",        "\"\xff\"",   "[1 2]", "{\"a\":1 \"b\":2}",
    "NaN", "\"\\",
};

START_TEST(json_is_told_from_other_text)
{
    struct rh_buf buf;

    for (size_t i = 0; i < COUNT(valid); i++)
        ck_assert_msg(rh_jsoncheck_is_valid(rh_text_of(valid[i])), "%s", valid[i]);
    for (size_t i = 0; i < COUNT(invalid); i++)
        ck_assert_msg(!rh_jsoncheck_is_valid(rh_text_of(invalid[i])), "%s", invalid[i]);
    rh_buf_init(&buf, 1 << 20);
    for (unsigned depth = RH_JSON_MAX_DEPTH - 1; depth <= RH_JSON_MAX_DEPTH + 1; depth++) {
        rh_buf_clear(&buf);
        for (unsigned i = 0; i < depth; i++)
            rh_buf_add_char(&buf, '[');
        for (unsigned i = 0; i < depth; i++)
            rh_buf_add_char(&buf, ']');
        ck_assert_int_eq(rh_jsoncheck_is_valid(rh_buf_text(&buf)), depth <= RH_JSON_MAX_DEPTH);
    }
    rh_buf_free(&buf);
}
END_TEST

TESTS_MAIN("encode", every_type_as_json_and_csv, numbers_as_text, missing_cells_are_left_out,
           commas_and_lines_between_rows, a_buffer_that_is_too_small_fails,
           json_is_told_from_other_text)
