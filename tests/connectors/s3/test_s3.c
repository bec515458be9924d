/*
 * plugins/s3: writing to the service at ROWHOUSE_TEST_S3, which the test's bucket is on; and what it does
 * with answers that are wrong, from a server of its own. What reading must do is the conformance suite's.
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

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GOOD(call) ck_assert_msg((call) == RH_OK, "%s", error.message)

static const char *server;
static struct rh_library *library;
static struct rh_arena *arena;
static struct rh_conn *conn;
static struct rh_error error;
static struct rh_write_result result;
static const char *bucket;

/* ---- The service ------------------------------------------------------------------------------- */

static const struct rh_op *op_for(uint64_t ms)
{
    static struct rh_operation operation;

    error = (struct rh_error)RH_ERROR_INIT;
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + ms * 1000);
    return &operation.abi;
}

static const struct rh_op *op(void)
{
    return op_for(30000);
}

static const char *host_of(void)
{
    return strchr(server, '@') + 1;
}

/* A signed request; the status, and the body in *ret_body unless NULL. */
static uint32_t ask(const char *method, const char *path, const char *body, const char **ret_body)
{
    struct rh_http_options options = {.struct_size = sizeof(options),
                                      .auth = RH_HTTP_AUTH_SIGV4,
                                      .user = RH_TEXT("S3RVER"),
                                      .secret = RH_TEXT("S3RVER"),
                                      .region = RH_TEXT("us-east-1"),
                                      .service = RH_TEXT("s3")};
    struct rh_http_request request = {.struct_size = sizeof(request),
                                      .method = rh_text_of(method),
                                      .url = rh_text_of(path),
                                      .body = rh_text_of(body)};
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    struct rh_http_exchange *exchange = NULL;
    struct rh_http_client *client = NULL;
    const struct rh_http *http = &rh_http_service;
    struct rh_text piece;
    struct rh_buf all;
    int rc;

    rh_buf_init(&all, SIZE_MAX);
    options.base_url = rh_text_of(rh_arena_printf(arena, "http://%s", host_of()));
    GOOD(http->client_new(rh_host_services(), &options, &client, &error));
    GOOD(http->send(client, op(), &request, &exchange, &error));
    GOOD(http->answer(exchange, op(), &answer, &error));
    while ((rc = http->read(exchange, op(), &piece, &error)) == RH_OK)
        rh_buf_add_text(&all, piece);
    ck_assert_int_eq(rc, RH_END);
    if (ret_body)
        *ret_body = rh_arena_dup(arena, all.data ? all.data : "", all.len);
    rh_buf_free(&all);
    http->close(exchange);
    http->client_free(client);
    return answer.status;
}

static void store(const char *key, const char *body)
{
    ck_assert_uint_eq(ask("PUT", rh_arena_printf(arena, "/%s/%s", bucket, key), body, NULL), 200);
}

static const char *object(const char *key)
{
    const char *body;

    ck_assert_uint_eq(ask("GET", rh_arena_printf(arena, "/%s/%s", bucket, key), NULL, &body), 200);
    return body;
}

static int connect_to(const char *url, const char *tables)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(url))},
        {RH_TEXT_INIT("bucket"), rh_kit_text(rh_text_of(bucket))},
        {RH_TEXT_INIT("access_key"), rh_kit_text(RH_TEXT("S3RVER"))},
        {RH_TEXT_INIT("secret_key"), rh_kit_text(RH_TEXT("S3RVER"))},
        {RH_TEXT_INIT("tables"), rh_kit_text(rh_text_of(tables))},
        {RH_TEXT_INIT("retries"), rh_kit_int(0)},
    };
    struct rh_settings settings = {
        .struct_size = sizeof(settings), .n = 6, .items = items, .stride = sizeof(items[0])};

    items[4].value.type = RH_TYPE_JSON;
    return library->connector.connect(rh_host_services(), op(), &settings, &conn, &error);
}

static void load(void)
{
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    char path[4096];

    arena = rh_arena_new(SIZE_MAX);
    error = (struct rh_error)RH_ERROR_INIT;
    bucket = rh_arena_printf(arena, "t%016llx", (unsigned long long)rh_rand_u64());
    snprintf(path, sizeof(path), "%s/s3.so", folder ? folder : "plugins");
    if (!library)
        GOOD(rh_library_load(path, &library, &error));
}

