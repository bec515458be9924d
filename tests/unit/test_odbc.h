/*
 * The ODBC connector against a real database, through that database's own driver. Each program
 * test_odbc_<driver>.c describes its target and runs the tests of this file on it.
 *
 * The driver manager's files are made in a temporary folder (ODBCSYSINI, ODBCINI), so nothing of
 * the machine's own is read.
 */
#pragma once

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/library.h"
#include "host/op.h"

#include <rowhouse/connector.h>

#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000)
#define AMPLE (60 * SECOND)

/* A column of the types table, and its two rows of values as SQL literals. */
struct type_case {
    const char *name, *type, *first, *second;
    uint32_t rh_type;
    struct rh_value first_cell, second_cell;
};

struct target {
    const char *name;    /* of the driver in odbcinst.ini */
    const char *library; /* as Debian installs it */
    const char *dialect;
    const char *slow;       /* a SELECT that takes long; NULL: none */
    const char *slow_shown; /* SELECT of 1 while that runs, from another session; NULL: none */
    const char *bool_type, *text_type, *double_type, *identity; /* of columns */
    const struct type_case *types;
    uint32_t n_types;
    bool returns_nothing;
    bool empty_is_null; /* '' */
    bool has_schemas, has_returning, tx_ddl, text_is_exact;
    bool dynamic;      /* cells have types of their own */
    bool own_decimals; /* decimals are compared exactly */
};

/* Set by the program: the target, and what the connection string says besides DRIVER. */
static const struct target *target;
static char base_string[1024];
static const char *encoding = "auto", *forced_dialect = "auto";

static struct rh_library *library;
static const struct rh_connector *odbc;
static struct rh_arena *arena;
static struct rh_operation operation;
static const struct rh_op *op;
static struct rh_error error;
static struct rh_conn *conn;

/* ---- helpers ---- */

#define ok(call)                                                                                   \
    do {                                                                                           \
        int ok_rc = (call);                                                                        \
        ck_assert_msg(ok_rc == RH_OK, "%s: %s [%s] %s", #call, rh_error_class_name(ok_rc),         \
                      error.sqlstate, error.message);                                              \
    } while (0)

#define fails(call, expected)                                                                      \
    do {                                                                                           \
        rh_error_clear(&error);                                                                    \
        int fails_rc = (call);                                                                     \
        ck_assert_msg(fails_rc == (expected), "%s: %s instead of %s: [%s] %s", #call,              \
                      rh_error_class_name(fails_rc), rh_error_class_name(expected),                \
                      error.sqlstate, error.message);                                              \
    } while (0)

static struct rh_value text_value(const char *text)
{
    return (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)strlen(text), .as.data = text};
}

static struct rh_value int_value(int64_t i)
{
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}

static struct rh_value null_value(void)
{
    return (struct rh_value){.type = RH_TYPE_NULL};
}

static struct rh_value missing_value(void)
{
    return (struct rh_value){.type = RH_TYPE_MISSING};
}

static void fresh(uint64_t us)
{
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + us);
    op = &operation.abi;
    rh_error_clear(&error);
}

static __attribute__((unused)) int connect_with(const char *string, const char *user,
                                                const char *password, struct rh_conn **ret_conn)
{
    struct rh_setting items[6] = {
        {RH_TEXT_INIT("connection_string"), text_value(string)},
        {RH_TEXT_INIT("dialect"), text_value(forced_dialect)},
        {RH_TEXT_INIT("encoding"), text_value(encoding)},
        {RH_TEXT_INIT("driver"), text_value(target->name)},
    };
    struct rh_settings settings = {
        .struct_size = sizeof settings, .n = 4, .items = items, .stride = sizeof *items};

    if (user)
        items[settings.n++] = (struct rh_setting){RH_TEXT_INIT("user"), text_value(user)};
    if (password)
        items[settings.n++] = (struct rh_setting){RH_TEXT_INIT("password"), text_value(password)};
    return odbc->connect(rh_host_services(), op, &settings, ret_conn, &error);
}

static struct rh_conn *connect_again(void)
{
    struct rh_conn *made = NULL;

    ok(connect_with(base_string, NULL, NULL, &made));
    return made;
}

/* Called around the connection that each test begins with, when they are set. */
static void (*before_setup)(void), (*after_setup)(void);

static void setup(void)
{
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/odbc.so", folder ? folder : "plugins");
    if (before_setup)
        before_setup();
    arena = rh_arena_new(1u << 30);
    rh_error_clear(&error);
    error.struct_size = sizeof error;
    ok(rh_library_load(path, &library, &error));
    odbc = &library->connector;
    fresh(AMPLE);
    conn = connect_again();
    if (after_setup)
        after_setup();
}

static void teardown(void)
{
    odbc->close(conn);
    rh_arena_free(arena);
    rh_library_free(library);
}

static int try_sql(struct rh_conn *on, const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = odbc->native->run(on, op, &spec, &result, &error);

    if (!rc && result.cursor) {
        rc = odbc->next(result.cursor, op, 1, &batch, &error);
        rc = rc == RH_END ? RH_OK : rc;
        odbc->finish(result.cursor);
    }
    return rc;
}

static void sql(const char *text)
{
    ok(try_sql(conn, text));
}

