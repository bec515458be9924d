/* Groups, aggregates and distinct rows: exact sums, and the same groups with any amount of
 * memory. */
#include "stage_source.h"

#include "base/text.h"
#include "base/err.h"
#include "lib/fault.h"
#include "lib/tests.h"
#include "rows/aggregate.h"
#include "rows/cell.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMPLE ((uint64_t)256 << 20)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- Aggregates -------------------------------------------------------------------------- */

static struct rh_value decimal(const char *text)
{
    return (struct rh_value){
        .type = RH_TYPE_DECIMAL, .len = (uint32_t)strlen(text), .as.data = text};
}

static struct rh_value integer(int64_t i)
{
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}

/* The result of an exact aggregate over these cells, as text. */
static void check_exact(uint32_t function, const struct rh_value *cells, size_t n, const char *want)
{
    struct rh_aggregate aggregate = {.function = function, .type = RH_TYPE_DECIMAL};
    struct rh_accumulator total;
    struct rh_rowstore store;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_value result;

    memset(&total, 0, sizeof(total));
    rh_rowstore_init(&store);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(rh_aggregate_add(&aggregate, &total, &cells[i], &error), RH_OK);
    ck_assert_int_eq(rh_aggregate_result(&aggregate, &total, &store, &result, &error), RH_OK);
    if (want) {
        ck_assert_uint_eq(result.type, RH_TYPE_DECIMAL);
        ck_assert_msg(rh_text_is(rh_cell_text(&result), want), "%.*s, not %s",
                      RH_TEXT_ARG(rh_cell_text(&result)), want);
    } else {
        ck_assert_uint_eq(result.type, RH_TYPE_NULL);
    }
    rh_rowstore_clear(&store);
    rh_aggregate_fini(&total);
}

START_TEST(sums_are_exact)
{
    const struct rh_value null = {.type = RH_TYPE_NULL};
    const struct rh_value text = {.type = RH_TYPE_TEXT, .len = 1, .as.data = "7"};
    struct rh_value bounds[] = {integer(INT64_MAX), integer(INT64_MAX), integer(1)};
    struct rh_value zero[] = {integer(INT64_MIN), integer(INT64_MAX), integer(1)};
    struct rh_value tenths[] = {decimal("0.1"), decimal("0.20"), decimal("-0.3")};
    struct rh_value mixed[] = {
        integer(2), decimal("0.5"), {.type = RH_TYPE_FLOAT, .as.f = 0.25}, null, text};
    struct rh_value huge[] = {decimal("99999999999999999999999999999999999999.9"),
                              decimal("99999999999999999999999999999999999999.9"),
                              decimal("0.00000000000000000000000000000000000000000001")};
    struct rh_value nan[] = {decimal("1"), decimal("NaN")};
    struct rh_value wide[] = {decimal("1"), decimal("0.0000000000000000000000000000000000001"),
                              decimal("99999999999999999999")};
    struct rh_value unsigned_max = {.type = RH_TYPE_UINT, .as.u = UINT64_MAX};

    check_exact(RH_AGG_SUM, bounds, 3, "18446744073709551615");
    check_exact(RH_AGG_SUM, zero, 3, "0");
    check_exact(RH_AGG_SUM, tenths, 3, "0.00");
    check_exact(RH_AGG_SUM, mixed, 5, "2.75");
    check_exact(
        RH_AGG_SUM, huge, 3,
        "199999999999999999999999999999999999999.80000000000000000000000000000000000000000001");
    check_exact(RH_AGG_SUM, nan, 2, "NaN");
    check_exact(RH_AGG_SUM, wide, 3, "100000000000000000000.0000000000000000000000000000000000001");
    check_exact(RH_AGG_SUM, &unsigned_max, 1, "18446744073709551615");
    check_exact(RH_AGG_SUM, &null, 1, NULL);
    check_exact(RH_AGG_SUM, &text, 1, NULL);
    check_exact(RH_AGG_SUM, tenths, 0, NULL);
}
END_TEST

