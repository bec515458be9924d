/*
 * See statements.h. A linear look through 256 hashes costs less than what one parameter does.
 */
#include "statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *bytes = data;

    for (; n >= 8; n -= 8, bytes += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    for (; n; n--)
        hash = (hash ^ *bytes++) * UINT64_C(0x100000001B3);
    return hash;
}

static bool is_key(const struct rh_pg_statement *slot, const char *text, size_t text_len,
                   const struct rh_pg_params *params, size_t oid_bytes)
{
    return slot->key_len == oid_bytes + text_len &&
           (oid_bytes == 0 || memcmp(slot->key, params->oids, oid_bytes) == 0) &&
           memcmp(slot->key + oid_bytes, text, text_len) == 0;
}

static int oldest(const struct rh_pg_statements *statements)
{
    int found = 0;

    if (statements->n < RH_PG_MAX_STATEMENTS)
        return (int)statements->n;
    for (int i = 1; i < RH_PG_MAX_STATEMENTS; i++) {
        if (statements->slots[i].used < statements->slots[found].used)
            found = i;
    }
    return found;
}

int rh_pg_statements_find(struct rh_pg_statements *statements, const char *text,
                          const struct rh_pg_params *params, bool *ret_seen)
{
    size_t text_len = strlen(text);
    size_t oid_bytes = (size_t)params->n * sizeof(Oid);
    uint64_t hash = 0;
    char *key = NULL;
    int at = 0;

    *ret_seen = false;
    if (text_len + oid_bytes > RH_PG_MAX_STATEMENT_KEY)
        return -1;
    hash = mix(UINT64_C(0xCBF29CE484222325), text, text_len);
    hash = mix(hash, params->oids, oid_bytes) | 1;
    for (uint32_t i = 0; i < statements->n; i++) {
        if (statements->hashes[i] == hash &&
            is_key(&statements->slots[i], text, text_len, params, oid_bytes)) {
            statements->slots[i].used = ++statements->clock;
            *ret_seen = true;
            return (int)i;
        }
    }
    key = malloc(text_len + oid_bytes + 1);
    if (!key)
        return -1;
    if (oid_bytes)
        memcpy(key, params->oids, oid_bytes);
    memcpy(key + oid_bytes, text, text_len);
    at = oldest(statements);
    if ((uint32_t)at == statements->n)
        statements->n++;
    free(statements->slots[at].key);
    statements->hashes[at] = hash;
    statements->slots[at].key = key;
    statements->slots[at].prepared = false;
    statements->slots[at].key_len = text_len + oid_bytes;
    statements->slots[at].used = ++statements->clock;
    return at;
}

void rh_pg_statements_forget(struct rh_pg_statements *statements)
{
    for (uint32_t i = 0; i < statements->n; i++)
        statements->slots[i].prepared = statements->slots[i].occupied = false;
}

void rh_pg_statement_expire(struct rh_pg_statements *statements, const char *name, bool gone)
{
    char other[RH_PG_STATEMENT_NAME_SIZE];

    for (uint32_t i = 0; i < statements->n; i++) {
        rh_pg_statement_name((int)i, other);
        if (strcmp(name, other) != 0)
            continue;
        statements->slots[i].prepared = false;
        statements->slots[i].occupied = !gone;
        return;
    }
}

void rh_pg_statements_free(struct rh_pg_statements *statements)
{
    for (uint32_t i = 0; i < statements->n; i++)
        free(statements->slots[i].key);
    statements->n = 0;
}

void rh_pg_statement_name(int slot, char ret_name[RH_PG_STATEMENT_NAME_SIZE])
{
    (void)snprintf(ret_name, RH_PG_STATEMENT_NAME_SIZE, "rh_%d", slot);
}
