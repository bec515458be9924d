/* A read's life: bound, prepared (read_query.c), opened, pulled, closed. */
#include "rows/reader.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/isolation/isolation.h"

#include <string.h>

void rh_read_meter(struct rh_session *session, struct rh_meter *ret_meter)
{
    const struct rh_budget *budget = rh_datasource_budget(session->datasource);

    *ret_meter = (struct rh_meter){.op = session->op,
                                   .memory_limit = budget->memory_bytes,
                                   .spill_limit = budget->spill_bytes,
                                   .scan_limit = budget->scan_rows};
}

/* ---- Opening ----------------------------------------------------------------------------- */

static int cut_to_outputs(struct rh_read *read, struct rh_error *error)
{
    uint32_t n = read->bound.n_outputs;
    uint32_t *cells;

    if (read->top->n_cells == n)
        return RH_OK;
    cells = rh_arena_array(read->arena, n, sizeof(*cells));
    if (!cells)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n; i++)
        cells[i] = i;
    return rh_project_new(read->top, cells, n, &read->top, error);
}

static int open_stages(struct rh_read *read, struct rh_error *error)
{
    bool keyset = read->paging == RH_PAGING_KEYSET;
    bool turned = read->backward && read->from.keyset;
    int r = rh_strategy_open(read->arena, read->session, &read->strategy, &read->meter, &read->top,
                             error);

    if (r == RH_OK && read->limit != RH_NO_LIMIT && (read->paging != RH_PAGING_NONE || turned)) {
        r = rh_page_new(read->top, read->limit, turned, read->strategy.keys,
                        keyset ? read->strategy.n_keys : 0, &read->page, error);
        if (r == RH_OK)
            read->top = read->page;
    }
    if (r == RH_OK)
        r = cut_to_outputs(read, error);
    if (r < 0) {
        rh_stage_close(read->top);
        read->top = NULL;
    }
    return r;
}

static void begin(struct rh_read *read, struct rh_session *session, const struct rh_bound *bound,
                  const struct rh_read_options *options)
{
    *read = (struct rh_read){.session = session, .arena = session->op->abi.arena, .bound = *bound};
    if (options)
        read->options = *options;
    rh_read_meter(session, &read->meter);
    read->meter.table = read->bound.table;
}

static bool is_plan_changed(int r, const struct rh_error *error)
{
    return r == RH_CONFLICT && error && strcmp(error->code, RH_PLAN_CHANGED) == 0;
}

/* Plans and opens. */
static int start(struct rh_read *read, bool assuming, struct rh_error *error)
{
    uint64_t begin_us = rh_clock_us();
    int r;

    read->session->assuming = assuming;
    r = rh_read_prepare(read, error);
    read->session->assuming = false;
    if (r < 0)
        return r;
    read->plan_us = rh_clock_us() - begin_us;
    return read->options.explain_only ? RH_OK : open_stages(read, error);
}

int rh_read_open_bound(struct rh_session *session, const struct rh_bound *bound,
                       const struct rh_read_options *options, struct rh_read **ret_read,
                       struct rh_error *error)
{
    struct rh_read *read = rh_arena_alloc(session->op->abi.arena, sizeof(*read));
    int r;

    if (!read)
        return rh_fail_nomem(error);
    begin(read, session, bound, options);
    r = start(read, !read->options.explain_only, error);
    if (is_plan_changed(r, error)) {
        rh_error_clear(error);
        begin(read, session, bound, options);
        r = start(read, false, error);
    }
    if (r < 0)
        return r;
    *ret_read = read;
    return RH_OK;
}

int rh_read_open(struct rh_session *session, struct rh_text table, const struct rh_spec *spec,
                 const struct rh_read_options *options, struct rh_read **ret_read,
                 struct rh_error *error)
{
    const struct rh_table *found = NULL;
    struct rh_bound bound;
    int r = rh_tableset_find(session->tables, table, &found, error);

    if (r == RH_OK)
        r = rh_bind_query(session->op->abi.arena, session->tables, found, spec, &bound, error);
    if (r < 0)
        return r;
    return rh_read_open_bound(session, &bound, options, ret_read, error);
}

/* ---- Pulling ----------------------------------------------------------------------------- */

uint32_t rh_read_stage_facts(const struct rh_read *read, struct rh_stage_facts *ret_facts)
{
    uint32_t n = 0;

    if (!read->top) {
        memcpy(ret_facts, read->stages, sizeof(read->stages));
        return read->n_stages;
    }
    for (const struct rh_stage *s = read->top; s && n < RH_READ_MAX_STAGES; s = s->input)
        ret_facts[n++] =
            (struct rh_stage_facts){s->name, s->n_rows, s->us - (s->input ? s->input->us : 0)};
    return n;
}

static const struct rh_value *copy_values(struct rh_read *read, const struct rh_value *values)
{
    uint32_t n = read->strategy.n_keys;
    void *room;

    if (!values)
        return NULL;
    room = rh_arena_alloc(read->arena, rh_row_size(values, n));
    return room ? rh_row_copy(room, values, n) : NULL;
}

/* Lets go of the source's cursor as soon as the last row has been handed out. */
static void finish(struct rh_read *read)
{
    if (!read->top)
        return;
    read->n_stages = rh_read_stage_facts(read, read->stages);
    if (read->page) {
        rh_page_facts(read->page, &read->facts);
        read->facts.first = copy_values(read, read->facts.first);
        read->facts.last = copy_values(read, read->facts.last);
    }
    rh_stage_close(read->top);
    read->top = read->page = NULL;
}

int rh_read_next(struct rh_read *read, struct rh_batch *ret_batch, struct rh_error *error)
{
    int r;

    if (!read->top)
        return read->outcome < 0 ? rh_fail(error, read->outcome, "the read has failed before")
                                 : RH_END;
    r = rh_stage_next(read->top, ret_batch, error);
    if (r == RH_OK) {
        read->meter.returned += ret_batch->n_rows;
        return RH_OK;
    }
    read->outcome = r;
    finish(read);
    return r;
}

void rh_read_close(struct rh_read *read)
{
    if (read)
        finish(read);
}

const struct rh_column *rh_read_columns(const struct rh_read *read, uint32_t *ret_n)
{
    *ret_n = read->bound.n_outputs;
    return read->bound.outputs;
}

void rh_read_set_cursor_key(const uint8_t key[32])
{
    rh_position_set_key(key);
}
