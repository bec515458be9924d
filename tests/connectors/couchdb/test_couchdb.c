/*
 * plugins/couchdb against the server at ROWHOUSE_TEST_COUCHDB: writing, changes, tables in one
 * database, errors. What reading must do is the conformance suite's.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"
#include "connector/kit.h"
#include "host/http/http.h"
#include "host/library.h"
#include "host/op.h"
#include "lib/tests.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ROWS 8

static const char *server;
static struct rh_library *library;
static struct rh_arena *arena;
static struct rh_conn *conn;
static struct rh_error error;
static char database[64];

/* ---- The server and the connection --------------------------------------------------------- */

static const struct rh_op *op(void)
{
    static struct rh_operation operation;

    error = (struct rh_error)RH_ERROR_INIT;
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + 300000000);
    return &operation.abi;
}

/* A request to the server itself. Returns the status. */
static uint32_t ask(const char *method, const char *path, const char *body)
{
    const char *host = strchr(server, '@') + 1;
    struct rh_http_options options = {.struct_size = sizeof(options),
                                      .auth = RH_HTTP_AUTH_BASIC,
                                      .user = RH_TEXT("rowhouse"),
                                      .secret = RH_TEXT("s3cret")};
    struct rh_http_header json = {RH_TEXT("Content-Type"), RH_TEXT("application/json")};
    struct rh_http_request request = {.struct_size = sizeof(request),
                                      .method = rh_text_of(method),
                                      .url = rh_text_of(path),
                                      .headers = &json,
                                      .n_headers = 1,
                                      .body = rh_text_of(body)};
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    struct rh_http_exchange *exchange = NULL;
    struct rh_http_client *client = NULL;
    struct rh_text piece;
    const struct rh_http *http = &rh_http_service;
    int rc;

    options.base_url = rh_text_of(rh_arena_printf(arena, "http://%s", host));
    rc = http->client_new(rh_host_services(), &options, &client, &error);
    if (rc == RH_OK)
        rc = http->send(client, op(), &request, &exchange, &error);
    if (rc == RH_OK)
        rc = http->answer(exchange, op(), &answer, &error);
    while (rc == RH_OK)
        rc = http->read(exchange, op(), &piece, &error);
    ck_assert_msg(rc == RH_END, "%s %s: %s", method, path, error.message);
    http->close(exchange);
    http->client_free(client);
    return answer.status;
}

static int connect_with(const char *url, const char *table_field)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(url))},
        {RH_TEXT_INIT("table_field"), rh_kit_text(rh_text_of(table_field))},
    };
    struct rh_settings settings = {.struct_size = sizeof(settings),
                                   .n = table_field ? 2 : 1,
                                   .items = items,
                                   .stride = sizeof(items[0])};

    return library->connector.connect(rh_host_services(), op(), &settings, &conn, &error);
}

static void start(const char *table_field)
{
    char path[4096];
    const char *folder = getenv("ROWHOUSE_PLUGINS");

    arena = rh_arena_new(SIZE_MAX);
    error = (struct rh_error)RH_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/couchdb.so", folder ? folder : "plugins");
    ck_assert_msg(rh_library_load(path, &library, &error) == RH_OK, "%s", error.message);
    snprintf(database, sizeof(database), "t%016llx", (unsigned long long)rh_rand_u64());
    ck_assert_uint_eq(ask("PUT", rh_arena_printf(arena, "/%s", database), ""), 201);
    ck_assert_msg(connect_with(rh_arena_printf(arena, "%s/%s", server, database), table_field) ==
                      RH_OK,
                  "%s", error.message);
}

static void stop(void)
{
    if (conn)
        library->connector.close(conn);
    conn = NULL;
    ask("DELETE", rh_arena_printf(arena, "/%s", database), NULL);
    rh_arena_free(arena);
}

/* ---- Writing and reading ------------------------------------------------------------------- */

static const struct rh_column columns[] = {
    {.name = RH_TEXT_INIT("_id"), .type = RH_TYPE_TEXT, .native_id = 1},
    {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .native_id = 1},
    {.name = RH_TEXT_INIT("s"), .type = RH_TYPE_TEXT, .native_id = 1},
    {.name = RH_TEXT_INIT("_rev"), .type = RH_TYPE_TEXT, .native_id = 1},
};