static int64_t sql_int_on(struct rh_conn *on, const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t value = 0;

    ok(odbc->native->run(on, op, &spec, &result, &error));
    ck_assert_ptr_nonnull(result.cursor);
    ok(odbc->next(result.cursor, op, 1, &batch, &error));
    value = batch.cells[0].as.i;
    if (batch.cells[0].type == RH_TYPE_TEXT || batch.cells[0].type == RH_TYPE_DECIMAL) {
        ck_assert(rh_text_to_i64(rh_text_make(batch.cells[0].as.data, batch.cells[0].len), &value));
    }
    odbc->finish(result.cursor);
    return value;
}

static int64_t sql_int(const char *text)
{
    return sql_int_on(conn, text);
}

/* Tables known beforehand, where the driver cannot read the catalogue; or NULL. */
static const struct rh_table *(*known_table)(const char *name);

static const struct rh_table *find_table(const char *name)
{
    if (known_table)
        return known_table(name);
    struct rh_catalog found = {.struct_size = sizeof found};
    ok(odbc->tables(conn, op, &found, &error));
    for (uint32_t i = 0; i < found.n_tables; i++) {
        if (rh_text_is(found.tables[i].name, name))
            return &found.tables[i];
    }
    return NULL;
}

static const struct rh_table *table_named(const char *name)
{
    const struct rh_table *table = find_table(name);

    ck_assert_msg(table != NULL, "no table %s", name);
    return table;
}

static uint32_t position_of(const struct rh_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_is(table->columns[i].name, name))
            return i;
    }
    ck_abort_msg("no column %s", name);
    return 0;
}

static const struct rh_column *column_named(const struct rh_table *table, const char *name)
{
    return &table->columns[position_of(table, name)];
}

static uint32_t all_positions[64];

static struct rh_query select_all(const struct rh_table *table)
{
    for (uint32_t i = 0; i < 64; i++)
        all_positions[i] = i;
    return (struct rh_query){.struct_size = sizeof(struct rh_query),
                             .schema = table->schema,
                             .table = table->name,
                             .columns = table->columns,
                             .n_columns = table->n_columns,
                             .column_stride = table->column_stride,
                             .select = all_positions,
                             .n_select = table->n_columns,
                             .limit = RH_NO_LIMIT};
}

static void drop(const char *name)
{
    char text[256];

    (void)snprintf(text, sizeof text, "DROP TABLE %s", name);
    (void)try_sql(conn, text);
    rh_error_clear(&error);
}

static void check_same(const struct rh_value *wanted, const struct rh_value *got, const char *what)
{
    ck_assert_msg(wanted->type == got->type, "%s: type %u instead of %u (%.*s)", what, got->type,
                  wanted->type, got->type >= RH_TYPE_DECIMAL ? (int)got->len : 0,
                  (const char *)got->as.data);
    switch (wanted->type) {
    case RH_TYPE_NULL:
        return;
    case RH_TYPE_DECIMAL:
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
    case RH_TYPE_JSON:
        ck_assert_msg(wanted->len == got->len &&
                          (!got->len || !memcmp(wanted->as.data, got->as.data, got->len)),
                      "%s: \"%.*s\" instead of \"%.*s\"", what, (int)got->len,
                      (const char *)got->as.data, (int)wanted->len, (const char *)wanted->as.data);
        return;
    case RH_TYPE_FLOAT:
        ck_assert_msg(wanted->as.f == got->as.f, "%s: %.17g instead of %.17g", what, got->as.f,
                      wanted->as.f);
        return;
    default:
        ck_assert_msg(wanted->as.i == got->as.i, "%s: %lld instead of %lld", what,
                      (long long)got->as.i, (long long)wanted->as.i);
    }
}

/* ---- the catalogue ---- */

START_TEST(shows_tables_and_keys)
{
    char text[512];
    const struct rh_table *table = NULL;

    drop("odbc_child");
    drop("odbc_parent");
    (void)snprintf(text, sizeof text,
                   "CREATE TABLE odbc_parent (id INTEGER NOT NULL PRIMARY KEY, code %s NOT NULL, "
                   "UNIQUE (code))",
                   target->text_type);
    sql(text);
    sql("CREATE TABLE odbc_child (a INTEGER NOT NULL, b INTEGER NOT NULL, parent INTEGER DEFAULT 7,"
        " PRIMARY KEY (b, a), FOREIGN KEY (parent) REFERENCES odbc_parent (id))");
    table = table_named("odbc_child");
    ck_assert_uint_eq(table->n_columns, 3);
    ck_assert_uint_eq(table->n_key, 2);
    ck_assert_uint_eq(table->key[0], 1);
    ck_assert_uint_eq(table->key[1], 0);
    ck_assert_uint_eq(table->n_foreign_keys, 1);
    ck_assert(rh_text_is(table->foreign_keys[0].table, "odbc_parent"));
    ck_assert(rh_text_is(table->foreign_keys[0].ref_columns[0], "id"));
    ck_assert_uint_eq(table->foreign_keys[0].columns[0], 2);
    ck_assert(column_named(table, "a")->flags & RH_COLUMN_NOT_NULL);
    ck_assert(column_named(table, "parent")->flags & RH_COLUMN_DEFAULT);
    ck_assert(!(column_named(table, "parent")->flags & RH_COLUMN_NOT_NULL));
    table = table_named("odbc_parent");
    ck_assert_uint_eq(table->n_key, 1);
    bool unique = false;
    for (uint32_t i = 0; i < table->n_indexes; i++)
        unique = unique || ((table->indexes[i].flags & RH_INDEX_UNIQUE) &&
                            table->indexes[i].n_columns == 1 && table->indexes[i].columns[0] == 1);
    ck_assert(unique);
    drop("odbc_child");
    drop("odbc_parent");
}
END_TEST

