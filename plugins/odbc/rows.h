/*
 * Rows of an executed statement as batches.
 *
 * When every column has a bounded width, rows come in blocks into buffers that are bound to the
 * columns, and cells point into them where no conversion is needed and a block is large enough for a
 * batch. Otherwise rows come one by one, into bound buffers all the same. A value that turns out to be
 * longer than its buffer is read once more, in pieces; in a block by its position. A driver that cannot
 * read a bound column again has none bound.
 */
#pragma once

#include "connection.h"
#include "connector/rowset.h"

#include <rowhouse/value.h>

struct rh_odbc_cell; /* how a column is read */

struct rh_odbc_rows {
    struct rh_conn *conn;
    struct rh_odbc_statement *statement; /* borrowed */
    struct rh_odbc_cell *cells;
    uint32_t n_cols;
    char *bound; /* the buffers of a block, column by column */
    SQLLEN *lengths;
    SQLUSMALLINT *statuses;
    SQLULEN n_fetched;   /* rows in the block at hand */
    SQLULEN next_row;    /* of them, the first not delivered */
    uint32_t block_rows; /* 1: no block */
    bool copies;         /* cells do not point into the block */
    bool at_end;
    bool in_pieces; /* columns are not bound */
    char *piece;    /* of a long value */
    size_t cap_piece;
    struct rh_rowset out;
};

/* types: RH_TYPE_* of each column of the result; row_goal: rows that will be read at most, 0 = not
 * known. The statement must outlive the rows. */
int rh_odbc_rows_open(struct rh_odbc_rows *rows, struct rh_conn *conn,
                      struct rh_odbc_statement *statement, const uint8_t *types, uint32_t n,
                      uint64_t row_goal, struct rh_error *error);
/* Up to max_rows rows, borrowed until the next call; RH_END after the last. */
int rh_odbc_rows_next(struct rh_odbc_rows *rows, uint32_t max_rows, struct rh_batch *ret_batch,
                      struct rh_error *error);
/* Goes over n rows; RH_END when there are not so many. */
int rh_odbc_rows_skip(struct rh_odbc_rows *rows, uint64_t n, struct rh_error *error);
void rh_odbc_rows_close(struct rh_odbc_rows *rows);