static struct rh_row_status statuses[MAX_ROWS];
static struct rh_write_result result;

static struct rh_value text(const char *string)
{
    return rh_kit_text(rh_text_of(string));
}

/* Rows of the first n_columns columns; all columns are returned. */
static int put(rh_write_fn *fn, const char *table, uint32_t n_columns, uint32_t n_key,
               const struct rh_value *cells, uint64_t n_rows)
{
    static const uint32_t key[] = {0, 3};
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .resolve = fn == library->write.upsert ? RH_RESOLVE_MERGE : 0,
                                 .table = rh_text_of(table),
                                 .columns = columns,
                                 .n_columns = n_columns,
                                 .column_stride = sizeof(columns[0]),
                                 .key = key,
                                 .n_key = n_key,
                                 .n_rows = n_rows,
                                 .cells = cells,
                                 .returning = columns,
                                 .n_returning = 4,
                                 .returning_stride = sizeof(columns[0])};

    memset(statuses, 0, sizeof(statuses));
    result = (struct rh_write_result){.struct_size = sizeof(result), .statuses = statuses};
    return fn(conn, op(), &spec, &result, &error);
}

#define GOOD(call) ck_assert_msg((call) == RH_OK, "%s", error.message)

/* All rows by _id, as "a:1:x b:null:missing" (shown may be NULL). */
static int read_rows(const char *table, uint64_t limit, struct rh_buf *shown)
{
    static const uint32_t select[] = {0, 1, 2};
    static const struct rh_order order = {0, RH_ORDER_BINARY};
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = rh_text_of(table),
                             .columns = columns,
                             .n_columns = 3,
                             .column_stride = sizeof(columns[0]),
                             .select = select,
                             .n_select = 3,
                             .order = &order,
                             .n_order = 1,
                             .limit = limit};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor;
    int rc;

    GOOD(library->connector.open(conn, op(), &query, &cursor, &error));
    while ((rc = library->connector.next(cursor, op(), 2, &batch, &error)) == RH_OK)
        for (uint64_t i = 0; i < batch.n_rows; i++)
            for (uint32_t c = 0; c < 3; c++) {
                const struct rh_value *cell = &batch.cells[i * 3 + c];

                if (!shown)
                    continue;
                rh_buf_add_str(shown, c ? ":" : shown->len ? " " : "");
                if (cell->type == RH_TYPE_TEXT)
                    rh_buf_add_text(shown, rh_kit_value_text(cell));
                else if (cell->type == RH_TYPE_INT)
                    rh_buf_add_i64(shown, cell->as.i);
                else
                    rh_buf_add_str(shown, cell->type == RH_TYPE_NULL ? "null" : "missing");
            }
    library->connector.finish(cursor);
    return rc;
}

static const char *rows_until(const char *table, uint64_t limit)
{
    struct rh_buf shown;
    char *taken;

    rh_buf_init(&shown, 4096);
    ck_assert_msg(read_rows(table, limit, &shown) == RH_END, "%s", error.message);
    taken = rh_arena_dup(arena, shown.data ? shown.data : "", shown.len);
    rh_buf_free(&shown);
    return taken;
}

static const char *rows_of(const char *table)
{
    return rows_until(table, RH_NO_LIMIT);
}

static const struct rh_value *returned(uint64_t row, uint32_t column)
{
    ck_assert_uint_lt(row, result.returned.n_rows);
    return &result.returned.cells[row * 4 + column];
}

static void insert_three(const char *table)
{
    struct rh_value cells[] = {text("a"), rh_kit_int(1), text("x"),
                               text("b"), rh_kit_null(), text("y"),
                               text("c"), rh_kit_int(3), {.type = RH_TYPE_MISSING}};

    GOOD(put(library->write.insert, table, 3, 0, cells, 3));
    ck_assert_uint_eq(result.n_affected, 3);
}

