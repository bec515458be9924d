/* See grid.h. */
#include "grid.h"

#include "rows.h"

#define MAX_GRID_BYTES ((size_t)256 << 20)
#define BATCH_ROWS 1000

static int add_batch(struct rh_odbc_grid *grid, const struct rh_batch *batch,
                     struct rh_error *error)
{
    struct rh_rowset *to = &grid->rows;

    for (uint64_t row = 0; row < batch->n_rows; row++) {
        struct rh_value *cells = rh_rowset_row(to);
        if (!cells)
            return rh_fail_nomem(error);
        for (uint32_t i = 0; i < batch->n_cols && i < grid->n_cols; i++) {
            const struct rh_value *from = &batch->cells[row * batch->n_cols + i];
            if (from->type == RH_TYPE_TEXT)
                rh_rowset_bytes(to, &cells[i], RH_TYPE_TEXT, from->as.data, from->len);
        }
        if (to->n_bytes > MAX_GRID_BYTES)
            return rh_fail(error, RH_RESOURCE, "the catalogue is too large");
    }
    return to->failed ? rh_fail_nomem(error) : RH_OK;
}

int rh_odbc_grid_read(struct rh_conn *conn, SQLHSTMT handle, uint32_t n_cols,
                      struct rh_odbc_grid *ret_grid, struct rh_error *error)
{
    struct rh_odbc_statement statement = {.handle = handle};
    struct rh_odbc_rows rows = {.at_end = true};
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint8_t types[32];
    SQLSMALLINT n_given = 0;
    int rc = RH_OK;

    *ret_grid = (struct rh_odbc_grid){.n_cols = n_cols};
    rh_rowset_init(&ret_grid->rows, n_cols, SIZE_MAX);
    rh_rowset_clear(&ret_grid->rows, UINT64_MAX);
    if (!SQL_SUCCEEDED(SQLNumResultCols(handle, &n_given)))
        return rh_odbc_fail_call(conn, handle, error);
    if (n_given < 1)
        return RH_OK;
    if ((uint32_t)n_given > n_cols)
        n_given = (SQLSMALLINT)n_cols;
    for (unsigned i = 0; i < sizeof types; i++)
        types[i] = RH_TYPE_TEXT;
    rc = rh_odbc_rows_open(&rows, conn, &statement, types, (uint32_t)n_given, 0, error);
    while (!rc && (rc = rh_odbc_rows_next(&rows, BATCH_ROWS, &batch, error)) == RH_OK)
        rc = add_batch(ret_grid, &batch, error);
    rh_odbc_rows_close(&rows);
    if (rc != RH_END)
        return rc;
    rc = rh_rowset_batch(&ret_grid->rows, &batch, error);
    if (!rc) {
        ret_grid->cells = batch.cells;
        ret_grid->n_rows = batch.n_rows;
    }
    return rc == RH_END ? RH_OK : rc;
}

int rh_odbc_grid_query(struct rh_conn *conn, const char *text, uint32_t n_cols,
                       struct rh_odbc_grid *ret_grid, struct rh_error *error)
{
    struct rh_odbc_statement *statement = NULL;
    int rc = rh_odbc_start(conn, text, NULL, &statement, error);

    *ret_grid = (struct rh_odbc_grid){.n_cols = n_cols};
    if (!rc)
        rc = rh_odbc_grid_read(conn, statement->handle, n_cols, ret_grid, error);
    rh_odbc_release(conn, statement, true);
    return rc;
}

void rh_odbc_grid_fini(struct rh_odbc_grid *grid)
{
    rh_rowset_fini(&grid->rows);
    *grid = (struct rh_odbc_grid){.n_cols = 0};
}

struct rh_text rh_odbc_grid_text(const struct rh_odbc_grid *grid, uint64_t row, uint32_t col)
{
    const struct rh_value *cell = &grid->cells[row * grid->n_cols + col];

    return cell->type == RH_TYPE_TEXT ? rh_text_make(cell->as.data, cell->len)
                                      : (struct rh_text){NULL, 0};
}

int64_t rh_odbc_grid_int(const struct rh_odbc_grid *grid, uint64_t row, uint32_t col,
                         int64_t otherwise)
{
    int64_t value = 0;

    return rh_text_to_i64(rh_odbc_grid_text(grid, row, col), &value) ? value : otherwise;
}