#define TABLES                                                                                     \
    "[{\"name\":\"csv\",\"object\":\"a/b.csv\",\"format\":\"csv\",\"key\":[\"id\"],"               \
    "\"columns\":[{\"name\":\"id\",\"type\":\"int\"},{\"name\":\"s\"}]},"                          \
    "{\"name\":\"json\",\"object\":\"c.json\",\"format\":\"json\",\"key\":[\"id\"],"               \
    "\"columns\":[{\"name\":\"id\",\"type\":\"int\"},{\"name\":\"s\"}]},"                          \
    "{\"name\":\"many\",\"prefix\":\"many/\",\"format\":\"ndjson\","                               \
    "\"columns\":[{\"name\":\"id\",\"type\":\"int\"},{\"name\":\"s\"}]}]"

static void start(void)
{
    load();
    ck_assert_uint_eq(ask("PUT", rh_arena_printf(arena, "/%s", bucket), "", NULL), 200);
    GOOD(connect_to(rh_arena_printf(arena, "http://%s", host_of()), TABLES));
}

static void stop(void)
{
    if (conn)
        library->connector.close(conn);
    conn = NULL;
    rh_arena_free(arena);
}

/* ---- Rows ---------------------------------------------------------------------------------------- */

static const struct rh_column columns[] = {
    {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .native_id = 1},
    {.name = RH_TEXT_INIT("s"), .type = RH_TYPE_TEXT, .native_id = 1},
};

static uint32_t n_returning; /* of the columns, in the writes that follow */

static int put(rh_write_fn *function, const char *table, uint32_t n_columns, uint32_t resolve,
               const struct rh_value *cells, uint64_t n_rows)
{
    static const uint32_t key[] = {0};
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .resolve = resolve,
                                 .table = rh_text_of(table),
                                 .columns = columns,
                                 .n_columns = n_columns,
                                 .column_stride = sizeof(columns[0]),
                                 .key = key,
                                 .n_key = function == library->write.insert ? 0 : 1,
                                 .n_rows = n_rows,
                                 .cells = cells,
                                 .returning = columns,
                                 .n_returning = n_returning,
                                 .returning_stride = sizeof(columns[0])};

    result = (struct rh_write_result){.struct_size = sizeof(result)};
    return function(conn, op(), &spec, &result, &error);
}

#define CELLS(...) ((const struct rh_value[]){__VA_ARGS__})
#define INT(n) rh_kit_int(n)
#define TEXT(text) rh_kit_text(RH_TEXT(text))

/* How many rows come, or the class of error. */
static int64_t read_all(const char *table, uint64_t ms)
{
    static const uint32_t select[] = {0, 1};
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = rh_text_of(table),
                             .columns = columns,
                             .n_columns = 2,
                             .column_stride = sizeof(columns[0]),
                             .select = select,
                             .n_select = 2,
                             .limit = RH_NO_LIMIT};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor;
    int64_t n = 0;
    int rc = library->connector.open(conn, op_for(ms), &query, &cursor, &error);

    if (rc)
        return rc;
    while ((rc = library->connector.next(cursor, op_for(ms), 5, &batch, &error)) == RH_OK)
        n += (int64_t)batch.n_rows;
    library->connector.finish(cursor);
    return rc == RH_END ? n : rc;
}

