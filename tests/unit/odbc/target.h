/*
 * The database that the tests of the ODBC connector run on, through its own driver: what is known of
 * it, a connection, statements, and values.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
