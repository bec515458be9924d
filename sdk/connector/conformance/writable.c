/*
 * Where a source only infers its columns, an empty table has none; so the columns are asked for
 * again once the table is filled, and what has to be known before is taken from the configuration.
 */
#include "connector/conformance/writable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_COLUMNS 3u
#define ROWS_PER_CALL 100u

struct places {
    struct rh_text schema, table;
    struct rh_text columns[N_COLUMNS]; /* id, n, v */
};

static struct rh_text member(struct rh_trial *t, const json_t *writable, const char *name)
{
    const char *text = json_string_value(json_object_get(writable, name));

    if (!text)
        rh_trial_fail(t, "the configuration's \"writable\" has no \"%s\"", name);
    return rh_text_of(text);
}

static struct places find_places(struct rh_trial *t)
{
    const json_t *writable = rh_trial_need(t, "writable");
    const char *schema = json_string_value(json_object_get(writable, "schema"));

    return (struct places){
        .schema = rh_text_of(schema),
        .table = member(t, writable, "table"),
        .columns = {member(t, writable, "key"), member(t, writable, "number"),
                    member(t, writable, "text")},
    };
}

/* ---- Numbers --------------------------------------------------------------------------------- */

struct rh_value rh_writable_fit(struct rh_trial *t, const struct rh_column *column,
                                struct rh_value value)
{
    char *text;

    if (!t->writable || value.type != RH_TYPE_INT || column->type == RH_TYPE_INT)
        return value;
    if (column->type == RH_TYPE_FLOAT)
        return (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)value.as.i};
    if (column->type == RH_TYPE_UINT)
        return (struct rh_value){.type = RH_TYPE_UINT, .as.u = (uint64_t)value.as.i};
    text = rh_trial_alloc(t, 24);
    return (struct rh_value){
        .type = column->type == RH_TYPE_DECIMAL ? RH_TYPE_DECIMAL : RH_TYPE_TEXT,
        .len = (uint32_t)snprintf(text, 24, "%lld", (long long)value.as.i),
        .as.data = text,
    };
}

struct rh_value rh_writable_number(const struct rh_trial *t, struct rh_value cell)
{
    char text[24], *end;
    long long number = 0;

    if (!t->writable)
        return cell;
    if (cell.type == RH_TYPE_FLOAT && cell.as.f > -1e15 && cell.as.f < 1e15 &&
        (double)(int64_t)cell.as.f == cell.as.f)
        number = (long long)cell.as.f;
    else if (cell.type == RH_TYPE_UINT && cell.as.u <= INT64_MAX)
        number = (long long)cell.as.u;
    else if ((cell.type == RH_TYPE_TEXT || cell.type == RH_TYPE_DECIMAL) && cell.len &&
             cell.len < sizeof(text)) {
        memcpy(text, cell.as.data, cell.len);
        text[cell.len] = 0;
        number = strtoll(text, &end, 10);
        if (*end)
            return cell;
    } else {
        return cell;
    }
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = number};
}

/* ---- The table ------------------------------------------------------------------------------- */

static const struct rh_table *look_for(struct rh_trial *t, struct rh_conn *conn,
                                       const struct places *places)
{
    struct rh_catalog catalog;

    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++) {
        const struct rh_table *table = rh_fixture_table(&catalog, i);
        if (rh_text_equal(table->name, places->table) &&
            (!places->schema.data || rh_text_equal(table->schema, places->schema)))
            return table;
    }
    return NULL;
}

static const struct rh_column *column_of(const struct rh_table *table, struct rh_text name)
{
    for (uint32_t i = 0; table && i < table->n_columns; i++)
        if (rh_text_equal(rh_fixture_column(table, i)->name, name))
            return rh_fixture_column(table, i);
    return NULL;
}

