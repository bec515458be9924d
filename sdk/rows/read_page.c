/*
 * After a page: its cursors and the count of all rows.
 *
 * The count is a query of its own, COUNT(*) under the same conditions, pushed down like any other;
 * it is not made when the page itself tells. Grouped and distinct rows are counted one by one.
 */
#include "rows/reader.h"

#include "base/err.h"
#include "host/check.h"

/* ---- Cursors ----------------------------------------------------------------------------- */

static int make_cursor(struct rh_read *read, const struct rh_value *values, uint64_t offset,
                       struct rh_text *ret_text, struct rh_error *error)
{
    struct rh_position position = {.keyset = read->paging == RH_PAGING_KEYSET,
                                   .binary = !read->strategy.native,
                                   .offset = offset,
                                   .values = values,
                                   .n_values = read->strategy.n_keys};

    if (position.keyset && !values)
        return rh_fail_nomem(error);
    return rh_position_encode(read->arena, read->fingerprint, &position, ret_text, error);
}

static int make_cursors(struct rh_read *read, struct rh_page *page, struct rh_error *error)
{
    const struct rh_page_facts *facts = &read->facts;
    bool turned = read->backward && read->paging == RH_PAGING_KEYSET;
    bool has_next = turned ? true : facts->more || read->backward;
    bool has_prev = turned ? facts->more : read->resumed;
    int r = RH_OK;

    if (read->paging == RH_PAGING_OFFSET)
        has_prev = read->offset > 0;
    if (facts->n_rows == 0)
        return RH_OK;
    if (has_next)
        r = make_cursor(read, facts->last, read->offset + facts->n_rows, &page->next, error);
    if (r == RH_OK && has_prev)
        r = make_cursor(read, facts->first, read->offset, &page->prev, error);
    return r;
}

/* ---- Count ------------------------------------------------------------------------------- */

static bool is_gathered(const struct rh_query *query)
{
    return query->n_groups + query->n_aggregates > 0 || (query->flags & RH_QUERY_DISTINCT);
}

static int count_exactly(struct rh_read *read, int64_t *ret_count, struct rh_error *error)
{
    static const struct rh_aggregate count_all = {
        .function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT};
    struct rh_query query = read->bound.query;
    bool gathered = is_gathered(&query);
    struct rh_strategy strategy;
    struct rh_meter meter;
    struct rh_stage *top = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int64_t count = 0;
    int r;

    query.order = NULL;
    query.n_order = 0;
    query.offset = 0;
    query.limit = RH_NO_LIMIT;
    if (!gathered) {
        query.select = NULL;
        query.n_select = 0;
        query.aggregates = &count_all;
        query.n_aggregates = 1;
    }
    r = rh_strategy_make(read->arena, read->session, read->bound.table, &query,
                         read->options.push_nothing, false, NULL, &strategy, error);
    if (r < 0)
        return r;
    rh_read_meter(read->session, &meter);
    r = rh_strategy_open(read->arena, read->session, &strategy, &meter, &top, error);
    while (r == RH_OK && (r = rh_stage_next(top, &batch, error)) == RH_OK) {
        meter.returned += batch.n_rows;
        count = gathered ? count + (int64_t)batch.n_rows : batch.cells[0].as.i;
    }
    rh_stage_close(top);
    if (r < 0)
        return r;
    *ret_count = count;
    return RH_OK;
}

/* False: nobody knows. */
static bool estimate(struct rh_read *read, int64_t *ret_count)
{
    struct rh_session *session = read->session;
    const struct rh_query *query = &read->bound.query;
    struct rh_error ignored = RH_ERROR_INIT;
    int64_t rows = -1;
    int r;

    if (is_gathered(query))
        return false;
    r = session->connector->estimate(session->lease.conn, &session->op->abi, query, &rows,
                                     &ignored);
    r = rh_check_outcome(r, "estimate", &ignored);
    if (r != RH_UNSUPPORTED)
        rh_session_note(session, r);
    if (r != RH_OK || rows < 0)
        rows = query->n_conjuncts == 0 ? read->bound.table->est_rows : -1;
    *ret_count = rows;
    return rows >= 0;
}

static int count(struct rh_read *read, struct rh_page *page, struct rh_error *error)
{
    const struct rh_page_facts *facts = &read->facts;

    if (read->bound.count == RH_COUNT_NONE)
        return RH_OK;
    if (!read->resumed && !facts->more && (facts->n_rows > 0 || read->offset == 0) &&
        read->limit > 0) {
        page->count = (int64_t)(read->offset + facts->n_rows);
        return RH_OK;
    }
    if (read->bound.count == RH_COUNT_ESTIMATE && estimate(read, &page->count)) {
        page->count_is_estimate = true;
        return RH_OK;
    }
    return count_exactly(read, &page->count, error);
}

int rh_read_page(struct rh_read *read, struct rh_page *ret_page, struct rh_error *error)
{
    struct rh_page page = {.count = -1,
                           .stable = read->paging == RH_PAGING_KEYSET,
                           .text_order = rh_read_text_order(read)};
    int r = RH_OK;

    if (read->outcome != RH_END)
        return rh_fail(error, RH_INTERNAL, "the page has not been read to its end");
    if (read->paging != RH_PAGING_NONE) {
        r = make_cursors(read, &page, error);
        if (r == RH_OK)
            r = count(read, &page, error);
    }
    if (r == RH_OK)
        *ret_page = page;
    return r;
}
