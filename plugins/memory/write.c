/*
 * Insert, update, delete, upsert: all rows of a call or none.
 *
 * Each call runs the same way: become the writer, resolve the columns, then row by row find what
 * exists, build the new row, check it, put it in place. The first failure takes back all that the
 * call has done. Set-based writes need an EXACT filter, and this connector claims none, so `where`
 * is refused.
 *
 * Rows are found through the index when the key of the call is the primary key, else by looking at
 * every row.
 */
#include "memory.h"

#include "connector/kit.h"

#include <stdlib.h>

struct write {
    struct rh_conn *conn;
    const struct rh_write_spec *spec;
    struct mem_table *table;
    uint32_t *target;        /* position in the table of each of spec->columns */
    bool *is_key;            /* of each of spec->columns */
    bool by_primary;         /* the key columns are those of the primary key */
    uint32_t *returning;     /* positions in the table */
    struct rh_value *cells;  /* room for a row of the table */
    struct rh_value *wanted; /* room for another, of which only key columns are set */
    uint64_t n_affected;
};

/* Does one row of the input. */
typedef int row_fn(struct write *w, const struct rh_value *in, struct rh_error *error);

/* ---- Preparing --------------------------------------------------------------------------- */

static const struct rh_column *column_at(const struct rh_column *columns, uint32_t stride,
                                         uint32_t i)
{
    const char *at = (const char *)columns + (size_t)i * stride;
    return (const struct rh_column *)(const void *)at;
}

static int check_spec(const struct rh_write_spec *spec, bool keyed, struct rh_error *error)
{
    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "the memory connector writes by key only");
    if (spec->n_columns == 0 || (keyed && spec->n_key == 0))
        return rh_fail(error, RH_INVALID, "the write names no %s", keyed ? "key" : "columns");
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
    }
    return RH_OK;
}

/* A column may be given once as key and once to be set. */
static int resolve_columns(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    for (uint32_t i = 0; i < spec->n_key; i++)
        w->is_key[spec->key[i]] = true;
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        const struct rh_column *column = column_at(spec->columns, spec->column_stride, i);
        int rc = mem_table_find_column(w->table, column->name, &w->target[i], error);
        if (rc)
            return rc;
        for (uint32_t j = 0; j < i; j++) {
            if (w->target[j] == w->target[i] && w->is_key[j] == w->is_key[i])
                return rh_fail(error, RH_INVALID, "column \"%.*s\" is given twice",
                               RH_TEXT_ARG(column->name));
        }
    }
    for (uint32_t i = 0; i < spec->n_returning; i++) {
        const struct rh_column *column = column_at(spec->returning, spec->returning_stride, i);
        int rc = mem_table_find_column(w->table, column->name, &w->returning[i], error);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static bool is_primary_key(const struct write *w)
{
    const struct mem_table *table = w->table;
    if (table->n_key == 0 || table->n_key != w->spec->n_key)
        return false;
    for (uint32_t i = 0; i < table->n_key; i++) {
        bool given = false;
        for (uint32_t j = 0; j < w->spec->n_columns; j++)
            given |= w->is_key[j] && w->target[j] == table->key[i];
        if (!given)
            return false;
    }
    return true;
}

static int prepare(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc =
        mem_database_find_locked(w->conn->database, spec->schema, spec->table, &w->table, error);
    if (rc)
        return rc;
    w->target = calloc(spec->n_columns, sizeof *w->target);
    w->is_key = calloc(spec->n_columns, sizeof *w->is_key);
    w->returning = calloc(spec->n_returning + 1, sizeof *w->returning);
    w->cells = calloc(w->table->n_columns, sizeof *w->cells);
    w->wanted = calloc(w->table->n_columns, sizeof *w->wanted);
    if (!w->target || !w->is_key || !w->returning || !w->cells || !w->wanted)
        return rh_fail_nomem(error);
    if ((rc = resolve_columns(w, error)) != RH_OK)
        return rc;
    w->by_primary = is_primary_key(w);
    rh_rowset_fini(&w->conn->returned);
    rh_rowset_init(&w->conn->returned, spec->n_returning, SIZE_MAX);
    rh_rowset_clear(&w->conn->returned, spec->n_rows);
    return RH_OK;
}

/* ---- One row ----------------------------------------------------------------------------- */

/* Counts a row as written, and copies it for the host when it wants it. */
static void written(struct write *w, const struct mem_row *row)
{
    w->n_affected++;
    if (w->spec->n_returning == 0)
        return;
    struct rh_rowset *returned = &w->conn->returned;
    struct rh_value *cells = rh_rowset_row(returned);
    for (uint32_t i = 0; cells && i < w->spec->n_returning; i++) {
        const struct rh_value *cell = &row->cells[w->returning[i]];
        if (mem_value_has_bytes(cell))
            rh_rowset_bytes(returned, &cells[i], cell->type, cell->as.data, cell->len);
        else
            cells[i] = *cell;
    }
}

/* Puts w->cells in the place of `old`, or behind the last row. */
static int store(struct write *w, struct mem_row *old, struct rh_error *error)
{
    struct mem_table *table = w->table;
    int rc = mem_table_encode(table, w->cells, &w->conn->key, error);
    if (rc)
        return rc;
    struct rh_text key = rh_buf_text(&w->conn->key);
    const struct mem_row *same = table->n_key ? rh_map_get(&table->index, key) : NULL;
    if (same && same != old) {
        rh_fail(error, RH_CONSTRAINT, "table \"%s\" has a row with this key", table->name);
        if (error)
            error->constraint = RH_CONSTRAINT_UNIQUE;
        return RH_CONSTRAINT;
    }
    struct mem_row *row = mem_row_new(w->cells, table->n_columns, key);
    if (!row)
        return rh_fail_nomem(error);
    uint64_t position = old ? old->position : table->rows->n;
    rc = mem_tx_replace_locked(w->conn, table, position, old, row, error);
    if (rc == RH_OK)
        written(w, row);
    return rc;
}

/* The key of one input row in w->wanted. *ret_null: part of it is NULL, so it equals nothing. */
static int read_key(struct write *w, const struct rh_value *in, bool *ret_null,
                    struct rh_error *error)
{
    *ret_null = false;
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        if (!w->is_key[i])
            continue;
        if (rh_kit_is_null(&in[i])) {
            *ret_null = true;
            continue;
        }
        int rc = mem_column_check(&w->table->columns[w->target[i]], &in[i], error);
        if (rc)
            return rc;
        w->wanted[w->target[i]] = in[i];
    }
    return RH_OK;
}

