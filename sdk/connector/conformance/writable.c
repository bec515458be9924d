/*
 * Where a source only infers its columns, an empty table has none; so the columns are asked for
 * again once the table is filled, and what has to be known before is taken from the configuration.
 */
#include "connector/conformance/writable.h"

#include "host/stubs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_COLUMNS 3u
#define ROWS_PER_CALL 100u

struct places {
    struct rh_text schema, table, identity; /* identity: no text when key tells rows apart */
    struct rh_text columns[N_COLUMNS];      /* id, n, v */
};

static struct rh_text member(struct rh_trial *t, const json_t *writable, const char *name)
{
    const char *text = json_string_value(json_object_get(writable, name));

    if (!text)
        rh_trial_fail(t, "the configuration's \"writable\" has no \"%s\"", name);
    return rh_text_of(text);
}

/* In this process the host's stubs stand where the connector has no function; isolated, nothing
 * tells them apart. */
static bool changes_rows(const struct rh_trial *t)
{
    const struct rh_write *write = t->connector->write;
    struct rh_write none = {.struct_size = sizeof(none)};

    rh_stubs_fill_write(&none);
    return write && !t->isolated && write->update != none.update && write->remove != none.remove;
}

/* The configuration's table. A connector that changes and deletes rows has one: that the source has
 * none would leave what it claims untested. */
static const json_t *need_writable(struct rh_trial *t)
{
    if (json_is_null(json_object_get(t->config, "writable")) && changes_rows(t))
        rh_trial_unproven(t, "it changes and deletes rows, so the configuration must name a "
                             "\"writable\" table");
    return rh_trial_need(t, "writable");
}

static struct places find_places(struct rh_trial *t)
{
    const json_t *writable = need_writable(t);
    const char *schema = json_string_value(json_object_get(writable, "schema"));
    const char *identity = json_string_value(json_object_get(writable, "identity"));

    return (struct places){
        .schema = rh_text_of(schema),
        .identity = rh_text_of(identity),
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
        columns[i] = column ? *column : (struct rh_column){.name = places->columns[i]};
        if (column && (i == 0 || holds(column, i == 1)))
            continue;
        columns[i].type = i == 1 ? RH_TYPE_INT : RH_TYPE_TEXT;
        columns[i].flags |= RH_COLUMN_INFERRED;
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

/* ---- Identities ------------------------------------------------------------------------------ */

/* The identity and the id of every row. */
static void read_identities(struct rh_trial *t, struct rh_conn *conn, struct rh_rows_read *ret_rows)
{
    const struct rh_column columns[] = {*t->identity, *rh_fixture_column(t->writable, 0)};
    struct rh_query query;

    rh_fixture_query(t, t->writable, &query);
    query.columns = columns;
    query.column_stride = sizeof(*columns);
    query.n_columns = query.n_select = 2;
    rh_trial_ok(t, "reading the identities of the configuration's rows",
                rh_fixture_read(t, conn, &query, 1000, ret_rows));
}

/* An id becomes the identity of its row; that of no row stays. */
static void identify(const struct rh_trial *t, const struct rh_rows_read *known,
                     struct rh_value *cell)
{
    for (uint64_t i = 0; i < known->n_rows; i++)
        if (rh_writable_number(t, known->cells[i * 2 + 1]).as.i == cell->as.i) {
            *cell = known->cells[i * 2];
            return;
        }
}

static bool is_key(const struct rh_write_spec *spec, uint32_t column)
{
    for (uint32_t i = 0; i < spec->n_key; i++)
        if (spec->key[i] == column)
            return true;
    return false;
}

/* In a write that changes or deletes rows by id. */
static void identify_all(struct rh_trial *t, struct rh_conn *conn, struct rh_write_spec *spec,
                         struct rh_column *columns, struct rh_value *cells)
{
    struct rh_text id = rh_fixture_column(t->writable, 0)->name;
    struct rh_rows_read known;

    read_identities(t, conn, &known);
    for (uint32_t c = 0; c < spec->n_columns; c++) {
        if (!is_key(spec, c) || !rh_text_equal(columns[c].name, id))
            continue;
        columns[c] = *t->identity;
        for (uint64_t r = 0; r < spec->n_rows; r++)
            identify(t, &known, &cells[r * spec->n_columns + c]);
    }
}

struct rh_write_spec rh_writable_spec(struct rh_trial *t, struct rh_conn *conn,
                                      rh_write_fn *function, const struct rh_write_spec *spec)
{
    const struct rh_write *group = t->connector->write;
    uint64_t n = spec->n_rows * spec->n_columns;
    struct rh_column *columns = rh_trial_alloc(t, (spec->n_columns + 1) * sizeof(*columns));
    struct rh_value *cells = rh_trial_alloc(t, (n + 1) * sizeof(*cells));
    struct rh_write_spec fitting = *spec;

    if (!t->writable)
        return fitting;
    for (uint32_t c = 0; c < spec->n_columns; c++)
        columns[c] = *(const struct rh_column *)(const void *)((const char *)spec->columns +
                                                               (size_t)c * spec->column_stride);
    if (n)
        memcpy(cells, spec->cells, n * sizeof(*cells));
    if (t->identity && (function == group->update || function == group->remove))
        identify_all(t, conn, &fitting, columns, cells);
    for (uint64_t i = 0; i < n; i++)
        cells[i] = rh_writable_fit(t, &columns[i % spec->n_columns], cells[i]);
    fitting.columns = columns;
    fitting.column_stride = sizeof(*columns);
    fitting.cells = cells;
    return fitting;
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
    if (t->identity)
        query.columns = spec.columns = t->identity;
    query.n_columns = query.n_select = spec.n_columns = spec.n_key = 1;
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
    t->identity = column_of(told, places.identity);
    if (places.identity.data && !t->identity)
        rh_trial_fail(t, "introspection does not show \"%.*s\" as a column",
                      RH_TEXT_ARG(places.identity));
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
