/*
 * Writing through the connectors: memory (no pushdown: rows are found by the host and written by
 * key), sqlite (set-based where the condition is exact), postgres where ROWHOUSE_TEST_POSTGRES names
 * a server, and copies of the memory connector: without transactions, and with each row of a call for
 * itself.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "lib/tests.h"
#include "rows/encode.h"
#include "rows/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct rh_registry *registry;
static struct rh_datasource *datasource;
static struct rh_arena *arena;
static struct rh_operation op;
static struct rh_session session;
static struct rh_error error;
static char folder[] = "/tmp/rowhouse-test-XXXXXX";
static char file[64];

/* ---- A datasource with one table --------------------------------------------------------- */

static const struct rh_column columns[] = {
    {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
    {.name = RH_TEXT_INIT("name"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_NOT_NULL},
    {.name = RH_TEXT_INIT("total"), .type = RH_TYPE_DECIMAL, .precision = 10, .scale = 2},
    {.name = RH_TEXT_INIT("note"), .type = RH_TYPE_TEXT},
    {.name = RH_TEXT_INIT("doc"), .type = RH_TYPE_JSON},
    {.name = RH_TEXT_INIT("at"), .type = RH_TYPE_TIMESTAMP},
    {.name = RH_TEXT_INIT("a/b~"), .type = RH_TYPE_INT},
};

static void create_tables(void)
{
    static const uint32_t key[] = {0};
    struct rh_table tables[] = {
        {.name = RH_TEXT_INIT("write_test"), .key = key, .n_key = 1},
        {.name = RH_TEXT_INIT("write_nokey")},
    };
    struct rh_ddl_change changes[2];
    for (unsigned i = 0; i < 2; i++) {
        tables[i].struct_size = sizeof(tables[i]);
        tables[i].columns = columns;
        tables[i].n_columns = sizeof(columns) / sizeof(columns[0]);
        tables[i].column_stride = sizeof(columns[0]);
        changes[i] = (struct rh_ddl_change){.kind = RH_DDL_CREATE_TABLE, .table = &tables[i]};
    }
    struct rh_lease lease;
    struct rh_text native = {0};
    struct rh_error ignored = RH_ERROR_INIT;
    ck_assert_int_eq(rh_pool_borrow(rh_datasource_pool(datasource), &op, &lease, &error), 0);
    const struct rh_ddl *ddl = lease.library->connector.ddl;
    for (unsigned i = 0; i < 2; i++) { /* of an earlier test, on a server */
        struct rh_ddl_change drop = {.kind = RH_DDL_DROP_TABLE, .table = &tables[i]};
        rh_error_clear(&ignored);
        ddl->apply(lease.conn, &op.abi, &drop, 1, sizeof(drop), 0, &native, &ignored);
    }
    int r = ddl->apply(lease.conn, &op.abi, changes, 2, sizeof(changes[0]), 0, &native, &error);
    ck_assert_msg(r == 0, "%s", error.message);
    rh_pool_return(&lease, r);
}

static void add_connector(struct rh_connector *connector, const char *id)
{
    struct rh_library *library = NULL;
    connector->id = rh_text_of(id);
    ck_assert_msg(rh_library_adopt(connector, id, &library, &error) == 0, "%s", error.message);
    ck_assert_int_eq(rh_registry_add(registry, library, &error), 0);
}

static const struct rh_connector *memory_connector(void)
{
    const struct rh_library *memory = NULL;
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory"), &memory, &error), 0);
    return &memory->connector;
}

static int32_t cannot_upsert(struct rh_conn *conn, const struct rh_op *of,
                             const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                             struct rh_error *ret_error)
{
    return rh_fail(ret_error, RH_UNSUPPORTED, "there are no upserts");
}

/* The memory connector without transactions and upserts, at most 10 rows per call. */
static void add_plain_connector(void)
{
    static struct rh_limits limits = {.struct_size = sizeof(limits), .rows_per_write = 10};
    static struct rh_write group;
    static struct rh_connector connector;
    connector = *memory_connector();
    group = *connector.write;
    group.upsert = cannot_upsert;
    connector.write = &group;
    connector.tx = NULL;
    connector.limits = &limits;
    add_connector(&connector, "plain");
}

/* ---- Each row of a call for itself ------------------------------------------------------- */

static rh_write_fn *memory_insert;
static uint64_t each_gives_up; /* the call fails when so many rows are written; 0: it does not */

/* The cells live until the op's end; those of a call only until the next. */
static void keep_cells(const struct rh_op *of, struct rh_value *to, const struct rh_value *from,
                       uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        to[i] = from[i];
        if (from[i].type == RH_TYPE_TEXT || from[i].type == RH_TYPE_DECIMAL ||
            from[i].type == RH_TYPE_JSON)
            to[i].as.data = rh_arena_dup(of->arena, from[i].as.data, from[i].len);
    }
}

static int32_t insert_each(struct rh_conn *conn, const struct rh_op *of,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *ret_error)
{
    struct rh_value *kept =
        rh_arena_alloc(of->arena, (spec->n_rows * spec->n_returning + 1) * sizeof(*kept));
    uint64_t n_written = 0;
    ck_assert_ptr_nonnull(ret_result->statuses);
    for (uint64_t i = 0; i < spec->n_rows; i++) {
        struct rh_write_spec one = *spec;
        struct rh_write_result result = {.struct_size = sizeof(result),
                                         .returned = {.struct_size = sizeof(result.returned)}};
        struct rh_error problem = RH_ERROR_INIT;
        ck_assert_int_eq(ret_result->statuses[i].error_class, 0); /* as the host promises */
        if (each_gives_up && n_written == each_gives_up)
            return rh_fail(ret_error, RH_DATA, "the rest cannot be sent");
        one.cells += i * spec->n_columns;
        one.n_rows = 1;
        int r = memory_insert(conn, of, &one, &result, &problem);
        if (r) {
            ret_result->statuses[i] = (struct rh_row_status){
                r, problem.constraint,
                rh_text_of(rh_arena_dup(of->arena, problem.message, strlen(problem.message)))};
            continue;
        }
        keep_cells(of, kept + n_written++ * spec->n_returning, result.returned.cells,
                   spec->n_returning);
    }
    ret_result->n_affected = n_written;
    ret_result->returned.n_rows = n_written;
    ret_result->returned.n_cols = spec->n_returning;
    ret_result->returned.cells = kept;
    return 0;
}

/* With transactions and without; neither has upserts. */
static void add_each_connectors(void)
{
    static struct rh_write group;
    static struct rh_connector connector, plain;
    const struct rh_connector *memory = memory_connector();
    memory_insert = memory->write->insert;
    group = *memory->write;
    group.atomicity = RH_ATOMIC_ROW;
    group.insert = insert_each;
    group.upsert = cannot_upsert;
    connector = plain = *memory;
    connector.write = plain.write = &group;
    plain.tx = NULL;
    add_connector(&connector, "each");
    add_connector(&plain, "each_plain");
}

static void open_session(void)
{
    ck_assert_msg(rh_session_open(datasource, &op, &session, &error) == 0, "%s", error.message);
    ck_assert_uint_eq(op.abi.memory_budget, rh_datasource_budget(datasource)->memory_bytes);
}

static void start(const char *connector)
{
    rh_error_clear(&error);
    ck_assert_msg(rh_registry_new(NULL, &registry, &error) == 0, "%s", error.message);
    add_plain_connector();
    add_each_connectors();
    json_t *config = NULL;
    if (!strcmp(connector, "sqlite")) {
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(file, sizeof(file), "%s/t.db", folder);
        config = json_pack("{s:s}", "path", file);
    } else if (!strcmp(connector, "postgres")) {
        config = json_pack("{s:s}", "url", getenv("ROWHOUSE_TEST_POSTGRES"));
    } else {
        config = json_pack("{s:s}", "name", "test");
    }
    int r = rh_datasource_new(registry, "test", rh_text_of(connector), config, NULL, NULL,
                              &datasource, &error);
    ck_assert_msg(r == 0, "%s", error.message);
    json_decref(config);
    arena = rh_arena_new((size_t)1 << 30);
    rh_operation_init(&op, arena, NULL, rh_clock_us() + 300000000);
    create_tables();
    open_session();
}

static void stop(void)
{
    rh_session_close(&session);
    rh_datasource_unref(datasource);
    rh_arena_free(arena);
    if (file[0]) {
        unlink(file);
        rmdir(folder);
    }
}

static const char *const connectors[] = {"memory", "sqlite", "postgres"};

static const struct rh_table *table_of(const char *name)
{
    const struct rh_table *table = NULL;
    ck_assert_msg(rh_tableset_find(session.tables, rh_text_of(name), &table, &error) == 0, "%s",
                  error.message);
    return table;
}

/* ---- Input and output -------------------------------------------------------------------- */

static struct rh_json *json(const char *text)
{
    struct rh_json *value = NULL;
    ck_assert_msg(rh_json_parse(arena, rh_text_of(text), &value, &error) == 0, "%s: %s", text,
                  error.message);
    return value;
}

static struct rh_value *key(int64_t id)
{
    struct rh_value *value = rh_arena_alloc(arena, sizeof(*value));
    *value = (struct rh_value){.type = RH_TYPE_INT, .as.i = id};
    return value;
}

static struct rh_cond *where(const char *text)
{
    struct rh_cond *cond = NULL;
    ck_assert_msg(rh_spec_parse_where(arena, json(text), "/where", &cond, &error) == 0, "%s",
                  error.message);
    return cond;
}

struct output {
    struct rh_buf buf;
    char statuses[256];
    uint64_t n_progress;
};

static int take_rows(void *context, const struct rh_column *returned, uint32_t n,
                     const struct rh_batch *batch, struct rh_error *ret_error)
{
    struct output *output = context;
    struct rh_encoder *encoder = rh_encoder_new(arena, RH_FORMAT_NDJSON, returned, n, false);
    rh_encoder_rows(encoder, &output->buf, batch);
    return 0;
}

static int take_status(void *context, uint64_t row, const struct rh_error *outcome,
                       struct rh_error *ret_error)
{
    struct output *output = context;
    size_t len = strlen(output->statuses);
    snprintf(output->statuses + len, sizeof(output->statuses) - len, "%llu%s ",
             (unsigned long long)row, outcome ? rh_error_problem(outcome) : "");
    return 0;
}

static void take_progress(void *context, uint64_t n_rows)
{
    struct output *output = context;
    ck_assert_uint_ge(n_rows, output->n_progress);
    output->n_progress = n_rows;
}

static struct output output;
static const struct rh_write_sink sink = {&output, take_rows, take_status, take_progress};
static struct rh_write_counts counts;

static void clear_output(void)
{
    rh_buf_free(&output.buf);
    output = (struct output){0};
    rh_buf_init(&output.buf, 64 << 20);
    counts = (struct rh_write_counts){0};
    rh_error_clear(&error);
}

static const char *returned(void)
{
    return rh_arena_dup(arena, output.buf.data ? output.buf.data : "", output.buf.len);
}

/* The table's rows as lines. */
static const char *rows_of(const char *query)
{
    struct rh_spec *spec = NULL;
    struct rh_read *read = NULL;
    struct rh_read_options options = {.stream = true};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_buf buf;
    uint32_t n = 0;
    rh_error_clear(&error);
    ck_assert_int_eq(rh_spec_parse_url(arena, rh_text_of(query), "", &spec, &error), 0);
    int r = rh_read_open(&session, RH_TEXT("write_test"), spec, &options, &read, &error);
    ck_assert_msg(r == 0, "%s", error.message);
    const struct rh_column *outputs = rh_read_columns(read, &n);
    struct rh_encoder *encoder = rh_encoder_new(arena, RH_FORMAT_NDJSON, outputs, n, false);
    rh_buf_init(&buf, 64 << 20);
    while ((r = rh_read_next(read, &batch, &error)) == 0)
        rh_encoder_rows(encoder, &buf, &batch);
    ck_assert_msg(r == RH_END, "%s", error.message);
    rh_read_close(read);
    const char *text = rh_arena_dup(arena, buf.data ? buf.data : "", buf.len);
    rh_buf_free(&buf);
    return text;
}

static int64_t count_rows(void)
{
    const char *text = rows_of("aggregate=n:count(*)");
    return strtoll(text + strlen("{\"n\":"), NULL, 10);
}

enum format { JSON, NDJSON, CSV };

static int insert_as(enum format format, const char *body, const struct rh_write_options *options)
{
    struct rh_row_source *source = NULL;
    struct rh_text text = rh_text_of(body);
    clear_output();
    int r = format == JSON     ? rh_row_source_json(arena, text, &source, &error)
            : format == NDJSON ? rh_row_source_ndjson(arena, text, &source, &error)
                               : rh_row_source_csv(arena, text, &source, &error);
    return r ? r
             : rh_write_insert(&session, table_of("write_test"), source, options, &sink, &counts,
                               &error);
}

static int insert(const char *body, const struct rh_write_options *options)
{
    return insert_as(JSON, body, options);
}

static int upsert(const char *body, const struct rh_write_options *options)
{
    struct rh_row_source *source = NULL;
    clear_output();
    ck_assert_int_eq(rh_row_source_json(arena, rh_text_of(body), &source, &error), 0);
    return rh_write_upsert(&session, table_of("write_test"), source, options, &sink, &counts,
                           &error);
}

#define N(array) (int)(sizeof(array) / sizeof((array)[0]))
#define OK(call) ck_assert_msg((call) == 0, "%s (%s)", error.message, error.hint)

/* A JSON array of rows with ids from first on. */
static char *many(int first, int n, const char *extra)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 64 << 20);
    rh_buf_add_char(&buf, '[');
    for (int i = 0; i < n; i++)
        rh_buf_addf(&buf, "%s{\"id\":%d,\"name\":\"n%d\"}", i ? "," : "", first + i, first + i);
    rh_buf_addf(&buf, "%s]", extra);
    return rh_buf_take(&buf);
}

