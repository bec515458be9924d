/* Writing tables as JSON. */
#include "server/api/table_json.h"

#include "base/text.h"
#include "base/type.h"

static void add_text(struct rh_buf *buf, const char *name, struct rh_text text)
{
    if (!text.data || text.len == 0)
        return;
    rh_buf_add_char(buf, ',');
    rh_json_add_key(buf, name);
    rh_json_add_string(buf, text);
}

static void add_number(struct rh_buf *buf, const char *name, int64_t number)
{
    rh_buf_add_char(buf, ',');
    rh_json_add_key(buf, name);
    rh_buf_add_i64(buf, number);
}

static void add_flag(struct rh_buf *buf, const char *name, bool flag)
{
    rh_buf_add_char(buf, ',');
    rh_json_add_key(buf, name);
    rh_buf_add_str(buf, flag ? "true" : "false");
}

static const struct rh_column *column_at(const struct rh_table *table, uint32_t i)
{
    return (const struct rh_column *)(const void *)((const char *)table->columns +
                                                    (size_t)i * table->column_stride);
}

static void write_column(struct rh_buf *buf, const struct rh_column *column)
{
    rh_buf_add_str(buf, "{\"name\":");
    rh_json_add_string(buf, column->name);
    rh_buf_addf(buf, ",\"type\":\"%s\"", rh_type_name(column->type));
    add_text(buf, "native_type", column->native_type);
    add_flag(buf, "nullable", !(column->flags & RH_COLUMN_NOT_NULL));
    if (column->flags & RH_COLUMN_DEFAULT)
        add_flag(buf, "has_default", true);
    if (column->flags & RH_COLUMN_GENERATED)
        add_flag(buf, "generated", true);
    if (column->flags & RH_COLUMN_IDENTITY)
        add_flag(buf, "identity", true);
    if (column->flags & RH_COLUMN_OPAQUE)
        add_flag(buf, "opaque", true);
    if (column->precision) {
        add_number(buf, "precision", column->precision);
        add_number(buf, "scale", column->scale);
    }
    if (column->max_length)
        add_number(buf, "max_length", column->max_length);
    add_text(buf, "default", column->default_text);
    add_text(buf, "comment", column->comment);
    if (column->n_options) {
        rh_buf_add_str(buf, ",\"options\":[");
        for (uint32_t i = 0; i < column->n_options; i++) {
            rh_buf_add_str(buf, i ? "," : "");
            rh_json_add_string(buf, column->options[i]);
        }
        rh_buf_add_char(buf, ']');
    }
    rh_buf_add_char(buf, '}');
}

static void write_names(struct rh_buf *buf, const char *member, const struct rh_table *table,
                        const uint32_t *positions, uint32_t n)
{
    rh_buf_add_char(buf, ',');
    rh_json_add_key(buf, member);
    rh_buf_add_char(buf, '[');
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_str(buf, i ? "," : "");
        rh_json_add_string(buf, column_at(table, positions[i])->name);
    }
    rh_buf_add_char(buf, ']');
}

static void write_indexes(struct rh_buf *buf, const struct rh_table *table)
{
    rh_buf_add_str(buf, ",\"indexes\":[");
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        const struct rh_index *index =
            (const struct rh_index *)(const void *)((const char *)table->indexes +
                                                    (size_t)i * table->index_stride);
        rh_buf_add_str(buf, i ? ",{\"name\":" : "{\"name\":");
        rh_json_add_string(buf, index->name);
        write_names(buf, "columns", table, index->columns, index->n_columns);
        add_flag(buf, "unique", (index->flags & RH_INDEX_UNIQUE) != 0);
        if (index->flags & RH_INDEX_PARTIAL)
            add_flag(buf, "partial", true);
        rh_buf_add_char(buf, '}');
    }
    rh_buf_add_char(buf, ']');
}

static void write_relations(struct rh_buf *buf, const struct rh_table *table)
{
    rh_buf_add_str(buf, ",\"relations\":[");
    for (uint32_t i = 0; i < table->n_foreign_keys; i++) {
        const struct rh_foreign_key *key =
            (const struct rh_foreign_key *)(const void *)((const char *)table->foreign_keys +
                                                          (size_t)i * table->foreign_key_stride);
        rh_buf_add_str(buf, i ? ",{\"kind\":\"one\"" : "{\"kind\":\"one\"");
        add_text(buf, "name", key->name);
        write_names(buf, "columns", table, key->columns, key->n_columns);
        add_text(buf, "schema", key->schema);
        add_text(buf, "table", key->table);
        rh_buf_add_str(buf, ",\"ref_columns\":[");
        for (uint32_t k = 0; k < key->n_columns; k++) {
            rh_buf_add_str(buf, k ? "," : "");
            rh_json_add_string(buf, key->ref_columns[k]);
        }
        rh_buf_add_str(buf, "]}");
    }
    rh_buf_add_char(buf, ']');
}

void rh_table_json_write(struct rh_buf *buf, const struct rh_table *table, bool details)
{
    static const char *const kinds[] = {"table", "view", "materialized", "foreign"};

    rh_buf_add_str(buf, "{\"name\":");
    rh_json_add_string(buf, table->name);
    add_text(buf, "schema", table->schema);
    rh_buf_addf(buf, ",\"kind\":\"%s\"",
                table->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[table->kind] : "table");
    add_flag(buf, "read_only", (table->flags & RH_TABLE_READ_ONLY) != 0);
    add_text(buf, "comment", table->comment);
    if (table->est_rows >= 0)
        add_number(buf, "estimated_rows", table->est_rows);
    write_names(buf, "key", table, table->key, table->n_key);
    if (details) {
        rh_buf_add_str(buf, ",\"columns\":[");
        for (uint32_t i = 0; i < table->n_columns; i++) {
            rh_buf_add_str(buf, i ? "," : "");
            write_column(buf, column_at(table, i));
        }
        rh_buf_add_char(buf, ']');
        write_indexes(buf, table);
        write_relations(buf, table);
    } else {
        add_number(buf, "n_columns", table->n_columns);
    }
    rh_buf_add_char(buf, '}');
}
