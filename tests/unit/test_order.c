/* Cells compared by value across types, hashes that agree with equality, rows in order. */
#include "rows/order.h"

#include "lib/cells.h"
#include "lib/tests.h"
#include "rows/cell.h"

#include <math.h>
#include <stdlib.h>

static const struct rh_interval month = {.months = 1}, days30 = {.days = 30},
                                hours = {.us = INT64_C(24) * 3600000000}, day = {.days = 1};

/* Everything, in order; equal ones share a line's number. */
static const struct {
    unsigned rank;
    struct rh_value value;
} all[] = {
    {0, X(RH_TYPE_BOOL, 0)},
    {1, X(RH_TYPE_BOOL, 1)},
    {2, F(-(double)INFINITY)},
    {3, F(-1e300)},
    {4, D("-9223372036854775809")},
    {5, I(INT64_MIN)},
    {5, F(-0x1p63)},
    {5, D("-9223372036854775808.0")},
    {6, I(-1)},
    {7, D("-0.5")},
    {7, F(-0.5)},
    {8, I(0)},
    {8, F(0.0)},
    {8, F(-0.0)},
    {8, D("0")},
    {8, D("-0.00")},
    {9, D("0.1")}, /* less than the double nearest to it */
    {10, F(0.1)},
    {11, I(1)},
    {11, N(1)},
    {11, D("1.000")},
    {12, F(9007199254740992.0)},
    {12, I(9007199254740992)},
    {13, I(9007199254740993)}, /* no double */
    {13, D("9007199254740993")},
    {14, F(9007199254740994.0)},
    {15, I(INT64_MAX)},
    {15, D("9223372036854775807")},
    {16, F(0x1p63)},
    {16, N(UINT64_C(1) << 63)},
    {17, N(UINT64_MAX)},
    {18, F(0x1p64)},
    {19, D("99999999999999999999999999999999999999")},
    {20, F((double)INFINITY)},
    {21, F((double)NAN)},
    {21, D("NaN")},
    {22, T("")},
    {23, T("A")},
    {24, T("A ")},
    {25, T("a")},
    {26, T("\xc3\xa1")},
    {27, T("\xf0\x9f\x98\x80")},
    {28, {.type = RH_TYPE_UUID, .len = 16, .as.data = "0123456789abcdef"}},
    {29, X(RH_TYPE_DATE, INT64_MIN)},
    {30, X(RH_TYPE_DATE, 0)},
    {31, X(RH_TYPE_TIME, 0)},
    {32, X(RH_TYPE_DATETIME, -1)},
    {33, X(RH_TYPE_TIMESTAMP, -1)},
    {34, X(RH_TYPE_TIMESTAMP, INT64_MAX)},
    {35, {.type = RH_TYPE_INTERVAL, .len = 16, .as.data = &hours}},
    {35, {.type = RH_TYPE_INTERVAL, .len = 16, .as.data = &day}},
    {36, {.type = RH_TYPE_INTERVAL, .len = 16, .as.data = &month}},
    {36, {.type = RH_TYPE_INTERVAL, .len = 16, .as.data = &days30}},
    {37, {.type = RH_TYPE_BYTES, .len = 1, .as.data = "\xff"}},
    {38, {.type = RH_TYPE_JSON, .len = 2, .as.data = "[]"}},
    {39, {.type = RH_TYPE_NULL}},
    {39, {.type = RH_TYPE_MISSING}},
};

START_TEST(cells_have_one_order)
{
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t j = 0; j < COUNT(all); j++) {
            int want = (all[i].rank > all[j].rank) - (all[i].rank < all[j].rank);
            int got = rh_cell_compare(&all[i].value, &all[j].value);
            ck_assert_msg((got > 0) - (got < 0) == want, "%zu against %zu gives %d", i, j, got);
            ck_assert_int_eq(rh_cell_equal(&all[i].value, &all[j].value), want == 0);
        }
}
END_TEST

START_TEST(equal_cells_have_equal_hashes)
{
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t j = 0; j < COUNT(all); j++)
            if (all[i].rank == all[j].rank)
                ck_assert_msg(rh_cell_hash(&all[i].value) == rh_cell_hash(&all[j].value),
                              "%zu and %zu", i, j);
}
END_TEST

START_TEST(nulls_are_where_the_key_says)
{
    const struct rh_value null = {.type = RH_TYPE_NULL}, one = I(1), two = I(2);

    ck_assert_int_gt(rh_order_compare_cells(0, &null, &one), 0);
    ck_assert_int_gt(rh_order_compare_cells(RH_ORDER_DESC, &null, &one), 0);
    ck_assert_int_lt(rh_order_compare_cells(RH_ORDER_NULLS_FIRST, &null, &one), 0);
    ck_assert_int_lt(rh_order_compare_cells(RH_ORDER_DESC | RH_ORDER_NULLS_FIRST, &null, &one), 0);
    ck_assert_int_lt(rh_order_compare_cells(0, &one, &two), 0);
    ck_assert_int_gt(rh_order_compare_cells(RH_ORDER_DESC, &one, &two), 0);
    ck_assert_int_eq(rh_order_compare_cells(RH_ORDER_DESC, &null, &null), 0);
}
END_TEST

START_TEST(reversed_keys_give_the_opposite_order)
{
    for (uint32_t flags = 0; flags < 4; flags++)
        for (size_t i = 0; i < COUNT(all); i++)
            for (size_t j = 0; j < COUNT(all); j++) {
                int a = rh_order_compare_cells(flags, &all[i].value, &all[j].value);
                int b = rh_order_compare_cells(flags ^ (RH_ORDER_DESC | RH_ORDER_NULLS_FIRST),
                                               &all[i].value, &all[j].value);
                ck_assert_int_eq((a > 0) - (a < 0), (b < 0) - (b > 0));
            }
}
END_TEST

START_TEST(sorting_is_stable)
{
    static const struct rh_order_key key = {.cell = 0};

    for (size_t n = 0; n < 70; n++) {
        struct rh_value cells[70][2];
        struct rh_value *rows[70], *spare[70];
        for (size_t i = 0; i < n; i++) {
            cells[i][0] = (struct rh_value)I((int64_t)(i * 7919 % 5));
            cells[i][1] = (struct rh_value)I((int64_t)i);
            rows[i] = cells[i];
        }
        rh_order_sort(&key, 1, rows, spare, n);
        for (size_t i = 1; i < n; i++) {
            ck_assert_int_le(rows[i - 1][0].as.i, rows[i][0].as.i);
            if (rows[i - 1][0].as.i == rows[i][0].as.i)
                ck_assert_int_lt(rows[i - 1][1].as.i, rows[i][1].as.i);
        }
    }
}
END_TEST

TESTS_MAIN("order", cells_have_one_order, equal_cells_have_equal_hashes,
           nulls_are_where_the_key_says, reversed_keys_give_the_opposite_order, sorting_is_stable)
