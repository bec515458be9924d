/* Running a query and comparing what came out. */
#include "connector/conformance/answer.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/type.h"
#include "rows/cell.h"
#include "rows/encode.h"
#include "rows/rowstore.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 20000
#define MAX_PAGES 500
#define MAX_SHOWN 40 /* rows in a difference */

/* ---- Running ----------------------------------------------------------------------------- */

static void fail(struct rh_answer *answer, const struct rh_error *error)
{
    answer->outcome = error->error_class;
    snprintf(answer->message, sizeof(answer->message), "%s", error->message);
}

static bool add_rows(struct rh_arena *arena, struct rh_answer *answer, const struct rh_batch *batch)
{
    uint32_t n = batch->n_cols;
    struct rh_value *cells;

    if (answer->n_rows + batch->n_rows > MAX_ROWS)
        return false;
    cells = rh_arena_array(arena, (answer->n_rows + batch->n_rows) * n + 1, sizeof(*cells));
    if (!cells)
        return false;
    if (answer->n_rows)
        memcpy(cells, answer->cells, answer->n_rows * n * sizeof(*cells));
    for (uint64_t i = 0; i < batch->n_rows; i++) {
        const struct rh_value *row = batch->cells + i * n;
        void *room = rh_arena_alloc(arena, rh_row_size(row, n));
        if (!room)
            return false;
        memcpy(cells + (answer->n_rows + i) * n, rh_row_copy(room, row, n), n * sizeof(*cells));
    }
    answer->cells = cells;
    answer->n_rows += batch->n_rows;
    return true;
}

static int collect(struct rh_read *read, struct rh_arena *arena, struct rh_answer *answer,
                   struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_page page;
    int r;

    answer->columns = rh_read_columns(read, &answer->n_columns);
    while ((r = rh_read_next(read, &batch, error)) == RH_OK) {
        if (batch.n_cols != answer->n_columns || batch.n_rows == 0)
            return rh_fail(error, RH_INTERNAL, "a batch has the wrong size");
        if (!add_rows(arena, answer, &batch))
            return rh_fail_nomem(error);
    }
    if (r == RH_END)
        r = rh_read_page(read, &page, error);
    if (r < 0)
        return r;
    answer->count = page.count;
    answer->next = page.next;
    answer->prev = page.prev;
    return RH_OK;
}

void rh_answer_get(struct rh_session *session, const struct rh_question *question,
                   uint64_t page_size, struct rh_text after, struct rh_text before,
                   bool push_nothing, struct rh_answer *ret_answer)
{
    struct rh_arena *arena = session->op->abi.arena;
    struct rh_read_options options = {.push_nothing = push_nothing};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_answer answer = {.count = -1};
    struct rh_json *body = NULL;
    struct rh_spec *spec = NULL;
    struct rh_read *read = NULL;
    struct rh_buf plan;
    int r = rh_json_parse(arena, question->json, &body, &error);

    if (r == RH_OK)
        r = rh_spec_parse_json(arena, body, &spec, &error);
    if (r == RH_OK) {
        spec->after = after;
        spec->before = before;
        if (page_size)
            spec->limit = page_size;
        r = rh_read_open(session, rh_text_of(question->table->name), spec, &options, &read, &error);
    }
    if (r == RH_OK)
        r = collect(read, arena, &answer, &error);
    if (read) {
        rh_buf_init(&plan, sizeof(answer.plan) - 1);
        rh_read_plan_header(read, &plan);
        snprintf(answer.plan, sizeof(answer.plan), "%.*s", (int)plan.len, plan.data);
        rh_buf_free(&plan);
    }
    rh_read_close(read);
    if (r < 0)
        fail(&answer, &error);
    *ret_answer = answer;
}

/* The page before `at`, compared with the one that was read forwards. */
static bool same_backwards(struct rh_session *session, const struct rh_question *question,
                           uint64_t page_size, bool push_nothing, const struct rh_answer *forwards,
                           struct rh_text at)
{
    struct rh_answer back;
    struct rh_buf difference;
    bool same;

    rh_buf_init(&difference, (size_t)1 << 20);
    rh_answer_get(session, question, page_size, (struct rh_text){0}, at, push_nothing, &back);
    same = back.outcome == RH_OK && back.next.data &&
           rh_answer_compare(session->op->abi.arena, forwards, &back, true, &difference);
    rh_buf_free(&difference);
    return same;
}

void rh_answer_get_paged(struct rh_session *session, const struct rh_question *question,
                         uint64_t page_size, bool push_nothing, struct rh_answer *ret_answer)
{
    const struct rh_text none = {NULL, 0};
    struct rh_answer all = {.count = -1}, page = {0}, previous = {0};
    struct rh_text after = none;

    for (unsigned n = 0; n < MAX_PAGES; n++) {
        rh_answer_get(session, question, page_size, after, none, push_nothing, &page);
        if (page.outcome != RH_OK) {
            *ret_answer = page;
            return;
        }
        if (n && page.prev.data &&
            !same_backwards(session, question, page_size, push_nothing, &previous, page.prev)) {
            all.outcome = RH_INTERNAL;
            snprintf(all.message, sizeof(all.message), "page %u differs on the way back", n);
            break;
        }
        all.columns = page.columns;
        all.n_columns = page.n_columns;
        memcpy(all.plan, page.plan, sizeof(all.plan));
        struct rh_batch batch = {
            .n_cols = page.n_columns, .n_rows = page.n_rows, .cells = page.cells};
        if (!add_rows(session->op->abi.arena, &all, &batch)) {
            all.outcome = RH_RESOURCE;
            break;
        }
        if (!page.next.data)
            break;
        after = page.next;
        previous = page;
    }
    *ret_answer = all;
}

