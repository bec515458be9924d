/*
 * plugins/mongodb against the peer at ROWHOUSE_TEST_MONGODB_PEER: ObjectIds as keys, writing, native
 * commands, changes, hostile answers, wrong passwords. What reading must do is the conformance suite's.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"
#include "connector/kit.h"
#include "host/library.h"
#include "host/op.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 8
/* rh_column.native_id of the connector: known, integer, string, ObjectId */
#define KNOWN 0x1u
#define INTEGER 0x2u
#define STRING 0x10u
#define OID 0x20u

static const char *server;
static struct rh_library *library;
static struct rh_arena *arena;
static struct rh_conn *conn;
static struct rh_error error;
static char table[64];

#define GOOD(call) ck_assert_msg((call) == RH_OK, "%s", error.message)

static const struct rh_column columns[] = {
    {.name = RH_TEXT_INIT("_id"),
     .native_type = RH_TEXT_INIT("objectId"),
     .type = RH_TYPE_TEXT,
     .native_id = KNOWN | OID},
    {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .native_id = KNOWN | INTEGER},
    {.name = RH_TEXT_INIT("s"), .type = RH_TYPE_TEXT, .native_id = KNOWN | STRING},
};

static uint64_t patience_us = 60000000;

static const struct rh_op *op(void)
{
    static struct rh_operation operation;

    error = (struct rh_error)RH_ERROR_INIT;
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + patience_us);
    return &operation.abi;
}

static const struct rh_op *read_only(void)
{
    static struct rh_op own;

    own = *op();
    own.flags |= RH_OP_READ_ONLY;
    return &own;
}

static int connect_with(const char *url)
{
    struct rh_setting item = {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(url))};
    struct rh_settings settings = {
        .struct_size = sizeof(settings), .n = 1, .items = &item, .stride = sizeof(item)};

    return library->connector.connect(rh_host_services(), op(), &settings, &conn, &error);
}

static void start(const char *database)
{
    struct rh_table made = {.struct_size = sizeof(made),
                            .columns = columns,
                            .n_columns = 3,
                            .column_stride = sizeof(columns[0])};
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE, .table = &made};
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    struct rh_text native;
    char path[4096];

    arena = rh_arena_new(SIZE_MAX);
    error = (struct rh_error)RH_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/mongodb.so", folder ? folder : "plugins");
    GOOD(rh_library_load(path, &library, &error));
    GOOD(connect_with(rh_arena_printf(arena, "%s/%s", server, database)));
    if (strcmp(database, "hostile") == 0)
        return;
    snprintf(table, sizeof(table), "t%016llx", (unsigned long long)rh_rand_u64());
    made.name = rh_text_of(table);
    GOOD(library->ddl.apply(conn, op(), &change, 1, sizeof(change), 0, &native, &error));
}

static void stop(void)
{
    if (conn)
        library->connector.close(conn);
    conn = NULL;
    rh_arena_free(arena);
}

static struct rh_value text(const char *string)
{
    return rh_kit_text(rh_text_of(string));
}

static struct rh_row_status statuses[MAX_ROWS];
static struct rh_write_result result;

static int put(rh_write_fn *fn, const struct rh_value *cells, uint64_t n_rows, uint32_t key,
               uint32_t n_key)
{
    uint32_t first = n_key && key ? 1 : 0; /* by another field: without _id */
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .resolve = fn == library->write.upsert ? RH_RESOLVE_MERGE : 0,
                                 .table = rh_text_of(table),
                                 .columns = columns + first,
                                 .n_columns = fn == library->write.remove ? 1 : 3 - first,
                                 .column_stride = sizeof(columns[0]),
                                 .key = &key,
                                 .n_key = n_key,
                                 .n_rows = n_rows,
                                 .cells = cells,
                                 .returning = columns,
                                 .n_returning = 3,
                                 .returning_stride = sizeof(columns[0])};

    key -= first;
    memset(statuses, 0, sizeof(statuses));
    result = (struct rh_write_result){.struct_size = sizeof(result), .statuses = statuses};
    return fn(conn, op(), &spec, &result, &error);
}

static const char id_a[] = "507f1f77bcf86cd799439011", id_b[] = "507f1f77bcf86cd799439012";