START_TEST(averages_round_half_away_from_zero)
{
    struct rh_value third[] = {integer(1), integer(0), integer(0)};
    struct rh_value two_thirds[] = {integer(-2), integer(0), integer(0)};
    struct rh_value half[] = {decimal("0.000001"), decimal("0")};
    struct rh_value minus_half[] = {decimal("-0.000001"), decimal("0")};
    struct rh_value below[] = {decimal("0.00000099999"), decimal("0")};
    struct rh_value big[] = {integer(INT64_MAX), integer(INT64_MAX)};

    check_exact(RH_AGG_AVG, third, 3, "0.333333");
    check_exact(RH_AGG_AVG, two_thirds, 3, "-0.666667");
    check_exact(RH_AGG_AVG, half, 2, "0.000001");
    check_exact(RH_AGG_AVG, minus_half, 2, "-0.000001");
    check_exact(RH_AGG_AVG, below, 2, "0.000000");
    check_exact(RH_AGG_AVG, big, 2, "9223372036854775807.000000");
    check_exact(RH_AGG_AVG, third, 0, NULL);
}
END_TEST

/* ---- Groups ------------------------------------------------------------------------------ */

#define N_ROWS 20000
#define N_KEYS 3001

static char texts[64][48];

/* A group key (text or NULL), a number, a text that repeats. */
static void make_row(uint64_t i, struct rh_value *cells)
{
    uint64_t key = (i * UINT64_C(2654435761) >> 5) % N_KEYS;
    char *text = texts[i % 64];

    snprintf(text, sizeof(texts[0]), "key number %" PRIu64, key);
    cells[0] =
        (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)strlen(text), .as.data = text};
    if (key == 0)
        cells[0] = (struct rh_value){.type = i % 2 ? RH_TYPE_NULL : RH_TYPE_MISSING};
    cells[1] = (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)i};
    cells[2] = (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)(i % 5)};
}

struct totals {
    uint64_t n;
    int64_t sum, min, max;
    unsigned seen; /* bits of i % 5 */
};

static struct totals want[N_KEYS];

static void compute(uint64_t n_rows)
{
    memset(want, 0, sizeof(want));
    for (uint64_t i = 0; i < n_rows; i++) {
        struct totals *t = &want[(i * UINT64_C(2654435761) >> 5) % N_KEYS];
        if (t->n++ == 0)
            t->min = (int64_t)i;
        t->max = (int64_t)i;
        t->sum += (int64_t)i;
        t->seen |= 1u << i % 5;
    }
}

static const struct rh_group by_text = {.column = 0};
static const struct rh_aggregate aggregates[] = {
    {.function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT},
    {.function = RH_AGG_SUM, .column = 1, .type = RH_TYPE_DECIMAL},
    {.function = RH_AGG_MIN, .column = 1, .type = RH_TYPE_INT},
    {.function = RH_AGG_MAX, .column = 1, .type = RH_TYPE_INT},
    {.function = RH_AGG_COUNT, .column = 2, .distinct = 1, .type = RH_TYPE_INT},
    {.function = RH_AGG_COUNT, .column = 1, .distinct = 1, .type = RH_TYPE_INT},
    {.function = RH_AGG_MAX, .column = 0, .type = RH_TYPE_TEXT},
};
static const struct rh_grouping grouping = {
    .groups = &by_text, .n_groups = 1, .aggregates = aggregates, .n_aggregates = COUNT(aggregates)};

