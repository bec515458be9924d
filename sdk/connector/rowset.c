/*
 * Batches from single cells.
 *
 * The byte block may move while it grows, so until rh_rowset_batch a cell that was filled by
 * rh_rowset_bytes holds an offset, marked by BY_OFFSET in a field that is zero in every value of
 * the ABI. Cells that point elsewhere (a constant, a client library's buffer) are left alone.
 * (Rejected: fixing pointers at each move; it visits the cells once per growth, not once.)
 */
#include "connector/rowset.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define BY_OFFSET 1u
#define FIRST_ROWS 64u
#define FIRST_BYTES 4096u

void rh_rowset_init(struct rh_rowset *rows, uint32_t n_cols, size_t max_bytes)
{
    *rows = (struct rh_rowset){.n_cols = n_cols, .max_bytes = max_bytes};
}

void rh_rowset_fini(struct rh_rowset *rows)
{
    free(rows->cells);
    free(rows->bytes);
    *rows = (struct rh_rowset){0};
}

void rh_rowset_clear(struct rh_rowset *rows, uint64_t max_rows)
{
    rows->n_rows = 0;
    rows->n_bytes = 0;
    rows->max_rows = max_rows;
    rows->failed = false;
}

bool rh_rowset_has_room(const struct rh_rowset *rows)
{
    if (rows->failed)
        return false;
    return rows->n_rows == 0 || (rows->n_rows < rows->max_rows && rows->n_bytes < rows->max_bytes);
}

static bool grow_cells(struct rh_rowset *rows)
{
    uint64_t cap = rows->cap_rows ? rows->cap_rows * 2 : FIRST_ROWS;
    size_t row_bytes, n_bytes;
    if (rows->cap_rows == 0 && rows->max_rows > 0 && rows->max_rows < cap)
        cap = rows->max_rows;
    if (__builtin_mul_overflow(sizeof(struct rh_value), rows->n_cols ? rows->n_cols : 1u,
                               &row_bytes) ||
        __builtin_mul_overflow(row_bytes, cap, &n_bytes))
        return false;
    struct rh_value *cells = realloc(rows->cells, n_bytes);
    if (!cells)
        return false;
    rows->cells = cells;
    rows->cap_rows = cap;
    return true;
}

struct rh_value *rh_rowset_row(struct rh_rowset *rows)
{
    if (rows->failed)
        return NULL;
    if (rows->n_rows == rows->cap_rows && !grow_cells(rows)) {
        rows->failed = true;
        return NULL;
    }
    struct rh_value *row = rows->cells + rows->n_rows * rows->n_cols;
    memset(row, 0, rows->n_cols * sizeof *row);
    rows->n_rows++;
    return row;
}

static bool grow_bytes(struct rh_rowset *rows, size_t need)
{
    size_t cap = rows->cap_bytes ? rows->cap_bytes : FIRST_BYTES;
    while (cap < need) {
        if (__builtin_mul_overflow(cap, 2, &cap))
            return false;
    }
    char *bytes = realloc(rows->bytes, cap);
    if (!bytes)
        return false;
    rows->bytes = bytes;
    rows->cap_bytes = cap;
    return true;
}

void rh_rowset_bytes(struct rh_rowset *rows, struct rh_value *cell, uint8_t type, const void *data,
                     size_t len)
{
    /* An interval is read in place, as a struct. */
    size_t at = type == RH_TYPE_INTERVAL ? (rows->n_bytes + 7) & ~(size_t)7 : rows->n_bytes;
    size_t end;
    if (rows->failed)
        return;
    if (len > UINT32_MAX || __builtin_add_overflow(at, len, &end) ||
        (end > rows->cap_bytes && !grow_bytes(rows, end))) {
        rows->failed = true;
        return;
    }
    if (len)
        memcpy(rows->bytes + at, data, len);
    rows->n_bytes = end;
    *cell =
        (struct rh_value){.type = type, .reserved1 = BY_OFFSET, .len = (uint32_t)len, .as.u = at};
}

void rh_rowset_value(struct rh_rowset *rows, struct rh_value *cell, const struct rh_value *value)
{
    const uint32_t with_bytes = 1u << RH_TYPE_DECIMAL | 1u << RH_TYPE_TEXT | 1u << RH_TYPE_BYTES |
                                1u << RH_TYPE_INTERVAL | 1u << RH_TYPE_UUID | 1u << RH_TYPE_JSON;
    if (value->type < RH_N_TYPES && (with_bytes & 1u << value->type))
        rh_rowset_bytes(rows, cell, value->type, value->as.data, value->len);
    else
        *cell = *value;
}

int rh_rowset_batch(struct rh_rowset *rows, struct rh_batch *ret_batch, struct rh_error *error)
{
    if (rows->failed)
        return rh_fail_nomem(error);
    if (rows->n_rows == 0)
        return RH_END;
    const char *base = rows->bytes ? rows->bytes : "";
    struct rh_value *end = rows->cells + rows->n_rows * rows->n_cols;
    for (struct rh_value *cell = rows->cells; cell != end; cell++) {
        if (cell->reserved1) {
            cell->as.data = base + cell->as.u;
            cell->reserved1 = 0;
        }
    }
    ret_batch->n_cols = rows->n_cols;
    ret_batch->n_rows = rows->n_rows;
    ret_batch->cells = rows->cells;
    return RH_OK;
}
