/* Rows kept beyond their batch. Blocks grow from 4 KiB to 1 MiB; a larger row has its own. */
#include "rows/rowstore.h"

#include "rows/cell.h"

#include <stdlib.h>
#include <string.h>

#define MIN_BLOCK ((size_t)4096)
#define MAX_BLOCK ((size_t)1 << 20)

struct rh_rowstore_block {
    struct rh_rowstore_block *next;
    size_t size; /* of data */
    size_t used;
    size_t unused; /* keeps data aligned to 16 */
    unsigned char data[];
};

static size_t align(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

size_t rh_row_size(const struct rh_value *cells, uint32_t n_cells)
{
    size_t size = (size_t)n_cells * sizeof(*cells);

    for (uint32_t i = 0; i < n_cells; i++) {
        if (cells[i].type == RH_TYPE_INTERVAL)
            size = align(size, 8);
        if (rh_cell_has_data(&cells[i]))
            size += cells[i].len;
    }
    return align(size, 16);
}

struct rh_value *rh_row_copy(void *to, const struct rh_value *cells, uint32_t n_cells)
{
    struct rh_value *copy = to;
    size_t at = (size_t)n_cells * sizeof(*cells);

    if (n_cells)
        memcpy(copy, cells, at);
    for (uint32_t i = 0; i < n_cells; i++) {
        if (!rh_cell_has_data(&cells[i]))
            continue;
        if (cells[i].type == RH_TYPE_INTERVAL)
            at = align(at, 8);
        copy[i].as.data = (char *)to + at;
        if (cells[i].len)
            memcpy((char *)to + at, cells[i].as.data, cells[i].len);
        at += cells[i].len;
    }
    return copy;
}

void rh_rowstore_init(struct rh_rowstore *store)
{
    store->first = NULL;
    store->bytes = 0;
}

void rh_rowstore_clear(struct rh_rowstore *store)
{
    struct rh_rowstore_block *block = store->first, *next;

    for (; block; block = next) {
        next = block->next;
        free(block);
    }
    rh_rowstore_init(store);
}

void *rh_rowstore_alloc(struct rh_rowstore *store, size_t n)
{
    struct rh_rowstore_block *block = store->first;
    size_t size;
    void *room;

    if (n > SIZE_MAX / 2)
        return NULL;
    n = align(n, 16);
    if (!block || block->size - block->used < n) {
        size = store->bytes < MIN_BLOCK ? MIN_BLOCK : store->bytes;
        if (size > MAX_BLOCK)
            size = MAX_BLOCK;
        if (size < n)
            size = n;
        block = malloc(sizeof(*block) + size);
        if (!block)
            return NULL;
        block->size = size;
        block->used = 0;
        block->next = store->first;
        store->first = block;
        store->bytes += sizeof(*block) + size;
    }
    room = block->data + block->used;
    block->used += n;
    return room;
}

struct rh_value *rh_rowstore_add(struct rh_rowstore *store, const struct rh_value *cells,
                                 uint32_t n_cells)
{
    void *room = rh_rowstore_alloc(store, rh_row_size(cells, n_cells));

    return room ? rh_row_copy(room, cells, n_cells) : NULL;
}
