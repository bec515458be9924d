/* Tests of inserts, updates, deletes, upserts. */
#pragma once

#include "unit/odbc/read.h"

#include <stdio.h>
#include <string.h>

static const struct rh_table *make_writable(void)
{
    char text[512];

    drop("odbc_write");
    (void)snprintf(text, sizeof text,
                   "CREATE TABLE odbc_write (id %s, name %s NOT NULL, n INTEGER DEFAULT 5, "
                   "CHECK (n > 0))",
                   target->identity, "VARCHAR(40)");
    sql(text);
    return table_named("odbc_write");
}

static struct rh_write_spec spec_of(const struct rh_table *table, const struct rh_value *cells,
                                    uint64_t n_rows)
{
    return (struct rh_write_spec){.struct_size = sizeof(struct rh_write_spec),
                                  .schema = table->schema,
                                  .table = table->name,
                                  .columns = table->columns,
                                  .n_columns = table->n_columns,
                                  .column_stride = table->column_stride,
                                  .n_rows = n_rows,
                                  .cells = cells,
                                  .returning = table->columns,
                                  .returning_stride = table->column_stride};
}

START_TEST(returns_generated_keys)
{
    const struct rh_table *table = make_writable();
    const struct rh_value cells[] = {
        missing_value(), text_value("a"), int_value(1),    missing_value(), text_value("ü"),
        missing_value(), missing_value(), text_value("c"), null_value(),
    };
    struct rh_write_spec spec = spec_of(table, cells, 3);
    struct rh_write_result result = {.struct_size = sizeof result};

    spec.n_returning = 3;
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    ck_assert_uint_eq(result.returned.n_rows, 3);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(result.returned.cells[i * 3].as.i, (int64_t)i + 1);
    ck_assert_int_eq(result.returned.cells[1 * 3 + 2].as.i, 5);
    ck_assert_int_eq(result.returned.cells[2 * 3 + 2].type, RH_TYPE_NULL);
}
END_TEST

START_TEST(tells_the_row_at_fault)
{
    const struct rh_table *table = make_writable();
    struct rh_value cells[100 * 3];
    struct rh_write_spec spec = spec_of(table, cells, 100);
    struct rh_write_result result = {.struct_size = sizeof result};

    for (unsigned i = 0; i < 100; i++) {
        cells[i * 3] = int_value((int64_t)i + 1);
        cells[i * 3 + 1] = text_value("x");
        cells[i * 3 + 2] = int_value(1);
    }
    cells[57 * 3] = int_value(3);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.row, 57);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 0);
    cells[57 * 3] = int_value(58);
    cells[9 * 3 + 2] = int_value(-1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
    ck_assert_uint_eq(error.row, 9);
    cells[9 * 3 + 2] = int_value(1);
    cells[99 * 3 + 1] = null_value();
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_uint_eq(error.row, 99);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 0);
    cells[99 * 3 + 1] = text_value("y");
    rh_error_clear(&error);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 100);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 100);
}
END_TEST

START_TEST(updates_and_deletes_by_key)
{
    const struct rh_table *table = make_writable();
    const uint32_t key[] = {0};
    struct rh_value cells[] = {int_value(1), text_value("a"), int_value(1),
                               int_value(2), text_value("b"), int_value(1),
                               int_value(3), text_value("b"), int_value(1)};
    struct rh_write_spec spec = spec_of(table, cells, 3);
    struct rh_write_result result = {.struct_size = sizeof result};

    ok(connector->write->insert(conn, op, &spec, &result, &error));
    cells[1] = text_value("new");
    cells[2] = missing_value();
    cells[3] = int_value(99); /* not there */
    cells[8] = int_value(33);
    spec.key = key;
    spec.n_key = 1;
    spec.n_returning = target->returns_nothing ? 0 : 3;
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 2);
        check_same(&cells[1], &result.returned.cells[1], rh_text_of("name"));
        ck_assert_int_eq(result.returned.cells[2].as.i, 1);
        ck_assert_int_eq(result.returned.cells[5].as.i, 33);
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE n = 33"), 1);
    /* the name as a key matches two rows: nothing is changed */
    const uint32_t by_name[] = {1};
    const struct rh_value twice[] = {missing_value(), text_value("b"), int_value(44)};
    spec = spec_of(table, twice, 1);
    spec.key = by_name;
    spec.n_key = 1;
    fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE n = 44"), 0);
    /* deleting */
    const struct rh_value ids[] = {int_value(1), int_value(77)};
    spec = spec_of(table, ids, 2);
    spec.n_columns = 1;
    spec.key = key;
    spec.n_key = 1;
    spec.n_returning = target->returns_nothing ? 0 : 2;
    rh_error_clear(&error);
    ok(connector->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 1);
        check_same(&cells[1], &result.returned.cells[1], rh_text_of("name"));
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 2);
}
END_TEST

