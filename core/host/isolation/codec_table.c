/* Tables and columns, as `tables` describes them and as queries and changes hand them back. */
#include "host/isolation/codec.h"

#include <string.h>

/* The item at a position of an array that crosses as pointer, count and stride. */
static const void *item(const void *items, uint32_t stride, uint32_t index)
{
    return (const char *)items + (size_t)index * stride;
}

void rh_wire_put_u32s(struct rh_wire_out *out, const uint32_t *items, uint32_t n)
{
    rh_wire_put(out, items, (size_t)n * sizeof(*items));
}

/* ---- Columns ------------------------------------------------------------------------------- */

static void put_texts(struct rh_wire_out *out, const struct rh_text *texts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct rh_text text = rh_wire_text(out, texts[i]);

        rh_wire_put(out, &text, sizeof(text));
    }
}

static struct rh_text *take_texts(struct rh_wire_in *in, uint32_t n)
{
    struct rh_text *texts = rh_wire_take(in, n, sizeof(*texts));

    for (uint32_t i = 0; texts && i < n; i++) {
        if (!rh_wire_fix_text(in, &texts[i]))
            return NULL;
    }
    return texts;
}

void rh_wire_put_columns(struct rh_wire_out *out, const struct rh_column *columns, uint32_t n,
                         uint32_t stride)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_column *column = item(columns, stride, i);
        struct rh_column wire = *column;

        wire.name = rh_wire_text(out, column->name);
        wire.native_type = rh_wire_text(out, column->native_type);
        wire.default_text = rh_wire_text(out, column->default_text);
        wire.comment = rh_wire_text(out, column->comment);
        wire.options = NULL;
        rh_wire_put(out, &wire, sizeof(wire));
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_column *column = item(columns, stride, i);

        put_texts(out, column->options, column->n_options);
    }
}

const struct rh_column *rh_wire_take_columns(struct rh_wire_in *in, uint32_t n)
{
    struct rh_column *columns = rh_wire_take(in, n, sizeof(*columns));

    if (!columns)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        struct rh_column *column = &columns[i];

        if (!rh_wire_fix_text(in, &column->name) || !rh_wire_fix_text(in, &column->native_type) ||
            !rh_wire_fix_text(in, &column->default_text) ||
            !rh_wire_fix_text(in, &column->comment) ||
            !(column->options = take_texts(in, column->n_options)))
            return NULL;
    }
    return columns;
}

/* ---- Tables -------------------------------------------------------------------------------- */

/* The struct itself; its parts follow with put_parts. */
static void put_head(struct rh_wire_out *out, const struct rh_table *table)
{
    struct rh_table wire = *table;

    wire.schema = rh_wire_text(out, table->schema);
    wire.name = rh_wire_text(out, table->name);
    wire.comment = rh_wire_text(out, table->comment);
    wire.columns = NULL;
    wire.column_stride = sizeof(struct rh_column);
    wire.key = NULL;
    wire.indexes = NULL;
    wire.index_stride = sizeof(struct rh_index);
    wire.foreign_keys = NULL;
    wire.foreign_key_stride = sizeof(struct rh_foreign_key);
    rh_wire_put(out, &wire, sizeof(wire));
}

static void put_indexes(struct rh_wire_out *out, const struct rh_table *table)
{
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        const struct rh_index *index = item(table->indexes, table->index_stride, i);
        struct rh_index wire = *index;

        wire.name = rh_wire_text(out, index->name);
        wire.columns = NULL;
        rh_wire_put(out, &wire, sizeof(wire));
    }
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        const struct rh_index *index = item(table->indexes, table->index_stride, i);

        rh_wire_put_u32s(out, index->columns, index->n_columns);
    }
}

static void put_foreign_keys(struct rh_wire_out *out, const struct rh_table *table)
{
    for (uint32_t i = 0; i < table->n_foreign_keys; i++) {
        const struct rh_foreign_key *key = item(table->foreign_keys, table->foreign_key_stride, i);
        struct rh_foreign_key wire = *key;

        wire.name = rh_wire_text(out, key->name);
        wire.schema = rh_wire_text(out, key->schema);
        wire.table = rh_wire_text(out, key->table);
        wire.columns = NULL;
        wire.ref_columns = NULL;
        rh_wire_put(out, &wire, sizeof(wire));
    }
    for (uint32_t i = 0; i < table->n_foreign_keys; i++) {
        const struct rh_foreign_key *key = item(table->foreign_keys, table->foreign_key_stride, i);

        rh_wire_put_u32s(out, key->columns, key->n_columns);
        put_texts(out, key->ref_columns, key->n_columns);
    }
}

