/*
 * The rows that a write returns, kept until the next call on the connection, as one batch.
 */
#pragma once

#include "rows.h"

/* Frees what the last write returned. */
void rh_my_returned_free(struct rh_conn *conn);
/* Makes room for rows of the spec's returning columns. */
int rh_my_returned_start(struct rh_conn *conn, const struct rh_write_spec *spec,
                         struct rh_error *error);
/* Takes the rows of a statement that was just executed; ret_n: how many. */
int rh_my_returned_add(struct rh_conn *conn, MYSQL_STMT *stmt, uint64_t *ret_n,
                       struct rh_error *error);
/* All rows kept, borrowed until rh_my_returned_free. */
int rh_my_returned_batch(struct rh_conn *conn, struct rh_batch *ret_batch, struct rh_error *error);