/* ---- Inserting --------------------------------------------------------------------------- */

START_TEST(inserts_one_and_many)
{
    struct rh_write_options keys = {.returning = RH_RETURNING_KEYS};
    start(connectors[_i]);
    OK(insert("{\"id\":1,\"name\":\"a\",\"total\":1.5,\"doc\":{\"x\": [1, 2]},"
              "\"at\":\"2024-01-01T02:00:00+02:00\"}",
              &keys));
    ck_assert_str_eq(returned(), "{\"id\":1}\n");
    ck_assert_uint_eq(counts.n_rows, 1);
    ck_assert_uint_eq(counts.n_affected, 1);
    OK(insert("[{\"id\":2,\"name\":\"b\"},{\"name\":\"c\",\"id\":3,\"note\":\"x\"},"
              "{\"total\":\"7.00\",\"id\":\"4\",\"name\":\"d\",\"a/b~\":9}]",
              &keys));
    ck_assert_str_eq(returned(), "{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n");
    ck_assert_str_eq(rows_of("select=id,name,note,a/b~&order=id"),
                     "{\"id\":1,\"name\":\"a\",\"note\":null,\"a/b~\":null}\n"
                     "{\"id\":2,\"name\":\"b\",\"note\":null,\"a/b~\":null}\n"
                     "{\"id\":3,\"name\":\"c\",\"note\":\"x\",\"a/b~\":null}\n"
                     "{\"id\":4,\"name\":\"d\",\"note\":null,\"a/b~\":9}\n");
    ck_assert_str_eq(rows_of("select=at,doc&id=eq.1"),
                     "{\"at\":\"2024-01-01T00:00:00Z\",\"doc\":{\"x\": [1, 2]}}\n");
    ck_assert_str_eq(rows_of("select=id&total=eq.7"), "{\"id\":4}\n");
    OK(insert("[]", NULL));
    ck_assert_uint_eq(counts.n_rows, 0);
    struct rh_write_options rows = {.returning = RH_RETURNING_ROWS};
    OK(insert("{\"id\":5,\"name\":\"e\"}", &rows));
    ck_assert_ptr_nonnull(strstr(returned(), "\"name\":\"e\""));
    stop();
}
END_TEST

