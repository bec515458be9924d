/*
 * Rows in order. Stable: rows that compare equal stay in the order they came in.
 *
 * With a `top`, the buffer is cut back to that many rows whenever it holds twice as many, and rows
 * behind the worst one kept are not copied at all. What does not fit in memory becomes sorted runs
 * in a temporary file, merged at the end; when there are MAX_RUNS of them they are merged into one,
 * so the number of buffers stays bounded. (A heap was rejected: it is not stable and frees rows one
 * by one.)
 */
#include "rows/rowstore.h"
#include "rows/spill.h"
#include "rows/stage.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 64
#define OUT_ROWS 1024

struct sort {
    struct rh_stage stage;
    const struct rh_order_key *keys;
    uint32_t n_keys;
    uint64_t top;
    bool gathered;

    struct rh_rowstore store;
    struct rh_value **rows, **spare;
    size_t n_rows, cap_rows;
    struct rh_value *bound; /* in store: no row behind it is needed */
    uint64_t held;

    struct rh_spill spill;
    struct rh_spill_run runs[MAX_RUNS];
    uint32_t n_runs;

    /* Handing out. */
    struct rh_value *heads[MAX_RUNS]; /* next row of each run; NULL: used up */
    struct rh_value *out;
    struct rh_rowstore out_store;
    size_t next_row;
    uint64_t n_out; /* rows merged so far */
};

/* ---- In memory --------------------------------------------------------------------------- */

static int sort_rows(struct sort *sort, struct rh_error *error)
{
    if (sort->n_rows < 2)
        return RH_OK;
    if (!sort->spare) {
        sort->spare = malloc(sort->cap_rows * sizeof(*sort->spare));
        if (!sort->spare)
            return rh_fail_nomem(error);
    }
    rh_order_sort(sort->keys, sort->n_keys, sort->rows, sort->spare, sort->n_rows);
    return RH_OK;
}

/* Sorts, keeps the first `top` rows and moves them together. */
static int cut_to_top(struct sort *sort, struct rh_error *error)
{
    struct rh_rowstore kept;
    int r = sort_rows(sort, error);

    if (r < 0 || sort->n_rows <= sort->top)
        return r;
    rh_rowstore_init(&kept);
    for (size_t i = 0; i < sort->top; i++) {
        struct rh_value *row = rh_rowstore_add(&kept, sort->rows[i], sort->stage.n_cells);
        if (!row) {
            rh_rowstore_clear(&kept);
            return rh_fail_nomem(error);
        }
        sort->rows[i] = row;
    }
    rh_rowstore_clear(&sort->store);
    sort->store = kept;
    sort->n_rows = (size_t)sort->top;
    sort->bound = sort->n_rows ? sort->rows[sort->n_rows - 1] : NULL;
    return RH_OK;
}

static int grow(struct sort *sort, struct rh_error *error)
{
    size_t cap = sort->cap_rows ? sort->cap_rows * 2 : 1024;
    struct rh_value **rows = realloc(sort->rows, cap * sizeof(*rows));

    if (!rows)
        return rh_fail_nomem(error);
    sort->rows = rows;
    sort->cap_rows = cap;
    free(sort->spare);
    sort->spare = NULL;
    return RH_OK;
}

/* ---- Runs -------------------------------------------------------------------------------- */

/* The run whose head comes first; the earlier run when they are equal. */
static int first_run(const struct sort *sort)
{
    int first = -1;

    for (uint32_t i = 0; i < sort->n_runs; i++) {
        if (!sort->heads[i])
            continue;
        if (first < 0 ||
            rh_order_compare(sort->keys, sort->n_keys, sort->heads[i], sort->heads[first]) < 0)
            first = (int)i;
    }
    return first;
}

static int advance(struct sort *sort, uint32_t run, struct rh_error *error)
{
    int r = rh_spill_next(&sort->runs[run], &sort->heads[run], error);

    if (r == RH_END)
        sort->heads[run] = NULL;
    return r < 0 ? r : RH_OK;
}

