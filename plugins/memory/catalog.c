/*
 * Introspection: everything goes into the op's arena, because the host keeps it after the call and
 * the tables may have changed by then.
 */
#include "memory.h"

#include "connector/kit.h"

#include <string.h>

struct catalog {
    const struct rh_host *host;
    struct rh_arena *arena;
    bool failed; /* out of memory: sticky, checked once */
};

static void *take(struct catalog *catalog, uint64_t n, uint64_t size)
{
    uint64_t bytes;
    void *memory = NULL;
    if (!__builtin_mul_overflow(n, size, &bytes))
        memory = catalog->host->alloc(catalog->arena, bytes);
    if (!memory)
        catalog->failed = true;
    return memory;
}

static struct rh_text copy_text(struct catalog *catalog, struct rh_text text)
{
    if (!text.data)
        return text;
    char *copy = take(catalog, text.len + 1, 1);
    if (!copy)
        return (struct rh_text){NULL, 0};
    memcpy(copy, text.data, text.len);
    return rh_text_make(copy, text.len);
}

static void describe_column(struct catalog *catalog, const struct mem_column *from,
                            struct rh_column *to)
{
    *to = from->described;
    to->name = copy_text(catalog, to->name);
    to->native_type = copy_text(catalog, to->native_type);
    to->default_text = copy_text(catalog, to->default_text);
    to->comment = copy_text(catalog, to->comment);
    if (to->n_options == 0)
        return;
    struct rh_text *options = take(catalog, to->n_options, sizeof *options);
    for (uint32_t i = 0; options && i < to->n_options; i++)
        options[i] = copy_text(catalog, from->described.options[i]);
    to->options = options;
}

static void describe_table(struct catalog *catalog, const struct mem_table *from,
                           struct rh_table *to)
{
    struct rh_column *columns = take(catalog, from->n_columns, sizeof *columns);
    uint32_t *key = take(catalog, from->n_key, sizeof *key);
    const struct mem_rows *rows = from->committed ? from->committed : from->rows;
    if (catalog->failed)
        return;
    for (uint32_t i = 0; i < from->n_columns; i++)
        describe_column(catalog, &from->columns[i], &columns[i]);
    memcpy(key, from->key, from->n_key * sizeof *key);
    *to = (struct rh_table){
        .struct_size = sizeof *to,
        .kind = RH_TABLE_BASE,
        .name = copy_text(catalog, rh_text_of(from->name)),
        .columns = columns,
        .n_columns = from->n_columns,
        .column_stride = sizeof *columns,
        .key = key,
        .n_key = from->n_key,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = (int64_t)rows->n_live,
    };
}

static struct rh_table *describe_locked(struct catalog *catalog,
                                        const struct mem_database *database, uint32_t *ret_n)
{
    uint32_t n = 0;
    for (const struct mem_table *table = database->tables; table; table = table->next)
        n++;
    struct rh_table *tables = take(catalog, n, sizeof *tables);
    *ret_n = n;
    n = 0;
    for (const struct mem_table *table = database->tables; table && !catalog->failed;
         table = table->next)
        describe_table(catalog, table, &tables[n++]);
    return tables;
}

int32_t mem_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                   struct rh_error *error)
{
    struct catalog catalog = {.host = conn->host, .arena = op->arena};
    uint32_t n;
    mem_call(conn);
    int rc = mem_check(conn, op, error);
    if (rc)
        return rc;
    pthread_mutex_lock(&conn->database->lock);
    const struct rh_table *tables = describe_locked(&catalog, conn->database, &n);
    pthread_mutex_unlock(&conn->database->lock);
    if (catalog.failed)
        return rh_fail_nomem(error);
    ret_catalog->n_tables = n;
    ret_catalog->tables = tables;
    ret_catalog->table_stride = sizeof *tables;
    return RH_OK;
}