static bool holds(const struct rh_column *column, bool number)
{
    if (number)
        return column->type == RH_TYPE_INT || column->type == RH_TYPE_UINT ||
               column->type == RH_TYPE_FLOAT || column->type == RH_TYPE_DECIMAL;
    return column->type == RH_TYPE_TEXT;
}

/* The three columns of what the source shows. What it does not show, or shows as something else
 * because of the rows that are there now, is taken to be as the tests write it. */
static const struct rh_table *narrow(struct rh_trial *t, const struct places *places,
                                     const struct rh_table *told)
{
    static const uint32_t key[] = {0};
    struct rh_column *columns = rh_trial_alloc(t, N_COLUMNS * sizeof(*columns));
    struct rh_table *table = rh_trial_alloc(t, sizeof(*table));

    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        const struct rh_column *column = column_of(told, places->columns[i]);
        if (column && (i == 0 || holds(column, i == 1)))
            columns[i] = *column;
        else
            columns[i] = (struct rh_column){.name = places->columns[i],
                                            .type = i == 1 ? RH_TYPE_INT : RH_TYPE_TEXT,
                                            .flags = RH_COLUMN_INFERRED};
    }
    *table = (struct rh_table){
        .struct_size = sizeof(*table),
        .schema = told ? told->schema : places->schema,
        .name = places->table,
        .columns = columns,
        .n_columns = N_COLUMNS,
        .column_stride = sizeof(*columns),
        .key = key,
        .n_key = 1,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    return table;
}

/* ---- Its rows -------------------------------------------------------------------------------- */

/* A keyed write of many rows in as many calls as it takes. */
static void write_all(struct rh_trial *t, struct rh_conn *conn, rh_write_fn *function,
                      struct rh_write_spec spec, const struct rh_rows_read *rows)
{
    uint64_t most = t->library->limits.rows_per_write;

    if (most == 0 || most > ROWS_PER_CALL)
        most = ROWS_PER_CALL;
    for (uint64_t at = 0; at < rows->n_rows; at += most) {
        spec.n_rows = rows->n_rows - at < most ? rows->n_rows - at : most;
        spec.cells = rows->cells + at * rows->n_cols;
        rh_trial_ok(t, "a write of the configuration's table",
                    rh_fixture_write(t, conn, function, &spec, NULL));
    }
}

static void empty(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table)
{
    struct rh_write_spec spec = rh_fixture_spec(table);
    struct rh_rows_read keys;
    struct rh_query query;

    rh_fixture_query(t, table, &query);
    query.n_select = spec.n_columns = spec.n_key = 1;
    spec.key = table->key;
    rh_trial_ok(t, "reading the keys of the configuration's table",
                rh_fixture_read(t, conn, &query, 1000, &keys));
    write_all(t, conn, t->connector->write->remove, spec, &keys);
}

static void fill(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table,
                 uint64_t n_rows)
{
    struct rh_rows_read rows = {.n_rows = n_rows, .n_cols = N_COLUMNS};

    rows.cells = rh_fixture_simple_cells(t, n_rows);
    write_all(t, conn, t->connector->write->insert, rh_fixture_spec(table), &rows);
}

const struct rh_table *rh_writable_make(struct rh_trial *t, struct rh_conn *conn, uint64_t n_rows)
{
    const struct places places = find_places(t);
    const struct rh_table *told = look_for(t, conn, &places);

    t->writable = narrow(t, &places, told);
    if (told)
        empty(t, conn, t->writable);
    fill(t, conn, t->writable, n_rows);
    told = rh_fixture_find(t, conn, places.schema, places.table);
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        const struct rh_column *column = column_of(told, places.columns[i]);
        if (!column || (i > 0 && !holds(column, i == 1)))
            rh_trial_fail(t, "introspection does not show \"%.*s\" as a column of %s",
                          RH_TEXT_ARG(places.columns[i]), i == 1 ? "numbers" : "text");
    }
    t->writable = narrow(t, &places, told);
    return t->writable;
}
