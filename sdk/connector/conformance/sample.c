/*
 * Tables are taken when they have a row and at most MAX_ROWS of them; columns when questions can be
 * asked about their type, when their name means nothing in a query, and when they have a value.
 */
#include "connector/conformance/sample.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_ROWS 5000u
#define MAX_VALUES 40u
#define MAX_COLUMNS 64u

static bool is_plain_name(struct rh_text name)
{
    static const char *const taken[] = {"and", "or", "not"};

    if (name.len == 0 || name.len > 60 || isdigit((unsigned char)name.data[0]))
        return false;
    for (uint64_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.data[i]) && name.data[i] != '_')
            return false;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (name.len == strlen(taken[i]) && strncasecmp(name.data, taken[i], name.len) == 0)
            return false;
    return true;
}

static bool is_asked_about(const struct rh_column *column)
{
    return column->type >= RH_TYPE_BOOL && column->type != RH_TYPE_UINT &&
           column->type != RH_TYPE_INTERVAL && is_plain_name(column->name);
}

/* Values of one column, of exactly its type. */
static void take_values(struct rh_trial *t, const struct rh_rows_read *rows, uint32_t column,
                        uint32_t type, struct rh_specimen_pool *ret_pool)
{
    struct rh_value *values = rh_trial_alloc(t, MAX_VALUES * sizeof(*values));
    uint32_t n = 0;

    for (uint64_t i = 0; i < rows->n_rows && n < MAX_VALUES; i++) {
        const struct rh_value *cell = &rows->cells[i * rows->n_cols + column];
        if (cell->type == type && cell->len < 200)
            values[n++] = *cell;
    }
    *ret_pool = (struct rh_specimen_pool){values, n};
}

static bool take_table(struct rh_trial *t, const struct rh_table *table,
                       const struct rh_rows_read *rows, struct rh_specimen *ret_specimen)
{
    struct rh_specimen_column *columns = rh_trial_alloc(t, MAX_COLUMNS * sizeof(*columns));
    char *name = rh_trial_alloc(t, table->schema.len + table->name.len + 2);
    uint32_t n = 0;

    for (uint32_t c = 0; c < table->n_columns && n < MAX_COLUMNS; c++) {
        const struct rh_column *column = rh_fixture_column(table, c);
        columns[n].column = *column;
        take_values(t, rows, c, column->type, &columns[n].pool);
        n += is_asked_about(column) && columns[n].pool.n > 0;
    }
    snprintf(name, table->schema.len + table->name.len + 2, "%.*s%s%.*s",
             RH_TEXT_ARG(table->schema), table->schema.len ? "." : "", RH_TEXT_ARG(table->name));
    *ret_specimen = (struct rh_specimen){
        .name = name,
        .columns = columns,
        .n_columns = n,
        .n_key = table->n_key,
        .n_rows = (uint32_t)rows->n_rows,
    };
    return n > 0;
}

uint32_t rh_sample_tables(struct rh_trial *t, struct rh_conn *conn,
                          struct rh_specimen *ret_specimens, uint32_t n_max)
{
    struct rh_rows_read rows;
    struct rh_catalog catalog;
    struct rh_query query;
    uint32_t n = 0;

    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables && n < n_max; i++) {
        const struct rh_table *table = rh_fixture_table(&catalog, i);
        if (table->est_rows > (int64_t)MAX_ROWS || !is_plain_name(table->name) ||
            (table->schema.len && !is_plain_name(table->schema)))
            continue;
        rh_fixture_query(t, table, &query);
        if (rh_fixture_read(t, conn, &query, 1000, &rows) == RH_OK && rows.n_rows &&
            rows.n_rows <= MAX_ROWS)
            n += take_table(t, table, &rows, &ret_specimens[n]);
    }
    return n;
}

const struct rh_table *rh_sample_find(struct rh_trial *t, struct rh_conn *conn,
                                      const struct rh_specimen *specimen)
{
    struct rh_text schema = {NULL, 0}, name = rh_text_of(specimen->name);
    const char *point = strchr(specimen->name, '.');

    if (point) {
        schema = rh_text_make(specimen->name, (size_t)(point - specimen->name));
        name = rh_text_of(point + 1);
    }
    return rh_fixture_find(t, conn, schema, name);
}