START_TEST(writes_csv)
{
    start();
    ck_assert_int_eq(read_all("csv", 5000), 0);
    GOOD(put(library->write.insert, "csv", 2, 0,
             CELLS(INT(1), TEXT("a,\"b\""), INT(2), rh_kit_null(), INT(3), TEXT("")), 3));
    ck_assert_str_eq(object("a/b.csv"), "id,s\r\n1,\"a,\"\"b\"\"\"\r\n2,\r\n3,\"\"\r\n");
    ck_assert_int_eq(
        put(library->write.insert, "csv", 2, 0, CELLS(INT(9), TEXT("x"), INT(2), TEXT("y")), 2),
        RH_CONSTRAINT);
    ck_assert_uint_eq(error.row, 1);
    GOOD(put(library->write.update, "csv", 2, 0, CELLS(INT(2), TEXT("y"), INT(8), TEXT("z")), 2));
    ck_assert_uint_eq(result.n_affected, 1);
    GOOD(put(library->write.remove, "csv", 1, 0, CELLS(INT(1), INT(7)), 2));
    ck_assert_uint_eq(result.n_affected, 1);
    GOOD(put(library->write.upsert, "csv", 2, RH_RESOLVE_MERGE,
             CELLS(INT(3), TEXT("three"), INT(4), TEXT("four")), 2));
    GOOD(put(library->write.upsert, "csv", 2, RH_RESOLVE_IGNORE, CELLS(INT(4), TEXT("no")), 1));
    ck_assert_str_eq(object("a/b.csv"), "id,s\r\n2,y\r\n3,three\r\n4,four\r\n");
    store("a/b.csv", "id,s,extra\n1,x,kept\n1,y,too\n");
    ck_assert_int_eq(put(library->write.update, "csv", 2, 0, CELLS(INT(1), TEXT("z")), 1),
                     RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    stop();
}
END_TEST

START_TEST(writes_documents)
{
    start();
    store("c.json",
          "[{\"id\": 1, \"big\": 1.10, \"s\": \"x\"},\n {\"id\": 2, \"deep\": {\"a\": []}}]");
    GOOD(put(library->write.update, "json", 2, 0, CELLS(INT(1), rh_kit_null()), 1));
    GOOD(put(library->write.insert, "json", 2, 0, CELLS(INT(3), TEXT("é")), 1));
    ck_assert_str_eq(object("c.json"),
                     "[{\"id\":1,\"big\":1.10,\"s\":null},\n"
                     "{\"id\":2,\"deep\":{\"a\": []}},\n{\"id\":3,\"s\":\"é\"}]\n");
    GOOD(put(library->write.insert, "many", 2, 0, CELLS(INT(1), TEXT("a"), INT(2), TEXT("b")), 2));
    GOOD(put(library->write.insert, "many", 2, 0, CELLS(INT(1), TEXT("a")), 1));
    ck_assert_int_eq(read_all("many", 5000), 3);
    ck_assert_int_eq(put(library->write.remove, "many", 1, 0, CELLS(INT(1)), 1), RH_UNSUPPORTED);
    ck_assert_int_eq(put(library->write.insert, "objects", 2, 0, CELLS(INT(1), TEXT("a")), 1),
                     RH_UNSUPPORTED);
    stop();
}
END_TEST

/* What was returned, as "1:x 2:- …". */
static const char *returned(void)
{
    const struct rh_batch *batch = &result.returned;
    struct rh_buf text;
    const char *kept;

    rh_buf_init(&text, 4096);
    for (uint64_t i = 0; i < batch->n_rows; i++) {
        const struct rh_value *row = batch->cells + i * 2;

        ck_assert_uint_eq(row[0].type, RH_TYPE_INT);
        rh_buf_addf(&text, "%s%lld:", i ? " " : "", (long long)row[0].as.i);
        rh_buf_add_text(&text,
                        row[1].type == RH_TYPE_TEXT ? rh_kit_value_text(&row[1]) : RH_TEXT("-"));
    }
    kept = rh_arena_dup(arena, text.data ? text.data : "", text.len);
    rh_buf_free(&text);
    return kept;
}

static void returns_from(const char *table)
{
    GOOD(put(library->write.insert, table, 2, 0,
             CELLS(INT(3), TEXT("c,\"\n"), INT(1), rh_kit_null(), INT(2), TEXT("b")), 3));
    ck_assert_str_eq(returned(), "3:c,\"\n 1:- 2:b");
    GOOD(put(library->write.update, table, 2, 0,
             CELLS(INT(2), TEXT("bb"), INT(8), TEXT("none"), INT(3), rh_kit_null()), 3));
    ck_assert_str_eq(returned(), "2:bb 3:-");
    GOOD(put(library->write.upsert, table, 2, RH_RESOLVE_IGNORE,
             CELLS(INT(4), TEXT("d"), INT(2), TEXT("no")), 2));
    ck_assert_str_eq(returned(), "4:d");
    GOOD(put(library->write.upsert, table, 2, RH_RESOLVE_MERGE,
             CELLS(INT(5), TEXT("e"), INT(1), TEXT("a")), 2));
    ck_assert_str_eq(returned(), "5:e 1:a");
    GOOD(put(library->write.remove, table, 1, 0, CELLS(INT(5), INT(7), INT(2)), 3));
    ck_assert_str_eq(returned(), "5:e 2:bb");
    ck_assert_uint_eq(result.n_affected, 2);
    GOOD(put(library->write.remove, table, 1, 0, CELLS(INT(7)), 1));
    ck_assert_str_eq(returned(), "");
}

/* Sets id (listed twice) of the rows that have one id to another. */
static int change_ids(const char *table, const struct rh_value *cells, uint64_t n_rows)
{
    static const uint32_t key[] = {0};
    const struct rh_column twice[] = {columns[0], columns[0]};
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .table = rh_text_of(table),
                                 .columns = twice,
                                 .n_columns = 2,
                                 .column_stride = sizeof(twice[0]),
                                 .key = key,
                                 .n_key = 1,
                                 .n_rows = n_rows,
                                 .cells = cells};

    result = (struct rh_write_result){.struct_size = sizeof(result)};
    return library->write.update(conn, op(), &spec, &result, &error);
}

