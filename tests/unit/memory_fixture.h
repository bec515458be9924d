/*
 * What the tests of the memory connector share: sessions through the host's loader, tables, rows
 * written and read.
 */
#pragma once

#include "host/library.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "host/op.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* ---- Sessions ---------------------------------------------------------------------------- */

static struct rh_library *library;

struct session {
    struct rh_arena *arena;
    struct rh_operation op;
    struct rh_conn *conn;
    struct rh_error error;
    struct rh_write_result result;
};

static inline const struct rh_op *op_of(struct session *s)
{
    rh_arena_reset(s->arena);
    rh_error_clear(&s->error);
    s->op.abi.deadline_us = rh_clock_us() + 300000000; /* a safety net */
    return &s->op.abi;
}

static inline void start(struct session *s, const char *name)
{
    struct rh_setting item = {RH_TEXT_INIT("name"), rh_kit_text(rh_text_of(name))};
    struct rh_settings settings = {
        .struct_size = sizeof settings, .n = 1, .items = &item, .stride = sizeof item};
    if (!library) {
        char path[4096];
        const char *folder = getenv("ROWHOUSE_PLUGINS");
        struct rh_error error = RH_ERROR_INIT;
        snprintf(path, sizeof path, "%s/memory.so", folder ? folder : "plugins");
        ck_assert_msg(rh_library_load(path, &library, &error) == 0, "%s", error.message);
    }
    *s = (struct session){.arena = rh_arena_new(SIZE_MAX), .error = RH_ERROR_INIT};
    s->result.struct_size = sizeof s->result;
    rh_operation_init(&s->op, s->arena, NULL, 0);
    int rc =
        library->connector.connect(rh_host_services(), op_of(s), &settings, &s->conn, &s->error);
    ck_assert_msg(rc == 0, "%s", s->error.message);
}

static inline void stop(struct session *s)
{
    library->connector.close(s->conn);
    rh_arena_free(s->arena);
}

/* ---- Tables ------------------------------------------------------------------------------ */

static inline struct rh_column column(const char *name, uint32_t type, uint32_t flags)
{
    return (struct rh_column){.name = rh_text_of(name), .type = type, .flags = flags};
}

static inline int change(struct session *s, uint32_t kind, const struct rh_table *table,
                         const struct rh_column *with, const char *new_name)
{
    struct rh_ddl_change c = {
        .kind = kind, .table = table, .column = with, .new_name = rh_text_of(new_name)};
    struct rh_text native;
    return library->ddl.apply(s->conn, op_of(s), &c, 1, sizeof c, 0, &native, &s->error);
}

static inline int create(struct session *s, const char *name, const struct rh_column *columns,
                         uint32_t n, uint32_t n_key)
{
    static const uint32_t key[] = {0, 1, 2};
    struct rh_table table = {.struct_size = sizeof table,
                             .name = rh_text_of(name),
                             .columns = columns,
                             .n_columns = n,
                             .column_stride = sizeof *columns,
                             .key = key,
                             .n_key = n_key};
    return change(s, RH_DDL_CREATE_TABLE, &table, NULL, NULL);
}

/* Table t: id int key, n int not null, label text. */
static const struct rh_column id_n_label[] = {
    {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT},
    {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
    {.name = RH_TEXT_INIT("label"), .type = RH_TYPE_TEXT},
};

static inline void create_t(struct session *s)
{
    ck_assert_msg(create(s, "t", id_n_label, 3, 1) == 0, "%s", s->error.message);
}

/* ---- Writing ----------------------------------------------------------------------------- */

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

struct writing {
    enum verb verb;
    const struct rh_column *columns;
    uint32_t n_columns;
    uint32_t n_key; /* the first ones */
    const struct rh_value *cells;
    uint64_t n_rows;
    const struct rh_column *returning;
    uint32_t n_returning;
};

static inline int put(struct session *s, const char *table, const struct writing *w)
{
    static const uint32_t key[] = {0, 1, 2, 3};
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .resolve = w->verb == MERGE    ? RH_RESOLVE_MERGE
                                            : w->verb == IGNORE ? RH_RESOLVE_IGNORE
                                                                : RH_RESOLVE_ERROR,
                                 .table = rh_text_of(table),
                                 .columns = w->columns,
                                 .n_columns = w->n_columns,
                                 .column_stride = sizeof(struct rh_column),
                                 .key = key,
                                 .n_key = w->n_key,
                                 .n_rows = w->n_rows,
                                 .cells = w->cells,
                                 .returning = w->returning,
                                 .n_returning = w->n_returning,
                                 .returning_stride = sizeof(struct rh_column)};
    rh_write_fn *const functions[] = {library->write.insert, library->write.update,
                                      library->write.remove, library->write.upsert,
                                      library->write.upsert};
    s->result.n_affected = 99;
    return functions[w->verb](s->conn, op_of(s), &spec, &s->result, &s->error);
}

/* One row of t. */
static inline int put_t(struct session *s, enum verb verb, int64_t id, int64_t n, const char *label)
{
    struct rh_value cells[] = {rh_kit_int(id), rh_kit_int(n), rh_kit_text(rh_text_of(label))};
    struct writing w = {verb, id_n_label, verb == REMOVE ? 1 : 3, verb == INSERT ? 0 : 1, cells, 1,
                        NULL, 0};
    return put(s, "t", &w);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static inline int open_table(struct session *s, const char *table, const struct rh_column *columns,
                             uint32_t n, struct rh_cursor **ret_cursor)
{
    static const uint32_t select[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct rh_query query = {.struct_size = sizeof query,
                             .table = rh_text_of(table),
                             .columns = columns,
                             .n_columns = n,
                             .column_stride = sizeof *columns,
                             .select = select,
                             .n_select = n,
                             .limit = RH_NO_LIMIT};
    return library->connector.open(s->conn, op_of(s), &query, ret_cursor, &s->error);
}

/* The rest of the cursor's rows of t as "id:n:label …" in the order of the ids; finishes it. */
static inline const char *drain(struct session *s, struct rh_cursor *cursor)
{
    static _Thread_local char text[4096];
    static _Thread_local struct rh_value found[256][3];
    struct rh_batch batch = {.struct_size = sizeof batch};
    size_t n_found = 0, len = 0;
    int rc;
    text[0] = '\0';
    while ((rc = library->connector.next(cursor, op_of(s), 3, &batch, &s->error)) == RH_OK) {
        ck_assert(batch.n_rows >= 1 && batch.n_rows <= 3 && batch.n_cols == 3);
        for (uint64_t r = 0; r < batch.n_rows; r++) {
            size_t at = n_found++;
            ck_assert_uint_lt(at, COUNT(found));
            for (; at > 0 && found[at - 1][0].as.i > batch.cells[r * 3].as.i; at--)
                memcpy(found[at], found[at - 1], sizeof found[at]);
            memcpy(found[at], &batch.cells[r * 3], sizeof found[at]);
        }
    }
    ck_assert_msg(rc == RH_END, "%s", s->error.message);
    for (size_t i = 0; i < n_found; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%lld:%lld:%.*s", i ? " " : "",
                                (long long)found[i][0].as.i, (long long)found[i][1].as.i,
                                (int)found[i][2].len,
                                found[i][2].len ? (const char *)found[i][2].as.data : "");
    library->connector.finish(cursor);
    return text;
}

static inline const char *read_t(struct session *s)
{
    struct rh_cursor *cursor;
    int rc = open_table(s, "t", id_n_label, 3, &cursor);
    ck_assert_msg(rc == 0, "%s", s->error.message);
    return drain(s, cursor);
}
