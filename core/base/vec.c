/* Growing array in an arena. What it outgrows stays in the arena until that is reset. */
#include "base/vec.h"

#include <string.h>

#define FIRST_ITEMS 8u

void *rh_vec_push(struct rh_vec *vec, struct rh_arena *arena)
{
    return rh_vec_push_n(vec, arena, 1);
}

void *rh_vec_push_n(struct rh_vec *vec, struct rh_arena *arena, uint32_t n)
{
    uint32_t need;
    if (__builtin_add_overflow(vec->n, n, &need))
        return NULL;
    if (need > vec->cap || !vec->items) {
        uint32_t cap = vec->cap > UINT32_MAX / 2 ? UINT32_MAX : vec->cap * 2;
        if (cap < FIRST_ITEMS)
            cap = FIRST_ITEMS;
        if (cap < need)
            cap = need;
        char *items = rh_arena_array(arena, cap, vec->item_size);
        if (!items)
            return NULL;
        if (vec->n)
            memcpy(items, vec->items, vec->n * vec->item_size);
        vec->items = items;
        vec->cap = cap;
    }
    void *first = (char *)vec->items + vec->n * vec->item_size;
    vec->n = need;
    return first;
}
