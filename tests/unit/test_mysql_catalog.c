/* The connector `mysql`: tables and databases as they are shown, and tables made. */
#include "mysql_fixture.h"

START_TEST(introspects)
{
    const struct rh_table *table = NULL;
    const struct rh_column *column = NULL;

    sql("DROP VIEW IF EXISTS a_view");
    sql("DROP VIEW IF EXISTS w_view");
    sql("DROP TABLE IF EXISTS `select ``from`` \xc3\xa9`");
    sql("CREATE OR REPLACE TABLE target (a int, b varchar(20), PRIMARY KEY (b, a))");
    sql("CREATE TABLE `select ``from`` \xc3\xa9` (`order` int AUTO_INCREMENT PRIMARY KEY,"
        " `sp ace` varchar(10) NOT NULL DEFAULT 'it''s' COMMENT 'of space', `quo\"te` "
        "decimal(12,3),"
        " c enum('red','g\"r''een,','bl\xc3\xbc'), ra int, rb varchar(20),"
        " twice int GENERATED ALWAYS AS (ra * 2) STORED, thrice int AS (ra * 3) VIRTUAL,"
        " bin varchar(10) COLLATE utf8mb4_nopad_bin, doc json, plain longtext, n int DEFAULT NULL,"
        " UNIQUE KEY odd_prefix (rb(3)), KEY odd_two (rb, `order`),"
        " CONSTRAINT odd_fk FOREIGN KEY (rb, ra) REFERENCES target (b, a))"
        " COMMENT 'A table''s comment'");
    sql("CREATE VIEW a_view AS SELECT a FROM target GROUP BY a");
    sql("CREATE VIEW w_view AS SELECT * FROM target");
    table = table_named("select `from` \xc3\xa9");
    ck_assert(rh_text_is(table->schema, "rowhouse"));
    ck_assert(rh_text_is(table->comment, "A table's comment"));
    ck_assert_uint_eq(table->n_key, 1);
    column = column_named(table, "order");
    ck_assert(rh_text_is(table->columns[table->key[0]].name, "order"));
    ck_assert_uint_eq(column->flags & (RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY),
                      RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY);
    column = column_named(table, "sp ace");
    ck_assert_uint_eq(column->max_length, 10);
    ck_assert(rh_text_is(column->native_type, "varchar(10)"));
    ck_assert(rh_text_is(column->comment, "of space"));
    ck_assert_uint_eq(column->flags, RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT);
    column = column_named(table, "quo\"te");
    ck_assert_uint_eq(column->precision, 12);
    ck_assert_uint_eq(column->scale, 3);
    column = column_named(table, "c");
    ck_assert_uint_eq(column->n_options, 3);
    ck_assert(rh_text_is(column->options[1], "g\"r'een,"));
    ck_assert(rh_text_is(column->options[2], "bl\xc3\xbc"));
    ck_assert(column_named(table, "twice")->flags & RH_COLUMN_GENERATED);
    ck_assert(column_named(table, "thrice")->flags & RH_COLUMN_GENERATED);
    ck_assert(column_named(table, "bin")->flags & RH_COLUMN_BINARY_ORDER);
    ck_assert(!(column_named(table, "rb")->flags & RH_COLUMN_EXACT_EQUAL));
    ck_assert_uint_eq(column_named(table, "doc")->type, RH_TYPE_JSON);
    ck_assert_uint_eq(column_named(table, "plain")->type, RH_TYPE_TEXT);
    ck_assert_uint_eq(column_named(table, "n")->flags, 0);
    ck_assert_uint_eq(table->n_foreign_keys, 1);
    ck_assert(rh_text_is(table->foreign_keys[0].name, "odd_fk"));
    ck_assert(rh_text_is(table->foreign_keys[0].table, "target"));
    ck_assert(rh_text_is(table->columns[table->foreign_keys[0].columns[0]].name, "rb"));
    ck_assert(rh_text_is(table->foreign_keys[0].ref_columns[0], "b"));
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        if (rh_text_is(table->indexes[i].name, "odd_prefix"))
            ck_assert_uint_eq(table->indexes[i].flags, RH_INDEX_UNIQUE | RH_INDEX_PARTIAL);
        if (rh_text_is(table->indexes[i].name, "odd_two"))
            ck_assert_uint_eq(table->indexes[i].n_columns, 2);
    }
    table = table_named("target");
    ck_assert_uint_eq(table->n_key, 2);
    ck_assert(rh_text_is(table->columns[table->key[0]].name, "b"));
    ck_assert_uint_eq(table_named("a_view")->kind, RH_TABLE_VIEW);
    ck_assert_uint_eq(table_named("a_view")->flags, RH_TABLE_READ_ONLY);
    ck_assert_uint_eq(table_named("w_view")->flags, 0);
    ck_assert_int_eq(table_named("w_view")->est_rows, -1);
}
END_TEST

