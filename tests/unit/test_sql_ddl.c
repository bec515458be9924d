/* sdk/connector/sql_ddl.c: tables made and changed, and types named as the source names them. */
#include "sql_fixture.h"

/* ---- tables ---- */

static int build_change(const struct rh_sql_dialect *dialect, const struct rh_ddl_change *change,
                        const char *expected)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_sql sql;
    int rc;

    rh_sql_init(&sql, dialect, NULL);
    rc = rh_sql_ddl(&sql, change, &error);
    if (expected) {
        ck_assert_msg(rc == RH_OK, "%s", error.message);
        ck_assert_str_eq(rh_sql_string(&sql), expected);
    }
    rh_sql_fini(&sql);
    return rc;
}

START_TEST(tables)
{
    static const uint32_t key[] = {0}, pair[] = {1, 2};
    static const struct rh_text names[] = {T("a"), T("b")};
    struct rh_column made[] = {
        {.name = T("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_IDENTITY},
        {.name = T("na"), .type = RH_TYPE_TEXT, .default_text = T("it's"), .flags = 1},
        {.name = T("n"), .type = RH_TYPE_INT, .default_text = T("1e2")},
        {.name = T("v"), .native_type = T("numeric(10, 2)")},
    };
    const struct rh_index index = {
        .name = T("i"), .columns = pair, .n_columns = 2, .flags = RH_INDEX_UNIQUE};
    const struct rh_foreign_key foreign = {
        .table = T("p"), .columns = pair, .ref_columns = names, .n_columns = 2};
    struct rh_table table = {.name = T("t"),
                             .columns = made,
                             .n_columns = 4,
                             .column_stride = sizeof made[0],
                             .key = key,
                             .n_key = 1,
                             .indexes = &index,
                             .n_indexes = 1,
                             .index_stride = sizeof index,
                             .foreign_keys = &foreign,
                             .n_foreign_keys = 1,
                             .foreign_key_stride = sizeof foreign};
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE, .table = &table};

    ck_assert_int_eq(
        build_change(
            &lite, &change,
            "CREATE TABLE [t] ([id] INTEGER PRIMARY KEY, [na] text NOT NULL DEFAULT "
            "'it''s', [n] integer DEFAULT 100, [v] numeric(10, 2), FOREIGN KEY ([na], [n]) "
            "REFERENCES [p] ([a], [b]));\nCREATE UNIQUE INDEX [i] ON [t] ([na], [n])"),
        RH_OK);
    made[2].default_text = (struct rh_text)T("1; DROP TABLE t");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[2].default_text = (struct rh_text){NULL, 0};
    made[3].native_type = (struct rh_text)T("int, evil int");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[3].native_type = (struct rh_text)T("int) --");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[3].native_type = (struct rh_text)T("int(4");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[3].native_type = (struct rh_text)T("int");
    made[1].flags |= RH_COLUMN_GENERATED;
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_UNSUPPORTED);
}
END_TEST

static bool type_passes(const char *type)
{
    struct rh_sql sql;
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_native_type(&sql, rh_text_of(type));
    bool passes = !sql.failed;
    if (passes)
        ck_assert_str_eq(rh_sql_string(&sql), type);
    rh_sql_fini(&sql);
    return passes;
}

START_TEST(native_types)
{
    static const char *const good[] = {
        "text COLLATE C",
        "varchar(40) COLLATE \"en-x-icu\"",
        "text COLLATE pg_catalog.\"C\"",
        "int",
        "VARCHAR(20)",
        "numeric(10, 2)",
        "numeric ( 10,2 )",
        "double precision",
        "character varying(10)[]",
        "bit varying(5)",
        "timestamp(3) with time zone",
        "time without time zone",
        "UNSIGNED BIG INT",
        "int(11) unsigned",
        "interval day to second(3)",
        "public.mood",
        "public.mood[][]",
        "integer[3][3]",
        "JSON TEXT",
        "int8_t",
    };
    static const char *const bad[] = {
        "",
        " ",
        "text DEFAULT pg_read_file(1)",
        "text DEFAULT now()",
        "text DEFAULT 1",
        "int CHECK (1)",
        "CHECK (1)",
        "int REFERENCES t",
        "int references t(id)",
        "int GENERATED ALWAYS AS (1) STORED",
        "int AS (1)",
        "AS (1)",
        "UNIQUE",
        "int PRIMARY KEY",
        "int NOT NULL",
        "text COLLATE",
        "text COLLATE lower(x)",
        "text COLLATE C DEFAULT f()",
        "text COLLATE \"a\"\"b\"",
        "text CONSTRAINT x",
        "timestamp with zone",
        "timestamp with",
        "f(x)",
        "f(1, x)",
        "f(1, 2, 3)",
        "f()",
        "f(1)(2)",
        "f(-1)",
        "a.b.c",
        "a.",
        ".a",
        "1a",
        "int[",
        "int]",
        "int[a]",
        "int[] unsigned",
        "int, evil int",
        "int) --",
        "int(4",
        "int;",
        "\"int\"",
        "int\n",
        "int/**/",
    };

    for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(type_passes(good[i]), "%s", good[i]);
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!type_passes(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(changes)
{
    const struct rh_column column = {
        .name = T("c"), .type = RH_TYPE_BOOL, .default_text = T("true")};
    const struct rh_table table = {.schema = T("s"), .name = T("t")};
    struct rh_ddl_change change = {.table = &table, .column = &column, .new_name = T("n")};

    change.kind = RH_DDL_DROP_TABLE;
    build_change(&pg, &change, "DROP TABLE \"s\".\"t\"");
    change.kind = RH_DDL_RENAME_TABLE;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" RENAME TO \"n\"");
    change.kind = RH_DDL_ADD_COLUMN;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" ADD COLUMN \"c\" text DEFAULT true");
    change.kind = RH_DDL_DROP_COLUMN;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" DROP COLUMN \"c\"");
    change.kind = RH_DDL_RENAME_COLUMN;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" RENAME COLUMN \"c\" TO \"n\"");
    change.kind = RH_DDL_DROP_INDEX;
    build_change(&pg, &change, "DROP INDEX \"s\".\"n\"");
    change.kind = RH_DDL_ALTER_COLUMN;
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_UNSUPPORTED);
    change.kind = RH_DDL_CREATE_INDEX;
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_INVALID);
    change.kind = RH_DDL_RENAME_TABLE;
    change.new_name = (struct rh_text){"a\0b", 3};
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_INVALID);
    change.kind = 77;
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_UNSUPPORTED);
}
END_TEST

TESTS_MAIN("sql_ddl", tables, native_types, changes)
