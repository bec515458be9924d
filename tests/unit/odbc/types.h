/* Tests of values: read, written, long. */
#pragma once

#include "unit/odbc/target.h"

#include <stdio.h>
#include <string.h>

START_TEST(reads_types_at_their_boundaries)
{
    char text[8192] = "CREATE TABLE odbc_types (id INTEGER NOT NULL PRIMARY KEY";
    char first[8192] = "INSERT INTO odbc_types VALUES (1", second[8192];
    size_t n = strlen(text), n1 = strlen(first), n2 = 0;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    n2 = (size_t)snprintf(second, sizeof second, "INSERT INTO odbc_types VALUES (2");
    drop("odbc_types");
    for (uint32_t i = 0; i < target->n_types; i++) {
        const struct type_case *item = &target->types[i];
        n += (size_t)snprintf(text + n, sizeof text - n, ", %s %s", item->name, item->type);
        n1 += (size_t)snprintf(first + n1, sizeof first - n1, ", %s", item->first);
        n2 += (size_t)snprintf(second + n2, sizeof second - n2, ", %s", item->second);
    }
    (void)snprintf(text + n, sizeof text - n, ")");
    (void)snprintf(first + n1, sizeof first - n1, ")");
    (void)snprintf(second + n2, sizeof second - n2, ")");
    sql(text);
    sql(first);
    sql(second);
    sql("INSERT INTO odbc_types (id) VALUES (3)");
    const struct rh_table *table = table_named("odbc_types");
    struct rh_query query = select_all(table);
    const struct rh_order order = {.column = 0};
    query.order = &order;
    query.n_order = 1;
    for (uint32_t i = 0; i < target->n_types; i++)
        ck_assert_msg(column_named(table, target->types[i].name)->type == target->types[i].rh_type,
                      "%s has type %u", target->types[i].name,
                      column_named(table, target->types[i].name)->type);
    ok(connector->open(conn, op, &query, &cursor, &error));
    for (unsigned row = 0; row < 3; row++) {
        ok(connector->next(cursor, op, 1, &batch, &error));
        for (uint32_t i = 0; i < target->n_types; i++) {
            const struct type_case *item = &target->types[i];
            const struct rh_value none = null_value();
            check_same(row == 0   ? &item->first_cell
                       : row == 1 ? &item->second_cell
                                  : &none,
                       &batch.cells[position_of(table, item->name)], rh_text_of(item->name));
        }
    }
    ck_assert_int_eq(connector->next(cursor, op, 1, &batch, &error), RH_END);
    connector->finish(cursor);
}
END_TEST

/* What was read is written by the connector, and read again: the same. */
START_TEST(writes_what_it_reads)
{
    const struct rh_table *table = table_named("odbc_types");
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_value cells[3 * 64];
    uint32_t n = table->n_columns;
    const struct rh_order order = {.column = 0};

    query.order = &order;
    query.n_order = 1;
    query.limit = 3;
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 3, &batch, &error));
    while (batch.n_rows < 3) /* in pieces rows may come one by one; not with so few bytes */
        ck_abort_msg("%llu rows", (unsigned long long)batch.n_rows);
    for (uint32_t i = 0; i < 3 * n; i++) {
        cells[i] = batch.cells[i];
        if (cells[i].type >= RH_TYPE_DECIMAL && cells[i].len) {
            void *copy = rh_arena_dup(arena, cells[i].as.data, cells[i].len);
            cells[i].as.data = copy;
        }
        if (i % n == 0)
            cells[i].as.i += 10;
    }
    connector->finish(cursor);
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .schema = table->schema,
                                 .table = table->name,
                                 .columns = table->columns,
                                 .n_columns = n,
                                 .column_stride = table->column_stride,
                                 .n_rows = 3,
                                 .cells = cells,
                                 .returning_stride = sizeof(struct rh_column)};
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    const struct rh_value from = int_value(10);
    const struct rh_node node = {.op = RH_OP_GT, .column = 0, .n = 1};
    const uint32_t conjunct = 0;
    query.nodes = &node;
    query.n_nodes = 1;
    query.values = &from;
    query.n_values = 1;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 3, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 3);
    for (uint32_t i = 0; i < 3 * n; i++) {
        char what[128];
        (void)snprintf(what, sizeof what, "%.*s", RH_TEXT_ARG(table->columns[i % n].name));
        check_same(&cells[i], &batch.cells[i], rh_text_of(what));
    }
    connector->finish(cursor);
    drop("odbc_types");
}
END_TEST