static void keeps_keys_of(const char *table, const char *key, const char *as_it_was,
                          const char *swapped)
{
    GOOD(put(library->write.insert, table, 2, 0,
             CELLS(INT(1), TEXT("a"), INT(2), TEXT("b"), INT(3), TEXT("c")), 3));
    ck_assert_int_eq(change_ids(table, CELLS(INT(2), INT(4), INT(1), INT(3)), 2), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.row, 1);
    ck_assert_int_eq(change_ids(table, CELLS(INT(3), INT(1)), 1), RH_CONSTRAINT);
    ck_assert_uint_eq(error.row, 0);
    ck_assert_int_eq(change_ids(table, CELLS(INT(3), rh_kit_null()), 1), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_str_eq(object(key), as_it_was);
    GOOD(change_ids(table, CELLS(INT(1), INT(2), INT(2), INT(1)), 2));
    ck_assert_str_eq(object(key), swapped);
}

START_TEST(keeps_its_key)
{
    start();
    keeps_keys_of("csv", "a/b.csv", "id,s\r\n1,a\r\n2,b\r\n3,c\r\n",
                  "id,s\r\n2,a\r\n1,b\r\n3,c\r\n");
    keeps_keys_of("json", "c.json",
                  "[{\"id\":1,\"s\":\"a\"},\n{\"id\":2,\"s\":\"b\"},\n{\"id\":3,\"s\":\"c\"}]\n",
                  "[{\"s\":\"a\",\"id\":2},\n{\"s\":\"b\",\"id\":1},\n{\"id\":3,\"s\":\"c\"}]\n");
    store("a/b.csv", "id,s\n1,x\n1,y\n2,z\n");
    GOOD(change_ids("csv", CELLS(INT(2), INT(5)), 1)); /* not our doing: left alone */
    stop();
}
END_TEST

START_TEST(writes_declared_columns_only)
{
    static const struct rh_column other[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .native_id = 1},
        {.name = RH_TEXT_INIT("other"), .type = RH_TYPE_TEXT, .native_id = 1}};
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .columns = other,
                                 .n_columns = 2,
                                 .column_stride = sizeof(other[0]),
                                 .cells = CELLS(INT(1), TEXT("x")),
                                 .n_rows = 1};

    start();
    for (size_t i = 0; i < 3; i++) {
        spec.table = rh_text_of(((const char *const[]){"csv", "json", "many"})[i]);
        result = (struct rh_write_result){.struct_size = sizeof(result)};
        ck_assert_int_eq(library->write.insert(conn, op(), &spec, &result, &error), RH_NOT_FOUND);
        ck_assert_int_eq(read_all(spec.table.data, 5000), 0);
    }
    stop();
}
END_TEST

START_TEST(returns_what_it_has_written)
{
    start();
    n_returning = 2;
    returns_from("csv");
    returns_from("json");
    GOOD(put(library->write.insert, "many", 2, 0, CELLS(INT(1), TEXT("a"), INT(2), TEXT("b")), 2));
    ck_assert_str_eq(returned(), "1:a 2:b");
    n_returning = 0;
    stop();
}
END_TEST

/* ---- Bad answers --------------------------------------------------------------------------------- */

static int listener = -1;
static _Atomic(const char *) answers[3]; /* to lists, to objects, to puts */
static atomic_uint n_asked;

static const char *answer_to(const char *request)
{
    const char *good = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

    if (strncmp(request, "PUT", 3) == 0)
        return answers[2];
    if (strstr(request, "max-keys=1 "))
        return rh_arena_printf(arena, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                               strlen(good), good);
    return strstr(request, "list-type=2") ? answers[0] : answers[1];
}

