/*
 * What the tests of every connector on a real server share: a session and its operation, values,
 * calls that must succeed or fail, queries, cells. Who connects sets `connector` and `conn`.
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

static struct rh_library *library;
static const struct rh_connector *connector;
static struct rh_arena *arena;
static struct rh_operation operation;
static const struct rh_op *op;
static struct rh_error error;
static struct rh_conn *conn;

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

static inline struct rh_value missing_value(void)
{
    return i_value(RH_TYPE_MISSING, 0);
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

/* ---- queries and cells ---- */

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

/* All of its rows are read. */
static inline uint64_t count_rows(const struct rh_query *query)
{
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t n = 0;
    int rc = RH_OK;

    ok(connector->open(conn, op, query, &cursor, &error));
    while ((rc = connector->next(cursor, op, 1000, &batch, &error)) == RH_OK)
        n += batch.n_rows;
    ck_assert_msg(rc == RH_END, "%s", error.message);
    ck_assert_int_eq(connector->next(cursor, op, 10, &batch, &error), RH_END);
    connector->finish(cursor);
    return n;
}

/* The set of the numbers 0 … 63 that are the cells of the query's only column. */
static inline uint64_t ids_of(const struct rh_query *query)
{
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t ids = 0;
    int rc = RH_OK;

    ok(connector->open(conn, op, query, &cursor, &error));
    while ((rc = connector->next(cursor, op, 10, &batch, &error)) == RH_OK) {
        for (uint64_t row = 0; row < batch.n_rows; row++)
            ids |= UINT64_C(1) << batch.cells[row].as.i;
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    connector->finish(cursor);
    return ids;
}
