/* Sorting: in memory, with a top, and through temporary files; all the same sequence. */
#include "stage_source.h"

#include "base/err.h"
#include "lib/fault.h"
#include "lib/tests.h"
#include "rows/cell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define AMPLE ((uint64_t)256 << 20)

static const struct rh_order_key keys[] = {{.cell = 0, .flags = RH_ORDER_DESC}, {.cell = 2}};
static char texts[64][40];

/* A key with ties and NULLs, the row's number, a text with ties, an interval. */
static void make_row(uint64_t i, struct rh_value *cells)
{
    static const struct rh_interval span = {.months = 3, .days = -2, .us = 5};
    uint64_t mixed = (i * UINT64_C(2654435761)) >> 7;
    char *text = texts[i % 64];

    snprintf(text, sizeof(texts[0]), "%llu%.*s", (unsigned long long)(mixed % 7), (int)(mixed % 29),
             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    cells[0] = (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)(mixed % 100)};
    if (mixed % 100 == 13)
        cells[0] = (struct rh_value){.type = RH_TYPE_NULL};
    cells[1] = (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)i};
    cells[2] =
        (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)strlen(text), .as.data = text};
    cells[3] = (struct rh_value){.type = RH_TYPE_INTERVAL, .len = sizeof(span), .as.data = &span};
}

/* Sorts n rows and writes down their numbers. Returns the outcome. */
static int run(uint64_t n_rows, uint64_t top, uint64_t memory, uint64_t spill,
               uint64_t *ret_numbers, uint64_t *ret_n, struct rh_error *error, bool *ret_spilled)
{
    struct rh_operation op;
    struct rh_meter meter;
    struct stage_source source;
    struct rh_stage *stage = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    uint64_t n = 0;
    int r;

    stage_meter(&meter, &op, memory, spill);
    r = rh_sort_new(stage_source_init(&source, &meter, 4, n_rows, make_row), keys, 2, top, &stage,
                    error);
    if (r < 0)
        return r;
    while ((r = rh_stage_next(stage, &batch, error)) == RH_OK)
        for (uint64_t i = 0; i < batch.n_rows; i++) {
            const struct rh_value *row = batch.cells + i * batch.n_cols;
            struct rh_interval span;
            memcpy(&span, row[3].as.data, sizeof(span));
            if (span.months != 3 || span.days != -2 || span.us != 5)
                return rh_fail(error, RH_INTERNAL, "an interval changed");
            ret_numbers[n++] = (uint64_t)row[1].as.i;
        }
    *ret_n = n;
    *ret_spilled = meter.spilled > 0;
    rh_stage_close(stage);
    if (meter.held != 0 || meter.spilled != 0)
        return rh_fail(error, RH_INTERNAL, "the meter does not come back to zero");
    return r;
}

static void check_order(const uint64_t *numbers, uint64_t n)
{
    struct rh_value a[4], b[4];

    for (uint64_t i = 1; i < n; i++) {
        make_row(numbers[i - 1], a);
        /* Two rows may share a text's room: keep the first one's. */
        char kept[40];
        memcpy(kept, a[2].as.data, a[2].len);
        a[2].as.data = kept;
        make_row(numbers[i], b);
        int order = rh_order_compare(keys, 2, a, b);
        ck_assert_int_le(order, 0);
        if (order == 0)
            ck_assert_uint_lt(numbers[i - 1], numbers[i]);
    }
}

#define MAX_ROWS 60000
static uint64_t expected[MAX_ROWS], numbers[MAX_ROWS];