START_TEST(takes_names_with_quotes_and_unicode)
{
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("sel`ect \"q\" ]x[ 'ü'"), .type = RH_TYPE_INT},
    };
    const uint32_t key[] = {0};
    struct rh_table made = {.struct_size = sizeof made,
                            .name = RH_TEXT_INIT("odbc ‘table’ \"x\" `y`"),
                            .columns = columns,
                            .n_columns = 2,
                            .column_stride = sizeof *columns,
                            .key = key,
                            .n_key = 1};
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = &made};
    const struct rh_value cells[] = {int_value(1), int_value(2)};
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .table = made.name,
                                 .columns = columns,
                                 .n_columns = 2,
                                 .column_stride = sizeof *columns,
                                 .n_rows = 1,
                                 .cells = cells,
                                 .returning_stride = sizeof *columns};
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_text native;

    (void)odbc->ddl->apply(conn, op, &change, 1, sizeof change, 0, &native, &error);
    rh_error_clear(&error);
    change.kind = RH_DDL_CREATE_TABLE;
    ok(odbc->ddl->apply(conn, op, &change, 1, sizeof change, 0, &native, &error));
    ok(odbc->write->insert(conn, op, &spec, &result, &error));
    const struct rh_table *table = table_named("odbc ‘table’ \"x\" `y`");
    ck_assert_uint_eq(table->n_key, 1);
    struct rh_query query = select_all(table);
    ok(odbc->open(conn, op, &query, &cursor, &error));
    ok(odbc->next(cursor, op, 10, &batch, &error));
    ck_assert_int_eq(batch.cells[1].as.i, 2);
    odbc->finish(cursor);
    change.kind = RH_DDL_DROP_TABLE;
    ok(odbc->ddl->apply(conn, op, &change, 1, sizeof change, 0, &native, &error));
    ck_assert_ptr_null(find_table("odbc ‘table’ \"x\" `y`"));
}
END_TEST

/* ---- types ---- */

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
    ok(odbc->open(conn, op, &query, &cursor, &error));
    for (unsigned row = 0; row < 3; row++) {
        ok(odbc->next(cursor, op, 1, &batch, &error));
        for (uint32_t i = 0; i < target->n_types; i++) {
            const struct type_case *item = &target->types[i];
            const struct rh_value none = null_value();
            check_same(row == 0   ? &item->first_cell
                       : row == 1 ? &item->second_cell
                                  : &none,
                       &batch.cells[position_of(table, item->name)], item->name);
        }
    }
    fails(odbc->next(cursor, op, 1, &batch, &error), RH_END);
    odbc->finish(cursor);
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
    ok(odbc->open(conn, op, &query, &cursor, &error));
    ok(odbc->next(cursor, op, 3, &batch, &error));
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
    odbc->finish(cursor);
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .schema = table->schema,
                                 .table = table->name,
                                 .columns = table->columns,
                                 .n_columns = n,
                                 .column_stride = table->column_stride,
                                 .n_rows = 3,
                                 .cells = cells,
                                 .returning_stride = sizeof(struct rh_column)};
    ok(odbc->write->insert(conn, op, &spec, &result, &error));
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
    ok(odbc->open(conn, op, &query, &cursor, &error));
    ok(odbc->next(cursor, op, 3, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 3);
    for (uint32_t i = 0; i < 3 * n; i++) {
        char what[128];
        (void)snprintf(what, sizeof what, "%.*s", RH_TEXT_ARG(table->columns[i % n].name));
        check_same(&cells[i], &batch.cells[i], what);
    }
    odbc->finish(cursor);
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
        ok(odbc->write->insert(conn, op, &spec, &result, &error));
    }
    struct rh_query query = select_all(table);
    int rc = odbc->open(conn, op, &query, &cursor, &error);
    ok(rc);
    while ((rc = odbc->next(cursor, op, 100, &batch, &error)) == RH_OK) {
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
    odbc->finish(cursor);
    drop("odbc_long");
}
END_TEST

/* ---- reading ---- */

static const char *const adversarial[] = {
    "",     "a",    "A", "a ", " a",        "b",  "B",  "ab", "aB", "a%b", "a_b",          "a\\b",
    "a[b]", "it's", "ä", "Ä",  "a\xcc\x88", "ß",  "ss", "z",  "Z",  "é",   "\xef\xbf\xbf", "😀",
    "a\tb", "a\nb", "*", "?",  "[",         "\"", "`",  "0",  "10", "9",
};
#define N_ADVERSARIAL (sizeof adversarial / sizeof adversarial[0])

