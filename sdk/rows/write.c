/*
 * Inserts and upserts of many rows.
 *
 * Rows are read, coerced and written batch by batch. Atomic (the default): one transaction around
 * all batches, or the call alone where the connector makes it all or nothing and there is one batch
 * only. A connector without transactions gets everything in one call, or the request is refused.
 *
 * Not atomic: each batch is a call of its own. When it fails because of a row, it is cut in front
 * of that row, which is then tried alone; after a failure calls start small again and double, so a
 * file full of errors costs a few attempts per row and not a whole batch each.
 */
#include "rows/writer.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "rows/near.h"

#define BATCH_ROWS 8192u
#define BATCH_BYTES ((size_t)8 << 20)
#define ARENA_SLACK ((size_t)64 << 20)
#define RESTART_ROWS 16u

/* A row that was not even sent, for the report. */
struct refusal {
    uint64_t number;
    struct rh_error error;
};

struct loading {
    struct rh_writer writer;
    struct rh_rows rows;
    struct rh_row_source *source;
    enum rh_write_kind kind;
    const uint32_t *conflict; /* upsert: positions in the table */
    uint32_t n_conflict;
    bool ended;
    uint64_t n_read;
    struct rh_vec refusals; /* of the batch; struct refusal, in the batch's arena */
};

/* ---- Upsert: conflict columns ------------------------------------------------------------ */

static int choose_conflict(struct loading *l, struct rh_arena *arena, struct rh_error *error)
{
    const struct rh_table *table = l->writer.table;
    struct rh_text rest = l->writer.options->conflict_columns;
    if (!rest.len) {
        l->conflict = table->key;
        l->n_conflict = table->n_key;
        return table->n_key ? 0 : rh_writer_no_key(&l->writer, error);
    }
    uint32_t *columns = rh_arena_array(arena, table->n_columns, sizeof(*columns));
    if (!columns)
        return rh_fail_nomem(error);
    while (rest.len) {
        struct rh_text name = rh_text_cut(&rest, ',');
        uint32_t position = rh_tableset_column(l->writer.session->tables, table, name);
        if (position == RH_NO_COLUMN)
            return rh_tableset_no_column(table, name, "?on_conflict", error);
        for (uint32_t i = 0; i < l->n_conflict; i++)
            if (columns[i] == position) {
                rh_fail(error, RH_INVALID, "a conflict column is named twice");
                rh_error_code(error, "invalid-query");
                return rh_error_pointer(error, "?on_conflict");
            }
        columns[l->n_conflict++] = position;
    }
    l->conflict = columns;
    return 0;
}

/* An upsert has nothing to compare with where a conflict column is not given. */
static int check_conflict(struct loading *l, uint64_t number, struct rh_error *error)
{
    for (uint32_t i = 0; i < l->n_conflict; i++) {
        const struct rh_value *cell = rh_rows_cell(&l->rows, l->rows.n_rows - 1, l->conflict[i]);
        if (cell && cell->type != RH_TYPE_MISSING)
            continue;
        struct rh_text name = l->writer.table->columns[l->conflict[i]].name;
        struct rh_text shown = rh_near_clip(name);
        l->rows.n_rows--;
        rh_fail(error, RH_INVALID, "an upsert needs the value of column \"%.*s\"",
                RH_TEXT_ARG(shown));
        rh_error_code(error, "invalid-value");
        return rh_rows_blame(&l->rows, number, name, error);
    }
    return 0;
}

/* ---- Filling a batch --------------------------------------------------------------------- */

/* Whether a failure is the row's, so that others may still succeed. */
static bool is_of_row(int r)
{
    return r == RH_INVALID || r == RH_CONSTRAINT || r == RH_DATA || r == RH_CONFLICT ||
           r == RH_EXISTS;
}

static int refuse(struct loading *l, uint64_t number, const struct rh_error *error,
                  struct rh_error *ret_error)
{
    struct refusal *refusal = rh_vec_push(&l->refusals, l->rows.arena);
    if (!refusal)
        return rh_fail_nomem(ret_error);
    *refusal = (struct refusal){.number = number, .error = *error};
    return 0;
}

static int fill_row(struct loading *l, struct rh_error *error)
{
    struct rh_json *object = NULL;
    struct rh_error row_error = RH_ERROR_INIT;
    int r = l->source->next(l->source, l->rows.arena, &object, error);
    if (r == RH_END)
        l->ended = true;
    if (r)
        return r;
    uint64_t number = l->n_read++;
    r = rh_rows_add(&l->rows, object, number, &row_error);
    if (!r && l->kind == RH_WRITE_UPSERT)
        r = check_conflict(l, number, &row_error);
    if (!r)
        return 0;
    if (l->writer.options->not_atomic && is_of_row(r))
        return refuse(l, number, &row_error, error);
    if (error->error_class == RH_OK)
        *error = row_error;
    return r;
}