START_TEST(inserts)
{
    struct rh_value again[] = {text("d"), rh_kit_int(4), text("z"),
                               text("a"), rh_kit_int(9), text("z")};
    struct rh_value made[] = {{.type = RH_TYPE_MISSING}, rh_kit_int(5)};

    start(NULL);
    insert_three(database);
    ck_assert_uint_eq(result.returned.n_rows, 3);
    ck_assert(rh_text_is(rh_kit_value_text(returned(1, 0)), "b"));
    ck_assert_int_eq(returned(1, 1)->type, RH_TYPE_NULL);
    ck_assert_int_eq(returned(2, 2)->type, RH_TYPE_MISSING);
    ck_assert(rh_text_starts(rh_kit_value_text(returned(0, 3)), "1-"));
    ck_assert_str_eq(rows_of(database), "a:1:x b:null:y c:3:missing");
    GOOD(put(library->write.insert, database, 3, 0, again, 2));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_int_eq(statuses[0].error_class, RH_OK);
    ck_assert_int_eq(statuses[1].error_class, RH_CONSTRAINT);
    ck_assert_uint_eq(statuses[1].constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(result.returned.n_rows, 1);
    GOOD(put(library->write.insert, database, 2, 0, made, 1));
    ck_assert_uint_ge(rh_kit_value_text(returned(0, 0)).len, 8);
    stop();
}
END_TEST

START_TEST(updates_and_deletes)
{
    struct rh_value cells[] = {text("a"),  rh_kit_int(10), text("c"), {.type = RH_TYPE_MISSING},
                               text("zz"), rh_kit_int(1)};
    struct rh_value ids[] = {text("b"), text("zz")};

    start(NULL);
    insert_three(database);
    GOOD(put(library->write.update, database, 2, 1, cells, 3));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_uint_eq(result.returned.n_rows, 2);
    ck_assert(rh_text_is(rh_kit_value_text(returned(0, 2)), "x"));
    ck_assert(rh_text_starts(rh_kit_value_text(returned(0, 3)), "2-"));
    ck_assert_str_eq(rows_of(database), "a:10:x b:null:y c:missing:missing");
    GOOD(put(library->write.remove, database, 1, 1, ids, 2));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert(rh_text_is(rh_kit_value_text(returned(0, 2)), "y"));
    ck_assert_str_eq(rows_of(database), "a:10:x c:missing:missing");
    stop();
}
END_TEST

START_TEST(refuses_stale_versions)
{
    struct rh_value cells[] = {text("a"), rh_kit_int(2), text("q"), text("1-stale")};
    char rev[64];

    start(NULL);
    insert_three(database);
    snprintf(rev, sizeof(rev), "%.*s", RH_TEXT_ARG(rh_kit_value_text(returned(0, 3))));
    GOOD(put(library->write.update, database, 4, 2, cells, 1));
    ck_assert_uint_eq(result.n_affected, 0);
    ck_assert_int_eq(statuses[0].error_class, RH_CONFLICT);
    cells[3] = text(rev);
    GOOD(put(library->write.update, database, 4, 2, cells, 1));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(rows_of(database), "a:2:q b:null:y c:3:missing");
    GOOD(put(library->write.update, database, 4, 2, cells, 1)); /* that version is gone now */
    ck_assert_int_eq(statuses[0].error_class, RH_CONFLICT);
    stop();
}
END_TEST

START_TEST(upserts)
{
    struct rh_value cells[] = {text("a"), rh_kit_int(7), text("e"), rh_kit_int(8)};

    start(NULL);
    insert_three(database);
    GOOD(put(library->write.upsert, database, 2, 1, cells, 2));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_str_eq(rows_of(database), "a:7:x b:null:y c:3:missing e:8:missing");
    stop();
}
END_TEST

/* Design documents come before these rows, more of them than a page has. */
START_TEST(turns_pages)
{
    struct rh_buf body;

    start(NULL);
    insert_three(database);
    rh_buf_init(&body, 65536);
    rh_buf_add_str(&body, "{\"docs\":[");
    for (int i = 0; i < 90; i++)
        rh_buf_addf(&body, "%s{\"_id\":\"_design/%03d\"}", i ? "," : "", i);
    rh_buf_add_str(&body, "]}");
    rh_buf_add_char(&body, 0);
    ck_assert_uint_eq(ask("POST", rh_arena_printf(arena, "/%s/_bulk_docs", database), body.data),
                      201);
    rh_buf_free(&body);
    ck_assert_str_eq(rows_until(database, 2), "a:1:x b:null:y");
    ck_assert_str_eq(rows_until(database, 3), "a:1:x b:null:y c:3:missing");
    ck_assert_str_eq(rows_until(database, 100), "a:1:x b:null:y c:3:missing");
    ck_assert_str_eq(rows_until(database, 0), "");
    stop();
}
END_TEST

START_TEST(refuses_what_it_cannot_write)
{
    static const uint32_t by_n[] = {1};
    struct rh_value cells[] = {text("a"), rh_kit_int(1)};
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .columns = columns,
                                 .n_columns = 2,
                                 .column_stride = sizeof(columns[0]),
                                 .key = by_n,
                                 .n_key = 1,
                                 .n_rows = 1,
                                 .cells = cells};

    start(NULL);
    spec.table = rh_text_of(database);
    result = (struct rh_write_result){.struct_size = sizeof(result), .statuses = statuses};
    ck_assert_int_eq(library->write.update(conn, op(), &spec, &result, &error), RH_UNSUPPORTED);
    ck_assert_int_eq(put(library->write.insert, "other", 2, 0, cells, 1), RH_NOT_FOUND);
    stop();
}
END_TEST