/* False with what is wrong. Each group must come once, with its own totals. */
static bool check_group(const struct rh_value *row, bool *came, const char **ret_wrong)
{
    uint64_t key = 0;
    char digits[32];
    struct totals *t;

    if (row[0].type == RH_TYPE_TEXT) {
        struct rh_text number = {(const char *)row[0].as.data + 11, row[0].len - 11};
        if (!rh_text_to_u64(number, &key) || !rh_cell_equal(&row[0], &row[7])) {
            *ret_wrong = "the key";
            return false;
        }
    }
    t = &want[key];
    snprintf(digits, sizeof(digits), "%" PRId64, t->sum);
    *ret_wrong = came[key]                                        ? "a group twice"
                 : row[1].as.u != t->n                            ? "the count"
                 : !rh_text_is(rh_cell_text(&row[2]), digits)     ? "the sum"
                 : row[3].as.i != t->min || row[4].as.i != t->max ? "min or max"
                 : row[5].as.i != __builtin_popcount(t->seen)     ? "count distinct"
                 : row[6].as.u != t->n                            ? "count distinct of all"
                                                                  : NULL;
    came[key] = true;
    return !*ret_wrong;
}

static int run_groups(uint64_t n_rows, uint64_t memory, uint64_t spill, uint64_t *ret_n,
                      bool *ret_spilled, struct rh_error *error)
{
    static bool came[N_KEYS];
    struct rh_operation op;
    struct rh_meter meter;
    struct stage_source source;
    struct rh_stage *stage = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    const char *wrong = NULL;
    int r;

    memset(came, 0, sizeof(came));
    *ret_n = 0;
    stage_meter(&meter, &op, memory, spill);
    r = rh_group_new(stage_source_init(&source, &meter, 3, n_rows, make_row), &grouping, &stage,
                     error);
    if (r < 0)
        return r;
    while (!wrong && (r = rh_stage_next(stage, &batch, error)) == RH_OK) {
        *ret_n += batch.n_rows;
        for (uint64_t i = 0; !wrong && i < batch.n_rows; i++)
            check_group(batch.cells + i * batch.n_cols, came, &wrong);
    }
    *ret_spilled = meter.spilled > 0;
    rh_stage_close(stage);
    if (wrong)
        return rh_fail(error, RH_INTERNAL, "%s is wrong", wrong);
    if (meter.held || meter.spilled)
        return rh_fail(error, RH_INTERNAL, "the meter does not come back to zero");
    return r;
}

START_TEST(groups_are_the_same_with_any_memory)
{
    static const uint64_t memories[] = {AMPLE, 2 << 20, 300000, 40000};
    struct rh_error error = RH_ERROR_INIT;
    bool spilled = false;
    uint64_t n;

    compute(N_ROWS);
    for (size_t m = 0; m < COUNT(memories); m++) {
        int r = run_groups(N_ROWS, memories[m], AMPLE, &n, &spilled, &error);
        ck_assert_msg(r == RH_END, "memory %" PRIu64 ": %s", memories[m], error.message);
        ck_assert_uint_eq(n, N_KEYS);
        ck_assert_int_eq(spilled, m > 1 || spilled);
    }
    ck_assert(spilled);
}
END_TEST

static bool group_once(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    bool spilled;
    uint64_t n;
    int r = run_groups(400, 20000, AMPLE, &n, &spilled, &error);

    (void)context;
    if (r < 0)
        FAULT_ASSERT(r == RH_RESOURCE && strcmp(error.code, "out-of-memory") == 0);
    return r == RH_END;
}

START_TEST(every_allocation_may_fail)
{
    compute(400);
    ck_assert_uint_gt(fault_torture(group_once, NULL), 20);
}
END_TEST

START_TEST(no_groups_is_one_row_even_over_nothing)
{
    static const struct rh_grouping all = {.aggregates = aggregates, .n_aggregates = 2};
    struct rh_operation op;
    struct rh_meter meter;
    struct stage_source source;
    struct rh_stage *stage = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_error error = RH_ERROR_INIT;

    stage_meter(&meter, &op, AMPLE, AMPLE);
    ck_assert_int_eq(
        rh_group_new(stage_source_init(&source, &meter, 3, 0, make_row), &all, &stage, &error),
        RH_OK);
    ck_assert_int_eq(rh_stage_next(stage, &batch, &error), RH_OK);
    ck_assert_uint_eq(batch.n_rows, 1);
    ck_assert_int_eq(batch.cells[0].as.i, 0);
    ck_assert_uint_eq(batch.cells[1].type, RH_TYPE_NULL);
    ck_assert_int_eq(rh_stage_next(stage, &batch, &error), RH_END);
    ck_assert_int_eq(rh_stage_next(stage, &batch, &error), RH_END);
    rh_stage_close(stage);
}
END_TEST