START_TEST(shows_databases)
{
    char url[256];
    struct rh_setting item = {RH_TEXT_INIT("url"), null_value()};
    struct rh_catalog all = {.struct_size = sizeof all};
    struct rh_conn *made = NULL;
    bool seen = false;

    sql("CREATE DATABASE IF NOT EXISTS `odd ``db`");
    sql("CREATE OR REPLACE TABLE `odd ``db`.one (a int)");
    ok(connector->tables(conn, op, &all, &error));
    ck_assert(rh_text_is(all.default_schema, "rowhouse"));
    for (uint32_t i = 0; i < all.n_tables; i++)
        ck_assert(rh_text_is(all.tables[i].schema, "rowhouse"));
    (void)snprintf(url, sizeof url, "mysql://rowhouse@127.0.0.1:%lld", (long long)server_port);
    item.value = text_value(url);
    ok(connect_with(&item, 1, &made));
    all = (struct rh_catalog){.struct_size = sizeof all};
    ok(connector->tables(made, op, &all, &error));
    ck_assert_ptr_null(all.default_schema.data);
    for (uint32_t i = 0; i < all.n_tables; i++) {
        seen = seen || rh_text_is(all.tables[i].schema, "odd `db");
        ck_assert(!rh_text_is(all.tables[i].schema, "information_schema"));
        ck_assert(!rh_text_is(all.tables[i].schema, "mysql"));
    }
    ck_assert(seen);
    connector->close(made);
    sql("DROP DATABASE `odd ``db`");
}
END_TEST

