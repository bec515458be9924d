/*
 * The statement cache. A linear search over 64 hashes costs less than a map would; a text that does
 * not fit (all are taken, or it is very long) is prepared for this use only.
 */
#include "statement.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KEPT_BYTES (64u << 10)
#define MAX_BYTES (16u << 20)

static void drop(struct rh_sqlite_cached *item)
{
    sqlite3_finalize(item->stmt);
    free(item->text);
    *item = (struct rh_sqlite_cached){0};
}

static struct rh_sqlite_cached *find(struct rh_sqlite_statements *cache, struct rh_text text,
                                     uint64_t hash)
{
    for (size_t i = 0; i < RH_SQLITE_STATEMENTS; i++) {
        struct rh_sqlite_cached *item = &cache->items[i];
        if (item->stmt && !item->taken && item->hash == hash && item->len == text.len &&
            memcmp(item->text, text.data, text.len) == 0)
            return item;
    }
    return NULL;
}

static struct rh_sqlite_cached *least_recently_used(struct rh_sqlite_statements *cache)
{
    struct rh_sqlite_cached *oldest = NULL;

    for (size_t i = 0; i < RH_SQLITE_STATEMENTS; i++) {
        struct rh_sqlite_cached *item = &cache->items[i];
        if (!item->taken && (!oldest || item->used < oldest->used))
            oldest = item;
    }
    return oldest;
}

static void keep(struct rh_sqlite_statements *cache, struct rh_text text, uint64_t hash,
                 sqlite3_stmt *stmt)
{
    struct rh_sqlite_cached *item = least_recently_used(cache);
    char *copy = NULL;

    if (!item || text.len == 0 || text.len > MAX_KEPT_BYTES || !(copy = malloc(text.len)))
        return;
    memcpy(copy, text.data, text.len);
    drop(item);
    *item = (struct rh_sqlite_cached){.stmt = stmt,
                                      .text = copy,
                                      .len = text.len,
                                      .hash = hash,
                                      .used = ++cache->clock,
                                      .taken = true};
}

int rh_sqlite_statement_get(struct rh_sqlite_statements *cache, sqlite3 *db, struct rh_text text,
                            sqlite3_stmt **ret_stmt)
{
    uint64_t hash = rh_hash(text.data, text.len);
    struct rh_sqlite_cached *item = find(cache, text, hash);
    sqlite3_stmt *stmt = NULL;
    int code;

    if (item) {
        item->taken = true;
        item->used = ++cache->clock;
        *ret_stmt = item->stmt;
        return SQLITE_OK;
    }
    if (text.len > MAX_BYTES)
        return SQLITE_TOOBIG;
    code = sqlite3_prepare_v3(db, text.data, (int)text.len, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (code != SQLITE_OK)
        return code;
    *ret_stmt = stmt;
    keep(cache, text, hash, stmt);
    return SQLITE_OK;
}

void rh_sqlite_statement_put(struct rh_sqlite_statements *cache, sqlite3_stmt *stmt)
{
    if (!stmt)
        return;
    for (size_t i = 0; i < RH_SQLITE_STATEMENTS; i++) {
        if (cache->items[i].stmt == stmt) {
            sqlite3_reset(stmt);
            sqlite3_clear_bindings(stmt);
            cache->items[i].taken = false;
            return;
        }
    }
    sqlite3_finalize(stmt);
}

void rh_sqlite_statements_fini(struct rh_sqlite_statements *cache)
{
    for (size_t i = 0; i < RH_SQLITE_STATEMENTS; i++)
        drop(&cache->items[i]);
}
