/* The last stage of a page. */
#include "rows/page.h"

#include "base/err.h"
#include "rows/cell.h"

#include <stdlib.h>
#include <string.h>

struct page {
    struct rh_stage stage;
    uint64_t limit;
    bool backward, ended;
    const struct rh_order_key *keys;
    uint32_t n_keys;
    struct rh_page_facts facts;
    struct rh_value *values; /* of the row at hand, n_keys */
    struct rh_rowstore first_store, last_store;

    struct rh_rowstore held; /* backward: the rows */
    uint64_t held_bytes;
    struct rh_value *cells; /* and their cells, in page order */
};

static int keep_values(struct page *page, const struct rh_value *row, struct rh_rowstore *store,
                       const struct rh_value **ret_values, struct rh_error *error)
{
    struct rh_value *kept;

    for (uint32_t i = 0; i < page->n_keys; i++) {
        page->values[i] = row[page->keys[i].cell];
        if (rh_cell_is_null(&page->values[i]))
            page->values[i] = (struct rh_value){.type = RH_TYPE_NULL};
    }
    rh_rowstore_clear(store);
    kept = rh_rowstore_add(store, page->values, page->n_keys);
    if (!kept)
        return rh_fail_nomem(error);
    *ret_values = kept;
    return RH_OK;
}

/* Of a batch that is handed out. */
static int keep_ends(struct page *page, const struct rh_batch *batch, struct rh_error *error)
{
    int r = RH_OK;

    if (page->n_keys == 0)
        return RH_OK;
    if (!page->facts.first)
        r = keep_values(page, batch->cells, &page->first_store, &page->facts.first, error);
    if (r == RH_OK)
        r = keep_values(page, batch->cells + (batch->n_rows - 1) * batch->n_cols, &page->last_store,
                        &page->facts.last, error);
    return r;
}

static int pull_forward(struct page *page, struct rh_batch *ret_batch, struct rh_error *error)
{
    uint64_t left;
    int r = rh_stage_next(page->stage.input, ret_batch, error);

    if (r != RH_OK)
        return r;
    left = page->limit - page->facts.n_rows;
    if (ret_batch->n_rows > left) {
        page->facts.more = true;
        page->ended = true;
        ret_batch->n_rows = left;
        if (left == 0)
            return RH_END;
    }
    page->facts.n_rows += ret_batch->n_rows;
    return keep_ends(page, ret_batch, error);
}

/* Copies of all rows; their cells are put down from the end of `cells` backwards. */
static int hold(struct page *page, struct rh_error *error)
{
    uint32_t width = page->stage.n_cells;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    const struct rh_value *row;
    struct rh_value *copy;
    int r;

    page->cells = calloc((size_t)page->limit * width + 1, sizeof(*page->cells));
    if (!page->cells)
        return rh_fail_nomem(error);
    while ((r = rh_stage_next(page->stage.input, &batch, error)) == RH_OK) {
        row = batch.cells;
        for (uint64_t i = 0; i < batch.n_rows; i++, row += batch.n_cols) {
            page->facts.more = page->facts.n_rows == page->limit;
            if (page->facts.more)
                return RH_OK;
            copy = rh_rowstore_add(&page->held, row, width);
            if (!copy)
                return rh_fail_nomem(error);
            page->facts.n_rows++;
            memcpy(page->cells + (page->limit - page->facts.n_rows) * width, copy,
                   width * sizeof(*copy));
        }
        if (rh_meter_full(page->stage.meter, &page->held_bytes, page->held.bytes)) {
            rh_fail(error, RH_RESOURCE, "the page does not fit into the memory of one query");
            rh_error_code(error, "budget-exceeded");
            return rh_error_hint(error, "use a smaller limit");
        }
    }
    return r == RH_END ? RH_OK : r;
}

static int pull_backward(struct page *page, struct rh_batch *ret_batch, struct rh_error *error)
{
    int r = hold(page, error);

    page->ended = true;
    if (r < 0)
        return r;
    if (page->facts.n_rows == 0)
        return RH_END;
    *ret_batch = (struct rh_batch){.struct_size = sizeof(*ret_batch),
                                   .n_cols = page->stage.n_cells,
                                   .n_rows = page->facts.n_rows,
                                   .cells = page->cells + (page->limit - page->facts.n_rows) *
                                                              page->stage.n_cells};
    return keep_ends(page, ret_batch, error);
}

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct page *page = (struct page *)stage;

    if (page->ended)
        return RH_END;
    return page->backward ? pull_backward(page, ret_batch, error)
                          : pull_forward(page, ret_batch, error);
}

static void close_page(struct rh_stage *stage)
{
    struct page *page = (struct page *)stage;

    rh_meter_full(stage->meter, &page->held_bytes, 0);
    rh_rowstore_clear(&page->first_store);
    rh_rowstore_clear(&page->last_store);
    rh_rowstore_clear(&page->held);
    free(page->values);
    free(page->cells);
    free(page);
}

void rh_page_facts(const struct rh_stage *stage, struct rh_page_facts *ret_facts)
{
    *ret_facts = ((const struct page *)stage)->facts;
}

int rh_page_new(struct rh_stage *input, uint64_t limit, bool backward,
                const struct rh_order_key *keys, uint32_t n_keys, struct rh_stage **ret_stage,
                struct rh_error *error)
{
    struct page *page = calloc(1, sizeof(*page));

    if (!page)
        return rh_fail_nomem(error);
    page->values = calloc((size_t)n_keys + 1, sizeof(*page->values));
    if (!page->values) {
        free(page);
        return rh_fail_nomem(error);
    }
    rh_stage_init(&page->stage, "page", pull, close_page, input, input->n_cells);
    page->limit = limit;
    page->backward = backward;
    page->keys = keys;
    page->n_keys = n_keys;
    rh_rowstore_init(&page->first_store);
    rh_rowstore_init(&page->last_store);
    rh_rowstore_init(&page->held);
    *ret_stage = &page->stage;
    return RH_OK;
}