static void insert_two(void)
{
    const struct rh_value cells[] = {text(id_a), rh_kit_int(1), text("x"),
                                     text(id_b), rh_kit_int(2), text("y")};

    GOOD(put(library->write.insert, cells, 2, 0, 0));
    ck_assert_uint_eq(result.n_affected, 2);
}

/* The one row with that _id, or of any: its n; -1 when there is none. */
static int64_t find(const char *name, const char *id, struct rh_value *ret_cell)
{
    static const uint32_t select[] = {1};
    const struct rh_value value = text(id);
    const struct rh_node node = {.op = RH_OP_EQ, .n = 1};
    const uint32_t conjunct = 0;
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = rh_text_of(name),
                             .columns = columns,
                             .n_columns = 2,
                             .column_stride = sizeof(columns[0]),
                             .select = select,
                             .n_select = 1,
                             .conjuncts = &conjunct,
                             .n_conjuncts = 1,
                             .nodes = &node,
                             .n_nodes = 1,
                             .values = &value,
                             .n_values = 1,
                             .limit = RH_NO_LIMIT};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor = NULL;
    int64_t n = -1;
    int rc;

    GOOD(library->connector.open(conn, op(), &query, &cursor, &error));
    rc = library->connector.next(cursor, op(), 10, &batch, &error);
    if (rc == RH_OK) {
        ck_assert_uint_eq(batch.n_rows, 1);
        n = batch.cells[0].as.i;
        if (ret_cell)
            *ret_cell = batch.cells[0];
    }
    library->connector.finish(cursor);
    return n;
}

START_TEST(object_ids_are_texts)
{
    start("rows");
    insert_two();
    ck_assert_int_eq(find(table, id_b, NULL), 2);
    ck_assert_int_eq(find(table, "507F1F77BCF86CD799439012", NULL), -1);
    ck_assert_int_eq(find(table, "x", NULL), -1);
    ck_assert(rh_text_is(rh_kit_value_text(&result.returned.cells[0]), id_a));
    stop();
}
END_TEST

