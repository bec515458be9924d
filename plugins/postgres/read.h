/*
 * Rows from results, and the cursor that reads them.
 */
#pragma once

#include "connection.h"

#include <rowhouse/query.h>
#include <rowhouse/value.h>

/* Decodes slices of a binary result, or of many results of one row each. Texts, bytes and UUIDs
 * point into the results themselves. */
struct rh_pg_rows {
    PGresult *result; /* owned, may be NULL */
    PGresult **parts; /* instead: one per row, owned */
    int cap_parts;
    int n_rows;
    uint32_t n_cols;
    uint32_t n_intervals;   /* columns of that type */
    uint8_t *types;         /* RH_TYPE_* that each column shall have */
    uint8_t *decoders;      /* chosen from the result's own types */
    struct rh_value *cells; /* reused from slice to slice */
    size_t cap_cells;
    struct rh_interval *intervals;
    size_t cap_intervals;
};

/* For that many columns; types are set by the caller. NULL when out of memory. */
struct rh_pg_rows *rh_pg_rows_new(uint32_t n_cols);
/* NULL is allowed. */
void rh_pg_rows_free(struct rh_pg_rows *rows);
/* Takes the result in place of the one before. PROTOCOL when its columns are not as expected. */
int rh_pg_rows_take(struct rh_pg_rows *rows, PGresult *result, struct rh_error *error);
/* Adds a result of one row, which it takes; those before stay. PROTOCOL as above. */
int rh_pg_rows_add(struct rh_pg_rows *rows, PGresult *result, struct rh_error *error);
/* Frees the results. */
void rh_pg_rows_clear(struct rh_pg_rows *rows);
/* Rows [first, first + n) as a batch, borrowed until the next call on rows. */
int rh_pg_rows_decode(struct rh_pg_rows *rows, int first, int n, struct rh_batch *ret_batch,
                      struct rh_error *error);

/* The vtable's functions. */
int rh_pg_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
               struct rh_cursor **ret_cursor, struct rh_error *error);
int rh_pg_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
               struct rh_batch *ret_batch, struct rh_error *error);
void rh_pg_finish(struct rh_cursor *cursor);
int rh_pg_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                  struct rh_text *ret_native, struct rh_error *error);
int rh_pg_estimate(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                   int64_t *ret_rows, struct rh_error *error);

/* Takes in a FETCH that is on its way, so that the session can be used for something else. */
int rh_pg_cursor_settle(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error);
/* Frees without a word to the server. */
void rh_pg_cursor_free(struct rh_cursor *cursor);

/* A cursor of native.c: read by rh_pg_next and ended by rh_pg_finish through these. */
struct rh_pg_native_cursor;
int rh_pg_native_next(struct rh_pg_native_cursor *native, const struct rh_op *op, uint32_t max_rows,
                      struct rh_batch *ret_batch, struct rh_error *error);
bool rh_pg_native_is_streaming(const struct rh_pg_native_cursor *native);
void rh_pg_native_finish(struct rh_pg_native_cursor *native);
void rh_pg_native_free(struct rh_pg_native_cursor *native);
/* Makes the cursor that stands for it; takes native (also on failure: NULL). */
struct rh_cursor *rh_pg_cursor_of_native(struct rh_conn *conn, struct rh_pg_native_cursor *native);
