/*
 * Rows for which all predicates hold. A batch in which every row does is passed on as it is;
 * otherwise the cells (not what they point to) are moved together.
 */
#include "rows/stage.h"

#include "base/clock.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>

/* A single row may take its time (a regular expression), so the deadline is kept between rows: the
 * clock is looked at every so many rows, the operation when so much time has passed. */
#define CLOCK_ROWS 32
#define CHECK_US 20000

struct filter {
    struct rh_stage stage;
    struct rh_eval *eval;
    uint64_t n_evaluated, checked_us;
    struct rh_value *cells;
    uint64_t cap_rows;
};

static int make_room(struct filter *filter, uint64_t n_rows, struct rh_error *error)
{
    size_t width = filter->stage.n_cells ? filter->stage.n_cells : 1;
    struct rh_value *cells;

    if (n_rows <= filter->cap_rows)
        return RH_OK;
    cells = n_rows > SIZE_MAX / sizeof(*cells) / width
                ? NULL
                : realloc(filter->cells, n_rows * width * sizeof(*cells));
    if (!cells)
        return rh_fail_nomem(error);
    filter->cells = cells;
    filter->cap_rows = n_rows;
    return RH_OK;
}

/* 1: the row passes, 0: it does not. */
static int evaluate(struct filter *filter, const struct rh_value *row, struct rh_error *error)
{
    if (++filter->n_evaluated % CLOCK_ROWS == 0) {
        uint64_t now_us = rh_clock_us();
        if (now_us - filter->checked_us > CHECK_US) {
            int r = rh_operation_check(filter->stage.meter->op, error);
            if (r < 0)
                return r;
            filter->checked_us = now_us;
        }
    }
    return rh_eval_row(filter->eval, row, error);
}

/* Filters one batch; *ret_batch may become empty. */
static int filter_batch(struct filter *filter, const struct rh_batch *batch,
                        struct rh_batch *ret_batch, struct rh_error *error)
{
    size_t row_bytes = batch->n_cols * sizeof(struct rh_value);
    const struct rh_value *row = batch->cells;
    uint64_t n, i;
    int r = 1;

    *ret_batch = *batch;
    for (i = 0; i < batch->n_rows; i++, row += batch->n_cols) {
        r = evaluate(filter, row, error);
        if (r <= 0)
            break;
    }
    if (r < 0 || i == batch->n_rows)
        return r < 0 ? r : RH_OK;

    r = make_room(filter, batch->n_rows, error);
    if (r < 0)
        return r;
    n = i;
    if (n)
        memcpy(filter->cells, batch->cells, n * row_bytes);
    for (i++, row += batch->n_cols; i < batch->n_rows; i++, row += batch->n_cols) {
        r = evaluate(filter, row, error);
        if (r < 0)
            return r;
        if (r)
            memcpy(filter->cells + n * batch->n_cols, row, row_bytes);
        n += (uint64_t)r;
    }
    ret_batch->cells = filter->cells;
    ret_batch->n_rows = n;
    return RH_OK;
}

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct filter *filter = (struct filter *)stage;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int r;

    do {
        r = rh_stage_next(stage->input, &batch, error);
        if (r != RH_OK)
            return r;
        r = filter_batch(filter, &batch, ret_batch, error);
    } while (r == RH_OK && ret_batch->n_rows == 0);
    return r;
}

static void close_filter(struct rh_stage *stage)
{
    struct filter *filter = (struct filter *)stage;

    rh_eval_free(filter->eval);
    free(filter->cells);
    free(filter);
}

int rh_filter_new(struct rh_stage *input, const char *name, struct rh_eval *eval,
                  struct rh_stage **ret_stage, struct rh_error *error)
{
    struct filter *filter = calloc(1, sizeof(*filter));

    if (!filter)
        return rh_fail_nomem(error);
    rh_stage_init(&filter->stage, name, pull, close_filter, input, input->n_cells);
    filter->eval = eval;
    *ret_stage = &filter->stage;
    return RH_OK;
}