static const struct {
    const char *body;
    int error_class;
    const char *code;
    const char *pointer;
} refused[] = {
    {"{\"id\":1,\"nam\":\"a\"}", RH_INVALID, "unknown-column", "/nam"},
    {"[{\"id\":1,\"name\":\"a\"},{\"id\":\"x\",\"name\":\"b\"}]", RH_INVALID, "invalid-value",
     "/1/id"},
    {"[{\"id\":1,\"name\":\"a\",\"a/b~\":true}]", RH_INVALID, "invalid-value", "/0/a~1b~0"},
    {"{\"id\":1}", RH_CONSTRAINT, "", "/name"},
    {"[{\"id\":1,\"name\":null}]", RH_CONSTRAINT, "", "/0/name"},
    {"{\"id\":1,\"name\":\"a\",\"total\":1.005}", RH_INVALID, "invalid-value", "/total"},
    {"{\"id\":1,\"name\":\"a\",\"total\":123456789}", RH_INVALID, "invalid-value", "/total"},
    {"{\"id\":1,\"name\":\"a\",\"at\":5}", RH_INVALID, "invalid-value", "/at"},
    {"[{\"id\":1,\"name\":\"a\"},[1]]", RH_INVALID, "", "/1"},
    {"[{\"id\":1,\"name\":\"a\"},]", RH_INVALID, "invalid-json", NULL},
    {"5", RH_INVALID, "", NULL},
    {"[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"}]", RH_CONSTRAINT, NULL, NULL},
};

