/*
 * The SQLite connector, through its one exported function, on real database files.
 *
 * The oracle tests read all rows of a table of awkward values once, decide with the host's own
 * comparison what a predicate, an order, a page or a group must give, and compare that with what the
 * connector does for every operator that it claims.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/civil.h"
#include "connector/kit.h"
#include "connector/match.h"
#include "lib/tests.h"
#include "rows/cell.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* ---- sessions ---- */

static const struct rh_connector *connector;

static void log_nothing(const struct rh_host *host, uint32_t level, struct rh_text line)
{
}

static uint64_t now_us(const struct rh_host *host)
{
    return rh_clock_us();
}

static void *alloc(struct rh_arena *arena, uint64_t size)
{
    return rh_arena_alloc(arena, size);
}

static const struct rh_host host = {
    .struct_size = sizeof host, .log = log_nothing, .now_us = now_us, .alloc = alloc};

struct session {
    struct rh_op op;
    struct rh_conn *conn;
    struct rh_error error;
    struct rh_catalog catalog;
    struct rh_arena *catalog_arena;
    struct rh_write_result result;
    char path[64];
};

static struct rh_op *op_of(struct session *s)
{
    rh_arena_reset(s->op.arena);
    rh_error_clear(&s->error);
    s->op.deadline_us = rh_clock_us() + 20000000;
    return &s->op;
}

static void load(void)
{
    char path[4096];
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    rh_connector_entry_fn *entry = NULL;
    void *library = NULL;

    if (connector)
        return;
    snprintf(path, sizeof path, "%s/sqlite.so", folder ? folder : "plugins");
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)&entry = dlsym(library, RH_ENTRY_SYMBOL);
    ck_assert_int_eq(entry(RH_ABI_MINOR, &connector), 0);
}

static int connect_with(struct session *s, const struct rh_setting *items, uint32_t n)
{
    const struct rh_settings settings = {
        .struct_size = sizeof settings, .n = n, .items = items, .stride = sizeof *items};
    load();
    return connector->connect(&host, op_of(s), &settings, &s->conn, &s->error);
}

static void init(struct session *s)
{
    *s = (struct session){.error = RH_ERROR_INIT};
    s->op = (struct rh_op){
        .struct_size = sizeof s->op, .cancel_fd = -1, .arena = rh_arena_new(SIZE_MAX)};
    s->catalog_arena = rh_arena_new(SIZE_MAX);
    s->result.struct_size = sizeof s->result;
}

static int open_path(struct session *s, const char *path, bool read_only)
{
    const struct rh_setting items[] = {
        {RH_TEXT_INIT("path"), rh_kit_text(rh_text_of(path))},
        {RH_TEXT_INIT("read_only"), {.type = RH_TYPE_BOOL, .as.i = read_only}},
        {RH_TEXT_INIT("busy_timeout_ms"), rh_kit_int(200)},
    };

    init(s);
    return connect_with(s, items, COUNT(items));
}

static void start(struct session *s)
{
    char path[] = "/tmp/rowhouse-sqlite-XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_msg(open_path(s, path, false) == RH_OK, "%s", s->error.message);
    memcpy(s->path, path, sizeof path);
}

static void stop(struct session *s)
{
    char path[96];

    if (s->conn)
        connector->close(s->conn);
    if (s->path[0]) {
        unlink(s->path);
        snprintf(path, sizeof path, "%s-wal", s->path);
        unlink(path);
        snprintf(path, sizeof path, "%s-shm", s->path);
        unlink(path);
    }
    rh_arena_free(s->op.arena);
    rh_arena_free(s->catalog_arena);
}

/* ---- native statements ---- */

static int run_with(struct session *s, const char *sql, const struct rh_value *values, uint32_t n,
                    struct rh_native_result *result)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec,
                                        .text = rh_text_of(sql),
                                        .parameters = values,
                                        .n_parameters = n};

    *result = (struct rh_native_result){.struct_size = sizeof *result};
    return connector->native->run(s->conn, op_of(s), &spec, result, &s->error);
}

static int try_sql(struct session *s, const char *sql)
{
    struct rh_native_result result;
    int rc = run_with(s, sql, NULL, 0, &result);

    if (rc == RH_OK && result.cursor)
        connector->finish(result.cursor);
    return rc;
}

static void sql(struct session *s, const char *text)
{
    ck_assert_msg(try_sql(s, text) == RH_OK, "%s: %s", text, s->error.message);
}

/* ---- rows as text ---- */

static void add_cell(struct rh_buf *buf, const struct rh_value *cell)
{
    static const char *const names[RH_N_TYPES] = {
        "missing", "null", "bool", "int", "uint", "float",    "decimal", "text",
        "bytes",   "date", "time", "dt",  "ts",   "interval", "uuid",    "json"};

    rh_buf_addf(buf, "%s", names[cell->type]);
    switch (cell->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        return;
    case RH_TYPE_FLOAT:
        rh_buf_addf(buf, ":%.17g", cell->as.f);
        return;
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
        rh_buf_add_char(buf, ':');
        for (uint32_t i = 0; i < cell->len; i++)
            rh_buf_addf(buf, "%02x", ((const unsigned char *)cell->as.data)[i]);
        return;
    case RH_TYPE_TEXT:
    case RH_TYPE_JSON:
    case RH_TYPE_DECIMAL:
        rh_buf_add_char(buf, ':');
        for (uint32_t i = 0; i < cell->len; i++) {
            char c = ((const char *)cell->as.data)[i];
            rh_buf_add_char(buf, c ? c : '~');
        }
        return;
    default:
        rh_buf_add_char(buf, ':');
        rh_buf_add_i64(buf, cell->as.i);
    }
}

static void add_batch(struct rh_buf *buf, const struct rh_batch *batch)
{
    for (uint64_t r = 0; r < batch->n_rows; r++) {
        for (uint32_t c = 0; c < batch->n_cols; c++) {
            rh_buf_add_str(buf, c ? "|" : "");
            add_cell(buf, &batch->cells[r * batch->n_cols + c]);
        }
        rh_buf_add_char(buf, '\n');
    }
}

static struct rh_buf dump_buffer(void)
{
    struct rh_buf buf;

    rh_buf_init(&buf, 64 << 20);
    return buf;
}

static void dump_cursor(struct session *s, struct rh_cursor *cursor, struct rh_buf *buf)
{
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc;

    while ((rc = connector->next(cursor, &s->op, 7, &batch, &s->error)) == RH_OK) {
        ck_assert_uint_ge(batch.n_rows, 1);
        ck_assert_uint_le(batch.n_rows, 7);
        add_batch(buf, &batch);
    }
    ck_assert_msg(rc == RH_END, "%s", s->error.message);
    ck_assert_int_eq(connector->next(cursor, &s->op, 7, &batch, &s->error), RH_END);
    connector->finish(cursor);
}

static void assert_dump(struct rh_buf *buf, const char *expected)
{
    char *text = rh_buf_take(buf);

    ck_assert_str_eq(text ? text : "", expected);
    free(text);
}

/* What a native statement returns. */
static void assert_sql(struct session *s, const char *text, const char *expected)
{
    struct rh_buf buf = dump_buffer();
    struct rh_native_result result;

    ck_assert_msg(run_with(s, text, NULL, 0, &result) == RH_OK, "%s: %s", text, s->error.message);
    ck_assert_ptr_nonnull(result.cursor);
    dump_cursor(s, result.cursor, &buf);
    assert_dump(&buf, expected);
}

/* ---- tables ---- */

static void introspect(struct session *s)
{
    struct rh_arena *arena = s->op.arena;
    struct rh_op *op = op_of(s);

    rh_arena_reset(s->catalog_arena);
    op->arena = s->catalog_arena;
    s->catalog = (struct rh_catalog){.struct_size = sizeof s->catalog};
    int rc = connector->tables(s->conn, op, &s->catalog, &s->error);
    op->arena = arena;
    ck_assert_msg(rc == RH_OK, "%s", s->error.message);
}

static const struct rh_table *table_of(struct session *s, const char *name)
{
    for (uint32_t i = 0; i < s->catalog.n_tables; i++) {
        const struct rh_table *table =
            (const struct rh_table *)(const void *)((const char *)s->catalog.tables +
                                                    (size_t)s->catalog.table_stride * i);
        if (rh_text_is(table->name, name))
            return table;
    }
    return NULL;
}

static uint32_t column_of(const struct rh_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_is(table->columns[i].name, name))
            return i;
    }
    ck_abort_msg("no column %s", name);
}

/* ---- queries ---- */

struct query {
    struct rh_query abi;
    struct rh_node nodes[64];
    struct rh_value values[512];
    uint32_t conjuncts[64];
    uint32_t select[64];
    struct rh_order order[8];
    uint8_t verdicts[64];
    uint32_t needs[64];
    struct rh_plan plan;
};

/* SELECT all FROM table */
static struct query *query_of(const struct rh_table *table)
{
    static struct query room;
    struct query *q = &room;

    memset(q, 0, sizeof *q);
    for (uint32_t i = 0; i < table->n_columns; i++)
        q->select[i] = i;
    q->abi = (struct rh_query){.struct_size = sizeof q->abi,
                               .schema = table->schema,
                               .table = table->name,
                               .columns = table->columns,
                               .n_columns = table->n_columns,
                               .column_stride = table->column_stride,
                               .select = q->select,
                               .n_select = table->n_columns,
                               .conjuncts = q->conjuncts,
                               .nodes = q->nodes,
                               .values = q->values,
                               .order = q->order,
                               .semijoin_stride = sizeof(struct rh_semijoin),
                               .limit = RH_NO_LIMIT};
    return q;
}

static void where(struct query *q, uint32_t op, uint32_t column, const struct rh_value *values,
                  uint32_t n)
{
    q->nodes[q->abi.n_nodes] =
        (struct rh_node){.op = op, .column = column, .first = q->abi.n_values, .n = n};
    if (n)
        memcpy(&q->values[q->abi.n_values], values, n * sizeof *values);
    q->abi.n_values += n;
    q->conjuncts[q->abi.n_conjuncts++] = q->abi.n_nodes++;
}

static void plan(struct session *s, struct query *q)
{
    q->plan =
        (struct rh_plan){.struct_size = sizeof q->plan, .verdicts = q->verdicts, .needs = q->needs};
    ck_assert_int_eq(connector->plan(s->conn, &q->abi, &q->plan, &s->error), RH_OK);
}

