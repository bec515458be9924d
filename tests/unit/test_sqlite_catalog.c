/* Connections and introspection. */
#include "sqlite_fixture.h"

START_TEST(settings)
{
    struct session s;
    const struct rh_setting missing[] = {
        {RH_TEXT_INIT("path"), rh_kit_text(rh_text_of("/tmp/rowhouse-no-such/x.db"))}};
    const struct rh_setting absent[] = {
        {RH_TEXT_INIT("path"), rh_kit_text(rh_text_of("/tmp/rowhouse-no-such.db"))},
        {RH_TEXT_INIT("create"), {.type = RH_TYPE_BOOL, .as.i = 0}}};
    const struct rh_setting folder[] = {{RH_TEXT_INIT("path"), rh_kit_text(rh_text_of("/tmp"))}};
    const struct rh_setting memory[] = {
        {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of("sqlite::memory:"))}};
    const struct rh_setting both[] = {memory[0], folder[0]};
    const char *const bad_urls[] = {"sqlite:",    "sqlite://host/x.db", "sqlite:x?mode=ro",
                                    "postgres:x", "sqlite:%zz",         "sqlite:%00"};

    init(&s);
    ck_assert_int_eq(connect_with(&s, NULL, 0), RH_CONFIG);
    ck_assert_int_eq(connect_with(&s, missing, 1), RH_UNAVAILABLE);
    ck_assert_int_eq(connect_with(&s, absent, 2), RH_NOT_FOUND);
    ck_assert_int_eq(access("/tmp/rowhouse-no-such.db", F_OK), -1);
    ck_assert_int_eq(connect_with(&s, folder, 1), RH_CONFIG);
    ck_assert_int_eq(connect_with(&s, both, 2), RH_CONFIG);
    for (uint32_t i = 0; i < COUNT(bad_urls); i++) {
        const struct rh_setting url[] = {
            {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(bad_urls[i]))}};
        ck_assert_msg(connect_with(&s, url, 1) == RH_CONFIG, "%s", bad_urls[i]);
    }
    ck_assert_int_eq(connect_with(&s, memory, 1), RH_OK);
    ck_assert_int_eq(connector->ping(s.conn, op_of(&s), &s.error), RH_OK);
    stop(&s);
}
END_TEST

START_TEST(url_of_a_file)
{
    struct session a, b;
    char url[128];

    start(&a);
    sql(&a, "CREATE TABLE t (x)");
    /* /tmp/rowhouse-sqlite-XXXXXX with the first '-' as %2d */
    snprintf(url, sizeof url, "sqlite:/tmp/rowhouse%%2D%s", a.path + strlen("/tmp/rowhouse-"));
    const struct rh_setting items[] = {{RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(url))}};
    init(&b);
    ck_assert_int_eq(connect_with(&b, items, 1), RH_OK);
    introspect(&b);
    ck_assert_ptr_nonnull(find_table(&b, "t"));
    stop(&b);
    stop(&a);
}
END_TEST

START_TEST(uri_names_are_files)
{
    /* SQLite would take this for a URI with options. */
    struct session s;

    load();
    ck_assert_int_eq(chdir("/tmp"), 0);
    ck_assert_int_eq(open_path(&s, "file:rowhouse-odd.db?mode=memory", false), RH_OK);
    ck_assert_int_eq(access("/tmp/file:rowhouse-odd.db?mode=memory", F_OK), 0);
    snprintf(s.path, sizeof s.path, "/tmp/file:rowhouse-odd.db?mode=memory");
    stop(&s);
}
END_TEST

START_TEST(not_a_database)
{
    struct session s;
    char path[] = "/tmp/rowhouse-sqlite-XXXXXX";
    int fd = mkstemp(path);
    char junk[4096];

    memset(junk, 'x', sizeof junk);
    ck_assert_int_eq(write(fd, junk, sizeof junk), sizeof junk);
    close(fd);
    ck_assert_int_eq(open_path(&s, path, false), RH_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(s.error.message, "not a database"));
    unlink(path);
    stop(&s);
}
END_TEST

START_TEST(read_only_files)
{
    struct session a, b;
    const struct rh_value cell = rh_kit_int(1);

    start(&a);
    sql(&a, "CREATE TABLE t (x INT)");
    ck_assert_int_eq(open_path(&b, a.path, true), RH_OK);
    introspect(&b);
    const struct rh_table *table = table_of(&b, "t");
    ck_assert_uint_eq(table->flags & RH_TABLE_READ_ONLY, RH_TABLE_READ_ONLY);
    ck_assert_int_eq(try_sql(&b, "INSERT INTO t VALUES (1)"), RH_PERMISSION);
    const struct rh_write_spec spec = {.struct_size = sizeof spec,
                                       .table = table->name,
                                       .columns = table->columns,
                                       .n_columns = 1,
                                       .column_stride = table->column_stride,
                                       .n_rows = 1,
                                       .cells = &cell};
    ck_assert_int_eq(connector->write->insert(b.conn, op_of(&b), &spec, &b.result, &b.error),
                     RH_PERMISSION);
    ck_assert_int_eq(connector->tx->begin(b.conn, op_of(&b), 0, &b.error), RH_OK);
    ck_assert_int_eq(connector->tx->commit(b.conn, op_of(&b), &b.error), RH_OK);
    stop(&b);
    stop(&a);
}
END_TEST