START_TEST(refused_rows_leave_nothing)
{
    start(connectors[_i / N(refused)]);
    unsigned i = (unsigned)_i % N(refused);
    ck_assert_msg(insert(refused[i].body, NULL) == refused[i].error_class, "%s: %s",
                  refused[i].body, error.message);
    if (refused[i].code)
        ck_assert_str_eq(error.code, refused[i].code);
    if (refused[i].pointer)
        ck_assert_str_eq(error.pointer, refused[i].pointer);
    ck_assert_int_eq(count_rows(), 0);
    ck_assert(!session.in_transaction);
    stop();
}
END_TEST

START_TEST(decimals_within_the_scale_are_taken)
{
    start("memory");
    OK(insert("[{\"id\":1,\"name\":\"a\",\"total\":12345678.90},"
              "{\"id\":2,\"name\":\"a\",\"total\":\"-0.1000\"},{\"id\":3,\"name\":\"a\","
              "\"total\":1e2}]",
              NULL));
    stop();
}
END_TEST

START_TEST(many_batches_are_one_unit)
{
    start(connectors[_i]);
    char *body = many(0, 20000, "");
    OK(insert(body, NULL));
    ck_assert_uint_eq(counts.n_affected, 20000);
    ck_assert_uint_eq(output.n_progress, 20000);
    ck_assert_int_eq(count_rows(), 20000);
    free(body);
    body = many(20000, 20000, ",{\"id\":5,\"name\":\"again\"}");
    ck_assert_int_eq(insert(body, NULL), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.row, 20000);
    ck_assert_int_eq(count_rows(), 20000);
    free(body);
    stop();
}
END_TEST

START_TEST(rows_for_themselves)
{
    struct rh_write_options each = {.not_atomic = true};
    start(connectors[_i]);
    OK(insert("[{\"id\":3,\"name\":\"old\"}]", NULL));
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":2},{\"id\":3,\"name\":\"c\"},"
              "{\"id\":4,\"name\":\"d\"},{\"id\":4,\"name\":\"d\"},{\"nope\":1},"
              "{\"id\":6,\"name\":\"f\"}]",
              &each));
    ck_assert_str_eq(output.statuses, "0 1constraint 2constraint 3 4constraint 5unknown-column 6 ");
    ck_assert_uint_eq(counts.n_rows, 7);
    ck_assert_uint_eq(counts.n_failed, 4);
    ck_assert_uint_eq(counts.n_affected, 3);
    ck_assert_str_eq(rows_of("select=id,name&order=id"),
                     "{\"id\":1,\"name\":\"a\"}\n{\"id\":3,\"name\":\"old\"}\n"
                     "{\"id\":4,\"name\":\"d\"}\n{\"id\":6,\"name\":\"f\"}\n");
    stop();
}
END_TEST

START_TEST(rows_for_themselves_within_a_transaction)
{
    struct rh_write_options each = {.not_atomic = true};
    start(connectors[_i]);
    OK(rh_session_begin(&session, 0, &error));
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"}]",
              &each));
    ck_assert_uint_eq(counts.n_failed, 1);
    ck_assert_uint_eq(session.n_savepoints, 0);
    ck_assert_int_eq(count_rows(), 2);
    OK(rh_session_rollback(&session, &error));
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

static const char one_twice[] =
    "[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"}]";

START_TEST(statuses_of_a_call)
{
    struct rh_write_options each = {.not_atomic = true, .returning = RH_RETURNING_KEYS};
    start(_i ? "each_plain" : "each");
    OK(insert(one_twice, &each));
    ck_assert_str_eq(output.statuses, "0 1constraint 2 ");
    ck_assert_str_eq(returned(), "{\"id\":1}\n{\"id\":2}\n");
    ck_assert_uint_eq(counts.n_affected, 2);
    ck_assert_uint_eq(counts.n_failed, 1);
    ck_assert_str_eq(rows_of("select=name&order=id"), "{\"name\":\"a\"}\n{\"name\":\"c\"}\n");
    stop();
}
END_TEST

