/* The stages of a strategy, one upon the other. */
#include "rows/strategy.h"

#include "base/err.h"

#define BATCH_ROWS 1024

/* Rows wanted of the scan at a time: no more than will be used when nothing is dropped above. */
static uint32_t batch_rows(const struct rh_strategy *strategy)
{
    uint64_t wanted = strategy->pushed.limit;

    if (strategy->pushed.flags & RH_QUERY_ROW_GOAL && strategy->n_residual == 0)
        wanted = strategy->pushed.row_goal;
    if (wanted == 0)
        return 1;
    return wanted < BATCH_ROWS ? (uint32_t)wanted : BATCH_ROWS;
}

static int add_filter(struct rh_arena *arena, const char *name, const struct rh_eval_input *input,
                      struct rh_stage **top, struct rh_error *error)
{
    struct rh_eval *eval = NULL;
    int r = rh_eval_new(arena, input, &eval, error);

    if (r < 0)
        return r;
    r = rh_filter_new(*top, name, eval, top, error);
    if (r < 0)
        rh_eval_free(eval);
    return r;
}

static int add_residual(struct rh_arena *arena, const struct rh_strategy *strategy,
                        struct rh_stage **top, struct rh_error *error)
{
    struct rh_eval_input input = {.query = strategy->query,
                                  .nodes = strategy->residual,
                                  .n_nodes = strategy->n_residual,
                                  .cell_of = strategy->cell_of,
                                  .seek_keys = strategy->keys,
                                  .n_seek_keys = strategy->n_keys};

    if (strategy->n_residual == 0)
        return RH_OK;
    return add_filter(arena, "filter", &input, top, error);
}

static int add_groups(struct rh_arena *arena, const struct rh_strategy *strategy,
                      struct rh_stage **top, struct rh_error *error)
{
    const struct rh_query *query = strategy->query;
    struct rh_eval_input having = {
        .query = query, .nodes = query->having, .n_nodes = query->n_having};
    int r = RH_OK;

    if (strategy->group)
        r = rh_group_new(*top, &strategy->grouping, top, error);
    if (r == RH_OK && strategy->having)
        r = add_filter(arena, "having", &having, top, error);
    if (r == RH_OK && strategy->distinct)
        r = rh_distinct_new(*top, strategy->n_outputs, top, error);
    return r;
}

static int add_order(const struct rh_strategy *strategy, struct rh_stage **top,
                     struct rh_error *error)
{
    const struct rh_query *query = strategy->query;
    uint64_t rows = RH_NO_LIMIT;
    int r = RH_OK;

    if (query->limit != RH_NO_LIMIT && query->offset <= UINT64_MAX - 1 - query->limit)
        rows = query->offset + query->limit;
    if (strategy->sort)
        r = rh_sort_new(*top, strategy->keys, strategy->n_keys, rows, top, error);
    if (r == RH_OK && (strategy->offset || strategy->limit))
        r = rh_slice_new(*top, strategy->offset ? query->offset : 0,
                         strategy->limit ? query->limit : RH_NO_LIMIT, top, error);
    return r;
}

int rh_strategy_open(struct rh_arena *arena, struct rh_session *session,
                     const struct rh_strategy *strategy, struct rh_meter *meter,
                     struct rh_stage **ret_top, struct rh_error *error)
{
    struct rh_stage *top = NULL;
    int r;

    meter->completing = strategy->n_residual > 0 || strategy->group || strategy->having ||
                        strategy->distinct || strategy->sort;
    r = rh_scan_new(meter, session, &strategy->pushed, strategy->n_cells, batch_rows(strategy),
                    &top, error);
    if (r < 0)
        return r;
    r = add_residual(arena, strategy, &top, error);
    if (r == RH_OK)
        r = add_groups(arena, strategy, &top, error);
    if (r == RH_OK)
        r = add_order(strategy, &top, error);
    if (r < 0) {
        rh_stage_close(top);
        return r;
    }
    *ret_top = top;
    return RH_OK;
}
