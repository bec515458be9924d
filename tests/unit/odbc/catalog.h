/* Tests of introspection. */
#pragma once

#include "unit/odbc/target.h"

#include <stdio.h>
#include <string.h>

START_TEST(shows_tables_and_keys)
{
    char text[512];
    const struct rh_table *table = NULL;

    drop("odbc_child");
    drop("odbc_parent");
    (void)snprintf(text, sizeof text,
                   "CREATE TABLE odbc_parent (id INTEGER NOT NULL PRIMARY KEY, code %s NOT NULL, "
                   "UNIQUE (code))",
                   target->text_type);
    sql(text);
    sql("CREATE TABLE odbc_child (a INTEGER NOT NULL, b INTEGER NOT NULL, parent INTEGER DEFAULT 7,"
        " PRIMARY KEY (b, a), FOREIGN KEY (parent) REFERENCES odbc_parent (id))");
    table = table_named("odbc_child");
    ck_assert_uint_eq(table->n_columns, 3);
    ck_assert_uint_eq(table->n_key, 2);
    ck_assert_uint_eq(table->key[0], 1);
    ck_assert_uint_eq(table->key[1], 0);
    ck_assert_uint_eq(table->n_foreign_keys, 1);
    ck_assert(rh_text_is(table->foreign_keys[0].table, "odbc_parent"));
    ck_assert(rh_text_is(table->foreign_keys[0].ref_columns[0], "id"));
    ck_assert_uint_eq(table->foreign_keys[0].columns[0], 2);
    ck_assert(column_named(table, "a")->flags & RH_COLUMN_NOT_NULL);
    ck_assert(column_named(table, "parent")->flags & RH_COLUMN_DEFAULT);
    ck_assert(!(column_named(table, "parent")->flags & RH_COLUMN_NOT_NULL));
    table = table_named("odbc_parent");
    ck_assert_uint_eq(table->n_key, 1);
    bool unique = false;
    for (uint32_t i = 0; i < table->n_indexes; i++)
        unique = unique || ((table->indexes[i].flags & RH_INDEX_UNIQUE) &&
                            table->indexes[i].n_columns == 1 && table->indexes[i].columns[0] == 1);
    ck_assert(unique);
    drop("odbc_child");
    drop("odbc_parent");
}
END_TEST

START_TEST(takes_names_with_quotes_and_unicode)
{
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("sel`ect \"q\" ]x[ 'ü'"), .type = RH_TYPE_INT},
    };
    const uint32_t key[] = {0};
    struct rh_table made = {.struct_size = sizeof made,
                            .name = RH_TEXT_INIT("odbc ‘table’ \"x\" `y`"),
                            .columns = columns,
                            .n_columns = 2,
                            .column_stride = sizeof *columns,
                            .key = key,
                            .n_key = 1};
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = &made};
    const struct rh_value cells[] = {int_value(1), int_value(2)};
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .table = made.name,
                                 .columns = columns,
                                 .n_columns = 2,
                                 .column_stride = sizeof *columns,
                                 .n_rows = 1,
                                 .cells = cells,
                                 .returning_stride = sizeof *columns};
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_text native;

    (void)connector->ddl->apply(conn, op, &change, 1, sizeof change, 0, &native, &error);
    rh_error_clear(&error);
    change.kind = RH_DDL_CREATE_TABLE;
    ok(connector->ddl->apply(conn, op, &change, 1, sizeof change, 0, &native, &error));
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    const struct rh_table *table = table_named("odbc ‘table’ \"x\" `y`");
    ck_assert_uint_eq(table->n_key, 1);
    struct rh_query query = select_all(table);
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 10, &batch, &error));
    ck_assert_int_eq(batch.cells[1].as.i, 2);
    connector->finish(cursor);
    change.kind = RH_DDL_DROP_TABLE;
    ok(connector->ddl->apply(conn, op, &change, 1, sizeof change, 0, &native, &error));
    ck_assert_ptr_null(find_table("odbc ‘table’ \"x\" `y`"));
}
END_TEST