/* All or nothing by a transaction around the call; without one only a single row is. */
START_TEST(atomic_although_the_call_is_not)
{
    start(_i ? "each_plain" : "each");
    ck_assert_int_eq(insert(one_twice, NULL), _i ? RH_UNSUPPORTED : RH_CONSTRAINT);
    if (_i) {
        ck_assert_str_eq(error.code, "no-transactions");
    } else {
        ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
        ck_assert_str_eq(error.pointer, "/1");
    }
    ck_assert_int_eq(count_rows(), 0);
    OK(insert("[{\"id\":5,\"name\":\"a\"}]", NULL));
    ck_assert_int_eq(insert("[{\"id\":5,\"name\":\"b\"}]", NULL), RH_CONSTRAINT);
    if (!_i)
        OK(insert("[{\"id\":6,\"name\":\"a\"},{\"id\":7,\"name\":\"b\"}]", NULL));
    ck_assert_int_eq(count_rows(), _i ? 1 : 3);
    stop();
}
END_TEST

/* A call that fails as a whole may have written rows: they are not sent again unless a savepoint
 * took them back. */
START_TEST(rows_are_not_sent_twice)
{
    struct rh_write_options each = {.not_atomic = true};
    start("each");
    each_gives_up = 2;
    ck_assert_int_eq(insert(one_twice, &each), 0); /* gave up after the last */
    ck_assert_int_eq(
        insert("[{\"id\":3,\"name\":\"a\"},{\"id\":4,\"name\":\"b\"},{\"id\":5,\"name\":\"c\"}]",
               &each),
        RH_DATA);
    ck_assert_str_eq(rows_of("select=id&order=id"),
                     "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n");
    OK(rh_session_begin(&session, 0, &error));
    OK(insert("[{\"id\":6,\"name\":\"a\"},{\"id\":7,\"name\":\"b\"},{\"id\":8,\"name\":\"c\"}]",
              &each));
    ck_assert_str_eq(output.statuses, "0 1 2 ");
    OK(rh_session_commit(&session, &error));
    ck_assert_int_eq(count_rows(), 7);
    stop();
}
END_TEST

START_TEST(without_transactions_one_call_is_the_unit)
{
    struct rh_write_options each = {.not_atomic = true};
    start("plain");
    char *body = many(0, 10, "");
    OK(insert(body, NULL));
    free(body);
    body = many(10, 11, "");
    ck_assert_int_eq(insert(body, NULL), RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-transactions");
    ck_assert_int_eq(count_rows(), 10);
    OK(insert(body, &each));
    ck_assert_int_eq(count_rows(), 21);
    free(body);
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), RH_UNSUPPORTED);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_write_delete_where(&session, table_of("write_test"),
                                           where("{\"id\":{\"gte\":5}}"), false, NULL, NULL,
                                           &counts, &error),
                     RH_UNSUPPORTED);
    ck_assert_int_eq(count_rows(), 21);
    rh_error_clear(&error);
    OK(rh_write_delete_where(&session, table_of("write_test"), where("{\"id\":{\"gte\":12}}"),
                             false, NULL, NULL, &counts, &error));
    ck_assert_int_eq(count_rows(), 12);
    stop();
}
END_TEST

/* ---- Formats ----------------------------------------------------------------------------- */

START_TEST(csv_and_ndjson)
{
    start(connectors[_i]);
    OK(insert_as(CSV,
                 "\xEF\xBB\xBFid,name,note,doc,total\r\n"
                 "1,a,,\"{\"\"x\"\": 1}\",1.50\r\n\r\n"
                 "2,\"b,\"\"\n\",\"\",7,\n"
                 "3,\xC3\xA5,x,plain,-2\n",
                 NULL));
    ck_assert_uint_eq(counts.n_rows, 3);
    ck_assert_str_eq(rows_of("select=id,name,note,doc&order=id"),
                     "{\"id\":1,\"name\":\"a\",\"note\":null,\"doc\":{\"x\": 1}}\n"
                     "{\"id\":2,\"name\":\"b,\\\"\\n\",\"note\":\"\",\"doc\":7}\n"
                     "{\"id\":3,\"name\":\"\xC3\xA5\",\"note\":\"x\",\"doc\":\"plain\"}\n");
    OK(insert_as(NDJSON, "{\"id\":4,\"name\":\"d\"}\n\n{\"id\":5,\"name\":\"e\"}\n", NULL));
    ck_assert_uint_eq(counts.n_rows, 2);
    OK(insert_as(CSV, "id,name\n", NULL));
    ck_assert_uint_eq(counts.n_rows, 0);
    stop();
}
END_TEST

static const struct {
    enum format format;
    const char *body;
    const char *code;
    const char *says;
} malformed[] = {
    {CSV, "", "invalid-csv", "line 1"},
    {CSV, "id,name\n1,a\n2\n", "invalid-csv", "line 3 has fewer"},
    {CSV, "id,name\n1,\"a\nb\"\n2,b,c\n", "invalid-csv", "line 4 has more"},
    {CSV, "id,name\n1,\"a\n", "invalid-csv", "line 2: a quoted"},
    {CSV, "id,name\n1,\"a\"b\n", "invalid-csv", "line 2: there is text"},
    {CSV, "id,name\n1,a\"b\n", "invalid-csv", "line 2: a quote"},
    {CSV, "id,id\n", "invalid-csv", "twice"},
    {CSV, "id,\n", "invalid-csv", "no name"},
    {CSV, "id,name\n1,\xFF\n", "invalid-csv", "UTF-8"},
    {CSV, "id,name\nx,a\n", "invalid-value", "\"x\""},
    {NDJSON, "{\"id\":1,\"name\":\"a\"}\n{\"id\":}\n", "invalid-json", "row 1"},
};

