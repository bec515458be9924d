/*
 * Rows for which all predicates hold. A batch in which every row does is passed on as it is;
 * otherwise the cells (not what they point to) are moved together.
 */
#include "rows/stage.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

struct filter {
    struct rh_stage stage;
    struct rh_eval *eval;
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

/* Filters one batch; *ret_batch may become empty. */
static int filter_batch(struct filter *filter, const struct rh_batch *batch,
                        struct rh_batch *ret_batch, struct rh_error *error)
{
    size_t row_bytes = batch->n_cols * sizeof(struct rh_value);
    const struct rh_value *row = batch->cells;
    uint64_t n = 0, i;
    int r;

    *ret_batch = *batch;
    for (i = 0; i < batch->n_rows; i++, row += batch->n_cols) {
        r = rh_eval_row(filter->eval, row, error);
        if (r < 0)
            return r;
        if (!r)
            break;
    }
    if (i == batch->n_rows)
        return RH_OK;

    r = make_room(filter, batch->n_rows, error);
    if (r < 0)
        return r;
    n = i;
    if (n && row_bytes)
        memcpy(filter->cells, batch->cells, n * row_bytes);
    for (i++, row += batch->n_cols; i < batch->n_rows; i++, row += batch->n_cols) {
        r = rh_eval_row(filter->eval, row, error);
        if (r < 0)
            return r;
        if (r && row_bytes)
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
    filter->stage = (struct rh_stage){.name = name,
                                      .pull = pull,
                                      .close = close_filter,
                                      .input = input,
                                      .meter = input->meter,
                                      .n_cells = input->n_cells};
    filter->eval = eval;
    *ret_stage = &filter->stage;
    return RH_OK;
}