static struct rh_cursor *open_query(struct session *s, struct query *q)
{
    struct rh_cursor *cursor = NULL;
    struct rh_text native = {NULL, 0};
    int rc = connector->open(s->conn, op_of(s), &q->abi, &cursor, &s->error);

    if (rc) {
        struct rh_error first = s->error;
        connector->explain(s->conn, op_of(s), &q->abi, &native, &s->error);
        ck_abort_msg("%s: %.*s", first.message, RH_TEXT_ARG(native));
    }
    return cursor;
}

static void dump_query(struct session *s, struct query *q, struct rh_buf *buf)
{
    dump_cursor(s, open_query(s, q), buf);
}

static void assert_query(struct session *s, struct query *q, const char *expected)
{
    struct rh_buf buf = dump_buffer();

    dump_query(s, q, &buf);
    assert_dump(&buf, expected);
}

/* ---- connections ---- */

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
    ck_assert_ptr_nonnull(table_of(&b, "t"));
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

/* ---- introspection ---- */

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
    ck_assert_ptr_null(table_of(&s, "broken"));
    ck_assert_ptr_null(table_of(&s, "f_data"));
    ck_assert_ptr_null(table_of(&s, "sqlite_schema"));
    ck_assert_ptr_nonnull(table_of(&s, "order"));
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

/* ---- the oracle ---- */

static const char awkward_ddl[] =
    "CREATE TABLE awkward (id INTEGER PRIMARY KEY, i INT, f REAL, d DECIMAL(10,2), b BOOLEAN, "
    "t TEXT, n TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM, y BLOB, day DATE, at TIME, "
    "dt DATETIME, ts TIMESTAMPTZ, u UUID, nn TEXT NOT NULL)";

static const char *const awkward_values[] = {
    "NULL",
    "0",
    "1",
    "-1",
    "2",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "0.5",
    "-0.0",
    "0.1",
    "1e300",
    "9e999",
    "-9e999",
    "12345.67",
    "''",
    "'a'",
    "'A'",
    "'a '",
    "'b'",
    "'\xc3\xa9'",
    "'\xc3\x89'",
    "'\xe2\x84\xaa'",
    "'k'",
    "'50%'",
    "'a%'",
    "'a\\%%'",
    "'a_c'",
    "'%'",
    "'a\\_b%'",
    "'a_b\\c'",
    "char(0)",
    "'a' || char(0) || 'b'",
    "'abc'",
    "'10'",
    "'0.10'",
    "CAST(x'ff41' AS TEXT)",
    "x''",
    "x'00'",
    "x'ff'",
    "x'0000000000000000ff'",
    "x'01'",
    "x'00112233445566778899aabbccddeeff'",
    "'2024-02-29'",
    "'2024-02-29 00:00:00'",
    "'2024-02-29T13:05:00.25'",
    "'2024-02-28'",
    "'2024-02-28T24:00:00'",
    "'2024-03-01T01:00:00+02:00'",
    "'2024-02-29T23:00:00-02:00'",
    "'2024-02-29 13:05'",
    "'9999-12-31'",
    "'0000-01-01'",
    "'1969-12-31T23:59:59.999999Z'",
    "'10000-01-01'",
    "'infinity'",
    "'13:05:00'",
    "'13:05'",
    "'24:00:00'",
    "'00:00:00.5'",
    "'00112233-4455-6677-8899-aabbccddeeff'",
    "'00112233-4455-6677-8899-AABBCCDDEEFF'",
    "'00112233-4455-6677-8899-aAbbccddeeff'",
    "'{}'",
};

/* An empty database with UTF-16 inside, where bytes do not sort by code point. */
static void write_utf16_header(const char *path)
{
    unsigned char page[512] = "SQLite format 3";
    FILE *file = fopen(path, "wb");

    page[16] = 2;            /* 512 bytes a page */
    page[18] = page[19] = 1; /* formats */
    page[21] = 64;           /* fractions of payload */
    page[22] = page[23] = 32;
    page[27] = page[31] = 1; /* change counter, pages */
    page[43] = 1;            /* schema cookie */
    page[47] = 4;            /* schema format */
    page[59] = 2;            /* UTF-16le */
    page[95] = 1;            /* change counter that the next field is valid for */
    page[100] = 13;          /* an empty leaf */
    page[105] = 2;           /* its content begins at 512 */
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(page, 1, sizeof page, file), sizeof page);
    fclose(file);
}

/* The same rows in several kinds of tables. */
enum flavour { PLAIN, INDEXED, UTF16, STRICT, N_FLAVOURS };

static const char strict_ddl[] =
    "CREATE TABLE awkward (id INTEGER PRIMARY KEY, i INT, f REAL, d INT, b INT, t TEXT, n TEXT "
    "COLLATE NOCASE, r TEXT COLLATE RTRIM, y BLOB, day TEXT, at TEXT, dt TEXT, ts TEXT, u BLOB, nn "
    "TEXT NOT NULL) STRICT";

static void fill_strict(struct session *s)
{
    struct rh_native_result result;

    sql(s, strict_ddl);
    for (uint32_t i = 0; i < COUNT(awkward_values); i++) {
        char text[128];
        snprintf(text, sizeof text, "INSERT INTO awkward (id, nn) VALUES (%u, %u)", i, i);
        sql(s, text);
        for (const char *column = "i\0f\0t\0n\0r\0y\0u\0"; *column; column += 2) {
            snprintf(text, sizeof text, "UPDATE awkward SET %s = %s WHERE id = %u", column,
                     awkward_values[i], i);
            run_with(s, text, NULL, 0, &result); /* a value of another type is refused */
        }
    }
    introspect(s);
}

static void start_flavour(struct session *s, enum flavour flavour)
{
    start(s);
    if (flavour != UTF16)
        return;
    connector->close(s->conn);
    write_utf16_header(s->path);
    const struct rh_setting items[] = {{RH_TEXT_INIT("path"), rh_kit_text(rh_text_of(s->path))}};
    ck_assert_msg(connect_with(s, items, 1) == RH_OK, "%s", s->error.message);
    assert_sql(s, "PRAGMA encoding", "text:UTF-16le\n");
}

static void fill_awkward(struct session *s, enum flavour flavour)
{
    struct rh_buf insert = dump_buffer();
    char *text = NULL;

    start_flavour(s, flavour);
    if (flavour == STRICT) {
        fill_strict(s);
        return;
    }
    sql(s, awkward_ddl);
    for (const char *column = "i\0f\0d\0b\0t\0n\0r\0y\0"; flavour == INDEXED && *column;
         column += 2) {
        char index[64];
        snprintf(index, sizeof index, "CREATE INDEX by_%s ON awkward (%s)", column, column);
        sql(s, index);
    }
    if (flavour == INDEXED)
        sql(s, "CREATE INDEX by_day ON awkward (day, dt, ts, at, u)");
    for (uint32_t i = 0; i < COUNT(awkward_values); i++) {
        const char *v = awkward_values[i];
        rh_buf_addf(&insert, "%s (%u", i ? "," : "INSERT INTO awkward VALUES", i);
        for (int c = 0; c < 13; c++)
            rh_buf_addf(&insert, ", %s", v);
        rh_buf_addf(&insert, ", %s)", strcmp(v, "NULL") == 0 ? "'null'" : v);
    }
    text = rh_buf_take(&insert);
    sql(s, text);
    free(text);
    introspect(s);
}

/* All rows, copied. */
struct rows {
    struct rh_arena *arena;
    struct rh_value *cells;
    uint32_t n_rows, n_cols;
};

static struct rows read_rows(struct session *s, struct query *q)
{
    struct rows rows = {.arena = rh_arena_new(SIZE_MAX)};
    struct rh_cursor *cursor = open_query(s, q);
    struct rh_batch batch = {.struct_size = sizeof batch};

    rows.cells = rh_arena_array(rows.arena, 4096 * 16, sizeof *rows.cells);
    while (connector->next(cursor, &s->op, 1000, &batch, &s->error) == RH_OK) {
        rows.n_cols = batch.n_cols;
        for (uint64_t i = 0; i < batch.n_rows * batch.n_cols; i++) {
            struct rh_value *to = &rows.cells[(size_t)rows.n_rows * rows.n_cols + i];
            *to = batch.cells[i];
            if (rh_cell_has_data(to))
                to->as.data = rh_arena_dup(rows.arena, to->as.data, to->len);
        }
        rows.n_rows += (uint32_t)batch.n_rows;
    }
    ck_assert_int_eq(s->error.error_class, RH_OK);
    connector->finish(cursor);
    return rows;
}

static bool holds_positive(uint32_t op, const struct rh_value *cell, const struct rh_value *values,
                           uint32_t n)
{
    int order = n ? rh_cell_compare(cell, &values[0]) : 0;
    bool same_class = n && rh_cell_class(cell) == rh_cell_class(&values[0]);

    if (op == RH_OP_NULL || op == RH_OP_EMPTY)
        return rh_cell_is_null(cell);
    if (op == RH_OP_ABSENT)
        return cell->type == RH_TYPE_MISSING;
    if (rh_cell_is_null(cell))
        return false;
    switch (op) {
    case RH_OP_EQ:
        return rh_cell_equal(cell, &values[0]);
    case RH_OP_LT:
        return same_class && order < 0;
    case RH_OP_LTE:
        return same_class && order <= 0;
    case RH_OP_GT:
        return same_class && order > 0;
    case RH_OP_GTE:
        return same_class && order >= 0;
    case RH_OP_IN:
        for (uint32_t i = 0; i < n; i++) {
            if (rh_cell_equal(cell, &values[i]))
                return true;
        }
        return false;
    default:
        return cell->type == RH_TYPE_TEXT &&
               rh_match(op, rh_cell_text(cell), rh_cell_text(&values[0]));
    }
}

static void describe(struct rh_buf *buf, const struct rh_table *table, uint32_t op, uint32_t column,
                     const struct rh_value *values, uint32_t n)
{
    rh_buf_addf(buf, "%.*s op %#x", RH_TEXT_ARG(table->columns[column].name), op);
    for (uint32_t i = 0; i < n && i < 4; i++) {
        rh_buf_add_char(buf, ' ');
        add_cell(buf, &values[i]);
    }
}