static const struct rh_table *make_rows(void)
{
    char text[512];
    const struct rh_table *table = NULL;
    struct rh_value cells[N_ADVERSARIAL * 4 + 4];
    struct rh_write_result result = {.struct_size = sizeof result};

    drop("odbc_rows");
    (void)snprintf(text, sizeof text,
                   "CREATE TABLE odbc_rows (id INTEGER NOT NULL PRIMARY KEY, t %s, n BIGINT, f %s)",
                   target->text_type, target->double_type);
    sql(text);
    table = table_named("odbc_rows");
    for (uint32_t i = 0; i < N_ADVERSARIAL; i++) {
        cells[i * 4] = int_value((int64_t)i + 1);
        cells[i * 4 + 1] = text_value(adversarial[i]);
        cells[i * 4 + 2] = i % 5 == 0 ? null_value() : int_value((int64_t)(i % 7) - 3);
        cells[i * 4 + 3] =
            i % 6 == 0 ? null_value() : (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = i / 8.0};
    }
    cells[N_ADVERSARIAL * 4] = int_value((int64_t)N_ADVERSARIAL + 1);
    for (uint32_t i = 1; i < 4; i++)
        cells[N_ADVERSARIAL * 4 + i] = null_value();
    const struct rh_write_spec spec = {.struct_size = sizeof spec,
                                       .schema = table->schema,
                                       .table = table->name,
                                       .columns = table->columns,
                                       .n_columns = 4,
                                       .column_stride = table->column_stride,
                                       .n_rows = N_ADVERSARIAL + 1,
                                       .cells = cells,
                                       .returning_stride = sizeof(struct rh_column)};
    ok(odbc->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, N_ADVERSARIAL + 1);
    return table;
}

/* Whether the host says that it holds, for a text. */
static bool holds(uint32_t operator, const char * text, const char *value)
{
    size_t n = strlen(text), m = strlen(value);
    int order = strcmp(text, value); /* UTF-8: by code point */

    switch (operator) {
    case RH_OP_EQ:
        return order == 0;
    case RH_OP_LT:
        return order < 0;
    case RH_OP_LTE:
        return order <= 0;
    case RH_OP_GT:
        return order > 0;
    case RH_OP_GTE:
        return order >= 0;
    case RH_OP_STARTS:
        return n >= m && memcmp(text, value, m) == 0;
    case RH_OP_ENDS:
        return n >= m && memcmp(text + n - m, value, m) == 0;
    default:
        return strstr(text, value) != NULL;
    }
}

