/*
 * The cursor.
 */
#pragma once

#include "rows.h"

/* The vtable's functions. */
int rh_my_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
               struct rh_cursor **ret_cursor, struct rh_error *error);
int rh_my_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
               struct rh_batch *ret_batch, struct rh_error *error);
void rh_my_finish(struct rh_cursor *cursor);
int rh_my_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                  struct rh_text *ret_native, struct rh_error *error);
int rh_my_estimate(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                   int64_t *ret_rows, struct rh_error *error);

/* Takes in all that is on its way, so that the session can be used for something else. */
int rh_my_cursor_settle(struct rh_cursor *cursor, struct rh_error *error);
/* Rows are on their way. */
bool rh_my_cursor_is_streaming(const struct rh_cursor *cursor);
/* Frees without a word to the server. */
void rh_my_cursor_free(struct rh_cursor *cursor);
/* A cursor over rows that are being fetched, or were already (stmt is NULL): takes rows, also on
 * failure (NULL). guarded: a read-only transaction of our own stands around it. */
struct rh_cursor *rh_my_cursor_new(struct rh_conn *conn, struct rh_my_rows *rows, bool guarded);
/* Makes sql ready for the next statement of this connection. */
struct rh_sql *rh_my_sql(struct rh_conn *conn);
