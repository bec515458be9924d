/* core/host/redact.h */
#include "host/redact.h"

#include "base/err.h"
#include "base/text.h"
#include "host/check.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <string.h>

static void strikes(const char *text, const char *expected)
{
    struct rh_buf buf;

    rh_buf_init(&buf, 4096);
    rh_redact_text(rh_text_of(text), &buf);
    ck_assert(!buf.failed);
    ck_assert_msg(rh_text_is(rh_buf_text(&buf), expected), "%.*s", RH_TEXT_ARG(rh_buf_text(&buf)));
    rh_buf_free(&buf);
}

START_TEST(strikes_what_was_noted)
{
    strikes("the hunter2 is here", "the hunter2 is here");
    ck_assert_int_eq(rh_redact_add(RH_TEXT("hunter2"), NULL), RH_OK);
    ck_assert_int_eq(rh_redact_add(RH_TEXT("hunter2-long"), NULL), RH_OK);
    strikes("the hunter2 is here", "the ******** is here");
    strikes("hunter2", "********");
    strikes("hunter2hunter2-long-", "****************-");
    strikes("hunter", "hunter");
    strikes("", "");
    rh_redact_remove(RH_TEXT("hunter2-long"));
    strikes("hunter2-long", "********-long");
    rh_redact_remove(RH_TEXT("hunter2"));
    strikes("hunter2", "hunter2");
    rh_redact_remove(RH_TEXT("hunter2")); /* was not there */
}
END_TEST

START_TEST(counts_who_needs_it)
{
    ck_assert_int_eq(rh_redact_add(RH_TEXT("hunter2"), NULL), RH_OK);
    ck_assert_int_eq(rh_redact_add(RH_TEXT("hunter2"), NULL), RH_OK);
    rh_redact_remove(RH_TEXT("hunter2"));
    strikes("hunter2", "********");
    rh_redact_remove(RH_TEXT("hunter2"));
    strikes("hunter2", "hunter2");
}
END_TEST

START_TEST(leaves_short_ones_alone)
{
    ck_assert_int_eq(rh_redact_add(RH_TEXT("abc"), NULL), RH_OK);
    strikes("abc", "abc");
    rh_redact_remove(RH_TEXT("abc"));
}
END_TEST

START_TEST(strikes_errors_that_grow)
{
    struct rh_error error = RH_ERROR_INIT;
    char text[512];

    ck_assert_int_eq(rh_redact_add(RH_TEXT("pass"), NULL), RH_OK);
    memset(text, 0, sizeof(text));
    for (int i = 0; i < 127; i++)
        memcpy(text + i * 4, i == 126 ? "\xc3\xa6z" : "pass", i == 126 ? 3 : 4);
    rh_fail(&error, RH_AUTH, "%s", text);
    rh_error_hint(&error, "not pass");
    rh_redact_error(&error);
    ck_assert_uint_eq(strspn(error.message, "*"), strlen(error.message));
    ck_assert_uint_eq(strlen(error.message), sizeof(error.message) - 1);
    ck_assert_str_eq(error.hint, "not ********");
    rh_redact_remove(RH_TEXT("pass"));
}
END_TEST

static const char schema[] = "{\"properties\":{\"host\":{},\"key\":{\"x-secret\":true},"
                             "\"password\":{\"x-secret\":true},\"port\":{\"x-secret\":true}}}";
static const struct rh_setting items[] = {
    {RH_TEXT_INIT("host"), {.type = RH_TYPE_TEXT, .len = 4, .as.data = "crm1"}},
    {RH_TEXT_INIT("key"), {.type = RH_TYPE_TEXT, .len = 6, .as.data = "sesame"}},
    {RH_TEXT_INIT("password"), {.type = RH_TYPE_TEXT, .len = 7, .as.data = "hunter2"}},
    {RH_TEXT_INIT("port"), {.type = RH_TYPE_INT, .as.i = 80}},
};
static const struct rh_settings settings = {
    .struct_size = sizeof(settings), .n = 4, .items = items, .stride = sizeof(items[0])};

START_TEST(notes_the_secret_settings)
{
    struct rh_redact_notes *notes = NULL;

    ck_assert_int_eq(rh_redact_add_settings(rh_text_of(schema), &settings, &notes, NULL), RH_OK);
    strikes("crm1 sesame hunter2 80", "crm1 ******** ******** 80");
    rh_redact_remove_notes(notes);
    strikes("crm1 sesame hunter2 80", "crm1 sesame hunter2 80");
}
END_TEST