/* Runs the one condition; found[id] tells which rows came. Returns the verdict. */
static uint32_t run_condition(const struct rh_table *table, const struct rh_node *node,
                              const struct rh_value *value, bool found[N_ADVERSARIAL + 2])
{
    const uint32_t conjunct = 0;
    uint8_t verdict = RH_VERDICT_NONE;
    uint32_t needs[8];
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc;

    memset(found, 0, (N_ADVERSARIAL + 2) * sizeof *found);
    query.nodes = node;
    query.n_nodes = 1;
    query.values = value;
    query.n_values = node->n;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    ok(odbc->plan(conn, &query, &plan, &error));
    if (verdict == RH_VERDICT_NONE)
        return verdict;
    ok(odbc->open(conn, op, &query, &cursor, &error));
    while ((rc = odbc->next(cursor, op, 7, &batch, &error)) == RH_OK) {
        for (uint64_t i = 0; i < batch.n_rows; i++)
            found[batch.cells[i * batch.n_cols].as.i] = true;
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    odbc->finish(cursor);
    return verdict;
}

START_TEST(compares_texts_by_code_point)
{
    static const uint32_t operators[] = {RH_OP_EQ,  RH_OP_LT,     RH_OP_LTE,  RH_OP_GT,
                                         RH_OP_GTE, RH_OP_STARTS, RH_OP_ENDS, RH_OP_CONTAINS};
    const struct rh_table *table = make_rows();
    unsigned n_exact = 0;

    for (unsigned o = 0; o < sizeof operators / sizeof operators[0] * 2; o++) {
        bool negated = o % 2;
        for (uint32_t v = 0; v < N_ADVERSARIAL; v++) {
            const struct rh_node node = {
                .op = operators[o / 2] | (negated ? RH_OP_NOT : 0), .column = 1, .n = 1};
            const struct rh_value value = text_value(adversarial[v]);
            bool found[N_ADVERSARIAL + 2];
            uint32_t verdict = run_condition(table, &node, &value, found);
            if (verdict == RH_VERDICT_NONE)
                continue;
            n_exact += verdict == RH_VERDICT_EXACT;
            for (uint32_t i = 0; i <= N_ADVERSARIAL; i++) {
                bool wanted = i < N_ADVERSARIAL ? holds(operators[o / 2], adversarial[i],
                                                        adversarial[v]) != negated
                                                : negated;
                ck_assert_msg(found[i + 1] == wanted || (verdict == RH_VERDICT_SUPERSET && !wanted),
                              "operator %#x \"%s\" on row %u: %d", node.op, adversarial[v], i + 1,
                              found[i + 1]);
            }
        }
    }
    ck_assert_msg(!target->text_is_exact || n_exact > 10 * N_ADVERSARIAL, "%u exact", n_exact);
}
END_TEST

START_TEST(compares_numbers)
{
    const struct rh_table *table = make_rows();
    unsigned n_exact = 0;

    for (uint32_t operator= RH_OP_EQ; operator<= RH_OP_GTE; operator++) {
        for (unsigned negated = 0; negated < 2; negated++) {
            for (int64_t v = -4; v <= 4; v++) {
                const struct rh_node node = {
                    .op = operator|(negated ? RH_OP_NOT : 0), .column = 2, .n = 1};
                const struct rh_value value = int_value(v);
                bool found[N_ADVERSARIAL + 2];
                n_exact += run_condition(table, &node, &value, found) == RH_VERDICT_EXACT;
                for (uint32_t i = 0; i <= N_ADVERSARIAL; i++) {
                    bool is_null = i == N_ADVERSARIAL || i % 5 == 0;
                    int64_t cell = (int64_t)(i % 7) - 3;
                    bool wanted = operator== RH_OP_EQ ? cell == v :
                                  operator== RH_OP_LT ? cell < v
                                  :
                                  operator== RH_OP_LTE ? cell <= v
                                  :
                                  operator== RH_OP_GT ? cell > v
                                                      : cell >= v;
                    wanted = is_null ? negated : wanted != negated;
                    ck_assert_msg(found[i + 1] == wanted, "operator %#x %lld on row %u", node.op,
                                  (long long)v, i + 1);
                }
            }
        }
    }
    ck_assert_uint_eq(n_exact, 5 * 2 * 9);
}
END_TEST

START_TEST(takes_lists_and_null_tests)
{
    const struct rh_table *table = make_rows();
    const struct rh_value list[] = {int_value(-3), int_value(2), int_value(99)};
    bool found[N_ADVERSARIAL + 2];
    struct rh_node node = {.op = RH_OP_IN, .column = 2, .n = 3};

    ck_assert_uint_eq(run_condition(table, &node, list, found), RH_VERDICT_EXACT);
    for (uint32_t i = 0; i < N_ADVERSARIAL; i++)
        ck_assert(found[i + 1] == (i % 5 != 0 && (i % 7 == 0 || i % 7 == 5)));
    node.op |= RH_OP_NOT;
    ck_assert_uint_eq(run_condition(table, &node, list, found), RH_VERDICT_EXACT);
    for (uint32_t i = 0; i < N_ADVERSARIAL; i++)
        ck_assert(found[i + 1] == !(i % 5 != 0 && (i % 7 == 0 || i % 7 == 5)));
    node = (struct rh_node){.op = RH_OP_NULL, .column = 1};
    ck_assert_uint_eq(run_condition(table, &node, list, found), RH_VERDICT_EXACT);
    ck_assert(found[N_ADVERSARIAL + 1] && found[1] == target->empty_is_null && !found[2]);
}
END_TEST

/* Every page with the position of the last row of the one before: all rows, in order, once. */
START_TEST(pages_by_position)
{
    const struct rh_table *table = make_rows();

    for (uint32_t flags = 0; flags < 4; flags++) {
        const struct rh_order order[] = {{.column = 2, .flags = flags}, {.column = 0}};
        struct rh_value at[2];
        const struct rh_node node = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 2};
        const uint32_t conjunct = 0;
        struct rh_query query = select_all(table);
        unsigned n = 0;
        query.order = order;
        query.n_order = 2;
        query.limit = 4;
        for (;;) {
            struct rh_cursor *cursor = NULL;
            struct rh_batch batch = {.struct_size = sizeof batch};
            ok(odbc->open(conn, op, &query, &cursor, &error));
            int rc = odbc->next(cursor, op, 100, &batch, &error);
            if (rc == RH_END) {
                odbc->finish(cursor);
                break;
            }
            ok(rc);
            ck_assert_uint_le(batch.n_rows, 4);
            for (uint64_t i = 0; i < batch.n_rows; i++) {
                struct rh_value next[] = {batch.cells[i * 4 + 2], batch.cells[i * 4]};
                if (n) {
                    bool was_null = at[0].type == RH_TYPE_NULL,
                         is_null = next[0].type == RH_TYPE_NULL;
                    bool first = flags & RH_ORDER_NULLS_FIRST, desc = flags & RH_ORDER_DESC;
                    bool same = was_null == is_null && (is_null || at[0].as.i == next[0].as.i);
                    bool before = was_null != is_null ? was_null == first
                                  : desc              ? at[0].as.i > next[0].as.i
                                                      : at[0].as.i < next[0].as.i;
                    ck_assert(same ? at[1].as.i < next[1].as.i : before);
                }
                memcpy(at, next, sizeof at);
                n++;
            }
            odbc->finish(cursor);
            query.nodes = &node;
            query.n_nodes = 1;
            query.values = at;
            query.n_values = 2;
            query.conjuncts = &conjunct;
            query.n_conjuncts = 1;
        }
        ck_assert_uint_eq(n, N_ADVERSARIAL + 1);
    }
}
END_TEST

START_TEST(skips_and_limits)
{
    const struct rh_table *table = make_rows();
    const struct rh_order order = {.column = 0};

    for (uint64_t offset = 0; offset < 3; offset++) {
        for (unsigned limited = 0; limited < 2; limited++) {
            struct rh_query query = select_all(table);
            struct rh_cursor *cursor = NULL;
            struct rh_batch batch = {.struct_size = sizeof batch};
            uint64_t n = 0;
            int rc;
            query.order = &order;
            query.n_order = 1;
            query.offset = offset;
            query.limit = limited ? 5 : RH_NO_LIMIT;
            ok(odbc->open(conn, op, &query, &cursor, &error));
            while ((rc = odbc->next(cursor, op, 2, &batch, &error)) == RH_OK) {
                ck_assert_uint_le(batch.n_rows, 2);
                for (uint64_t i = 0; i < batch.n_rows; i++)
                    ck_assert_uint_eq((uint64_t)batch.cells[i * 4].as.i, offset + 1 + n++);
            }
            ck_assert_int_eq(rc, RH_END);
            ck_assert_uint_eq(n, limited ? 5 : N_ADVERSARIAL + 1 - offset);
            odbc->finish(cursor);
        }
    }
}
END_TEST

