/* core/host/redact.h */
#include "host/redact.h"

#include "base/err.h"
#include "base/text.h"
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
    ck_assert_int_eq(rh_redact_add_settings(rh_text_of(schema), &settings, NULL), RH_OK);
    strikes("crm1 sesame hunter2 80", "crm1 ******** ******** 80");
    rh_redact_remove_settings(rh_text_of(schema), &settings);
    strikes("crm1 sesame hunter2 80", "crm1 sesame hunter2 80");
}
END_TEST

static bool add_all(void *context)
{
    int rc = rh_redact_add_settings(rh_text_of(schema), &settings, NULL);

    if (rc == RH_OK)
        rh_redact_remove_settings(rh_text_of(schema), &settings);
    return rc == RH_OK;
}

START_TEST(notes_all_or_none)
{
    ck_assert_uint_gt(fault_torture(add_all, NULL), 1);
    strikes("crm1 sesame hunter2", "crm1 sesame hunter2");
}
END_TEST

TESTS_MAIN("redact", strikes_what_was_noted, counts_who_needs_it, leaves_short_ones_alone,
           strikes_errors_that_grow, notes_the_secret_settings, notes_all_or_none)