static const char wide_schema[] = "{\"properties\":{\"host\":{},\"url\":{\"x-secret\":true},"
                                  "\"account\":{\"x-secret\":true}}}";

/* Notes one secret setting, and checks that all of it is taken back. */
static void strikes_with(const char *name, uint8_t type, const char *value, const char *text,
                         const char *expected)
{
    struct rh_setting item = {rh_text_of(name),
                              {.type = type, .len = (uint32_t)strlen(value), .as.data = value}};
    struct rh_settings one = {
        .struct_size = sizeof(one), .n = 1, .items = &item, .stride = sizeof(item)};
    struct rh_redact_notes *notes = NULL;

    ck_assert_int_eq(rh_redact_add_settings(rh_text_of(wide_schema), &one, &notes, NULL), RH_OK);
    strikes(text, expected);
    rh_redact_remove_notes(notes);
    strikes(text, text);
}

START_TEST(notes_passwords_inside_of_urls)
{
    strikes_with("url", RH_TYPE_TEXT, "pg://ann:hunter2@crm1/shop",
                 "ann at crm1 with hunter2, not pg://ann:hunter2@crm1/shop",
                 "ann at crm1 with ********, not ********");
    strikes_with("url", RH_TYPE_TEXT, "pg://ann:hunt%65r%2f2%40go@crm1/shop",
                 "hunt%65r%2f2%40go hunter/2@go hunter", "******** ******** ********");
    /* not encoded as it should be: a parser takes parts of it for host, port or path */
    strikes_with(
        "url", RH_TYPE_TEXT, "pg://ann:first@second/third#fourth?fif:sixth@crm1/shop",
        "no host \"second\", no \"third\" \"fourth\" \"first\" \"sixth\" at crm1",
        "no host \"********\", no \"********\" \"********\" \"********\" \"********\" at crm1");
    strikes_with("url", RH_TYPE_TEXT, "pg://ann:bad%zzone%4@crm1", "bad%zzone%4", "********");
    strikes_with("url", RH_TYPE_TEXT, "pg://anna@crm1:5432/shop", "anna crm1 5432 shop",
                 "anna crm1 5432 shop");
    strikes_with("url", RH_TYPE_TEXT, "pg://", "pg:/", "pg:/");
    strikes_with("host", RH_TYPE_TEXT, "pg://ann:hunter2@crm1", "hunter2", "hunter2");
}
END_TEST

START_TEST(notes_texts_inside_of_arrays_and_objects)
{
    strikes_with(
        "account", RH_TYPE_JSON,
        "{\"type\":\"account\",\"keys\":[\"sesame\",{\"k\":\"a\\nb\\u00e4c\"}],\"n\":12345,"
        "\"url\":\"pg://ann:hunter2@crm1\"}",
        "keys: sesame a\nb\xc3\xa4"
        "c 12345 account hunter2",
        "keys: ******** ******** 12345 ******** ********");
    strikes_with("account", RH_TYPE_JSON, "\"sesame\"", "sesame", "********");
    strikes_with("account", RH_TYPE_JSON, "[not json", "[not json", "********");
    strikes_with("host", RH_TYPE_JSON, "[\"crm1\"]", "crm1", "crm1");
}
END_TEST

/* What is left of one before an ellipsis, wherever that is, gives it away as well. */
START_TEST(strikes_what_was_cut)
{
    ck_assert_int_eq(rh_redact_add(RH_TEXT("hunter2-the-long"), NULL), RH_OK);
    strikes("with hunter2-th…", "with ********…");
    strikes("with hunter2-th…: refused", "with ********…: refused");
    strikes("with hun…", "with hun…");
    strikes("with hunter2-th", "with hunter2-th");
    strikes("hunt hunter2-the-long hunt…", "hunt ******** ********…");
    rh_redact_remove(RH_TEXT("hunter2-the-long"));
}
END_TEST

/* Writes the text at the end of a field, so that `n_over` of its bytes do not fit. */
static void fill_field(char *field, size_t size, const char *text, size_t n_over)
{
    size_t n = strlen(text) - n_over;

    memset(field, '.', size - 1);
    memcpy(field + size - 1 - n, text, n);
    field[size - 1] = 0;
}