static void assert_column(const struct rh_table *table, const char *name, uint32_t type,
                          uint32_t flags)
{
    const struct rh_column *column = &table->columns[column_of(table, name)];

    ck_assert_msg(column->type == type && column->flags == flags, "%s: type %u flags %#x", name,
                  column->type, column->flags);
}

START_TEST(declared_types)
{
    static const struct {
        const char *declared;
        uint32_t type;
        uint32_t flags;
    } types[] = {
        {"INTEGER", RH_TYPE_INT, 0},
        {"tinyint(1)", RH_TYPE_INT, 0},
        {"BOOLEAN", RH_TYPE_BOOL, 0},
        {"DECIMAL(10,2)", RH_TYPE_DECIMAL, 0},
        {"numeric", RH_TYPE_DECIMAL, 0},
        {"REAL", RH_TYPE_FLOAT, 0},
        {"double precision", RH_TYPE_FLOAT, 0},
        {"DATE", RH_TYPE_DATE, 0},
        {"DATETIME", RH_TYPE_DATETIME, 0},
        {"TIMESTAMP", RH_TYPE_DATETIME, 0},
        {"TIMESTAMP WITH TIME ZONE", RH_TYPE_TIMESTAMP, 0},
        {"timestamptz", RH_TYPE_TIMESTAMP, 0},
        {"TIME", RH_TYPE_TIME, 0},
        {"UUID", RH_TYPE_UUID, RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER},
        {"JSON", RH_TYPE_JSON, 0},
        {"JSON TEXT", RH_TYPE_JSON, 0},
        {"BLOB", RH_TYPE_BYTES, 0},
        {"", RH_TYPE_TEXT, RH_COLUMN_OPAQUE | RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER},
        {"STRING", RH_TYPE_TEXT, RH_COLUMN_OPAQUE | RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER},
        {"VARCHAR(20)", RH_TYPE_TEXT, RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER},
        {"TEXT COLLATE NOCASE", RH_TYPE_TEXT, 0},
        {"TEXT COLLATE RTRIM", RH_TYPE_TEXT, 0},
    };
    struct session s;
    struct rh_buf create = dump_buffer();
    char name[16], *text = NULL;

    start(&s);
    for (uint32_t i = 0; i < COUNT(types); i++)
        rh_buf_addf(&create, "%s c%u %s", i ? "," : "CREATE TABLE t (", i, types[i].declared);
    rh_buf_add_str(&create, ")");
    text = rh_buf_take(&create);
    sql(&s, text);
    free(text);
    introspect(&s);
    for (uint32_t i = 0; i < COUNT(types); i++) {
        snprintf(name, sizeof name, "c%u", i);
        assert_column(table_of(&s, "t"), name, types[i].type, types[i].flags);
    }
    ck_assert_uint_eq(table_of(&s, "t")->columns[3].precision, 10);
    ck_assert_uint_eq(table_of(&s, "t")->columns[3].scale, 2);
    stop(&s);
}
END_TEST

