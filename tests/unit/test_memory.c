/*
 * The memory connector: what it claims, its types, keys and defaults, and tables that change under
 * open cursors.
 */
#include "memory_fixture.h"

START_TEST(claims_what_it_can_and_nothing_else)
{
    struct session s;
    start(&s, "a");
    ck_assert(rh_text_is(library->connector.id, "memory"));
    ck_assert(library->connector.write && library->connector.tx && library->connector.ddl);
    ck_assert_ptr_null(library->connector.native);
    for (uint32_t op = 1; op < RH_N_OPS; op++)
        ck_assert_uint_eq(rh_library_upper(library, op, RH_TYPE_INT), RH_VERDICT_NONE);
    ck_assert_int_eq(library->connector.ping(s.conn, op_of(&s), &s.error), RH_OK);

    create_t(&s);
    struct rh_query query = {.struct_size = sizeof query,
                             .table = RH_TEXT_INIT("t"),
                             .columns = id_n_label,
                             .n_columns = 3,
                             .column_stride = sizeof *id_n_label,
                             .limit = 5};
    struct rh_cursor *cursor;
    ck_assert_int_eq(library->connector.open(s.conn, op_of(&s), &query, &cursor, &s.error),
                     RH_UNSUPPORTED);
    query.limit = RH_NO_LIMIT;
    query.n_conjuncts = 1;
    ck_assert_int_eq(library->connector.open(s.conn, op_of(&s), &query, &cursor, &s.error),
                     RH_UNSUPPORTED);
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .table = RH_TEXT_INIT("t"),
                                 .columns = id_n_label,
                                 .n_columns = 3,
                                 .column_stride = sizeof *id_n_label,
                                 .where = &query};
    ck_assert_int_eq(library->write.remove(s.conn, op_of(&s), &spec, &s.result, &s.error),
                     RH_UNSUPPORTED);
    stop(&s);
}
END_TEST

START_TEST(every_type_comes_back)
{
    static const char uuid[16] = "0123456789abcde";
    struct rh_interval interval = {.months = -1, .days = 2, .us = INT64_MIN};
    struct rh_value cells[15] = {rh_kit_int(INT64_MIN)};
    struct rh_column columns[15];
    char names[15][4];
    struct session s;
    start(&s, "a");
    for (uint32_t i = 0; i < 15; i++) {
        snprintf(names[i], sizeof names[i], "c%u", i);
        uint32_t type = i == 0 ? RH_TYPE_INT : RH_TYPE_BOOL + i - 1;
        columns[i] = column(names[i], type, 0);
        cells[i].type = (uint8_t)type;
        if (i > 0)
            cells[i].as.i = (int64_t)i;
    }
    cells[1].as.i = 1;
    cells[3].as.u = UINT64_MAX;
    cells[4].as.f = -0.5;
    for (uint32_t i = 5; i < 8; i++) {
        cells[i].as.data = "-12.50";
        cells[i].len = 6;
    }
    cells[12].as.data = &interval;
    cells[13].as.data = uuid;
    cells[12].len = cells[13].len = 16;
    cells[14].as.data = "[1]";
    cells[14].len = 3;
    ck_assert_msg(create(&s, "types", columns, 15, 1) == 0, "%s", s.error.message);
    struct writing w = {INSERT, columns, 15, 0, cells, 1, NULL, 0};
    ck_assert_msg(put(&s, "types", &w) == 0, "%s", s.error.message);

    struct rh_value other[15];
    memcpy(other, cells, sizeof other);
    for (uint32_t i = 1; i < 15; i++)
        other[i] = rh_kit_null();
    other[0] = rh_kit_int(1);
    w.cells = other;
    ck_assert_msg(put(&s, "types", &w) == 0, "%s", s.error.message);
    for (uint32_t i = 1; i < 15; i++) { /* a value of another type is refused */
        other[0] = rh_kit_int(2);
        other[i] = cells[i == 14 ? 1 : i + 1];
        ck_assert_int_eq(put(&s, "types", &w), RH_DATA);
        ck_assert_str_eq(s.error.column, names[i]);
        other[i] = rh_kit_null();
    }

    struct rh_cursor *cursor;
    struct rh_batch batch = {.struct_size = sizeof batch};
    ck_assert_int_eq(open_table(&s, "types", columns, 15, &cursor), 0);
    ck_assert_int_eq(library->connector.next(cursor, op_of(&s), 10, &batch, &s.error), 0);
    ck_assert_uint_eq(batch.n_rows, 2);
    for (uint32_t i = 0; i < 15; i++) {
        const struct rh_value *cell = &batch.cells[i];
        ck_assert_uint_eq(cell->type, cells[i].type);
        ck_assert_uint_eq(cell->len, cells[i].len);
        if (cell->len)
            ck_assert_mem_eq(cell->as.data, cells[i].as.data, cell->len);
        else
            ck_assert_int_eq(cell->as.i, cells[i].as.i);
        if (i)
            ck_assert_uint_eq(batch.cells[15 + i].type, RH_TYPE_NULL);
    }
    ck_assert_int_eq(library->connector.next(cursor, op_of(&s), 10, &batch, &s.error), RH_END);
    library->connector.finish(cursor);

    struct rh_catalog catalog = {.struct_size = sizeof catalog};
    ck_assert_int_eq(library->connector.tables(s.conn, op_of(&s), &catalog, &s.error), 0);
    ck_assert_uint_eq(catalog.n_tables, 1);
    ck_assert(rh_text_is(catalog.tables->name, "types") && catalog.tables->est_rows == 2);
    ck_assert(catalog.tables->n_key == 1 && catalog.tables->key[0] == 0);
    for (uint32_t i = 0; i < 15; i++) {
        ck_assert_uint_eq(catalog.tables->columns[i].type, columns[i].type);
        ck_assert(rh_text_is(catalog.tables->columns[i].name, names[i]));
    }
    ck_assert_uint_eq(catalog.tables->columns[0].flags, RH_COLUMN_NOT_NULL);
    stop(&s);
}
END_TEST

