/*
 * Reading: a query becomes one statement, whose rows are copied out in batches of about 64 KiB, so
 * that a batch stays in the processor's cache until the host has encoded it.
 */
#include "read.h"

#include "base/err.h"
#include "connector/sql.h"
#include "dialect.h"
#include "error.h"
#include "sqlite.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (64u << 10)

struct rh_cursor *rh_sqlite_cursor_new(struct rh_conn *conn, uint32_t n_outputs)
{
    struct rh_cursor *cursor = calloc(1, sizeof *cursor);

    if (!cursor)
        return NULL;
    cursor->outputs = calloc(n_outputs ? n_outputs : 1, sizeof *cursor->outputs);
    if (!cursor->outputs) {
        free(cursor);
        return NULL;
    }
    cursor->conn = conn;
    rh_rowset_init(&cursor->rows, n_outputs, BATCH_BYTES);
    conn->cursor = cursor;
    return cursor;
}

int rh_sqlite_cursor_buffer(struct rh_cursor *cursor, sqlite3_stmt *stmt, uint64_t budget,
                            struct rh_error *error)
{
    struct rh_rowset *rows = &cursor->rows;
    int code;

    rh_rowset_clear(rows, UINT64_MAX);
    do {
        rh_sqlite_read_row(rows, stmt, cursor->outputs, rows->n_cols);
        if (rows->failed)
            return rh_fail_nomem(error);
        if (budget &&
            rows->n_bytes + rows->n_rows * rows->n_cols * sizeof(struct rh_value) > budget)
            return rh_fail(error, RH_RESOURCE, "the statement returns more than %llu bytes",
                           (unsigned long long)budget);
        code = sqlite3_step(stmt);
    } while (code == SQLITE_ROW);
    if (code != SQLITE_DONE)
        return rh_sqlite_fail(cursor->conn, code, error);
    return rh_rowset_batch(rows, &cursor->buffered, error);
}

/* The next of the buffered rows. */
static int next_buffered(struct rh_cursor *cursor, uint32_t max_rows, struct rh_batch *ret_batch)
{
    const struct rh_batch *all = &cursor->buffered;
    uint64_t n = all->n_rows - cursor->at;

    if (n == 0)
        return RH_END;
    n = max_rows && n > max_rows ? max_rows : n;
    ret_batch->n_cols = all->n_cols;
    ret_batch->n_rows = n;
    ret_batch->cells = all->cells + cursor->at * all->n_cols;
    cursor->at += n;
    return RH_OK;
}

static uint32_t n_outputs_of(const struct rh_query *query)
{
    uint32_t n = query->n_groups + query->n_aggregates;

    return n ? n : query->n_select;
}

static const struct rh_column *column_at(const struct rh_query *query, uint32_t i)
{
    return rh_sql_column_at(query->columns, query->column_stride, i);
}

static struct rh_sqlite_output output_of_aggregate(const struct rh_query *query,
                                                   const struct rh_aggregate *aggregate)
{
    bool keeps_type = aggregate->function == RH_AGG_MIN || aggregate->function == RH_AGG_MAX;

    if (keeps_type && aggregate->column < query->n_columns)
        return rh_sqlite_output_of(column_at(query, aggregate->column), true);
    return (struct rh_sqlite_output){.type = (uint8_t)aggregate->type, .is_computed = true};
}

static void set_outputs(struct rh_cursor *cursor, const struct rh_query *query)
{
    bool distinct = (query->flags & RH_QUERY_DISTINCT) != 0;

    if (query->n_groups + query->n_aggregates == 0) {
        for (uint32_t i = 0; i < query->n_select; i++)
            cursor->outputs[i] = rh_sqlite_output_of(column_at(query, query->select[i]), distinct);
        return;
    }
    for (uint32_t i = 0; i < query->n_groups; i++)
        cursor->outputs[i] = rh_sqlite_output_of(column_at(query, query->groups[i].column), true);
    for (uint32_t i = 0; i < query->n_aggregates; i++)
        cursor->outputs[query->n_groups + i] = output_of_aggregate(query, &query->aggregates[i]);
}

