/*
 * Reading. A query whose result is known to be small is executed at once, through the cache of
 * prepared statements: one round trip. Everything else is a server-side cursor in a read-only
 * transaction, fetched in slices of about FETCH_BYTES, so memory is bounded whatever the size of the
 * result; BEGIN, DECLARE and the first FETCH share one round trip, and while the host works on one
 * slice the server makes the next.
 *
 * How many rows make FETCH_BYTES is known from those before. Where the table has values out of line
 * (TOAST), the next rows may yet be a thousand times larger: they are taken one by one (libpq's
 * single-row mode), and a slice ends when it has SLICE_BYTES, wherever the FETCH is then; the server
 * waits with the rest. This costs 0.3 us a row, so tables without such values are read slice by slice:
 * there a row has 8 kB, or what was compressed into that.
 *
 * States of a cursor: rows left in `rows` → (ahead) → (in flight) → at the end. After an error it
 * only fails.
 *
 * Rejected: single-row mode without a cursor (no early end without a cancel request).
 */
#include "read.h"

#include "dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_ROWS 1000 /* a limit up to this makes a plain statement */
#define FIRST_ROWS 128
#define MAX_ROWS 4096
#define FETCH_BYTES (256u * 1024)
#define SLICE_BYTES (1024u * 1024) /* at least, where rows are taken one by one */
/* When values may become much larger than those seen so far: */
#define PLAIN_WIDE_ROWS 128
#define FIRST_WIDE_ROWS 32
#define MAX_WIDE_ROWS 1024
#define SOON_US 10000
#define GROWTH 16 /* of the number of rows from one FETCH to the next, at most */

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_pg_native_cursor *native; /* then the rest is not used */
    struct rh_pg_rows *rows;
    int next_row;
    PGresult *ahead; /* the slice after this one, when it was taken in early */
    int asked;       /* rows that the last FETCH asked for */
    int taken;       /* … and that have been taken one by one */
    size_t bytes;    /* … with so many bytes */
    uint32_t n_fetches;
    bool wide;       /* there are columns without a size */
    bool one_by_one; /* … and the table has large values in them: rows are taken singly */
    bool declared;   /* there is a cursor at the server */
    bool own_tx;     /* in a transaction of our own */
    bool in_flight;  /* a FETCH was sent, its rows are not taken in */
    bool at_end;     /* the server has no more */
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

static bool is_wide(const struct rh_pg_rows *rows)
{
    for (uint32_t i = 0; i < rows->n_cols; i++) {
        if (rows->types[i] == RH_TYPE_TEXT || rows->types[i] == RH_TYPE_BYTES ||
            rows->types[i] == RH_TYPE_JSON)
            return true;
    }
    return false;
}

