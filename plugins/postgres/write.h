/*
 * Inserting, updating, deleting. A call changes all of its rows or none.
 */
#pragma once

#include "connection.h"

/* Functions of the write group. */
int rh_pg_insert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);
int rh_pg_update(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);
int rh_pg_remove(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);
int rh_pg_upsert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);

/* Takes the result of one statement of a write, and keeps its rows when any are to be returned. */
int rh_pg_returned_add(struct rh_conn *conn, const struct rh_write_spec *spec, PGresult *result,
                       struct rh_error *error);
/* All rows kept, borrowed until rh_pg_returned_free. */
int rh_pg_returned_batch(struct rh_conn *conn, const struct rh_write_spec *spec,
                         struct rh_batch *ret_batch, struct rh_error *error);
/* Frees what the last write returned. */
void rh_pg_returned_free(struct rh_conn *conn);

/* True when all rows can go through COPY: they leave out the same columns, every column has a
 * binary form. [conn] */
bool rh_pg_copy_suits(const struct rh_write_spec *spec);
/* Inserts all rows with one COPY. error.row tells the row at fault where the server does. */
int rh_pg_copy(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               uint64_t *ret_affected, struct rh_error *error);

static inline const struct rh_column *rh_pg_spec_column(const struct rh_write_spec *spec,
                                                        uint32_t i)
{
    return rh_sql_column_at(spec->columns, spec->column_stride, i);
}
