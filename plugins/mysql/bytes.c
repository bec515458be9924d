/*
 * See bytes.h.
 */
#include "bytes.h"

#include <stdlib.h>

#define BLOCK_BYTES (64u * 1024 - 64)

struct rh_my_block {
    struct rh_my_block *next;
    size_t size;
    char bytes[] __attribute__((aligned(8)));
};

static void use_block(struct rh_my_bytes *bytes, struct rh_my_block *block)
{
    bytes->block = block;
    bytes->at = block ? block->bytes : NULL;
    bytes->end = block ? block->bytes + block->size : NULL;
}

void rh_my_bytes_clear(struct rh_my_bytes *bytes)
{
    bytes->n = 0;
    bytes->failed = false;
    use_block(bytes, bytes->first);
}

void rh_my_bytes_free(struct rh_my_bytes *bytes)
{
    while (bytes->first) {
        struct rh_my_block *next = bytes->first->next;
        free(bytes->first);
        bytes->first = next;
    }
    rh_my_bytes_clear(bytes);
}

/* Goes on to a block with that much room: the next one, or a new one in front of it. */
static bool next_block(struct rh_my_bytes *bytes, size_t len)
{
    struct rh_my_block **link = bytes->block ? &bytes->block->next : &bytes->first;
    struct rh_my_block *block = *link;

    if (!block || block->size < len) {
        size_t size = len > BLOCK_BYTES ? (len + 7) & ~(size_t)7 : BLOCK_BYTES;
        block = malloc(sizeof *block + size);
        if (!block)
            return false;
        block->next = *link;
        block->size = size;
        *link = block;
    }
    use_block(bytes, block);
    return true;
}

char *rh_my_bytes_take_slowly(struct rh_my_bytes *bytes, size_t len)
{
    if (!next_block(bytes, len + 1)) {
        bytes->failed = true;
        return NULL;
    }
    return rh_my_bytes_take(bytes, len);
}

void rh_my_bytes_align(struct rh_my_bytes *bytes)
{
    bytes->at += -(uintptr_t)bytes->at & 7u; /* blocks end aligned */
}
