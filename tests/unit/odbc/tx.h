/* Tests of transactions, native statements, and changes of tables. */
#pragma once

#include "unit/odbc/write.h"

#include <string.h>

START_TEST(commits_and_rolls_back)
{
    const struct rh_table *table = make_writable();
    const struct rh_value cells[] = {int_value(1), text_value("a"), int_value(1)};
    const struct rh_value bad[] = {int_value(1), text_value("a"), int_value(1)};
    struct rh_write_spec spec = spec_of(table, cells, 1);
    struct rh_write_result result = {.struct_size = sizeof result};

    ok(connector->tx->begin(conn, op, 0, &error));
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ok(connector->tx->savepoint(conn, op, 1, &error));
    /* a call that fails leaves the transaction usable, with what was there before */
    spec.cells = bad;
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 1);
    sql("DELETE FROM odbc_write");
    ok(connector->tx->rollback_to(conn, op, 1, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 1);
    ok(connector->tx->release(conn, op, 1, &error));
    ok(connector->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 0);
    ok(connector->tx->begin(conn, op, 0, &error));
    ok((spec.cells = cells, connector->write->insert(conn, op, &spec, &result, &error)));
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 1);
    fails(connector->tx->commit(conn, op, &error), RH_INVALID);
}
END_TEST

START_TEST(refuses_writes_when_read_only)
{
    const struct rh_table *table = make_writable();
    const struct rh_value cells[] = {int_value(1), text_value("a"), int_value(1)};
    struct rh_write_spec spec = spec_of(table, cells, 1);
    struct rh_write_result result = {.struct_size = sizeof result};

    operation.abi.flags |= RH_OP_READ_ONLY;
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_PERMISSION);
    static const char *const texts[] = {
        "DELETE FROM odbc_write",
        "SELECT 1; DELETE FROM odbc_write",
        "ROLLBACK",
        "COMMIT",
        "/* SELECT */ INSERT INTO odbc_write VALUES (9, 'x', 1)",
        "INSERT INTO odbc_write VALUES (9, 'x', 1) -- SELECT",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rh_error_clear(&error);
        ck_assert_int_ne(try_sql(conn, texts[i]), RH_OK);
    }
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 0);
    operation.abi.flags = 0;
    ok(connector->tx->begin(conn, op, RH_TX_READ_ONLY, &error));
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_PERMISSION);
    rh_error_clear(&error);
    ck_assert_int_ne(try_sql(conn, "INSERT INTO odbc_write VALUES (9, 'x', 1)"), RH_OK);
    ok(connector->tx->rollback(conn, op, &error));
    rh_error_clear(&error);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 1);
}
END_TEST

START_TEST(runs_native_statements)
{
    const struct rh_table *table = make_rows();
    const struct rh_value parameters[] = {text_value("ä"), int_value(3)};
    const struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .text = RH_TEXT_INIT("SELECT id, t, n FROM odbc_rows WHERE t = ? OR id = ? ORDER BY id;"),
        .parameters = parameters,
        .n_parameters = 2,
    };
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};

    (void)table;
    ok(connector->native->run(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_columns, 3);
    ck_assert(rh_text_is(result.columns[1].name, "t"));
    ck_assert_uint_eq(result.columns[1].type, RH_TYPE_TEXT);
    ok(connector->next(result.cursor, op, 1, &batch, &error));
    connector->finish(result.cursor);
    ck_assert_int_eq(try_sql(conn, "SELECT broken FROM nowhere"), RH_NOT_FOUND);
    fails(try_sql(conn, "COMMIT"), RH_UNSUPPORTED);
    fails(try_sql(conn, "SELECT 1; SELECT 2"), RH_UNSUPPORTED);
    fails(try_sql(conn, "SELECT ?"), RH_INVALID);
    rh_error_clear(&error);
    ok(connector->ping(conn, op, &error));
}
END_TEST

START_TEST(makes_and_changes_tables)
{
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("price"),
         .type = RH_TYPE_DECIMAL,
         .precision = 10,
         .scale = 2,
         .default_text = RH_TEXT_INIT("1.50"),
         .flags = RH_COLUMN_NOT_NULL},
    };
    const struct rh_column more = {
        .name = RH_TEXT_INIT("more"), .type = RH_TYPE_TEXT, .max_length = 20};
    const uint32_t key[] = {0}, on[] = {1};
    const struct rh_index index = {
        .name = RH_TEXT_INIT("odbc_ddl_price"), .columns = on, .n_columns = 1};
    struct rh_table made = {.struct_size = sizeof made,
                            .name = RH_TEXT_INIT("odbc_ddl"),
                            .columns = columns,
                            .n_columns = 2,
                            .column_stride = sizeof *columns,
                            .key = key,
                            .n_key = 1,
                            .indexes = &index,
                            .n_indexes = 1,
                            .index_stride = sizeof index};
    struct rh_ddl_change changes[] = {
        {.kind = RH_DDL_CREATE_TABLE, .table = &made},
        {.kind = RH_DDL_ADD_COLUMN, .table = &made, .column = &more},
        {.kind = RH_DDL_RENAME_COLUMN,
         .table = &made,
         .column = &more,
         .new_name = RH_TEXT_INIT("renamed")},
    };
    struct rh_text native = {NULL, 0};

    drop("odbc_ddl");
    ok(connector->ddl->apply(conn, op, changes, 3, sizeof *changes, RH_DDL_DRY_RUN, &native,
                             &error));
    ck_assert(rh_text_starts(native, "CREATE TABLE"));
    ck_assert_ptr_null(find_table("odbc_ddl"));
    ok(connector->ddl->apply(conn, op, changes, 3, sizeof *changes, 0, &native, &error));
    const struct rh_table *table = table_named("odbc_ddl");
    ck_assert_uint_eq(table->n_columns, 3);
    ck_assert_uint_eq(table->n_key, 1);
    ck_assert(rh_text_is(table->columns[2].name, "renamed"));
    fails(connector->ddl->apply(conn, op, changes, 1, sizeof *changes, 0, &native, &error),
          RH_EXISTS);
    rh_error_clear(&error);
    changes[0].kind = RH_DDL_DROP_TABLE;
    ok(connector->ddl->apply(conn, op, changes, 1, sizeof *changes, 0, &native, &error));
    ck_assert_ptr_null(find_table("odbc_ddl"));
}
END_TEST
