/* Hash index over rows: open addressing, at most half full. */
#include "rows/rowindex.h"

#include "rows/cell.h"

#include <stdlib.h>

#define MAX_ENTRIES (UINT32_C(1) << 30)

void rh_rowindex_init(struct rh_rowindex *index, uint32_t n_cells)
{
    *index = (struct rh_rowindex){.n_cells = n_cells};
}

void rh_rowindex_clear(struct rh_rowindex *index)
{
    free(index->rows);
    free(index->hashes);
    free(index->slots);
    rh_rowindex_init(index, index->n_cells);
}

uint32_t rh_rowindex_find(const struct rh_rowindex *index, const struct rh_value *cells,
                          uint64_t hash)
{
    uint32_t mask = index->n_slots - 1, slot, at;

    if (index->n_slots == 0)
        return RH_NO_ENTRY;
    for (slot = (uint32_t)hash & mask; (at = index->slots[slot]) != 0; slot = (slot + 1) & mask)
        if (index->hashes[at - 1] == hash &&
            rh_cells_equal(index->rows[at - 1], cells, index->n_cells))
            return at - 1;
    return RH_NO_ENTRY;
}

static void place(struct rh_rowindex *index, uint32_t entry)
{
    uint32_t mask = index->n_slots - 1;
    uint32_t slot = (uint32_t)index->hashes[entry] & mask;

    while (index->slots[slot])
        slot = (slot + 1) & mask;
    index->slots[slot] = entry + 1;
}

static bool grow(struct rh_rowindex *index)
{
    uint32_t cap = index->cap ? index->cap * 2 : 64;
    struct rh_value **rows;
    uint64_t *hashes;
    uint32_t *slots;

    if (cap > MAX_ENTRIES)
        return false;
    rows = realloc(index->rows, cap * sizeof(*rows));
    if (!rows)
        return false;
    index->rows = rows;
    hashes = realloc(index->hashes, cap * sizeof(*hashes));
    if (!hashes)
        return false;
    index->hashes = hashes;
    slots = calloc((size_t)cap * 2, sizeof(*slots));
    if (!slots)
        return false;
    free(index->slots);
    index->slots = slots;
    index->n_slots = cap * 2;
    index->cap = cap;
    for (uint32_t i = 0; i < index->n; i++)
        place(index, i);
    return true;
}

bool rh_rowindex_add(struct rh_rowindex *index, struct rh_value *row, uint64_t hash)
{
    if (index->n == index->cap && !grow(index))
        return false;
    index->rows[index->n] = row;
    index->hashes[index->n] = hash;
    place(index, index->n++);
    return true;
}

size_t rh_rowindex_bytes(const struct rh_rowindex *index)
{
    return index->cap * (sizeof(*index->rows) + sizeof(*index->hashes)) +
           index->n_slots * sizeof(*index->slots);
}
