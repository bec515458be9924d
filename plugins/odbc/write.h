/*
 * Inserting, updating, deleting. A call changes all of its rows or none.
 */
#pragma once

#include "connection.h"

/* Functions of the write group. */
int rh_odbc_insert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error);
int rh_odbc_update(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error);
int rh_odbc_remove(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error);
int rh_odbc_upsert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                   struct rh_write_result *ret_result, struct rh_error *error);

/* ---- rows that a write returns (returned.c) ---- */

/* Starts anew for that many columns. */
int rh_odbc_returned_start(struct rh_conn *conn, uint32_t n_columns, struct rh_error *error);
/* Takes all rows of the executed statement, as the spec's `returning` describes them. */
int rh_odbc_returned_take(struct rh_conn *conn, const struct rh_write_spec *spec,
                          struct rh_odbc_statement *statement, uint64_t *ret_n,
                          struct rh_error *error);
/* Reads the row back by its key and adds it: for dialects whose statements return nothing.
 * after_update: a key column that is also set has its new value. n_found may be NULL. */
int rh_odbc_returned_read(struct rh_conn *conn, const struct rh_write_spec *spec, uint64_t row,
                          bool after_update, uint64_t *ret_n, struct rh_error *error);
/* The same for a row that was inserted, whose key may be counted by the database. */
int rh_odbc_returned_inserted(struct rh_conn *conn, const struct rh_write_spec *spec, uint64_t row,
                              struct rh_error *error);
int rh_odbc_returned_batch(struct rh_conn *conn, struct rh_batch *ret_batch,
                           struct rh_error *error);
void rh_odbc_returned_free(struct rh_conn *conn);

static inline const struct rh_column *rh_odbc_spec_column(const struct rh_write_spec *spec,
                                                          uint32_t i)
{
    return rh_sql_column_at(spec->columns, spec->column_stride, i);
}
