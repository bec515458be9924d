/* Offset and limit. Batches are cut, never copied. */
#include "rows/stage.h"

#include "base/err.h"

#include <stdlib.h>

struct slice {
    struct rh_stage stage;
    uint64_t to_skip, left;
};

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct slice *slice = (struct slice *)stage;
    uint64_t skip;
    int r;

    do {
        if (slice->left == 0)
            return RH_END;
        r = rh_stage_next(stage->input, ret_batch, error);
        if (r != RH_OK)
            return r;
        skip = ret_batch->n_rows < slice->to_skip ? ret_batch->n_rows : slice->to_skip;
        slice->to_skip -= skip;
        ret_batch->n_rows -= skip;
        ret_batch->cells += skip * ret_batch->n_cols;
    } while (ret_batch->n_rows == 0);
    if (ret_batch->n_rows > slice->left)
        ret_batch->n_rows = slice->left;
    if (slice->left != RH_NO_LIMIT)
        slice->left -= ret_batch->n_rows;
    return RH_OK;
}

static void close_slice(struct rh_stage *stage)
{
    free(stage);
}

int rh_slice_new(struct rh_stage *input, uint64_t offset, uint64_t limit,
                 struct rh_stage **ret_stage, struct rh_error *error)
{
    struct slice *slice = calloc(1, sizeof(*slice));

    if (!slice)
        return rh_fail_nomem(error);
    rh_stage_init(&slice->stage, "slice", pull, close_slice, input, input->n_cells);
    slice->to_skip = offset;
    slice->left = limit;
    *ret_stage = &slice->stage;
    return RH_OK;
}