START_TEST(makes_tables)
{
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_IDENTITY},
        {.name = RH_TEXT_INIT("a `b`"), .type = RH_TYPE_DECIMAL, .precision = 10, .scale = 2},
        {.name = RH_TEXT_INIT("t"),
         .type = RH_TYPE_TEXT,
         .flags = RH_COLUMN_NOT_NULL,
         .default_text = RH_TEXT_INIT("it's \\ %")},
        {.name = RH_TEXT_INIT("free"), .type = RH_TYPE_TEXT, .default_text = RH_TEXT_INIT("x")},
        {.name = RH_TEXT_INIT("at"), .type = RH_TYPE_TIMESTAMP},
        {.name = RH_TEXT_INIT("u"), .type = RH_TYPE_UUID},
        {.name = RH_TEXT_INIT("j"), .type = RH_TYPE_JSON},
        {.name = RH_TEXT_INIT("ok"), .type = RH_TYPE_BOOL, .default_text = RH_TEXT_INIT("true")}};
    const uint32_t key = 0, indexed = 2;
    const struct rh_index index = {.name = RH_TEXT_INIT("made_t"),
                                   .columns = &indexed,
                                   .n_columns = 1,
                                   .flags = RH_INDEX_UNIQUE};
    const struct rh_table table = {.struct_size = sizeof table,
                                   .schema = RH_TEXT_INIT("rowhouse"),
                                   .name = RH_TEXT_INIT("made"),
                                   .columns = columns,
                                   .n_columns = 8,
                                   .column_stride = sizeof columns[0],
                                   .key = &key,
                                   .n_key = 1,
                                   .indexes = &index,
                                   .n_indexes = 1,
                                   .index_stride = sizeof index};
    const struct rh_column wider = {
        .name = RH_TEXT_INIT("a `b`"), .type = RH_TYPE_INT, .default_text = RH_TEXT_INIT("5")};
    struct rh_ddl_change changes[] = {
        {.kind = RH_DDL_CREATE_TABLE, .table = &table},
        {.kind = RH_DDL_ALTER_COLUMN, .table = &table, .column = &wider},
        {.kind = RH_DDL_RENAME_COLUMN,
         .table = &table,
         .column = &columns[1],
         .new_name = RH_TEXT_INIT("ab")}};
    struct rh_text native = {NULL, 0};
    const struct rh_table *made = NULL;

    sql("DROP TABLE IF EXISTS made");
    ok(connector->ddl->apply(conn, op, changes, 3, sizeof changes[0], RH_DDL_DRY_RUN, &native,
                             &error));
    ck_assert(rh_text_starts(native, "CREATE TABLE `rowhouse`.`made`"));
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM information_schema.TABLES"
                             " WHERE TABLE_NAME = 'made'"),
                     0);
    ok(connector->ddl->apply(conn, op, changes, 3, sizeof changes[0], 0, &native, &error));
    made = table_named("made");
    ck_assert_uint_eq(made->n_key, 1);
    ck_assert_uint_eq(made->n_indexes, 2);
    ck_assert(made->columns[0].flags & RH_COLUMN_IDENTITY);
    ck_assert_uint_eq(column_named(made, "ab")->type, RH_TYPE_INT);
    ck_assert(column_named(made, "t")->flags & RH_COLUMN_EXACT_EQUAL); /* a key is by code point */
    ck_assert_uint_eq(column_named(made, "at")->type, RH_TYPE_TIMESTAMP);
    ck_assert_uint_eq(column_named(made, "u")->type, RH_TYPE_UUID);
    if (sql_int("SELECT VERSION() LIKE '%MariaDB%'")) /* what calls itself MySQL has no JSON */
        ck_assert_uint_eq(column_named(made, "j")->type, RH_TYPE_JSON);
    ck_assert_uint_eq(column_named(made, "ok")->type, RH_TYPE_BOOL);
    sql("INSERT INTO made (ab) VALUES (1)");
    ck_assert_int_eq(sql_int("SELECT t = 'it''s \\\\ %' AND free = 'x' AND ok FROM made"), 1);
    sql("INSERT INTO made (t) VALUES ('A'), ('a'), ('a ')");
    fails(connector->ddl->apply(conn, op, changes, 1, sizeof changes[0], 0, &native, &error),
          RH_EXISTS);
    ck_assert_uint_eq(error.row, 0);
    ok(connector->tx->begin(conn, op, 0, (rh_error_clear(&error), &error)));
    fails(connector->ddl->apply(conn, op, changes, 1, sizeof changes[0], 0, &native, &error),
          RH_UNSUPPORTED);
    rh_error_clear(&error);
    ok(connector->tx->rollback(conn, op, &error));
    changes[0].kind = RH_DDL_RENAME_TABLE;
    changes[0].new_name = rh_text_of("made2");
    changes[1].kind =
        RH_DDL_DROP_TABLE; /* gone under that name: the second fails, the first stays */
    fails(connector->ddl->apply(conn, op, changes, 2, sizeof changes[0], 0, &native, &error),
          RH_NOT_FOUND);
    ck_assert_uint_eq(error.row, 1);
    rh_error_clear(&error);
    ck_assert_ptr_nonnull(table_named("made2"));
    sql("DROP TABLE made2");
}
END_TEST

MYSQL_TESTS("mysql_catalog", introspects, shows_databases, makes_tables)
