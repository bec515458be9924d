/*
 * The check of a catalogue. Strides and counts first, then each table through a pointer that is
 * known to lie in the array; names are compared with hashes, so hostile sizes cost time in
 * proportion only.
 */
#include "host/check.h"

#include "base/err.h"
#include "base/map.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TABLES (1u << 20)
#define MAX_COLUMNS (1u << 16)
#define MAX_PARTS (1u << 16) /* indexes, foreign keys, options of an enumeration */
#define MAX_STRIDE 4096u
#define MAX_NAME 4096u
#define MAX_NOTE (1u << 20) /* comments, default expressions, native types */

/* The item at a position of an array that crosses as pointer, count and stride. */
static const void *item(const void *items, uint32_t stride, uint32_t index)
{
    return (const char *)items + (size_t)index * stride;
}

static bool is_array(const void *items, uint32_t n, uint32_t max, uint32_t stride, size_t size)
{
    if (n == 0)
        return true;
    return items && n <= max && stride >= size && stride <= MAX_STRIDE &&
           stride % sizeof(uint64_t) == 0 && (uintptr_t)items % sizeof(uint64_t) == 0;
}

static bool is_text(struct rh_text text, uint64_t least, uint64_t most)
{
    if (text.len < least || text.len > most || (!text.data && text.len))
        return false;
    return text.len == 0 || (rh_text_is_utf8(text) && !memchr(text.data, 0, text.len));
}

static bool is_name(struct rh_text text)
{
    return is_text(text, 1, MAX_NAME);
}

static int fail_table(const struct rh_table *table, const char *what, struct rh_error *error)
{
    return rh_fail(error, RH_CONTRACT, "the connector's description of table \"%.*s\": %s",
                   RH_TEXT_ARG(table->name), what);
}

static const char *column_fault(const struct rh_column *column)
{
    if (!is_name(column->name))
        return "its name is not a text";
    if (!is_text(column->native_type, 0, MAX_NOTE) || !is_text(column->default_text, 0, MAX_NOTE) ||
        !is_text(column->comment, 0, MAX_NOTE))
        return "one of its texts is not UTF-8";
    if (column->type <= RH_TYPE_NULL || column->type >= RH_N_TYPES)
        return "it has no known type";
    if (column->reserved)
        return "its reserved field is not zero";
    if (column->n_options && (!column->options || column->n_options > MAX_PARTS))
        return "its options are malformed";
    for (uint32_t i = 0; i < column->n_options; i++) {
        if (!is_text(column->options[i], 0, MAX_NOTE))
            return "one of its options is not UTF-8";
    }
    return NULL;
}

int rh_check_columns(const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                     const char *where, struct rh_error *error)
{
    if (!is_array(columns, n_columns, MAX_COLUMNS, stride, sizeof(*columns)))
        return rh_fail(error, RH_CONTRACT, "the connector's description of %s: malformed columns",
                       where);
    for (uint32_t i = 0; i < n_columns; i++) {
        const struct rh_column *column = item(columns, stride, i);
        const char *fault = column_fault(column);

        if (fault)
            return rh_fail(error, RH_CONTRACT, "the connector's description of %s: column %u: %s",
                           where, i, fault);
    }
    return RH_OK;
}

static int check_distinct(const struct rh_table *table, struct rh_error *error)
{
    struct rh_map names;
    int rc = RH_OK;

    rh_map_init(&names);
    for (uint32_t i = 0; i < table->n_columns && rc == RH_OK; i++) {
        const struct rh_column *column = item(table->columns, table->column_stride, i);

        if (rh_map_get(&names, column->name))
            rc = fail_table(table, "two of its columns have one name", error);
        else if (!rh_map_put(&names, column->name, &names, NULL))
            rc = rh_fail_nomem(error);
    }
    rh_map_free(&names);
    return rc;
}

/* Positions of columns. */
static bool are_positions(const uint32_t *positions, uint32_t n, uint32_t n_columns)
{
    if (n && (!positions || n > n_columns))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (positions[i] >= n_columns)
            return false;
    }
    return true;
}

/* The columns' number has been checked. */
static bool is_key_distinct(const struct rh_table *table)
{
    unsigned char seen[MAX_COLUMNS / 8];

    memset(seen, 0, (size_t)table->n_columns / 8 + (table->n_columns % 8 != 0));
    for (uint32_t i = 0; i < table->n_key; i++) {
        unsigned char *byte = &seen[table->key[i] / 8];
        unsigned char bit = (unsigned char)(1u << table->key[i] % 8);

        if (*byte & bit)
            return false;
        *byte |= bit;
    }
    return true;
}