START_TEST(keys_are_unique_and_find_rows)
{
    struct session s;
    start(&s, "a");
    create_t(&s);
    ck_assert_int_eq(put_t(&s, INSERT, 1, 10, "a"), 0);
    ck_assert_int_eq(put_t(&s, INSERT, 2, 10, "b"), 0);
    ck_assert_int_eq(put_t(&s, INSERT, 1, 11, "c"), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(s.error.row, 0);
    ck_assert_int_eq(put_t(&s, UPDATE, 1, 11, "c"), 0);
    ck_assert_uint_eq(s.result.n_affected, 1);
    ck_assert_int_eq(put_t(&s, UPDATE, 3, 11, "c"), 0);
    ck_assert_uint_eq(s.result.n_affected, 0);
    ck_assert_int_eq(put_t(&s, MERGE, 2, 12, "d"), 0);
    ck_assert_int_eq(put_t(&s, MERGE, 3, 13, "e"), 0);
    ck_assert_int_eq(put_t(&s, IGNORE, 3, 14, "f"), 0);
    ck_assert_uint_eq(s.result.n_affected, 0);
    ck_assert_str_eq(read_t(&s), "1:11:c 2:12:d 3:13:e");

    /* Changed keys: id is given twice, as key and to be set. */
    struct rh_column twice[] = {id_n_label[0], id_n_label[0]};
    struct rh_value cells[] = {rh_kit_int(1), rh_kit_int(9)};
    struct writing w = {UPDATE, twice, 2, 1, cells, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0] = rh_kit_int(2);
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_int_eq(put_t(&s, INSERT, 1, 1, "new"), 0);
    ck_assert_int_eq(put_t(&s, REMOVE, 3, 0, ""), 0);
    ck_assert_uint_eq(s.result.n_affected, 1);
    ck_assert_str_eq(read_t(&s), "1:1:new 2:12:d 9:11:c");

    /* By a column that is no key: must match at most one row. */
    struct rh_column by_n[] = {id_n_label[1], id_n_label[2]};
    struct rh_value set[] = {rh_kit_int(12), rh_kit_text(RH_TEXT("by n"))};
    w = (struct writing){UPDATE, by_n, 2, 1, set, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), 0);
    ck_assert_int_eq(put_t(&s, INSERT, 4, 12, ""), 0);
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    set[0] = rh_kit_null();
    ck_assert_int_eq(put(&s, "t", &w), 0);
    ck_assert_uint_eq(s.result.n_affected, 0);
    ck_assert_str_eq(read_t(&s), "1:1:new 2:12:by n 4:12: 9:11:c");
    stop(&s);
}
END_TEST

START_TEST(keys_are_compared_by_value)
{
    struct rh_column columns[] = {column("d", RH_TYPE_DECIMAL, 0), column("f", RH_TYPE_FLOAT, 0)};
    struct rh_value cells[] = {{.type = RH_TYPE_DECIMAL, .len = 4, .as.data = "1.50"},
                               {.type = RH_TYPE_FLOAT, .as.f = 0.0}};
    struct session s;
    start(&s, "a");
    ck_assert_int_eq(create(&s, "t", columns, 2, 2), 0);
    struct writing w = {INSERT, columns, 2, 0, cells, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0].as.data = "01.5";
    cells[1].as.f = -0.0;
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    cells[0].as.data = "-1.5";
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0].as.data = "-0.0";
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0].as.data = "0000";
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    cells[0] = rh_kit_null();
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_str_eq(s.error.column, "d");
    stop(&s);
}
END_TEST