START_TEST(counts_and_groups)
{
    const struct rh_table *table = make_rows();
    const struct rh_group group = {.column = 2};
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT},
        {.function = RH_AGG_MAX, .column = 0, .type = RH_TYPE_INT},
    };
    const struct rh_order order = {.column = 0, .flags = RH_ORDER_NULLS_FIRST};
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint32_t needs[8];
    struct rh_plan plan = {.struct_size = sizeof plan, .needs = needs};
    int64_t n = 0;
    int rc;

    query.select = NULL;
    query.n_select = 0;
    query.groups = &group;
    query.n_groups = 1;
    query.aggregates = aggregates;
    query.n_aggregates = target->dynamic ? 1 : 2;
    query.order = &order;
    query.n_order = 1;
    ok(odbc->plan(conn, &query, &plan, &error));
    ck_assert(plan.accepts & RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(plan.n_order, 1);
    ok(odbc->open(conn, op, &query, &cursor, &error));
    for (unsigned row = 0; (rc = odbc->next(cursor, op, 1, &batch, &error)) == RH_OK; row++) {
        if (row == 0)
            ck_assert_int_eq(batch.cells[0].type, RH_TYPE_NULL);
        else
            ck_assert_int_eq(batch.cells[0].as.i, (int64_t)row - 4);
        n += batch.cells[1].as.i;
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    ck_assert_int_eq(n, (int64_t)N_ADVERSARIAL + 1);
    odbc->finish(cursor);
}
END_TEST

/* ---- writing ---- */

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
    ok(odbc->write->insert(conn, op, &spec, &result, &error));
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
    fails(odbc->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.row, 57);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 0);
    cells[57 * 3] = int_value(58);
    cells[9 * 3 + 2] = int_value(-1);
    fails(odbc->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
    ck_assert_uint_eq(error.row, 9);
    cells[9 * 3 + 2] = int_value(1);
    cells[99 * 3 + 1] = null_value();
    fails(odbc->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_uint_eq(error.row, 99);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 0);
    cells[99 * 3 + 1] = text_value("y");
    rh_error_clear(&error);
    ok(odbc->write->insert(conn, op, &spec, &result, &error));
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

    ok(odbc->write->insert(conn, op, &spec, &result, &error));
    cells[1] = text_value("new");
    cells[2] = missing_value();
    cells[3] = int_value(99); /* not there */
    cells[8] = int_value(33);
    spec.key = key;
    spec.n_key = 1;
    spec.n_returning = target->returns_nothing ? 0 : 3;
    ok(odbc->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 2);
        check_same(&cells[1], &result.returned.cells[1], "name");
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
    fails(odbc->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
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
    ok(odbc->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 1);
        check_same(&cells[1], &result.returned.cells[1], "name");
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

    ok(odbc->write->update(conn, op, &spec, &result, &error));
    ck_assert_int_eq((int64_t)result.n_affected, before);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_rows WHERE t = 'changed'"), before);
    spec.n_columns = 0;
    ok(odbc->write->remove(conn, op, &spec, &result, &error));
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
    ok(odbc->write->upsert(conn, op, &spec, &result, &error));
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 3);
        check_same(&cells[7], &result.returned.cells[7], "name");
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
    ok(odbc->write->upsert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    if (!target->returns_nothing) {
        ck_assert_uint_eq(result.returned.n_rows, 1);
        ck_assert_int_eq(result.returned.cells[0].as.i, 7);
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE id = 7"), 1);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write WHERE name = 'ignored'"), 0);
}
END_TEST

/* ---- transactions ---- */

