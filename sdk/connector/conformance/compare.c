/* Rows that were read, sorted and compared. */
#include "base/type.h"
#include "connector/conformance/fixture.h"
#include "rows/cell.h"
#include "rows/encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static __thread uint32_t n_sort_cells;

static int compare_rows(const void *a, const void *b)
{
    const struct rh_value *x = a, *y = b;

    for (uint32_t i = 0; i < n_sort_cells; i++) {
        int r = rh_cell_compare(&x[i], &y[i]);
        if (r)
            return r;
    }
    return 0;
}

void rh_fixture_sort(struct rh_rows_read *rows)
{
    n_sort_cells = rows->n_cols;
    if (rows->n_rows && rows->n_cols)
        qsort(rows->cells, rows->n_rows, rows->n_cols * sizeof(*rows->cells), compare_rows);
}

static bool is_same_cell(const struct rh_value *a, const struct rh_value *b)
{
    if (rh_cell_is_null(a) || rh_cell_is_null(b))
        return rh_cell_is_null(a) && rh_cell_is_null(b);
    return a->type == b->type && rh_cell_equal(a, b);
}

void rh_fixture_same(struct rh_trial *t, const char *what, const struct rh_rows_read *a,
                     const struct rh_rows_read *b)
{
    uint64_t n = a->n_rows * a->n_cols;

    if (a->n_rows != b->n_rows || a->n_cols != b->n_cols)
        rh_trial_fail(t, "%s: %llu rows of %u cells instead of %llu of %u", what,
                      (unsigned long long)b->n_rows, b->n_cols, (unsigned long long)a->n_rows,
                      a->n_cols);
    for (uint64_t i = 0; i < n; i++) {
        struct rh_buf buf;
        if (is_same_cell(&a->cells[i], &b->cells[i]))
            continue;
        rh_buf_init(&buf, 4096);
        rh_buf_addf(&buf, "%s ", rh_type_name(b->cells[i].type));
        rh_encode_value(&buf, &b->cells[i], false);
        rh_buf_addf(&buf, " instead of %s ", rh_type_name(a->cells[i].type));
        rh_encode_value(&buf, &a->cells[i], false);
        rh_trial_fail(t, "%s: row %llu, column %llu is %.*s", what,
                      (unsigned long long)(i / a->n_cols), (unsigned long long)(i % a->n_cols),
                      RH_TEXT_ARG(rh_buf_text(&buf)));
    }
}
