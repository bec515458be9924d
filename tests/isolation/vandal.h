/* What the tests of isolation share: loading the vandal in a sandbox, connecting, and asking. */
#pragma once

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/check.h"
#include "host/isolation/isolation.h"
#include "host/op.h"
#include "lib/tests.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline const char *connector_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("ISOLATION_CONNECTORS");

    snprintf(path, sizeof(path), "%s/%s.so", folder ? folder : "tests/isolation/plugins", name);
    return path;
}

static inline int try_load(const char *name, const struct rh_sandbox *sandbox,
                           struct rh_library **ret_library, struct rh_error *error)
{
    static const struct rh_sandbox nothing = {0};
    struct rh_image image = {.fd = -1};
    int rc = rh_image_read(connector_path(name), &image, error);

    if (rc == RH_OK)
        rc = rh_isolation_load(&image, sandbox ? sandbox : &nothing, ret_library, error);
    rh_image_close(&image);
    return rc;
}

static inline struct rh_library *loaded(const struct rh_sandbox *sandbox)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;

    ck_assert_msg(try_load("vandal", sandbox, &library, &error) == RH_OK, "%s", error.message);
    return library;
}

struct visit {
    const struct rh_connector *connector;
    struct rh_arena *arena;
    struct rh_operation op;
    struct rh_conn *conn;
    struct rh_error error;
};

/* An operation of so many milliseconds. */
static inline const struct rh_op *op_of(struct visit *visit, uint64_t ms)
{
    rh_arena_reset(visit->arena);
    rh_error_clear(&visit->error);
    visit->op.abi.deadline_us = rh_clock_us() + ms * 1000;
    return &visit->op.abi;
}

/* Returns what `connect` returned. */
static inline int enter(struct visit *visit, const struct rh_library *library, const char *at,
                        const char *action, const char *arg)
{
    const char *values[] = {at, action, arg};
    struct rh_setting items[] = {
        {.name = RH_TEXT_INIT("at")}, {.name = RH_TEXT_INIT("do")}, {.name = RH_TEXT_INIT("arg")}};
    struct rh_settings settings = {
        .struct_size = sizeof(settings), .n = 3, .items = items, .stride = sizeof(items[0])};

    for (int i = 0; i < 3; i++)
        items[i].value = (struct rh_value){
            .type = RH_TYPE_TEXT, .len = (uint32_t)strlen(values[i]), .as.data = values[i]};
    *visit = (struct visit){.connector = &library->connector,
                            .arena = rh_arena_new((size_t)16 << 20),
                            .error = RH_ERROR_INIT};
    rh_operation_init(&visit->op, visit->arena, NULL, 0);
    return library->connector.connect(rh_host_services(), op_of(visit, 20000), &settings,
                                      &visit->conn, &visit->error);
}

static inline void leave(struct visit *visit)
{
    if (visit->conn)
        visit->connector->close(visit->conn);
    rh_arena_free(visit->arena);
}

static const struct rh_column columns[] = {{.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT},
                                           {.name = RH_TEXT_INIT("label"), .type = RH_TYPE_TEXT}};
static const uint32_t selected[] = {0, 1};
static const struct rh_query query = {.struct_size = sizeof(query),
                                      .table = RH_TEXT_INIT("t"),
                                      .columns = columns,
                                      .n_columns = 2,
                                      .column_stride = sizeof(columns[0]),
                                      .select = selected,
                                      .n_select = 2,
                                      .limit = RH_NO_LIMIT};

static inline int ask_plan(struct visit *visit, struct rh_plan *plan)
{
    *plan = (struct rh_plan){.struct_size = sizeof(*plan), .est_rows = -1};
    plan->verdicts = rh_arena_alloc(visit->arena, 1);
    plan->needs = rh_arena_array(visit->arena, 2, sizeof(*plan->needs));
    return visit->connector->plan(visit->conn, &query, plan, &visit->error);
}