static bool has_key(const struct write *w, const struct mem_row *row)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        uint32_t target = w->target[i];
        if (w->is_key[i] && !mem_value_equal(&row->cells[target], &w->wanted[target]))
            return false;
    }
    return true;
}

/* The row that the input's key finds, or NULL. AMBIGUOUS_KEY when there are two. */
static int find(struct write *w, const struct rh_value *in, struct mem_row **ret_row,
                struct rh_error *error)
{
    const struct mem_rows *rows = w->table->rows;
    bool is_null;
    *ret_row = NULL;
    int rc = read_key(w, in, &is_null, error);
    if (rc || is_null)
        return rc;
    if (w->by_primary) {
        if ((rc = mem_table_encode(w->table, w->wanted, &w->conn->key, error)) == RH_OK)
            *ret_row = rh_map_get(&w->table->index, rh_buf_text(&w->conn->key));
        return rc;
    }
    for (uint64_t i = 0; i < rows->n; i++) {
        struct mem_row *row = rows->items[i];
        if (!row || !has_key(w, row))
            continue;
        if (*ret_row) {
            rh_fail(error, RH_CONSTRAINT, "the key matches more than one row of table \"%s\"",
                    w->table->name);
            if (error)
                error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
            return RH_CONSTRAINT;
        }
        *ret_row = row;
    }
    return RH_OK;
}

static int insert_row(struct write *w, const struct rh_value *in, struct rh_error *error)
{
    struct mem_table *table = w->table;
    for (uint32_t i = 0; i < table->n_columns; i++)
        w->cells[i] = (struct rh_value){.type = RH_TYPE_MISSING};
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        w->cells[w->target[i]] = in[i];
    for (uint32_t i = 0; i < table->n_columns; i++) {
        struct mem_column *column = &table->columns[i];
        int rc = RH_OK;
        if (w->cells[i].type == RH_TYPE_MISSING)
            rc = mem_column_default(column, &w->cells[i], error);
        if (rc == RH_OK)
            rc = mem_column_check(column, &w->cells[i], error);
        if (rc)
            return rc;
        mem_column_saw(column, &w->cells[i]);
    }
    return store(w, NULL, error);
}

