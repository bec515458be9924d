/*
 * What the tests of a connector share that has an SQL source at a URL: a session with a real
 * server, statements, tables. CONNECTOR_TESTS names the connector and the environment variable that
 * holds the server's URL; without the variable everything is skipped.
 */
#pragma once

#include "connector_calls.h"

#include <sys/resource.h>

#define TRIES 20 /* for a server to stop in time, on a machine that has other things to do */

static const char *connector_id, *url_variable;
static int64_t server_port;

/* ---- the session ---- */

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

/* After a call that was given up the session goes on, or says that it cannot, which is for servers
 * that do not stop in time. It is then made anew. */
static inline bool session_goes_on(void)
{
    int rc = RH_OK;

    fresh(AMPLE);
    rc = connector->ping(conn, op, &error);
    if (rc == RH_OK)
        return true;
    ck_assert_int_eq(rc, RH_UNAVAILABLE);
    ck_assert_uint_ne(error.retry, RH_RETRY_NEVER);
    connector->close(conn);
    rh_error_clear(&error);
    conn = connect_url();
    return false;
}

/* Reads all of the query's rows, and keeps none of them. */
static inline void check_scan(const struct rh_query *query, uint64_t n_rows)
{
    struct rusage before, after;

    (void)getrusage(RUSAGE_SELF, &before);
    ck_assert_uint_eq(count_rows(query), n_rows);
    (void)getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__ /* it keeps what was freed for a while */
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 16 * 1024);
#endif
}

/* Leaves cursors of the query at several places; if the session goes on, it is as good as new. The
 * query's first column counts from 1. */
static inline void leave_early(const struct rh_query *query)
{
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    bool survived = false;

    for (int n = 0; n < 12; n++) {
        uint64_t seen = 0, last = 0;
        ok(connector->open(conn, op, query, &cursor, &error));
        for (int i = 0; i < n; i++) {
            ok(connector->next(cursor, op, i % 2 ? 1 : 5000, &batch, &error));
            for (uint64_t row = 0; row < batch.n_rows; row++) {
                ck_assert_int_gt(batch.cells[row * batch.n_cols].as.i, (int64_t)last);
                last = (uint64_t)batch.cells[row * batch.n_cols].as.i;
            }
            seen += batch.n_rows;
        }
        ck_assert_uint_eq(seen, last); /* nothing skipped, nothing twice */
        connector->finish(cursor);
        if (session_goes_on()) {
            survived = true;
            if (n % 2)
                ok(connector->reset(conn, op, &error));
        }
        ck_assert_int_eq(sql_int("SELECT 7"), 7);
    }
    ck_assert(survived);
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