/* Asks for the rows where the predicate holds and compares. Returns whether it was pushed. */
static bool check_predicate(struct session *s, const struct rh_table *table, const struct rows *all,
                            uint32_t op, uint32_t column, const struct rh_value *values, uint32_t n)
{
    struct query *q = query_of(table);
    struct rh_buf expected = dump_buffer(), got = dump_buffer();
    struct rh_value cells[1];
    struct rh_batch row = {.n_cols = 1, .n_rows = 1, .cells = cells};

    where(q, op, column, values, n);
    plan(s, q);
    if (q->verdicts[0] != RH_VERDICT_EXACT) {
        ck_assert_uint_eq(q->verdicts[0], RH_VERDICT_NONE);
        return false;
    }
    q->abi.n_select = 1; /* id */
    q->order[0] = (struct rh_order){.column = 0};
    q->abi.n_order = 1;
    describe(&expected, table, op, column, values, n);
    rh_buf_add_text(&got, rh_buf_text(&expected));
    rh_buf_add_char(&expected, '\n');
    rh_buf_add_char(&got, '\n');
    for (uint32_t r = 0; r < all->n_rows; r++) {
        const struct rh_value *cell = &all->cells[(size_t)r * all->n_cols + column];
        if (holds_positive(op & ~RH_OP_NOT, cell, values, n) != ((op & RH_OP_NOT) != 0)) {
            cells[0] = all->cells[(size_t)r * all->n_cols];
            add_batch(&expected, &row);
        }
    }
    dump_query(s, q, &got);
    char *text = rh_buf_take(&expected);
    assert_dump(&got, text);
    free(text);
    return true;
}

static void predicates_mean_what_the_host_means_in(enum flavour flavour)
{
    static const uint32_t one_value[] = {RH_OP_EQ,
                                         RH_OP_LT,
                                         RH_OP_LTE,
                                         RH_OP_GT,
                                         RH_OP_GTE,
                                         RH_OP_IN,
                                         RH_OP_LIKE,
                                         RH_OP_STARTS,
                                         RH_OP_ENDS,
                                         RH_OP_CONTAINS,
                                         RH_OP_LIKE | RH_OP_FOLD,
                                         RH_OP_STARTS | RH_OP_FOLD,
                                         RH_OP_ENDS | RH_OP_FOLD,
                                         RH_OP_CONTAINS | RH_OP_FOLD};
    struct session s;
    uint64_t n_pushed = 0;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    ck_assert_uint_eq(all.n_rows, COUNT(awkward_values));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        for (uint32_t r = 0; r < all.n_rows; r++) {
            const struct rh_value *value = &all.cells[(size_t)r * all.n_cols + c];
            if (value->type != table->columns[c].type)
                continue;
            for (uint32_t o = 0; o < COUNT(one_value); o++) {
                n_pushed += check_predicate(&s, table, &all, one_value[o], c, value, 1);
                n_pushed += check_predicate(&s, table, &all, one_value[o] | RH_OP_NOT, c, value, 1);
            }
        }
        n_pushed += check_predicate(&s, table, &all, RH_OP_NULL, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_NULL | RH_OP_NOT, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_EMPTY, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_ABSENT | RH_OP_NOT, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_IN, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_IN | RH_OP_NOT, c, NULL, 0);
    }
    ck_assert_uint_ge(n_pushed, flavour == PLAIN ? 4000 : 1000);
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(predicates_mean_what_the_host_means)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        predicates_mean_what_the_host_means_in(flavour);
}
END_TEST

static void lists_of_all_lengths_in(enum flavour flavour)
{
    struct session s;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        struct rh_value values[300];
        uint32_t n = 0;
        for (uint32_t r = 0; r < all.n_rows; r++) {
            const struct rh_value *value = &all.cells[(size_t)r * all.n_cols + c];
            if (value->type == table->columns[c].type)
                values[n++] = *value;
        }
        for (uint32_t length = 1; length <= n; length++) {
            check_predicate(&s, table, &all, RH_OP_IN, c, values, length);
            check_predicate(&s, table, &all, RH_OP_IN | RH_OP_NOT, c, values, length);
        }
        for (uint32_t i = n; n && i < 300; i++)
            values[i] = values[i % n];
        check_predicate(&s, table, &all, RH_OP_IN, c, values, 300);
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(lists_of_all_lengths)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        lists_of_all_lengths_in(flavour);
}
END_TEST

static void assert_ids(struct session *s, struct query *q, const uint32_t *ids, uint32_t n)
{
    struct rh_buf expected = dump_buffer();
    char *text = NULL;

    q->abi.n_select = 1;
    for (uint32_t i = 0; i < n; i++)
        rh_buf_addf(&expected, "int:%u\n", ids[i]);
    text = rh_buf_take(&expected);
    assert_query(s, q, text ? text : "");
    free(text);
}

/* ---- random trees ---- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t pick(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % n);
}

/* Fills the node at `at` (its place is reserved) and what is below it. */
static void grow_tree(struct query *q, const struct rows *all, uint32_t at, uint32_t depth)
{
    static const uint32_t ops[] = {RH_OP_EQ,   RH_OP_LT,       RH_OP_LTE,
                                   RH_OP_GT,   RH_OP_GTE,      RH_OP_IN,
                                   RH_OP_NULL, RH_OP_CONTAINS, RH_OP_STARTS | RH_OP_FOLD};
    struct rh_node *node = &q->nodes[at];
    uint32_t n = 2 + pick(2);

    if (depth < 3 && q->abi.n_nodes + n < COUNT(q->nodes) && pick(3)) {
        *node = (struct rh_node){.op = pick(2) ? RH_OP_AND : RH_OP_OR,
                                 .column = RH_NO_COLUMN,
                                 .first = q->abi.n_nodes,
                                 .n = n};
        q->abi.n_nodes += n;
        for (uint32_t i = 0; i < n; i++)
            grow_tree(q, all, node->first + i, depth + 1);
        return;
    }
    *node = (struct rh_node){.op = ops[pick(COUNT(ops))] | (pick(2) ? RH_OP_NOT : 0),
                             .column = pick(q->abi.n_columns),
                             .first = q->abi.n_values};
    node->n = RH_OP_BASE(node->op) == RH_OP_NULL ? 0 : RH_OP_BASE(node->op) == RH_OP_IN ? 3 : 1;
    for (uint32_t i = 0; i < node->n; i++)
        q->values[q->abi.n_values++] =
            all->cells[(size_t)pick(all->n_rows) * all->n_cols + node->column];
}

static bool tree_holds(const struct query *q, const struct rh_node *node,
                       const struct rh_value *row)
{
    if (node->op == RH_OP_AND || node->op == RH_OP_OR) {
        for (uint32_t i = 0; i < node->n; i++) {
            if (tree_holds(q, &q->nodes[node->first + i], row) != (node->op == RH_OP_AND))
                return node->op == RH_OP_OR;
        }
        return node->op == RH_OP_AND;
    }
    return holds_positive(node->op & ~RH_OP_NOT, &row[node->column], &q->values[node->first],
                          node->n) != ((node->op & RH_OP_NOT) != 0);
}

START_TEST(random_trees)
{
    struct session s;
    uint32_t n_pushed = 0;

    fill_awkward(&s, INDEXED);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t round = 0; round < 20000; round++) {
        struct query *q = query_of(table);
        uint32_t ids[COUNT(awkward_values)], n = 0;
        q->abi.n_nodes = 1;
        q->abi.n_conjuncts = 1;
        grow_tree(q, &all, 0, 0);
        plan(&s, q);
        if (q->verdicts[0] != RH_VERDICT_EXACT)
            continue;
        n_pushed++;
        for (uint32_t r = 0; r < all.n_rows; r++) {
            if (tree_holds(q, &q->nodes[0], &all.cells[(size_t)r * all.n_cols]))
                ids[n++] = r;
        }
        q->abi.n_order = 1; /* by id */
        assert_ids(&s, q, ids, n);
    }
    ck_assert_uint_ge(n_pushed, 500);
    rh_arena_free(all.arena);
    stop(&s);
}
END_TEST

START_TEST(literals_that_sqlite_cannot_say)
{
    struct session s;
    const struct rh_value nan = {.type = RH_TYPE_FLOAT, .as.f = __builtin_nan("")};
    struct rh_value decimal = rh_kit_text(rh_text_of("0.12345678901234567891"));
    struct rh_value kept = rh_kit_text(rh_text_of("12345.670"));
    struct rh_value backslash = rh_kit_text(rh_text_of("a\\"));
    struct rh_value invalid = rh_kit_text(rh_text_make("\xff", 1));

    fill_awkward(&s, PLAIN);
    const struct rh_table *t = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(t));
    decimal.type = kept.type = RH_TYPE_DECIMAL;
    ck_assert(!check_predicate(&s, t, &all, RH_OP_LT, column_of(t, "f"), &nan, 1));
    ck_assert(!check_predicate(&s, t, &all, RH_OP_EQ, column_of(t, "d"), &decimal, 1));
    ck_assert(check_predicate(&s, t, &all, RH_OP_EQ, column_of(t, "d"), &kept, 1));
    ck_assert(!check_predicate(&s, t, &all, RH_OP_LIKE, column_of(t, "t"), &backslash, 1));
    ck_assert(!check_predicate(&s, t, &all, RH_OP_STARTS, column_of(t, "t"), &invalid, 1));
    rh_arena_free(all.arena);
    stop(&s);
}
END_TEST

/* ---- order and pages ---- */

static int compare_keys(const struct rows *all, uint32_t column, uint32_t flags, uint32_t a,
                        uint32_t b)
{
    const struct rh_value *x = &all->cells[(size_t)a * all->n_cols + column];
    const struct rh_value *y = &all->cells[(size_t)b * all->n_cols + column];
    bool x_null = rh_cell_is_null(x), y_null = rh_cell_is_null(y);
    int order;

    if (x_null || y_null)
        return flags & RH_ORDER_NULLS_FIRST ? y_null - x_null : x_null - y_null;
    order = rh_cell_compare(x, y);
    return flags & RH_ORDER_DESC ? -order : order;
}

/* ids (equal to positions) in the order by column, then id. */
static void sort_ids(const struct rows *all, uint32_t column, uint32_t flags, uint32_t *ids)
{
    for (uint32_t i = 0; i < all->n_rows; i++) {
        uint32_t at = i;
        while (at > 0 && compare_keys(all, column, flags, ids[at - 1], i) > 0) {
            ids[at] = ids[at - 1];
            at--;
        }
        ids[at] = i;
    }
}