static void *serve(void *context)
{
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        char request[16384];
        size_t n = 0;
        ssize_t got;
        const char *answer;

        while (n < sizeof(request) - 1 &&
               (got = recv(fd, request + n, sizeof(request) - 1 - n, 0)) > 0) {
            n += (size_t)got;
            request[n] = 0;
            if (strstr(request, "\r\n\r\n"))
                break;
        }
        if (!n)
            continue;
        atomic_fetch_add(&n_asked, 1);
        answer = answer_to(request);
        (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof(request), 0) > 0)
            ;
    }
    return context;
}

static void start_bad(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    pthread_t thread;

    load();
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    pthread_detach(thread);
    GOOD(
        connect_to(rh_arena_printf(arena, "http://127.0.0.1:%d", ntohs(address.sin_port)), TABLES));
}

#define ANSWER(status, headers, body)                                                              \
    "HTTP/1.1 " status " X\r\nConnection: close\r\n" headers "\r\n" body
#define LIST(body) ANSWER("200", "", "<ListBucketResult>" body "</ListBucketResult>")
#define ENTRY "<Contents><Key>many/a</Key><Size>9</Size></Contents>"

static void lists_as(const char *list, const char *object_answer, int error_class)
{
    int64_t rc;

    answers[0] = list;
    answers[1] = object_answer;
    rc = read_all("many", 3000);
    ck_assert_msg(rc == error_class, "%s %s: %d, %s", list, object_answer, (int)rc, error.message);
    ck_assert_ptr_null(strstr(error.message, "S3RVER"));
}

START_TEST(refuses_bad_lists)
{
    start_bad();
    lists_as(ANSWER("200", "", "<html><body>login"), "", RH_PROTOCOL);
    lists_as(ANSWER("200", "", "{}"), "", RH_PROTOCOL);
    lists_as(ANSWER("200", "", "<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>"), "",
             RH_PROTOCOL);
    lists_as(ANSWER("200", "", "<ListBucketResult><Contents>"), "", RH_PROTOCOL);
    lists_as(ANSWER("200", "Content-Length: 1000\r\n", "<ListBucketResult>"), "", RH_UNAVAILABLE);
    lists_as(LIST("<Contents><Key>many/a</Key></Contents>"), "", RH_PROTOCOL);
    lists_as(LIST("<Contents><Key>many/a</Key><Size>-1</Size></Contents>"), "", RH_PROTOCOL);
    lists_as(LIST("<Contents><Size>1</Size></Contents>"), "", RH_PROTOCOL);
    lists_as(LIST("<IsTruncated>true</IsTruncated>"), "", RH_PROTOCOL);
    lists_as(
        LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"), "",
        RH_PROTOCOL);
    lists_as(ANSWER("503", "", "<Error><Code>SlowDown</Code></Error>"), "", RH_RATE_LIMITED);
    lists_as(ANSWER("403", "", "<Error><Code>SignatureDoesNotMatch</Code></Error>"), "", RH_AUTH);
    lists_as(ANSWER("403", "", "<Error><Code>AccessDenied</Code></Error>"), "", RH_PERMISSION);
    lists_as(ANSWER("500", "", "oops"), "", RH_UNAVAILABLE);
    lists_as(ANSWER("302", "Location: http://169.254.169.254/\r\n", ""), "", RH_PROTOCOL);
    stop();
}
END_TEST

static const char *document_of_depth(size_t depth)
{
    char *levels = rh_arena_alloc(arena, 2 * depth + 1);

    memset(levels, '[', depth);
    memset(levels + depth, ']', depth);
    levels[2 * depth] = 0;
    return rh_arena_printf(arena, ANSWER("200", "", "{\"id\": 1, \"s\": %s}\n"), levels);
}

START_TEST(refuses_bad_objects)
{
    start_bad();
    lists_as(LIST(ENTRY), ANSWER("200", "", "{\"id\": 1}\n{\"id\": 2}"), 2);
    lists_as(LIST(ENTRY), ANSWER("200", "", "{\"id\": 1}\n{\"id\": "), RH_PROTOCOL);
    lists_as(LIST(ENTRY), ANSWER("200", "Content-Length: 50\r\n", "{\"id\": 1}\n"), RH_UNAVAILABLE);
    lists_as(LIST(ENTRY), ANSWER("200", "", "[1]\n"), RH_DATA);
    lists_as(LIST(ENTRY), document_of_depth(100), 1);
    lists_as(LIST(ENTRY), document_of_depth(100000), RH_PROTOCOL);
    lists_as(LIST(ENTRY), ANSWER("200", "Content-Encoding: gzip\r\n", "no gzip"), RH_PROTOCOL);
    lists_as(LIST(ENTRY), ANSWER("404", "", "<Error><Code>NoSuchKey</Code></Error>"), 0);
    lists_as(LIST(ENTRY), ANSWER("403", "", "<Error><Code>InvalidObjectState</Code></Error>"),
             RH_UNSUPPORTED);
    ck_assert_uint_gt(n_asked, 10);
    stop();
}
END_TEST