static const char *index_fault(const struct rh_table *table)
{
    if (!is_array(table->indexes, table->n_indexes, MAX_PARTS, table->index_stride,
                  sizeof(struct rh_index)))
        return "malformed indexes";
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        const struct rh_index *index = item(table->indexes, table->index_stride, i);

        if (!is_text(index->name, 0, MAX_NAME) ||
            !are_positions(index->columns, index->n_columns, table->n_columns))
            return "a malformed index";
    }
    return NULL;
}

static bool is_foreign_key(const struct rh_foreign_key *key, uint32_t n_columns)
{
    if (!is_text(key->name, 0, MAX_NAME) || !is_text(key->schema, 0, MAX_NAME) ||
        !is_name(key->table) || key->n_columns == 0 || key->reserved ||
        !are_positions(key->columns, key->n_columns, n_columns) || !key->ref_columns)
        return false;
    for (uint32_t i = 0; i < key->n_columns; i++) {
        if (!is_name(key->ref_columns[i]))
            return false;
    }
    return true;
}

static const char *foreign_key_fault(const struct rh_table *table)
{
    if (!is_array(table->foreign_keys, table->n_foreign_keys, MAX_PARTS, table->foreign_key_stride,
                  sizeof(struct rh_foreign_key)))
        return "malformed foreign keys";
    for (uint32_t i = 0; i < table->n_foreign_keys; i++) {
        if (!is_foreign_key(item(table->foreign_keys, table->foreign_key_stride, i),
                            table->n_columns))
            return "a malformed foreign key";
    }
    return NULL;
}

static const char *table_fault(const struct rh_table *table)
{
    if (!is_text(table->schema, 0, MAX_NAME) || !is_text(table->comment, 0, MAX_NOTE))
        return "one of its texts is not UTF-8";
    if (table->struct_size < sizeof(*table) || table->kind > RH_TABLE_FOREIGN || table->reserved ||
        table->reserved1 || table->est_rows < -1)
        return "an impossible size, kind or number of rows";
    if (!are_positions(table->key, table->n_key, table->n_columns))
        return "a malformed primary key";
    return NULL;
}

static int check_table(const struct rh_table *table, uint32_t index, struct rh_error *error)
{
    char where[64];
    const char *fault;
    uint64_t n;
    int rc;

    if (!is_name(table->name))
        return rh_fail(error, RH_CONTRACT, "the connector's table %u has no name", index);
    if (!(fault = table_fault(table)) && !(fault = index_fault(table)))
        fault = foreign_key_fault(table);
    if (fault)
        return fail_table(table, fault, error);
    n = table->name.len < 40 ? table->name.len : 40;
    while (n && n < table->name.len && ((unsigned char)table->name.data[n] & 0xc0) == 0x80)
        n--; /* not in the middle of a character */
    snprintf(where, sizeof(where), "table \"%.*s\"", (int)n, table->name.data);
    rc = rh_check_columns(table->columns, table->n_columns, table->column_stride, where, error);
    if (rc == RH_OK && !is_key_distinct(table))
        rc = fail_table(table, "its primary key has a column twice", error);
    return rc ? rc : check_distinct(table, error);
}

static int compare_tables(const void *a, const void *b)
{
    const struct rh_table *const *left = a, *const *right = b;
    int order = rh_text_compare((*left)->schema, (*right)->schema);

    return order ? order : rh_text_compare((*left)->name, (*right)->name);
}

static int check_distinct_tables(const struct rh_catalog *catalog, struct rh_error *error)
{
    const struct rh_table **sorted;
    int rc = RH_OK;

    if (catalog->n_tables < 2)
        return RH_OK;
    sorted = calloc(catalog->n_tables, sizeof(*sorted));
    if (!sorted)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < catalog->n_tables; i++)
        sorted[i] = item(catalog->tables, catalog->table_stride, i);
    qsort(sorted, catalog->n_tables, sizeof(const struct rh_table *), compare_tables);
    for (uint32_t i = 1; i < catalog->n_tables && rc == RH_OK; i++) {
        if (compare_tables(&sorted[i - 1], &sorted[i]) == 0)
            rc = fail_table(sorted[i], "it comes twice", error);
    }
    free(sorted);
    return rc;
}

int rh_check_catalog(const struct rh_catalog *catalog, struct rh_error *error)
{
    if (!is_array(catalog->tables, catalog->n_tables, MAX_TABLES, catalog->table_stride,
                  sizeof(struct rh_table)) ||
        catalog->reserved || !is_text(catalog->default_schema, 0, MAX_NAME))
        return rh_fail(error, RH_CONTRACT, "the connector's catalogue is malformed");
    for (uint32_t i = 0; i < catalog->n_tables; i++) {
        int rc = check_table(item(catalog->tables, catalog->table_stride, i), i, error);

        if (rc)
            return rc;
    }
    return check_distinct_tables(catalog, error);
}