START_TEST(strikes_errors_that_were_cut)
{
    struct rh_error error = RH_ERROR_INIT;
    char text[600];

    ck_assert_int_eq(rh_redact_add(RH_TEXT("hunter2-\xc3\xa4-the-long"), NULL), RH_OK);
    for (size_t n_over = 1; n_over < 15; n_over++) {
        error = (struct rh_error)RH_ERROR_INIT;
        error.error_class = RH_AUTH;
        fill_field(error.message, sizeof(error.message), "hunter2-\xc3\xa4-the-long", n_over);
        fill_field(error.hint, sizeof(error.hint), "hunter2-\xc3\xa4-the-long", n_over);
        fill_field(error.column, sizeof(error.column), "hunter2-\xc3\xa4-the-long", n_over);
        fill_field(error.pointer, sizeof(error.pointer), "hunter2-\xc3\xa4-the-long", n_over);
        ck_assert_int_eq(rh_check_outcome(RH_AUTH, "open", &error), RH_AUTH);
        ck_assert_ptr_null(strstr(error.message, "hunt"));
        ck_assert_ptr_null(strstr(error.hint, "hunt"));
        ck_assert_ptr_null(strstr(error.column, "hunt"));
        ck_assert_ptr_null(strstr(error.pointer, "hunt"));
    }
    for (int n = 490; n < 520; n++) { /* cut by rh_fail itself */
        rh_error_clear(&error);
        memset(text, '.', sizeof(text));
        text[n] = 0;
        rh_fail(&error, RH_AUTH, "%shunter2-\xc3\xa4-the-long", text);
        rh_redact_error(&error);
        ck_assert_ptr_null(strstr(error.message, "hunt"));
    }
    rh_redact_remove(RH_TEXT("hunter2-\xc3\xa4-the-long"));
}
END_TEST

START_TEST(strikes_every_text_of_an_error)
{
    struct rh_error error = {.struct_size = sizeof(error),
                             .error_class = RH_DATA,
                             .column = "the hunter2",
                             .pointer = "/hunter2",
                             .message = "hunter2 \xff h\xc3\xa4nter3"};

    ck_assert_int_eq(rh_redact_add(RH_TEXT("hunter2"), NULL), RH_OK);
    ck_assert_int_eq(rh_redact_add(RH_TEXT("h\xc3\xa4nter3"), NULL), RH_OK);
    ck_assert_int_eq(rh_check_outcome(RH_DATA, "open", &error), RH_DATA);
    ck_assert_str_eq(error.column, "the ********");
    ck_assert_str_eq(error.pointer, "/********");
    ck_assert_str_eq(error.message, "******** ? ********");
    rh_redact_remove(RH_TEXT("hunter2"));
    rh_redact_remove(RH_TEXT("h\xc3\xa4nter3"));
}
END_TEST

static const struct rh_setting wide_items[] = {
    {RH_TEXT_INIT("url"),
     {.type = RH_TYPE_TEXT, .len = 25, .as.data = "pg://ann:hun%74er2@crm1:1"}},
    {RH_TEXT_INIT("account"),
     {.type = RH_TYPE_JSON, .len = 18, .as.data = "[\"sesame\",\"hun\"]  "}},
};
static const struct rh_settings wide_settings = {.struct_size = sizeof(wide_settings),
                                                 .n = 2,
                                                 .items = wide_items,
                                                 .stride = sizeof(wide_items[0])};

static bool add_all(void *context)
{
    struct rh_redact_notes *notes = NULL;
    int rc = rh_redact_add_settings(rh_text_of(wide_schema), &wide_settings, &notes, NULL);

    FAULT_ASSERT(rc == RH_OK || !notes);
    rh_redact_remove_notes(notes);
    return rc == RH_OK;
}

START_TEST(notes_all_or_none)
{
    ck_assert_uint_gt(fault_torture(add_all, NULL), 4);
    strikes("pg://ann:hun%74er2@crm1:1 hunter2 sesame", "pg://ann:hun%74er2@crm1:1 hunter2 sesame");
}
END_TEST

TESTS_MAIN("redact", strikes_what_was_noted, counts_who_needs_it, leaves_short_ones_alone,
           strikes_errors_that_grow, notes_the_secret_settings, notes_passwords_inside_of_urls,
           notes_texts_inside_of_arrays_and_objects, strikes_what_was_cut,
           strikes_errors_that_were_cut, strikes_every_text_of_an_error, notes_all_or_none)
