/*
 * One row by its key: change, replace, delete.
 *
 * If-Match with a version is compared under a lock, in the transaction that then writes; where
 * there are no transactions it is refused, because between looking and writing the row could
 * change.
 */
#include "rows/writer.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/cell.h"
#include "rows/near.h"

#define ARENA_BYTES ((size_t)256 << 20)

/* A write by key under construction. */
struct keyed {
    struct rh_writer writer;
    struct rh_rows set;
    struct rh_arena *arena; /* the operation's */
    const struct rh_value *key;
};

static int init(struct keyed *k, struct rh_session *session, const struct rh_table *table,
                const struct rh_value *key, const struct rh_write_options *options,
                const struct rh_write_sink *sink, struct rh_error *error)
{
    *k = (struct keyed){.arena = session->op->abi.arena, .key = key};
    int r = rh_writer_init(&k->writer, session, table, options, sink, error);
    if (!r && !table->n_key)
        r = rh_writer_no_key(&k->writer, error);
    if (!r)
        r = rh_rows_init(&k->set, k->arena, ARENA_BYTES, session->tables, table, false, error);
    k->set.single = true;
    return r;
}

static int no_row(const struct keyed *k, struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(k->writer.table->name);
    return rh_fail(error, RH_NOT_FOUND, "\"%.*s\" has no row with this key", RH_TEXT_ARG(shown));
}

/* A transaction only where a version has to be compared first. */
static int begin_matched(struct keyed *k, struct rh_error *error)
{
    if (!rh_writer_must_match(&k->writer))
        return 0;
    int r = rh_writer_begin(&k->writer, error);
    return r ? r : rh_writer_match(&k->writer, k->key, error);
}

static int call(struct keyed *k, enum rh_write_kind kind, const struct rh_write_spec *spec,
                uint64_t *ret_affected, struct rh_error *error)
{
    int r = rh_writer_call(&k->writer, kind, spec, k->arena, NULL, ret_affected, error);
    if (r && error->column[0])
        rh_rows_blame(&k->set, 0, rh_text_of(error->column), error);
    return r;
}

static int update(struct keyed *k, uint64_t *ret_affected, struct rh_error *error)
{
    struct rh_write_spec spec;
    int r = rh_writer_keyed(&k->writer, k->arena, k->key, &k->set, &spec, error);
    return r ? r : call(k, RH_WRITE_UPDATE, &spec, ret_affected, error);
}

int rh_write_update_row(struct rh_session *session, const struct rh_table *table,
                        const struct rh_value *key, const struct rh_json *set,
                        const struct rh_write_options *options, const struct rh_write_sink *sink,
                        struct rh_write_counts *ret_counts, struct rh_error *error)
{
    struct keyed k;
    uint64_t n_affected = 0;
    int r = init(&k, session, table, key, options, sink, error);
    if (!r)
        r = rh_rows_add(&k.set, set, 0, error);
    if (!r && !k.set.n_columns) {
        rh_fail(error, RH_INVALID, "there is nothing to set");
        r = rh_error_code(error, "invalid-value");
    }
    if (!r) {
        r = begin_matched(&k, error);
        if (!r)
            r = update(&k, &n_affected, error);
        if (!r && !n_affected)
            r = no_row(&k, error);
        r = rh_writer_end(&k.writer, r, error);
    }
    if (!r)
        *ret_counts = (struct rh_write_counts){.n_rows = 1, .n_affected = n_affected};
    rh_rows_fini(&k.set);
    return r;
}

int rh_write_delete_row(struct rh_session *session, const struct rh_table *table,
                        const struct rh_value *key, const struct rh_write_options *options,
                        struct rh_write_counts *ret_counts, struct rh_error *error)
{
    struct keyed k;
    struct rh_write_spec spec;
    uint64_t n_affected = 0;
    int r = init(&k, session, table, key, options, NULL, error);
    if (!r)
        r = rh_writer_keyed(&k.writer, k.arena, key, NULL, &spec, error);
    if (!r) {
        r = begin_matched(&k, error);
        if (!r)
            r = call(&k, RH_WRITE_REMOVE, &spec, &n_affected, error);
        if (!r && !n_affected)
            r = no_row(&k, error);
        r = rh_writer_end(&k.writer, r, error);
    }
    if (!r)
        *ret_counts = (struct rh_write_counts){.n_rows = 1, .n_affected = n_affected};
    rh_rows_fini(&k.set);
    return r;
}

/* ---- The whole row ----------------------------------------------------------------------- */

static bool is_key(const struct rh_table *table, uint32_t position)
{
    for (uint32_t i = 0; i < table->n_key; i++)
        if (table->key[i] == position)
            return true;
    return false;
}

/* The row may repeat its key, but not contradict it. */
static int check_key(struct keyed *k, struct rh_error *error)
{
    const struct rh_table *table = k->writer.table;
    for (uint32_t i = 0; i < table->n_key; i++) {
        const struct rh_value *cell = rh_rows_cell(&k->set, 0, table->key[i]);
        if (!cell || cell->type == RH_TYPE_MISSING || rh_cell_equal(cell, &k->key[i]))
            continue;
        struct rh_text name = table->columns[table->key[i]].name, shown = rh_near_clip(name);
        rh_fail(error, RH_INVALID, "column \"%.*s\" differs from the key of the row",
                RH_TEXT_ARG(shown));
        rh_error_code(error, "invalid-value");
        return rh_rows_blame(&k->set, 0, name, error);
    }
    return 0;
}