START_TEST(changes_by_condition)
{
    const struct rh_table *table = make_rows();
    const struct rh_value at[] = {int_value(2)};
    const struct rh_node node = {.op = RH_OP_LT, .column = 2, .n = 1};
    const uint32_t conjunct = 0;
    const struct rh_query where = {.struct_size = sizeof where,
                                   .schema = table->schema,
                                   .table = table->name,
                                   .columns = table->columns,
                                   .n_columns = table->n_columns,
                                   .column_stride = table->column_stride,
                                   .conjuncts = &conjunct,
                                   .n_conjuncts = 1,
                                   .nodes = &node,
                                   .n_nodes = 1,
                                   .values = at,
                                   .n_values = 1,
                                   .limit = RH_NO_LIMIT};
    const struct rh_value cells[] = {text_value("changed")};
    int64_t before = sql_int("SELECT count(*) FROM odbc_rows WHERE n < 2");
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .schema = table->schema,
                                 .table = table->name,
                                 .columns = &table->columns[1],
                                 .n_columns = 1,
                                 .column_stride = table->column_stride,
                                 .n_rows = 1,
                                 .cells = cells,
                                 .where = &where,
                                 .returning_stride = sizeof(struct rh_column)};
    struct rh_write_result result = {.struct_size = sizeof result};

    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_int_eq((int64_t)result.n_affected, before);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_rows WHERE t = 'changed'"), before);
    spec.n_columns = 0;
    ok(connector->write->remove(conn, op, &spec, &result, &error));
    ck_assert_int_eq((int64_t)result.n_affected, before);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_rows WHERE n < 2"), 0);
}
END_TEST

START_TEST(upserts)
{
    const struct rh_table *table = make_writable();
    const uint32_t key[] = {0};
    struct rh_value cells[] = {int_value(1), text_value("a"), int_value(1),
                               int_value(2), text_value("b"), missing_value(),
                               int_value(1), text_value("c"), missing_value()};
    struct rh_write_spec spec = spec_of(table, cells, 3);
    struct rh_write_result result = {.struct_size = sizeof result};

    spec.key = key;
    spec.n_key = 1;
    spec.resolve = RH_RESOLVE_MERGE;
    spec.n_returning = target->returns_nothing ? 0 : 3;
    ok(connector->write->upsert(conn, op, &spec, &result, &error));
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 3);
        check_same(&cells[7], &result.returned.cells[7], rh_text_of("name"));
        ck_assert_int_eq(result.returned.cells[8].as.i, 1); /* not given: as it was */
        ck_assert_int_eq(result.returned.cells[5].as.i, 5);
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE name = 'c' AND n = 1"), 1);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE name = 'b' AND n = 5"), 1);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 2);
    cells[1] = text_value("ignored");
    cells[3] = int_value(7);
    spec.n_rows = 2;
    spec.resolve = RH_RESOLVE_IGNORE;
    ok(connector->write->upsert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 1);
        ck_assert_int_eq(result.returned.cells[0].as.i, 7);
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE id = 7"), 1);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE name = 'ignored'"), 0);
}
END_TEST
