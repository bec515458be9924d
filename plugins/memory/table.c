/*
 * Lists that are copied when somebody else reads them, and an index that always follows `rows`.
 *
 * Deleting leaves a hole, so that positions stay true for the undo log; holes are removed between
 * transactions. Taking a change back cannot fail: the list has its place, and the index was once
 * as large as it becomes again.
 */
#include "table.h"

#include "connector/kit.h"

#include <stdlib.h>
#include <string.h>

#define HOLES_MIN 64 /* fewer are not worth a walk */

/* ---- Lists ------------------------------------------------------------------------------- */

struct mem_rows *mem_rows_new(void)
{
    struct mem_rows *rows = calloc(1, sizeof *rows);
    if (rows)
        rows->refs = 1;
    return rows;
}

struct mem_rows *mem_rows_ref(struct mem_rows *rows)
{
    rows->refs++;
    return rows;
}

void mem_rows_unref(struct mem_rows *rows)
{
    if (!rows || --rows->refs)
        return;
    for (uint64_t i = 0; i < rows->n; i++)
        mem_row_unref(rows->items[i]);
    free(rows->items);
    free(rows);
}

static bool reserve(struct mem_rows *rows, uint64_t cap)
{
    if (cap <= rows->cap)
        return true;
    if (cap < rows->cap * 2)
        cap = rows->cap * 2;
    if (cap < 16)
        cap = 16;
    struct mem_row **items = reallocarray(rows->items, cap, sizeof(void *));
    if (!items)
        return false;
    rows->items = items;
    rows->cap = cap;
    return true;
}

bool mem_rows_push(struct mem_rows *rows, struct mem_row *row)
{
    if (!reserve(rows, rows->n + 1))
        return false;
    row->position = rows->n;
    rows->items[rows->n++] = row;
    rows->n_live++;
    return true;
}

int mem_table_own(struct mem_table *table, struct rh_error *error)
{
    struct mem_rows *shared = table->rows, *own;
    if (shared->refs == 1)
        return RH_OK;
    own = mem_rows_new();
    if (!own || !reserve(own, shared->n)) {
        mem_rows_unref(own);
        return rh_fail_nomem(error);
    }
    for (uint64_t i = 0; i < shared->n; i++)
        own->items[i] = shared->items[i] ? mem_row_ref(shared->items[i]) : NULL;
    own->n = shared->n;
    own->n_live = shared->n_live;
    mem_rows_unref(shared);
    table->rows = own;
    return RH_OK;
}

/* ---- Tables ------------------------------------------------------------------------------ */

static int copy_columns(struct mem_table *table, const struct rh_table *from,
                        struct rh_error *error)
{
    const char *column = (const char *)from->columns;
    for (uint32_t i = 0; i < from->n_columns; i++, column += from->column_stride) {
        const struct rh_column *described = (const struct rh_column *)(const void *)column;
        if (mem_table_column(table, described->name) != RH_NO_COLUMN)
            return rh_fail(error, RH_INVALID, "table \"%s\" has column \"%.*s\" twice", table->name,
                           RH_TEXT_ARG(described->name));
        int rc = mem_column_init(&table->columns[i], described, error);
        if (rc)
            return rc;
        table->n_columns++;
    }
    return RH_OK;
}

static int copy_key(struct mem_table *table, const struct rh_table *from, struct rh_error *error)
{
    for (uint32_t i = 0; i < from->n_key; i++) {
        uint32_t position = from->key[i];
        bool twice = false;
        for (uint32_t j = 0; j < i; j++)
            twice |= table->key[j] == position;
        if (twice || position >= table->n_columns)
            return rh_fail(error, RH_INVALID, "the key of table \"%s\" makes no sense",
                           table->name);
        table->key[i] = position;
        table->columns[position].described.flags |= RH_COLUMN_NOT_NULL;
    }
    table->n_key = from->n_key;
    return RH_OK;
}