static void order_and_pages_in(enum flavour flavour)
{
    struct session s;
    uint32_t ids[COUNT(awkward_values)];

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        for (uint32_t flags = 0; flags < 4; flags++) {
            struct query *q = query_of(table);
            q->order[0] = (struct rh_order){.column = c, .flags = flags | RH_ORDER_BINARY};
            q->order[1] = (struct rh_order){.column = 0};
            q->abi.n_order = 2;
            plan(&s, q);
            if (q->plan.n_order == 0) {
                ck_assert(flavour == UTF16 || table->columns[c].type == RH_TYPE_BOOL);
                continue;
            }
            ck_assert_uint_eq(q->plan.n_order, 2);
            sort_ids(&all, c, flags, ids);
            assert_ids(&s, q, ids, all.n_rows);
            for (uint32_t i = 0; i < all.n_rows; i++) {
                const struct rh_value position[] = {all.cells[(size_t)ids[i] * all.n_cols + c],
                                                    rh_kit_int(ids[i])};
                q->abi.n_nodes = q->abi.n_values = q->abi.n_conjuncts = 0;
                where(q, RH_OP_SEEK, RH_NO_COLUMN, position, 2);
                plan(&s, q);
                if (q->verdicts[0] == RH_VERDICT_EXACT)
                    assert_ids(&s, q, ids + i + 1, all.n_rows - i - 1);
                else
                    ck_assert_uint_eq(position[0].type, RH_TYPE_BYTES);
            }
            q->abi.n_conjuncts = 0;
            q->abi.offset = 5;
            q->abi.limit = 7;
            assert_ids(&s, q, ids + 5, 7);
            q->abi.limit = RH_NO_LIMIT;
            assert_ids(&s, q, ids + 5, all.n_rows - 5);
        }
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(order_and_pages)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        order_and_pages_in(flavour);
}
END_TEST

START_TEST(natural_order)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT COLLATE NOCASE)");
    sql(&s, "INSERT INTO t VALUES (1, 'b'), (2, 'A'), (3, 'a'), (4, 'B'), (5, NULL)");
    introspect(&s);
    struct query *q = query_of(table_of(&s, "t"));
    const struct rh_value position[] = {rh_kit_text(rh_text_of("a")), rh_kit_int(2)};
    q->abi.n_select = 1;
    q->order[0] = (struct rh_order){.column = 1};
    q->order[1] = (struct rh_order){.column = 0};
    q->abi.n_order = 2;
    assert_query(&s, q, "int:2\nint:3\nint:1\nint:4\nint:5\n");
    where(q, RH_OP_SEEK, RH_NO_COLUMN, position, 2);
    assert_query(&s, q, "int:3\nint:1\nint:4\nint:5\n");
    stop(&s);
}
END_TEST

/* ---- indexes ---- */

/* Whether SQLite finds the rows of the query through an index. */
static bool uses_index(struct session *s, struct query *q)
{
    static const struct rh_value nulls[64] = {{.type = RH_TYPE_NULL}};
    struct rh_text native = {NULL, 0};
    struct rh_native_result result;
    struct rh_buf text = dump_buffer(), answer = dump_buffer();
    char *string = NULL;
    uint32_t n = 0;
    bool used;

    ck_assert_int_eq(connector->explain(s->conn, op_of(s), &q->abi, &native, &s->error), RH_OK);
    rh_buf_add_str(&text, "EXPLAIN QUERY PLAN ");
    rh_buf_add_text(&text, native);
    for (uint64_t i = 0; i < native.len; i++)
        n += native.data[i] == '?';
    string = rh_buf_take(&text);
    ck_assert_msg(run_with(s, string, nulls, n, &result) == RH_OK, "%s", s->error.message);
    dump_cursor(s, result.cursor, &answer);
    free(string);
    string = rh_buf_take(&answer);
    used =
        strstr(string, "SEARCH t0") && !strstr(string, "SCAN t0") && !strstr(string, "TEMP B-TREE");
    free(string);
    return used;
}

START_TEST(indexes_are_used)
{
    struct session s;
    static const struct {
        const char *column;
        uint32_t op;
    } usable[] = {{"t", RH_OP_EQ},  {"t", RH_OP_GT},   {"t", RH_OP_STARTS}, {"t", RH_OP_LIKE},
                  {"n", RH_OP_EQ},  {"i", RH_OP_EQ},   {"i", RH_OP_LTE},    {"i", RH_OP_IN},
                  {"d", RH_OP_GTE}, {"day", RH_OP_EQ}, {"day", RH_OP_GT},   {"u", RH_OP_EQ},
                  {"u", RH_OP_IN},  {"y", RH_OP_LT}};
    static unsigned char uuid[16];
    struct query *q = NULL;

    start(&s);
    sql(&s,
        "CREATE TABLE x (id INTEGER PRIMARY KEY, t TEXT, n TEXT COLLATE NOCASE, i INT NOT NULL, "
        "d DECIMAL(5,2), day DATE, u UUID, y BLOB)");
    for (const char *column = "t\0n\0i\0d\0u\0y\0"; *column; column += 2) {
        char text[64];
        snprintf(text, sizeof text, "CREATE INDEX by_%s ON x (%s)", column, column);
        sql(&s, text);
    }
    sql(&s, "CREATE INDEX by_day ON x (day)");
    introspect(&s);
    const struct rh_table *table = table_of(&s, "x");
    for (uint32_t i = 0; i < COUNT(usable); i++) {
        struct rh_value values[20] = {{.type = RH_TYPE_NULL}};
        const uint32_t column = column_of(table, usable[i].column);
        for (uint32_t v = 0; v < COUNT(values); v++) {
            values[v] = (struct rh_value){.type = (uint8_t)table->columns[column].type};
            if (rh_cell_has_data(&values[v]))
                values[v] = (struct rh_value){.type = values[v].type, .len = 16, .as.data = uuid};
            if (values[v].type == RH_TYPE_DECIMAL)
                values[v] = (struct rh_value){.type = RH_TYPE_DECIMAL, .len = 1, .as.data = "7"};
        }
        q = query_of(table);
        where(q, usable[i].op, column, values, usable[i].op == RH_OP_IN ? 20 : 1);
        ck_assert_msg(uses_index(&s, q), "%s %#x", usable[i].column, usable[i].op);
    }
    q = query_of(table); /* a page in the order of an index */
    const struct rh_value position[] = {rh_kit_int(5), rh_kit_int(6)};
    q->order[0] = (struct rh_order){.column = column_of(table, "i")};
    q->order[1] = (struct rh_order){.column = 0};
    q->abi.n_order = 2;
    q->abi.limit = 10;
    where(q, RH_OP_SEEK, RH_NO_COLUMN, position, 2);
    ck_assert(uses_index(&s, q));
    stop(&s);
}
END_TEST

/* ---- groups ---- */

static void groups_are_by_value_in(enum flavour flavour)
{
    struct session s;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        const struct rh_group group = {.column = c};
        const struct rh_aggregate count = {
            .function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT};
        struct query *q = query_of(table);
        q->abi.groups = &group;
        q->abi.n_groups = 1;
        q->abi.aggregates = &count;
        q->abi.n_aggregates = 1;
        plan(&s, q);
        ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
        const struct rows groups = read_rows(&s, q);
        uint64_t total = 0;
        for (uint32_t g = 0; g < groups.n_rows; g++) {
            const struct rh_value *key = &groups.cells[(size_t)g * 2];
            int64_t n = 0;
            for (uint32_t r = 0; r < all.n_rows; r++)
                n += rh_cell_equal(key, &all.cells[(size_t)r * all.n_cols + c]);
            struct rh_buf buf = dump_buffer();
            add_cell(&buf, key);
            ck_assert_msg(n == key[1].as.i, "column %u key %.*s: %lld not %lld", c,
                          RH_TEXT_ARG(rh_buf_text(&buf)), (long long)key[1].as.i, (long long)n);
            rh_buf_free(&buf);
            total += (uint64_t)key[1].as.i;
        }
        ck_assert_uint_eq(total, all.n_rows);
        rh_arena_free(groups.arena);
        /* DISTINCT gives the same keys. */
        q = query_of(table);
        q->select[0] = c;
        q->abi.n_select = 1;
        q->abi.flags = RH_QUERY_DISTINCT;
        const struct rows distinct = read_rows(&s, q);
        ck_assert_uint_eq(distinct.n_rows, groups.n_rows);
        rh_arena_free(distinct.arena);
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(groups_are_by_value)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        groups_are_by_value_in(flavour);
}
END_TEST

static void least_and_greatest_in(enum flavour flavour)
{
    struct session s;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        const struct rh_aggregate aggregates[] = {
            {.function = RH_AGG_MIN, .column = c, .type = table->columns[c].type},
            {.function = RH_AGG_MAX, .column = c, .type = table->columns[c].type},
            {.function = RH_AGG_COUNT, .column = c, .type = RH_TYPE_INT}};
        struct query *q = query_of(table);
        const struct rh_value *least = NULL, *greatest = NULL;
        q->abi.aggregates = aggregates;
        q->abi.n_aggregates = 3;
        plan(&s, q);
        if (!(q->plan.accepts & RH_ACCEPT_GROUPS)) {
            ck_assert(flavour == UTF16 || table->columns[c].type == RH_TYPE_BOOL);
            continue;
        }
        for (uint32_t r = 0; r < all.n_rows; r++) {
            const struct rh_value *cell = &all.cells[(size_t)r * all.n_cols + c];
            if (rh_cell_is_null(cell))
                continue;
            if (!least || rh_cell_compare(cell, least) < 0)
                least = cell;
            if (!greatest || rh_cell_compare(cell, greatest) > 0)
                greatest = cell;
        }
        const struct rows got = read_rows(&s, q);
        ck_assert_uint_eq(got.n_rows, 1);
        ck_assert_msg(least ? rh_cell_equal(least, &got.cells[0]) : rh_cell_is_null(&got.cells[0]),
                      "least of column %u", c);
        ck_assert_msg(greatest ? rh_cell_equal(greatest, &got.cells[1])
                               : rh_cell_is_null(&got.cells[1]),
                      "greatest of column %u", c);
        rh_arena_free(got.arena);
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(least_and_greatest)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        least_and_greatest_in(flavour);
}
END_TEST