START_TEST(malformed_input_is_refused)
{
    start("memory");
    ck_assert_int_eq(insert_as(malformed[_i].format, malformed[_i].body, NULL), RH_INVALID);
    ck_assert_str_eq(error.code, malformed[_i].code);
    ck_assert_msg(strstr(error.message, malformed[_i].says), "%s", error.message);
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

/* ---- Upserts ----------------------------------------------------------------------------- */

START_TEST(upserts_merge_or_ignore)
{
    struct rh_write_options merge = {.resolution = RH_RESOLVE_MERGE};
    struct rh_write_options ignore = {.resolution = RH_RESOLVE_IGNORE};
    struct rh_write_options by = {.conflict_columns = RH_TEXT_INIT("id")};
    struct rh_write_options unknown = {.conflict_columns = RH_TEXT_INIT("idd")};
    start(connectors[_i]);
    OK(insert("{\"id\":1,\"name\":\"a\",\"note\":\"kept\"}", NULL));
    OK(upsert("[{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"}]", &merge));
    OK(upsert("[{\"id\":1,\"name\":\"x\"},{\"id\":3,\"name\":\"d\"}]", &ignore));
    OK(upsert("[{\"id\":3,\"name\":\"e\"}]", &by));
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":1,\"name\":\"b\",\"note\":\"kept\"}\n"
                     "{\"id\":2,\"name\":\"c\",\"note\":null}\n"
                     "{\"id\":3,\"name\":\"e\",\"note\":null}\n");
    ck_assert_int_eq(upsert("[{\"id\":1,\"name\":\"b\"}]", &unknown), RH_INVALID);
    ck_assert_str_eq(error.code, "unknown-column");
    ck_assert_int_lt(upsert("[{\"name\":\"b\"}]", &merge), 0);
    ck_assert_str_eq(error.pointer, "/0/id");
    stop();
}
END_TEST

static const char *const without_upserts[] = {"each", "each_plain", "plain"};

/* The host looks which rows are there, by any columns. */
START_TEST(upserts_by_reading)
{
    struct rh_write_options merge = {.not_atomic = true, .conflict_columns = RH_TEXT_INIT("name")};
    struct rh_write_options ignore = merge, pair = merge;
    ignore.resolution = RH_RESOLVE_IGNORE;
    pair.conflict_columns = RH_TEXT("note,name");
    start(without_upserts[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\",\"note\":\"n\"}]", NULL));
    /* What an earlier row made a later one finds; what a row leaves out stays as it is. */
    OK(upsert("[{\"name\":\"z\",\"id\":2},{\"name\":\"a\",\"id\":1},{\"name\":\"z\",\"id\":2,"
              "\"note\":\"y\"},"
              "{\"name\":\"a\",\"id\":10,\"note\":\"w\"},{\"name\":\"b\",\"id\":3}]",
              &merge));
    ck_assert_str_eq(output.statuses, "0 1 2 3 4 ");
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":2,\"name\":\"z\",\"note\":\"y\"}\n"
                     "{\"id\":3,\"name\":\"b\",\"note\":null}\n"
                     "{\"id\":10,\"name\":\"a\",\"note\":\"w\"}\n");
    OK(upsert("[{\"name\":\"a\",\"id\":1,\"note\":\"!\"},{\"name\":\"c\",\"id\":4}]", &ignore));
    OK(upsert("[{\"name\":\"a\",\"note\":\"w\",\"id\":5},{\"name\":\"a\",\"note\":\"v\",\"id\":6}]",
              &pair));
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":2,\"name\":\"z\",\"note\":\"y\"}\n"
                     "{\"id\":3,\"name\":\"b\",\"note\":null}\n"
                     "{\"id\":4,\"name\":\"c\",\"note\":null}\n"
                     "{\"id\":5,\"name\":\"a\",\"note\":\"w\"}\n"
                     "{\"id\":6,\"name\":\"a\",\"note\":\"v\"}\n");
    /* Two rows have this name; a NULL is like no other. */
    OK(upsert("[{\"name\":\"b\",\"id\":3,\"note\":\"!\"},{\"name\":\"a\",\"id\":1,\"note\":\"?\"}]",
              &merge));
    ck_assert_str_eq(output.statuses, "0 1constraint ");
    OK(upsert("[{\"name\":\"c\",\"note\":null,\"id\":7}]", &pair));
    ck_assert_str_eq(
        rows_of("select=id,note&order=id&id=gte.3"),
        "{\"id\":3,\"note\":\"!\"}\n{\"id\":4,\"note\":null}\n{\"id\":5,\"note\":\"w\"}\n"
        "{\"id\":6,\"note\":\"v\"}\n{\"id\":7,\"note\":null}\n");
    stop();
}
END_TEST

START_TEST(upserts_by_reading_are_one_unit)
{
    struct rh_write_options by = {.conflict_columns = RH_TEXT_INIT("name"),
                                  .returning = RH_RETURNING_KEYS};
    bool transactions = !_i;
    start(without_upserts[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\"}]", NULL));
    OK(upsert("[{\"id\":1,\"name\":\"a\",\"note\":\"x\"}]", &by));
    ck_assert_str_eq(returned(), "{\"id\":1}\n");
    int r = upsert("[{\"id\":2,\"name\":\"b\"},{\"id\":1,\"name\":\"a\",\"note\":\"y\"},{\"id\":1,"
                   "\"name\":\"c\"}]",
                   &by);
    ck_assert_int_eq(r, transactions ? RH_CONSTRAINT : RH_UNSUPPORTED);
    ck_assert_str_eq(transactions ? error.pointer : error.code,
                     transactions ? "/2" : "no-transactions");
    ck_assert_str_eq(rows_of("select=id,note"), "{\"id\":1,\"note\":\"x\"}\n");
    if (transactions) {
        OK(upsert("[{\"id\":2,\"name\":\"b\"},{\"id\":1,\"name\":\"a\",\"note\":\"y\"}]", &by));
        ck_assert_str_eq(returned(), "{\"id\":2}\n{\"id\":1}\n");
    }
    stop();
}
END_TEST

