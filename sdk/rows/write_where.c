/*
 * Changing and deleting every row that a condition holds for.
 *
 * Where the source finds exactly these rows itself, one call does it. Else the host finds them: it
 * reads their keys (locked, in one transaction), and writes by key, in batches. Keys are collected
 * before the first write, because a connection has one cursor and because a change may make a row
 * match again. They count against the memory budget.
 */
#include "rows/writer.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "host/check.h"
#include "rows/legal.h"
#include "rows/near.h"
#include "rows/reader.h"
#include "rows/rowstore.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define BLOCK_KEYS 1024u

/* Keys read, in blocks of BLOCK_KEYS. */
struct key_block {
    struct key_block *next;
    uint32_t n;
    const struct rh_value *keys[BLOCK_KEYS];
};

struct where_write {
    struct rh_writer writer;
    struct rh_rows set; /* update: one row */
    enum rh_write_kind kind;
    struct rh_arena *arena;
    const struct rh_cond *where;
    struct rh_arena *keys; /* what is collected */
    struct key_block *first, *last;
    uint64_t n_keys;
};

/* ---- By the source ----------------------------------------------------------------------- */

static int ask(struct where_write *w, const struct rh_query *query, struct rh_plan *plan,
               struct rh_error *error)
{
    struct rh_session *session = w->writer.session;
    if (!session->connector->plan) {
        for (uint32_t i = 0; i < query->n_conjuncts; i++)
            plan->verdicts[i] =
                (uint8_t)rh_legal_upper(session->lease.library, query, query->conjuncts[i]);
        return 0;
    }
    int r = session->connector->plan(session->lease.conn, query, plan, error);
    r = rh_session_note(session, rh_check_outcome(r, "plan", error));
    if (r == RH_END)
        r = rh_fail(error, RH_CONTRACT, "the connector's \"plan\" returned END");
    if (r == RH_NEEDS_KEYS)
        rh_error_code(error, "needs-filter");
    return r;
}

/* Whether the source finds precisely the rows that the condition holds for. */
static int is_exact(struct where_write *w, const struct rh_query *query, bool *ret_exact,
                    struct rh_error *error)
{
    uint32_t n = query->n_conjuncts;
    struct rh_plan plan = {
        .struct_size = sizeof(plan),
        .est_rows = -1,
        .verdicts = rh_arena_array(w->arena, n, 1),
        .needs = rh_arena_array(w->arena, query->n_columns, sizeof(*plan.needs)),
    };
    struct rh_legal legal = {.verdicts = rh_arena_array(w->arena, n, 1)};
    if (!plan.verdicts || !plan.needs || !legal.verdicts)
        return rh_fail_nomem(error);
    int r = ask(w, query, &plan, error);
    if (r)
        return r;
    rh_legal_decide(w->writer.session->lease.library, query, &plan, &legal);
    if (legal.n_breaches)
        rh_log(RH_LOG_ERROR, "rows", "connector %.*s claims more than its operators table",
               RH_TEXT_ARG(w->writer.session->connector->id));
    *ret_exact = true;
    for (uint32_t i = 0; i < n; i++)
        *ret_exact = *ret_exact && legal.verdicts[i] == RH_VERDICT_EXACT;
    return 0;
}

static int write_set(struct where_write *w, const struct rh_query *query, struct rh_error *error)
{
    struct rh_write_spec spec = rh_writer_spec(&w->writer);
    spec.where = query;
    if (w->kind == RH_WRITE_UPDATE) {
        spec.columns = w->set.columns;
        spec.n_columns = w->set.n_columns;
        spec.cells = w->set.cells;
        spec.n_rows = 1;
    }
    return rh_writer_call(&w->writer, w->kind, &spec, w->arena, NULL, &w->writer.counts.n_affected,
                          error);
}

/* ---- By key ------------------------------------------------------------------------------ */

static int fail_memory(struct rh_error *error)
{
    rh_fail(error, RH_RESOURCE, "the keys of the rows to be written take too much memory");
    rh_error_code(error, "budget-exceeded");
    return rh_error_hint(error, "add a condition that leaves fewer rows");
}

static int keep_key(struct where_write *w, const struct rh_value *cells, struct rh_error *error)
{
    uint32_t n_key = w->writer.table->n_key;
    if (!w->last || w->last->n == BLOCK_KEYS) {
        struct key_block *block = rh_arena_alloc(w->keys, sizeof(*block));
        if (!block)
            return fail_memory(error);
        if (w->last)
            w->last->next = block;
        else
            w->first = block;
        w->last = block;
    }
    void *room = rh_arena_alloc(w->keys, rh_row_size(cells, n_key));
    if (!room)
        return fail_memory(error);
    w->last->keys[w->last->n++] = rh_row_copy(room, cells, n_key);
    w->n_keys++;
    return 0;
}

