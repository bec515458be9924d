/* Introspection: what `tables` says of tables that are known, and of names that are difficult. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct rh_conn *start(struct rh_trial *t)
{
    rh_trial_load(t);
    return rh_trial_connect(t);
}

static void well_formed(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    struct rh_catalog catalog;

    if (rh_fixture_can_make(t))
        rh_fixture_simple(t, conn, 0);
    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++) {
        const struct rh_table *table = rh_fixture_table(&catalog, i);
        if (table->reserved || table->reserved1)
            rh_trial_fail(t, "a reserved field of table \"%.*s\" is not zero",
                          RH_TEXT_ARG(table->name));
        if (table->est_rows < -1)
            rh_trial_fail(t, "table \"%.*s\" has about %lld rows", RH_TEXT_ARG(table->name),
                          (long long)table->est_rows);
        for (uint32_t k = 0; k < table->n_key; k++)
            if (table->key[k] >= table->n_columns)
                rh_trial_fail(t, "the key of \"%.*s\" names a column that is not there",
                              RH_TEXT_ARG(table->name));
    }
    rh_trial_note(t, "%u tables", catalog.n_tables);
    t->connector->close(conn);
}

/* ---- What was made --------------------------------------------------------------------------- */

static void complete(struct rh_trial *t)
{
    static const uint32_t key[] = {1, 0};
    static const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("second"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("first"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("free"), .type = RH_TYPE_TEXT},
        {.name = RH_TEXT_INIT("given"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_NOT_NULL},
    };
    const struct rh_table *table;
    struct rh_conn *conn = start(t);
    struct rh_table made;

    rh_fixture_need(t);
    if (!rh_fixture_create(t, conn, columns, 4, key, 2, &made))
        rh_trial_fail_call(t, "making a table", RH_UNSUPPORTED, &t->error);
    table = rh_fixture_find(t, conn, made.schema, made.name);
    if (table->n_columns != 4)
        rh_trial_fail(t, "a table of 4 columns has %u", table->n_columns);
    for (uint32_t c = 0; c < 4; c++) {
        const struct rh_column *column = rh_fixture_column(table, c);
        if (!rh_text_equal(column->name, columns[c].name))
            rh_trial_fail(t, "column %u is \"%.*s\" instead of \"%.*s\"", c,
                          RH_TEXT_ARG(column->name), RH_TEXT_ARG(columns[c].name));
        if (column->type != columns[c].type)
            rh_trial_fail(t, "column \"%.*s\" has another type than it was made with",
                          RH_TEXT_ARG(column->name));
        if (((column->flags ^ columns[c].flags) & RH_COLUMN_NOT_NULL) && c >= 2)
            rh_trial_fail(t, "column \"%.*s\" is %s", RH_TEXT_ARG(column->name),
                          columns[c].flags ? "not told to be NOT NULL" : "told to be NOT NULL");
        if (column->native_type.len == 0)
            rh_trial_fail(t, "column \"%.*s\" has no native type", RH_TEXT_ARG(column->name));
    }
    if (table->n_key != 2 || table->key[0] != 1 || table->key[1] != 0)
        rh_trial_fail(t, "the key is not told in its own order");
    if (table->kind != RH_TABLE_BASE || table->flags & RH_TABLE_READ_ONLY)
        rh_trial_fail(t, "a table that was just made is told to be something else");
    t->connector->close(conn);
}

static void changes_show(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_simple(t, conn, 1);
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = table};
    struct rh_text native = {NULL, 0};
    struct rh_catalog catalog;

    rh_trial_ok(t, "dropping a table",
                t->connector->ddl->apply(conn, &t->op, &change, 1, sizeof(change), 0, &native,
                                         rh_trial_error(t)));
    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++)
        if (rh_text_equal(rh_fixture_table(&catalog, i)->name, table->name))
            rh_trial_fail(t, "a table that was dropped is still told of");
    t->connector->close(conn);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static const char *const odd_names[] = {
    "select",    "Group By", "it's",  "\"quoted\"",
    "back`tick", "a.b",      "naïve", "\xe6\x97\xa5\xe6\x9c\xac",
    "UPPER",     "[x]",      "a;b--", "back\\slash",
    " blank ",   "%s",       "?",     "$1"};
#define N_NAMES (sizeof(odd_names) / sizeof(odd_names[0]))