/* More rows than one look takes, and more than one call may have. */
START_TEST(upserts_by_reading_many)
{
    struct rh_write_options by = {.not_atomic = true, .conflict_columns = RH_TEXT_INIT("name")};
    start(without_upserts[_i]);
    for (int i = 0; i < 2; i++) {
        char *body = many(0, 2500, "");
        OK(upsert(body, &by));
        free(body);
        ck_assert_uint_eq(counts.n_affected, 2500);
        ck_assert_int_eq(count_rows(), 2500);
    }
    stop();
}
END_TEST

/* ---- One row ----------------------------------------------------------------------------- */

static int update(int64_t id, const char *set, const struct rh_write_options *options)
{
    clear_output();
    return rh_write_update_row(&session, table_of("write_test"), key(id), json(set), options, &sink,
                               &counts, &error);
}

static int put(int64_t id, const char *row, const struct rh_write_options *options, bool *created)
{
    clear_output();
    return rh_write_put_row(&session, table_of("write_test"), key(id), json(row), options, &sink,
                            created, &error);
}

static int delete (int64_t id, const struct rh_write_options *options)
{
    clear_output();
    return rh_write_delete_row(&session, table_of("write_test"), key(id), options, &counts, &error);
}

START_TEST(one_row_by_key)
{
    struct rh_write_options rows = {.returning = RH_RETURNING_KEYS};
    start(connectors[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]", NULL));
    OK(update(1, "{\"name\":\"z\",\"note\":\"n\"}", &rows));
    ck_assert_str_eq(returned(), "{\"id\":1}\n");
    ck_assert_int_eq(update(9, "{\"name\":\"z\"}", NULL), RH_NOT_FOUND);
    ck_assert_int_eq(update(1, "{}", NULL), RH_INVALID);
    ck_assert_int_eq(update(1, "{\"name\":null}", NULL), RH_CONSTRAINT);
    ck_assert_str_eq(error.pointer, "/name");
    ck_assert_int_eq(update(1, "{\"id\":2}", NULL), RH_CONSTRAINT);
    OK(update(1, "{\"id\":7}", NULL));
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":2,\"name\":\"b\",\"note\":null}\n"
                     "{\"id\":7,\"name\":\"z\",\"note\":\"n\"}\n");
    OK(delete (2, NULL));
    ck_assert_int_eq(delete (2, NULL), RH_NOT_FOUND);
    ck_assert_int_eq(count_rows(), 1);
    rh_error_clear(&error);
    ck_assert_int_eq(
        rh_write_delete_row(&session, table_of("write_nokey"), key(1), NULL, &counts, &error),
        RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-key");
    stop();
}
END_TEST

START_TEST(put_replaces_the_whole_row)
{
    bool created = false;
    start(connectors[_i]);
    OK(put(1, "{\"name\":\"a\",\"note\":\"n\"}", NULL, &created));
    ck_assert(created);
    OK(put(1, "{\"id\":1,\"name\":\"b\",\"total\":5}", NULL, &created));
    ck_assert(!created);
    ck_assert_str_eq(rows_of("select=id,name,note"), "{\"id\":1,\"name\":\"b\",\"note\":null}\n");
    ck_assert_int_eq(put(1, "{\"id\":2,\"name\":\"b\"}", NULL, &created), RH_INVALID);
    ck_assert_str_eq(error.pointer, "/id");
    ck_assert_int_eq(put(1, "{\"note\":\"b\"}", NULL, &created), RH_CONSTRAINT);
    struct rh_write_options existing = {.if_match = RH_TEXT_INIT("*")};
    ck_assert_int_eq(put(5, "{\"name\":\"b\"}", &existing, &created), RH_NOT_FOUND);
    ck_assert_int_eq(count_rows(), 1);
    stop();
}
END_TEST

START_TEST(stale_versions_are_refused)
{
    char etag[33];
    struct rh_value *cells = NULL;
    struct rh_write_options match = {0};
    bool created = false;
    start(connectors[_i]);
    OK(insert("{\"id\":1,\"name\":\"a\"}", NULL));
    OK(rh_read_row(&session, table_of("write_test"), key(1), false, &cells, &error));
    rh_read_etag(table_of("write_test"), cells, etag);
    match.if_match = rh_text_of(etag);
    OK(update(1, "{\"name\":\"b\"}", &match));
    ck_assert_int_eq(update(1, "{\"name\":\"c\"}", &match), RH_CONFLICT);
    ck_assert_str_eq(error.code, "stale");
    ck_assert(!session.in_transaction);
    ck_assert_int_eq(delete (1, &match), RH_CONFLICT);
    ck_assert_int_eq(put(1, "{\"name\":\"c\"}", &match, &created), RH_CONFLICT);
    ck_assert_int_eq(upsert("{\"id\":1,\"name\":\"c\"}", &match), RH_CONFLICT);
    ck_assert_int_eq(update(2, "{\"name\":\"c\"}", &match), RH_NOT_FOUND);
    ck_assert_str_eq(rows_of("select=name"), "{\"name\":\"b\"}\n");
    OK(rh_read_row(&session, table_of("write_test"), key(1), false, &cells, &error));
    rh_read_etag(table_of("write_test"), cells, etag);
    OK(delete (1, &match));
    stop();
}
END_TEST

/* ---- By condition ------------------------------------------------------------------------ */

START_TEST(by_condition)
{
    start(connectors[_i]);
    char *body = many(0, 5000, "");
    OK(insert(body, NULL));
    free(body);
    const struct rh_table *table = table_of("write_test");
    OK(rh_write_update_where(&session, table, where("{\"id\":{\"lt\":3000}}"), false,
                             json("{\"note\":\"low\"}"), NULL, &sink, &counts, &error));
    ck_assert_uint_eq(counts.n_affected, 3000);
    /* A regular expression is not the source's business, so keys are read. */
    OK(rh_write_delete_where(&session, table,
                             where("{\"note\":\"low\",\"name\":{\"matches\":\"^n..?$\"}}"), false,
                             NULL, NULL, &counts, &error));
    ck_assert_uint_eq(counts.n_affected, 100);
    ck_assert_int_eq(count_rows(), 4900);
    OK(rh_write_update_where(&session, table, where("{\"id\":{\"in\":[]}}"), false,
                             json("{\"note\":\"x\"}"), NULL, &sink, &counts, &error));
    ck_assert_uint_eq(counts.n_affected, 0);
    ck_assert_int_eq(
        rh_write_delete_where(&session, table, NULL, false, NULL, NULL, &counts, &error),
        RH_INVALID);
    ck_assert_str_eq(error.code, "unconditional-write");
    rh_error_clear(&error);
    ck_assert_int_eq(
        rh_write_delete_where(&session, table, where("{}"), false, NULL, NULL, &counts, &error),
        RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_write_update_where(&session, table, where("{\"id\":1}"), false,
                                           json("{\"nam\":1}"), NULL, &sink, &counts, &error),
                     RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(count_rows(), 4900);
    OK(rh_write_delete_where(&session, table, NULL, true, NULL, NULL, &counts, &error));
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

START_TEST(by_condition_returns_rows)
{
    struct rh_write_options keys = {.returning = RH_RETURNING_KEYS};
    start(connectors[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"},{\"id\":3,\"name\":\"b\"}]",
              NULL));
    clear_output();
    OK(rh_write_update_where(&session, table_of("write_test"),
                             where("{\"name\":{\"matches\":\"b\"}}"), false,
                             json("{\"note\":\"x\"}"), &keys, &sink, &counts, &error));
    ck_assert_str_eq(returned(), "{\"id\":2}\n{\"id\":3}\n");
    stop();
}
END_TEST

START_TEST(keyless_tables_need_exact_conditions)
{
    start(connectors[_i]);
    int r = rh_write_delete_where(&session, table_of("write_nokey"),
                                  where("{\"name\":{\"matches\":\"b\"}}"), false, NULL, NULL,
                                  &counts, &error);
    ck_assert_int_eq(r, RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-key");
    stop();
}
END_TEST

START_TEST(read_only_operations_do_not_write)
{
    start(connectors[_i]);
    op.abi.flags |= RH_OP_READ_ONLY;
    ck_assert_int_eq(insert("{\"id\":1,\"name\":\"a\"}", NULL), RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "read-only");
    op.abi.flags = 0;
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

int main(void)
{
    int n = getenv("ROWHOUSE_TEST_POSTGRES") ? 3 : 2;
    Suite *suite = suite_create("write");
    TCase *tcase = tcase_create("write");
    tcase_set_timeout(tcase, 600);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, inserts_one_and_many, 0, n);
    tcase_add_loop_test(tcase, refused_rows_leave_nothing, 0, n * N(refused));
    tcase_add_test(tcase, decimals_within_the_scale_are_taken);
    tcase_add_loop_test(tcase, many_batches_are_one_unit, 0, n);
    tcase_add_loop_test(tcase, rows_for_themselves, 0, n);
    tcase_add_loop_test(tcase, rows_for_themselves_within_a_transaction, 0, n);
    tcase_add_loop_test(tcase, statuses_of_a_call, 0, 2);
    tcase_add_loop_test(tcase, atomic_although_the_call_is_not, 0, 2);
    tcase_add_test(tcase, rows_are_not_sent_twice);
    tcase_add_test(tcase, without_transactions_one_call_is_the_unit);
    tcase_add_loop_test(tcase, csv_and_ndjson, 0, n);
    tcase_add_loop_test(tcase, malformed_input_is_refused, 0, N(malformed));
    tcase_add_loop_test(tcase, upserts_merge_or_ignore, 0, n);
    tcase_add_loop_test(tcase, upserts_by_reading, 0, N(without_upserts));
    tcase_add_loop_test(tcase, upserts_by_reading_are_one_unit, 0, N(without_upserts));
    tcase_add_loop_test(tcase, upserts_by_reading_many, 0, N(without_upserts));
    tcase_add_loop_test(tcase, one_row_by_key, 0, n);
    tcase_add_loop_test(tcase, put_replaces_the_whole_row, 0, n);
    tcase_add_loop_test(tcase, stale_versions_are_refused, 0, n);
    tcase_add_loop_test(tcase, by_condition, 0, n);
    tcase_add_loop_test(tcase, by_condition_returns_rows, 0, n);
    tcase_add_loop_test(tcase, keyless_tables_need_exact_conditions, 0, n);
    tcase_add_loop_test(tcase, read_only_operations_do_not_write, 0, n);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
