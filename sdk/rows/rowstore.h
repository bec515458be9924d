/*
 * Rows kept beyond their batch: copies in blocks that are freed together. A copy is one piece of
 * memory: the cells, then what they point to (intervals aligned for direct use).
 */
#pragma once

#include <rowhouse/value.h>

#include <stddef.h>
#include <stdint.h>

/* Bytes of the copy of a row, a multiple of 16. */
size_t rh_row_size(const struct rh_value *cells, uint32_t n_cells);
/* Copies a row to memory of rh_row_size bytes, aligned to 16; returns the cells of the copy. */
struct rh_value *rh_row_copy(void *to, const struct rh_value *cells, uint32_t n_cells);

struct rh_rowstore {
    struct rh_rowstore_block *first; /* the block that is being filled; older ones behind it */
    size_t bytes;                    /* of all blocks */
};

void rh_rowstore_init(struct rh_rowstore *store);
/* Frees all rows. The store is as after init. */
void rh_rowstore_clear(struct rh_rowstore *store);
/* Room for n bytes, aligned to 16; NULL when out of memory. */
void *rh_rowstore_alloc(struct rh_rowstore *store, size_t n);
/* A copy of the row; NULL when out of memory. */
struct rh_value *rh_rowstore_add(struct rh_rowstore *store, const struct rh_value *cells,
                                 uint32_t n_cells);