/* Writes a row through all the names and reads it back. */
static void use_names(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table)
{
    struct rh_value cells[N_NAMES + 1];
    struct rh_write_spec spec = rh_fixture_spec(table);
    struct rh_rows_read rows;

    for (uint32_t i = 0; i < table->n_columns; i++)
        cells[i] = (struct rh_value){.type = RH_TYPE_INT, .as.i = i + 1};
    spec.n_rows = 1;
    spec.cells = cells;
    rh_trial_ok(t, "insert through difficult names",
                rh_fixture_write(t, conn, t->connector->write->insert, &spec, NULL));
    rh_fixture_rows(t, conn, table, &rows);
    if (rows.n_rows != 1)
        rh_trial_fail(t, "a row written through difficult names is not there");
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rows.cells[i].type != RH_TYPE_INT || rows.cells[i].as.i != (int64_t)i + 1)
            rh_trial_fail(t, "column \"%.*s\" gives another column's value",
                          RH_TEXT_ARG(rh_fixture_column(table, i)->name));
}

static void names(struct rh_trial *t)
{
    static const uint32_t key[] = {0};
    struct rh_column columns[N_NAMES + 1] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL}};
    struct rh_conn *conn = start(t);
    const struct rh_table *table;
    struct rh_table made;
    uint32_t n = 1;

    rh_fixture_need(t);
    for (size_t i = 0; i < N_NAMES; i++) {
        columns[n] = (struct rh_column){.name = rh_text_of(odd_names[i]), .type = RH_TYPE_INT};
        if (rh_fixture_create(t, conn, columns, n + 1, key, 1, &made))
            n++;
        else
            rh_trial_note(t, "it refuses the name %s", odd_names[i]);
    }
    if (!rh_fixture_create(t, conn, columns, n, key, 1, &made))
        rh_trial_fail(t, "names that it took one by one are refused together");
    table = rh_fixture_find(t, conn, made.schema, made.name);
    if (table->n_columns != n)
        rh_trial_fail(t, "%u columns instead of %u", table->n_columns, n);
    for (uint32_t i = 0; i < n; i++)
        if (!rh_text_equal(rh_fixture_column(table, i)->name, columns[i].name))
            rh_trial_fail(t, "the name %.*s comes back as %.*s", RH_TEXT_ARG(columns[i].name),
                          RH_TEXT_ARG(rh_fixture_column(table, i)->name));
    use_names(t, conn, table);
    t->connector->close(conn);
}

static void table_names(struct rh_trial *t)
{
    static const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL}};
    static const uint32_t key[] = {0};
    struct rh_conn *conn = start(t);
    struct rh_text native = {NULL, 0};

    rh_fixture_need(t);
    for (size_t i = 0; i < N_NAMES; i++) {
        struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE};
        const struct rh_table *table;
        struct rh_table made;
        char *name = rh_trial_alloc(t, 128);
        int32_t rc;
        rh_fixture_create(t, conn, columns, 1, key, 1, &made);
        snprintf(name, 128, "%s%ld%s", t->prefix, (long)getpid(), odd_names[i]);
        made.name = rh_text_of(name);
        change.table = &made;
        rc = t->connector->ddl->apply(conn, &t->op, &change, 1, sizeof(change), 0, &native,
                                      rh_trial_error(t));
        if (rc == RH_UNSUPPORTED || rc == RH_INVALID || rc == RH_DATA) {
            rh_trial_note(t, "it refuses the name %s", odd_names[i]);
            continue;
        }
        rh_trial_ok(t, "making a table with a difficult name", rc);
        table = rh_fixture_find(t, conn, made.schema, made.name);
        if (rh_fixture_count(t, conn, table) != 0)
            rh_trial_fail(t, "the table %s has rows before any were written", name);
        use_names(t, conn, table);
    }
    t->connector->close(conn);
}

static void same_twice(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_any(t, conn);
    const struct rh_table *again = rh_fixture_find(t, conn, table->schema, table->name);

    if (again->n_columns != table->n_columns || again->n_key != table->n_key)
        rh_trial_fail(t, "the same table is told in two ways");
    for (uint32_t i = 0; i < table->n_columns; i++) {
        const struct rh_column *a = rh_fixture_column(table, i), *b = rh_fixture_column(again, i);
        if (!rh_text_equal(a->name, b->name) || a->type != b->type || a->flags != b->flags)
            rh_trial_fail(t, "column \"%.*s\" is told in two ways", RH_TEXT_ARG(a->name));
    }
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_introspection[] = {
    {"well-formed", "the catalogue is well-formed", well_formed},
    {"complete", "a table is told with its columns, their types, NOT NULL, and its key in order",
     complete},
    {"changes", "the catalogue shows the tables of this moment", changes_show},
    {"columns", "columns with quotes, Unicode, reserved words are told and used under their names",
     names},
    {"tables", "so are tables", table_names},
    {"same", "the same table is told in the same way", same_twice},
    {NULL, NULL, NULL},
};