/* Sets the columns that are given and are not key in a row that exists. */
static int change_row(struct write *w, const struct rh_value *in, struct mem_row *old,
                      struct rh_error *error)
{
    for (uint32_t i = 0; i < w->table->n_columns; i++)
        w->cells[i] = old->cells[i];
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        if (w->is_key[i] || in[i].type == RH_TYPE_MISSING)
            continue;
        struct mem_column *column = &w->table->columns[w->target[i]];
        int rc = mem_column_check(column, &in[i], error);
        if (rc)
            return rc;
        mem_column_saw(column, &in[i]);
        w->cells[w->target[i]] = in[i];
    }
    return store(w, old, error);
}

static int update_row(struct write *w, const struct rh_value *in, struct rh_error *error)
{
    struct mem_row *old;
    int rc = find(w, in, &old, error);
    return rc == RH_OK && old ? change_row(w, in, old, error) : rc;
}

static int remove_row(struct write *w, const struct rh_value *in, struct rh_error *error)
{
    struct mem_row *old;
    int rc = find(w, in, &old, error);
    if (rc || !old)
        return rc;
    written(w, old);
    return mem_tx_replace_locked(w->conn, w->table, old->position, old, NULL, error);
}

static int upsert_row(struct write *w, const struct rh_value *in, struct rh_error *error)
{
    struct mem_row *old;
    int rc = find(w, in, &old, error);
    if (rc)
        return rc;
    if (!old)
        return insert_row(w, in, error);
    return w->spec->resolve == RH_RESOLVE_MERGE ? change_row(w, in, old, error) : RH_OK;
}

/* ---- One call ---------------------------------------------------------------------------- */

static int write_rows(struct write *w, const struct rh_op *op, row_fn *do_row,
                      struct rh_error *error)
{
    const struct rh_value *in = w->spec->cells;
    for (uint64_t i = 0; i < w->spec->n_rows; i++, in += w->spec->n_columns) {
        int rc = i % MEM_CHECK_EVERY ? RH_OK : mem_check(w->conn, op, error);
        if (rc == RH_OK)
            rc = do_row(w, in, error);
        if (rc) {
            if (error && error->row == RH_NO_ROW)
                error->row = i;
            return rc;
        }
    }
    return RH_OK;
}

static int give_result(const struct write *w, struct rh_write_result *ret_result,
                       struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof batch, .n_cols = w->spec->n_returning};
    int rc = rh_rowset_batch(&w->conn->returned, &batch, error);
    if (rc < 0)
        return rc;
    ret_result->returned = batch;
    ret_result->n_affected = w->n_affected;
    return RH_OK;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               row_fn *do_row, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct write w = {.conn = conn, .spec = spec};
    mem_call(conn);
    int rc = check_spec(spec, do_row != insert_row, error);
    if (rc)
        return rc;
    pthread_mutex_lock(&conn->database->lock);
    size_t mark = conn->n_changes;
    if ((rc = mem_tx_begin_write_locked(conn, op, error)) == RH_OK) {
        rc = prepare(&w, error);
        if (rc == RH_OK)
            rc = write_rows(&w, op, do_row, error);
        if (rc == RH_OK)
            rc = give_result(&w, ret_result, error);
        if (rc)
            mem_tx_undo_locked(conn, mark);
        mem_tx_end_write_locked(conn);
    }
    pthread_mutex_unlock(&conn->database->lock);
    free(w.target);
    free(w.is_key);
    free(w.returning);
    free(w.cells);
    free(w.wanted);
    return rc;
}

int32_t mem_insert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    return run(conn, op, spec, insert_row, ret_result, error);
}

int32_t mem_update(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    return run(conn, op, spec, update_row, ret_result, error);
}

int32_t mem_remove(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    return run(conn, op, spec, remove_row, ret_result, error);
}

int32_t mem_upsert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error)
{
    if (spec->resolve != RH_RESOLVE_MERGE && spec->resolve != RH_RESOLVE_IGNORE)
        return rh_fail(error, RH_INVALID, "an upsert says what becomes of a row that exists");
    return run(conn, op, spec, upsert_row, ret_result, error);
}