START_TEST(knows_what_it_has_written)
{
    start_bad();
    answers[1] = ANSWER("200", "ETag: \"1\"\r\n", "id,s\n1,x\n");
    answers[2] = ANSWER("412", "", "<Error><Code>PreconditionFailed</Code></Error>");
    ck_assert_int_eq(put(library->write.insert, "csv", 2, 0, CELLS(INT(2), TEXT("x")), 1),
                     RH_CONFLICT);
    answers[2] = "";
    ck_assert_int_eq(put(library->write.insert, "csv", 2, 0, CELLS(INT(2), TEXT("x")), 1),
                     RH_UNKNOWN_OUTCOME);
    answers[2] = ANSWER("500", "", "<Error><Code>InternalError</Code></Error>");
    ck_assert_int_eq(put(library->write.insert, "csv", 2, 0, CELLS(INT(2), TEXT("x")), 1),
                     RH_UNKNOWN_OUTCOME);
    answers[2] = ANSWER("503", "", "<Error><Code>SlowDown</Code></Error>");
    ck_assert_int_eq(put(library->write.insert, "csv", 2, 0, CELLS(INT(2), TEXT("x")), 1),
                     RH_RATE_LIMITED);
    answers[1] = ANSWER("200", "", "id,s\n1,x\n");
    ck_assert_int_eq(put(library->write.insert, "csv", 2, 0, CELLS(INT(2), TEXT("x")), 1),
                     RH_PROTOCOL);
    answers[1] = ANSWER("200", "ETag: \"1\"\r\nContent-Length: 99\r\n", "id,s\n1,x\n");
    ck_assert_int_eq(put(library->write.insert, "csv", 2, 0, CELLS(INT(2), TEXT("x")), 1),
                     RH_UNAVAILABLE);
    stop();
}
END_TEST

START_TEST(refuses_bad_settings)
{
    static const char *const bad[] = {
        "{}",
        "[{}]",
        "[{\"name\":\"x\",\"format\":\"csv\"}]",
        "[{\"name\":\"x\",\"object\":\"a\",\"prefix\":\"b\",\"format\":\"csv\"}]",
        "[{\"name\":\"x\",\"object\":\"a\",\"format\":\"xls\"}]",
        "[{\"name\":\"x\",\"object\":\"a\",\"format\":\"csv\",\"separator\":\"\\\"\"}]",
        "[{\"name\":\"x\",\"object\":\"a\",\"format\":\"csv\",\"keys\":[]}]",
        ("[{\"name\":\"x\",\"object\":\"a\",\"format\":\"csv\","
         "\"columns\":[{\"name\":\"a\"},{\"name\":\"a\"}]}]")};

    load();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(connect_to("http://127.0.0.1:1", bad[i]) == RH_CONFIG, "%s", bad[i]);
    ck_assert_int_eq(connect_to("ftp://x", "[]"), RH_CONFIG);
    ck_assert_int_eq(connect_to("http://127.0.0.1:1", "[]"), RH_UNAVAILABLE);
    bucket = "a/b";
    ck_assert_int_eq(connect_to("http://127.0.0.1:1", "[]"), RH_CONFIG);
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {writes_csv,
                                  writes_documents,
                                  keeps_its_key,
                                  writes_declared_columns_only,
                                  returns_what_it_has_written,
                                  refuses_bad_lists,
                                  refuses_bad_objects,
                                  knows_what_it_has_written,
                                  refuses_bad_settings};

    server = getenv("ROWHOUSE_TEST_S3");
    if (!server || !strchr(server, '@')) {
        fputs("ROWHOUSE_TEST_S3 is not set\n", stderr);
        return 77;
    }
    return tests_run("s3", tests, sizeof(tests) / sizeof(tests[0]));
}
