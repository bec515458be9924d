/*
 * CSV in pieces: records, what is refused, ceilings.
 */
#include "connector/csv.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <check.h>

/* Fields joined by '|', records by '/'; a field without quotes and content is "~". */
static int read_all(const char *text, size_t len, size_t piece, char separator, size_t max,
                    struct rh_buf *ret, struct rh_error *error)
{
    struct rh_text rest = rh_text_make(text, len);
    const struct rh_text *fields;
    struct rh_csv csv;
    uint32_t n;
    int rc;
    rh_buf_clear(ret);
    rh_csv_init(&csv, separator, max);
    while ((rc = rh_csv_next(&csv, &fields, &n, error)) >= 0 && rc != RH_END) {
        size_t take = rest.len < piece ? rest.len : piece;
        for (uint32_t i = 0; rc == RH_OK && i < n; i++) {
            rh_buf_add_text(ret, fields[i].data ? fields[i] : RH_TEXT("~"));
            rh_buf_add_char(ret, i + 1 < n ? '|' : '/');
        }
        if (rc == RH_OK)
            continue;
        if (take)
            rh_csv_push(&csv, rh_text_make(rest.data, take));
        else
            rh_csv_close(&csv);
        rest = rh_text_make(rest.data + take, rest.len - take);
    }
    rh_csv_fini(&csv);
    return rc;
}

static const struct {
    const char *text, *read;
    char separator;
} good[] = {
    {"", "", ','},
    {"\n\r\n", "", ','},
    {"a,b\n1,2\n", "a|b/1|2/", ','},
    {"a,b\r\n1,2", "a|b/1|2/", ','},
    {"\xEF\xBB\xBF"
     "a,b\n,\"\"\n",
     "a|b/~|/", ','},
    {"a,b\n\"x,\"\"y\"\"\n z\",\"\"\"\"\n", "a|b/x,\"y\"\n z|\"/", ','},
    {"a;b\n1,5;2\n\n3;4", "a|b/1,5|2/3|4/", ';'},
    {"a\n\nb\n", "a/~/b/", ','},
    {"a\tb\n\"\t\"\t\xC3\xA9\n", "a|b/\t|\xC3\xA9/", '\t'},
    {"a,b\n1,2\r", "a|b/1|2\r/", ','},
};

START_TEST(records_are_cut_anywhere)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf read;
    rh_buf_init(&read, 4096);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (size_t piece = 1; piece < 30; piece++) {
            int rc = read_all(good[i].text, strlen(good[i].text), piece, good[i].separator, 100,
                              &read, &error);
            ck_assert_msg(rc == RH_END, "%s: %s", good[i].text, error.message);
            ck_assert_msg(rh_text_is(rh_buf_text(&read), good[i].read), "%s: %.*s", good[i].text,
                          RH_TEXT_ARG(rh_buf_text(&read)));
        }
    rh_buf_free(&read);
}
END_TEST

static const struct {
    const char *text, *says;
    int rc;
} bad[] = {
    {"a,b\n1,\"2\n3", "line 2: a quoted field is not closed", RH_PROTOCOL},
    {"a,b\n\n1,x\"y\"\n", "line 3: a quote stands within a field", RH_PROTOCOL},
    {"a,b\n\"1\"x,2\n", "line 2: there is text behind a closing quote", RH_PROTOCOL},
    {"a,\"b\nc\"\n1\n", "line 3 has 1 fields, the first one 2", RH_PROTOCOL},
    {"a,b\n1,2,3\n", "line 2 has 3 fields, the first one 2", RH_PROTOCOL},
    {"a\n\xC3\x28\n", "line 2: it is not UTF-8", RH_PROTOCOL},
    {"a\n\"\xC3", "line 2: a quoted field is not closed", RH_PROTOCOL},
    {"a\n123456789012345678901234567890\n", "longer than 20 bytes", RH_RESOURCE},
    {"a\n\"12345678901234567890", "longer than 20 bytes", RH_RESOURCE},
};

START_TEST(what_is_no_csv_is_refused)
{
    struct rh_buf read;
    rh_buf_init(&read, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (size_t piece = 1; piece < 40; piece += 3) {
            struct rh_error error = RH_ERROR_INIT;
            int rc = read_all(bad[i].text, strlen(bad[i].text), piece, ',', 20, &read, &error);
            ck_assert_int_eq(rc, bad[i].rc);
            ck_assert_msg(strstr(error.message, bad[i].says) != NULL, "%s", error.message);
        }
    rh_buf_free(&read);
}
END_TEST

static bool run_all(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf read;
    (void)context;
    rh_buf_init(&read, 4096);
    int rc = read_all("a,b\n1,\"2\"\n", 10, 3, ',', 100, &read, &error);
    bool complete = rc == RH_END && !read.failed;
    FAULT_ASSERT(rc == RH_END || rc == RH_RESOURCE);
    rh_buf_free(&read);
    return complete;
}

START_TEST(many_fields_and_no_memory)
{
    struct rh_buf text, read;
    struct rh_error error = RH_ERROR_INIT;
    rh_buf_init(&text, 1 << 20);
    rh_buf_init(&read, 1 << 20);
    for (uint32_t i = 1; i < RH_CSV_MAX_FIELDS; i++)
        rh_buf_add_char(&text, ',');
    ck_assert_int_eq(read_all(text.data, text.len, 4096, ',', 1 << 20, &read, &error), RH_END);
    ck_assert_uint_eq(read.len, (size_t)2 * RH_CSV_MAX_FIELDS);
    rh_buf_add_char(&text, ',');
    ck_assert_int_eq(read_all(text.data, text.len, 4096, ',', 1 << 20, &read, &error), RH_PROTOCOL);
    ck_assert_uint_gt(fault_torture(run_all, NULL), 2);
    rh_buf_free(&text);
    rh_buf_free(&read);
}
END_TEST

TESTS_MAIN("kit_csv", records_are_cut_anywhere, what_is_no_csv_is_refused,
           many_fields_and_no_memory)