START_TEST(sums_are_exact)
{
    struct session s;
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_SUM, .column = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_AVG, .column = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_SUM, .column = 2, .type = RH_TYPE_FLOAT},
        {.function = RH_AGG_SUM, .column = 1, .distinct = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_AVG, .column = 2, .type = RH_TYPE_FLOAT}};
    const struct rh_group group = {.column = 0};
    struct rh_value limits[] = {rh_kit_text(rh_text_of("9223372036854775808")),
                                rh_kit_text(rh_text_of("0.333334"))};
    struct query *q = NULL;
    const uint32_t having[] = {0};

    start(&s);
    sql(&s, "CREATE TABLE t (g INT, i INT, f REAL)");
    sql(&s, "INSERT INTO t VALUES (1, 9223372036854775807, 0.5), (1, 9223372036854775807, 0.25), "
            "(2, 1, 1.5), (2, 0, NULL), (2, 0, 'x'), (3, NULL, NULL), (4, -1, 1), (4, -1, 1), (4, "
            "0, 1)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.groups = &group;
    q->abi.n_groups = 1;
    q->abi.aggregates = aggregates;
    q->abi.n_aggregates = 5;
    q->order[0] = (struct rh_order){.column = 1, .flags = RH_ORDER_DESC | RH_ORDER_NULLS_FIRST};
    q->abi.n_order = 1;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.n_order, 1);
    assert_query(&s, q,
                 "int:3|null|null|null|null|null\n"
                 "int:1|decimal:18446744073709551614|decimal:9223372036854775807.000000|float:0.75|"
                 "decimal:9223372036854775807|float:0.375\n"
                 "int:2|decimal:1|decimal:0.333333|float:1.5|decimal:1|float:1.5\n"
                 "int:4|decimal:-2|decimal:-0.666667|float:3|decimal:-1|float:1\n");
    limits[0].type = limits[1].type = RH_TYPE_DECIMAL;
    for (uint32_t i = 0; i < 2; i++) {
        where(q, RH_OP_LT | (i ? 0 : RH_OP_NOT), i + 1, &limits[i], 1);
        q->abi.n_conjuncts = 0;
    }
    q->abi.having = having;
    q->abi.n_having = 1;
    q->abi.n_order = 0;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    q->abi.n_aggregates = 1;
    assert_query(&s, q, "int:1|decimal:18446744073709551614\nint:3|null\n");
    stop(&s);
}
END_TEST

static struct rh_value decimal_of(const char *text)
{
    struct rh_value value = rh_kit_text(rh_text_of(text));

    value.type = RH_TYPE_DECIMAL;
    return value;
}

START_TEST(decimal_sums_are_exact)
{
    struct session s;
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_SUM, .column = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_AVG, .column = 1, .type = RH_TYPE_DECIMAL}};
    const struct rh_group group = {.column = 0};
    struct rh_value limit = rh_kit_text(rh_text_of("0.3"));
    const uint32_t having[] = {0};
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (g INT, d DECIMAL(10,2))");
    sql(&s, "INSERT INTO t VALUES (1, 0.1), (1, 0.2), (2, 1e300), (2, 1), (2, 1e-10), (2, -1e300), "
            "(3, -0.05), (3, 0), (3, -1), (4, NULL), (5, 'x'), (6, -5), (6, 5), (7, "
            "9223372036854775807), (7, 9223372036854775807), (8, -0.0000005), (9, 0.1), (9, 0.7), "
            "(9, 0.7), (9, 'inf'), (9, 9e999)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.groups = &group;
    q->abi.n_groups = 1;
    q->abi.aggregates = aggregates;
    q->abi.n_aggregates = 2;
    q->order[0] = (struct rh_order){.column = 1};
    q->order[1] = (struct rh_order){.column = 0};
    q->abi.n_order = 2;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(q->plan.n_order, 2);
    assert_query(&s, q,
                 "int:3|decimal:-1.05|decimal:-0.350000\n"
                 "int:8|decimal:-0.0000005|decimal:-0.000001\n"
                 "int:6|decimal:0|decimal:0.000000\n"
                 "int:1|decimal:0.3|decimal:0.150000\n"
                 "int:2|decimal:1.0000000001|decimal:0.250000\n"
                 "int:9|decimal:1.5|decimal:0.500000\n"
                 "int:7|decimal:18446744073709551614|decimal:9223372036854775807.000000\n"
                 "int:4|null|null\nint:5|null|null\n");
    limit.type = RH_TYPE_DECIMAL;
    where(q, RH_OP_LTE, 1, &limit, 1);
    q->abi.n_conjuncts = 0;
    q->abi.having = having;
    q->abi.n_having = 1;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    q->abi.n_aggregates = 1;
    assert_query(&s, q,
                 "int:3|decimal:-1.05\nint:8|decimal:-0.0000005\nint:6|decimal:0\n"
                 "int:1|decimal:0.3\n");
    /* A list that is bound as one. */
    struct rh_value sums[20];
    for (uint32_t i = 0; i < COUNT(sums); i++)
        sums[i] = decimal_of(i == 19 ? "1.5" : "18446744073709551614.0");
    q->abi.n_nodes = 0;
    where(q, RH_OP_IN, 1, sums, COUNT(sums));
    q->abi.n_conjuncts = 0;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    assert_query(&s, q, "int:9|decimal:1.5\nint:7|decimal:18446744073709551614\n");
    stop(&s);
}
END_TEST

START_TEST(buckets)
{
    struct session s;
    const struct rh_group groups[] = {{.column = 0, .bucket = RH_BUCKET_MONTH},
                                      {.column = 1, .bucket = RH_BUCKET_YEAR}};
    const struct rh_aggregate count = {
        .function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT};
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (d DATE, ts TIMESTAMPTZ)");
    sql(&s, "INSERT INTO t VALUES ('2024-02-29', '2024-12-31T23:30:00-01:00'), ('2024-02-01', "
            "'2025-06-01T00:00:00Z'), ('soon', NULL)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.groups = groups;
    q->abi.n_groups = 2;
    q->abi.aggregates = &count;
    q->abi.n_aggregates = 1;
    q->order[0] = (struct rh_order){.column = 0};
    q->abi.n_order = 1;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    assert_query(&s, q,
                 "text:soon|null|int:1\n"
                 "date:19754|ts:1735689600000000|int:2\n");
    stop(&s);
}
END_TEST

START_TEST(semijoins)
{
    struct session s;
    static const uint32_t outer[] = {0}, inner[] = {1}, conjuncts[] = {1};
    const struct rh_value value = rh_kit_int(5);
    struct rh_semijoin join = {
        .outer = outer, .inner = inner, .n_pairs = 1, .conjuncts = conjuncts, .n_conjuncts = 1};
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE p (id INTEGER PRIMARY KEY)");
    sql(&s, "CREATE TABLE c (n INT, p INT)");
    sql(&s, "INSERT INTO p VALUES (1), (2), (3)");
    sql(&s, "INSERT INTO c VALUES (5, 1), (6, 2), (NULL, 3), (5, NULL)");
    introspect(&s);
    const struct rh_table *c = table_of(&s, "c");
    join.table = c->name;
    join.columns = c->columns;
    join.n_columns = c->n_columns;
    join.column_stride = c->column_stride;
    for (uint32_t negated = 0; negated < 2; negated++) {
        q = query_of(table_of(&s, "p"));
        q->abi.semijoins = &join;
        q->abi.n_semijoins = 1;
        where(q, RH_OP_EXISTS | (negated ? RH_OP_NOT : 0), RH_NO_COLUMN, NULL, 0);
        q->nodes[0].n = 1;
        where(q, RH_OP_EQ, 0, &value, 1);
        q->abi.n_conjuncts = 1;
        plan(&s, q);
        ck_assert_uint_eq(q->verdicts[0], RH_VERDICT_EXACT);
        assert_query(&s, q, negated ? "int:2\nint:3\n" : "int:1\n");
    }
    stop(&s);
}
END_TEST

/* Rows of p for which c has one with equal k, by the host's comparison; keys of all kinds. */
static void semijoin_on(const char *type)
{
    static const uint32_t pairs[] = {0};
    struct session s;
    struct rh_semijoin join = {.outer = pairs, .inner = pairs, .n_pairs = 1};
    char text[512];

    start(&s);
    for (uint32_t t = 0; t < 2; t++) {
        snprintf(text, sizeof text, "CREATE TABLE %s (k %s)", t ? "c" : "p", type);
        sql(&s, text);
        for (uint32_t i = t; i < COUNT(awkward_values); i += 1 + t) {
            snprintf(text, sizeof text, "INSERT INTO %s VALUES (%s)", t ? "c" : "p",
                     awkward_values[i]);
            sql(&s, text);
        }
    }
    sql(&s, "CREATE INDEX by_k ON c (k)");
    introspect(&s);
    const struct rh_table *c = table_of(&s, "c");
    const struct rows outer = read_rows(&s, query_of(table_of(&s, "p")));
    const struct rows inner = read_rows(&s, query_of(c));
    join.table = c->name;
    join.columns = c->columns;
    join.n_columns = c->n_columns;
    join.column_stride = c->column_stride;
    for (uint32_t negated = 0; negated < 2; negated++) {
        struct query *q = query_of(table_of(&s, "p"));
        struct rh_buf expected = dump_buffer(), got = dump_buffer();
        char *string = NULL;
        q->abi.semijoins = &join;
        q->abi.n_semijoins = 1;
        where(q, RH_OP_EXISTS | (negated ? RH_OP_NOT : 0), RH_NO_COLUMN, NULL, 0);
        q->nodes[0].n = 1;
        plan(&s, q);
        ck_assert_uint_eq(q->verdicts[0], RH_VERDICT_EXACT);
        for (uint32_t r = 0; r < outer.n_rows; r++) {
            const struct rh_batch row = {.n_cols = 1, .n_rows = 1, .cells = &outer.cells[r]};
            bool found = false;
            for (uint32_t i = 0; i < inner.n_rows && !rh_cell_is_null(&outer.cells[r]); i++)
                found = found || rh_cell_equal(&outer.cells[r], &inner.cells[i]);
            if (found != negated)
                add_batch(&expected, &row);
        }
        dump_query(&s, q, &got);
        string = rh_buf_take(&expected);
        assert_dump(&got, string);
        free(string);
    }
    rh_arena_free(outer.arena);
    rh_arena_free(inner.arena);
    stop(&s);
}

START_TEST(semijoins_are_by_value)
{
    semijoin_on("UUID");
    semijoin_on("TEXT");
    semijoin_on("TEXT COLLATE NOCASE");
    semijoin_on("DATE");
    semijoin_on("TIMESTAMPTZ");
    semijoin_on("INT");
    semijoin_on("DECIMAL");
    semijoin_on("BLOB");
    semijoin_on("BOOLEAN");
}
END_TEST

/* ---- values ---- */

START_TEST(cells_as_they_are_stored)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (d DECIMAL(10,2), j JSON, day DATE, dt DATETIME, ts TIMESTAMPTZ, at "
            "TIME, u UUID, x)");
    sql(&s, "INSERT INTO t VALUES (1.5, '{\"a\":1}', '2024-02-29', '2024-02-29 13:05:00', "
            "'2024-02-29T00:00:00+02:00', '13:05', x'00112233445566778899aabbccddeeff', 1)");
    sql(&s, "INSERT INTO t VALUES (7, '{bad', 'soon', 5, 1.5, x'41', 'no', 'a' || char(0))");
    sql(&s,
        "INSERT INTO t VALUES ('1.005', '17', '0000-01-01', '9999-12-31T23:59:59.999999', NULL, "
        "'25:00', 'NO', x'')");
    introspect(&s);
    assert_query(
        &s, query_of(table_of(&s, "t")),
        "decimal:1.50|json:{\"a\":1}|date:19782|dt:1709211900000000|ts:1709157600000000|time:"
        "47100000000|uuid:00112233445566778899aabbccddeeff|int:1\n"
        "decimal:7.00|text:{bad|text:soon|int:5|float:1.5|bytes:41|text:no|text:a~\n"
        "decimal:1.005|json:17|date:-719528|dt:253402300799999999|null|text:25:00|text:NO|bytes:"
        "\n");
    stop(&s);
}
END_TEST