static int start_merge(struct sort *sort, struct rh_error *error)
{
    for (uint32_t i = 0; i < sort->n_runs; i++) {
        int r = advance(sort, i, error);
        if (r < 0)
            return r;
    }
    return RH_OK;
}

/* All runs into one, in a new file. */
static int merge_runs(struct sort *sort, struct rh_error *error)
{
    struct rh_spill spill;
    struct rh_spill_run merged;
    int run, r = start_merge(sort, error);

    rh_spill_init(&spill, sort->stage.meter);
    rh_spill_run_init(&merged, &spill, sort->stage.n_cells);
    while (r == RH_OK && (run = first_run(sort)) >= 0 && merged.n_rows < sort->top) {
        r = rh_spill_add(&merged, sort->heads[run], error);
        if (r == RH_OK)
            r = advance(sort, (uint32_t)run, error);
    }
    if (r == RH_OK)
        r = rh_spill_finish(&merged, error);
    if (r < 0) {
        rh_spill_run_fini(&merged);
        rh_spill_fini(&spill);
        return r;
    }
    for (uint32_t i = 0; i < sort->n_runs; i++)
        rh_spill_run_fini(&sort->runs[i]);
    rh_spill_fini(&sort->spill);
    sort->spill = spill;
    sort->runs[0] = merged;
    sort->runs[0].spill = &sort->spill;
    sort->n_runs = 1;
    return RH_OK;
}

/* The rows in memory become a run. */
static int spill_rows(struct sort *sort, struct rh_error *error)
{
    struct rh_spill_run *run;
    int r = sort_rows(sort, error);

    if (r == RH_OK && sort->n_runs == MAX_RUNS)
        r = merge_runs(sort, error);
    if (r < 0)
        return r;
    run = &sort->runs[sort->n_runs++];
    rh_spill_run_init(run, &sort->spill, sort->stage.n_cells);
    for (size_t i = 0; i < sort->n_rows && i < sort->top; i++) {
        r = rh_spill_add(run, sort->rows[i], error);
        if (r < 0)
            return r;
    }
    sort->n_rows = 0;
    sort->bound = NULL;
    rh_rowstore_clear(&sort->store);
    return rh_spill_finish(run, error);
}

/* ---- Gathering --------------------------------------------------------------------------- */

static bool is_full(struct sort *sort)
{
    return rh_meter_full(sort->stage.meter, &sort->held,
                         sort->store.bytes + 2 * sort->cap_rows * sizeof(*sort->rows));
}

static int gather_row(struct sort *sort, const struct rh_value *cells, struct rh_error *error)
{
    int r = RH_OK;

    if (sort->bound && rh_order_compare(sort->keys, sort->n_keys, cells, sort->bound) >= 0)
        return RH_OK;
    if (sort->n_rows == sort->cap_rows)
        r = grow(sort, error);
    if (r < 0)
        return r;
    sort->rows[sort->n_rows] = rh_rowstore_add(&sort->store, cells, sort->stage.n_cells);
    if (!sort->rows[sort->n_rows])
        return rh_fail_nomem(error);
    sort->n_rows++;
    if (sort->top <= SIZE_MAX / 4 && sort->n_rows >= 2 * sort->top + 64)
        return cut_to_top(sort, error);
    return RH_OK;
}

static int gather(struct sort *sort, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    const struct rh_value *row;
    int r;

    while ((r = rh_stage_next(sort->stage.input, &batch, error)) == RH_OK) {
        row = batch.cells;
        for (uint64_t i = 0; i < batch.n_rows; i++, row += batch.n_cols) {
            r = gather_row(sort, row, error);
            if (r < 0)
                return r;
        }
        if (!is_full(sort))
            continue;
        if (sort->n_rows > sort->top) {
            r = cut_to_top(sort, error);
            if (r < 0)
                return r;
        }
        if (is_full(sort)) {
            r = spill_rows(sort, error);
            if (r < 0)
                return r;
            is_full(sort);
        }
    }
    if (r < 0)
        return r;
    if (sort->n_runs == 0)
        return sort_rows(sort, error);
    if (sort->n_rows) {
        r = spill_rows(sort, error);
        if (r < 0)
            return r;
    }
    return start_merge(sort, error);
}

