/*
 * Settings by name, and the poll for the end of an operation.
 */
#include "connector/kit.h"

#include "lib/tests.h"

#include <check.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A newer host's setting is longer: only the stride tells where the next one begins. */
struct wide {
    struct rh_setting setting;
    uint64_t more;
};

static struct rh_value boolean(int64_t i)
{
    return (struct rh_value){.type = RH_TYPE_BOOL, .as.i = i};
}

START_TEST(settings_are_found_by_name_and_type)
{
    struct wide items[] = {
        {{RH_TEXT_INIT("host"), rh_kit_text(RH_TEXT("example.org"))}, UINT64_MAX},
        {{RH_TEXT_INIT("port"), rh_kit_int(5432)}, UINT64_MAX},
        {{RH_TEXT_INIT("tls"), boolean(1)}, UINT64_MAX},
        {{RH_TEXT_INIT("empty"), rh_kit_text(RH_TEXT(""))}, UINT64_MAX},
    };
    struct rh_settings settings = {.struct_size = sizeof settings,
                                   .n = 4,
                                   .items = &items[0].setting,
                                   .stride = sizeof *items};
    ck_assert(rh_text_is(rh_kit_setting_text(&settings, "host"), "example.org"));
    ck_assert_ptr_null(rh_kit_setting_text(&settings, "hos").data);
    ck_assert_ptr_null(rh_kit_setting_text(&settings, "port").data);
    ck_assert_ptr_nonnull(rh_kit_setting_text(&settings, "empty").data);
    ck_assert_int_eq(rh_kit_setting_int(&settings, "port", 1), 5432);
    ck_assert_int_eq(rh_kit_setting_int(&settings, "host", 1), 1);
    ck_assert_int_eq(rh_kit_setting_int(&settings, "none", 1), 1);
    ck_assert(rh_kit_setting_bool(&settings, "tls", false));
    ck_assert(rh_kit_setting_bool(&settings, "none", true));
    ck_assert(!rh_kit_setting_bool(&settings, "port", false));
    char *copy = rh_kit_setting_dup(&settings, "host");
    ck_assert_str_eq(copy, "example.org");
    free(copy);
    ck_assert_ptr_null(rh_kit_setting_dup(&settings, "none"));
    ck_assert_ptr_null(rh_kit_setting_text(NULL, "host").data);
}
END_TEST

static uint64_t now = 1000;

static uint64_t now_us(const struct rh_host *host)
{
    return now;
}

START_TEST(operations_end_by_deadline_or_cancel)
{
    struct rh_host host = {.struct_size = sizeof host, .now_us = now_us};
    struct rh_op op = {.struct_size = sizeof op, .deadline_us = 2000, .cancel_fd = -1};
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(rh_kit_check(&host, &op, &error), RH_OK);
    now = 2000;
    ck_assert_int_eq(rh_kit_check(&host, &op, &error), RH_TIMEOUT);
    ck_assert_int_eq(error.error_class, RH_TIMEOUT);
    now = 1999;
    rh_error_clear(&error);
    op.cancel_fd = eventfd(0, 0);
    ck_assert_int_ge(op.cancel_fd, 0);
    ck_assert_int_eq(rh_kit_check(&host, &op, &error), RH_OK);
    ck_assert_int_eq(eventfd_write(op.cancel_fd, 1), 0);
    ck_assert_int_eq(rh_kit_check(&host, &op, &error), RH_CANCELLED);
    ck_assert_int_eq(rh_kit_check(&host, &op, NULL), RH_CANCELLED); /* it stays so */
    close(op.cancel_fd);
}
END_TEST

START_TEST(values_in_code)
{
    struct rh_value null = rh_kit_null(), missing = {0}, seven = rh_kit_int(7);
    ck_assert(rh_kit_is_null(&null) && rh_kit_is_null(&missing) && !rh_kit_is_null(&seven));
    struct rh_value text = rh_kit_text(RH_TEXT("seven"));
    ck_assert(rh_text_is(rh_kit_value_text(&text), "seven"));
}
END_TEST

TESTS_MAIN("kit", settings_are_found_by_name_and_type, operations_end_by_deadline_or_cancel,
           values_in_code)
