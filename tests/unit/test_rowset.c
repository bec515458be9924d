/*
 * Batches whose blocks move while they grow, and what closes them.
 */
#include "connector/rowset.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_cell(const struct rh_value *cell, uint8_t type, const char *want)
{
    ck_assert_uint_eq(cell->type, type);
    ck_assert_uint_eq(cell->reserved0 | cell->reserved1, 0);
    ck_assert_msg(rh_text_is(rh_kit_value_text(cell), want), "want \"%s\"", want);
}

START_TEST(cells_survive_growth)
{
    static const char constant[] = "elsewhere";
    struct rh_rowset rows;
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_error error = RH_ERROR_INIT;
    char text[32];
    rh_rowset_init(&rows, 4, SIZE_MAX);
    for (int round = 0; round < 3; round++) {
        rh_rowset_clear(&rows, UINT64_MAX);
        for (int i = 0; i < 5000; i++) {
            struct rh_value *cells = rh_rowset_row(&rows);
            int n = snprintf(text, sizeof text, "row %d of round %d", i, round);
            rh_rowset_bytes(&rows, &cells[0], RH_TYPE_TEXT, text, (size_t)n);
            cells[1] = rh_kit_int(i);
            cells[2] = rh_kit_text(RH_TEXT(constant));
        }
        ck_assert_int_eq(rh_rowset_batch(&rows, &batch, &error), RH_OK);
        ck_assert_uint_eq(batch.n_rows, 5000);
        ck_assert_uint_eq(batch.n_cols, 4);
        for (int i = 0; i < 5000; i++) {
            const struct rh_value *cells = &batch.cells[(size_t)i * 4];
            snprintf(text, sizeof text, "row %d of round %d", i, round);
            check_cell(&cells[0], RH_TYPE_TEXT, text);
            ck_assert_int_eq(cells[1].as.i, i);
            ck_assert_ptr_eq(cells[2].as.data, constant);
            ck_assert_uint_eq(cells[3].type, RH_TYPE_MISSING);
        }
    }
    rh_rowset_fini(&rows);
}
END_TEST

START_TEST(a_batch_closes_by_rows_and_by_bytes)
{
    struct rh_rowset rows;
    struct rh_batch batch = {0};
    rh_rowset_init(&rows, 1, 10);
    rh_rowset_clear(&rows, 2);
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, NULL), RH_END);
    ck_assert(rh_rowset_has_room(&rows));
    rh_rowset_row(&rows);
    ck_assert(rh_rowset_has_room(&rows));
    rh_rowset_row(&rows);
    ck_assert(!rh_rowset_has_room(&rows));

    rh_rowset_clear(&rows, 100);
    rh_rowset_bytes(&rows, rh_rowset_row(&rows), RH_TYPE_TEXT, "123456789", 9);
    ck_assert(rh_rowset_has_room(&rows));
    rh_rowset_bytes(&rows, rh_rowset_row(&rows), RH_TYPE_BYTES, "a larger value", 14);
    ck_assert(!rh_rowset_has_room(&rows));
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, NULL), RH_OK);
    check_cell(&batch.cells[0], RH_TYPE_TEXT, "123456789");
    check_cell(&batch.cells[1], RH_TYPE_BYTES, "a larger value");

    rh_rowset_clear(&rows, 0); /* one row always fits, so a scan always moves on */
    ck_assert(rh_rowset_has_room(&rows));
    rh_rowset_fini(&rows);
}
END_TEST

START_TEST(intervals_are_aligned_and_empty_texts_have_an_address)
{
    struct rh_rowset rows;
    struct rh_batch batch = {0};
    struct rh_interval interval = {.months = 1, .days = -2, .us = 3};
    rh_rowset_init(&rows, 3, SIZE_MAX);
    rh_rowset_clear(&rows, 1);
    struct rh_value *cells = rh_rowset_row(&rows);
    rh_rowset_bytes(&rows, &cells[0], RH_TYPE_TEXT, NULL, 0);
    rh_rowset_bytes(&rows, &cells[1], RH_TYPE_TEXT, "x", 1);
    rh_rowset_bytes(&rows, &cells[2], RH_TYPE_INTERVAL, &interval, sizeof interval);
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, NULL), RH_OK);
    ck_assert_ptr_nonnull(batch.cells[0].as.data);
    const struct rh_interval *out = batch.cells[2].as.data;
    ck_assert_uint_eq((uintptr_t)out % 8, 0);
    ck_assert(out->months == 1 && out->days == -2 && out->us == 3);
    rh_rowset_fini(&rows);

    rh_rowset_init(&rows, 1, SIZE_MAX); /* nothing but empty texts: there is no block at all */
    rh_rowset_clear(&rows, 1);
    rh_rowset_bytes(&rows, rh_rowset_row(&rows), RH_TYPE_TEXT, "", 0);
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, NULL), RH_OK);
    ck_assert(batch.cells[0].as.data && batch.cells[0].len == 0);
    rh_rowset_fini(&rows);

    rh_rowset_init(&rows, 0, SIZE_MAX); /* rows without columns are counted */
    rh_rowset_clear(&rows, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(rh_rowset_row(&rows));
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, NULL), RH_OK);
    ck_assert_uint_eq(batch.n_rows, 3);
    rh_rowset_fini(&rows);
}
END_TEST

START_TEST(failure_sticks_until_clear)
{
    struct rh_rowset rows;
    struct rh_batch batch = {0};
    struct rh_error error = RH_ERROR_INIT;
    rh_rowset_init(&rows, 1, SIZE_MAX);
    rh_rowset_clear(&rows, 10);
    rh_rowset_bytes(&rows, rh_rowset_row(&rows), RH_TYPE_TEXT, "x", (size_t)UINT32_MAX + 1);
    ck_assert_ptr_null(rh_rowset_row(&rows));
    ck_assert(!rh_rowset_has_room(&rows));
    ck_assert_int_eq(rh_rowset_batch(&rows, &batch, &error), RH_RESOURCE);
    rh_rowset_clear(&rows, 10);
    ck_assert_ptr_nonnull(rh_rowset_row(&rows));
    rh_rowset_fini(&rows);
}
END_TEST

static bool scan(void *context)
{
    struct rh_rowset rows;
    struct rh_batch batch = {0};
    char text[100] = {0};
    rh_rowset_init(&rows, 2, SIZE_MAX);
    rh_rowset_clear(&rows, UINT64_MAX);
    for (int i = 0; i < 500; i++) {
        struct rh_value *cells = rh_rowset_row(&rows);
        if (cells)
            rh_rowset_bytes(&rows, &cells[1], RH_TYPE_TEXT, text, sizeof text);
    }
    int rc = rh_rowset_batch(&rows, &batch, NULL);
    FAULT_ASSERT(rc == RH_RESOURCE || (rc == RH_OK && batch.n_rows == 500));
    rh_rowset_fini(&rows);
    return rc == RH_OK;
}

START_TEST(every_allocation_may_fail)
{
    ck_assert_uint_gt(fault_torture(scan, NULL), 5);
}
END_TEST

TESTS_MAIN("rowset", cells_survive_growth, a_batch_closes_by_rows_and_by_bytes,
           intervals_are_aligned_and_empty_texts_have_an_address, failure_sticks_until_clear,
           every_allocation_may_fail)