/* ---- Tables in one database ---------------------------------------------------------------- */

START_TEST(has_tables_by_a_field)
{
    struct rh_value moved[] = {text("a"), rh_kit_int(5)};
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};

    start("kind");
    GOOD(put(library->write.insert, "cats", 2, 0, moved, 1));
    moved[0] = text("b");
    GOOD(put(library->write.insert, "dogs", 2, 0, moved, 1));
    ck_assert_str_eq(rows_of("cats"), "a:5:missing");
    ck_assert_str_eq(rows_of("dogs"), "b:5:missing");
    ck_assert_int_eq(read_rows("cows", RH_NO_LIMIT, NULL), RH_NOT_FOUND);
    moved[1] = rh_kit_int(6);
    GOOD(put(library->write.update, "cats", 2, 1, moved, 1)); /* b is a dog */
    ck_assert_uint_eq(result.n_affected, 0);
    GOOD(put(library->write.remove, "cats", 1, 1, moved, 1));
    ck_assert_uint_eq(result.n_affected, 0);
    GOOD(put(library->write.upsert, "cats", 2, 1, moved, 1));
    ck_assert_int_eq(statuses[0].error_class, RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("dogs"), "b:5:missing");
    GOOD(library->connector.tables(conn, op(), &catalog, &error));
    ck_assert_uint_eq(catalog.n_tables, 2);
    ck_assert(rh_text_is(catalog.tables[0].name, "cats"));
    ck_assert_uint_eq(catalog.tables[0].n_columns, 4);
    ck_assert(catalog.tables[0].columns[2].flags & RH_COLUMN_INFERRED);
    stop();
}
END_TEST

/* ---- Changes ------------------------------------------------------------------------------- */

static struct rh_feed_batch changes;

static void follow(struct rh_cursor *cursor)
{
    changes = (struct rh_feed_batch){.struct_size = sizeof(changes),
                                     .rows = {.struct_size = sizeof(changes.rows)}};
    GOOD(library->feed.next(cursor, op(), 100, &changes, &error));
    ck_assert_uint_gt(changes.token.len, 0);
}

START_TEST(follows_changes)
{
    struct rh_feed_spec spec = {.struct_size = sizeof(spec),
                                .columns = columns,
                                .n_columns = 3,
                                .column_stride = sizeof(columns[0])};
    struct rh_value ids[] = {text("b")};
    struct rh_value late[] = {text("z"), rh_kit_int(1)};
    struct rh_cursor *cursor;

    start(NULL);
    insert_three(database);
    spec.table = rh_text_of(database);
    GOOD(library->feed.open(conn, op(), &spec, &cursor, &error));
    GOOD(put(library->write.insert, database, 2, 0, late, 1));
    GOOD(put(library->write.remove, database, 1, 1, ids, 1));
    follow(cursor);
    ck_assert_uint_eq(changes.rows.n_rows, 2);
    ck_assert_uint_eq(changes.kinds[0], RH_CHANGE_PUT);
    ck_assert(rh_text_is(rh_kit_value_text(&changes.rows.cells[0]), "z"));
    ck_assert_int_eq((int)changes.rows.cells[1].as.i, 1);
    ck_assert_uint_eq(changes.kinds[1], RH_CHANGE_DELETE);
    ck_assert(rh_text_is(rh_kit_value_text(&changes.rows.cells[3]), "b"));
    spec.since =
        rh_text_make(rh_arena_dup(arena, changes.token.data, changes.token.len), changes.token.len);
    library->connector.finish(cursor);
    late[0] = text("zz");
    GOOD(put(library->write.insert, database, 2, 0, late, 1));
    GOOD(library->feed.open(conn, op(), &spec, &cursor, &error));
    follow(cursor);
    ck_assert_uint_eq(changes.rows.n_rows, 1);
    ck_assert(rh_text_is(rh_kit_value_text(&changes.rows.cells[0]), "zz"));
    library->connector.finish(cursor);
    spec.since = RH_TEXT("[no token]");
    ck_assert_int_eq(library->feed.open(conn, op(), &spec, &cursor, &error), RH_NOT_FOUND);
    ck_assert_str_eq(error.code, "feed-gone");
    stop();
}
END_TEST