static int bind_keys(struct where_write *w, struct rh_bound *ret_bound, struct rh_error *error)
{
    const struct rh_table *table = w->writer.table;
    struct rh_select_item *items = rh_arena_array(w->arena, table->n_key, sizeof(*items));
    struct rh_spec *spec = rh_arena_alloc(w->arena, sizeof(*spec));
    if (!items || !spec)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < table->n_key; i++)
        items[i].name = table->columns[table->key[i]].name;
    spec->select = items;
    spec->n_select = table->n_key;
    /* Not const in the tree of a spec, but only read. */
    memcpy(&spec->where, &w->where, sizeof(spec->where));
    spec->limit = RH_NO_LIMIT;
    return rh_bind_query(w->arena, w->writer.session->tables, table, spec, ret_bound, error);
}

static int collect(struct where_write *w, struct rh_error *error)
{
    struct rh_read_options options = {.stream = true, .lock = w->writer.session->in_transaction};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_read *read = NULL;
    struct rh_bound bound;
    int r = bind_keys(w, &bound, error);
    if (!r)
        r = rh_read_open_bound(w->writer.session, &bound, &options, &read, error);
    if (r)
        return r;
    while ((r = rh_read_next(read, &batch, error)) == 0)
        for (uint64_t i = 0; i < batch.n_rows; i++) {
            r = keep_key(w, batch.cells + i * batch.n_cols, error);
            if (r)
                goto out;
        }
    r = r == RH_END ? 0 : r;
out:
    rh_read_close(read);
    return r;
}

/* Columns and key of the keyed calls: the key, then what is set. */
static int make_spec(struct where_write *w, struct rh_write_spec *ret_spec, struct rh_error *error)
{
    struct rh_value *key = rh_arena_array(w->arena, w->writer.table->n_key, sizeof(*key));
    if (!key)
        return rh_fail_nomem(error);
    return rh_writer_keyed(&w->writer, w->arena, key, w->kind == RH_WRITE_UPDATE ? &w->set : NULL,
                           ret_spec, error);
}

static int write_keys(struct where_write *w, const struct rh_value *const *keys, uint32_t n,
                      struct rh_write_spec *spec, struct rh_arena *arena, struct rh_error *error)
{
    uint32_t n_key = w->writer.table->n_key, n_columns = spec->n_columns;
    uint64_t n_affected = 0;
    rh_arena_reset(arena);
    struct rh_value *cells = rh_arena_array(arena, (size_t)n * n_columns, sizeof(struct rh_value));
    if (!cells)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n; i++) {
        struct rh_value *row = cells + (size_t)i * n_columns;
        memcpy(row, keys[i], n_key * sizeof(*row));
        if (n_columns > n_key)
            memcpy(row + n_key, w->set.cells, (n_columns - n_key) * sizeof(*row));
    }
    spec->cells = cells;
    spec->n_rows = n;
    int r = rh_writer_call(&w->writer, w->kind, spec, arena, NULL, &n_affected, error);
    w->writer.counts.n_affected += n_affected;
    if (r) /* a row of ours, not of the caller's input */
        error->row = RH_NO_ROW;
    return r;
}

/* What was written before stays written unless a transaction takes it back. */
static int say_how_far(const struct where_write *w, struct rh_error *error)
{
    uint64_t n = w->writer.counts.n_affected;
    if (w->writer.session->in_transaction || !n)
        return error->error_class;
    return rh_error_prefix(error, "%llu of %llu rows were %s before this", (unsigned long long)n,
                           (unsigned long long)w->n_keys,
                           w->kind == RH_WRITE_UPDATE ? "changed" : "deleted");
}

static int write_collected(struct where_write *w, struct rh_error *error)
{
    struct rh_write_spec spec;
    uint64_t max_rows = rh_writer_max_rows(&w->writer);
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    int r = arena ? make_spec(w, &spec, error) : rh_fail_nomem(error);
    for (struct key_block *block = w->first; !r && block; block = block->next)
        for (uint32_t at = 0; !r && at < block->n;) {
            uint32_t n = block->n - at;
            if (n > max_rows)
                n = (uint32_t)max_rows;
            r = write_keys(w, block->keys + at, n, &spec, arena, error);
            at += n;
        }
    rh_arena_free(arena);
    return r ? say_how_far(w, error) : 0;
}

