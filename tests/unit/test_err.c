/* core/base/err.h */
#include "base/err.h"

#include "base/text.h"
#include "lib/tests.h"

#include <stdio.h>
#include <string.h>

START_TEST(first_error_wins)
{
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(rh_error_hint(&error, "early"), RH_OK);
    ck_assert_str_eq(error.hint, "");
    ck_assert_int_eq(rh_fail(&error, RH_BUSY, "first %d", 1), RH_BUSY);
    ck_assert_int_eq(rh_fail(&error, RH_DATA, "second"), RH_BUSY);
    ck_assert_int_eq(rh_fail_nomem(&error), RH_BUSY);
    ck_assert_str_eq(error.message, "first 1");
    ck_assert_str_eq(error.code, "");
    ck_assert_uint_eq(error.row, RH_NO_ROW);
    ck_assert_uint_eq(error.struct_size, sizeof(error));
    rh_error_clear(&error);
    ck_assert_int_eq(error.error_class, RH_OK);
    ck_assert_int_eq(rh_fail_nomem(&error), RH_RESOURCE);
    ck_assert_str_eq(error.code, "out-of-memory");
    ck_assert_str_eq(rh_error_problem(&error), "out-of-memory");
}
END_TEST

START_TEST(takes_no_error_struct)
{
    ck_assert_int_eq(rh_fail(NULL, RH_DATA, "x"), RH_DATA);
    ck_assert_int_eq(rh_fail_nomem(NULL), RH_RESOURCE);
    ck_assert_int_lt(rh_error_hint(NULL, "x"), 0);
    ck_assert_int_lt(rh_error_prefix(NULL, "x"), 0);
}
END_TEST

START_TEST(what_is_no_class_is_internal)
{
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(rh_fail(&error, 0, "x"), RH_INTERNAL);
    ck_assert_int_eq(rh_fail(NULL, 5, "x"), RH_INTERNAL);
    ck_assert_int_eq(rh_fail(NULL, -RH_N_CLASSES, "x"), RH_INTERNAL);
    ck_assert_int_eq(rh_fail(NULL, -RH_N_CLASSES + 1, "x"), RH_INTERNAL);
    ck_assert_int_eq(rh_fail(NULL, INT32_MIN, "x"), RH_INTERNAL);
    ck_assert_str_eq(rh_error_class_name(0), "UNKNOWN");
    ck_assert_str_eq(rh_error_class_name(-RH_N_CLASSES), "UNKNOWN");
}
END_TEST

START_TEST(every_class_has_its_texts)
{
    for (int c = -1; c > -RH_N_CLASSES; c--) {
        struct rh_error error = RH_ERROR_INIT;
        rh_fail(&error, c, "x");
        ck_assert_str_ne(rh_error_class_name(c), "UNKNOWN");
        ck_assert_str_ne(rh_error_problem(&error), "");
    }
    ck_assert_str_eq(rh_error_class_name(RH_NEEDS_KEYS), "NEEDS_KEYS");
}
END_TEST

START_TEST(details_and_prefix)
{
    struct rh_error error = RH_ERROR_INIT;
    rh_fail(&error, RH_INVALID, "no column %s", "x");
    ck_assert_int_eq(rh_error_hint(&error, "did you mean %s?", "y"), RH_INVALID);
    ck_assert_int_eq(rh_error_hint(&error, "later"), RH_INVALID);
    ck_assert_int_eq(rh_error_code(&error, "unknown-column"), RH_INVALID);
    ck_assert_int_eq(rh_error_pointer(&error, "/where/0"), RH_INVALID);
    ck_assert_int_eq(rh_error_prefix(&error, "table %s", "t"), RH_INVALID);
    ck_assert_str_eq(error.message, "table t: no column x");
    ck_assert_str_eq(error.hint, "did you mean y?");
    ck_assert_str_eq(rh_error_problem(&error), "unknown-column");
    ck_assert_str_eq(error.pointer, "/where/0");
}
END_TEST

/* Around the size of each field, with one, two, three and four bytes at the cut. */
START_TEST(long_texts_end_in_an_ellipsis)
{
    static const char *const letters[] = {"x", "ä", "€", "😀"};
    static char text[2000];
    for (size_t k = 0; k < 4; k++) {
        for (size_t n = 150; n < 600; n++) {
            struct rh_error error = RH_ERROR_INIT;
            size_t step = strlen(letters[k]), len = n % step;
            memset(text, 'y', len);
            for (; len + step <= n; len += step)
                memcpy(text + len, letters[k], step);
            text[len] = '\0';
            rh_fail(&error, RH_DATA, "%s", text);
            rh_error_hint(&error, "%s", text);
            rh_error_pointer(&error, text);
            const struct {
                const char *text;
                size_t size;
            } fields[] = {{error.message, sizeof(error.message)},
                          {error.hint, sizeof(error.hint)},
                          {error.pointer, sizeof(error.pointer)}};
            for (size_t f = 0; f < 3; f++) {
                struct rh_text field = rh_text_of(fields[f].text);
                ck_assert(rh_text_is_utf8(field));
                if (n < fields[f].size) {
                    ck_assert_str_eq(field.data, text);
                } else {
                    ck_assert(rh_text_ends(field, "…"));
                    ck_assert_uint_gt(field.len, fields[f].size - 8);
                }
            }
            rh_error_prefix(&error, "%s", text);
            ck_assert(rh_text_is_utf8(rh_text_of(error.message)));
            ck_assert_uint_lt(strlen(error.message), sizeof(error.message));
        }
    }
}
END_TEST

TESTS_MAIN("err", first_error_wins, takes_no_error_struct, what_is_no_class_is_internal,
           every_class_has_its_texts, details_and_prefix, long_texts_end_in_an_ellipsis)
