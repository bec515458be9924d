/*
 * The first stage: the connector's cursor. Every batch is checked before anything looks at it, the
 * operation's deadline is kept, and the rows read are counted against the budget.
 */
#include "rows/stage.h"

#include "base/err.h"
#include "host/check.h"
#include "rows/near.h"

#include <stdlib.h>

struct scan {
    struct rh_stage stage;
    struct rh_session *session;
    struct rh_cursor *cursor;
    uint32_t batch_rows;
    bool ended;
};

/* Names the columns that a condition would be cheap on: the first of the key and of each index. */
static int hint_at_columns(const struct rh_table *table, struct rh_error *error)
{
    uint32_t named[3] = {RH_NO_COLUMN, RH_NO_COLUMN, RH_NO_COLUMN}, n = 0;
    struct rh_text names[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};

    for (uint32_t i = 0; i <= table->n_indexes && n < 3; i++) {
        uint32_t column = table->n_key ? table->key[0] : RH_NO_COLUMN;
        if (i < table->n_indexes) {
            const struct rh_index *index =
                (const struct rh_index *)(const void *)((const char *)table->indexes +
                                                        (size_t)i * table->index_stride);
            column = index->n_columns ? index->columns[0] : RH_NO_COLUMN;
        }
        if (column == RH_NO_COLUMN || column == named[0] || column == named[1])
            continue;
        named[n] = column;
        names[n++] = rh_near_clip(table->columns[column].name);
    }
    if (!n)
        return rh_error_hint(error, "add a condition");
    return rh_error_hint(error, "add a condition that the datasource can use, on %.*s%s%.*s%s%.*s",
                         RH_TEXT_ARG(names[0]), n > 1 ? ", " : "", RH_TEXT_ARG(names[1]),
                         n > 2 ? ", " : "", RH_TEXT_ARG(names[2]));
}

static int fail_budget(struct rh_meter *meter, struct rh_error *error)
{
    rh_fail(error, RH_RESOURCE,
            "%llu rows were read to find %llu: more than this datasource allows for one query",
            (unsigned long long)meter->scanned, (unsigned long long)meter->returned);
    rh_error_code(error, "budget-exceeded");
    if (!meter->table)
        return rh_error_hint(error, "leave out \"count\", or ask for an estimate");
    return hint_at_columns(meter->table, error);
}

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct scan *scan = (struct scan *)stage;
    struct rh_session *session = scan->session;
    struct rh_meter *meter = stage->meter;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int r;

    if (scan->ended)
        return RH_END;
    /* Checked here, when all rows before have been returned or dropped. */
    if (meter->completing && meter->scanned > meter->scan_limit &&
        meter->scanned - meter->scan_limit > meter->returned)
        return fail_budget(meter, error);
    r = rh_operation_check(meter->op, error);
    if (r < 0)
        return r;
    r = session->connector->next(scan->cursor, &session->op->abi, scan->batch_rows, &batch, error);
    r = rh_session_note(session, rh_check_outcome(r, "next", error));
    if (r != RH_OK) {
        scan->ended = true;
        return r;
    }
    r = rh_check_batch(&batch, stage->n_cells, scan->batch_rows, NULL, error);
    if (r < 0) {
        scan->ended = true;
        return rh_session_note(session, r);
    }
    meter->scanned += batch.n_rows;
    *ret_batch = batch;
    return RH_OK;
}

static void close_scan(struct rh_stage *stage)
{
    struct scan *scan = (struct scan *)stage;

    scan->session->connector->finish(scan->cursor);
    free(scan);
}

int rh_scan_new(struct rh_meter *meter, struct rh_session *session, const struct rh_query *query,
                uint32_t n_cells, uint32_t batch_rows, struct rh_stage **ret_stage,
                struct rh_error *error)
{
    struct scan *scan = calloc(1, sizeof(*scan));
    int r;

    if (!scan)
        return rh_fail_nomem(error);
    r = session->connector->open(session->lease.conn, &session->op->abi, query, &scan->cursor,
                                 error);
    r = rh_session_note(session, rh_check_outcome(r, "open", error));
    if (r == RH_OK && !scan->cursor)
        r = rh_fail(error, RH_CONTRACT, "the connector's \"open\" gave no cursor");
    if (r != RH_OK) {
        free(scan);
        return r < 0 ? r : rh_fail(error, RH_CONTRACT, "the connector's \"open\" returned END");
    }
    rh_stage_init(&scan->stage, "scan", pull, close_scan, NULL, n_cells);
    scan->stage.meter = meter;
    scan->session = session;
    scan->batch_rows = batch_rows;
    *ret_stage = &scan->stage;
    return RH_OK;
}
