/*
 * Reading.
 *
 * Limits that the dialect cannot say, the cursor counts. PostgreSQL's driver reads large results in
 * slices through a cursor, which outside a transaction the server would copy first: so a large
 * query there is a read transaction of its own, ended with the cursor.
 */
#include "read.h"

#include "rows.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_ROWS 1000
#define MAX_ROWS 1024                /* of a batch */
#define PGOPT_USE_DECLAREFETCH 65539 /* SQL_ATTR_PGOPT_USE_DECLAREFETCH of psqlodbc */
#define FINISH_US 2000000

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_odbc_statement *statement;
    struct rh_odbc_rows rows;
    uint64_t skip; /* rows to go over first */
    uint64_t left; /* rows to deliver at most */
    bool own_tx;
    bool failed;
};

/* ---- building ---- */

static bool is_grouped(const struct rh_query *query)
{
    return query->n_groups || query->n_aggregates;
}

static bool is_locking(const struct rh_query *query)
{
    return (query->flags & RH_QUERY_LOCK) && !is_grouped(query) &&
           !(query->flags & RH_QUERY_DISTINCT);
}

static bool counts_rows(const struct rh_conn *conn, const struct rh_query *query)
{
    bool old = conn->traits.major && conn->traits.major < conn->dialect->paging_since;

    return old || conn->dialect->counts_rows || (conn->dialect->lock_unpaged && is_locking(query));
}

static int build(struct rh_conn *conn, const struct rh_query *query, struct rh_error *error)
{
    const struct rh_odbc_form form = {.dialect = conn->dialect, .utf8 = conn->utf8};
    struct rh_query said = *query;
    int rc = RH_OK;

    if (counts_rows(conn, query)) {
        said.limit = RH_NO_LIMIT;
        said.offset = 0;
    } else if (said.offset && said.limit > INT64_MAX) {
        said.limit = INT64_MAX; /* not every LIMIT clause has an OFFSET of its own */
    }
    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &conn->sql_dialect, &conn->traits);
    rh_sql_select(&conn->sql, &said);
    if (is_locking(query) && conn->dialect->lock_clause)
        rh_sql_add(&conn->sql, conn->dialect->lock_clause);
    rc = rh_sql_check(&conn->sql, error);
    if (rc)
        return rc;
    return rh_odbc_params_load(&conn->params, &form, conn->sql.parameters, conn->sql.n_parameters,
                               NULL, error);
}

static uint32_t n_outputs(const struct rh_query *query)
{
    return is_grouped(query) ? query->n_groups + query->n_aggregates : query->n_select;
}

static uint8_t output_type(const struct rh_query *query, uint32_t i)
{
    uint32_t column = RH_NO_COLUMN;

    if (!is_grouped(query))
        column = query->select[i];
    else if (i < query->n_groups)
        column = query->groups[i].column;
    else
        return (uint8_t)query->aggregates[i - query->n_groups].type;
    if (column >= query->n_columns)
        return RH_TYPE_TEXT;
    return (uint8_t)rh_sql_column_at(query->columns, query->column_stride, column)->type;
}

/* ---- opening ---- */

void rh_odbc_use_slices(struct rh_conn *conn, bool slices)
{
    if (conn->driver == RH_ODBC_DRIVER_PSQLODBC)
        (void)SQLSetConnectAttr(conn->dbc, PGOPT_USE_DECLAREFETCH, (SQLPOINTER)(SQLULEN)slices,
                                SQL_IS_UINTEGER);
}

static bool is_small(const struct rh_query *query)
{
    return query->limit <= SMALL_ROWS || (query->n_aggregates && !query->n_groups);
}

int rh_odbc_cursor_make(struct rh_conn *conn, struct rh_odbc_statement *statement,
                        const uint8_t *types, uint32_t n, uint64_t row_goal, bool own_tx,
                        struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = calloc(1, sizeof *cursor);
    int rc = RH_OK;

    if (!cursor) {
        rh_odbc_release(conn, statement, true);
        return rh_fail_nomem(error);
    }
    cursor->conn = conn;
    cursor->statement = statement;
    cursor->left = UINT64_MAX;
    cursor->own_tx = own_tx;
    rc = rh_odbc_rows_open(&cursor->rows, conn, statement, types, n, row_goal, error);
    if (rc) {
        cursor->own_tx = false; /* the caller's to end */
        rh_odbc_cursor_free(cursor);
        return rc;
    }
    conn->cursor = cursor;
    *ret_cursor = cursor;
    return RH_OK;
}

static uint64_t row_goal_of(const struct rh_query *query)
{
    uint64_t goal = query->flags & RH_QUERY_ROW_GOAL ? query->row_goal : 0;

    return query->limit != RH_NO_LIMIT && (!goal || query->limit < goal) ? query->limit : goal;
}

