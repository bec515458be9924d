/*
 * What the tests of a connector share: a session with a real server, values, statements, tables.
 * CONNECTOR_TESTS names the connector and the environment variable that holds the server's URL;
 * without the variable everything is skipped.
 */
#pragma once

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/library.h"
#include "host/op.h"
#include "lib/tests.h"

#include <rowhouse/connector.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000)
#define AMPLE (300 * SECOND) /* a safety net, not a measure: a deadline that no test shall meet */

static const char *connector_id, *url_variable;
static struct rh_library *library;
static const struct rh_connector *connector;
static struct rh_arena *arena;
static struct rh_operation operation;
static const struct rh_op *op;
static struct rh_error error;
static struct rh_conn *conn;
static int64_t server_port;

/* ---- values ---- */

static inline struct rh_value data_value(uint8_t type, const void *data, size_t len)
{
    return (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = data};
}

static inline struct rh_value text_value(const char *text)
{
    return data_value(RH_TYPE_TEXT, text, strlen(text));
}

static inline struct rh_value json_value(const char *text)
{
    return data_value(RH_TYPE_JSON, text, strlen(text));
}

static inline struct rh_value decimal_value(const char *text)
{
    return data_value(RH_TYPE_DECIMAL, text, strlen(text));
}

static inline struct rh_value i_value(uint8_t type, int64_t i)
{
    return (struct rh_value){.type = type, .as.i = i};
}

static inline struct rh_value int_value(int64_t i)
{
    return i_value(RH_TYPE_INT, i);
}

static inline struct rh_value float_value(double f)
{
    return (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = f};
}

static inline struct rh_value null_value(void)
{
    return i_value(RH_TYPE_NULL, 0);
}

/* ---- calls ---- */

static inline void fresh(uint64_t us)
{
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + us);
    op = &operation.abi;
    rh_error_clear(&error);
}

#define ok(call)                                                                                   \
    do {                                                                                           \
        int ok_rc = (call);                                                                        \
        ck_assert_msg(ok_rc == RH_OK, "%s: %s %s: %s", #call, rh_error_class_name(ok_rc),          \
                      error.sqlstate, error.message);                                              \
    } while (0)

#define fails(call, expected)                                                                      \
    do {                                                                                           \
        rh_error_clear(&error);                                                                    \
        int fails_rc = (call);                                                                     \
        ck_assert_msg(fails_rc == (expected), "%s: %s instead of %s: %s", #call,                   \
                      rh_error_class_name(fails_rc), rh_error_class_name(expected),                \
                      error.message);                                                              \
        ck_assert_int_eq(error.error_class, fails_rc);                                             \
    } while (0)

static inline int connect_with(const struct rh_setting *items, uint32_t n,
                               struct rh_conn **ret_conn)
{
    const struct rh_settings settings = {
        .struct_size = sizeof settings, .n = n, .items = items, .stride = sizeof *items};

    return connector->connect(rh_host_services(), op, &settings, ret_conn, &error);
}

static inline struct rh_conn *connect_url(void)
{
    const struct rh_setting url = {RH_TEXT_INIT("url"), text_value(getenv(url_variable))};
    struct rh_conn *made = NULL;

    ok(connect_with(&url, 1, &made));
    return made;
}

static inline int try_sql(struct rh_conn *on, const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    int rc = connector->native->run(on, op, &spec, &result, &error);

    if (!rc && result.cursor)
        connector->finish(result.cursor);
    return rc;
}

static inline void sql(const char *text)
{
    ok(try_sql(conn, text));
}

/* The one cell of a native query. */
static inline int64_t sql_int(const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t value = 0;

    ok(connector->native->run(conn, op, &spec, &result, &error));
    ck_assert_ptr_nonnull(result.cursor);
    ok(connector->next(result.cursor, op, 10, &batch, &error));
    ck_assert(batch.cells[0].type == RH_TYPE_INT || batch.cells[0].type == RH_TYPE_UINT);
    value = batch.cells[0].as.i;
    connector->finish(result.cursor);
    return value;
}

/* ---- tables ---- */

static inline const struct rh_table *table_named(const char *name)
{
    struct rh_catalog all = {.struct_size = sizeof all};

    ok(connector->tables(conn, op, &all, &error));
    for (uint32_t i = 0; i < all.n_tables; i++) {
        if (rh_text_is(all.tables[i].name, name))
            return &all.tables[i];
    }
    ck_abort_msg("no table %s", name);
    return NULL;
}

static inline const struct rh_column *column_named(const struct rh_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_is(table->columns[i].name, name))
            return &table->columns[i];
    }
    ck_abort_msg("no column %s", name);
    return NULL;
}

static uint32_t all_positions[64];

/* SELECT of all columns. */
static inline struct rh_query select_all(const struct rh_table *table)
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

static inline struct rh_write_spec spec_for(const struct rh_table *table,
                                            const struct rh_column *columns, uint32_t n_columns,
                                            const struct rh_value *cells, uint64_t n_rows)
{
    return (struct rh_write_spec){.struct_size = sizeof(struct rh_write_spec),
                                  .schema = table->schema,
                                  .table = table->name,
                                  .columns = columns,
                                  .n_columns = n_columns,
                                  .column_stride = sizeof(struct rh_column),
                                  .n_rows = n_rows,
                                  .cells = cells,
                                  .returning_stride = sizeof(struct rh_column)};
}

static inline void check_same(const struct rh_value *a, const struct rh_value *b,
                              struct rh_text what)
{
    ck_assert_msg(a->type == b->type, "%.*s: type %u instead of %u", RH_TEXT_ARG(what), b->type,
                  a->type);
    switch (a->type) {
    case RH_TYPE_NULL:
        return;
    case RH_TYPE_DECIMAL:
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
    case RH_TYPE_JSON:
    case RH_TYPE_INTERVAL:
        ck_assert_msg(a->len == b->len && (a->len == 0 || !memcmp(a->as.data, b->as.data, a->len)),
                      "%.*s: \"%.*s\" instead of \"%.*s\"", RH_TEXT_ARG(what), (int)b->len,
                      (const char *)b->as.data, (int)a->len, (const char *)a->as.data);
        return;
    default:
        ck_assert_msg(a->as.i == b->as.i, "%.*s: %lld instead of %lld", RH_TEXT_ARG(what),
                      (long long)b->as.i, (long long)a->as.i);
    }
}

/* ---- programs ---- */

static void setup(void)
{
    const char *folder = getenv("ROWHOUSE_PLUGINS"), *url = getenv(url_variable);
    char path[4096];

    server_port = strtoll(strrchr(url, ':') + 1, NULL, 10);
    (void)snprintf(path, sizeof path, "%s/%s.so", folder ? folder : "plugins", connector_id);
    arena = rh_arena_new(1u << 30);
    rh_error_clear(&error);
    error.struct_size = sizeof error;
    ok(rh_library_load(path, &library, &error));
    connector = &library->connector;
    fresh(AMPLE);
    conn = connect_url();
}

static void teardown(void)
{
    connector->close(conn);
    rh_arena_free(arena);
    rh_library_free(library);
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t n)
{
    if (!getenv(url_variable)) {
        (void)printf("skipped: %s is not set\n", url_variable);
        return 77;
    }
    return tests_run_with(name, setup, teardown, tests, n);
}

#define CONNECTOR_TESTS(id, variable, name, ...)                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        connector_id = id;                                                                         \
        url_variable = variable;                                                                   \
        return run_tests(name, tests, sizeof tests / sizeof tests[0]);                             \
    }
