/*
 * Hash map: linear probing, at most three quarters full, removal by shifting back, so there are no
 * tombstones. An entry is free when its value is NULL.
 *
 * The hash is SipHash-1-3 with a random key per process: keys come from outside, and without a
 * secret somebody could send thousands that fall into one place.
 */
#include "base/map.h"

#include "base/rand.h"
#include "base/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 16u

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed[2];

static void seed_make(void)
{
    rh_rand_bytes(seed, sizeof(seed));
}

static inline uint64_t rotate(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t rh_hash(const void *data, size_t n)
{
    pthread_once(&seed_once, seed_make);
    uint64_t v[4] = {
        seed[0] ^ 0x736f6d6570736575u,
        seed[1] ^ 0x646f72616e646f6du,
        seed[0] ^ 0x6c7967656e657261u,
        seed[1] ^ 0x7465646279746573u,
    };
    const char *at = data;
    uint64_t word;
    uint64_t last = (uint64_t)n << 56;
    for (; n >= sizeof(word); n -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (n)
        memcpy(&word, at, n);
    last |= word;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Where the key is, or the free entry where it belongs. cap is not 0. */
static struct rh_map_entry *find(const struct rh_map *map, struct rh_text key, uint64_t hash)
{
    size_t i = hash & (map->cap - 1);
    for (;; i = (i + 1) & (map->cap - 1)) {
        struct rh_map_entry *entry = &map->entries[i];
        if (!entry->value || (entry->hash == hash && rh_text_equal(entry->key, key)))
            return entry;
    }
}

static bool grow(struct rh_map *map)
{
    struct rh_map bigger = {.n = map->n};
    if (map->cap > SIZE_MAX / 2)
        return false;
    bigger.cap = map->cap ? map->cap * 2 : FIRST_ENTRIES;
    bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < map->cap; i++) {
        const struct rh_map_entry *entry = &map->entries[i];
        if (entry->value)
            *find(&bigger, entry->key, entry->hash) = *entry;
    }
    free(map->entries);
    *map = bigger;
    return true;
}

void rh_map_init(struct rh_map *map)
{
    *map = (struct rh_map){0};
}

void rh_map_free(struct rh_map *map)
{
    free(map->entries);
    rh_map_init(map);
}

void *rh_map_get(const struct rh_map *map, struct rh_text key)
{
    if (map->n == 0)
        return NULL;
    return find(map, key, rh_hash(key.data, key.len))->value;
}

bool rh_map_put(struct rh_map *map, struct rh_text key, void *value, void **ret_old)
{
    uint64_t hash = rh_hash(key.data, key.len);
    struct rh_map_entry *entry = map->cap ? find(map, key, hash) : NULL;
    if (!entry || (!entry->value && (map->n + 1) > map->cap / 4 * 3)) {
        if (!grow(map))
            return false;
        entry = find(map, key, hash);
    }
    if (ret_old)
        *ret_old = entry->value;
    if (!entry->value)
        map->n++;
    *entry = (struct rh_map_entry){.key = key, .value = value, .hash = hash};
    return true;
}

void *rh_map_remove(struct rh_map *map, struct rh_text key)
{
    if (map->n == 0)
        return NULL;
    struct rh_map_entry *entry = find(map, key, rh_hash(key.data, key.len));
    void *value = entry->value;
    if (!value)
        return NULL;

    /* Moves up each follower that the hole would cut off from where its search starts. */
    size_t mask = map->cap - 1;
    size_t hole = (size_t)(entry - map->entries);
    for (size_t i = (hole + 1) & mask; map->entries[i].value; i = (i + 1) & mask) {
        size_t home = map->entries[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (struct rh_map_entry){.value = NULL};
    map->n--;
    return value;
}