START_TEST(writes_by_key)
{
    const struct rh_value changed[] = {text(id_b),    rh_kit_int(5),
                                       text("z"),     text("507f1f77bcf86cd7994390ff"),
                                       rh_kit_int(9), text("q")};
    const struct rh_value same[] = {text(id_a), rh_kit_int(5), text("x")};

    start("rows");
    insert_two();
    GOOD(put(library->write.update, changed, 2, 0, 1));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_uint_eq(result.returned.n_rows, 1);
    ck_assert_int_eq(result.returned.cells[1].as.i, 5);
    GOOD(put(library->write.upsert, changed, 2, 0, 1));
    ck_assert_uint_eq(result.returned.n_rows, 2);
    ck_assert_int_eq(find(table, "507f1f77bcf86cd7994390ff", NULL), 9);
    GOOD(put(library->write.update, same, 1, 0, 1)); /* now n = 5 twice */
    GOOD(put(library->write.update, same + 1, 1, 1, 1));
    ck_assert_int_eq(statuses[0].error_class, RH_CONSTRAINT);
    ck_assert_uint_eq(statuses[0].constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    ck_assert_int_eq(put(library->write.upsert, same + 1, 1, 2, 1), RH_UNSUPPORTED);
    GOOD(put(library->write.remove, same, 1, 0, 1));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_int_eq(find(table, id_a, NULL), -1);
    stop();
}
END_TEST

static int native(const struct rh_op *with, const char *command, const struct rh_value *parameter,
                  const char **ret_first)
{
    struct rh_native_spec spec = {.struct_size = sizeof(spec),
                                  .text = rh_text_of(command),
                                  .parameters = parameter,
                                  .n_parameters = parameter != NULL};
    struct rh_native_result found = {.struct_size = sizeof(found)};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int rc = library->native.run(conn, with, &spec, &found, &error);

    if (ret_first)
        *ret_first = "";
    if (rc)
        return rc;
    rc = library->connector.next(found.cursor, op(), 10, &batch, &error);
    if (rc == RH_OK && ret_first)
        *ret_first = rh_arena_dup(arena, batch.cells[0].as.data, batch.cells[0].len);
    library->connector.finish(found.cursor);
    return rc == RH_END ? RH_OK : rc;
}

START_TEST(runs_commands_with_parameters)
{
    const struct rh_value injected = text("x\", \"$ne\": \"");
    const struct rh_value x = text("x");
    const char *first, *find_s;

    start("rows");
    insert_two();
    find_s = rh_arena_printf(arena, "{\"find\": \"%s\", \"filter\": {\"s\": {\"$parameter\": 1}}}",
                             table);
    GOOD(native(read_only(), find_s, &x, &first));
    ck_assert_str_eq(first,
                     "{\"_id\":{\"$oid\":\"507f1f77bcf86cd799439011\"},\"n\":1,\"s\":\"x\"}");
    GOOD(native(read_only(), find_s, &injected, &first));
    ck_assert_str_eq(first, "");
    ck_assert_int_eq(native(read_only(), find_s, NULL, NULL), RH_INVALID);
    ck_assert_int_eq(
        native(read_only(), rh_arena_printf(arena, "{\"drop\": \"%s\"}", table), NULL, NULL),
        RH_PERMISSION);
    ck_assert_int_eq(native(read_only(),
                            rh_arena_printf(arena,
                                            "{\"aggregate\": \"%s\", \"cursor\": {}, \"pipeline\":"
                                            " [{\"$facet\": {\"a\": [{\"$out\": \"b\"}]}}]}",
                                            table),
                            NULL, NULL),
                     RH_PERMISSION);
    ck_assert_int_eq(native(op(), "{\"killSessions\": []}", NULL, NULL), RH_UNSUPPORTED);
    stop();
}
END_TEST

START_TEST(follows_changes)
{
    struct rh_feed_spec spec = {.struct_size = sizeof(spec),
                                .columns = columns,
                                .n_columns = 3,
                                .column_stride = sizeof(columns[0])};
    struct rh_feed_batch changes = {.struct_size = sizeof(changes),
                                    .rows = {.struct_size = sizeof(changes.rows)}};
    const struct rh_value first = text(id_a);
    struct rh_cursor *cursor;
    uint64_t n = 0;
    uint32_t last = 0;
    const char *since = NULL;

    start("rows");
    spec.table = rh_text_of(table);
    for (int round = 0; round < 2; round++) {
        spec.since = rh_text_of(since);
        GOOD(library->feed.open(conn, op(), &spec, &cursor, &error));
        library->connector.finish(cursor);
        if (!since) { /* where to go on: from a feed that has told nothing yet */
            struct rh_op shorter;
            GOOD(library->feed.open(conn, op(), &spec, &cursor, &error));
            shorter = *op();
            shorter.deadline_us = rh_clock_us() + 1000000;
            GOOD(library->feed.next(cursor, &shorter, 10, &changes, &error));
            ck_assert_uint_eq(changes.rows.n_rows, 0);
            since = rh_arena_dup(arena, changes.token.data, changes.token.len);
            library->connector.finish(cursor);
        }
    }
    insert_two();
    GOOD(put(library->write.remove, &first, 1, 0, 1));
    spec.since = rh_text_of(since);
    GOOD(library->feed.open(conn, op(), &spec, &cursor, &error));
    while (n < 3) {
        GOOD(library->feed.next(cursor, op(), 10, &changes, &error));
        n += changes.rows.n_rows;
        if (changes.rows.n_rows)
            last = changes.kinds[changes.rows.n_rows - 1];
    }
    ck_assert_uint_eq(last, RH_CHANGE_DELETE);
    ck_assert(
        rh_text_is(rh_kit_value_text(&changes.rows.cells[(changes.rows.n_rows - 1) * 3]), id_a));
    library->connector.finish(cursor);
    spec.since = RH_TEXT("0102");
    ck_assert_int_eq(library->feed.open(conn, op(), &spec, &cursor, &error), RH_NOT_FOUND);
    ck_assert_str_eq(error.code, "feed-gone");
    stop();
}
END_TEST

/* Reads a hostile collection to its end, in one operation. */
static int read_all(const char *name, struct rh_value *cells, uint64_t *ret_n)
{
    static const struct rh_column own[] = {
        {.name = RH_TEXT_INIT("_id"), .type = RH_TYPE_INT, .native_id = KNOWN | INTEGER},
        {.name = RH_TEXT_INIT("v"), .type = RH_TYPE_INT, .native_id = KNOWN | INTEGER},
    };
    static const uint32_t select[] = {0, 1};
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = rh_text_of(name),
                             .columns = own,
                             .n_columns = 2,
                             .column_stride = sizeof(own[0]),
                             .select = select,
                             .n_select = 2,
                             .limit = RH_NO_LIMIT};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor = NULL;
    const struct rh_op *one = op();
    int rc = library->connector.open(conn, one, &query, &cursor, &error);

    *ret_n = 0;
    if (rc)
        return rc;
    while ((rc = library->connector.next(cursor, one, 10, &batch, &error)) == RH_OK) {
        for (uint64_t i = 0; cells && i < batch.n_rows && *ret_n + i < MAX_ROWS; i++)
            cells[*ret_n + i] = batch.cells[i * 2 + 1];
        *ret_n += batch.n_rows;
    }
    library->connector.finish(cursor);
    return rc;
}

