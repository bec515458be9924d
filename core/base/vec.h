/*
 * Growing array whose memory comes from an arena. Items are addressed through a typed pointer:
 *
 *     struct rh_vec nodes = RH_VEC_INIT(struct rh_node);
 *     struct rh_node *node = rh_vec_push(&nodes, arena);   // zeroed; NULL when out of memory
 *     struct rh_node *all = nodes.items;                   // valid until the next push
 */
#pragma once

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

struct rh_vec {
    void *items;
    size_t item_size;
    uint32_t n;
    uint32_t cap;
};

#define RH_VEC_INIT(type)                                                                          \
    {                                                                                              \
        .item_size = sizeof(type)                                                                  \
    }

/* Appends a zeroed item and returns it; NULL when out of memory. */
void *rh_vec_push(struct rh_vec *vec, struct rh_arena *arena);
/* Appends n zeroed items that stand next to each other and returns the first; NULL when out of
 * memory. */
void *rh_vec_push_n(struct rh_vec *vec, struct rh_arena *arena, uint32_t n);
