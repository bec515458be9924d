/*
 * Reading: cursors over statements, and what the planner says.
 */
#pragma once

#include "connection.h"
#include "output.h"

struct rh_cursor {
    struct rh_conn *conn;
    sqlite3_stmt *stmt; /* NULL after the last row */
    struct rh_rowset rows;
    struct rh_sqlite_output *outputs;
    bool on_row;              /* the statement stands on a row that was not delivered yet */
    bool is_native;           /* stmt is the cursor's own */
    struct rh_batch buffered; /* rows that a native write returned, from the `at`-th on */
    uint64_t at;
};

int32_t rh_sqlite_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                       struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_sqlite_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                       struct rh_batch *ret_batch, struct rh_error *error);
void rh_sqlite_finish(struct rh_cursor *cursor);
int32_t rh_sqlite_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                       struct rh_error *error);
int32_t rh_sqlite_explain(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_query *query, struct rh_text *ret_native,
                          struct rh_error *error);

/* A cursor with room for n_outputs; it becomes the connection's. NULL when out of memory. */
struct rh_cursor *rh_sqlite_cursor_new(struct rh_conn *conn, uint32_t n_outputs);
/* Native writes: reads all rows now, so that the statement can be ended and its outcome known. The
 * statement stands on its first row and stays the caller's. RESOURCE above the budget. */
int rh_sqlite_cursor_buffer(struct rh_cursor *cursor, sqlite3_stmt *stmt, uint64_t budget,
                            struct rh_error *error);
/* A text for the host, from the op's arena. */
int rh_sqlite_give_text(struct rh_conn *conn, const struct rh_op *op, struct rh_text text,
                        struct rh_text *ret_text, struct rh_error *error);