static void make_day(uint64_t i, struct rh_value *cells)
{
    static const int64_t days[] = {0, 30, 31, 58, 59, INT64_MAX, -1};

    cells[0] = (struct rh_value){.type = RH_TYPE_DATE, .as.i = days[i]};
}

START_TEST(buckets_by_month)
{
    static const struct rh_group month = {.column = 0, .bucket = RH_BUCKET_MONTH};
    static const struct rh_grouping by_month = {
        .groups = &month, .n_groups = 1, .aggregates = aggregates, .n_aggregates = 1};
    static const int64_t first[] = {0, 31, 59, INT64_MAX, -31}, counts[] = {2, 2, 1, 1, 1};
    struct rh_operation op;
    struct rh_meter meter;
    struct stage_source source;
    struct rh_stage *stage = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_error error = RH_ERROR_INIT;

    stage_meter(&meter, &op, AMPLE, AMPLE);
    ck_assert_int_eq(
        rh_group_new(stage_source_init(&source, &meter, 1, 7, make_day), &by_month, &stage, &error),
        RH_OK);
    ck_assert_int_eq(rh_stage_next(stage, &batch, &error), RH_OK);
    ck_assert_uint_eq(batch.n_rows, COUNT(first));
    for (size_t i = 0; i < COUNT(first); i++) {
        ck_assert_uint_eq(batch.cells[i * 2].type, RH_TYPE_DATE);
        ck_assert_int_eq(batch.cells[i * 2].as.i, first[i]);
        ck_assert_int_eq(batch.cells[i * 2 + 1].as.i, counts[i]);
    }
    rh_stage_close(stage);
}
END_TEST

/* ---- Distinct ---------------------------------------------------------------------------- */

static void check_distinct(uint64_t memory, bool in_order)
{
    static bool came[N_KEYS];
    struct rh_operation op;
    struct rh_meter meter;
    struct stage_source source;
    struct rh_stage *stage = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_error error = RH_ERROR_INIT;
    uint64_t n = 0;
    int64_t last = -1;
    int r;

    memset(came, 0, sizeof(came));
    stage_meter(&meter, &op, memory, AMPLE);
    ck_assert_int_eq(
        rh_distinct_new(stage_source_init(&source, &meter, 3, N_ROWS, make_row), 1, &stage, &error),
        RH_OK);
    while ((r = rh_stage_next(stage, &batch, &error)) == RH_OK) {
        n += batch.n_rows;
        for (uint64_t i = 0; i < batch.n_rows; i++) {
            const struct rh_value *row = batch.cells + i * batch.n_cols;
            uint64_t key = 0;
            if (row[0].type == RH_TYPE_TEXT)
                ck_assert(rh_text_to_u64(
                    rh_text_make((const char *)row[0].as.data + 11, row[0].len - 11), &key));
            ck_assert(!came[key]);
            came[key] = true;
            if (in_order)
                ck_assert_int_gt(row[1].as.i, last);
            last = row[1].as.i;
        }
    }
    ck_assert_msg(r == RH_END, "%s", error.message);
    ck_assert_uint_eq(n, N_KEYS);
    rh_stage_close(stage);
    ck_assert_uint_eq(meter.held, 0);
    ck_assert_uint_eq(meter.spilled, 0);
}

START_TEST(distinct_rows_come_once)
{
    check_distinct(AMPLE, true);
    check_distinct(100000, false);
    check_distinct(5000, false);
}
END_TEST

TESTS_MAIN("group", sums_are_exact, averages_round_half_away_from_zero,
           groups_are_the_same_with_any_memory, every_allocation_may_fail,
           no_groups_is_one_row_even_over_nothing, buckets_by_month, distinct_rows_come_once)
