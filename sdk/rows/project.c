/* Cells picked by position: drops what was read for conditions, order and cursors only. */
#include "rows/stage.h"

#include "base/err.h"

#include <stdlib.h>

struct project {
    struct rh_stage stage;
    const uint32_t *from;
    struct rh_value *cells;
    uint64_t cap_rows;
};

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct project *project = (struct project *)stage;
    uint32_t n_cells = stage->n_cells;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    const struct rh_value *row;
    struct rh_value *to;
    int r = rh_stage_next(stage->input, &batch, error);

    if (r != RH_OK)
        return r;
    if (batch.n_rows > project->cap_rows) {
        to = batch.n_rows > SIZE_MAX / sizeof(*to) / (n_cells + 1)
                 ? NULL
                 : realloc(project->cells, batch.n_rows * (n_cells + 1) * sizeof(*to));
        if (!to)
            return rh_fail_nomem(error);
        project->cells = to;
        project->cap_rows = batch.n_rows;
    }
    to = project->cells;
    row = batch.cells;
    for (uint64_t i = 0; i < batch.n_rows; i++, row += batch.n_cols)
        for (uint32_t c = 0; c < n_cells; c++)
            *to++ = row[project->from[c]];
    *ret_batch = (struct rh_batch){.struct_size = sizeof(batch),
                                   .n_cols = n_cells,
                                   .n_rows = batch.n_rows,
                                   .cells = project->cells};
    return RH_OK;
}

static void close_project(struct rh_stage *stage)
{
    struct project *project = (struct project *)stage;

    free(project->cells);
    free(project);
}

int rh_project_new(struct rh_stage *input, const uint32_t *cells, uint32_t n_cells,
                   struct rh_stage **ret_stage, struct rh_error *error)
{
    struct project *project = calloc(1, sizeof(*project));

    if (!project)
        return rh_fail_nomem(error);
    rh_stage_init(&project->stage, "project", pull, close_project, input, n_cells);
    project->from = cells;
    *ret_stage = &project->stage;
    return RH_OK;
}
