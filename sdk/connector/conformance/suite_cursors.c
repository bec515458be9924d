/* Cursors: batches, their ends, and finishing before that. */
#include "base/json.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"
#include "host/check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define CHURN_BLOCKS 64
#define EARLY_FINISHES 30

static struct rh_conn *start(struct rh_trial *t)
{
    rh_trial_load(t);
    return rh_trial_connect(t);
}

static struct rh_cursor *open_table(struct rh_trial *t, struct rh_conn *conn,
                                    const struct rh_table *table)
{
    struct rh_cursor *cursor = NULL;
    struct rh_query query;

    rh_fixture_query(t, table, &query);
    rh_trial_ok(t, "open", t->connector->open(conn, &t->op, &query, &cursor, rh_trial_error(t)));
    if (!cursor)
        rh_trial_fail(t, "open was OK but gave no cursor");
    return cursor;
}

static int32_t next(struct rh_trial *t, struct rh_cursor *cursor, uint32_t max_rows,
                    struct rh_batch *batch)
{
    *batch = (struct rh_batch){.struct_size = sizeof(*batch)};
    return t->connector->next(cursor, &t->op, max_rows, batch, rh_trial_error(t));
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* A column's values have its type, or those of a source whose types are of the values. */
static void check_text(struct rh_trial *t, const struct rh_value *cell)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_json *json;
    struct rh_text text = rh_text_make(cell->as.data, cell->len);

    if (cell->type == RH_TYPE_TEXT && !rh_text_is_utf8(text))
        rh_trial_fail(t, "a TEXT cell is not UTF-8");
    if (cell->type == RH_TYPE_JSON && rh_json_parse(t->arena, text, &json, &error) != RH_OK)
        rh_trial_fail(t, "a JSON cell is not JSON: %s", error.message);
}

static void batches(struct rh_trial *t)
{
    static const uint32_t sizes[] = {1, 2, 7, 1000, UINT32_MAX};
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_any(t, conn);
    struct rh_rows_read first, rows;
    struct rh_query query;

    rh_fixture_query(t, table, &query);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        rh_trial_ok(t, "reading", rh_fixture_read(t, conn, &query, sizes[i], &rows));
        rh_fixture_sort(&rows);
        for (uint64_t c = 0; c < rows.n_rows * rows.n_cols; c++)
            check_text(t, &rows.cells[c]);
        if (i == 0)
            first = rows;
        rh_fixture_same(t, "batches of another size", &first, &rows);
    }
    t->connector->close(conn);
}

static void columns_as_selected(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_any(t, conn);
    struct rh_rows_read all, some;
    struct rh_query query;
    uint32_t select[3];

    rh_fixture_query(t, table, &query);
    rh_trial_ok(t, "reading", rh_fixture_read(t, conn, &query, 1000, &all));
    select[0] = table->n_columns - 1;
    select[1] = 0;
    select[2] = table->n_columns - 1;
    query.select = select;
    query.n_select = 3;
    rh_trial_ok(t, "reading some columns", rh_fixture_read(t, conn, &query, 1000, &some));
    for (uint64_t i = 0; i < all.n_rows; i++) {
        struct rh_value *row = &all.cells[i * all.n_cols], *to = &all.cells[i * 3];
        struct rh_value last = row[table->n_columns - 1], head = row[0];
        if (all.n_cols >= 3) {
            to[0] = last;
            to[1] = head;
            to[2] = last;
        }
    }
    if (all.n_cols < 3)
        rh_trial_skip(t, "the table has less than three columns");
    all.n_cols = 3;
    rh_fixture_sort(&all);
    rh_fixture_sort(&some);
    rh_fixture_same(t, "columns in another order", &all, &some);
    t->connector->close(conn);
}

/* Overwrites memory that was freed, and asks for some, so that what a batch borrowed too shortly
 * does not stay the same by luck. */
