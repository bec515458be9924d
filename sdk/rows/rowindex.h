/* Hash index over rows kept elsewhere: finds an equal row (cells compared by value). */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RH_NO_ENTRY UINT32_MAX

struct rh_rowindex {
    uint32_t n_cells; /* that are compared: the first of each row */
    uint32_t n;
    uint32_t cap;     /* of rows and hashes */
    uint32_t n_slots; /* a power of two, or 0 */
    struct rh_value **rows;
    uint64_t *hashes;
    uint32_t *slots; /* 1 + entry */
};

void rh_rowindex_init(struct rh_rowindex *index, uint32_t n_cells);
/* Frees the index, not the rows. It is as after init. */
void rh_rowindex_clear(struct rh_rowindex *index);
/* hash: rh_cells_hash of the row's compared cells. Entry or RH_NO_ENTRY. */
uint32_t rh_rowindex_find(const struct rh_rowindex *index, const struct rh_value *cells,
                          uint64_t hash);
/* Adds a row that is not in it; entries are numbered 0, 1, …. False when out of memory. */
bool rh_rowindex_add(struct rh_rowindex *index, struct rh_value *row, uint64_t hash);
size_t rh_rowindex_bytes(const struct rh_rowindex *index);