static bool is_small(const struct rh_query *query, bool wide)
{
    return query->limit <= (wide ? PLAIN_WIDE_ROWS : PLAIN_ROWS) ||
           (query->n_aggregates && !query->n_groups);
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

/* What is known of the rows decides on how many the next FETCH asks for. */
static void plan_fetch(struct rh_cursor *cursor, size_t n, size_t bytes)
{
    size_t rows = FETCH_BYTES / (bytes / n + 1) + 1, most = cursor->wide ? MAX_WIDE_ROWS : MAX_ROWS;

    if (n < (size_t)cursor->asked) {
        cursor->at_end = true;
        return;
    }
    if (rows > n * GROWTH)
        rows = n * GROWTH;
    cursor->asked = (int)(rows > most ? most : rows);
}

static int take_slice(struct rh_cursor *cursor, PGresult *result, struct rh_error *error)
{
    size_t n = (size_t)PQntuples(result);

    if (n)
        plan_fetch(cursor, n, PQresultMemorySize(result));
    else
        cursor->at_end = true;
    cursor->next_row = 0;
    return rh_pg_rows_take(cursor->rows, result, error);
}

/* Whether all rows of a table are in its pages. Nothing is said of views and partitioned tables. */
static const char is_compact_sql[] =
    "SELECT c.relkind IN ('r', 'm') AND (c.reltoastrelid = 0 OR pg_relation_size(c.reltoastrelid) "
    "= 0)"
    " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = $2";

static int send_is_compact(struct rh_conn *conn, const struct rh_query *query,
                           struct rh_error *error)
{
    const struct rh_text names[] = {query->schema, query->table};
    struct rh_pg_params params;
    int rc = RH_OK;

    rh_pg_params_init(&params);
    for (int i = 0; !rc && i < 2; i++) {
        const struct rh_value name = {
            .type = RH_TYPE_TEXT, .len = (uint32_t)names[i].len, .as.data = names[i].data};
        rc = rh_pg_params_add_untyped(&params, &name, error);
    }
    if (!rc) {
        rh_pg_params_seal(&params);
        rc = rh_pg_pipe_send(conn, NULL, is_compact_sql, &params, error);
    }
    rh_pg_params_fini(&params);
    return rc;
}

static int take_is_compact(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    PGresult *result = NULL;
    int rc = rh_pg_pipe_result(cursor->conn, op, &result, error);

    if (rc)
        return rc;
    cursor->one_by_one = PQntuples(result) != 1 || PQgetlength(result, 0, 0) != 1 ||
                         PQgetvalue(result, 0, 0)[0] != 1;
    PQclear(result);
    return RH_OK;
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
    if (cursor->wide && cursor->asked > FIRST_WIDE_ROWS)
        cursor->asked = FIRST_WIDE_ROWS;
    fetch_text(fetch, cursor->asked);
    rc = rh_pg_pipe_begin(conn, error);
    if (!rc && own_tx)
        rc = rh_pg_pipe_send(conn, NULL, begin, NULL, error);
    if (!rc && own_tx && goal)
        rc = rh_pg_pipe_send(conn, NULL, "SET LOCAL cursor_tuple_fraction=0.01", NULL, error);
    if (!rc && cursor->wide)
        rc = send_is_compact(conn, query, error);
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
    if (!rc && cursor->wide)
        rc = take_is_compact(cursor, op, error);
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
    bool small = false;
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
    cursor->wide = is_wide(cursor->rows);
    small = is_small(query, cursor->wide);
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
    PGconn *pg = cursor->conn->pg;
    char text[64];

    fetch_text(text, cursor->asked);
    if (!PQsendQueryParams(pg, text, 0, NULL, NULL, NULL, NULL, 1) ||
        (cursor->one_by_one && !PQsetSingleRowMode(pg)) || PQflush(pg) < 0)
        return rh_pg_lost(cursor->conn, error);
    cursor->conn->single_row = cursor->one_by_one;
    cursor->in_flight = true;
    cursor->taken = 0;
    cursor->bytes = 0;
    cursor->n_fetches++;
    return RH_OK;
}

/* The one row of a result. */
static int take_row(struct rh_cursor *cursor, PGresult *result, struct rh_error *error)
{
    cursor->taken++;
    for (int i = 0; i < PQnfields(result); i++)
        cursor->bytes += (size_t)PQgetlength(result, 0, i) + sizeof(struct rh_value);
    return rh_pg_rows_add(cursor->rows, result, error);
}

/* Adds rows of the FETCH to the slice until this has `enough` bytes, or the FETCH is at its end. */
static int take_rows(struct rh_cursor *cursor, const struct rh_op *op, size_t enough,
                     struct rh_error *error)
{
    size_t before = cursor->bytes;
    int failure = RH_OK;

    while (failure || cursor->bytes - before < enough) {
        PGresult *result = NULL;
        int rc = rh_pg_next_result(cursor->conn, op, &result, error);
        if (rc) {
            cursor->in_flight = false;
            return rc;
        }
        if (!result)
            break;
        if (!failure && PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
            failure = take_row(cursor, result, error);
            continue;
        }
        if (!failure)
            failure = rh_pg_check(result, error);
        PQclear(result);
    }
    if (!failure && cursor->bytes - before >= enough)
        return RH_OK;
    cursor->in_flight = false;
    if (!failure && cursor->conn->broken)
        failure = rh_pg_lost(cursor->conn, error);
    if (!failure && cursor->taken)
        plan_fetch(cursor, (size_t)cursor->taken, cursor->bytes);
    else
        cursor->at_end = true;
    return failure;
}

/* Also the mode ends: in a pipeline libpq would go on row by row. */
static int settle_rows(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int rc = cursor->in_flight ? take_rows(cursor, op, SIZE_MAX, error) : RH_OK;

    cursor->failed = cursor->failed || rc != RH_OK;
    if (rc || !cursor->conn->single_row)
        return rc;
    cursor->conn->single_row = false;
    return rh_pg_command(cursor->conn, op, "", error);
}

int rh_pg_cursor_settle(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int rc = RH_OK;

    if (cursor->native)
        return rh_pg_native_is_streaming(cursor->native)
                   ? rh_fail(error, RH_BUSY, "the rows of a native query are still being read")
                   : RH_OK;
    if (cursor->one_by_one)
        return settle_rows(cursor, op, error);
    if (!cursor->in_flight)
        return RH_OK;
    cursor->in_flight = false;
    rc = rh_pg_finish_statement(cursor->conn, op, &cursor->ahead, error);
    cursor->failed = rc != RH_OK;
    return rc;
}

/* The host came back for a third slice, so it will for a fourth. Not inside its transaction: a FETCH
 * that must be cancelled would take that with it. */
static int fetch_ahead(struct rh_cursor *cursor, struct rh_error *error)
{
    if (cursor->in_flight || cursor->at_end || !cursor->own_tx || cursor->n_fetches < 2)
        return RH_OK;
    return send_fetch(cursor, error);
}

static int begin_fetch(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int rc = RH_OK;

    if (cursor->in_flight)
        return RH_OK;
    cursor->conn->single_row = false; /* what is sent next ends the mode */
    rc = rh_pg_settle(cursor->conn, op, error);
    return rc ? rc : send_fetch(cursor, error);
}

static int next_rows(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int rc = RH_OK;

    rh_pg_rows_clear(cursor->rows);
    cursor->next_row = 0;
    while (!rc && !cursor->rows->n_rows && !cursor->at_end) {
        rc = begin_fetch(cursor, op, error);
        if (!rc)
            rc = take_rows(cursor, op, SLICE_BYTES, error);
    }
    return rc ? rc : fetch_ahead(cursor, error);
}

static int next_slice(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    PGresult *result = NULL;
    int rc = RH_OK;

    if (cursor->one_by_one)
        return next_rows(cursor, op, error);
    if (!cursor->ahead) {
        rc = begin_fetch(cursor, op, error);
        if (!rc)
            rc = rh_pg_cursor_settle(cursor, op, error);
        if (rc)
            return rc;
    }
    result = cursor->ahead;
    cursor->ahead = NULL;
    rc = take_slice(cursor, result, error);
    return rc ? rc : fetch_ahead(cursor, error);
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
        if (!cursor->at_end || cursor->in_flight)
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
    conn->single_row = false;
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