/* Longer than any buffer, and beside short ones. */
START_TEST(reads_long_values)
{
    const size_t sizes[] = {0, 1, 1023, 1024, 1025, 4095, 4096, 70000, 3000000};
    char text[256];
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    unsigned seen = 0;

    drop("odbc_long");
    (void)snprintf(text, sizeof text, "CREATE TABLE odbc_long (id INTEGER PRIMARY KEY, t %s)",
                   strcmp(target->dialect, "mysql") == 0 ? "LONGTEXT" : target->text_type);
    sql(text);
    const struct rh_table *table = table_named("odbc_long");
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *long_text = rh_arena_alloc(arena, sizes[i] + 4);
        for (size_t at = 0; at + 1 < sizes[i]; at += 2)
            memcpy(long_text + at, "ü", 2);
        if (sizes[i] % 2)
            long_text[sizes[i] - 1] = 'x';
        const struct rh_value cells[] = {
            int_value((int64_t)sizes[i]),
            {.type = RH_TYPE_TEXT, .len = (uint32_t)sizes[i], .as.data = long_text}};
        const struct rh_write_spec spec = {.struct_size = sizeof spec,
                                           .schema = table->schema,
                                           .table = table->name,
                                           .columns = table->columns,
                                           .n_columns = 2,
                                           .column_stride = table->column_stride,
                                           .n_rows = 1,
                                           .cells = cells,
                                           .returning_stride = sizeof(struct rh_column)};
        ok(connector->write->insert(conn, op, &spec, &result, &error));
    }
    struct rh_query query = select_all(table);
    int rc = connector->open(conn, op, &query, &cursor, &error);
    ok(rc);
    while ((rc = connector->next(cursor, op, 100, &batch, &error)) == RH_OK) {
        for (uint64_t i = 0; i < batch.n_rows; i++) {
            const struct rh_value *cells = batch.cells + i * 2;
            const char *data = cells[1].as.data;
            ck_assert_int_eq(cells[1].type, RH_TYPE_TEXT);
            ck_assert_int_eq(cells[1].len, cells[0].as.i);
            for (uint32_t at = 0; at + 1 < cells[1].len; at += 2)
                ck_assert(memcmp(data + at, "ü", 2) == 0);
            seen++;
        }
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    ck_assert_uint_eq(seen, sizeof sizes / sizeof sizes[0]);
    connector->finish(cursor);
    drop("odbc_long");
}
END_TEST

/* Longer than what is bound for a column of that size: each is read again, from its own row. */
START_TEST(reads_long_values_of_a_block)
{
    char text[4096];
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t seen = 0;
    int rc;

    drop("odbc_block");
    sql("CREATE TABLE odbc_block (id INTEGER PRIMARY KEY, t VARCHAR(3000))");
    for (int i = 0; i < 8; i++) {
        int n = snprintf(text, sizeof text, "INSERT INTO odbc_block VALUES (%d, '", i);
        memset(text + n, '0' + i, 2500);
        memcpy(text + n + 2500, "')", 3);
        sql(text);
    }
    struct rh_query query = select_all(table_named("odbc_block"));
    ok(connector->open(conn, op, &query, &cursor, &error));
    while ((rc = connector->next(cursor, op, 100, &batch, &error)) == RH_OK) {
        for (uint64_t i = 0; i < batch.n_rows; i++) {
            const struct rh_value *cells = batch.cells + i * 2;
            const char *data = cells[1].as.data;
            ck_assert_int_eq(cells[1].len, 2500);
            for (unsigned at = 0; at < 2500; at++)
                ck_assert_int_eq(data[at], '0' + cells[0].as.i);
            seen++;
        }
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    ck_assert_int_eq(seen, 8);
    connector->finish(cursor);
    drop("odbc_block");
}
END_TEST