/* One row into columns first … of table t. */
static int insert_cells(struct session *s, uint32_t first, const struct rh_value *cells, uint32_t n)
{
    const struct rh_table *table = table_of(s, "t");
    const struct rh_write_spec spec = {.struct_size = sizeof spec,
                                       .table = table->name,
                                       .columns = table->columns + first,
                                       .n_columns = n,
                                       .column_stride = table->column_stride,
                                       .n_rows = 1,
                                       .cells = cells};

    return connector->write->insert(s->conn, op_of(s), &spec, &s->result, &s->error);
}

START_TEST(values_come_back)
{
    static const unsigned char uuid[16] = {0,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                           0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct rh_value json = rh_kit_text(rh_text_of("[1]"));
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (b BOOLEAN, i INT, f REAL, d DECIMAL(10,2), t TEXT, y BLOB, day DATE, "
            "at TIME, dt DATETIME, ts TIMESTAMPTZ, u UUID, j JSON)");
    introspect(&s);
    json.type = RH_TYPE_JSON;
    const struct rh_value cells[] = {
        {.type = RH_TYPE_BOOL, .as.i = 1},
        rh_kit_int(INT64_MIN),
        {.type = RH_TYPE_FLOAT, .as.f = -0.1},
        decimal_of("12345678901234.55"),
        {.type = RH_TYPE_TEXT, .len = 3, .as.data = "a\0b"},
        {.type = RH_TYPE_BYTES, .len = 2, .as.data = "\0\xff"},
        {.type = RH_TYPE_DATE, .as.i = -719528},
        {.type = RH_TYPE_TIME, .as.i = 86400000000},
        {.type = RH_TYPE_DATETIME, .as.i = -1},
        {.type = RH_TYPE_TIMESTAMP, .as.i = 1709157600000001},
        {.type = RH_TYPE_UUID, .len = 16, .as.data = uuid},
        json,
    };
    const struct rh_value empty[] = {{.type = RH_TYPE_TEXT, .len = 0, .as.data = ""},
                                     {.type = RH_TYPE_BYTES, .len = 0, .as.data = NULL}};
    ck_assert_msg(insert_cells(&s, 0, cells, COUNT(cells)) == RH_OK, "%s", s.error.message);
    assert_query(
        &s, query_of(table_of(&s, "t")),
        "bool:1|int:-9223372036854775808|float:-0.10000000000000001|decimal:12345678901234."
        "55|text:a~b|bytes:00ff|date:-719528|time:86400000000|dt:-1|ts:1709157600000001|"
        "uuid:00112233445566778899aabbccddeeff|json:[1]\n");
    assert_sql(&s, "SELECT typeof(d), dt, ts, u FROM t",
               "text:real|dt:-1|ts:1709157600000001|uuid:00112233445566778899aabbccddeeff\n");
    assert_sql(&s, "SELECT '' || day, '' || at, '' || dt, '' || ts, '' || u FROM t",
               "text:0000-01-01|text:24:00:00|text:1969-12-31 23:59:59.999999|text:2024-02-28 "
               "22:00:00.000001Z|text:00112233-4455-6677-8899-aabbccddeeff\n");
    sql(&s, "DELETE FROM t");
    ck_assert_int_eq(insert_cells(&s, 4, empty, 2), RH_OK);
    assert_sql(&s, "SELECT t, y FROM t", "text:|bytes:\n");
    stop(&s);
}
END_TEST

START_TEST(text_that_is_not_utf8)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (x TEXT, j JSON, d DATE)");
    sql(&s, "INSERT INTO t VALUES (CAST(x'61ff' AS TEXT), CAST(x'22ff22' AS TEXT), "
            "CAST(x'c0af' AS TEXT)), (CAST(x'c3a9' AS TEXT), NULL, NULL)");
    introspect(&s);
    assert_query(&s, query_of(table_of(&s, "t")),
                 "text:a\xff|bytes:22ff22|text:\xc0\xaf\ntext:\xc3\xa9|null|null\n");
    assert_sql(&s, "SELECT CAST(x'ff' AS TEXT)", "bytes:ff\n");
    assert_sql(&s, "SELECT x FROM t", "bytes:61ff\ntext:\xc3\xa9\n");
    stop(&s);
}
END_TEST

static struct rh_value json_of(const char *text)
{
    struct rh_value value = rh_kit_text(rh_text_of(text));
    value.type = RH_TYPE_JSON;
    return value;
}

START_TEST(numbers_in_json)
{
    static const char *const kept[] = {
        "7", "-1.5", " 1e2 ", "9223372036854775807", "\"1e999\"", "[12345678901234567890]"};
    static const char *const lost[] = {"12345678901234567890", " -12345678901234567890 ",
                                       "0.12345678901234567890", "1e999"};
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (j JSON, k JSON TEXT)");
    introspect(&s);
    for (uint32_t i = 0; i < COUNT(kept); i++) {
        const struct rh_value value = json_of(kept[i]);
        ck_assert_msg(insert_cells(&s, 0, &value, 1) == RH_OK, "%s", kept[i]);
    }
    for (uint32_t i = 0; i < COUNT(lost); i++) {
        const struct rh_value value = json_of(lost[i]);
        ck_assert_msg(insert_cells(&s, 0, &value, 1) == RH_DATA, "%s", lost[i]);
        ck_assert_str_eq(s.error.column, "j");
        ck_assert_msg(insert_cells(&s, 1, &value, 1) == RH_OK, "%s", lost[i]);
    }
    assert_query(&s, query_of(table_of(&s, "t")),
                 "json:7|null\njson:-1.5|null\njson:100|null\njson:9223372036854775807|null\n"
                 "json:\"1e999\"|null\njson:[12345678901234567890]|null\n"
                 "null|json:12345678901234567890\nnull|json: -12345678901234567890 \n"
                 "null|json:0.12345678901234567890\nnull|json:1e999\n");
    stop(&s);
}
END_TEST

START_TEST(values_that_do_not_fit)
{
    struct session s;
    const struct rh_value large = {.type = RH_TYPE_UINT, .as.u = UINT64_MAX};
    const struct rh_value nan = {.type = RH_TYPE_FLOAT, .as.f = __builtin_nan("")};
    const struct rh_value digits = decimal_of("12345678901234567890.12");
    const struct rh_value whole = decimal_of("9223372036854775807.00");
    const struct rh_value forever = {.type = RH_TYPE_DATE, .as.i = INT64_MAX};

    start(&s);
    sql(&s, "CREATE TABLE t (i INT, f REAL, d DECIMAL(30,2), day DATE)");
    introspect(&s);
    ck_assert_int_eq(insert_cells(&s, 0, &large, 1), RH_DATA);
    ck_assert_str_eq(s.error.column, "i");
    ck_assert_uint_eq(s.error.row, 0);
    ck_assert_int_eq(insert_cells(&s, 1, &nan, 1), RH_DATA);
    ck_assert_int_eq(insert_cells(&s, 2, &digits, 1), RH_DATA);
    ck_assert_int_eq(insert_cells(&s, 3, &forever, 1), RH_DATA);
    ck_assert_int_eq(insert_cells(&s, 2, &whole, 1), RH_OK);
    assert_query(&s, query_of(table_of(&s, "t")),
                 "null|null|decimal:9223372036854775807.00|null\n");
    stop(&s);
}
END_TEST

/* ---- writing ---- */

#define MISSING                                                                                    \
    {                                                                                              \
        .type = RH_TYPE_MISSING                                                                    \
    }

static struct rh_write_spec spec_of(const struct rh_table *table, const struct rh_value *cells,
                                    uint64_t n_rows, const uint32_t *key, uint32_t n_key)
{
    return (struct rh_write_spec){.struct_size = sizeof(struct rh_write_spec),
                                  .table = table->name,
                                  .columns = table->columns,
                                  .n_columns = table->n_columns,
                                  .column_stride = table->column_stride,
                                  .key = key,
                                  .n_key = n_key,
                                  .n_rows = n_rows,
                                  .cells = cells,
                                  .returning = table->columns,
                                  .n_returning = table->n_columns,
                                  .returning_stride = table->column_stride};
}

static int do_write(struct session *s, rh_write_fn *write, const struct rh_write_spec *spec)
{
    return write(s->conn, op_of(s), spec, &s->result, &s->error);
}

static void assert_written(struct session *s, uint64_t n_affected, const char *returned)
{
    struct rh_buf buf = dump_buffer();

    ck_assert_msg(s->error.error_class == RH_OK, "%s", s->error.message);
    ck_assert_uint_eq(s->result.n_affected, n_affected);
    add_batch(&buf, &s->result.returned);
    assert_dump(&buf, returned);
}