/* Up to a full batch; 0 also at the end. */
static int fill(struct loading *l, uint64_t max_rows, size_t max_bytes, struct rh_error *error)
{
    rh_rows_clear(&l->rows);
    l->refusals = (struct rh_vec)RH_VEC_INIT(struct refusal);
    while (l->rows.n_rows < max_rows && rh_rows_bytes(&l->rows) < max_bytes) {
        int r = fill_row(l, error);
        if (r)
            return r == RH_END ? 0 : r;
    }
    return 0;
}

/* ---- Writing a batch --------------------------------------------------------------------- */

static int make_spec(struct loading *l, uint64_t first, uint64_t n, struct rh_write_spec *ret_spec,
                     struct rh_error *error)
{
    struct rh_rows *rows = &l->rows;
    *ret_spec = rh_writer_spec(&l->writer);
    /* Rows of nothing but defaults: one column says so. */
    for (uint32_t i = 0; !rows->n_columns && i < rows->table->n_columns; i++)
        if (!(rows->table->columns[i].flags & RH_COLUMN_GENERATED) &&
            rh_rows_column(rows, i) == RH_NO_COLUMN)
            return rh_fail_nomem(error);
    if (l->kind == RH_WRITE_UPSERT) {
        uint32_t *key = rh_arena_array(rows->arena, l->n_conflict, sizeof(*key));
        if (!key)
            return rh_fail_nomem(error);
        for (uint32_t i = 0; i < l->n_conflict; i++)
            key[i] = rows->at[l->conflict[i]] - 1;
        ret_spec->key = key;
        ret_spec->n_key = l->n_conflict;
        ret_spec->resolve =
            l->writer.options->resolution ? l->writer.options->resolution : RH_RESOLVE_MERGE;
    }
    ret_spec->columns = rows->columns;
    ret_spec->n_columns = rows->n_columns;
    ret_spec->cells = rows->cells + first * rows->n_columns;
    ret_spec->n_rows = n;
    return 0;
}

/* The connector counts rows from the call's first; the caller counts input rows. */
static void blame(struct loading *l, uint64_t first, uint64_t n, struct rh_error *error)
{
    if (error->row == RH_NO_ROW && n == 1)
        error->row = 0;
    if (error->row == RH_NO_ROW || error->row >= n) {
        error->row = RH_NO_ROW;
        return;
    }
    uint32_t column = RH_NO_COLUMN;
    if (error->column[0])
        column = rh_tableset_column(l->rows.tables, l->rows.table, rh_text_of(error->column));
    rh_rows_blame(
        &l->rows, l->rows.numbers[first + error->row],
        column == RH_NO_COLUMN ? (struct rh_text){0} : l->rows.table->columns[column].name, error);
}

static int write_call(struct loading *l, const struct rh_write_spec *spec,
                      struct rh_row_status *statuses, uint64_t *ret_affected,
                      struct rh_error *error)
{
    if (l->kind == RH_WRITE_UPSERT)
        return rh_writer_upsert(&l->writer, spec, l->conflict, l->rows.arena, statuses,
                                ret_affected, error);
    return rh_writer_call(&l->writer, l->kind, spec, l->rows.arena, statuses, ret_affected, error);
}

static int write_batch(struct loading *l, struct rh_error *error)
{
    struct rh_write_spec spec;
    uint64_t n_affected = 0;
    if (!l->rows.n_rows)
        return 0;
    int r = make_spec(l, 0, l->rows.n_rows, &spec, error);
    if (!r)
        r = write_call(l, &spec, NULL, &n_affected, error);
    if (r)
        blame(l, 0, l->rows.n_rows, error);
    l->writer.counts.n_affected += n_affected;
    return r;
}

static void progress(struct loading *l)
{
    const struct rh_write_sink *sink = l->writer.sink;
    if (sink && sink->progress)
        sink->progress(sink->context, l->n_read);
}

/* ---- Atomic ------------------------------------------------------------------------------ */

static int fail_too_many(const struct loading *l, uint64_t max_rows, struct rh_error *error)
{
    struct rh_text title = l->writer.session->connector->title;
    rh_fail(error, RH_UNSUPPORTED, "%.*s cannot write more than %llu rows as one unit",
            RH_TEXT_ARG(title), (unsigned long long)max_rows);
    rh_error_code(error, "no-transactions");
    return rh_error_hint(error, "send fewer rows, or atomic=false to write each for itself");
}