START_TEST(missing_values_come_from_identity_and_defaults)
{
    struct rh_column columns[] = {
        column("id", RH_TYPE_INT, RH_COLUMN_IDENTITY), column("price", RH_TYPE_DECIMAL, 0),
        column("at", RH_TYPE_DATE, RH_COLUMN_NOT_NULL), column("note", RH_TYPE_TEXT, 0)};
    columns[1].default_text = RH_TEXT("1e1");
    columns[1].precision = 4;
    columns[1].scale = 1;
    columns[2].default_text = RH_TEXT("2024-02-29");
    columns[3].max_length = 2;
    struct rh_value missing = {.type = RH_TYPE_MISSING};
    struct rh_value cells[] = {
        missing,       missing, missing, missing,
        rh_kit_int(7), missing, missing, rh_kit_text(RH_TEXT("\xc3\xa9\xc3\xa9")),
        missing,       missing, missing, missing};
    struct session s;
    start(&s, "a");
    ck_assert_msg(create(&s, "d", columns, 4, 1) == 0, "%s", s.error.message);
    struct writing w = {INSERT, columns, 4, 0, cells, 3, columns, 4};
    ck_assert_msg(put(&s, "d", &w) == 0, "%s", s.error.message);
    ck_assert_uint_eq(s.result.n_affected, 3);
    const struct rh_batch *returned = &s.result.returned;
    ck_assert(returned->n_rows == 3 && returned->n_cols == 4);
    ck_assert_int_eq(returned->cells[0].as.i, 1);
    ck_assert(rh_text_is(rh_kit_value_text(&returned->cells[1]), "10"));
    ck_assert_int_eq(returned->cells[2].as.i, 19782);
    ck_assert_uint_eq(returned->cells[3].type, RH_TYPE_NULL);
    ck_assert_int_eq(returned->cells[4].as.i, 7);
    ck_assert_int_eq(returned->cells[8].as.i, 8);

    struct rh_value bad[] = {missing, missing, rh_kit_null(), missing};
    w = (struct writing){INSERT, columns, 4, 0, bad, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "d", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_NOT_NULL);
    bad[2] = missing;
    bad[3] = rh_kit_text(RH_TEXT("abc"));
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[3] = rh_kit_text(RH_TEXT("\xff"));
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[3] = missing;
    bad[1] = (struct rh_value){.type = RH_TYPE_DECIMAL, .len = 4, .as.data = "1.25"};
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[1].as.data = "1000";
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[1].as.data = "-9.9";
    ck_assert_int_eq(put(&s, "d", &w), 0);
    bad[0] = rh_kit_int(INT64_MAX);
    ck_assert_int_eq(put(&s, "d", &w), 0);
    bad[0] = missing;
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);

    columns[2].default_text = RH_TEXT("yesterday");
    ck_assert_int_eq(create(&s, "e", columns, 4, 1), RH_INVALID);
    stop(&s);
}
END_TEST

START_TEST(tables_change_under_open_cursors)
{
    struct session a, b;
    struct rh_cursor *cursor;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    struct rh_table t = {.struct_size = sizeof t, .name = RH_TEXT_INIT("t")};
    for (int i = 1; i < 8; i++)
        ck_assert_int_eq(put_t(&a, INSERT, i, i, "x"), 0);
    ck_assert_int_eq(open_table(&b, "t", id_n_label, 3, &cursor), 0);
    for (int i = 1; i < 8; i++)
        ck_assert_int_eq(put_t(&a, i % 2 ? REMOVE : UPDATE, i, -i, "y"), 0);
    struct rh_column more = column("more", RH_TYPE_TEXT, RH_COLUMN_NOT_NULL);
    ck_assert_int_eq(change(&a, RH_DDL_ADD_COLUMN, &t, &more, NULL), RH_CONSTRAINT);
    more.default_text = RH_TEXT("dflt");
    ck_assert_msg(change(&a, RH_DDL_ADD_COLUMN, &t, &more, NULL) == 0, "%s", a.error.message);
    ck_assert_int_eq(change(&a, RH_DDL_ADD_COLUMN, &t, &more, NULL), RH_EXISTS);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_COLUMN, &t, &id_n_label[0], NULL), RH_INVALID);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_COLUMN, &t, &id_n_label[2], NULL), 0);
    ck_assert_int_eq(change(&a, RH_DDL_RENAME_COLUMN, &t, &more, "label"), 0);
    ck_assert_str_eq(read_t(&a), "2:-2:dflt 4:-4:dflt 6:-6:dflt");
    ck_assert_int_eq(put_t(&a, UPDATE, 4, 4, "z"), 0); /* the index was rebuilt */
    ck_assert_int_eq(change(&a, RH_DDL_RENAME_TABLE, &t, NULL, "u"), 0);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_TABLE, &t, NULL, NULL), RH_NOT_FOUND);
    t.name = RH_TEXT("u");
    ck_assert_int_eq(change(&a, RH_DDL_DROP_TABLE, &t, NULL, NULL), 0);
    ck_assert_str_eq(drain(&b, cursor), "1:1:x 2:2:x 3:3:x 4:4:x 5:5:x 6:6:x 7:7:x");
    ck_assert_int_eq(open_table(&b, "u", id_n_label, 3, &cursor), RH_NOT_FOUND);
    stop(&a);
    stop(&b);
}
END_TEST

TESTS_MAIN("memory", claims_what_it_can_and_nothing_else, every_type_comes_back,
           keys_are_unique_and_find_rows, keys_are_compared_by_value,
           missing_values_come_from_identity_and_defaults, tables_change_under_open_cursors)