static int execute(struct rh_conn *conn, const struct rh_query *query, bool own_tx,
                   struct rh_cursor **ret_cursor, struct rh_error *error)
{
    uint32_t n = n_outputs(query);
    uint8_t *types = calloc((size_t)n + 1, 1);
    struct rh_odbc_statement *statement = NULL;
    int rc = types ? RH_OK : rh_fail_nomem(error);

    for (uint32_t i = 0; i < n && !rc; i++)
        types[i] = output_type(query, i);
    if (!rc)
        rc = rh_odbc_start(conn, rh_sql_string(&conn->sql), &conn->params, &statement, error);
    if (!rc)
        rc = rh_odbc_cursor_make(conn, statement, types, n, row_goal_of(query), own_tx, ret_cursor,
                                 error);
    if (!rc && counts_rows(conn, query)) {
        (*ret_cursor)->skip = query->offset;
        (*ret_cursor)->left = query->limit;
    }
    free(types);
    return rc;
}

int rh_odbc_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                 struct rh_cursor **ret_cursor, struct rh_error *error)
{
    int rc = rh_odbc_enter_free(conn, op, error);
    bool own_tx = false;

    if (!rc && conn->cursor)
        rc = rh_fail(error, RH_CONTRACT, "a cursor is open on this connection already");
    if (!rc)
        rc = build(conn, query, error);
    if (rc)
        goto out;
    own_tx = conn->driver == RH_ODBC_DRIVER_PSQLODBC && !conn->in_tx && !is_small(query);
    rh_odbc_use_slices(conn, !is_small(query));
    if (own_tx)
        rc = rh_odbc_set_manual(conn, true, error);
    if (!rc)
        rc = execute(conn, query, own_tx, ret_cursor, error);
    if (rc && own_tx) {
        (void)rh_odbc_end_tran(conn, false, NULL);
        (void)rh_odbc_set_manual(conn, false, NULL);
    }
out:
    rh_odbc_leave(conn);
    return rc;
}

/* ---- reading ---- */

bool rh_odbc_cursor_is_reading(const struct rh_cursor *cursor)
{
    return !cursor->rows.at_end && !cursor->failed;
}

int rh_odbc_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                 struct rh_batch *ret_batch, struct rh_error *error)
{
    int rc = RH_OK;

    if (cursor->failed)
        return rh_fail(error, RH_INVALID, "the cursor has failed before");
    if (cursor->left == 0)
        return RH_END;
    rc = rh_odbc_enter(cursor->conn, op, error);
    if (!rc && cursor->skip) {
        rc = rh_odbc_rows_skip(&cursor->rows, cursor->skip, error);
        cursor->skip = 0;
    }
    if (max_rows > MAX_ROWS)
        max_rows = MAX_ROWS;
    if (max_rows > cursor->left)
        max_rows = (uint32_t)cursor->left;
    if (!rc)
        rc = rh_odbc_rows_next(&cursor->rows, max_rows, ret_batch, error);
    if (!rc && cursor->left != UINT64_MAX)
        cursor->left -= ret_batch->n_rows;
    cursor->failed = rc < 0;
    rh_odbc_leave(cursor->conn);
    return rc;
}

/* ---- ending ---- */

void rh_odbc_cursor_free(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;
    bool stop = rh_odbc_cursor_is_reading(cursor) && conn->driver == RH_ODBC_DRIVER_MARIADB;

    if (stop && cursor->statement->handle && !conn->broken)
        (void)SQLCancel(cursor->statement->handle); /* closing reads all that is left */
    rh_odbc_rows_close(&cursor->rows);
    rh_odbc_release(conn, cursor->statement, stop || cursor->failed);
    if (cursor->own_tx && !conn->broken) {
        if (rh_odbc_end_tran(conn, false, NULL) || rh_odbc_set_manual(conn, false, NULL))
            conn->broken = true;
    }
    if (conn->cursor == cursor)
        conn->cursor = NULL;
    free(cursor);
}

void rh_odbc_finish(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;
    const struct rh_op op = {.deadline_us = conn->host->now_us(conn->host) + FINISH_US,
                             .cancel_fd = -1};

    rh_odbc_watch_arm(&conn->watch, &op);
    rh_odbc_cursor_free(cursor);
    rh_odbc_watch_disarm(&conn->watch);
}

/* ---- explain ---- */

int rh_odbc_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_text *ret_native, struct rh_error *error)
{
    int rc = build(conn, query, error);
    size_t len = conn->sql.text.len;
    char *copy = NULL;

    if (rc)
        return rc;
    copy = conn->host->alloc(op->arena, len + 1);
    if (!copy)
        return rh_fail_nomem(error);
    memcpy(copy, rh_sql_string(&conn->sql), len);
    *ret_native = rh_text_make(copy, len);
    return RH_OK;
}