/* Everything in one call, for connectors without transactions. */
static int load_at_once(struct loading *l, struct rh_error *error)
{
    uint64_t max_rows = rh_writer_is_atomic(&l->writer) ? rh_writer_max_rows(&l->writer) : 1;
    size_t max_bytes = rh_datasource_budget(l->writer.session->datasource)->memory_bytes;
    int r = fill(l, max_rows, max_bytes, error);
    if (!r && !l->ended) {
        struct rh_json *more = NULL;
        r = l->source->next(l->source, l->rows.arena, &more, error);
        if (r == 0)
            return fail_too_many(l, l->rows.n_rows, error);
        r = r == RH_END ? 0 : r;
    }
    if (!r)
        r = write_batch(l, error);
    if (!r)
        progress(l);
    return r;
}

static uint64_t batch_rows(const struct loading *l)
{
    uint64_t max_rows = rh_writer_max_rows(&l->writer);
    return max_rows < BATCH_ROWS ? max_rows : BATCH_ROWS;
}

/* If-Match on an upsert: of one row, found by its primary key. */
static int match_upsert(struct loading *l, struct rh_arena *arena, struct rh_error *error)
{
    const struct rh_table *table = l->writer.table;
    if (!l->writer.options->if_match.data)
        return 0;
    if (!l->ended || l->rows.n_rows != 1 || l->conflict != table->key) {
        rh_fail(error, RH_INVALID, "If-Match is for one row, found by its primary key");
        return rh_error_code(error, "invalid-query");
    }
    struct rh_value *key = rh_arena_array(arena, table->n_key, sizeof(*key));
    struct rh_value *cells = NULL;
    if (!key)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < table->n_key; i++)
        key[i] = *rh_rows_cell(&l->rows, 0, table->key[i]);
    if (!rh_writer_must_match(&l->writer))
        return rh_read_row(l->writer.session, table, key, true, &cells, error);
    return rh_writer_match(&l->writer, key, error);
}

static int load_in_transaction(struct loading *l, struct rh_arena *arena, struct rh_error *error)
{
    uint64_t max_rows = batch_rows(l);
    int r = fill(l, max_rows, BATCH_BYTES, error);
    bool alone = l->ended && (l->rows.n_rows <= 1 || rh_writer_is_atomic(&l->writer)) &&
                 !l->writer.options->if_match.data;
    if (!r && !alone)
        r = rh_writer_begin(&l->writer, error);
    if (!r)
        r = match_upsert(l, arena, error);
    for (;;) {
        if (!r)
            r = write_batch(l, error);
        if (r)
            break;
        progress(l);
        if (l->ended)
            break;
        r = fill(l, max_rows, BATCH_BYTES, error);
    }
    return rh_writer_end(&l->writer, r, error);
}

/* ---- Each row for itself ----------------------------------------------------------------- */

static int report(struct loading *l, uint64_t number, const struct rh_error *outcome,
                  struct rh_error *error)
{
    const struct rh_write_sink *sink = l->writer.sink;
    if (outcome)
        l->writer.counts.n_failed++;
    return sink && sink->status ? sink->status(sink->context, number, outcome, error) : 0;
}

/* Refused rows with a number below `before`, in input order. */
static int report_refusals(struct loading *l, uint32_t *next, uint64_t before,
                           struct rh_error *error)
{
    const struct refusal *refusals = l->refusals.items;
    while (*next < l->refusals.n && refusals[*next].number < before) {
        int r = report(l, refusals[*next].number, &refusals[*next].error, error);
        if (r)
            return r;
        ++*next;
    }
    return 0;
}

static int report_row(struct loading *l, uint32_t *next_refusal, uint64_t row,
                      const struct rh_error *outcome, struct rh_error *error)
{
    uint64_t number = l->rows.numbers[row];
    int r = report_refusals(l, next_refusal, number, error);
    return r ? r : report(l, number, outcome, error);
}

/* One call; within somebody's transaction under a savepoint, so that its failure is its own. */
static int attempt(struct loading *l, uint64_t first, uint64_t n, struct rh_row_status *statuses,
                   struct rh_error *error)
{
    struct rh_session *session = l->writer.session;
    struct rh_write_spec spec;
    struct rh_error ignored = RH_ERROR_INIT;
    uint64_t n_affected = 0;
    bool nested = session->in_transaction;
    int r = make_spec(l, first, n, &spec, error);
    if (!r && nested)
        r = rh_session_savepoint(session, error);
    if (r)
        return r;
    r = write_call(l, &spec, statuses, &n_affected, error);
    if (nested) {
        int ended =
            r ? rh_session_rollback_to(session, &ignored) : rh_session_release(session, error);
        if (ended)
            return r && !is_of_row(r) ? r : ended;
    }
    if (!r)
        l->writer.counts.n_affected += n_affected;
    return r;
}

