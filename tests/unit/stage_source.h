/* A first stage made of rows in memory, and a meter for it: what the tests of stages start from. */
#pragma once

#include "base/clock.h"
#include "rows/stage.h"

/* Rows come from a function: row(i) fills n_cells cells, borrowed until the next batch. */
struct stage_source {
    struct rh_stage stage;
    void (*row)(uint64_t i, struct rh_value *cells);
    uint64_t n_rows, next;
    struct rh_value cells[64 * 8];
};

static inline int stage_source_pull(struct rh_stage *stage, struct rh_batch *ret_batch,
                                    struct rh_error *error)
{
    struct stage_source *source = (struct stage_source *)stage;
    uint64_t n = 0;

    (void)error;
    for (; n < 64 && source->next < source->n_rows; n++)
        source->row(source->next++, source->cells + n * stage->n_cells);
    *ret_batch = (struct rh_batch){.struct_size = sizeof(*ret_batch),
                                   .n_cols = stage->n_cells,
                                   .n_rows = n,
                                   .cells = source->cells};
    return n ? RH_OK : RH_END;
}

static inline void stage_source_close(struct rh_stage *stage)
{
    (void)stage; /* the test's own */
}

/* n_cells: at most 8. Returns the stage. */
static inline struct rh_stage *stage_source_init(struct stage_source *source,
                                                 struct rh_meter *meter, uint32_t n_cells,
                                                 uint64_t n_rows,
                                                 void (*row)(uint64_t i, struct rh_value *cells))
{
    rh_stage_init(&source->stage, "source", stage_source_pull, stage_source_close, NULL, n_cells);
    source->stage.meter = meter;
    source->row = row;
    source->n_rows = n_rows;
    source->next = 0;
    return &source->stage;
}

static inline void stage_meter(struct rh_meter *meter, struct rh_operation *op,
                               uint64_t memory_limit, uint64_t spill_limit)
{
    rh_operation_init(op, NULL, NULL, rh_clock_us() + UINT64_C(60000000));
    *meter = (struct rh_meter){.op = op,
                               .memory_limit = memory_limit,
                               .spill_limit = spill_limit,
                               .scan_limit = UINT64_MAX};
}