/* Reads the table in batches of this size; the sum of the numbers in *ret_sum. */
static inline int read_all(struct visit *visit, uint32_t max_rows, int64_t *ret_sum)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor = NULL;
    int rc =
        visit->connector->open(visit->conn, op_of(visit, 20000), &query, &cursor, &visit->error);

    *ret_sum = 0;
    if (rc)
        return rc;
    while ((rc = visit->connector->next(cursor, &visit->op.abi, max_rows, &batch, &visit->error)) ==
           RH_OK) {
        rc = rh_check_batch(&batch, 2, max_rows, NULL, &visit->error);
        if (rc)
            break;
        for (uint64_t i = 0; i < batch.n_rows; i++)
            *ret_sum += batch.cells[2 * i].as.i;
    }
    visit->connector->finish(cursor);
    return rc;
}

/* Calls the function by its name. */
static inline int call(struct visit *visit, const char *name, uint64_t ms)
{
    const struct rh_connector *c = visit->connector;
    const struct rh_op *op = op_of(visit, ms);
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    struct rh_write_spec write = {.struct_size = sizeof(write), .columns = columns};
    struct rh_write_result written = {.struct_size = sizeof(written)};
    struct rh_native_spec native = {.struct_size = sizeof(native), .text = RH_TEXT_INIT("x")};
    struct rh_native_result ran = {.struct_size = sizeof(ran)};
    struct rh_text text;
    struct rh_plan plan;
    int64_t number;

    if (strcmp(name, "ping") == 0)
        return c->ping(visit->conn, op, &visit->error);
    if (strcmp(name, "tables") == 0)
        return c->tables(visit->conn, op, &catalog, &visit->error);
    if (strcmp(name, "plan") == 0)
        return ask_plan(visit, &plan);
    if (strcmp(name, "explain") == 0)
        return c->explain(visit->conn, op, &query, &text, &visit->error);
    if (strcmp(name, "estimate") == 0)
        return c->estimate(visit->conn, op, &query, &number, &visit->error);
    if (strcmp(name, "open") == 0 || strcmp(name, "next") == 0)
        return read_all(visit, 7, &number);
    if (strcmp(name, "finish") == 0) {
        int rc = read_all(visit, 7, &number); /* what finish did, the next call learns */
        return rc < 0 ? rc : c->ping(visit->conn, op, &visit->error);
    }
    if (strcmp(name, "reset") == 0) {
        int rc = c->reset(visit->conn, op, &visit->error); /* goes with the next call */
        return rc < 0 ? rc : c->ping(visit->conn, op, &visit->error);
    }
    if (strcmp(name, "insert") == 0)
        return c->write->insert(visit->conn, op, &write, &written, &visit->error);
    if (strcmp(name, "begin") == 0)
        return c->tx->begin(visit->conn, op, 0, &visit->error);
    if (strcmp(name, "commit") == 0)
        return c->tx->commit(visit->conn, op, &visit->error);
    if (strcmp(name, "savepoint") == 0)
        return c->tx->savepoint(visit->conn, op, 1, &visit->error);
    if (strcmp(name, "run") == 0)
        return c->native->run(visit->conn, op, &native, &ran, &visit->error);
    ck_assert_str_eq(name, "apply");
    return c->ddl->apply(visit->conn, op, NULL, 0, 0, 0, &text, &visit->error);
}

static inline uint32_t count_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    uint32_t n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

/* The process ids of this process's children; how many. */
static inline uint32_t children(pid_t *ret_pids, uint32_t most)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    uint32_t n = 0;

    while (tasks && (task = readdir(tasks))) {
        char path[512], text[4096];
        FILE *file;
        size_t got;
        char *at = text;

        snprintf(path, sizeof(path), "/proc/self/task/%s/children", task->d_name);
        file = fopen(path, "re");
        got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
        if (file)
            fclose(file);
        text[got] = 0;
        while (n < most) {
            char *end;
            long pid = strtol(at, &end, 10);

            if (end == at)
                break;
            ret_pids[n++] = (pid_t)pid;
            at = end;
        }
    }
    if (tasks)
        closedir(tasks);
    return n;
}