static void *cancel_soon(void *context)
{
    usleep(100000);
    library->connector.cancel(conn);
    return context;
}

START_TEST(waits_for_changes)
{
    struct rh_feed_spec spec = {.struct_size = sizeof(spec),
                                .columns = columns,
                                .n_columns = 3,
                                .column_stride = sizeof(columns[0])};
    struct rh_op shorter;
    struct rh_cursor *cursor;
    pthread_t thread;

    start(NULL);
    insert_three(database);
    spec.table = rh_text_of(database);
    GOOD(library->feed.open(conn, op(), &spec, &cursor, &error));
    changes = (struct rh_feed_batch){.struct_size = sizeof(changes),
                                     .rows = {.struct_size = sizeof(changes.rows)}};
    shorter = *op();
    shorter.deadline_us = rh_clock_us() + 6000000;
    GOOD(library->feed.next(cursor, &shorter, 100, &changes, &error));
    ck_assert_uint_eq(changes.rows.n_rows, 0);
    ck_assert_uint_gt(changes.token.len, 0);
    ck_assert_uint_lt(rh_clock_us(), shorter.deadline_us);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    ck_assert_int_eq(library->feed.next(cursor, op(), 100, &changes, &error), RH_CANCELLED);
    pthread_join(thread, NULL);
    library->connector.finish(cursor);
    stop();
}
END_TEST

/* ---- Settings ------------------------------------------------------------------------------ */

static void cannot_connect(const char *url, const char *table_field, int error_class)
{
    int rc = connect_with(url, table_field);

    ck_assert_msg(rc == error_class, "%s gives %s: %s", url, rh_error_class_name(rc),
                  error.message);
    ck_assert_ptr_null(strstr(error.message, "s3cret"));
}

START_TEST(tells_why_it_cannot_connect)
{
    const char *host;

    start(NULL);
    library->connector.close(conn);
    conn = NULL;
    host = strchr(server, '@') + 1;
    cannot_connect("ftp://localhost", NULL, RH_CONFIG);
    cannot_connect("http://", NULL, RH_CONFIG);
    cannot_connect("http://localhost/a/b", NULL, RH_CONFIG);
    cannot_connect("http://localhost", "kind", RH_CONFIG);
    cannot_connect("http://127.0.0.1:1", NULL, RH_UNAVAILABLE);
    cannot_connect("http://169.254.169.254", NULL, RH_PERMISSION);
    cannot_connect(rh_arena_printf(arena, "http://rowhouse:wrong@%s", host), NULL, RH_AUTH);
    cannot_connect(rh_arena_printf(arena, "http://rowhouse:s3%%63ret@%s/nowhere", host), NULL,
                   RH_NOT_FOUND);
    GOOD(connect_with(rh_arena_printf(arena, "couchdb://rowhouse:s3%%63ret@%s/%s/", host, database),
                      NULL));
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        inserts,           updates_and_deletes,          refuses_stale_versions, upserts,
        turns_pages,       refuses_what_it_cannot_write, has_tables_by_a_field,  follows_changes,
        waits_for_changes, tells_why_it_cannot_connect};

    server = getenv("ROWHOUSE_TEST_COUCHDB");
    if (!server || !strchr(server, '@')) {
        fputs("ROWHOUSE_TEST_COUCHDB is not set\n", stderr);
        return 77;
    }
    return tests_run("couchdb", tests, sizeof(tests) / sizeof(tests[0]));
}
