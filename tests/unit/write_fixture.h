/*
 * Writing through the connectors: memory (no pushdown: rows are found by the host and written by
 * key), sqlite (set-based where the condition is exact), postgres where ROWHOUSE_TEST_POSTGRES
 * names a server, and copies of the memory connector: without transactions, and with each row of a
 * call for itself.
 */
#pragma once

#include "rows/write.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "lib/tests.h"
#include "rows/encode.h"

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

static inline void create_tables(void)
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

static inline void add_connector(struct rh_connector *connector, const char *id)
{
    struct rh_library *library = NULL;
    connector->id = rh_text_of(id);
    ck_assert_msg(rh_library_adopt(connector, id, &library, &error) == 0, "%s", error.message);
    ck_assert_int_eq(rh_registry_add(registry, library, &error), 0);
}

static inline const struct rh_connector *memory_connector(void)
{
    const struct rh_library *memory = NULL;
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory"), &memory, &error), 0);
    return &memory->connector;
}

static inline int32_t cannot_upsert(struct rh_conn *conn, const struct rh_op *of,
                                    const struct rh_write_spec *spec,
                                    struct rh_write_result *ret_result, struct rh_error *ret_error)
{
    return rh_fail(ret_error, RH_UNSUPPORTED, "there are no upserts");
}

static int32_t (*memory_update)(struct rh_conn *, const struct rh_op *,
                                const struct rh_write_spec *, struct rh_write_result *,
                                struct rh_error *);
static uint32_t updates_left; /* calls of the plain connector's update until it fails */

static inline int32_t update_while_left(struct rh_conn *conn, const struct rh_op *of,
                                        const struct rh_write_spec *spec,
                                        struct rh_write_result *ret_result,
                                        struct rh_error *ret_error)
{
    if (!updates_left)
        return rh_fail(ret_error, RH_UNAVAILABLE, "the source is away");
    updates_left--;
    return memory_update(conn, of, spec, ret_result, ret_error);
}

/* The memory connector without transactions and upserts, at most 10 rows per call. */
static inline void add_plain_connector(void)
{
    static struct rh_limits limits = {.struct_size = sizeof(limits), .rows_per_write = 10};
    static struct rh_write group;
    static struct rh_connector connector;
    connector = *memory_connector();
    group = *connector.write;
    memory_update = group.update;
    group.update = update_while_left;
    group.upsert = cannot_upsert;
    updates_left = UINT32_MAX;
    connector.write = &group;
    connector.tx = NULL;
    connector.limits = &limits;
    add_connector(&connector, "plain");
}

/* ---- Each row of a call for itself ------------------------------------------------------- */

static rh_write_fn *memory_insert;
static uint64_t each_gives_up; /* the call fails when so many rows are written; 0: it does not */

/* The cells live until the op's end; those of a call only until the next. */
static inline void keep_cells(const struct rh_op *of, struct rh_value *to,
                              const struct rh_value *from, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        to[i] = from[i];
        if (from[i].type == RH_TYPE_TEXT || from[i].type == RH_TYPE_DECIMAL ||
            from[i].type == RH_TYPE_JSON)
            to[i].as.data = rh_arena_dup(of->arena, from[i].as.data, from[i].len);
    }
}

static inline int32_t insert_each(struct rh_conn *conn, const struct rh_op *of,
                                  const struct rh_write_spec *spec,
                                  struct rh_write_result *ret_result, struct rh_error *ret_error)
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
static inline void add_each_connectors(void)
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

static inline void open_session(void)
{
    ck_assert_msg(rh_session_open(datasource, &op, &session, &error) == 0, "%s", error.message);
    ck_assert_uint_eq(op.abi.memory_budget, rh_datasource_budget(datasource)->memory_bytes);
}

static inline void start(const char *connector)
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

static inline void stop(void)
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

static inline const struct rh_table *table_of(const char *name)
{
    const struct rh_table *table = NULL;
    ck_assert_msg(rh_tableset_find(session.tables, rh_text_of(name), &table, &error) == 0, "%s",
                  error.message);
    return table;
}

/* ---- Input and output -------------------------------------------------------------------- */

static inline struct rh_json *json(const char *text)
{
    struct rh_json *value = NULL;
    ck_assert_msg(rh_json_parse(arena, rh_text_of(text), &value, &error) == 0, "%s: %s", text,
                  error.message);
    return value;
}

static inline struct rh_value *key(int64_t id)
{
    struct rh_value *value = rh_arena_alloc(arena, sizeof(*value));
    *value = (struct rh_value){.type = RH_TYPE_INT, .as.i = id};
    return value;
}

static inline struct rh_cond *where(const char *text)
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

static inline int take_rows(void *context, const struct rh_column *returned, uint32_t n,
                            const struct rh_batch *batch, struct rh_error *ret_error)
{
    struct output *output = context;
    struct rh_encoder *encoder = rh_encoder_new(arena, RH_FORMAT_NDJSON, returned, n, false);
    rh_encoder_rows(encoder, &output->buf, batch);
    return 0;
}

static inline int take_status(void *context, uint64_t row, const struct rh_error *outcome,
                              struct rh_error *ret_error)
{
    struct output *output = context;
    size_t len = strlen(output->statuses);
    snprintf(output->statuses + len, sizeof(output->statuses) - len, "%llu%s ",
             (unsigned long long)row, outcome ? rh_error_problem(outcome) : "");
    return 0;
}

static inline void take_progress(void *context, uint64_t n_rows)
{
    struct output *output = context;
    ck_assert_uint_ge(n_rows, output->n_progress);
    output->n_progress = n_rows;
}

static struct output output;
static const struct rh_write_sink sink = {&output, take_rows, take_status, take_progress};
static struct rh_write_counts counts;

static inline void clear_output(void)
{
    rh_buf_free(&output.buf);
    output = (struct output){0};
    rh_buf_init(&output.buf, 64 << 20);
    counts = (struct rh_write_counts){0};
    rh_error_clear(&error);
}

static inline const char *returned(void)
{
    return rh_arena_dup(arena, output.buf.data ? output.buf.data : "", output.buf.len);
}

/* The table's rows as lines. */
static inline const char *rows_of(const char *query)
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

static inline int64_t count_rows(void)
{
    const char *text = rows_of("aggregate=n:count(*)");
    return strtoll(text + strlen("{\"n\":"), NULL, 10);
}

enum format { JSON, NDJSON, CSV };

static inline int insert_as(enum format format, const char *body,
                            const struct rh_write_options *options)
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

static inline int insert(const char *body, const struct rh_write_options *options)
{
    return insert_as(JSON, body, options);
}

static inline int upsert(const char *body, const struct rh_write_options *options)
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
static inline char *many(int first, int n, const char *extra)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 64 << 20);
    rh_buf_add_char(&buf, '[');
    for (int i = 0; i < n; i++)
        rh_buf_addf(&buf, "%s{\"id\":%d,\"name\":\"n%d\"}", i ? "," : "", first + i, first + i);
    rh_buf_addf(&buf, "%s]", extra);
    return rh_buf_take(&buf);
}