int mem_table_new(const struct rh_table *from, struct mem_table **ret_table, struct rh_error *error)
{
    if (from->n_indexes || from->n_foreign_keys || from->kind != RH_TABLE_BASE)
        return rh_fail(error, RH_UNSUPPORTED,
                       "the memory connector has no indexes, foreign keys and views");
    if (from->n_columns == 0 || from->n_key > from->n_columns)
        return rh_fail(error, RH_INVALID, "a table has columns, and its key is made of them");
    int rc = mem_name_check(from->name, error);
    if (rc)
        return rc;
    struct mem_table *table = calloc(1, sizeof *table);
    if (!table)
        return rh_fail_nomem(error);
    table->name = strndup(from->name.data, from->name.len);
    table->columns = calloc(from->n_columns, sizeof *table->columns);
    table->key = calloc(from->n_columns, sizeof *table->key);
    table->rows = mem_rows_new();
    if (!table->name || !table->columns || !table->key || !table->rows)
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = copy_columns(table, from, error);
    if (rc == RH_OK)
        rc = copy_key(table, from, error);
    if (rc)
        mem_table_free(table);
    else
        *ret_table = table;
    return rc;
}

void mem_table_free(struct mem_table *table)
{
    for (uint32_t i = 0; i < table->n_columns; i++)
        mem_column_fini(&table->columns[i]);
    rh_map_free(&table->index);
    mem_rows_unref(table->rows);
    mem_rows_unref(table->committed);
    free(table->columns);
    free(table->key);
    free(table->name);
    free(table);
}

uint32_t mem_table_column(const struct mem_table *table, struct rh_text name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_equal(table->columns[i].described.name, name))
            return i;
    }
    return RH_NO_COLUMN;
}

int mem_table_find_column(const struct mem_table *table, struct rh_text name,
                          uint32_t *ret_position, struct rh_error *error)
{
    uint32_t position = mem_table_column(table, name);
    if (position == RH_NO_COLUMN)
        return rh_fail(error, RH_NOT_FOUND, "table \"%s\" has no column \"%.*s\"", table->name,
                       RH_TEXT_ARG(name));
    *ret_position = position;
    return RH_OK;
}

/* ---- Rows -------------------------------------------------------------------------------- */

int mem_table_encode(const struct mem_table *table, const struct rh_value *cells,
                     struct rh_buf *buf, struct rh_error *error)
{
    rh_buf_clear(buf);
    for (uint32_t i = 0; i < table->n_key; i++)
        mem_value_encode(buf, &cells[table->key[i]]);
    return buf->failed ? rh_fail_nomem(error) : RH_OK;
}

bool mem_table_index(struct mem_table *table, const struct mem_row *old, struct mem_row *row)
{
    if (table->n_key == 0)
        return true;
    if (old && row && !rh_text_equal(old->key, row->key)) {
        if (!rh_map_put(&table->index, row->key, row, NULL))
            return false;
        rh_map_remove(&table->index, old->key);
        return true;
    }
    if (row) /* also replaces the key's bytes, which belong to the row */
        return rh_map_put(&table->index, row->key, row, NULL);
    if (old)
        rh_map_remove(&table->index, old->key);
    return true;
}

int mem_table_replace(struct mem_table *table, uint64_t position, struct mem_row *old,
                      struct mem_row *row, struct rh_error *error)
{
    int rc = mem_table_own(table, error);
    struct mem_rows *rows = table->rows;
    if (rc)
        return rc;
    if (!reserve(rows, position + 1) || !mem_table_index(table, old, row))
        return rh_fail_nomem(error);
    if (position == rows->n)
        rows->items[rows->n++] = NULL;
    if (row) {
        row->position = position;
        rows->items[position] = mem_row_ref(row);
    } else {
        rows->items[position] = NULL;
    }
    rows->n_live += (uint64_t)(row != NULL);
    rows->n_live -= (uint64_t)(old != NULL);
    mem_row_unref(old);
    return RH_OK;
}

void mem_table_compact(struct mem_table *table)
{
    struct mem_rows *rows = table->rows;
    uint64_t holes = rows->n - rows->n_live;
    if (rows->refs > 1 || holes < HOLES_MIN || holes < rows->n / 2)
        return;
    uint64_t n = 0;
    for (uint64_t i = 0; i < rows->n; i++) {
        struct mem_row *row = rows->items[i];
        if (row) {
            row->position = n;
            rows->items[n++] = row;
        }
    }
    rows->n = n;
}
