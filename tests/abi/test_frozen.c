/*
 * Connectors of earlier minors, as they were compiled then (the .so files in the folders of
 * versions): today's host loads them, and they see in its structs what they saw in those of their
 * time. What full.so answers is said in <version>/source/full.c.
 */
#include "host/library.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rh_arena *arena;
static struct rh_op op;
static struct rh_error error = RH_ERROR_INIT;
static struct rh_host host;
static char logged[64];

static void keep_log(const struct rh_host *self, uint32_t level, struct rh_text line)
{
    snprintf(logged, sizeof(logged), "%u %.*s", level, RH_TEXT_ARG(line));
}

static struct rh_library *loaded(const char *name)
{
    const char *folder = getenv("ABI_FROZEN");
    char path[4096];
    struct rh_library *library = NULL;
    rh_log_set_level(RH_LOG_ERROR);
    ck_assert_msg(folder != NULL, "ABI_FROZEN is not set");
    snprintf(path, sizeof(path), "%s/%s.so", folder, name);
    ck_assert_msg(rh_library_load(path, &library, &error) == RH_OK, "%s", error.message);
    ck_assert(rh_text_is(library->connector.id, name));
    ck_assert_uint_eq(library->connector.struct_size, sizeof(struct rh_connector));
    arena = rh_arena_new((size_t)1 << 20);
    op = (struct rh_op){
        .struct_size = sizeof(op), .deadline_us = UINT64_MAX, .cancel_fd = -1, .arena = arena};
    static const struct rh_http http = {.struct_size = sizeof(http)};
    host = *rh_host_services();
    host.log = keep_log;
    host.http = &http;
    return library;
}

static struct rh_conn *connected(const struct rh_library *library)
{
    const struct rh_setting items[] = {
        {RH_TEXT_INIT("host"), {.type = RH_TYPE_TEXT, .len = 1, .as.data = "x"}},
        {RH_TEXT_INIT("port"), {.type = RH_TYPE_INT, .as.i = 5432}}};
    const struct rh_settings settings = {
        .struct_size = sizeof(settings), .n = 2, .items = items, .stride = sizeof(items[0])};
    struct rh_conn *conn = NULL;
    ck_assert_int_eq(library->connector.connect(&host, &op, &settings, &conn, &error), RH_OK);
    return conn;
}

static void unloaded(struct rh_library *library, struct rh_conn *conn)
{
    library->connector.close(conn);
    rh_arena_free(arena);
    rh_library_free(library);
}

START_TEST(minimal_runs)
{
    struct rh_library *library = loaded("minimal");
    const struct rh_connector *connector = &library->connector;
    struct rh_conn *conn = connected(library);
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    const struct rh_query query = {.struct_size = sizeof(query), .limit = RH_NO_LIMIT};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor = NULL;
    struct rh_text text;

    ck_assert_int_eq(connector->ping(conn, &op, &error), RH_OK);
    ck_assert_int_eq(connector->tables(conn, &op, &catalog, &error), RH_OK);
    ck_assert(rh_text_is(catalog.tables[0].name, "answers"));
    ck_assert(rh_text_is(catalog.tables[0].columns[0].name, "answer"));
    ck_assert_int_eq(connector->open(conn, &op, &query, &cursor, &error), RH_OK);
    ck_assert_int_eq(connector->next(cursor, &op, 10, &batch, &error), RH_OK);
    ck_assert_uint_eq(batch.n_rows, 1);
    ck_assert_int_eq(batch.cells[0].as.i, 42);
    ck_assert_int_eq(connector->next(cursor, &op, 10, &batch, &error), RH_END);
    connector->finish(cursor);
    connector->cancel(conn);
    /* What it lacks is refused, not called. */
    ck_assert(!connector->plan && !connector->write && !connector->feed);
    ck_assert_int_eq(connector->explain(conn, &op, &query, &text, &error), RH_UNSUPPORTED);
    unloaded(library, conn);
}
END_TEST