static void put_parts(struct rh_wire_out *out, const struct rh_table *table)
{
    rh_wire_put_columns(out, table->columns, table->n_columns, table->column_stride);
    rh_wire_put_u32s(out, table->key, table->n_key);
    put_indexes(out, table);
    put_foreign_keys(out, table);
}

void rh_wire_put_table(struct rh_wire_out *out, const struct rh_table *table)
{
    put_head(out, table);
    put_parts(out, table);
}

static struct rh_index *take_indexes(struct rh_wire_in *in, uint32_t n)
{
    struct rh_index *indexes = rh_wire_take(in, n, sizeof(*indexes));

    for (uint32_t i = 0; indexes && i < n; i++) {
        if (!rh_wire_fix_text(in, &indexes[i].name) ||
            !(indexes[i].columns = rh_wire_take(in, indexes[i].n_columns, sizeof(uint32_t))))
            return NULL;
    }
    return indexes;
}

static struct rh_foreign_key *take_foreign_keys(struct rh_wire_in *in, uint32_t n)
{
    struct rh_foreign_key *keys = rh_wire_take(in, n, sizeof(*keys));

    for (uint32_t i = 0; keys && i < n; i++) {
        struct rh_foreign_key *key = &keys[i];

        if (!rh_wire_fix_text(in, &key->name) || !rh_wire_fix_text(in, &key->schema) ||
            !rh_wire_fix_text(in, &key->table) ||
            !(key->columns = rh_wire_take(in, key->n_columns, sizeof(uint32_t))) ||
            !(key->ref_columns = take_texts(in, key->n_columns)))
            return NULL;
    }
    return keys;
}

/* Texts and parts of a table whose struct was taken. */
static bool take_parts(struct rh_wire_in *in, struct rh_table *table)
{
    table->column_stride = sizeof(struct rh_column);
    table->index_stride = sizeof(struct rh_index);
    table->foreign_key_stride = sizeof(struct rh_foreign_key);
    return rh_wire_fix_text(in, &table->schema) && rh_wire_fix_text(in, &table->name) &&
           rh_wire_fix_text(in, &table->comment) &&
           (table->columns = rh_wire_take_columns(in, table->n_columns)) &&
           (table->key = rh_wire_take(in, table->n_key, sizeof(uint32_t))) &&
           (table->indexes = take_indexes(in, table->n_indexes)) &&
           (table->foreign_keys = take_foreign_keys(in, table->n_foreign_keys));
}

struct rh_table *rh_wire_take_table(struct rh_wire_in *in)
{
    struct rh_table *table = rh_wire_take(in, 1, sizeof(*table));

    return table && take_parts(in, table) ? table : NULL;
}

/* ---- Catalogues ---------------------------------------------------------------------------- */

void rh_wire_put_catalog(struct rh_wire_out *out, const struct rh_catalog *catalog)
{
    struct rh_catalog wire = *catalog;

    wire.tables = NULL;
    wire.table_stride = sizeof(struct rh_table);
    wire.default_schema = rh_wire_text(out, catalog->default_schema);
    rh_wire_put(out, &wire, sizeof(wire));
    for (uint32_t i = 0; i < catalog->n_tables; i++)
        put_head(out, item(catalog->tables, catalog->table_stride, i));
    for (uint32_t i = 0; i < catalog->n_tables; i++)
        put_parts(out, item(catalog->tables, catalog->table_stride, i));
}

bool rh_wire_take_catalog(struct rh_wire_in *in, struct rh_catalog *ret_catalog)
{
    struct rh_catalog *catalog = rh_wire_take(in, 1, sizeof(*catalog));
    struct rh_table *tables;

    if (!catalog || !rh_wire_fix_text(in, &catalog->default_schema) ||
        !(tables = rh_wire_take(in, catalog->n_tables, sizeof(*tables))))
        return false;
    for (uint32_t i = 0; i < catalog->n_tables; i++) {
        if (!take_parts(in, &tables[i]))
            return false;
    }
    catalog->struct_size = sizeof(*catalog);
    catalog->tables = tables;
    catalog->table_stride = sizeof(*tables);
    *ret_catalog = *catalog;
    return true;
}
