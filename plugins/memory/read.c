/*
 * Cursors. A cursor holds the list of rows that it began with; nobody changes that list any more
 * (see table.h), so `next` needs no lock and its cells point straight into the rows.
 *
 * Nothing was claimed in `plan`, so a query holds a table and columns only. Whatever else is in it
 * is refused, not ignored.
 */
#include "connector/kit.h"
#include "cursor.h"

#include <stdlib.h>

#define BATCH_ROWS 1024u
#define BATCH_CELLS 65536u /* 1 MiB */

static int check_query(const struct rh_query *query, struct rh_error *error)
{
    if (query->n_conjuncts || query->n_groups || query->n_aggregates || query->n_having ||
        query->n_order || query->offset || query->limit != RH_NO_LIMIT ||
        (query->flags & 0xffffu & ~RH_QUERY_LOCK))
        return rh_fail(error, RH_UNSUPPORTED, "the memory connector only reads whole tables");
    return RH_OK;
}

static int resolve(const struct mem_table *table, const struct rh_query *query,
                   struct rh_cursor *cursor, struct rh_error *error)
{
    for (uint32_t i = 0; i < query->n_select; i++) {
        const char *column = (const char *)query->columns;
        column += (size_t)query->select[i] * query->column_stride;
        int rc =
            mem_table_find_column(table, ((const struct rh_column *)(const void *)column)->name,
                                  &cursor->columns[i], error);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* LOCK: rows do not change while nobody else may write. */
static int lock_rows(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (!conn->in_tx)
        return rh_fail(error, RH_INVALID, "rows are locked in a transaction only");
    return mem_tx_begin_write_locked(conn, op, error);
}

static int open_locked(struct rh_cursor *cursor, const struct rh_op *op,
                       const struct rh_query *query, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    struct mem_table *table;
    struct mem_rows *rows;
    int rc = RH_OK;
    if (query->flags & RH_QUERY_LOCK)
        rc = lock_rows(conn, op, error);
    if (rc == RH_OK)
        rc = mem_database_find_locked(conn->database, query->schema, query->table, &table, error);
    if (rc == RH_OK)
        rc = resolve(table, query, cursor, error);
    if (rc == RH_OK)
        rc = mem_tx_rows_locked(conn, table, &rows, error);
    if (rc == RH_OK)
        cursor->rows = mem_rows_ref(rows);
    return rc;
}

int32_t mem_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                 struct rh_cursor **ret_cursor, struct rh_error *error)
{
    mem_call(conn);
    int rc = mem_check(conn, op, error);
    if (rc == RH_OK)
        rc = check_query(query, error);
    if (rc)
        return rc;
    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    uint32_t n = query->n_select;
    struct rh_cursor *cursor = calloc(1, sizeof *cursor + n * sizeof *cursor->columns);
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    cursor->n_columns = n;
    cursor->batch_rows = n > BATCH_CELLS / BATCH_ROWS ? BATCH_CELLS / n : BATCH_ROWS;
    if (cursor->batch_rows == 0)
        cursor->batch_rows = 1;
    cursor->cells = calloc((size_t)cursor->batch_rows * n + 1, sizeof *cursor->cells);
    if (!cursor->cells) {
        rc = rh_fail_nomem(error);
    } else {
        pthread_mutex_lock(&conn->database->lock);
        rc = open_locked(cursor, op, query, error);
        pthread_mutex_unlock(&conn->database->lock);
    }
    if (rc) {
        free(cursor->cells);
        free(cursor);
        return rc;
    }
    conn->cursor = cursor;
    *ret_cursor = cursor;
    return RH_OK;
}

int32_t mem_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                 struct rh_batch *ret_batch, struct rh_error *error)
{
    mem_call(cursor->conn);
    int rc = mem_check(cursor->conn, op, error);
    if (rc)
        return rc;
    if (max_rows > cursor->batch_rows)
        max_rows = cursor->batch_rows;
    const struct mem_rows *rows = cursor->rows;
    struct rh_value *cell = cursor->cells;
    uint32_t n = 0;
    for (; n < max_rows && cursor->at < rows->n; cursor->at++) {
        const struct mem_row *row = rows->items[cursor->at];
        if (!row)
            continue;
        for (uint32_t i = 0; i < cursor->n_columns; i++)
            *cell++ = row->cells[cursor->columns[i]];
        n++;
    }
    if (n == 0)
        return RH_END;
    ret_batch->n_cols = cursor->n_columns;
    ret_batch->n_rows = n;
    ret_batch->cells = cursor->cells;
    return RH_OK;
}

void mem_finish(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;
    conn->cursor = NULL;
    pthread_mutex_lock(&conn->database->lock);
    mem_rows_unref(cursor->rows);
    if (cursor->feed)
        mem_feed_close_locked(cursor);
    pthread_mutex_unlock(&conn->database->lock);
    free(cursor->cells);
    free(cursor);
}