static void churn(void)
{
    void *blocks[CHURN_BLOCKS];

    for (size_t i = 0; i < CHURN_BLOCKS; i++) {
        size_t n = (size_t)16 << (i % 10);
        blocks[i] = malloc(n);
        if (blocks[i])
            memset(blocks[i], 0x5a, n);
    }
    for (size_t i = 0; i < CHURN_BLOCKS; i++)
        free(blocks[i]);
}

static void borrowed(struct rh_trial *t)
{
    struct rh_conn *conn, *other;
    const struct rh_table *table;
    struct rh_rows_read seen = {0}, again = {0};
    struct rh_cursor *cursor;
    struct rh_query query;
    struct rh_batch batch;

    mallopt(M_PERTURB, 0xa5);
    conn = start(t);
    table = rh_fixture_any(t, conn);
    other = rh_trial_connect(t);
    cursor = open_table(t, conn, table);
    rh_trial_ok(t, "next", next(t, cursor, 10, &batch));
    seen = (struct rh_rows_read){.n_rows = batch.n_rows, .n_cols = batch.n_cols};
    again = seen;
    seen.cells = rh_trial_alloc(t, batch.n_rows * batch.n_cols * sizeof(*seen.cells) + 1);
    for (uint64_t i = 0; i < batch.n_rows * batch.n_cols; i++) {
        struct rh_value *cell = &seen.cells[i];
        *cell = batch.cells[i];
        if (cell->len) {
            void *copy = rh_trial_alloc(t, cell->len);
            memcpy(copy, batch.cells[i].as.data, cell->len);
            cell->as.data = copy;
        }
    }
    /* The same table on another connection, and memory that is used again. */
    rh_fixture_query(t, table, &query);
    rh_trial_ok(t, "reading on another connection",
                rh_fixture_read(t, other, &query, 3, &(struct rh_rows_read){0}));
    churn();
    again.cells = rh_trial_alloc(t, batch.n_rows * batch.n_cols * sizeof(*seen.cells) + 1);
    memcpy(again.cells, batch.cells, batch.n_rows * batch.n_cols * sizeof(*seen.cells));
    rh_fixture_same(t, "a batch, before the next call on its cursor", &seen, &again);
    t->connector->finish(cursor);
    t->connector->close(other);
    t->connector->close(conn);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void end(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_any(t, conn);
    struct rh_cursor *cursor = open_table(t, conn, table);
    struct rh_batch batch;
    int32_t rc;

    while ((rc = next(t, cursor, 10, &batch)) == RH_OK)
        continue;
    if (rc != RH_END)
        rh_trial_fail_call(t, "next", rc, &t->error);
    for (int i = 0; i < 3; i++) {
        rc = next(t, cursor, 10, &batch);
        if (rc != RH_END)
            rh_trial_fail_call(t, "next after END", rc, &t->error);
    }
    t->connector->finish(cursor);
    rh_trial_ping(t, conn, "the end of a cursor");
    t->connector->close(conn);
}

static void finish_early(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_any(t, conn);
    struct rh_rows_read rows;
    struct rh_query query;
    struct rh_batch batch;

    for (int i = 0; i < EARLY_FINISHES; i++) {
        struct rh_cursor *cursor = open_table(t, conn, table);
        if (i % 3)
            rh_trial_ok(t, "next", next(t, cursor, 1, &batch));
        t->connector->finish(cursor);
    }
    rh_trial_ping(t, conn, "finishing cursors early");
    rh_fixture_query(t, table, &query);
    rh_trial_ok(t, "reading after cursors that were finished early",
                rh_fixture_read(t, conn, &query, 100, &rows));
    if (rows.n_rows == 0)
        rh_trial_fail(t, "after cursors that were finished early, the table has no rows");
    t->connector->close(conn);
}

static void close_with_cursor(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_any(t, conn);
    struct rh_batch batch;

    for (int i = 0; i < 3; i++) {
        struct rh_conn *other = rh_trial_connect(t);
        struct rh_cursor *cursor = open_table(t, other, table);
        rh_trial_ok(t, "next", next(t, cursor, 1, &batch));
        t->connector->close(other);
    }
    rh_trial_ping(t, conn, "closing connections with open cursors");
    t->connector->close(conn);
}

static void empty(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_simple(t, conn, 0);
    struct rh_cursor *cursor = open_table(t, conn, table);
    struct rh_batch batch;
    int32_t rc = next(t, cursor, 10, &batch);

    if (rc != RH_END)
        rh_trial_fail_call(t, "next on a table without rows", rc, &t->error);
    t->connector->finish(cursor);
    t->connector->close(conn);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

#define LARGE_ROWS 20000u

static void bounded(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_simple(t, conn, LARGE_ROWS);
    struct rh_cursor *cursor = open_table(t, conn, table);
    uint64_t n_rows = 0, most = 0;
    struct rh_batch batch;
    int32_t rc;

    while ((rc = next(t, cursor, UINT32_MAX, &batch)) == RH_OK) {
        n_rows += batch.n_rows;
        most = batch.n_rows > most ? batch.n_rows : most;
    }
    if (rc != RH_END)
        rh_trial_fail_call(t, "next", rc, &t->error);
    t->connector->finish(cursor);
    if (n_rows != LARGE_ROWS)
        rh_trial_fail(t, "%llu rows of a table of %u", (unsigned long long)n_rows, LARGE_ROWS);
    if (most == LARGE_ROWS)
        rh_trial_fail(t, "all %u rows came in one batch", LARGE_ROWS);
    t->connector->close(conn);
}

/* ---- What was not claimed -------------------------------------------------------------------- */

/* The query has one condition, `n = 3`, or an order, limit or group that `plan` did not accept. */
static void unclaimed(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_simple(t, conn, 25);
    struct rh_rows_read rows;
    struct rh_query query;
    int32_t rc;

    rh_fixture_query(t, table, &query);
    query.flags = 0x4000u;
    rc = rh_fixture_read(t, conn, &query, 100, &rows);
    rh_trial_check_error(t, "a query with an unknown flag that must be understood", rc, &t->error);
    if (rc != RH_UNSUPPORTED && rc != RH_INVALID)
        rh_trial_expect(t, "a query with an unknown flag that must be understood", rc,
                        RH_UNSUPPORTED);
    query.flags = 0x40000000u;
    rc = rh_fixture_read(t, conn, &query, 100, &rows);
    rh_trial_ok(t, "a query with an unknown flag that may be ignored", rc);
    query.flags = 0;
    query.limit = 4;
    rc = rh_fixture_read(t, conn, &query, 100, &rows);
    rh_trial_check_error(t, "a query with a limit", rc, &t->error);
    if (rc == RH_OK && rows.n_rows != 4)
        rh_trial_fail(t, "a query with the limit 4 gave %llu rows instead of UNSUPPORTED",
                      (unsigned long long)rows.n_rows);
    if (rc != RH_OK && rc != RH_UNSUPPORTED)
        rh_trial_expect(t, "a query with a limit that it does not do", rc, RH_UNSUPPORTED);
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_cursors[] = {
    {"batches", "batches are well-formed, at most as long as asked, and together the whole table",
     batches},
    {"columns", "the cells of a row are the selected columns, in that order, also one twice",
     columns_as_selected},
    {"borrowed", "a batch stays as it is until the next call on its cursor", borrowed},
    {"end", "after END, next says END again", end},
    {"finish-early", "a cursor may be finished at any point, and the connection goes on",
     finish_early},
    {"close", "close ends open cursors", close_with_cursor},
    {"empty", "a table without rows is END at once", empty},
    {"bounded", "a large table comes in bounded batches, whatever was asked", bounded},
    {"unclaimed", "what it does not understand in a query is UNSUPPORTED, not left out", unclaimed},
    {NULL, NULL, NULL},
};
