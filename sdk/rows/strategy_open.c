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

/* What the host evaluates; compiled before anything is opened at the source. */
struct filters {
    struct rh_eval *residual, *having, *seek; /* NULL: nothing to do, or taken by a stage */
};

/* The one condition that a position is, over the rows that are handed out. */
static int compile_seek(struct rh_arena *arena, const struct rh_strategy *strategy,
                        struct rh_eval **ret_eval, struct rh_error *error)
{
    static const uint32_t first = 0;
    struct rh_query *query = rh_arena_alloc(arena, sizeof(*query));
    struct rh_node *node = rh_arena_alloc(arena, sizeof(*node));
    struct rh_eval_input input = {.query = query,
                                  .nodes = &first,
                                  .n_nodes = 1,
                                  .seek_keys = strategy->keys,
                                  .n_seek_keys = strategy->n_keys};

    if (!query || !node)
        return rh_fail_nomem(error);
    *node = (struct rh_node){.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = strategy->n_keys};
    query->nodes = node;
    query->n_nodes = 1;
    query->values = strategy->position;
    query->n_values = strategy->n_keys;
    return rh_eval_new(arena, &input, ret_eval, error);
}

static int compile(struct rh_arena *arena, const struct rh_strategy *strategy,
                   struct filters *filters, struct rh_error *error)
{
    const struct rh_query *query = strategy->query;
    struct rh_eval_input residual = {.query = query,
                                     .nodes = strategy->residual,
                                     .n_nodes = strategy->n_residual,
                                     .cell_of = strategy->cell_of,
                                     .seek_keys = strategy->keys,
                                     .n_seek_keys = strategy->n_keys};
    struct rh_eval_input having = {
        .query = query, .nodes = query->having, .n_nodes = query->n_having};
    int r = RH_OK;

    if (strategy->n_residual)
        r = rh_eval_new(arena, &residual, &filters->residual, error);
    if (r == RH_OK && strategy->having)
        r = rh_eval_new(arena, &having, &filters->having, error);
    if (r == RH_OK && strategy->position)
        r = compile_seek(arena, strategy, &filters->seek, error);
    return r;
}

static int add_filter(const char *name, struct rh_eval **eval, struct rh_stage **top,
                      struct rh_error *error)
{
    int r = RH_OK;

    if (*eval)
        r = rh_filter_new(*top, name, *eval, top, error);
    if (r == RH_OK)
        *eval = NULL;
    return r;
}

static int add_groups(const struct rh_strategy *strategy, struct filters *filters,
                      struct rh_stage **top, struct rh_error *error)
{
    int r = add_filter("filter", &filters->residual, top, error);

    if (r == RH_OK && strategy->group)
        r = rh_group_new(*top, &strategy->grouping, top, error);
    if (r == RH_OK)
        r = add_filter("having", &filters->having, top, error);
    if (r == RH_OK && strategy->distinct)
        r = rh_distinct_new(*top, strategy->n_outputs, top, error);
    if (r == RH_OK)
        r = add_filter("seek", &filters->seek, top, error);
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
    struct filters filters = {NULL, NULL, NULL};
    struct rh_stage *top = NULL;
    int r = compile(arena, strategy, &filters, error);

    meter->completing = strategy->n_residual > 0 || strategy->group || strategy->having ||
                        strategy->distinct || strategy->sort || strategy->position;
    if (r == RH_OK)
        r = rh_scan_new(meter, session, &strategy->pushed, strategy->n_cells, batch_rows(strategy),
                        &top, error);
    if (r == RH_OK)
        r = add_groups(strategy, &filters, &top, error);
    if (r == RH_OK)
        r = add_order(strategy, &top, error);
    if (r < 0) {
        rh_eval_free(filters.residual);
        rh_eval_free(filters.having);
        rh_eval_free(filters.seek);
        rh_stage_close(top);
        return r;
    }
    *ret_top = top;
    return RH_OK;
}