START_TEST(all_ways_give_one_sequence)
{
    static const uint64_t sizes[] = {0, 1, 2, 63, 64, 65, 1000, 5000, MAX_ROWS};
    static const uint64_t tops[] = {RH_NO_LIMIT, 1, 10, 1000, 4999};
    static const uint64_t memories[] = {AMPLE, 1 << 20, 100000, 1};
    struct rh_error error = RH_ERROR_INIT;
    uint64_t n_expected = 0, n = 0;
    bool spilled = false, ever_spilled = false;

    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        ck_assert_int_eq(
            run(sizes[s], RH_NO_LIMIT, AMPLE, AMPLE, expected, &n_expected, &error, &spilled),
            RH_END);
        ck_assert_uint_eq(n_expected, sizes[s]);
        ck_assert(!spilled);
        check_order(expected, n_expected);
        for (size_t t = 0; t < sizeof(tops) / sizeof(tops[0]); t++)
            for (size_t m = 0; m < sizeof(memories) / sizeof(memories[0]); m++) {
                uint64_t want = n_expected < tops[t] ? n_expected : tops[t];
                int r = run(sizes[s], tops[t], memories[m], AMPLE, numbers, &n, &error, &spilled);
                ck_assert_msg(r == RH_END, "%s", error.message);
                ck_assert_uint_eq(n, want);
                ck_assert(n == 0 || memcmp(numbers, expected, n * sizeof(*numbers)) == 0);
                ever_spilled = ever_spilled || spilled;
            }
    }
    ck_assert(ever_spilled);
}
END_TEST

START_TEST(a_top_needs_no_files)
{
    struct rh_error error = RH_ERROR_INIT;
    uint64_t n = 0;
    bool spilled = false;

    ck_assert_int_eq(run(MAX_ROWS, 100, 1 << 20, 0, numbers, &n, &error, &spilled), RH_END);
    ck_assert_uint_eq(n, 100);
    ck_assert(!spilled);
}
END_TEST

START_TEST(the_spill_budget_is_kept)
{
    struct rh_error error = RH_ERROR_INIT;
    uint64_t n = 0;
    bool spilled = false;

    ck_assert_int_eq(run(MAX_ROWS, RH_NO_LIMIT, 100000, 200000, numbers, &n, &error, &spilled),
                     RH_RESOURCE);
    ck_assert_str_eq(error.code, "budget-exceeded");
}
END_TEST

START_TEST(a_folder_that_is_not_there)
{
    struct rh_error error = RH_ERROR_INIT;
    uint64_t n = 0;
    bool spilled = false;

    setenv("TMPDIR", "/nonexistent/folder", 1);
    ck_assert_int_eq(run(MAX_ROWS, RH_NO_LIMIT, 100000, AMPLE, numbers, &n, &error, &spilled),
                     RH_RESOURCE);
    ck_assert_str_eq(error.code, "spill-failed");
}
END_TEST

START_TEST(a_file_that_cannot_grow)
{
    struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
    struct rh_error error = RH_ERROR_INIT;
    uint64_t n = 0;
    bool spilled = false;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(run(MAX_ROWS, RH_NO_LIMIT, 100000, AMPLE, numbers, &n, &error, &spilled),
                     RH_RESOURCE);
    ck_assert_str_eq(error.code, "spill-failed");
    ck_assert_ptr_nonnull(strstr(error.message, "too large"));
}
END_TEST

static bool run_once(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    uint64_t n = 0;
    bool spilled = false;
    int r = run(1500, *(uint64_t *)context, 20000, AMPLE, numbers, &n, &error, &spilled);

    if (r < 0)
        FAULT_ASSERT(r == RH_RESOURCE && strcmp(error.code, "out-of-memory") == 0);
    return r == RH_END;
}

START_TEST(every_allocation_may_fail)
{
    uint64_t all = RH_NO_LIMIT, top = 200;

    ck_assert_uint_gt(fault_torture(run_once, &all), 10);
    ck_assert_uint_gt(fault_torture(run_once, &top), 4);
}
END_TEST

TESTS_MAIN("sort", all_ways_give_one_sequence, a_top_needs_no_files, the_spill_budget_is_kept,
           a_folder_that_is_not_there, a_file_that_cannot_grow, every_allocation_may_fail)