START_TEST(inserting)
{
    struct session s;
    const struct rh_value rows[] = {
        MISSING,
        rh_kit_text(rh_text_of("a")),
        rh_kit_int(1),
        rh_kit_int(7),
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        rh_kit_text(rh_text_of("b")),
        rh_kit_null(),
    };
    const struct rh_value clash[] = {rh_kit_int(100), rh_kit_text(rh_text_of("x")), rh_kit_int(5),
                                     rh_kit_int(7),   rh_kit_text(rh_text_of("y")), rh_kit_int(6)};

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'none', n INT UNIQUE)");
    introspect(&s);
    const struct rh_table *t = table_of(&s, "t");
    struct rh_write_spec spec = spec_of(t, rows, 4, NULL, 0);
    do_write(&s, connector->write->insert, &spec);
    assert_written(&s, 4,
                   "int:1|text:a|int:1\nint:7|text:none|null\nint:8|text:none|null\nint:9|text:b|"
                   "null\n");
    spec = spec_of(t, clash, 2, NULL, 0);
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_str_eq(s.error.column, "id");
    ck_assert_uint_eq(s.error.row, 1);
    assert_sql(&s, "SELECT count(*) FROM t", "int:4\n"); /* all or nothing */
    spec.n_rows = 0;
    do_write(&s, connector->write->insert, &spec);
    assert_written(&s, 0, "");
    stop(&s);
}
END_TEST

START_TEST(upserting)
{
    struct session s;
    static const uint32_t by_id[] = {0}, all[] = {0, 1, 2};
    const struct rh_value rows[] = {rh_kit_int(1), rh_kit_text(rh_text_of("new")), MISSING,
                                    rh_kit_int(2), rh_kit_text(rh_text_of("two")), rh_kit_int(2)};
    struct rh_write_spec spec;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INT)");
    sql(&s, "INSERT INTO t VALUES (1, 'old', 10)");
    introspect(&s);
    spec = spec_of(table_of(&s, "t"), rows, 2, by_id, 1);
    spec.resolve = RH_RESOLVE_IGNORE;
    do_write(&s, connector->write->upsert, &spec);
    assert_written(&s, 1, "int:2|text:two|int:2\n");
    spec.resolve = RH_RESOLVE_MERGE;
    do_write(&s, connector->write->upsert, &spec);
    assert_written(&s, 2, "int:1|text:new|int:10\nint:2|text:two|int:2\n");
    spec.key = all; /* no such unique key */
    spec.n_key = 3;
    ck_assert_int_eq(do_write(&s, connector->write->upsert, &spec), RH_INVALID);
    spec.n_key = 0;
    ck_assert_int_eq(do_write(&s, connector->write->upsert, &spec), RH_INVALID);
    stop(&s);
}
END_TEST

START_TEST(updating_and_deleting)
{
    struct session s;
    static const uint32_t by_id[] = {0}, by_name[] = {1};
    const struct rh_value rows[] = {rh_kit_int(1),
                                    rh_kit_text(rh_text_of("x")),
                                    MISSING,
                                    rh_kit_int(9),
                                    rh_kit_text(rh_text_of("y")),
                                    rh_kit_int(0),
                                    rh_kit_int(3),
                                    MISSING,
                                    rh_kit_int(33)};
    const struct rh_value set[] = {MISSING, MISSING, rh_kit_int(-1)};
    const struct rh_value name = rh_kit_text(rh_text_of("same"));
    struct rh_write_spec spec;
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INT)");
    sql(&s, "INSERT INTO t VALUES (1, 'a', 1), (2, 'same', 2), (3, 'same', 3)");
    introspect(&s);
    const struct rh_table *t = table_of(&s, "t");
    spec = spec_of(t, rows, 3, by_id, 1);
    do_write(&s, connector->write->update, &spec);
    assert_written(&s, 2, "int:1|text:x|int:1\nint:3|text:same|int:33\n");

    const struct rh_value ambiguous[] = {MISSING, name, rh_kit_int(0)};
    spec = spec_of(t, ambiguous, 1, by_name, 1);
    ck_assert_int_eq(do_write(&s, connector->write->update, &spec), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    assert_sql(&s, "SELECT sum(n) FROM t", "int:36\n");
    ck_assert_int_eq(do_write(&s, connector->write->remove, &spec), RH_CONSTRAINT);
    assert_sql(&s, "SELECT count(*) FROM t", "int:3\n");

    q = query_of(t);
    where(q, RH_OP_EQ, 1, &name, 1);
    spec = spec_of(t, set, 1, NULL, 0);
    spec.where = &q->abi;
    do_write(&s, connector->write->update, &spec);
    assert_written(&s, 2, "int:2|text:same|int:-1\nint:3|text:same|int:-1\n");
    spec.n_columns = 0;
    spec.n_rows = 0;
    spec.cells = NULL;
    do_write(&s, connector->write->remove, &spec);
    assert_written(&s, 2, "int:2|text:same|int:-1\nint:3|text:same|int:-1\n");
    spec.where = NULL;
    ck_assert_int_eq(do_write(&s, connector->write->remove, &spec), RH_INVALID);
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");
    stop(&s);
}
END_TEST

START_TEST(constraints)
{
    static const struct {
        const char *sql;
        uint32_t constraint;
        const char *column;
    } broken[] = {
        {"INSERT INTO t (u) VALUES (1)", RH_CONSTRAINT_UNIQUE, "u"},
        {"INSERT INTO t (c) VALUES (-1)", RH_CONSTRAINT_CHECK, ""},
        {"INSERT INTO t (c, nn) VALUES (1, NULL)", RH_CONSTRAINT_NOT_NULL, "nn"},
        {"INSERT INTO t (f) VALUES (99)", RH_CONSTRAINT_FOREIGN_KEY, ""},
        {"INSERT INTO t (id) VALUES (1)", RH_CONSTRAINT_UNIQUE, "id"},
    };
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE p (id INTEGER PRIMARY KEY)");
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, u INT UNIQUE, c INT CHECK (c > 0), nn INT NOT "
            "NULL DEFAULT 1, f INT REFERENCES p)");
    sql(&s, "INSERT INTO t (id, u) VALUES (1, 1)");
    for (uint32_t i = 0; i < COUNT(broken); i++) {
        ck_assert_msg(try_sql(&s, broken[i].sql) == RH_CONSTRAINT, "%s: %s", broken[i].sql,
                      s.error.message);
        ck_assert_uint_eq(s.error.constraint, broken[i].constraint);
        ck_assert_str_eq(s.error.column, broken[i].column);
        ck_assert_int_ne(s.error.native_code, 0);
    }
    stop(&s);
}
END_TEST

/* ---- transactions ---- */

START_TEST(transactions)
{
    struct session s, other;
    const struct rh_tx *tx = NULL;

    start(&s);
    tx = connector->tx;
    ck_assert_int_eq(open_path(&other, s.path, false), RH_OK);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, f INT REFERENCES t DEFERRABLE INITIALLY "
            "DEFERRED)");
    introspect(&s);
    const struct rh_value one[] = {rh_kit_int(1), MISSING}, again[] = {rh_kit_int(2), MISSING};
    struct rh_write_spec spec = spec_of(table_of(&s, "t"), one, 1, NULL, 0);
    ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_INVALID);
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_INVALID);
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_OK);
    ck_assert_int_eq(tx->savepoint(s.conn, op_of(&s), 1, &s.error), RH_OK);
    spec.cells = again;
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_OK);
    /* A write that fails undoes itself and nothing else. */
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONSTRAINT);
    assert_sql(&s, "SELECT count(*) FROM t", "int:2\n");
    ck_assert_int_eq(tx->rollback_to(s.conn, op_of(&s), 1, &s.error), RH_OK);
    ck_assert_int_eq(tx->release(s.conn, op_of(&s), 1, &s.error), RH_OK);
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");
    /* Others neither see it nor write. */
    assert_sql(&other, "SELECT count(*) FROM t", "int:0\n");
    ck_assert_int_eq(try_sql(&other, "INSERT INTO t VALUES (5, NULL)"), RH_BUSY);
    ck_assert_uint_eq(other.error.retry, RH_RETRY_SAFE);
    ck_assert_int_eq(try_sql(&s, "COMMIT"), RH_PERMISSION);
    ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_OK);
    assert_sql(&other, "SELECT count(*) FROM t", "int:1\n");

    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    sql(&s, "INSERT INTO t VALUES (3, 77)"); /* refers to nothing */
    ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_FOREIGN_KEY);
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK); /* the last one is over */
    sql(&s, "DELETE FROM t");
    ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), RH_OK);
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");

    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), RH_TX_READ_ONLY | RH_TX_SNAPSHOT, &s.error),
                     RH_OK);
    sql(&other, "INSERT INTO t VALUES (50, NULL)");
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");
    ck_assert_int_eq(try_sql(&s, "DELETE FROM t"), RH_PERMISSION);
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_PERMISSION);
    ck_assert_int_eq(connector->reset(s.conn, op_of(&s), &s.error), RH_OK);
    assert_sql(&s, "SELECT count(*) FROM t", "int:2\n");
    sql(&s, "DELETE FROM t");
    stop(&other);
    stop(&s);
}
END_TEST

START_TEST(transactions_that_sqlite_ends)
{
    struct session s;
    const struct rh_tx *tx = NULL;
    const struct rh_value row[] = {rh_kit_int(9)};

    start(&s);
    tx = connector->tx;
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    introspect(&s);
    struct rh_write_spec spec = spec_of(table_of(&s, "t"), row, 1, NULL, 0);
    for (uint32_t round = 0; round < 2; round++) {
        ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
        sql(&s, "INSERT INTO t VALUES (1)");
        ck_assert_int_eq(try_sql(&s, "INSERT OR ROLLBACK INTO t VALUES (1)"), RH_CONSTRAINT);
        /* Nothing of what follows may happen outside of the transaction. */
        ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONFLICT);
        ck_assert_int_eq(try_sql(&s, "INSERT INTO t VALUES (2)"), RH_CONFLICT);
        ck_assert_int_eq(tx->savepoint(s.conn, op_of(&s), 1, &s.error), RH_CONFLICT);
        if (round == 0)
            ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_CONFLICT);
        else
            ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), RH_OK);
        assert_sql(&s, "SELECT count(*) FROM t", "int:0\n");
    }
    stop(&s);
}
END_TEST

