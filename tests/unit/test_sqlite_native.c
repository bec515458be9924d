/* Native statements and tables made. */
#include "sqlite_fixture.h"

START_TEST(native_statements)
{
    struct session s;
    struct rh_native_result result;
    const struct rh_value values[] = {rh_kit_int(1), rh_kit_text(rh_text_of("x")),
                                      decimal_of("12345678901234567890.5")};
    struct rh_buf buf = dump_buffer();

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, d DATE)");
    ck_assert_int_eq(
        run_with(&s, "INSERT INTO t VALUES (1, '2024-02-29'), (2, NULL)", NULL, 0, &result), RH_OK);
    ck_assert_ptr_null(result.cursor);
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(run_with(&s, "SELECT ?1 AS a, :b, ?3; -- end", values, 3, &result), RH_OK);
    ck_assert_uint_eq(result.n_columns, 3);
    ck_assert(rh_text_is(result.columns[0].name, "a"));
    ck_assert_uint_eq(result.columns[0].type, RH_TYPE_INT);
    dump_cursor(&s, result.cursor, &buf);
    assert_dump(&buf, "int:1|text:x|text:12345678901234567890.5\n");
    assert_sql(&s, "SELECT d FROM t ORDER BY id", "date:19782\nnull\n");
    assert_sql(&s, "SELECT d FROM t WHERE id > 5", "");
    assert_sql(&s, "UPDATE t SET d = NULL RETURNING id", "int:1\nint:2\n");
    ck_assert_int_eq(run_with(&s, "SELECT ?", NULL, 0, &result), RH_INVALID);
    ck_assert_int_eq(run_with(&s, "SELECT 1", values, 1, &result), RH_INVALID);
    ck_assert_int_eq(try_sql(&s, "SELECT 1; SELECT 2"), RH_INVALID);
    ck_assert_int_eq(try_sql(&s, "SELECT 1; DROP TABLE t"), RH_INVALID);
    ck_assert_int_eq(try_sql(&s, "  -- nothing"), RH_INVALID);
    ck_assert_int_eq(try_sql(&s, "SELEC 1"), RH_INVALID);
    ck_assert_int_eq(try_sql(&s, "SELECT * FROM gone"), RH_NOT_FOUND);
    ck_assert_int_eq(try_sql(&s, "CREATE TABLE t (x)"), RH_EXISTS);
    stop(&s);
}
END_TEST

START_TEST(native_limits)
{
    static const char *const refused[] = {
        "ATTACH '/tmp/x.db' AS x",
        "DETACH main",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA query_only=OFF",
        "PRAGMA writable_schema=ON",
        "PRAGMA foreign_keys=OFF",
        "SELECT load_extension('x')",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT x",
        "CREATE TEMP TABLE t (x)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TABLE temp.t (x)",
        "CREATE TABLE temp.t AS SELECT 1",
        "CREATE VIEW temp.t AS SELECT 1",
        "CREATE TRIGGER temp.g AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE temp.t USING fts5(x)",
        "VACUUM INTO '/tmp/rowhouse-stolen.db'",
        "SELECT rh_sum(1) FROM pragma_query_only(0)",
    };
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (x)");
    for (uint32_t i = 0; i < COUNT(refused); i++) {
        int rc = try_sql(&s, refused[i]);
        ck_assert_msg(rc == RH_PERMISSION || rc == RH_INVALID, "%s: %d %s", refused[i], rc,
                      s.error.message);
    }
    ck_assert_int_eq(access("/tmp/rowhouse-stolen.db", F_OK), -1);
    assert_sql(&s, "SELECT count(*) FROM sqlite_temp_schema", "int:0\n");
    sql(&s, "ALTER TABLE t RENAME TO u"); /* reads and writes sqlite_temp_schema itself */
    sql(&s, "ALTER TABLE u RENAME TO t");
    assert_sql(&s, "PRAGMA foreign_keys", "int:1\n");
    assert_sql(&s, "SELECT name FROM pragma_table_info('t')", "text:x\n");
    s.op.flags = RH_OP_READ_ONLY;
    ck_assert_int_eq(try_sql(&s, "INSERT INTO t VALUES (1)"), RH_PERMISSION);
    ck_assert_int_eq(try_sql(&s, "WITH a AS (SELECT 1) DELETE FROM t"), RH_PERMISSION);
    ck_assert_int_eq(try_sql(&s, "VACUUM"), RH_PERMISSION);
    ck_assert_int_eq(try_sql(&s, "PRAGMA user_version=5"), RH_PERMISSION);
    assert_sql(&s, "SELECT count(*) FROM t", "int:0\n");
    stop(&s);
}
END_TEST