START_TEST(commits_and_rolls_back)
{
    const struct rh_table *table = make_writable();
    const struct rh_value cells[] = {int_value(1), text_value("a"), int_value(1)};
    const struct rh_value bad[] = {int_value(1), text_value("a"), int_value(1)};
    struct rh_write_spec spec = spec_of(table, cells, 1);
    struct rh_write_result result = {.struct_size = sizeof result};

    ok(odbc->tx->begin(conn, op, 0, &error));
    ok(odbc->write->insert(conn, op, &spec, &result, &error));
    ok(odbc->tx->savepoint(conn, op, 1, &error));
    /* a call that fails leaves the transaction usable, with what was there before */
    spec.cells = bad;
    fails(odbc->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 1);
    sql("DELETE FROM odbc_write");
    ok(odbc->tx->rollback_to(conn, op, 1, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 1);
    ok(odbc->tx->release(conn, op, 1, &error));
    ok(odbc->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 0);
    ok(odbc->tx->begin(conn, op, 0, &error));
    ok((spec.cells = cells, odbc->write->insert(conn, op, &spec, &result, &error)));
    ok(odbc->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_write"), 1);
    fails(odbc->tx->commit(conn, op, &error), RH_INVALID);
}
END_TEST

START_TEST(refuses_writes_when_read_only)
{
    const struct rh_table *table = make_writable();
    const struct rh_value cells[] = {int_value(1), text_value("a"), int_value(1)};
    struct rh_write_spec spec = spec_of(table, cells, 1);
    struct rh_write_result result = {.struct_size = sizeof result};

    operation.abi.flags |= RH_OP_READ_ONLY;
    fails(odbc->write->insert(conn, op, &spec, &result, &error), RH_PERMISSION);
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
    ok(odbc->tx->begin(conn, op, RH_TX_READ_ONLY, &error));
    fails(odbc->write->insert(conn, op, &spec, &result, &error), RH_PERMISSION);
    rh_error_clear(&error);
    ck_assert_int_ne(try_sql(conn, "INSERT INTO odbc_write VALUES (9, 'x', 1)"), RH_OK);
    ok(odbc->tx->rollback(conn, op, &error));
    rh_error_clear(&error);
    ok(odbc->write->insert(conn, op, &spec, &result, &error));
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
    ok(odbc->native->run(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_columns, 3);
    ck_assert(rh_text_is(result.columns[1].name, "t"));
    ck_assert_uint_eq(result.columns[1].type, RH_TYPE_TEXT);
    ok(odbc->next(result.cursor, op, 1, &batch, &error));
    odbc->finish(result.cursor);
    ck_assert_int_eq(try_sql(conn, "SELECT broken FROM nowhere"), RH_NOT_FOUND);
    fails(try_sql(conn, "COMMIT"), RH_UNSUPPORTED);
    fails(try_sql(conn, "SELECT 1; SELECT 2"), RH_UNSUPPORTED);
    fails(try_sql(conn, "SELECT ?"), RH_INVALID);
    rh_error_clear(&error);
    ok(odbc->ping(conn, op, &error));
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
    ok(odbc->ddl->apply(conn, op, changes, 3, sizeof *changes, RH_DDL_DRY_RUN, &native, &error));
    ck_assert(rh_text_starts(native, "CREATE TABLE"));
    ck_assert_ptr_null(find_table("odbc_ddl"));
    ok(odbc->ddl->apply(conn, op, changes, 3, sizeof *changes, 0, &native, &error));
    const struct rh_table *table = table_named("odbc_ddl");
    ck_assert_uint_eq(table->n_columns, 3);
    ck_assert_uint_eq(table->n_key, 1);
    ck_assert(rh_text_is(table->columns[2].name, "renamed"));
    fails(odbc->ddl->apply(conn, op, changes, 1, sizeof *changes, 0, &native, &error), RH_EXISTS);
    rh_error_clear(&error);
    changes[0].kind = RH_DDL_DROP_TABLE;
    ok(odbc->ddl->apply(conn, op, changes, 1, sizeof *changes, 0, &native, &error));
    ck_assert_ptr_null(find_table("odbc_ddl"));
}
END_TEST

/* ---- time ---- */

struct canceller {
    struct rh_conn *watched, *own;
    atomic_bool seen;
    int event;
};

static void *cancel_when_running(void *context)
{
    struct canceller *canceller = context;
    struct rh_arena *memory = rh_arena_new(1u << 24);
    struct rh_operation until;
    struct rh_error problem = RH_ERROR_INIT;

    rh_operation_init(&until, memory, NULL, rh_clock_us() + AMPLE);
    for (bool shown = false; !shown;) {
        const struct rh_native_spec spec = {.struct_size = sizeof spec,
                                            .text = rh_text_of(target->slow_shown)};
        struct rh_native_result result = {.struct_size = sizeof result};
        struct rh_batch batch = {.struct_size = sizeof batch};
        if (odbc->native->run(canceller->own, &until.abi, &spec, &result, &problem))
            break;
        shown = odbc->next(result.cursor, &until.abi, 1, &batch, &problem) == RH_OK;
        odbc->finish(result.cursor);
    }
    canceller->seen = true;
    if (canceller->event >= 0) {
        const uint64_t one = 1;
        (void)!write(canceller->event, &one, sizeof one);
    } else {
        odbc->cancel(canceller->watched);
    }
    rh_arena_free(memory);
    return NULL;
}

static void cancel_slow(bool by_event)
{
    struct canceller canceller = {.watched = conn, .own = connect_again(), .event = -1};
    pthread_t thread;

    if (by_event) {
        canceller.event = eventfd(0, 0);
        operation.abi.cancel_fd = canceller.event;
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_when_running, &canceller), 0);
    fails(try_sql(conn, target->slow), RH_CANCELLED);
    (void)pthread_join(thread, NULL);
    ck_assert(canceller.seen);
    odbc->close(canceller.own);
    fresh(AMPLE);
    ok(odbc->ping(conn, op, &error));
    if (by_event)
        (void)close(canceller.event);
}

START_TEST(cancels)
{
    if (!target->slow_shown)
        return;
    cancel_slow(false);
    cancel_slow(true);
}
END_TEST

START_TEST(ends_at_the_deadline)
{
    if (!target->slow)
        return;
    fresh(SECOND / 2);
    fails(try_sql(conn, target->slow), RH_TIMEOUT);
    fresh(AMPLE);
    ok(odbc->ping(conn, op, &error));
}
END_TEST

START_TEST(ends_early)
{
    const struct rh_table *table = make_rows();
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    for (unsigned i = 0; i < 5; i++) {
        ok(odbc->open(conn, op, &query, &cursor, &error));
        if (i)
            ok(odbc->next(cursor, op, i, &batch, &error));
        odbc->finish(cursor);
        ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_rows"), (int64_t)N_ADVERSARIAL + 1);
    }
}
END_TEST

START_TEST(refuses_wrong_settings)
{
    struct rh_conn *made = NULL;

    fails(connect_with("no pairs", NULL, NULL, &made), RH_CONFIG);
    fails(connect_with("DRIVER={Not There};Database=/tmp/x", NULL, NULL, &made), RH_CONFIG);
    const struct rh_setting url = {RH_TEXT_INIT("url"), text_value("odbc:not_there_at_all")};
    const struct rh_settings settings = {
        .struct_size = sizeof settings, .n = 1, .items = &url, .stride = sizeof url};
    fails(odbc->connect(rh_host_services(), op, &settings, &made, &error), RH_CONFIG);
    ck_assert_ptr_null(made);
}
END_TEST

/* ---- main ---- */

/* The driver manager's files. False: the driver is not installed. */
static __attribute__((unused)) bool prepare(void)
{
    char folder[] = "/tmp/rowhouse-odbc.XXXXXX";
    static const char *const roots[] = {"/usr/lib/x86_64-linux-gnu/odbc",
                                        "/usr/lib/aarch64-linux-gnu/odbc", "/usr/lib/odbc",
                                        "/usr/lib64", "/usr/lib"};
    char path[256], library_path[256] = "";
    FILE *file = NULL;

    for (unsigned i = 0; i < sizeof roots / sizeof roots[0] && !library_path[0]; i++) {
        (void)snprintf(library_path, sizeof library_path, "%s/%s", roots[i], target->library);
        if (access(library_path, R_OK))
            library_path[0] = '\0';
    }
    if (!library_path[0] || !mkdtemp(folder))
        return false;
    (void)snprintf(path, sizeof path, "%s/odbcinst.ini", folder);
    file = fopen(path, "w");
    if (!file)
        return false;
    (void)fprintf(file, "[%s]\nDriver=%s\n", target->name, library_path);
    (void)fclose(file);
    (void)setenv("ODBCSYSINI", folder, 1);
    (void)snprintf(path, sizeof path, "%s/odbc.ini", folder);
    file = fopen(path, "w");
    if (!file)
        return false;
    (void)fclose(file);
    (void)setenv("ODBCINI", path, 1);
    return true;
}

static void clean_up(void)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/odbcinst.ini", getenv("ODBCSYSINI"));
    (void)unlink(path);
    (void)unlink(getenv("ODBCINI"));
    (void)rmdir(getenv("ODBCSYSINI"));
}

/* host and port of "scheme://user@host:port/database"; false: it is none. */
static __attribute__((unused)) bool split_url(const char *url, char host[128], char port[16])
{
    const char *at = url ? strchr(url, '@') : NULL;
    const char *colon = at ? strchr(at, ':') : NULL;
    size_t n_host = colon ? (size_t)(colon - at) - 1 : 0;
    size_t n_port = colon ? strspn(colon + 1, "0123456789") : 0;

    if (!n_host || n_host >= 128 || !n_port || n_port >= 16)
        return false;
    memcpy(host, at + 1, n_host);
    host[n_host] = '\0';
    memcpy(port, colon + 1, n_port);
    port[n_port] = '\0';
    return true;
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Both ways of exchanging texts. */
static int run_tests(const TTest *const *const *shared, size_t n_shared,
                     const TTest *const *const *own, size_t n_own)
{
    static const char *const encodings[] = {"auto", "utf-16"};
    int failed = 0;

    for (unsigned e = 0; e < 2; e++) {
        Suite *suite = suite_create(encodings[e]);
        TCase *tests = tcase_create(encodings[e]);
        encoding = encodings[e];
        tcase_set_timeout(tests, 120);
        tcase_add_checked_fixture(tests, setup, teardown);
        for (size_t i = 0; i < n_shared; i++)
            tcase_add_test(tests, *shared[i]);
        for (size_t i = 0; i < n_own; i++)
            tcase_add_test(tests, *own[i]);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed += srunner_ntests_failed(runner);
        srunner_free(runner);
    }
    clean_up();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static __attribute__((unused)) int run_suite(const TTest *const *const *own, size_t n_own)
{
    static const TTest *const *const shared[] = {
        &shows_tables_and_keys,
        &takes_names_with_quotes_and_unicode,
        &reads_types_at_their_boundaries,
        &writes_what_it_reads,
        &reads_long_values,
        &compares_texts_by_code_point,
        &compares_numbers,
        &takes_lists_and_null_tests,
        &pages_by_position,
        &skips_and_limits,
        &counts_and_groups,
        &returns_generated_keys,
        &tells_the_row_at_fault,
        &updates_and_deletes_by_key,
        &changes_by_condition,
        &upserts,
        &commits_and_rolls_back,
        &refuses_writes_when_read_only,
        &runs_native_statements,
        &makes_and_changes_tables,
        &cancels,
        &ends_at_the_deadline,
        &ends_early,
        &refuses_wrong_settings,
    };

    return run_tests(shared, N_OF(shared), own, n_own);
}