static int fail_without_key(struct where_write *w, struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(w->writer.table->name);
    rh_fail(error, RH_UNSUPPORTED,
            "the source cannot find these rows itself, and \"%.*s\" has no primary key to find "
            "them by",
            RH_TEXT_ARG(shown));
    rh_error_code(error, "no-key");
    return rh_error_hint(error, "use simpler conditions, or give the table a primary key");
}

/* Without transactions only what one call can do is all or nothing. */
static int check_unit(struct where_write *w, struct rh_error *error)
{
    bool one_call = w->n_keys <= 1 || (rh_writer_is_atomic(&w->writer) && w->n_keys <= BLOCK_KEYS &&
                                       w->n_keys <= rh_writer_max_rows(&w->writer));
    if (w->writer.session->in_transaction || one_call || w->writer.options->not_atomic)
        return 0;
    struct rh_text title = w->writer.session->connector->title;
    rh_fail(error, RH_UNSUPPORTED, "%.*s cannot write %llu rows as one unit", RH_TEXT_ARG(title),
            (unsigned long long)w->n_keys);
    rh_error_code(error, "no-transactions");
    return rh_error_hint(error, "add conditions, or atomic=false");
}

static int write_by_key(struct where_write *w, struct rh_error *error)
{
    const struct rh_budget *budget = rh_datasource_budget(w->writer.session->datasource);
    int r = 0;
    if (!w->writer.table->n_key)
        return fail_without_key(w, error);
    w->keys = rh_arena_new(budget->memory_bytes);
    if (!w->keys)
        return rh_fail_nomem(error);
    if (rh_writer_has_transactions(&w->writer))
        r = rh_writer_begin(&w->writer, error);
    if (!r)
        r = collect(w, error);
    if (!r)
        r = check_unit(w, error);
    if (!r)
        r = write_collected(w, error);
    r = rh_writer_end(&w->writer, r, error);
    rh_arena_free(w->keys);
    return r;
}

/* ---- Public ------------------------------------------------------------------------------ */

static int write_where(struct where_write *w, bool all, struct rh_write_counts *ret_counts,
                       struct rh_error *error)
{
    struct rh_query query;
    bool exact = false;
    int r = rh_bind_where(w->arena, w->writer.session->tables, w->writer.table, w->where, &query,
                          error);
    if (r)
        return r;
    if (!query.n_conjuncts && !all) {
        rh_fail(error, RH_INVALID, "without a condition this would %s every row",
                w->kind == RH_WRITE_UPDATE ? "change" : "delete");
        rh_error_code(error, "unconditional-write");
        return rh_error_hint(error, "add \"where\", or \"all\": true if that is meant");
    }
    r = is_exact(w, &query, &exact, error);
    if (!r && exact)
        r = write_set(w, &query, error);
    /* A connector may write by key only; then nothing has happened yet. */
    if (r == RH_UNSUPPORTED && exact && w->writer.table->n_key) {
        rh_error_clear(error);
        exact = false;
        r = 0;
    }
    if (!r && !exact)
        r = write_by_key(w, error);
    if (r)
        return r;
    w->writer.counts.n_rows = w->writer.counts.n_affected;
    *ret_counts = w->writer.counts;
    return 0;
}

int rh_write_update_where(struct rh_session *session, const struct rh_table *table,
                          const struct rh_cond *where, bool all, const struct rh_json *set,
                          const struct rh_write_options *options, const struct rh_write_sink *sink,
                          struct rh_write_counts *ret_counts, struct rh_error *error)
{
    struct where_write w = {
        .kind = RH_WRITE_UPDATE, .arena = session->op->abi.arena, .where = where};
    int r = rh_writer_init(&w.writer, session, table, options, sink, error);
    if (!r)
        r = rh_rows_init(&w.set, w.arena, ARENA_BYTES, session->tables, table, false, error);
    w.set.single = true;
    if (!r)
        r = rh_rows_add(&w.set, set, 0, error);
    if (!r && !w.set.n_columns) {
        rh_fail(error, RH_INVALID, "there is nothing to set");
        r = rh_error_code(error, "invalid-value");
    }
    if (!r)
        r = write_where(&w, all, ret_counts, error);
    rh_rows_fini(&w.set);
    return r;
}

int rh_write_delete_where(struct rh_session *session, const struct rh_table *table,
                          const struct rh_cond *where, bool all,
                          const struct rh_write_options *options, const struct rh_write_sink *sink,
                          struct rh_write_counts *ret_counts, struct rh_error *error)
{
    struct where_write w = {
        .kind = RH_WRITE_REMOVE, .arena = session->op->abi.arena, .where = where};
    int r = rh_writer_init(&w.writer, session, table, options, sink, error);
    return r ? r : write_where(&w, all, ret_counts, error);
}
