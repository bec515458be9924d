/* What all stages share: pulling with time and count, closing, the meter. */
#include "rows/stage.h"

#include "base/clock.h"

bool rh_meter_full(struct rh_meter *meter, uint64_t *own, uint64_t now)
{
    meter->held = meter->held - *own + now;
    *own = now;
    return meter->held > meter->memory_limit && now > meter->memory_limit / 8;
}

void rh_stage_init(struct rh_stage *stage, const char *name, rh_stage_pull_fn *pull,
                   rh_stage_close_fn *close, struct rh_stage *input, uint32_t n_cells)
{
    *stage = (struct rh_stage){.name = name,
                               .pull = pull,
                               .close = close,
                               .input = input,
                               .meter = input ? input->meter : NULL,
                               .n_cells = n_cells};
}

int rh_stage_next(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    uint64_t begin_us = rh_clock_us();
    int r = stage->pull(stage, ret_batch, error);

    stage->us += rh_clock_us() - begin_us;
    if (r == RH_OK)
        stage->n_rows += ret_batch->n_rows;
    return r;
}

void rh_stage_close(struct rh_stage *stage)
{
    struct rh_stage *input;

    for (; stage; stage = input) {
        input = stage->input;
        stage->close(stage);
    }
}
