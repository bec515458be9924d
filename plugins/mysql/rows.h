/*
 * Rows of a statement's result: fetched one by one in the binary protocol and decoded straight from
 * the network buffer into a batch.
 */
#pragma once

#include "cell.h"
#include "connection.h"
#include "connector/rowset.h"

struct rh_my_rows {
    struct rh_conn *conn;
    MYSQL_STMT *stmt;             /* NULL: nothing is left to be fetched */
    struct rh_rowset set;         /* cells; n_bytes is what the decoder took for them */
    struct rh_my_column *columns; /* types are the caller's */
    struct rh_my_decoder decoder;
    struct rh_value *row;         /* being decoded … */
    const unsigned char *row_end; /* … from what ends here */
    bool malformed;
    bool to_the_end; /* what the server has done is taken, also behind the end of the operation */
};

#define RH_MY_BATCH_BYTES (256u * 1024)

/* For that many columns; types are set by the caller. NULL when out of memory. */
struct rh_my_rows *rh_my_rows_new(struct rh_conn *conn, uint32_t n_cols, size_t max_bytes);
/* NULL is allowed. Drops nothing: see rh_my_drop. */
void rh_my_rows_free(struct rh_my_rows *rows);
/* Begins with the result of a statement that was just executed. Of columns whose type is
 * RH_TYPE_MISSING, it takes that of the result. */
int rh_my_rows_take(struct rh_my_rows *rows, MYSQL_STMT *stmt, struct rh_error *error);
/* Starts a batch of at most max_rows rows. */
void rh_my_rows_clear(struct rh_my_rows *rows, uint64_t max_rows);
/* The batch, borrowed until the next clear; RH_END when it has no rows. */
int rh_my_rows_batch(struct rh_my_rows *rows, struct rh_batch *ret_batch, struct rh_error *error);
/* Fetches rows until the set has no room (rh_my_rows_clear sets how much) or the result ends; then
 * stmt is NULL. */
int rh_my_rows_fetch(struct rh_my_rows *rows, struct rh_error *error);
/* Drops what is left of the result. False when the server had not ended the statement with an error
 * by then: it has done all that it was to do. */
bool rh_my_rows_abandon(struct rh_my_rows *rows);
