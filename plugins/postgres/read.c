/*
 * Reading. A query whose result is known to be small is executed at once, through the cache of
 * prepared statements: one round trip. Everything else is a server-side cursor in a read-only
 * transaction, fetched in slices of about FETCH_BYTES, so memory is bounded whatever the size of the
 * result; BEGIN, DECLARE and the first FETCH share one round trip, and while the host works on one
 * slice the server makes the next.
 *
 * States of a cursor: rows left in `rows` → (ahead) → (in flight) → at the end. After an error it
 * only fails.
 *
 * Rejected: single-row mode (one malloc'ed result per row, and no early end without a cancel
 * request).
 */
#include "read.h"

#include "dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_ROWS 1000 /* a limit up to this makes a plain statement */
#define FIRST_ROWS 128
#define MAX_ROWS 4096
#define MAX_WIDE_ROWS 1024 /* when values may become much larger than those seen so far */
#define FETCH_BYTES (256u * 1024)
#define SOON_US 10000
#define GROWTH 16 /* of the number of rows from one FETCH to the next, at most */

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_pg_native_cursor *native; /* then the rest is not used */
    struct rh_pg_rows *rows;
    int next_row;
    PGresult *ahead; /* the slice after this one, when it was taken in early */
    int asked;       /* rows that the last FETCH asked for */
    int max_rows;    /* … and may ask for */
    uint32_t n_fetches;
    bool declared;  /* there is a cursor at the server */
    bool own_tx;    /* in a transaction of our own */
    bool in_flight; /* a FETCH was sent, its rows are not taken in */
    bool at_end;    /* the server has no more */
    bool failed;
};

/* ---- building ---- */

static int build(struct rh_conn *conn, const struct rh_query *query, const char *before,
                 struct rh_error *error)
{
    int rc = RH_OK;

    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &rh_pg_dialect, conn);
    rh_sql_add(&conn->sql, before);
    rh_sql_select(&conn->sql, query);
    if ((query->flags & RH_QUERY_LOCK) && !(query->flags & RH_QUERY_DISTINCT) &&
        query->n_groups + query->n_aggregates == 0)
        rh_sql_add(&conn->sql, " FOR UPDATE OF t0");
    rc = rh_sql_check(&conn->sql, error);
    return rc ? rc : rh_pg_params_load(&conn->params, &conn->sql, error);
}

static struct rh_pg_rows *rows_for(const struct rh_query *query)
{
    bool grouped = query->n_groups || query->n_aggregates;
    uint32_t n = grouped ? query->n_groups + query->n_aggregates : query->n_select;
    struct rh_pg_rows *rows = rh_pg_rows_new(n);

    for (uint32_t i = 0; rows && i < n; i++) {
        uint32_t column = RH_NO_COLUMN;
        if (!grouped)
            column = query->select[i];
        else if (i < query->n_groups)
            column = query->groups[i].column;
        else
            rows->types[i] = (uint8_t)query->aggregates[i - query->n_groups].type;
        if (column < query->n_columns)
            rows->types[i] =
                (uint8_t)rh_sql_column_at(query->columns, query->column_stride, column)->type;
    }
    return rows;
}

/* ---- opening ---- */

static int most_rows(const struct rh_pg_rows *rows)
{
    for (uint32_t i = 0; i < rows->n_cols; i++) {
        if (rows->types[i] == RH_TYPE_TEXT || rows->types[i] == RH_TYPE_BYTES ||
            rows->types[i] == RH_TYPE_JSON)
            return MAX_WIDE_ROWS;
    }
    return MAX_ROWS;
}

static bool is_small(const struct rh_query *query)
{
    return query->limit <= PLAIN_ROWS || (query->n_aggregates && !query->n_groups);
}

static int open_plain(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    PGresult *result = NULL;
    int rc = rh_pg_run_prepared(conn, op, rh_sql_string(&conn->sql), &conn->params, &result, error);

    cursor->at_end = true;
    return rc ? rc : rh_pg_rows_take(cursor->rows, result, error);
}

static void fetch_text(char text[64], int rows)
{
    (void)snprintf(text, 64, "FETCH FORWARD %d FROM rh_cursor", rows);
}

/* Takes a slice in: what is known of its rows decides on the next. */
static int take_slice(struct rh_cursor *cursor, PGresult *result, struct rh_error *error)
{
    int rc = RH_OK, n = 0;

    rc = rh_pg_rows_take(cursor->rows, result, error);
    cursor->next_row = 0;
    n = cursor->rows->n_rows;
    if (n < cursor->asked) {
        cursor->at_end = true;
    } else {
        size_t bytes = PQresultMemorySize(result) / (size_t)n + 1;
        size_t rows = FETCH_BYTES / bytes + 1;
        if (rows > (size_t)cursor->asked * GROWTH)
            rows = (size_t)cursor->asked * GROWTH;
        cursor->asked = rows > (size_t)cursor->max_rows ? cursor->max_rows : (int)rows;
    }
    return rc;
}

