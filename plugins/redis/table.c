/*
 * Which table is meant, and which columns a table of its kind has. What a column is of its row is in
 * its native_id, so that plans and cursors need no look at the server.
 */
#include "redis.h"

#include <string.h>

static const char *const kind_names[] = {
    [RH_REDIS_HASH] = "hash", [RH_REDIS_JSON] = "json", [RH_REDIS_STRING] = "string",
    [RH_REDIS_SET] = "set",   [RH_REDIS_ZSET] = "zset", [RH_REDIS_STREAM] = "stream",
};

const char *rh_redis_kind_name(enum rh_redis_kind kind)
{
    return kind_names[kind];
}

enum rh_redis_kind rh_redis_kind_of(struct rh_text name)
{
    for (int kind = RH_REDIS_HASH; kind < RH_REDIS_END_OF_KINDS; kind++)
        if (rh_text_is(name, kind_names[kind]))
            return (enum rh_redis_kind)kind;
    return (enum rh_redis_kind)0;
}

enum rh_redis_role rh_redis_role_of(const struct rh_column *column)
{
    return (enum rh_redis_role)(column->native_id & 0xff);
}

/* ---- Which table --------------------------------------------------------------------------- */

/* schema = kind, name = what stands before the first ':' */
static int table_by_prefix(struct rh_text schema, struct rh_text name, struct rh_arena *arena,
                           struct rh_redis_table *ret_table)
{
    struct rh_redis_table table = {.schema = schema, .name = name};
    bool ok = true;
    char *lead;

    table.kind = rh_redis_kind_of(schema);
    if (!table.kind || !name.len || memchr(name.data, ':', name.len))
        return RH_NOT_FOUND;
    lead = rh_arena_alloc(arena, name.len + 1);
    table.schema = rh_text_of(rh_redis_kind_name(table.kind));
    table.name = rh_arena_text(arena, name, &ok);
    if (!lead || !ok)
        return RH_RESOURCE;
    memcpy(lead, name.data, name.len);
    lead[name.len] = ':';
    table.pattern.lead = rh_text_make(lead, name.len + 1);
    table.pattern.n = 1;
    table.pattern.at[0].name = RH_TEXT("key");
    table.pattern.at[0].type = RH_TYPE_TEXT;
    *ret_table = table;
    return RH_OK;
}

int rh_redis_table_find(const struct rh_redis_config *config, struct rh_text schema,
                        struct rh_text name, struct rh_arena *arena,
                        struct rh_redis_table *ret_table, struct rh_error *error)
{
    int rc = RH_NOT_FOUND;

    for (uint32_t i = 0; i < config->n_tables && !schema.len; i++) {
        if (rh_text_equal(config->tables[i].name, name)) {
            *ret_table = config->tables[i];
            return RH_OK;
        }
    }
    if (!config->tables)
        rc = table_by_prefix(schema, name, arena, ret_table);
    if (rc == RH_RESOURCE)
        return rh_fail_nomem(error);
    return rc ? rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s%s%.*s\"",
                        RH_TEXT_ARG(schema), schema.len ? "." : "", RH_TEXT_ARG(name))
              : RH_OK;
}

/* ---- Its columns --------------------------------------------------------------------------- */

static bool is_taken(const struct rh_vec *columns, struct rh_text name)
{
    const struct rh_column *all = columns->items;

    for (uint32_t i = 0; i < columns->n; i++)
        if (rh_text_equal(all[i].name, name))
            return true;
    return false;
}

/* A column of the kind's own; a declared one of the same name may say another type. */
static bool add_own(struct rh_vec *columns, struct rh_arena *arena, struct rh_text name,
                    uint32_t type, uint32_t flags, uint32_t native_id)
{
    struct rh_column *column = rh_vec_push(columns, arena);

    if (!column)
        return false;
    if (type == RH_TYPE_TEXT)
        flags |= RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER;
    *column = (struct rh_column){.name = name,
                                 .native_type = RH_TEXT("string"),
                                 .type = type,
                                 .flags = flags,
                                 .native_id = native_id};
    return true;
}

static bool add_of_kind(const struct rh_redis_table *table, const struct rh_column *fields,
                        uint32_t n_fields, struct rh_vec *columns, struct rh_arena *arena)
{
    uint32_t type = RH_TYPE_TEXT;

    switch (table->kind) {
    case RH_REDIS_STRING:
        for (uint32_t i = 0; i < n_fields; i++)
            if (rh_text_is(fields[i].name, "value"))
                type = fields[i].type;
        return add_own(columns, arena, RH_TEXT("value"), type, RH_COLUMN_NOT_NULL, RH_REDIS_VALUE);
    case RH_REDIS_SET:
        return add_own(columns, arena, RH_TEXT("member"), type, RH_COLUMN_NOT_NULL,
                       RH_REDIS_MEMBER);
    case RH_REDIS_ZSET:
        return add_own(columns, arena, RH_TEXT("member"), type, RH_COLUMN_NOT_NULL,
                       RH_REDIS_MEMBER) &&
               add_own(columns, arena, RH_TEXT("score"), RH_TYPE_FLOAT, RH_COLUMN_NOT_NULL,
                       RH_REDIS_SCORE);
    case RH_REDIS_STREAM:
        return add_own(columns, arena, RH_TEXT("id"), type, RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT,
                       RH_REDIS_ID) &&
               add_own(columns, arena, RH_TEXT("time"), RH_TYPE_TIMESTAMP,
                       RH_COLUMN_NOT_NULL | RH_COLUMN_GENERATED, RH_REDIS_TIME);
    default:
        return true;
    }
}

static bool has_fields(enum rh_redis_kind kind)
{
    return kind == RH_REDIS_HASH || kind == RH_REDIS_JSON || kind == RH_REDIS_STREAM;
}

bool rh_redis_table_columns(const struct rh_redis_table *table, const struct rh_column *fields,
                            uint32_t n_fields, struct rh_vec *columns, struct rh_arena *arena)
{
    bool declares_ttl = false;

    for (uint32_t i = 0; i < table->pattern.n; i++)
        if (!add_own(columns, arena, table->pattern.at[i].name, table->pattern.at[i].type,
                     RH_COLUMN_NOT_NULL, RH_REDIS_PLACEHOLDER | i << 8))
            return false;
    if (!add_of_kind(table, fields, n_fields, columns, arena))
        return false;
    for (uint32_t i = 0; i < n_fields && has_fields(table->kind); i++) {
        struct rh_column *column;

        declares_ttl = declares_ttl || (table->columns && rh_text_is(fields[i].name, "ttl"));
        if (is_taken(columns, fields[i].name) ||
            (!table->columns && rh_text_is(fields[i].name, "ttl")))
            continue;
        column = rh_vec_push(columns, arena);
        if (!column)
            return false;
        *column = fields[i];
        column->native_id = RH_REDIS_FIELD;
    }
    return declares_ttl || is_taken(columns, RH_TEXT("ttl")) ||
           add_own(columns, arena, RH_TEXT("ttl"), RH_TYPE_INT, 0, RH_REDIS_TTL);
}

uint32_t rh_redis_table_key(const struct rh_redis_table *table,
                            uint32_t ret_key[RH_REDIS_MAX_PLACEHOLDERS + 1])
{
    uint32_t n = table->pattern.n;
    bool has_rows = table->kind == RH_REDIS_SET || table->kind == RH_REDIS_ZSET ||
                    table->kind == RH_REDIS_STREAM;

    for (uint32_t i = 0; i < n; i++)
        ret_key[i] = i;
    if (has_rows)
        ret_key[n] = n; /* member or id stands behind them */
    return n + has_rows;
}