static int open_query(struct rh_conn *conn, const struct rh_query *query,
                      struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    int rc;

    rh_sql_clear(&conn->sql);
    rh_sql_select(&conn->sql, query);
    rc = rh_sql_check(&conn->sql, error);
    if (rc)
        return rc;
    cursor = rh_sqlite_cursor_new(conn, n_outputs_of(query));
    if (!cursor)
        return rh_fail_nomem(error);
    set_outputs(cursor, query);
    rc = rh_sqlite_prepare_built(conn, &cursor->stmt, error);
    if (rc) {
        rh_sqlite_finish(cursor);
        return rc;
    }
    *ret_cursor = cursor;
    return RH_OK;
}

int32_t rh_sqlite_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                       struct rh_cursor **ret_cursor, struct rh_error *error)
{
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_sqlite_begin(conn, op, error);
    if (rc == RH_OK)
        rc = open_query(conn, query, ret_cursor, error);
    rh_sqlite_end(conn);
    return rc;
}

static void end_statement(struct rh_cursor *cursor)
{
    if (cursor->is_native)
        sqlite3_finalize(cursor->stmt);
    else
        rh_sqlite_statement_put(&cursor->conn->statements, cursor->stmt);
    cursor->stmt = NULL;
}

/* Steps until the batch is full. */
static int fill(struct rh_cursor *cursor, struct rh_error *error)
{
    int code = SQLITE_ROW;

    while (rh_rowset_has_room(&cursor->rows)) {
        if (!cursor->on_row)
            code = sqlite3_step(cursor->stmt);
        cursor->on_row = false;
        if (code != SQLITE_ROW)
            break;
        rh_sqlite_read_row(&cursor->rows, cursor->stmt, cursor->outputs, cursor->rows.n_cols);
    }
    if (code == SQLITE_ROW)
        return RH_OK;
    if (code != SQLITE_DONE)
        rh_sqlite_fail(cursor->conn, code, error);
    end_statement(cursor);
    return code == SQLITE_DONE ? RH_OK : error->error_class;
}

int32_t rh_sqlite_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                       struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    uint32_t n_cols = cursor->rows.n_cols ? cursor->rows.n_cols : 1;
    uint64_t most = BATCH_BYTES / sizeof(struct rh_value) / n_cols + 1;
    int rc;

    if (!cursor->stmt)
        return next_buffered(cursor, max_rows, ret_batch);
    rc = rh_sqlite_begin(conn, op, error);
    if (rc)
        return rc;
    conn->native = cursor->is_native;
    rh_rowset_clear(&cursor->rows, max_rows && max_rows < most ? max_rows : most);
    rc = fill(cursor, error);
    if (rc == RH_OK)
        rc = rh_rowset_batch(&cursor->rows, ret_batch, error);
    conn->native = false;
    rh_sqlite_end(conn);
    return rc;
}

void rh_sqlite_finish(struct rh_cursor *cursor)
{
    cursor->conn->cursor = NULL;
    end_statement(cursor);
    rh_rowset_fini(&cursor->rows);
    free(cursor->outputs);
    free(cursor);
}

int32_t rh_sqlite_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                       struct rh_error *error)
{
    return rh_sql_plan(&rh_sqlite_dialect, conn, &rh_sqlite_connector, query, ret_plan, error);
}

int rh_sqlite_give_text(struct rh_conn *conn, const struct rh_op *op, struct rh_text text,
                        struct rh_text *ret_text, struct rh_error *error)
{
    char *copy = conn->host->alloc(op->arena, text.len + 1);

    if (!copy)
        return rh_fail_nomem(error);
    if (text.len)
        memcpy(copy, text.data, text.len);
    *ret_text = rh_text_make(copy, text.len);
    return RH_OK;
}

int32_t rh_sqlite_explain(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_query *query, struct rh_text *ret_native,
                          struct rh_error *error)
{
    int rc;

    rh_sql_clear(&conn->sql);
    rh_sql_select(&conn->sql, query);
    rc = rh_sql_check(&conn->sql, error);
    if (rc)
        return rc;
    return rh_sqlite_give_text(conn, op, rh_buf_text(&conn->sql.text), ret_native, error);
}
