/* connector/text_cell: cells from texts, and back. */
#include "base/buf.h"
#include "base/text.h"
#include "connector/text_cell.h"
#include "lib/tests.h"

#include <stdlib.h>
#include <string.h>

/* Of a copy that ends where the text ends, so that reading on is found out. */
static struct rh_text exactly(const char *string)
{
    size_t n = strlen(string);
    char *copy = malloc(n ? n : 1);

    return rh_text_make(memcpy(copy, string, n), n);
}

START_TEST(takes_only_what_comes_back)
{
    static const struct {
        const char *text;
        uint8_t type;
    } cases[] = {
        {"0", RH_TYPE_INT},
        {"-1", RH_TYPE_INT},
        {"9223372036854775807", RH_TYPE_INT},
        {"1.50", RH_TYPE_DECIMAL},
        {"0.5", RH_TYPE_DECIMAL},
        {"9223372036854775808", RH_TYPE_DECIMAL},
        {"007", RH_TYPE_TEXT},
        {"-0", RH_TYPE_TEXT},
        {"-0.00", RH_TYPE_TEXT},
        {"1e3", RH_TYPE_TEXT},
        {"+1", RH_TYPE_TEXT},
        {".5", RH_TYPE_TEXT},
        {"1.", RH_TYPE_TEXT},
        {"", RH_TYPE_TEXT},
        {"-", RH_TYPE_TEXT},
        {"NaN", RH_TYPE_TEXT},
        {"true", RH_TYPE_BOOL},
        {"True", RH_TYPE_TEXT},
        {"00.5", RH_TYPE_TEXT},
        {"\xff", RH_TYPE_BYTES},
        {"-0.5", RH_TYPE_DECIMAL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rh_text text = exactly(cases[i].text);
        ck_assert_msg(rh_text_cell_type(text) == cases[i].type, "\"%s\" is %u", cases[i].text,
                      rh_text_cell_type(text));
        free((char *)(uintptr_t)text.data);
    }
}
END_TEST

/* The cell's type; its text, written back, in `back`. */
static uint8_t through(uint32_t type, uint32_t flags, const char *string, struct rh_buf *back)
{
    const struct rh_column column = {.type = type, .flags = flags};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_rowset rows;
    struct rh_text text = exactly(string);
    uint8_t found;

    rh_rowset_init(&rows, 1, 1 << 20);
    rh_rowset_clear(&rows, 1);
    rh_text_cell(&rows, rh_rowset_row(&rows), &column, text);
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, NULL), 0);
    found = batch.cells[0].type;
    rh_buf_clear(back);
    ck_assert_int_eq(rh_text_cell_add(back, &batch.cells[0], NULL), 0);
    rh_rowset_fini(&rows);
    free((char *)(uintptr_t)text.data);
    return found;
}

START_TEST(bends_nothing)
{
    static const struct {
        uint32_t type, flags;
        const char *text, *back;
        uint8_t found;
    } cases[] = {
        {RH_TYPE_INT, 0, "12", "12", RH_TYPE_INT},
        {RH_TYPE_INT, 0, "twelve", "twelve", RH_TYPE_TEXT},
        {RH_TYPE_INT, RH_COLUMN_INFERRED, "012", "012", RH_TYPE_TEXT},
        {RH_TYPE_DECIMAL, 0, "10.50", "10.50", RH_TYPE_DECIMAL},
        {RH_TYPE_BOOL, 0, "1", "true", RH_TYPE_BOOL},
        {RH_TYPE_BOOL, RH_COLUMN_INFERRED, "1", "1", RH_TYPE_TEXT},
        {RH_TYPE_FLOAT, 0, "-inf", "-inf", RH_TYPE_FLOAT},
        {RH_TYPE_FLOAT, 0, "0.5", "0.5", RH_TYPE_FLOAT},
        {RH_TYPE_TEXT, 0, "\xff", "\xff", RH_TYPE_BYTES},
        {RH_TYPE_BYTES, 0, "\xff", "\xff", RH_TYPE_BYTES},
        {RH_TYPE_JSON, 0, "{\"a\": 1.0}", "{\"a\": 1.0}", RH_TYPE_JSON},
        {RH_TYPE_JSON, 0, "{\"a\"", "{\"a\"", RH_TYPE_TEXT},
        {RH_TYPE_DATE, 0, "2024-02-29", "2024-02-29", RH_TYPE_DATE},
        {RH_TYPE_DATE, 0, "2023-02-29", "2023-02-29", RH_TYPE_TEXT},
        {RH_TYPE_TIMESTAMP, 0, "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z", RH_TYPE_TIMESTAMP},
        {RH_TYPE_UUID, 0, "00112233-4455-6677-8899-aabbccddeeff",
         "00112233-4455-6677-8899-aabbccddeeff", RH_TYPE_UUID},
    };
    struct rh_buf back;

    rh_buf_init(&back, 1 << 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(through(cases[i].type, cases[i].flags, cases[i].text, &back) ==
                          cases[i].found,
                      "\"%s\"", cases[i].text);
        ck_assert_msg(rh_text_is(rh_buf_text(&back), cases[i].back), "\"%s\" comes back as %.*s",
                      cases[i].text, (int)back.len, back.data);
    }
    rh_buf_free(&back);
}
END_TEST

TESTS_MAIN("kit_text_cell", takes_only_what_comes_back, bends_nothing)
