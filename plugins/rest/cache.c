/*
 * Answers to lookups, kept for as long as the description says and no longer than the connection. A
 * write through the connection ends them all; what others write is seen when they are too old.
 */
#include "rest.h"

#include <string.h>

#define CACHE_BYTES ((size_t)4 << 20)
#define MAX_SHARE 16 /* no answer takes more than this part of it */

struct entry {
    uint64_t until_us;
    struct rh_text text;
};

struct rh_text rh_rest_cache_get(const struct rh_conn *conn, struct rh_text url)
{
    const struct entry *entry = rh_map_get(&conn->cache.by_url, url);

    if (!entry || entry->until_us < conn->host->now_us(conn->host))
        return rh_text_make(NULL, 0);
    return entry->text;
}

void rh_rest_cache_put(struct rh_conn *conn, struct rh_text url, struct rh_text text,
                       uint64_t for_us)
{
    struct rh_rest_cache *cache = &conn->cache;
    struct entry *entry;
    bool ok = true;

    if (text.len > CACHE_BYTES / MAX_SHARE)
        return;
    if (!cache->arena)
        cache->arena = rh_arena_new(CACHE_BYTES);
    else if (rh_arena_used(cache->arena) + text.len + url.len + 256 > CACHE_BYTES)
        rh_rest_cache_clear(conn);
    entry = cache->arena ? rh_arena_alloc(cache->arena, sizeof(*entry)) : NULL;
    if (!entry)
        return;
    url = rh_arena_text(cache->arena, url, &ok);
    entry->text = rh_arena_text(cache->arena, text, &ok);
    entry->until_us = conn->host->now_us(conn->host) + for_us;
    if (ok) {
        rh_map_remove(&cache->by_url, url);
        rh_map_put(&cache->by_url, url, entry, NULL);
    }
}

void rh_rest_cache_clear(struct rh_conn *conn)
{
    rh_map_free(&conn->cache.by_url);
    rh_map_init(&conn->cache.by_url);
    if (conn->cache.arena)
        rh_arena_reset(conn->cache.arena);
}

void rh_rest_cache_fini(struct rh_conn *conn)
{
    rh_map_free(&conn->cache.by_url);
    rh_arena_free(conn->cache.arena);
}