START_TEST(identity_and_catalogue_are_read)
{
    struct rh_library *library = loaded("full");
    const struct rh_connector *connector = &library->connector;
    struct rh_conn *conn = connected(library);
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};

    ck_assert_str_eq(logged, "4 full: connected");
    ck_assert_uint_eq(connector->kind, RH_KIND_DOCUMENT);
    ck_assert_uint_eq(connector->threads, RH_THREADS_CONCURRENT);
    ck_assert(rh_text_is(connector->url_schemes, "full"));
    ck_assert_uint_eq(library->limits.parameters, 1);
    ck_assert_uint_eq(library->limits.connections, 5);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ, RH_TYPE_INT), RH_VERDICT_EXACT);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_LIKE | RH_OP_FOLD | RH_OP_NOT, RH_TYPE_TEXT),
                      RH_VERDICT_SUPERSET);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_LT, RH_TYPE_INT), RH_VERDICT_NONE);

    ck_assert_int_eq(connector->tables(conn, &op, &catalog, &error), RH_OK);
    ck_assert_uint_eq(catalog.n_tables, 2);
    ck_assert(rh_text_is(catalog.default_schema, "s"));
    const struct rh_table *types = catalog.tables;
    const struct rh_table *seen = (const void *)((const char *)types + catalog.table_stride);
    ck_assert_uint_eq(types->kind, RH_TABLE_VIEW);
    ck_assert_uint_eq(types->flags, RH_TABLE_READ_ONLY);
    ck_assert_int_eq(types->est_rows, 1);
    ck_assert_uint_eq(types->n_columns, RH_N_TYPES - 2);
    for (uint32_t i = 0; i < types->n_columns; i++)
        ck_assert_uint_eq(types->columns[i].type, i + 2);
    ck_assert(rh_text_is(seen->name, "seen"));
    ck_assert_uint_eq(seen->key[0], 0);
    ck_assert_uint_eq(seen->indexes[0].flags, RH_INDEX_UNIQUE);
    ck_assert(rh_text_is(seen->foreign_keys[0].ref_columns[0], "int"));
    const struct rh_column *column = seen->columns;
    ck_assert(rh_text_is(column->default_text, "0") && rh_text_is(column->comment, "a comment"));
    ck_assert(rh_text_is(column->options[1], "b"));
    ck_assert_uint_eq(column->precision * 1000 + column->scale * 100 + column->max_length, 9207);
    ck_assert_uint_eq(column->native_id, 99);
    unloaded(library, conn);
}
END_TEST

