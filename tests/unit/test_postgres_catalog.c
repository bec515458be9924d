/* Introspection and DDL. */
#include "postgres_fixture.h"

START_TEST(introspects)
{
    const struct rh_table *table = NULL;
    const struct rh_column *column = NULL;
    struct rh_catalog all;
    bool partition_seen = false;

    (void)try_sql(conn, "DROP SCHEMA IF EXISTS \"odd schema\" CASCADE");
    (void)try_sql(conn, "DROP SCHEMA IF EXISTS other CASCADE");
    sql("CREATE SCHEMA \"odd schema\"");
    sql("CREATE SCHEMA other");
    sql("CREATE TABLE other.target (a int, b text, PRIMARY KEY (b, a))");
    sql("CREATE DOMAIN other.positive AS int CHECK (VALUE > 0)");
    sql("CREATE DOMAIN other.strict AS other.positive NOT NULL DEFAULT 7");
    sql("CREATE TYPE other.colour AS ENUM ('red', 'g\"r''een', 'bl\xc3\xbc')");
    sql("CREATE TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" ("
        " \"order\" serial PRIMARY KEY, \"sp ace\" varchar(10) NOT NULL DEFAULT 'it''s',"
        " \"quo\"\"te\" numeric(12,3), gone int, dom other.strict, c other.colour,"
        " always int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (gone * 2) STORED,"
        " ra int, rb text, bin text COLLATE \"C\", pt point, ar int[],"
        " FOREIGN KEY (rb, ra) REFERENCES other.target (b, a))");
    sql("ALTER TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" DROP COLUMN twice");
    sql("ALTER TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" DROP COLUMN gone");
    sql("ALTER TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" ADD twice int GENERATED"
        " ALWAYS AS (ra * 2) STORED");
    sql("COMMENT ON TABLE \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" IS 'A table''s comment'");
    sql("COMMENT ON COLUMN \"odd schema\".\"select \"\"from\"\" \xc3\xa9\".ra IS 'of ra'");
    sql("CREATE UNIQUE INDEX odd_part ON \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" (ra)"
        " WHERE ra > 3");
    sql("CREATE INDEX odd_two ON \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" (rb, \"order\")"
        " INCLUDE (ra)");
    sql("CREATE INDEX odd_expr ON \"odd schema\".\"select \"\"from\"\" \xc3\xa9\" (lower(rb))");
    sql("CREATE VIEW other.a_view AS SELECT a FROM other.target GROUP BY a");
    sql("CREATE VIEW other.w_view AS SELECT * FROM other.target");
    sql("CREATE MATERIALIZED VIEW other.m_view AS SELECT 1 AS one");
    sql("CREATE TABLE other.parent (k int PRIMARY KEY) PARTITION BY RANGE (k)");
    sql("CREATE TABLE other.child PARTITION OF other.parent FOR VALUES FROM (0) TO (9)");
    sql("CREATE TABLE other.no_columns ()");

    all = catalog();
    ck_assert(rh_text_is(all.default_schema, "public"));
    for (uint32_t i = 0; i < all.n_tables; i++) {
        partition_seen = partition_seen || rh_text_is(all.tables[i].name, "child");
        ck_assert(!rh_text_starts(all.tables[i].schema, "pg_"));
        ck_assert(!rh_text_is(all.tables[i].schema, "information_schema"));
    }
    ck_assert(!partition_seen);
    table = table_named("select \"from\" \xc3\xa9");
    ck_assert(rh_text_is(table->schema, "odd schema"));
    ck_assert(rh_text_is(table->comment, "A table's comment"));
    ck_assert_uint_eq(table->n_key, 1);
    ck_assert(rh_text_is(table->columns[table->key[0]].name, "order"));
    column = column_named(table, "order");
    ck_assert_uint_eq(column->flags & (RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY),
                      RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY);
    column = column_named(table, "sp ace");
    ck_assert_uint_eq(column->max_length, 10);
    ck_assert(rh_text_is(column->native_type, "character varying(10)"));
    ck_assert(rh_text_is(column->default_text, "'it''s'::character varying"));
    ck_assert(column->flags & RH_COLUMN_EXACT_EQUAL);
    column = column_named(table, "quo\"te");
    ck_assert_uint_eq(column->precision, 12);
    ck_assert_uint_eq(column->scale, 3);
    column = column_named(table, "dom");
    ck_assert_uint_eq(column->type, RH_TYPE_INT);
    ck_assert(!(column->flags & RH_COLUMN_NOT_NULL)); /* its type is, which an outer join ignores */
    ck_assert(column->flags & RH_COLUMN_DEFAULT);
    ck_assert(rh_text_is(column->default_text, "7"));
    column = column_named(table, "c");
    ck_assert_uint_eq(column->n_options, 3);
    ck_assert(rh_text_is(column->options[1], "g\"r'een"));
    ck_assert(rh_text_is(column->options[2], "bl\xc3\xbc"));
    ck_assert(column_named(table, "always")->flags & RH_COLUMN_GENERATED);
    ck_assert(column_named(table, "twice")->flags & RH_COLUMN_GENERATED);
    ck_assert(rh_text_is(column_named(table, "ra")->comment, "of ra"));
    ck_assert(column_named(table, "bin")->flags & RH_COLUMN_BINARY_ORDER);
    ck_assert(column_named(table, "pt")->flags & RH_COLUMN_OPAQUE);
    ck_assert_uint_eq(column_named(table, "ar")->type, RH_TYPE_JSON);
    ck_assert_uint_eq(table->n_foreign_keys, 1);
    ck_assert(rh_text_is(table->foreign_keys[0].schema, "other"));
    ck_assert(rh_text_is(table->foreign_keys[0].table, "target"));
    ck_assert(rh_text_is(table->columns[table->foreign_keys[0].columns[0]].name, "rb"));
    ck_assert(rh_text_is(table->foreign_keys[0].ref_columns[0], "b"));
    ck_assert_uint_eq(table->n_indexes, 3);
    ck_assert_uint_eq(table->indexes[1].flags, RH_INDEX_UNIQUE | RH_INDEX_PARTIAL);
    ck_assert_uint_eq(table->indexes[2].n_columns, 2);
    ck_assert_uint_eq(table_named("target")->n_key, 2);
    ck_assert(rh_text_is(table_named("target")->columns[table_named("target")->key[0]].name, "b"));
    ck_assert_uint_eq(table_named("a_view")->kind, RH_TABLE_VIEW);
    ck_assert_uint_eq(table_named("a_view")->flags, RH_TABLE_READ_ONLY);
    ck_assert_uint_eq(table_named("w_view")->flags, 0);
    ck_assert_uint_eq(table_named("m_view")->kind, RH_TABLE_MATERIALIZED);
    ck_assert_uint_eq(table_named("no_columns")->n_columns, 0);
    ck_assert_uint_eq(table_named("parent")->n_key, 1);
}
END_TEST

START_TEST(shows_only_given_schemas)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), text_value(getenv("ROWHOUSE_TEST_POSTGRES"))},
        {RH_TEXT_INIT("schemas"), json_value("[\"visible\", \"pg_catalog\"]")}};
    struct rh_conn *made = NULL;
    struct rh_conn *mine = conn;
    struct rh_catalog all;

    (void)try_sql(conn, "DROP SCHEMA IF EXISTS visible CASCADE");
    sql("CREATE SCHEMA visible");
    sql("CREATE TABLE visible.one (a int)");
    ok(connect_with(items, 2, &made));
    conn = made;
    all = catalog();
    ck_assert_ptr_nonnull(table_named("one"));
    ck_assert_ptr_nonnull(table_named("pg_class"));
    for (uint32_t i = 0; i < all.n_tables; i++)
        ck_assert(!rh_text_is(all.tables[i].schema, "public"));
    conn = mine;
    connector->close(made);
}
END_TEST

START_TEST(makes_tables)
{
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_IDENTITY},
        {.name = RH_TEXT_INIT("a \"b\""), .type = RH_TYPE_DECIMAL, .precision = 10, .scale = 2},
        {.name = RH_TEXT_INIT("t"),
         .type = RH_TYPE_TEXT,
         .max_length = 20,
         .flags = RH_COLUMN_NOT_NULL,
         .default_text = RH_TEXT_INIT("it's")}};
    const uint32_t key = 0, indexed = 2;
    const struct rh_index index = {
        .name = RH_TEXT_INIT("made_t"), .columns = &indexed, .n_columns = 1};
    const struct rh_table table = {.struct_size = sizeof table,
                                   .name = RH_TEXT_INIT("made"),
                                   .columns = columns,
                                   .n_columns = 3,
                                   .column_stride = sizeof columns[0],
                                   .key = &key,
                                   .n_key = 1,
                                   .indexes = &index,
                                   .n_indexes = 1,
                                   .index_stride = sizeof index};
    const struct rh_column wider = {
        .name = RH_TEXT_INIT("t"), .type = RH_TYPE_TEXT, .default_text = RH_TEXT_INIT("x")};
    struct rh_ddl_change changes[] = {
        {.kind = RH_DDL_CREATE_TABLE, .table = &table},
        {.kind = RH_DDL_ALTER_COLUMN, .table = &table, .column = &wider},
        {.kind = RH_DDL_RENAME_COLUMN,
         .table = &table,
         .column = &columns[1],
         .new_name = RH_TEXT_INIT("ab")}};
    struct rh_text native = {NULL, 0};
    const struct rh_table *made = NULL;

    (void)try_sql(conn, "DROP TABLE IF EXISTS made");
    ok(connector->ddl->apply(conn, op, changes, 3, sizeof changes[0], RH_DDL_DRY_RUN, &native,
                             &error));
    ck_assert(rh_text_starts(native, "CREATE TABLE \"made\""));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM pg_class WHERE relname = 'made'"), 0);
    ok(connector->ddl->apply(conn, op, changes, 3, sizeof changes[0], 0, &native, &error));
    made = table_named("made");
    ck_assert_uint_eq(made->n_key, 1);
    ck_assert_uint_eq(made->n_indexes, 2);
    ck_assert(made->columns[0].flags & RH_COLUMN_IDENTITY);
    ck_assert_uint_eq(column_named(made, "ab")->precision, 10);
    ck_assert(rh_text_is(column_named(made, "t")->native_type, "text"));
    ck_assert(!(column_named(made, "t")->flags & RH_COLUMN_NOT_NULL));
    fails(connector->ddl->apply(conn, op, changes, 1, sizeof changes[0], 0, &native, &error),
          RH_EXISTS);
    changes[0].kind = RH_DDL_DROP_TABLE;
    changes[1].kind = RH_DDL_DROP_TABLE; /* the second fails, so the first is undone */
    fails(connector->ddl->apply(conn, op, changes, 2, sizeof changes[0], 0, &native, &error),
          RH_NOT_FOUND);
    ck_assert_uint_eq(error.row, 1);
    rh_error_clear(&error);
    ck_assert_ptr_nonnull(table_named("made"));
    ok(connector->ddl->apply(conn, op, changes, 1, sizeof changes[0], 0, &native, &error));
}
END_TEST

POSTGRES_TESTS("postgres_catalog", introspects, shows_only_given_schemas, makes_tables)
