/*
 * Reading. Rows are streamed as the server makes them (no server-side cursor: the server would write
 * the whole result to a temporary table first) and decoded into batches of about 256 KiB, so memory
 * is bounded whatever the size of the result. The session can do nothing else meanwhile: another
 * call takes in what is left of the rows first, as far as that is little.
 *
 * Finishing early: what comes within a few milliseconds is read and dropped, then KILL QUERY ends
 * the statement.
 */
#include "read.h"

#include "dialect.h"

#include <stdlib.h>
#include <string.h>

#define SOON_US 10000
#define MAX_ROWS 1024            /* of a batch */
#define SETTLE_BYTES (16u << 20) /* of rows that are kept for a cursor while others work */

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_my_rows *rows;
    uint64_t next_row; /* of rows that were taken in whole */
    bool whole;
    bool guarded;
    bool failed;
};

struct rh_sql *rh_my_sql(struct rh_conn *conn)
{
    if (conn->sql.dialect)
        rh_sql_clear(&conn->sql);
    else
        rh_sql_init(&conn->sql, &rh_my_dialect, conn);
    return &conn->sql;
}

/* ---- opening ---- */

struct rh_cursor *rh_my_cursor_new(struct rh_conn *conn, struct rh_my_rows *rows, bool guarded)
{
    struct rh_cursor *cursor = rows ? calloc(1, sizeof *cursor) : NULL;

    if (!cursor) {
        rh_my_rows_free(rows);
        return NULL;
    }
    cursor->conn = conn;
    cursor->rows = rows;
    cursor->guarded = guarded;
    cursor->whole = rows->stmt == NULL;
    conn->cursor = cursor;
    return cursor;
}

static struct rh_my_rows *rows_for(struct rh_conn *conn, const struct rh_query *query)
{
    bool grouped = query->n_groups || query->n_aggregates;
    uint32_t n = grouped ? query->n_groups + query->n_aggregates : query->n_select;
    struct rh_my_rows *rows = rh_my_rows_new(conn, n, RH_MY_BATCH_BYTES);

    for (uint32_t i = 0; rows && i < n; i++) {
        uint32_t column = RH_NO_COLUMN;
        if (!grouped)
            column = query->select[i];
        else if (i < query->n_groups)
            column = query->groups[i].column;
        else
            rows->columns[i].type = (uint8_t)query->aggregates[i - query->n_groups].type;
        if (column < query->n_columns)
            rows->columns[i].type =
                (uint8_t)rh_sql_column_at(query->columns, query->column_stride, column)->type;
    }
    return rows;
}

int rh_my_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
               struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_my_rows *rows = NULL;
    struct rh_sql *sql = NULL;
    MYSQL_STMT *stmt = NULL;
    int rc = rh_my_enter(conn, op, error);

    if (!rc && conn->cursor)
        rc = rh_fail(error, RH_CONTRACT, "a cursor is open on this connection already");
    if (!rc && conn->tx_failed)
        rc = rh_fail(error, RH_CONFLICT, "the server has rolled the transaction back");
    if (rc)
        goto out;
    sql = rh_my_sql(conn);
    rh_sql_select(sql, query);
    rows = rows_for(conn, query);
    rc = rows ? rh_my_run(conn, sql, &stmt, error) : rh_fail_nomem(error);
    if (!rc)
        rc = rh_my_rows_take(rows, stmt, error);
    if (rc)
        goto out;
    *ret_cursor = rh_my_cursor_new(conn, rows, false);
    rows = NULL;
    if (!*ret_cursor)
        rc = rh_fail_nomem(error);
out:
    if (rc && stmt && !conn->broken)
        (void)rh_my_drop(conn, stmt, NULL);
    rh_my_rows_free(rows);
    rh_my_leave(conn);
    return rc;
}

/* ---- reading ---- */

bool rh_my_cursor_is_streaming(const struct rh_cursor *cursor)
{
    return cursor->rows->stmt != NULL;
}

int rh_my_cursor_settle(struct rh_cursor *cursor, struct rh_error *error)
{
    struct rh_my_rows *rows = cursor->rows;
    size_t max_bytes = rows->set.max_bytes;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = RH_OK;

    if (!rows->stmt || cursor->failed)
        return RH_OK;
    rh_my_rows_clear(rows, UINT64_MAX);
    rows->set.max_bytes = SETTLE_BYTES;
    rc = rh_my_rows_fetch(rows, error);
    rows->set.max_bytes = max_bytes;
    cursor->whole = true;
    cursor->next_row = 0;
    if (!rc && rows->stmt) {
        rc = rh_fail(error, RH_BUSY, "the rows of a query are still being read");
        cursor->failed = true;
        (void)rh_my_rows_abandon(cursor->rows);
    }
    if (!rc)
        rc = rh_my_rows_batch(rows, &batch, error);
    cursor->failed = cursor->failed || rc < 0;
    return rc < 0 ? rc : RH_OK;
}

static int next_of_whole(struct rh_cursor *cursor, uint32_t max_rows, struct rh_batch *ret_batch)
{
    const struct rh_rowset *set = &cursor->rows->set;
    uint64_t left = set->n_rows - cursor->next_row;
    uint64_t n = max_rows > MAX_ROWS ? MAX_ROWS : max_rows ? max_rows : 1;

    if (!left)
        return RH_END;
    ret_batch->n_cols = set->n_cols;
    ret_batch->n_rows = left < n ? left : n;
    ret_batch->cells = set->cells + cursor->next_row * set->n_cols;
    cursor->next_row += ret_batch->n_rows;
    return RH_OK;
}

