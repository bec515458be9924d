/*
 * Descriptions: those of the docs are read, also with allocations that fail; whatever is left of one
 * that was cut, or has another value anywhere, is read or refused with a message.
 */
#include "rest.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const examples[] = {"github", "stripe", "ecb", "ecb-daily"};
#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))

/* The example's text, NUL-terminated, owned by the caller. */
static char *load(const char *name)
{
    char path[4096], *text = calloc(1, 65536);
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.json", EXAMPLES, name);
    file = fopen(path, "r");
    ck_assert_msg(file && text && fread(text, 1, 65535, file) > 0, "cannot read %s", path);
    fclose(file);
    return text;
}

/* RH_OK, or a class with a message. */
static int read_text(struct rh_text text, struct rh_rest_description *ret, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new((size_t)16 << 20);
    int rc = arena ? rh_rest_description_read(arena, text, ret, error) : rh_fail_nomem(error);

    rh_arena_free(arena);
    return rc;
}

START_TEST(examples_are_read)
{
    for (size_t i = 0; i < N_EXAMPLES; i++) {
        struct rh_error error = RH_ERROR_INIT;
        struct rh_rest_description api;
        char *text = load(examples[i]);
        ck_assert_msg(read_text(rh_text_of(text), &api, &error) == RH_OK, "%s: %s", examples[i],
                      error.message);
        ck_assert_uint_eq(api.n_resources, 1);
        free(text);
    }
}
END_TEST

static bool read_all(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_rest_description api;
    int rc = read_text(rh_text_of(context), &api, &error);

    FAULT_ASSERT(rc == RH_OK || error.error_class == RH_RESOURCE);
    return rc == RH_OK;
}

START_TEST(without_memory)
{
    for (size_t i = 0; i < N_EXAMPLES; i++) {
        char *text = load(examples[i]);
        ck_assert_uint_ge(fault_torture(read_all, text), 1);
        free(text);
    }
}
END_TEST

START_TEST(cut_anywhere)
{
    for (size_t i = 0; i < N_EXAMPLES; i++) {
        char *text = load(examples[i]);
        size_t len = rh_text_trim(rh_text_of(text)).len;
        for (size_t n = 0; n < len; n++) {
            struct rh_error error = RH_ERROR_INIT;
            struct rh_rest_description api;
            ck_assert_int_eq(read_text(rh_text_make(text, n), &api, &error), RH_CONFIG);
            ck_assert_str_ne(error.message, "");
        }
        free(text);
    }
}
END_TEST

/* Every value, in turn, is something else. */
START_TEST(other_values_anywhere)
{
    static const char *const others[] = {"null", "7",  "-1",    "\"\"", "\"x\"",
                                         "[]",   "{}", "[[1]]", "true"};
    for (size_t i = 0; i < N_EXAMPLES; i++) {
        char *text = load(examples[i]);
        for (const char *at = text; (at = strstr(at, "\": ")); at += 3) {
            const char *rest = at + 3 + strcspn(at + 3, ",}\n");
            for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
                struct rh_error error = RH_ERROR_INIT;
                struct rh_rest_description api;
                struct rh_buf changed;
                rh_buf_init(&changed, 1 << 20);
                rh_buf_add(&changed, text, (size_t)(at - text) + 3);
                rh_buf_add_str(&changed, others[k]);
                rh_buf_add_str(&changed, rest);
                int rc = read_text(rh_buf_text(&changed), &api, &error);
                ck_assert_msg(rc == RH_OK || (rc == RH_CONFIG && error.message[0]), "%d: %s", rc,
                              error.message);
                rh_buf_free(&changed);
            }
        }
        free(text);
    }
}
END_TEST

TESTS_MAIN("rest_description", examples_are_read, without_memory, cut_anywhere,
           other_values_anywhere)
