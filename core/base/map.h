/*
 * Hash map from text to pointer. Keys and values are borrowed: they must outlive the map. Open
 * addressing with a seed per process, so that keys from outside cannot be chosen to collide.
 * Readers may share a map that nobody changes.
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rh_map_entry {
    struct rh_text key;
    void *value;
    uint64_t hash;
};

struct rh_map {
    struct rh_map_entry *entries;
    size_t n;
    size_t cap; /* a power of two, or 0 */
};

void rh_map_init(struct rh_map *map);
void rh_map_free(struct rh_map *map);
/* NULL when absent. */
void *rh_map_get(const struct rh_map *map, struct rh_text key);
/* Sets or replaces; ret_old (may be NULL) receives the value that was replaced, or NULL. False
 * when out of memory. value is not NULL. */
bool rh_map_put(struct rh_map *map, struct rh_text key, void *value, void **ret_old);
/* Removes and returns the value; NULL when absent. */
void *rh_map_remove(struct rh_map *map, struct rh_text key);

/* Of n bytes, with the seed of this process. */
uint64_t rh_hash(const void *data, size_t n);