/* What a call that went through says about each of its rows. */
static int report_range(struct loading *l, uint64_t first, uint64_t n,
                        const struct rh_row_status *statuses, uint32_t *next_refusal,
                        struct rh_error *error)
{
    for (uint64_t i = 0; i < n; i++) {
        struct rh_error outcome = RH_ERROR_INIT;
        bool failed = statuses && statuses[i].error_class < RH_OK;
        if (failed) {
            struct rh_text message = statuses[i].message;
            rh_fail(&outcome, statuses[i].error_class, "%.*s", RH_TEXT_ARG(message));
            outcome.constraint = statuses[i].constraint;
            outcome.row = i;
            blame(l, first, n, &outcome);
        }
        int r = report_row(l, next_refusal, first + i, failed ? &outcome : NULL, error);
        if (r)
            return r;
    }
    return 0;
}

/* Whether a call of n rows that failed has left nothing behind, so that its rows may be sent
 * again. */
static bool is_undone(const struct loading *l, uint64_t n)
{
    return n == 1 || l->writer.session->in_transaction || rh_writer_is_atomic(&l->writer);
}

static int write_each(struct loading *l, struct rh_error *error)
{
    uint64_t first = 0, size = l->rows.n_rows, n_rows = l->rows.n_rows;
    uint32_t next_refusal = 0;
    struct rh_row_status *statuses = NULL;
    if (!rh_writer_is_atomic(&l->writer) && n_rows) {
        statuses = rh_arena_array(l->rows.arena, n_rows, sizeof(*statuses));
        if (!statuses)
            return rh_fail_nomem(error);
    }
    while (first < n_rows) {
        struct rh_error outcome = RH_ERROR_INIT;
        uint64_t n = size < n_rows - first ? size : n_rows - first;
        if (statuses)
            memset(statuses + first, 0, n * sizeof(*statuses)); /* a call may have failed midway */
        int r = attempt(l, first, n, statuses ? statuses + first : NULL, &outcome);
        if (r && !(is_of_row(r) && is_undone(l, n))) {
            *error = outcome;
            return r;
        }
        if (r && n > 1) {
            bool known = outcome.row < n;
            size = !known ? n / 2 : outcome.row ? outcome.row : 1;
            continue;
        }
        if (r)
            blame(l, first, n, &outcome);
        r = r ? report_row(l, &next_refusal, first, &outcome, error)
              : report_range(l, first, n, statuses ? statuses + first : NULL, &next_refusal, error);
        if (r)
            return r;
        first += n;
        size = size < RESTART_ROWS ? RESTART_ROWS : size * 2;
    }
    return report_refusals(l, &next_refusal, UINT64_MAX, error);
}

static int load_each(struct loading *l, struct rh_error *error)
{
    int r = 0;
    while (!r && !l->ended) {
        r = fill(l, batch_rows(l), BATCH_BYTES, error);
        if (!r)
            r = write_each(l, error);
        if (!r)
            progress(l);
    }
    return r;
}

/* ---- Public ------------------------------------------------------------------------------ */

static int load(struct rh_session *session, const struct rh_table *table,
                struct rh_row_source *source, enum rh_write_kind kind,
                const struct rh_write_options *options, const struct rh_write_sink *sink,
                struct rh_write_counts *ret_counts, struct rh_error *error)
{
    struct loading l = {.source = source, .kind = kind};
    struct rh_arena *arena = session->op->abi.arena;
    size_t max_bytes = rh_datasource_budget(session->datasource)->memory_bytes + ARENA_SLACK;
    int r = rh_writer_init(&l.writer, session, table, options, sink, error);
    if (!r)
        r = rh_rows_init(&l.rows, arena, max_bytes, session->tables, table, true, error);
    if (!r && kind == RH_WRITE_UPSERT)
        r = choose_conflict(&l, arena, error);
    if (r)
        goto out;
    l.rows.single = source->single;
    l.rows.bare = source->bare;
    if (l.writer.options->not_atomic)
        r = load_each(&l, error);
    else if (rh_writer_has_transactions(&l.writer))
        r = load_in_transaction(&l, arena, error);
    else
        r = load_at_once(&l, error);
    if (r)
        goto out;
    l.writer.counts.n_rows = l.n_read;
    *ret_counts = l.writer.counts;
out:
    rh_rows_fini(&l.rows);
    return r;
}

int rh_write_insert(struct rh_session *session, const struct rh_table *table,
                    struct rh_row_source *rows, const struct rh_write_options *options,
                    const struct rh_write_sink *sink, struct rh_write_counts *ret_counts,
                    struct rh_error *error)
{
    return load(session, table, rows, RH_WRITE_INSERT, options, sink, ret_counts, error);
}

int rh_write_upsert(struct rh_session *session, const struct rh_table *table,
                    struct rh_row_source *rows, const struct rh_write_options *options,
                    const struct rh_write_sink *sink, struct rh_write_counts *ret_counts,
                    struct rh_error *error)
{
    return load(session, table, rows, RH_WRITE_UPSERT, options, sink, ret_counts, error);
}
