/*
 * What the tests of the SQLite connector share: sessions on files of their own, queries, and rows
 * as text.
 */
#pragma once

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
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* ---- sessions ---- */

static const struct rh_connector *connector;

static inline void log_nothing(const struct rh_host *host, uint32_t level, struct rh_text line)
{
}

static inline uint64_t now_us(const struct rh_host *host)
{
    return rh_clock_us();
}

static inline void *alloc(struct rh_arena *arena, uint64_t size)
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

static inline struct rh_op *op_of(struct session *s)
{
    rh_arena_reset(s->op.arena);
    rh_error_clear(&s->error);
    s->op.deadline_us = rh_clock_us() + 300000000; /* a safety net */
    return &s->op;
}

static inline void load(void)
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

static inline int connect_with(struct session *s, const struct rh_setting *items, uint32_t n)
{
    const struct rh_settings settings = {
        .struct_size = sizeof settings, .n = n, .items = items, .stride = sizeof *items};
    load();
    return connector->connect(&host, op_of(s), &settings, &s->conn, &s->error);
}

static inline void init(struct session *s)
{
    *s = (struct session){.error = RH_ERROR_INIT};
    s->op = (struct rh_op){
        .struct_size = sizeof s->op, .cancel_fd = -1, .arena = rh_arena_new(SIZE_MAX)};
    s->catalog_arena = rh_arena_new(SIZE_MAX);
    s->result.struct_size = sizeof s->result;
}

static inline int open_path(struct session *s, const char *path, bool read_only)
{
    const struct rh_setting items[] = {
        {RH_TEXT_INIT("path"), rh_kit_text(rh_text_of(path))},
        {RH_TEXT_INIT("read_only"), {.type = RH_TYPE_BOOL, .as.i = read_only}},
        {RH_TEXT_INIT("busy_timeout_ms"), rh_kit_int(200)},
    };

    init(s);
    return connect_with(s, items, COUNT(items));
}

static inline void start(struct session *s)
{
    char path[] = "/tmp/rowhouse-sqlite-XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_msg(open_path(s, path, false) == RH_OK, "%s", s->error.message);
    memcpy(s->path, path, sizeof path);
}

static inline void stop(struct session *s)
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

static inline int run_with(struct session *s, const char *sql, const struct rh_value *values,
                           uint32_t n, struct rh_native_result *result)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec,
                                        .text = rh_text_of(sql),
                                        .parameters = values,
                                        .n_parameters = n};

    *result = (struct rh_native_result){.struct_size = sizeof *result};
    return connector->native->run(s->conn, op_of(s), &spec, result, &s->error);
}

static inline int try_sql(struct session *s, const char *sql)
{
    struct rh_native_result result;
    int rc = run_with(s, sql, NULL, 0, &result);

    if (rc == RH_OK && result.cursor)
        connector->finish(result.cursor);
    return rc;
}

static inline void sql(struct session *s, const char *text)
{
    ck_assert_msg(try_sql(s, text) == RH_OK, "%s: %s", text, s->error.message);
}

/* ---- rows as text ---- */

static inline void add_cell(struct rh_buf *buf, const struct rh_value *cell)
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

static inline void add_batch(struct rh_buf *buf, const struct rh_batch *batch)
{
    for (uint64_t r = 0; r < batch->n_rows; r++) {
        for (uint32_t c = 0; c < batch->n_cols; c++) {
            rh_buf_add_str(buf, c ? "|" : "");
            add_cell(buf, &batch->cells[r * batch->n_cols + c]);
        }
        rh_buf_add_char(buf, '\n');
    }
}

static inline struct rh_buf dump_buffer(void)
{
    struct rh_buf buf;

    rh_buf_init(&buf, 64 << 20);
    return buf;
}

static inline void dump_cursor(struct session *s, struct rh_cursor *cursor, struct rh_buf *buf)
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

static inline void assert_dump(struct rh_buf *buf, const char *expected)
{
    char *text = rh_buf_take(buf);

    ck_assert_str_eq(text ? text : "", expected);
    free(text);
}

/* What a native statement returns. */
static inline void assert_sql(struct session *s, const char *text, const char *expected)
{
    struct rh_buf buf = dump_buffer();
    struct rh_native_result result;

    ck_assert_msg(run_with(s, text, NULL, 0, &result) == RH_OK, "%s: %s", text, s->error.message);
    ck_assert_ptr_nonnull(result.cursor);
    dump_cursor(s, result.cursor, &buf);
    assert_dump(&buf, expected);
}

/* ---- tables ---- */

static inline void introspect(struct session *s)
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

static inline const struct rh_table *find_table(struct session *s, const char *name)
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

static inline const struct rh_table *table_of(struct session *s, const char *name)
{
    const struct rh_table *table = find_table(s, name);

    if (!table)
        ck_abort_msg("no table %s", name);
    return table;
}

static inline uint32_t column_of(const struct rh_table *table, const char *name)
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
static inline struct query *query_of(const struct rh_table *table)
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

static inline void where(struct query *q, uint32_t op, uint32_t column,
                         const struct rh_value *values, uint32_t n)
{
    q->nodes[q->abi.n_nodes] =
        (struct rh_node){.op = op, .column = column, .first = q->abi.n_values, .n = n};
    if (n)
        memcpy(&q->values[q->abi.n_values], values, n * sizeof *values);
    q->abi.n_values += n;
    q->conjuncts[q->abi.n_conjuncts++] = q->abi.n_nodes++;
}

static inline void plan(struct session *s, struct query *q)
{
    q->plan =
        (struct rh_plan){.struct_size = sizeof q->plan, .verdicts = q->verdicts, .needs = q->needs};
    ck_assert_int_eq(connector->plan(s->conn, &q->abi, &q->plan, &s->error), RH_OK);
}

static inline struct rh_cursor *open_query(struct session *s, struct query *q)
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

static inline void dump_query(struct session *s, struct query *q, struct rh_buf *buf)
{
    dump_cursor(s, open_query(s, q), buf);
}

static inline void assert_query(struct session *s, struct query *q, const char *expected)
{
    struct rh_buf buf = dump_buffer();

    dump_query(s, q, &buf);
    assert_dump(&buf, expected);
}

static inline struct rh_value decimal_of(const char *text)
{
    struct rh_value value = rh_kit_text(rh_text_of(text));

    value.type = RH_TYPE_DECIMAL;
    return value;
}