START_TEST(making_tables)
{
    static const uint32_t key[] = {0}, second[] = {1};
    static struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_IDENTITY},
        {.name = RH_TEXT_INIT("when"),
         .type = RH_TYPE_DATE,
         .flags = RH_COLUMN_NOT_NULL,
         .default_text = RH_TEXT_INIT("2024-02-29")},
        {.name = RH_TEXT_INIT("sum"), .type = RH_TYPE_DECIMAL, .precision = 10, .scale = 2},
        {.name = RH_TEXT_INIT("note"), .type = RH_TYPE_JSON},
    };
    const struct rh_index index = {.name = RH_TEXT_INIT("by_when"),
                                   .columns = second,
                                   .n_columns = 1,
                                   .flags = RH_INDEX_UNIQUE};
    const struct rh_table table = {.struct_size = sizeof table,
                                   .name = RH_TEXT_INIT("made"),
                                   .columns = columns,
                                   .n_columns = 4,
                                   .column_stride = sizeof columns[0],
                                   .key = key,
                                   .n_key = 1,
                                   .indexes = &index,
                                   .n_indexes = 1,
                                   .index_stride = sizeof index};
    const struct rh_column added = {.name = RH_TEXT_INIT("x"), .type = RH_TYPE_TEXT};
    struct rh_ddl_change changes[] = {
        {.kind = RH_DDL_CREATE_TABLE, .table = &table},
        {.kind = RH_DDL_ADD_COLUMN, .table = &table, .column = &added},
        {.kind = RH_DDL_DROP_COLUMN, .table = &table, .column = &columns[0]},
    };
    struct session s;
    struct rh_text native = {NULL, 0};

    start(&s);
    ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), changes, 2, sizeof changes[0],
                                           RH_DDL_DRY_RUN, &native, &s.error),
                     RH_OK);
    ck_assert_msg(
        rh_text_is(
            native,
            "CREATE TABLE \"made\" (\"id\" INTEGER PRIMARY KEY, \"when\" DATE NOT "
            "NULL DEFAULT '2024-02-29', \"sum\" DECIMAL(10,2), \"note\" JSON TEXT);\nCREATE UNIQUE "
            "INDEX \"by_when\" ON \"made\" (\"when\");\nALTER TABLE \"made\" ADD "
            "COLUMN \"x\" TEXT"),
        "%.*s", RH_TEXT_ARG(native));
    introspect(&s);
    ck_assert_uint_eq(s.catalog.n_tables, 0);
    /* The third change fails (a primary key cannot be dropped), so nothing happens. */
    ck_assert_int_lt(connector->ddl->apply(s.conn, op_of(&s), changes, 3, sizeof changes[0], 0,
                                           &native, &s.error),
                     0);
    ck_assert_uint_eq(s.error.row, 2);
    introspect(&s);
    ck_assert_uint_eq(s.catalog.n_tables, 0);
    ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), changes, 2, sizeof changes[0], 0,
                                           &native, &s.error),
                     RH_OK);
    ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), changes, 1, sizeof changes[0], 0,
                                           &native, &s.error),
                     RH_EXISTS);
    introspect(&s);
    ck_assert_uint_eq(table_of(&s, "made")->n_columns, 5);
    ck_assert_uint_eq(table_of(&s, "made")->columns[3].type, RH_TYPE_JSON);
    ck_assert(rh_text_is(table_of(&s, "made")->columns[3].native_type, "JSON TEXT"));
    ck_assert_uint_eq(table_of(&s, "made")->n_indexes, 1);
    changes[0].kind = RH_DDL_ALTER_COLUMN;
    changes[0].column = &added;
    ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), changes, 1, sizeof changes[0], 0,
                                           &native, &s.error),
                     RH_UNSUPPORTED);
    changes[0].kind = RH_DDL_DROP_TABLE;
    ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), changes, 1, sizeof changes[0], 0,
                                           &native, &s.error),
                     RH_OK);
    ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), changes, 1, sizeof changes[0], 0,
                                           &native, &s.error),
                     RH_NOT_FOUND);
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_native", native_statements, native_limits, making_tables)