static int open_cursor(struct rh_cursor *cursor, const struct rh_op *op,
                       const struct rh_query *query, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    bool own_tx = PQtransactionStatus(conn->pg) == PQTRANS_IDLE;
    bool goal =
        (query->flags & RH_QUERY_ROW_GOAL) && query->row_goal > 0 && query->row_goal <= PLAIN_ROWS;
    const char *begin = query->flags & RH_QUERY_LOCK ? "BEGIN" : "BEGIN TRANSACTION READ ONLY";
    PGresult *result = NULL;
    char fetch[64];
    int rc = RH_OK, ended = RH_OK;

    cursor->asked = goal ? (int)query->row_goal : FIRST_ROWS;
    cursor->max_rows = most_rows(cursor->rows);
    fetch_text(fetch, cursor->asked);
    rc = rh_pg_pipe_begin(conn, error);
    if (!rc && own_tx)
        rc = rh_pg_pipe_send(conn, NULL, begin, NULL, error);
    if (!rc && own_tx && goal)
        rc = rh_pg_pipe_send(conn, NULL, "SET LOCAL cursor_tuple_fraction=0.01", NULL, error);
    if (!rc)
        rc = rh_pg_pipe_send(conn, NULL, rh_sql_string(&conn->sql), &conn->params, error);
    if (!rc)
        rc = rh_pg_pipe_send(conn, NULL, fetch, NULL, error);
    if (!rc)
        rc = rh_pg_pipe_sync(conn, error);
    if (!rc && own_tx)
        rc = rh_pg_pipe_result(conn, op, NULL, error);
    if (!rc && own_tx && goal)
        rc = rh_pg_pipe_result(conn, op, NULL, error);
    if (!rc)
        rc = rh_pg_pipe_result(conn, op, NULL, error);
    if (!rc)
        rc = rh_pg_pipe_result(conn, op, &result, error);
    ended = rh_pg_pipe_end(conn, op, error);
    rc = rc ? rc : ended;
    cursor->own_tx = own_tx;
    if (rc) {
        PQclear(result);
        return rc;
    }
    cursor->declared = true;
    cursor->n_fetches = 1;
    return take_slice(cursor, result, error);
}

int rh_pg_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
               struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    bool small = is_small(query);
    int rc = rh_pg_enter(conn, op, error);

    if (!rc && conn->cursor)
        rc = rh_fail(error, RH_CONTRACT, "a cursor is open on this connection already");
    if (rc)
        goto out;
    cursor = calloc(1, sizeof *cursor);
    if (cursor)
        cursor->rows = rows_for(query);
    if (!cursor || !cursor->rows) {
        free(cursor);
        cursor = NULL;
        rc = rh_fail_nomem(error);
        goto out;
    }
    cursor->conn = conn;
    rc = build(conn, query, small ? "" : "DECLARE rh_cursor NO SCROLL CURSOR FOR ", error);
    if (rc)
        goto out;
    rc = small ? open_plain(cursor, op, error) : open_cursor(cursor, op, query, error);
out:
    if (rc) {
        if (cursor)
            rh_pg_finish(cursor);
    } else {
        conn->cursor = cursor;
        *ret_cursor = cursor;
    }
    rh_pg_leave(conn);
    return rc;
}

/* ---- reading ---- */

static int send_fetch(struct rh_cursor *cursor, struct rh_error *error)
{
    char text[64];

    fetch_text(text, cursor->asked);
    if (!PQsendQueryParams(cursor->conn->pg, text, 0, NULL, NULL, NULL, NULL, 1) ||
        PQflush(cursor->conn->pg) < 0)
        return rh_pg_lost(cursor->conn, error);
    cursor->in_flight = true;
    cursor->n_fetches++;
    return RH_OK;
}

int rh_pg_cursor_settle(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int rc = RH_OK;

    if (cursor->native)
        return rh_pg_native_is_streaming(cursor->native)
                   ? rh_fail(error, RH_BUSY, "the rows of a native query are still being read")
                   : RH_OK;
    if (!cursor->in_flight)
        return RH_OK;
    cursor->in_flight = false;
    rc = rh_pg_finish_statement(cursor->conn, op, &cursor->ahead, error);
    cursor->failed = rc != RH_OK;
    return rc;
}

static int next_slice(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    PGresult *result = NULL;
    int rc = RH_OK;

    if (!cursor->ahead) {
        if (!cursor->in_flight) {
            rc = rh_pg_settle(cursor->conn, op, error);
            rc = rc ? rc : send_fetch(cursor, error);
        }
        if (!rc)
            rc = rh_pg_cursor_settle(cursor, op, error);
        if (rc)
            return rc;
    }
    result = cursor->ahead;
    cursor->ahead = NULL;
    rc = take_slice(cursor, result, error);
    /* The host came back for a third slice, so it will for a fourth. Not inside its transaction: a
     * FETCH that must be cancelled would take that with it. */
    if (!rc && !cursor->at_end && cursor->own_tx && cursor->n_fetches >= 2)
        rc = send_fetch(cursor, error);
    return rc;
}