START_TEST(bears_hostile_answers)
{
    static const struct {
        const char *name;
        int error_class;
    } cases[] = {{"deep", RH_DATA},
                 {"no_cursor", RH_PROTOCOL},
                 {"no_batch", RH_PROTOCOL},
                 {"no_documents", RH_PROTOCOL},
                 {"other_cursor", RH_PROTOCOL},
                 {"failing", RH_UNAVAILABLE},
                 {"ending", RH_UNAVAILABLE},
                 {"half", RH_UNAVAILABLE},
                 {"huge", RH_UNAVAILABLE}};
    uint64_t n;

    start("hostile");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = read_all(cases[i].name, NULL, &n);
        bool fits = rc == cases[i].error_class || (rc == RH_PROTOCOL && cases[i].name[0] == 'h');
        ck_assert_msg(fits, "%s gives %s: %s", cases[i].name, rh_error_class_name(rc),
                      error.message);
    }
    ck_assert_int_lt(read_all("cut", NULL, &n), 0);
    patience_us = 1500000;
    ck_assert_int_eq(read_all("endless", NULL, &n), RH_TIMEOUT);
    ck_assert_int_eq(read_all("flood", NULL, &n), RH_TIMEOUT);
    patience_us = 60000000;
    GOOD(library->connector.ping(conn, op(), &error));
    stop();
}
END_TEST

START_TEST(delivers_values_with_their_own_type)
{
    static const uint8_t types[] = {RH_TYPE_INT,  RH_TYPE_TEXT,  RH_TYPE_JSON, RH_TYPE_JSON,
                                    RH_TYPE_JSON, RH_TYPE_BYTES, RH_TYPE_JSON, RH_TYPE_JSON};
    struct rh_value cells[MAX_ROWS] = {{0}};
    uint64_t n;

    start("hostile");
    ck_assert_int_eq(read_all("types", cells, &n), RH_END);
    ck_assert_uint_eq(n, 8);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_msg(cells[i].type == types[i], "value %u is of type %u", i, cells[i].type);
    stop();
}
END_TEST

START_TEST(tells_why_it_cannot_connect)
{
    const char *host = strchr(server, '@') + 1;

    start("rows");
    library->connector.close(conn);
    conn = NULL;
    ck_assert_int_eq(
        connect_with(rh_arena_printf(arena, "mongodb://rowhouse:top5ecret@%s/rows", host)),
        RH_AUTH);
    ck_assert_ptr_null(strstr(error.message, "top5ecret"));
    ck_assert_int_eq(connect_with("mongodb://u:top5ecret@h:99999999/rows"), RH_CONFIG);
    ck_assert_ptr_null(strstr(error.message, "top5ecret"));
    ck_assert_int_eq(connect_with(server), RH_CONFIG);
    ck_assert_int_eq(connect_with("mongodb://127.0.0.1:1/rows"), RH_UNAVAILABLE);
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        object_ids_are_texts,          writes_by_key,
        runs_commands_with_parameters, follows_changes,
        bears_hostile_answers,         delivers_values_with_their_own_type,
        tells_why_it_cannot_connect};

    server = getenv("ROWHOUSE_TEST_MONGODB_PEER");
    if (!server || !strchr(server, '@')) {
        fputs("ROWHOUSE_TEST_MONGODB_PEER is not set\n", stderr);
        return 77;
    }
    return tests_run("mongodb", tests, sizeof(tests) / sizeof(tests[0]));
}
