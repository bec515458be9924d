/*
 * Reading: the cursor of a query or a native statement.
 */
#pragma once

#include "connection.h"

#include <rowhouse/query.h>

/* The vtable's functions. */
int rh_odbc_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                 struct rh_cursor **ret_cursor, struct rh_error *error);
int rh_odbc_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                 struct rh_batch *ret_batch, struct rh_error *error);
void rh_odbc_finish(struct rh_cursor *cursor);
int rh_odbc_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_text *ret_native, struct rh_error *error);

/* Whether rows are still to come. */
bool rh_odbc_cursor_is_reading(const struct rh_cursor *cursor);
/* Frees and closes; never fails. */
void rh_odbc_cursor_free(struct rh_cursor *cursor);
/* A cursor over an executed statement, which it takes (also on failure). types: RH_TYPE_* of its n
 * columns. own_tx: ends the transaction with it. */
int rh_odbc_cursor_make(struct rh_conn *conn, struct rh_odbc_statement *statement,
                        const uint8_t *types, uint32_t n, uint64_t row_goal, bool own_tx,
                        struct rh_cursor **ret_cursor, struct rh_error *error);
/* The driver hands out large results in slices (PostgreSQL's declares a cursor), or at once. */
void rh_odbc_use_slices(struct rh_conn *conn, bool slices);