int rh_pg_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
               struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    int rc = RH_OK, n = 0;

    if (cursor->native)
        return rh_pg_native_next(cursor->native, op, max_rows, ret_batch, error);
    if (cursor->failed)
        return rh_fail(error, RH_INVALID, "the cursor has failed before");
    rc = rh_pg_enter_cursor(conn, op, error);
    if (rc)
        goto out;
    if (cursor->next_row == cursor->rows->n_rows) {
        if (!cursor->at_end)
            rc = next_slice(cursor, op, error);
        if (!rc && cursor->next_row == cursor->rows->n_rows)
            rc = RH_END;
    }
    if (rc)
        goto out;
    n = cursor->rows->n_rows - cursor->next_row;
    if ((uint32_t)n > max_rows)
        n = max_rows ? (int)max_rows : 1;
    rc = rh_pg_rows_decode(cursor->rows, cursor->next_row, n, ret_batch, error);
    cursor->next_row += n;
out:
    if (rc < 0)
        cursor->failed = true;
    rh_pg_leave(conn);
    return rc;
}

/* ---- ending ---- */

void rh_pg_cursor_free(struct rh_cursor *cursor)
{
    if (cursor->native)
        rh_pg_native_free(cursor->native);
    PQclear(cursor->ahead);
    rh_pg_rows_free(cursor->rows);
    if (cursor->conn->cursor == cursor)
        cursor->conn->cursor = NULL;
    free(cursor);
}

/* Sends without waiting for the answer, which the next call on the session takes in. */
static void send_last(struct rh_conn *conn, const char *text)
{
    if (!PQsendQuery(conn->pg, text) || PQflush(conn->pg) < 0)
        conn->broken = true;
    else
        conn->owed = true;
}

/* A FETCH that is not answered soon may be long work: it is cancelled. */
static void end_fetch(struct rh_cursor *cursor)
{
    if (rh_pg_await(cursor->conn, SOON_US))
        cursor->conn->owed = true;
    else
        rh_pg_interrupt(cursor->conn);
    cursor->in_flight = false;
}

void rh_pg_finish(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;
    PGTransactionStatusType status = PQTRANS_IDLE;

    if (cursor->native)
        rh_pg_native_finish(cursor->native);
    if (!conn->broken && cursor->in_flight)
        end_fetch(cursor);
    if (!conn->broken && conn->owed && (cursor->own_tx || cursor->declared)) {
        struct rh_op op = {.deadline_us = conn->host->now_us(conn->host) + 1000000,
                           .cancel_fd = -1};
        if (conn->cursor == cursor)
            conn->cursor = NULL;
        (void)rh_pg_settle(conn, &op, NULL);
    }
    if (!conn->broken) {
        status = PQtransactionStatus(conn->pg);
        if (cursor->own_tx && status != PQTRANS_IDLE)
            send_last(conn, "ROLLBACK");
        else if (cursor->declared && status == PQTRANS_INTRANS)
            send_last(conn, "CLOSE rh_cursor");
    }
    rh_pg_cursor_free(cursor);
}

struct rh_cursor *rh_pg_cursor_of_native(struct rh_conn *conn, struct rh_pg_native_cursor *native)
{
    struct rh_cursor *cursor = calloc(1, sizeof *cursor);

    if (!cursor) {
        rh_pg_native_free(native);
        return NULL;
    }
    cursor->conn = conn;
    cursor->native = native;
    conn->cursor = cursor;
    return cursor;
}

/* ---- explaining ---- */

int rh_pg_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                  struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_sql sql;
    char *copy = NULL;
    int rc = RH_OK;

    rh_sql_init(&sql, &rh_pg_dialect, conn);
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

int rh_pg_estimate(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                   int64_t *ret_rows, struct rh_error *error)
{
    static const char label[] = "\"Plan Rows\":";
    PGresult *result = NULL;
    const char *found = NULL;
    int rc = rh_pg_enter(conn, op, error);

    if (rc)
        goto out;
    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &rh_pg_dialect, conn);
    rh_sql_add(&conn->sql, "EXPLAIN (FORMAT JSON) SELECT 1");
    rh_sql_from_where(&conn->sql, query);
    rc = rh_sql_check(&conn->sql, error);
    if (!rc)
        rc = rh_pg_params_load(&conn->params, &conn->sql, error);
    if (!rc)
        rc = rh_pg_run(conn, op, rh_sql_string(&conn->sql), &conn->params, 0, &result, error);
    if (rc)
        goto out;
    if (PQntuples(result) > 0)
        found = strstr(PQgetvalue(result, 0, 0), label); /* the first is the topmost node's */
    if (found)
        *ret_rows = strtoll(found + sizeof label - 1, NULL, 10);
    else
        rc = rh_fail(error, RH_PROTOCOL, "EXPLAIN gave no number of rows");
out:
    PQclear(result);
    rh_pg_leave(conn);
    return rc;
}