START_TEST(errors_are_read)
{
    struct rh_library *library = loaded("full");
    struct rh_conn *conn = connected(library);
    op.user = RH_TEXT("fail");
    ck_assert_int_eq(library->connector.ping(conn, &op, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
    ck_assert_uint_eq(error.retry_after_ms, 250);
    ck_assert_int_eq(error.native_code, 5432);
    ck_assert_uint_eq(error.row, 3);
    ck_assert_str_eq(error.sqlstate, "23514");
    ck_assert_str_eq(error.code, "code");
    ck_assert_str_eq(error.column, "column");
    ck_assert_str_eq(error.pointer, "/pointer");
    ck_assert_str_eq(error.message, "message");
    ck_assert_str_eq(error.hint, "hint");
    op.deadline_us = 1;
    ck_assert_int_eq(library->connector.ping(conn, &op, &error), RH_TIMEOUT);
    unloaded(library, conn);
}
END_TEST

static const struct rh_value *read_one(const struct rh_connector *connector, struct rh_conn *conn,
                                       const struct rh_query *query, uint32_t n_cols)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor = NULL;
    ck_assert_int_eq(connector->open(conn, &op, query, &cursor, &error), RH_OK);
    ck_assert_int_eq(connector->next(cursor, &op, 10, &batch, &error), RH_OK);
    ck_assert_uint_eq(batch.n_cols, n_cols);
    size_t n = n_cols * sizeof(struct rh_value);
    struct rh_value *cells = rh_arena_alloc(arena, n);
    memcpy(cells, batch.cells, n);
    connector->finish(cursor);
    return cells;
}

START_TEST(values_are_read)
{
    struct rh_library *library = loaded("full");
    struct rh_conn *conn = connected(library);
    const struct rh_query query = {.struct_size = sizeof(query), .table = RH_TEXT_INIT("types")};
    const struct rh_value *cells = read_one(&library->connector, conn, &query, RH_N_TYPES - 2);
    const struct rh_interval *interval = cells[11].as.data;

    for (uint8_t i = 0; i < RH_N_TYPES - 2; i++)
        ck_assert_uint_eq(cells[i].type, i + 2);
    ck_assert_int_eq(cells[0].as.i, 1);
    ck_assert_int_eq(cells[1].as.i, INT64_MIN);
    ck_assert_uint_eq(cells[2].as.u, UINT64_MAX);
    ck_assert_double_eq(cells[3].as.f, 0.1);
    ck_assert(rh_text_is(rh_text_make(cells[5].as.data, cells[5].len), "hé"));
    ck_assert_uint_eq(cells[6].len, 2);
    ck_assert_int_eq(cells[10].as.i, INT64_MAX);
    ck_assert_int_eq(interval->months * 1000 + interval->days, 13997);
    ck_assert_int_eq(interval->us, 1500000);
    unloaded(library, conn);
}
END_TEST

/* A later host's columns are longer: only the stride tells where the next one begins. */
struct later_column {
    struct rh_column column;
    uint64_t later[3];
};

static struct rh_query everything(void)
{
    static const struct later_column columns[] = {{.column = {.native_id = 1}},
                                                  {.column = {.native_id = 4711}}};
    static const uint32_t select[] = {1, 0, 1}, conjuncts[] = {0, 1}, inner[] = {6};
    static const uint32_t outer[] = {5}, having[] = {1};
    static const struct rh_node nodes[] = {{RH_OP_EQ | RH_OP_NOT, 1, 1, 1},
                                           {RH_OP_EXISTS, RH_NO_COLUMN, 0, 1}};
    static const struct rh_value values[] = {{.type = RH_TYPE_INT, .as.i = 8},
                                             {.type = RH_TYPE_INT, .as.i = 77}};
    static const struct rh_semijoin semijoin = {.table = RH_TEXT_INIT("other"),
                                                .columns = &columns[0].column,
                                                .n_columns = 2,
                                                .column_stride = sizeof(columns[0]),
                                                .outer = outer,
                                                .inner = inner,
                                                .n_pairs = 1,
                                                .n_conjuncts = 1,
                                                .conjuncts = &conjuncts[1]};
    static const struct rh_group group = {0, RH_BUCKET_WEEK};
    static const struct rh_aggregate aggregate = {RH_AGG_MAX, 1, 0, RH_TYPE_INT};
    static const struct rh_order order[] = {{0, 0}, {1, RH_ORDER_DESC | RH_ORDER_BINARY}};
    return (struct rh_query){
        .struct_size = sizeof(struct rh_query),
        .flags = RH_QUERY_DISTINCT,
        .schema = RH_TEXT("s"),
        .table = RH_TEXT("seen"),
        .columns = &columns[0].column,
        .n_columns = 2,
        .column_stride = sizeof(columns[0]),
        .select = select,
        .n_select = 3,
        .n_conjuncts = 2,
        .conjuncts = conjuncts,
        .nodes = nodes,
        .n_nodes = 2,
        .n_values = 2,
        .values = values,
        .semijoins = &semijoin,
        .n_semijoins = 1,
        .semijoin_stride = sizeof(semijoin),
        .groups = &group,
        .aggregates = &aggregate,
        .n_groups = 1,
        .n_aggregates = 1,
        .having = having,
        .n_having = 1,
        .n_order = 2,
        .order = order,
        .limit = 10,
        .offset = 20,
        .row_goal = 30,
    };
}

START_TEST(queries_are_understood)
{
    static const int64_t wanted[] = {RH_QUERY_DISTINCT,
                                     2,
                                     4711,
                                     3,
                                     1,
                                     2,
                                     1,
                                     2,
                                     RH_OP_EQ | RH_OP_NOT,
                                     1,
                                     2,
                                     77,
                                     1,
                                     5,
                                     6,
                                     1,
                                     RH_BUCKET_WEEK,
                                     RH_AGG_MAX * 100 + RH_TYPE_INT,
                                     1,
                                     105,
                                     10,
                                     20,
                                     30,
                                     50104};
    const uint32_t n = sizeof(wanted) / sizeof(wanted[0]);
    struct rh_library *library = loaded("full");
    const struct rh_connector *connector = &library->connector;
    struct rh_conn *conn = connected(library);
    const struct rh_query query = everything();
    const struct rh_value *cells = read_one(connector, conn, &query, n);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_msg(cells[i].as.i == wanted[i], "number %u is %ld", i, (long)cells[i].as.i);

    uint8_t verdicts[2] = {0};
    uint32_t needs[2] = {9, 9};
    struct rh_plan plan = {.struct_size = sizeof(plan), .verdicts = verdicts, .needs = needs};
    struct rh_text native = {NULL, 0};
    int64_t rows = 0;
    ck_assert_int_eq(connector->plan(conn, &query, &plan, &error), RH_OK);
    ck_assert_uint_eq(plan.accepts, RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET);
    ck_assert_uint_eq(plan.n_order * 100 + plan.n_needs * 10 + plan.needs[0], 211);
    ck_assert_int_eq(verdicts[0] * 10 + verdicts[1], 22);
    ck_assert_int_eq(plan.est_rows, 7);
    ck_assert_int_eq(connector->explain(conn, &op, &query, &native, &error), RH_OK);
    ck_assert(rh_text_is(native, "seen"));
    ck_assert_int_eq(connector->estimate(conn, &op, &query, &rows, &error), RH_OK);
    ck_assert_int_eq(rows, sizeof(struct rh_http));
    ck_assert_int_eq(connector->reset(conn, &op, &error), RH_OK);
    unloaded(library, conn);
}
END_TEST

START_TEST(writes_are_understood)
{
    struct rh_library *library = loaded("full");
    const struct rh_write *write = library->connector.write;
    struct rh_conn *conn = connected(library);
    const struct rh_query where = {.struct_size = sizeof(where)};
    const uint32_t key[] = {0, 3};
    const struct rh_value cells[] = {{.type = RH_TYPE_INT, .as.i = 5}};
    struct rh_row_status status = {0};
    const struct rh_write_spec spec = {
        .struct_size = sizeof(spec),
        .resolve = RH_RESOLVE_IGNORE,
        .table = RH_TEXT_INIT("seen"),
        .n_columns = 4,
        .key = key,
        .n_key = 2,
        .n_rows = 6,
        .cells = cells,
        .where = &where,
        .n_returning = 1,
    };
    rh_write_fn *const functions[] = {write->insert, write->update, write->remove, write->upsert};

    ck_assert_uint_eq(write->atomicity, RH_ATOMIC_ROW);
    for (uint64_t i = 0; i < 4; i++) {
        struct rh_write_result result = {.struct_size = sizeof(result), .statuses = &status};
        ck_assert_int_eq(functions[i](conn, &op, &spec, &result, &error), RH_OK);
        ck_assert_uint_eq(result.n_affected, (i + 1) * 1000000 + 30204261);
        ck_assert_int_eq(result.returned.cells[0].as.i, 5);
        ck_assert_int_eq(status.error_class, RH_CONSTRAINT);
        ck_assert_uint_eq(status.constraint, RH_CONSTRAINT_UNIQUE);
        ck_assert(rh_text_is(status.message, "seen"));
    }
    unloaded(library, conn);
}
END_TEST

START_TEST(transactions_are_understood)
{
    struct rh_library *library = loaded("full");
    const struct rh_tx *tx = library->connector.tx;
    struct rh_conn *conn = connected(library);
    ck_assert_int_eq(tx->begin(conn, &op, RH_TX_READ_ONLY | RH_TX_SNAPSHOT, &error), RH_OK);
    ck_assert_int_eq(tx->savepoint(conn, &op, 3, &error), RH_OK);
    ck_assert_int_eq(tx->rollback_to(conn, &op, 3, &error), RH_OK);
    ck_assert_int_eq(tx->rollback_to(conn, &op, 4, &error), RH_INVALID);
    ck_assert_int_eq(tx->release(conn, &op, 4, &error), RH_NOT_FOUND);
    ck_assert_int_eq(tx->commit(conn, &op, &error), RH_OK);
    ck_assert_int_eq(tx->rollback(conn, &op, &error), RH_OK);
    ck_assert_int_eq(tx->commit(conn, &op, &error), RH_INVALID);
    unloaded(library, conn);
}
END_TEST

START_TEST(the_other_groups_are_understood)
{
    struct rh_library *library = loaded("full");
    const struct rh_connector *connector = &library->connector;
    struct rh_conn *conn = connected(library);
    const struct rh_value parameters[] = {{.type = RH_TYPE_INT, .as.i = 1},
                                          {.type = RH_TYPE_INT, .as.i = 2}};
    const struct rh_native_spec native = {.struct_size = sizeof(native),
                                          .n_parameters = 2,
                                          .text = RH_TEXT_INIT("abc"),
                                          .parameters = parameters};
    struct rh_native_result result = {.struct_size = sizeof(result)};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    ck_assert(rh_text_is(connector->native->language, "Full"));
    ck_assert_int_eq(connector->native->run(conn, &op, &native, &result, &error), RH_OK);
    ck_assert_uint_eq(result.n_affected, 302);
    ck_assert_uint_eq(result.columns[0].native_id, 99);
    ck_assert_int_eq(connector->next(result.cursor, &op, 1, &batch, &error), RH_OK);
    ck_assert_int_eq(batch.cells[0].as.i, 2);
    connector->finish(result.cursor);
    op.flags = RH_OP_READ_ONLY;
    ck_assert_int_eq(connector->native->run(conn, &op, &native, &result, &error), RH_PERMISSION);
    op.flags = 0;

    const struct rh_table table = {.struct_size = sizeof(table), .name = RH_TEXT_INIT("old")};
    const struct rh_ddl_change changes[] = {
        {.kind = RH_DDL_DROP_TABLE},
        {.kind = RH_DDL_RENAME_TABLE, .table = &table, .new_name = RH_TEXT_INIT("new")}};
    struct rh_text text;
    ck_assert_int_eq(connector->ddl->apply(conn, &op, changes, 2, sizeof(changes[0]),
                                           RH_DDL_DRY_RUN, &text, &error),
                     RH_OK);
    ck_assert(rh_text_is(text, "new"));
    ck_assert_int_eq(
        connector->ddl->apply(conn, &op, changes, 2, sizeof(changes[0]), 0, &text, &error), RH_OK);
    ck_assert(rh_text_is(text, "old"));

    const struct rh_feed_spec feed = {.struct_size = sizeof(feed),
                                      .table = RH_TEXT_INIT("seen"),
                                      .since = RH_TEXT_INIT("since"),
                                      .n_columns = 3};
    struct rh_feed_batch feed_batch = {.struct_size = sizeof(feed_batch),
                                       .rows = {.struct_size = sizeof(struct rh_batch)}};
    struct rh_cursor *cursor = NULL;
    ck_assert_int_eq(connector->feed->open(conn, &op, &feed, &cursor, &error), RH_OK);
    ck_assert_int_eq(connector->feed->next(cursor, &op, 1, &feed_batch, &error), RH_OK);
    ck_assert_uint_eq(feed_batch.kinds[0], RH_CHANGE_DELETE);
    ck_assert_int_eq(feed_batch.rows.cells[0].as.i, 543);
    ck_assert(rh_text_is(feed_batch.token, "token"));
    connector->finish(cursor);
    unloaded(library, conn);
}
END_TEST

TESTS_MAIN("frozen", minimal_runs, identity_and_catalogue_are_read, errors_are_read,
           values_are_read, queries_are_understood, writes_are_understood,
           transactions_are_understood, the_other_groups_are_understood)