int rh_my_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
               struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    struct rh_my_rows *rows = cursor->rows;
    int rc = RH_OK;

    if (cursor->failed)
        return rh_fail(error, RH_INVALID, "the cursor has failed before");
    if (cursor->whole)
        return next_of_whole(cursor, max_rows, ret_batch);
    rc = rh_my_enter_cursor(conn, op, error);
    max_rows = max_rows > MAX_ROWS ? MAX_ROWS : max_rows;
    rh_my_rows_clear(rows, max_rows ? max_rows : 1);
    if (!rc)
        rc = rh_my_rows_fetch(rows, error);
    if (!rc)
        rc = rh_my_rows_batch(rows, ret_batch, error);
    if (rc < 0) {
        cursor->failed = true;
        (void)rh_my_rows_abandon(cursor->rows);
    }
    rh_my_leave(conn);
    return rc;
}

/* ---- ending ---- */

void rh_my_cursor_free(struct rh_cursor *cursor)
{
    if (cursor->conn->cursor == cursor)
        cursor->conn->cursor = NULL;
    rh_my_rows_free(cursor->rows);
    free(cursor);
}

void rh_my_finish(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;
    struct rh_op op = {.deadline_us = conn->host->now_us(conn->host) + SOON_US, .cancel_fd = -1};

    if (!conn->broken && (cursor->rows->stmt || cursor->guarded)) {
        (void)rh_my_enter_cursor(conn, &op, NULL);
        (void)rh_my_rows_abandon(cursor->rows);
        if (cursor->guarded && !conn->broken) {
            struct rh_op last;
            rh_my_extend(conn, &last, 1000000);
            if (rh_my_command(conn, "ROLLBACK", NULL))
                conn->broken = true;
        }
        rh_my_leave(conn);
    }
    rh_my_cursor_free(cursor);
}

/* ---- explaining ---- */

int rh_my_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                  struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_sql sql;
    char *copy = NULL;
    int rc = RH_OK;

    rh_sql_init(&sql, &rh_my_dialect, conn);
    rh_sql_select(&sql, query);
    rc = rh_sql_check(&sql, error);
    if (!rc) {
        copy = conn->host->alloc(op->arena, sql.text.len + 1);
        if (copy) {
            memcpy(copy, sql.text.data, sql.text.len);
            *ret_native = rh_text_make(copy, sql.text.len);
        } else {
            rc = rh_fail_nomem(error);
        }
    }
    rh_sql_fini(&sql);
    return rc;
}

/* A number, in whichever type the server gives it. */
static double number_of(const struct rh_value *cell, double otherwise)
{
    double number = otherwise;

    switch (cell->type) {
    case RH_TYPE_FLOAT:
        return cell->as.f;
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
        return (double)cell->as.u;
    case RH_TYPE_TEXT:
    case RH_TYPE_DECIMAL:
        return rh_text_to_f64(rh_kit_value_text(cell), &number) ? number : otherwise;
    default:
        return otherwise;
    }
}

/* EXPLAIN's rows of each table times what the conditions leave of them; those of a query over one
 * table are on its first line, of subqueries on others. */
static int take_estimate(struct rh_conn *conn, MYSQL_STMT *stmt, int64_t *ret_rows,
                         struct rh_error *error)
{
    struct rh_my_rows *rows = rh_my_rows_new(conn, mysql_stmt_field_count(stmt), SIZE_MAX);
    const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(stmt);
    struct rh_batch batch = {.struct_size = sizeof batch};
    double n = 1, share = 100;
    int rc = rows ? rh_my_rows_take(rows, stmt, error) : rh_fail_nomem(error);

    if (rc)
        goto out;
    rh_my_rows_clear(rows, UINT64_MAX);
    rc = rh_my_rows_fetch(rows, error);
    if (!rc)
        rc = rh_my_rows_batch(rows, &batch, error);
    if (rc)
        goto out;
    for (uint32_t i = 0; i < batch.n_cols; i++) {
        const struct rh_value *cell = &batch.cells[i];
        if (strcmp(fields[i].name, "rows") == 0)
            n = number_of(cell, 0); /* NULL: no row can match */
        if (strcmp(fields[i].name, "filtered") == 0)
            share = number_of(cell, 100);
    }
    *ret_rows = (int64_t)(n * share / 100 + 0.5);
out:
    rh_my_rows_free(rows);
    return rc == RH_END ? rh_fail(error, RH_PROTOCOL, "EXPLAIN gave no rows") : rc;
}

int rh_my_estimate(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                   int64_t *ret_rows, struct rh_error *error)
{
    MYSQL_STMT *stmt = NULL;
    struct rh_sql *sql = NULL;
    int rc = rh_my_enter(conn, op, error);

    if (rc)
        goto out;
    sql = rh_my_sql(conn);
    rh_sql_add(sql, conn->mariadb ? "EXPLAIN EXTENDED SELECT 1" : "EXPLAIN SELECT 1");
    rh_sql_from_where(sql, query);
    rc = rh_my_run(conn, sql, &stmt, error);
    if (!rc)
        rc = take_estimate(conn, stmt, ret_rows, error);
out:
    rh_my_leave(conn);
    return rc;
}