/* Columns that the row leaves out lose their value: NULL where that may be. What the source fills
 * in by itself (defaults) stays as it is in a row that exists. */
static int complete_row(struct keyed *k, struct rh_error *error)
{
    const struct rh_table *table = k->writer.table;
    for (uint32_t i = 0; i < table->n_columns; i++) {
        const struct rh_column *column = &table->columns[i];
        struct rh_value *cell = rh_rows_cell(&k->set, 0, i);
        if (is_key(table, i) || (cell && cell->type != RH_TYPE_MISSING) ||
            (column->flags & (RH_COLUMN_GENERATED | RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT)))
            continue;
        if (column->flags & RH_COLUMN_NOT_NULL) {
            struct rh_text shown = rh_near_clip(column->name);
            rh_fail(error, RH_CONSTRAINT, "column \"%.*s\" must be given", RH_TEXT_ARG(shown));
            error->constraint = RH_CONSTRAINT_NOT_NULL;
            return rh_rows_blame(&k->set, 0, column->name, error);
        }
        uint32_t at = rh_rows_column(&k->set, i);
        if (at == RH_NO_COLUMN)
            return rh_fail_nomem(error);
        k->set.cells[at] = (struct rh_value){.type = RH_TYPE_NULL};
    }
    return 0;
}

/* The key's columns twice in a spec would say that the key changes, so they leave the set. */
static void drop_key(struct keyed *k)
{
    struct rh_rows *set = &k->set;
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->n_columns; i++) {
        if (is_key(k->writer.table, set->positions[i]))
            continue;
        set->columns[n] = set->columns[i];
        set->positions[n] = set->positions[i];
        set->cells[n++] = set->cells[i];
    }
    set->n_columns = n;
}

static int insert(struct keyed *k, struct rh_error *error)
{
    struct rh_write_spec spec;
    uint64_t n_affected = 0;
    int r = rh_writer_keyed(&k->writer, k->arena, k->key, &k->set, &spec, error);
    spec.key = NULL;
    spec.n_key = 0;
    return r ? r : call(k, RH_WRITE_INSERT, &spec, &n_affected, error);
}

static int look(struct keyed *k, bool *ret_found, struct rh_error *error)
{
    struct rh_value *cells = NULL;
    struct rh_error missing = RH_ERROR_INIT;
    int r = rh_read_row(k->writer.session, k->writer.table, k->key, false, &cells, &missing);
    *ret_found = r == 0;
    if (r && r != RH_NOT_FOUND)
        *error = missing;
    return r == RH_NOT_FOUND ? 0 : r;
}

/* Changes the row that is there; a table of nothing but its key has nothing to change. */
static int change(struct keyed *k, bool *ret_found, struct rh_error *error)
{
    uint64_t n_affected = 0;
    if (!k->set.n_columns)
        return look(k, ret_found, error);
    int r = update(k, &n_affected, error);
    *ret_found = n_affected > 0;
    return r;
}

/* Who is faster than the insert makes it a broken constraint. */
static int put_new(struct keyed *k, bool *ret_created, struct rh_error *error)
{
    bool found = false;
    int r = look(k, &found, error);
    if (found) {
        struct rh_text shown = rh_near_clip(k->writer.table->name);
        rh_fail(error, RH_CONFLICT, "\"%.*s\" has a row with this key already", RH_TEXT_ARG(shown));
        return rh_error_code(error, "stale");
    }
    r = r ? r : insert(k, error);
    *ret_created = !r;
    return r;
}

/* Update, else insert, else (somebody was faster) update. Each is one statement. */
static int put(struct keyed *k, bool *ret_created, struct rh_error *error)
{
    if (k->writer.options->must_be_new)
        return put_new(k, ret_created, error);
    bool found = false;
    int r = change(k, &found, error);
    *ret_created = false;
    if (r || found)
        return r;
    if (k->writer.options->if_match.data)
        return no_row(k, error);
    struct rh_error taken = RH_ERROR_INIT;
    r = insert(k, &taken);
    if (!r) {
        *ret_created = true;
        return 0;
    }
    if (r == RH_CONSTRAINT && taken.constraint == RH_CONSTRAINT_UNIQUE &&
        !k->writer.session->in_transaction) {
        int again = change(k, &found, error);
        if (again || found)
            return again;
    }
    *error = taken;
    return r;
}

int rh_write_put_row(struct rh_session *session, const struct rh_table *table,
                     const struct rh_value *key, const struct rh_json *row,
                     const struct rh_write_options *options, const struct rh_write_sink *sink,
                     bool *ret_created, struct rh_error *error)
{
    struct keyed k;
    bool created = false;
    int r = init(&k, session, table, key, options, sink, error);
    if (!r)
        r = rh_rows_add(&k.set, row, 0, error);
    if (!r)
        r = check_key(&k, error);
    if (!r)
        r = complete_row(&k, error);
    if (!r) {
        drop_key(&k);
        r = begin_matched(&k, error);
        if (!r)
            r = put(&k, &created, error);
        r = rh_writer_end(&k.writer, r, error);
    }
    if (!r)
        *ret_created = created;
    rh_rows_fini(&k.set);
    return r;
}