START_TEST(keys_and_indexes)
{
    const uint32_t serial = RH_COLUMN_NOT_NULL | RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT;
    const uint32_t binary = RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER;
    struct session s;
    const struct rh_table *t = NULL;

    start(&s);
    sql(&s, "CREATE TABLE parent (a TEXT, b INT, PRIMARY KEY (b, a)) WITHOUT ROWID");
    sql(&s,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, \"we\"\"ird\xc3\xa9\" TEXT NOT NULL DEFAULT "
        "'x', n INT UNIQUE, g INT GENERATED ALWAYS AS (n * 2) STORED, v AS (n + 1), pa TEXT, pb "
        "INT, FOREIGN KEY (pb, pa) REFERENCES parent, CONSTRAINT u UNIQUE (pa, pb))");
    sql(&s, "CREATE INDEX part ON t (n) WHERE n > 0");
    sql(&s, "CREATE INDEX expression ON t (lower(pa))");
    sql(&s, "CREATE TABLE desc_key (id INTEGER PRIMARY KEY DESC)");
    sql(&s, "CREATE TABLE strict_one (i INT, a ANY) STRICT");
    sql(&s, "CREATE VIEW v AS SELECT id, n FROM t");
    sql(&s, "CREATE VIEW broken AS SELECT * FROM gone");
    sql(&s, "CREATE VIRTUAL TABLE f USING fts5(body)");
    sql(&s, "INSERT INTO t (id, n) VALUES (1, 1), (2, 2)");
    sql(&s, "CREATE TABLE \"order\" (\"select\" INT)");
    introspect(&s);
    ck_assert_ptr_null(find_table(&s, "broken"));
    ck_assert_ptr_null(find_table(&s, "f_data"));
    ck_assert_ptr_null(find_table(&s, "sqlite_schema"));
    ck_assert_ptr_nonnull(find_table(&s, "order"));
    ck_assert_uint_eq(table_of(&s, "f")->n_columns, 1);

    t = table_of(&s, "t");
    ck_assert_int_eq(t->est_rows, -1);
    assert_column(t, "id", RH_TYPE_INT, serial);
    assert_column(t, "we\"ird\xc3\xa9", RH_TYPE_TEXT,
                  RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | binary);
    assert_column(t, "g", RH_TYPE_INT, RH_COLUMN_GENERATED);
    assert_column(t, "v", RH_TYPE_TEXT, RH_COLUMN_GENERATED | RH_COLUMN_OPAQUE | binary);
    ck_assert(rh_text_is(t->columns[1].default_text, "'x'"));
    ck_assert_uint_eq(t->n_key, 1);
    ck_assert_uint_eq(t->n_indexes, 3);
    for (uint32_t i = 0; i < t->n_indexes; i++) {
        if (rh_text_is(t->indexes[i].name, "part")) {
            ck_assert_uint_eq(t->indexes[i].flags, RH_INDEX_PARTIAL);
        } else {
            ck_assert_uint_eq(t->indexes[i].flags, RH_INDEX_UNIQUE);
        }
    }
    ck_assert_uint_eq(t->n_foreign_keys, 1);
    ck_assert_uint_eq(t->foreign_keys[0].n_columns, 2);
    ck_assert(rh_text_is(t->foreign_keys[0].table, "parent"));
    ck_assert_uint_eq(t->foreign_keys[0].columns[0], column_of(t, "pb"));
    ck_assert(rh_text_is(t->foreign_keys[0].ref_columns[0], "b"));
    ck_assert(rh_text_is(t->foreign_keys[0].ref_columns[1], "a"));

    t = table_of(&s, "parent");
    ck_assert_uint_eq(t->n_key, 2);
    ck_assert_uint_eq(t->key[0], 1);
    ck_assert_uint_eq(t->key[1], 0);
    assert_column(t, "a", RH_TYPE_TEXT, RH_COLUMN_NOT_NULL | binary);
    assert_column(table_of(&s, "desc_key"), "id", RH_TYPE_INT, 0); /* not the rowid: may be NULL */
    t = table_of(&s, "v");
    ck_assert_uint_eq(t->kind, RH_TABLE_VIEW);
    ck_assert_uint_eq(t->flags, RH_TABLE_READ_ONLY);
    ck_assert_uint_eq(table_of(&s, "strict_one")->columns[1].flags & RH_COLUMN_OPAQUE,
                      RH_COLUMN_OPAQUE);
    stop(&s);
}
END_TEST

START_TEST(names_that_are_none)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE \"\" (x INT)");
    sql(&s, "CREATE TABLE \"bad\xff\" (x INT)");
    sql(&s, "CREATE TABLE t (\"\" INT, x INT DEFAULT '\xff', y \"T\xff\", PRIMARY KEY (\"\", x), "
            "UNIQUE (\"\"))");
    sql(&s, "CREATE TABLE child (t INT REFERENCES \"bad\xff\"(x), u INT REFERENCES t(\"\"))");
    introspect(&s);
    ck_assert_uint_eq(s.catalog.n_tables, 2);
    const struct rh_table *t = table_of(&s, "t");
    ck_assert_uint_eq(t->n_columns, 2);
    ck_assert_uint_eq(t->n_key, 0);
    ck_assert_uint_eq(t->n_indexes, 0);
    ck_assert_ptr_null(t->columns[0].default_text.data);
    ck_assert_ptr_null(t->columns[1].native_type.data);
    ck_assert_uint_eq(table_of(&s, "child")->n_foreign_keys, 0);
    assert_sql(&s, "SELECT 1 AS \"\"", "int:1\n");
    stop(&s);
}
END_TEST

START_TEST(statistics)
{
    struct session s;
    struct rh_native_result result;

    start(&s);
    sql(&s, "CREATE TABLE t (x INT)");
    sql(&s, "CREATE INDEX i ON t (x)");
    sql(&s,
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        "50) SELECT i FROM n");
    ck_assert_int_eq(run_with(&s, "ANALYZE", NULL, 0, &result), RH_OK);
    introspect(&s);
    ck_assert_int_eq(table_of(&s, "t")->est_rows, 50);
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_catalog", settings, url_of_a_file, uri_names_are_files, not_a_database,
           read_only_files, declared_types, keys_and_indexes, names_that_are_none, statistics)