/* A write that is interrupted ends the whole transaction: what follows must not commit by itself. */
START_TEST(transactions_that_a_timeout_ends)
{
    struct session s;
    const struct rh_tx *tx = NULL;
    struct rh_native_result result = {.struct_size = sizeof result};
    const struct rh_value row[] = {rh_kit_int(9)};
    const struct rh_native_spec endless_write = {
        .struct_size = sizeof endless_write,
        .text = rh_text_of("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 "
                           "FROM n) SELECT i FROM n")};

    start(&s);
    tx = connector->tx;
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    introspect(&s);
    struct rh_write_spec spec = spec_of(table_of(&s, "t"), row, 1, NULL, 0);
    const struct rh_table *table = table_of(&s, "t");
    const struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = table};
    struct rh_text native = {NULL, 0};
    for (uint32_t round = 0; round < 2; round++) {
        ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
        sql(&s, "INSERT INTO t VALUES (1)");
        op_of(&s)->deadline_us = rh_clock_us() + 50000;
        ck_assert_int_eq(connector->native->run(s.conn, &s.op, &endless_write, &result, &s.error),
                         RH_TIMEOUT);
        ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONFLICT);
        ck_assert_int_eq(try_sql(&s, "INSERT INTO t VALUES (2)"), RH_CONFLICT);
        ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), &change, 1, sizeof change, 0,
                                               &native, &s.error),
                         RH_CONFLICT);
        ck_assert_int_eq(tx->rollback_to(s.conn, op_of(&s), 1, &s.error), RH_CONFLICT);
        if (round == 0)
            ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_CONFLICT);
        else
            ck_assert_int_eq(connector->reset(s.conn, op_of(&s), &s.error), RH_OK);
        assert_sql(&s, "SELECT count(*) FROM t", "int:0\n");
    }
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), RH_OK);
    stop(&s);
}
END_TEST

START_TEST(native_writes_are_over_when_answered)
{
    struct session s;
    struct rh_native_result result;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, f INT REFERENCES t DEFERRABLE INITIALLY "
            "DEFERRED)");
    ck_assert_int_eq(
        run_with(&s, "INSERT INTO t VALUES (1, 77), (2, NULL) RETURNING id", NULL, 0, &result),
        RH_CONSTRAINT);
    assert_sql(&s, "SELECT count(*) FROM t", "int:0\n");
    ck_assert_int_eq(
        run_with(&s, "INSERT INTO t VALUES (1, 1), (2, 1) RETURNING id", NULL, 0, &result), RH_OK);
    ck_assert_uint_eq(result.n_affected, 2);
    connector->finish(result.cursor); /* unread */
    assert_sql(&s, "SELECT count(*) FROM t", "int:2\n");
    s.op.memory_budget = 100;
    ck_assert_int_eq(
        run_with(&s, "UPDATE t SET f = NULL RETURNING printf('%.100c', 'x')", NULL, 0, &result),
        RH_RESOURCE);
    assert_sql(&s, "SELECT count(f) FROM t", "int:2\n");
    stop(&s);
}
END_TEST

/* ---- native ---- */

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

/* ---- tables made ---- */

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

/* ---- time ---- */

static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                              "SELECT count(*) FROM n";

static void *cancel_soon(void *context)
{
    const struct session *s = context;

    usleep(50000);
    connector->cancel(s->conn);
    return NULL;
}

static void *fire_soon(void *context)
{
    const uint64_t one = 1;

    usleep(50000);
    ck_assert_int_eq(write(*(int *)context, &one, sizeof one), sizeof one);
    return NULL;
}

START_TEST(ending_in_time)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(endless)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct session s;
    pthread_t thread;
    uint64_t before;

    start(&s);
    op_of(&s)->deadline_us = rh_clock_us() + 50000;
    before = rh_clock_us();
    ck_assert_int_eq(connector->native->run(s.conn, &s.op, &spec, &result, &s.error), RH_TIMEOUT);
    ck_assert_uint_lt(rh_clock_us() - before, 5000000);

    op_of(&s);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &s), 0);
    ck_assert_int_eq(connector->native->run(s.conn, &s.op, &spec, &result, &s.error), RH_CANCELLED);
    pthread_join(thread, NULL);

    connector->cancel(s.conn); /* nothing runs: no effect */
    assert_sql(&s, "SELECT 1", "int:1\n");

    op_of(&s)->cancel_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_eq(pthread_create(&thread, NULL, fire_soon, &s.op.cancel_fd), 0);
    ck_assert_int_eq(connector->native->run(s.conn, &s.op, &spec, &result, &s.error), RH_CANCELLED);
    pthread_join(thread, NULL);
    rh_error_clear(&s.error);
    ck_assert_int_eq(connector->ping(s.conn, &s.op, &s.error), RH_CANCELLED); /* it stays so */
    close(s.op.cancel_fd);
    s.op.cancel_fd = -1;
    op_of(&s)->deadline_us = rh_clock_us() - 1;
    ck_assert_int_eq(connector->ping(s.conn, &s.op, &s.error), RH_TIMEOUT);
    stop(&s);
}
END_TEST

static uint64_t frozen_us = 1000;

static uint64_t frozen_now(const struct rh_host *from)
{
    return frozen_us;
}

/* Looking at the cancel fd costs a system call, so frequent checks look now and then only. */
START_TEST(the_cancel_fd_is_seen_in_time)
{
    const struct rh_host frozen = {.struct_size = sizeof frozen, .now_us = frozen_now};
    struct rh_op op = {.struct_size = sizeof op, .deadline_us = UINT64_MAX};
    const uint64_t one = 1;
    uint32_t n_seen = 0;

    op.cancel_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_ge(op.cancel_fd, 0);
    ck_assert_int_eq(write(op.cancel_fd, &one, sizeof one), sizeof one);
    for (uint32_t i = 0; i < 100; i++)
        n_seen += rh_kit_check(&frozen, &op, NULL) == RH_CANCELLED;
    ck_assert_uint_ge(n_seen, 1);
    ck_assert_uint_le(n_seen, 10);
    frozen_us += 10000;
    ck_assert_int_eq(rh_kit_check(&frozen, &op, NULL), RH_CANCELLED);
    close(op.cancel_fd);
}
END_TEST

START_TEST(waiting_for_a_lock_ends_in_time)
{
    struct session s, other;

    start(&s);
    ck_assert_int_eq(open_path(&other, s.path, false), RH_OK);
    sql(&s, "CREATE TABLE t (x)");
    ck_assert_int_eq(connector->tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    op_of(&other)->deadline_us = rh_clock_us() + 50000;
    ck_assert_int_eq(connector->tx->begin(other.conn, &other.op, 0, &other.error), RH_TIMEOUT);
    ck_assert_int_eq(connector->tx->begin(other.conn, op_of(&other), 0, &other.error), RH_BUSY);
    stop(&other);
    stop(&s);
}
END_TEST

/* ---- cursors ---- */

START_TEST(cursors)
{
    struct session s;
    struct rh_cursor *cursor = NULL, *second = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t n = 0;

    start(&s);
    sql(&s, "CREATE TABLE t (x INTEGER PRIMARY KEY, pad TEXT)");
    sql(&s,
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        "10000) SELECT i, printf('%0100d', i) FROM n");
    sql(&s, "INSERT INTO t VALUES (20000, printf('%.*c', 4000000, 'x'))");
    introspect(&s);
    cursor = open_query(&s, query_of(table_of(&s, "t")));
    ck_assert_int_eq(
        connector->open(s.conn, op_of(&s), &query_of(table_of(&s, "t"))->abi, &second, &s.error),
        RH_INVALID);
    rh_error_clear(&s.error);
    while (connector->next(cursor, &s.op, 1000000, &batch, &s.error) == RH_OK) {
        ck_assert_uint_le(batch.n_rows, 3000); /* bounded memory */
        for (uint64_t r = 0; r < batch.n_rows; r++) {
            const struct rh_value *cells = &batch.cells[r * 2];
            ck_assert_int_eq(cells[0].as.i, ++n <= 10000 ? (int64_t)n : 20000);
            ck_assert_uint_eq(cells[1].len, n <= 10000 ? 100 : 4000000);
        }
    }
    ck_assert_uint_eq(n, 10001);
    connector->finish(cursor);
    /* Ended early: the connection is free for the next. */
    cursor = open_query(&s, query_of(table_of(&s, "t")));
    ck_assert_int_eq(connector->next(cursor, &s.op, 1, &batch, &s.error), RH_OK);
    connector->finish(cursor);
    sql(&s, "DROP TABLE t");
    /* Closing ends what is open. */
    sql(&s, "CREATE TABLE t (x INT)");
    introspect(&s);
    open_query(&s, query_of(table_of(&s, "t")));
    stop(&s);
}
END_TEST

START_TEST(no_columns)
{
    struct session s;
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct query *q = NULL;
    struct rh_cursor *cursor = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (x)");
    sql(&s, "INSERT INTO t VALUES (1), (2)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.n_select = 0;
    cursor = open_query(&s, q);
    ck_assert_int_eq(connector->next(cursor, &s.op, 100, &batch, &s.error), RH_OK);
    ck_assert_uint_eq(batch.n_rows, 2);
    ck_assert_uint_eq(batch.n_cols, 0);
    ck_assert_int_eq(connector->next(cursor, &s.op, 100, &batch, &s.error), RH_END);
    connector->finish(cursor);
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite", settings, url_of_a_file, uri_names_are_files, not_a_database, read_only_files,
           declared_types, keys_and_indexes, names_that_are_none, statistics,
           predicates_mean_what_the_host_means, lists_of_all_lengths, random_trees,
           literals_that_sqlite_cannot_say, order_and_pages, natural_order, indexes_are_used,
           groups_are_by_value, least_and_greatest, sums_are_exact, decimal_sums_are_exact, buckets,
           semijoins, semijoins_are_by_value, cells_as_they_are_stored, values_come_back,
           text_that_is_not_utf8, numbers_in_json, values_that_do_not_fit, inserting, upserting,
           updating_and_deleting, constraints, transactions, transactions_that_sqlite_ends,
           transactions_that_a_timeout_ends, native_writes_are_over_when_answered,
           native_statements, native_limits, making_tables, ending_in_time,
           the_cancel_fd_is_seen_in_time, waiting_for_a_lock_ends_in_time, cursors, no_columns)
