/*
 * A whole result of texts in memory: what catalogue functions and queries give.
 */
#pragma once

#include "connection.h"
#include "connector/rowset.h"

struct rh_odbc_grid {
    struct rh_rowset rows;
    const struct rh_value *cells; /* TEXT or NULL */
    uint64_t n_rows;
    uint32_t n_cols;
};

/* Reads all rows of an executed statement; n_cols: as many of its columns are kept, or fewer where
 * it has fewer (the rest is NULL). ret_grid is to be given to rh_odbc_grid_fini, also after an
 * error. */
int rh_odbc_grid_read(struct rh_conn *conn, SQLHSTMT handle, uint32_t n_cols,
                      struct rh_odbc_grid *ret_grid, struct rh_error *error);
/* Executes the text first. */
int rh_odbc_grid_query(struct rh_conn *conn, const char *text, uint32_t n_cols,
                       struct rh_odbc_grid *ret_grid, struct rh_error *error);
void rh_odbc_grid_fini(struct rh_odbc_grid *grid);
/* No text for NULL. */
struct rh_text rh_odbc_grid_text(const struct rh_odbc_grid *grid, uint64_t row, uint32_t col);
int64_t rh_odbc_grid_int(const struct rh_odbc_grid *grid, uint64_t row, uint32_t col,
                         int64_t otherwise);