/* ---- Handing out ------------------------------------------------------------------------- */

static uint64_t next_from_memory(struct sort *sort)
{
    uint32_t width = sort->stage.n_cells;
    uint64_t n = 0;

    for (; n < OUT_ROWS && sort->next_row < sort->n_rows && sort->n_out < sort->top; n++) {
        memcpy(sort->out + n * width, sort->rows[sort->next_row++], width * sizeof(*sort->out));
        sort->n_out++;
    }
    return n;
}

/* Rows are copied because the run that they come from may read its next extent meanwhile. */
static int next_from_runs(struct sort *sort, uint64_t *ret_n, struct rh_error *error)
{
    uint32_t width = sort->stage.n_cells;
    uint64_t n = 0;
    int run, r;

    rh_rowstore_clear(&sort->out_store);
    while (n < OUT_ROWS && sort->n_out < sort->top &&
           sort->out_store.bytes < sort->stage.meter->memory_limit &&
           (run = first_run(sort)) >= 0) {
        struct rh_value *row = rh_rowstore_add(&sort->out_store, sort->heads[run], width);
        if (!row)
            return rh_fail_nomem(error);
        memcpy(sort->out + n * width, row, width * sizeof(*row));
        r = advance(sort, (uint32_t)run, error);
        if (r < 0)
            return r;
        n++;
        sort->n_out++;
    }
    *ret_n = n;
    return RH_OK;
}

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct sort *sort = (struct sort *)stage;
    uint64_t n = 0;
    int r = RH_OK;

    if (!sort->gathered) {
        r = gather(sort, error);
        sort->gathered = r == RH_OK;
    }
    if (r < 0)
        return r;
    if (sort->n_runs == 0)
        n = next_from_memory(sort);
    else
        r = next_from_runs(sort, &n, error);
    if (r < 0)
        return r;
    if (n == 0)
        return RH_END;
    *ret_batch = (struct rh_batch){.struct_size = sizeof(*ret_batch),
                                   .n_cols = stage->n_cells,
                                   .n_rows = n,
                                   .cells = sort->out};
    return RH_OK;
}

static void close_sort(struct rh_stage *stage)
{
    struct sort *sort = (struct sort *)stage;

    for (uint32_t i = 0; i < sort->n_runs; i++)
        rh_spill_run_fini(&sort->runs[i]);
    rh_spill_fini(&sort->spill);
    rh_rowstore_clear(&sort->store);
    rh_rowstore_clear(&sort->out_store);
    rh_meter_full(stage->meter, &sort->held, 0);
    free(sort->rows);
    free(sort->spare);
    free(sort->out);
    free(sort);
}

int rh_sort_new(struct rh_stage *input, const struct rh_order_key *keys, uint32_t n_keys,
                uint64_t top, struct rh_stage **ret_stage, struct rh_error *error)
{
    struct sort *sort = calloc(1, sizeof(*sort));

    if (!sort)
        return rh_fail_nomem(error);
    sort->out = calloc((size_t)OUT_ROWS * (input->n_cells + 1), sizeof(*sort->out));
    if (!sort->out) {
        free(sort);
        return rh_fail_nomem(error);
    }
    rh_stage_init(&sort->stage, "sort", pull, close_sort, input, input->n_cells);
    sort->keys = keys;
    sort->n_keys = n_keys;
    sort->top = top;
    rh_rowstore_init(&sort->store);
    rh_rowstore_init(&sort->out_store);
    rh_spill_init(&sort->spill, input->meter);
    *ret_stage = &sort->stage;
    return RH_OK;
}
