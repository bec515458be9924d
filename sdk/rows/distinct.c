/*
 * Distinct rows, by the first cells of each. Rows pass in order of first appearance as long as the
 * set fits in memory; after that, rows not in the set are put off and come at the end.
 */
#include "rows/cell.h"
#include "rows/partition.h"
#include "rows/rowindex.h"
#include "rows/rowstore.h"
#include "rows/stage.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define OUT_ROWS 1024

struct distinct {
    struct rh_stage stage;
    uint32_t n_keys;
    struct rh_rowindex seen;
    struct rh_rowstore store;
    uint64_t held;
    bool full;
    bool input_ended;
    struct rh_partition put_off;
    struct rh_value *cells;
    uint64_t cap_out;
};

static int take_row(struct distinct *distinct, const struct rh_value *cells, uint64_t *n_out,
                    struct rh_error *error)
{
    uint64_t hash = rh_cells_hash(cells, distinct->n_keys);
    struct rh_value *row;

    if (rh_rowindex_find(&distinct->seen, cells, hash) != RH_NO_ENTRY)
        return RH_OK;
    if (distinct->full)
        return rh_partition_add(&distinct->put_off, hash, cells, error);
    row = rh_rowstore_add(&distinct->store, cells, distinct->stage.n_cells);
    if (!row || !rh_rowindex_add(&distinct->seen, row, hash))
        return rh_fail_nomem(error);
    memcpy(distinct->cells + *n_out * distinct->stage.n_cells, row,
           distinct->stage.n_cells * sizeof(*row));
    ++*n_out;
    return RH_OK;
}

static int make_room(struct distinct *distinct, uint64_t n_rows, struct rh_error *error)
{
    size_t width = distinct->stage.n_cells + 1;
    struct rh_value *cells;

    if (n_rows <= distinct->cap_out)
        return RH_OK;
    cells = n_rows > SIZE_MAX / sizeof(*cells) / width
                ? NULL
                : realloc(distinct->cells, n_rows * width * sizeof(*cells));
    if (!cells)
        return rh_fail_nomem(error);
    distinct->cells = cells;
    distinct->cap_out = n_rows;
    return RH_OK;
}

static int take_input(struct distinct *distinct, uint64_t *n_out, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    const struct rh_value *row;
    int r = rh_stage_next(distinct->stage.input, &batch, error);

    if (r != RH_OK)
        return r;
    r = make_room(distinct, batch.n_rows, error);
    row = batch.cells;
    for (uint64_t i = 0; r == RH_OK && i < batch.n_rows; i++, row += batch.n_cols)
        r = take_row(distinct, row, n_out, error);
    return r;
}

/* Up to a batch of the run at hand. */
static int take_put_off(struct distinct *distinct, uint64_t *n_out, struct rh_error *error)
{
    struct rh_value *row;
    int r = make_room(distinct, OUT_ROWS, error);

    while (r == RH_OK && *n_out < OUT_ROWS) {
        r = rh_partition_next(&distinct->put_off, &row, error);
        if (r == RH_OK)
            r = take_row(distinct, row, n_out, error);
    }
    return r;
}

/* The next run of rows that were put off, with an empty set. */
static int start_over(struct distinct *distinct, struct rh_error *error)
{
    rh_rowindex_clear(&distinct->seen);
    rh_rowstore_clear(&distinct->store);
    rh_meter_full(distinct->stage.meter, &distinct->held, 0);
    distinct->full = false;
    return rh_partition_advance(&distinct->put_off, error);
}

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct distinct *distinct = (struct distinct *)stage;
    uint64_t n = 0;
    int r = RH_OK;

    while (n == 0) {
        if (distinct->input_ended && !distinct->put_off.current)
            return RH_END;
        r = distinct->input_ended ? take_put_off(distinct, &n, error)
                                  : take_input(distinct, &n, error);
        if (r < 0)
            return r;
        distinct->full |= rh_meter_full(stage->meter, &distinct->held,
                                        distinct->store.bytes + rh_rowindex_bytes(&distinct->seen));
        if (r != RH_END)
            continue;
        if (n)
            break; /* these rows are in the store: hand them out before it is emptied */
        distinct->input_ended = true;
        r = start_over(distinct, error);
        if (r < 0)
            return r;
    }
    *ret_batch = (struct rh_batch){.struct_size = sizeof(*ret_batch),
                                   .n_cols = stage->n_cells,
                                   .n_rows = n,
                                   .cells = distinct->cells};
    return RH_OK;
}

static void close_distinct(struct rh_stage *stage)
{
    struct distinct *distinct = (struct distinct *)stage;

    rh_partition_fini(&distinct->put_off);
    rh_rowindex_clear(&distinct->seen);
    rh_rowstore_clear(&distinct->store);
    rh_meter_full(stage->meter, &distinct->held, 0);
    free(distinct->cells);
    free(distinct);
}

int rh_distinct_new(struct rh_stage *input, uint32_t n_keys, struct rh_stage **ret_stage,
                    struct rh_error *error)
{
    struct distinct *distinct = calloc(1, sizeof(*distinct));

    if (!distinct)
        return rh_fail_nomem(error);
    rh_stage_init(&distinct->stage, "distinct", pull, close_distinct, input, input->n_cells);
    distinct->n_keys = n_keys;
    rh_rowindex_init(&distinct->seen, n_keys);
    rh_rowstore_init(&distinct->store);
    rh_partition_init(&distinct->put_off, input->meter, input->n_cells);
    *ret_stage = &distinct->stage;
    return RH_OK;
}