/* ---- Comparing --------------------------------------------------------------------------- */

static bool same_cell(struct rh_arena *arena, const struct rh_value *a, const struct rh_value *b)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_json *x = NULL, *y = NULL;

    if (rh_cell_is_null(a) || rh_cell_is_null(b))
        return rh_cell_is_null(a) && rh_cell_is_null(b);
    if (a->type != b->type)
        return false;
    if (a->type == RH_TYPE_JSON)
        return rh_json_parse(arena, rh_cell_text(a), &x, &ignored) == RH_OK &&
               rh_json_parse(arena, rh_cell_text(b), &y, &ignored) == RH_OK && rh_json_equal(x, y);
    if (a->type == RH_TYPE_FLOAT && isfinite(a->as.f) && isfinite(b->as.f))
        return fabs(a->as.f - b->as.f) <=
               1e-9 * fmax(fabs(a->as.f), fabs(b->as.f)) + (fabs(a->as.f) < 1 ? 1e-6 : 0);
    return rh_cell_equal(a, b);
}

static __thread int n_sort_cells;

static int compare_rows(const void *a, const void *b)
{
    const struct rh_value *x = a, *y = b;

    for (int i = 0; i < n_sort_cells; i++) {
        int r = rh_cell_compare(&x[i], &y[i]);
        if (r)
            return r;
    }
    return 0;
}

static void sort_rows(struct rh_arena *arena, struct rh_answer *answer)
{
    size_t bytes = answer->n_rows * answer->n_columns * sizeof(*answer->cells);
    struct rh_value *copy = rh_arena_alloc(arena, bytes + 1);

    if (!copy || answer->n_rows == 0)
        return;
    memcpy(copy, answer->cells, bytes);
    answer->cells = copy;
    n_sort_cells = (int)answer->n_columns;
    qsort(copy, answer->n_rows, answer->n_columns * sizeof(*copy), compare_rows);
}

static void add_answer(struct rh_buf *buf, const struct rh_answer *answer)
{
    if (answer->outcome != RH_OK) {
        rh_buf_addf(buf, "    %s: %s\n", rh_error_class_name(answer->outcome), answer->message);
        return;
    }
    rh_buf_addf(buf, "    %llu rows, count %lld, %s\n", (unsigned long long)answer->n_rows,
                (long long)answer->count, answer->plan);
    for (uint64_t i = 0; i < answer->n_rows && i < MAX_SHOWN; i++) {
        for (uint32_t c = 0; c < answer->n_columns; c++) {
            const struct rh_value *cell = &answer->cells[i * answer->n_columns + c];
            rh_buf_addf(buf, "%s%s:", c ? ", " : "    ", rh_type_name(cell->type));
            rh_encode_value(buf, cell, false);
        }
        rh_buf_add_char(buf, '\n');
    }
}

static bool report(struct rh_buf *buf, const char *what, uint64_t row,
                   const struct rh_answer *expected, const struct rh_answer *actual)
{
    rh_buf_addf(buf, "%s differs", what);
    if (row != RH_NO_ROW)
        rh_buf_addf(buf, " in row %llu", (unsigned long long)row);
    rh_buf_add_str(buf, "\n  expected\n");
    add_answer(buf, expected);
    rh_buf_add_str(buf, "  actual\n");
    add_answer(buf, actual);
    return false;
}

bool rh_answer_compare(struct rh_arena *arena, const struct rh_answer *expected,
                       const struct rh_answer *actual, bool as_sequence, struct rh_buf *difference)
{
    struct rh_answer a = *expected, b = *actual;

    if (a.outcome != b.outcome)
        return report(difference, "the outcome", RH_NO_ROW, expected, actual);
    if (a.outcome != RH_OK)
        return true;
    if (a.n_columns != b.n_columns || a.n_rows != b.n_rows)
        return report(difference, "the number of rows", RH_NO_ROW, expected, actual);
    if (a.count != b.count)
        return report(difference, "the count", RH_NO_ROW, expected, actual);
    if (!as_sequence) {
        sort_rows(arena, &a);
        sort_rows(arena, &b);
    }
    for (uint64_t i = 0; i < a.n_rows; i++)
        for (uint32_t c = 0; c < a.n_columns; c++)
            if (!same_cell(arena, &a.cells[i * a.n_columns + c], &b.cells[i * b.n_columns + c]))
                return report(difference, "a cell", i, &a, &b);
    return true;
}
