/*
 * plugins/firestore against the peer at ROWHOUSE_TEST_FIRESTORE: what writing does with versions, with
 * rows that are not there, and with types of its own; and what is claimed of conditions.
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

#define COUNT(array) (sizeof(array) / sizeof(array[0]))
#define STRING 0x20u /* native_id: of strings, … */
#define REFERENCE 0x80u
#define GEO_POINT 0x100u

static struct rh_library *library;
static struct rh_arena *arena;
static struct rh_conn *conn;
static struct rh_error error;
static struct rh_write_result result;

static const struct rh_column columns[] = {
    {.name = RH_TEXT_INIT("_id"), .type = RH_TYPE_TEXT, .native_id = STRING},
    {.name = RH_TEXT_INIT("_update_time"), .type = RH_TYPE_TEXT, .native_id = STRING},
    {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .native_id = 0x4},
    {.name = RH_TEXT_INIT("r"), .type = RH_TYPE_TEXT, .native_id = REFERENCE},
    {.name = RH_TEXT_INIT("g"), .type = RH_TYPE_JSON, .native_id = GEO_POINT},
};
static const uint32_t all[] = {0, 1, 2, 3, 4}, first[] = {0}, two[] = {0, 1};

static const struct rh_op *op(void)
{
    static struct rh_operation operation;

    error = (struct rh_error)RH_ERROR_INIT;
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + 300000000);
    return &operation.abi;
}

static void start(void)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(getenv("ROWHOUSE_TEST_FIRESTORE")))},
        {RH_TEXT_INIT("project"), rh_kit_null()},
        {RH_TEXT_INIT("database"), rh_kit_text(RH_TEXT("(default)"))},
    };
    struct rh_settings settings = {
        .struct_size = sizeof(settings), .n = 3, .items = items, .stride = sizeof(items[0])};
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    char path[4096];

    arena = rh_arena_new(SIZE_MAX);
    items[1].value = rh_kit_text(
        rh_text_of(rh_arena_printf(arena, "demo-t%016llx", (unsigned long long)rh_rand_u64())));
    error = (struct rh_error)RH_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/firestore.so", folder ? folder : "plugins");
    ck_assert_msg(rh_library_load(path, &library, &error) == RH_OK, "%s", error.message);
    ck_assert_msg(library->connector.connect(rh_host_services(), op(), &settings, &conn, &error) ==
                      RH_OK,
                  "%s", error.message);
}

static void stop(void)
{
    library->connector.close(conn);
    rh_library_free(library);
    rh_arena_free(arena);
}

static struct rh_value text(const char *string)
{
    return rh_kit_text(rh_text_of(string));
}

/* One row of the columns 0 … n_columns - 1 without _update_time unless it is part of the key. */
static int put(rh_write_fn *function, const struct rh_column *of, uint32_t n_columns,
               const uint32_t *key, uint32_t n_key, uint32_t resolve, const struct rh_value *cells,
               uint64_t n_rows)
{
    struct rh_write_spec spec = {
        .struct_size = sizeof(spec),
        .resolve = resolve,
        .table = RH_TEXT_INIT("docs"),
        .columns = of,
        .n_columns = n_columns,
        .column_stride = sizeof(*of),
        .key = key,
        .n_key = n_key,
        .n_rows = n_rows,
        .cells = cells,
        .returning = columns,
        .n_returning = COUNT(columns),
        .returning_stride = sizeof(columns[0]),
    };

    result = (struct rh_write_result){.struct_size = sizeof(result)};
    return function(conn, op(), &spec, &result, &error);
}

#define GOOD(call) ck_assert_msg((call) == RH_OK, "%s", error.message)

static const struct rh_value *cell(uint64_t row, uint32_t column)
{
    ck_assert_uint_lt(row, result.returned.n_rows);
    return &result.returned.cells[row * result.returned.n_cols + column];
}

static void insert_two(void)
{
    static const struct rh_column of[] = {
        {.name = RH_TEXT_INIT("_id"), .type = RH_TYPE_TEXT, .native_id = STRING},
        {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .native_id = 0x4}};
    const struct rh_value cells[] = {text("a"), rh_kit_int(1), text("b"), rh_kit_int(2)};

    GOOD(put(library->write.insert, of, 2, NULL, 0, 0, cells, 2));
    ck_assert_uint_eq(result.n_affected, 2);
}

START_TEST(keeps_to_the_version_that_was_read)
{
    struct rh_value cells[] = {text("a"), text(""), rh_kit_int(5)};

    start();
    insert_two();
    cells[1] = *cell(0, 1);
    cells[1].as.data = rh_arena_dup(arena, cells[1].as.data, cells[1].len);
    GOOD(put(library->write.update, columns, 3, two, 2, 0, cells, 1));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_int_eq((int)cell(0, 2)->as.i, 5);
    ck_assert_int_eq(put(library->write.update, columns, 3, two, 2, 0, cells, 1), RH_CONFLICT);
    ck_assert_uint_eq(error.row, 0);
    ck_assert_int_eq(put(library->write.remove, columns, 2, two, 2, 0, cells, 1), RH_CONFLICT);
    stop();
}
END_TEST

START_TEST(passes_over_what_is_not_there)
{
    static const struct rh_column of[] = {
        {.name = RH_TEXT_INIT("_id"), .type = RH_TYPE_TEXT, .native_id = STRING},
        {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .native_id = 0x4}};
    const struct rh_value cells[] = {text("x"), rh_kit_int(1), text("b"),     rh_kit_int(9),
                                     text(""),  rh_kit_int(1), text("a/b/c"), rh_kit_int(1)};
    const struct rh_value ids[] = {text("b"), text("b"), text("no"), text("..")};

    start();
    insert_two();
    GOOD(put(library->write.update, of, 2, first, 1, 0, cells, 4));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_uint_eq(result.returned.n_rows, 1);
    ck_assert_int_eq((int)cell(0, 2)->as.i, 9);
    GOOD(put(library->write.upsert, of, 2, first, 1, RH_RESOLVE_IGNORE, cells, 2));
    ck_assert_uint_eq(result.n_affected, 1);
    GOOD(put(library->write.remove, of, 1, first, 1, 0, ids, 4));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_int_eq((int)cell(0, 2)->as.i, 9); /* as it was */
    ck_assert_int_eq(put(library->write.upsert, of, 2, first, 1, 0, cells + 4, 1), RH_DATA);
    stop();
}
END_TEST

START_TEST(keeps_types_of_its_own)
{
    const struct rh_column of[] = {columns[0], columns[3], columns[4]};
    const char *point = "{\"latitude\":1.5,\"longitude\":-2}";
    struct rh_value cells[] = {text("a"), text("docs/b"), text(point)};

    start();
    cells[2].type = RH_TYPE_JSON;
    GOOD(put(library->write.insert, of, 3, NULL, 0, 0, cells, 1));
    ck_assert_int_eq(cell(0, 3)->type, RH_TYPE_TEXT);
    ck_assert(rh_text_is(rh_kit_value_text(cell(0, 3)), "docs/b"));
    ck_assert_int_eq(cell(0, 4)->type, RH_TYPE_JSON);
    ck_assert_int_eq(cell(0, 1)->type, RH_TYPE_TEXT);
    cells[1] = text("not a path");
    ck_assert_int_eq(put(library->write.update, of, 3, first, 1, 0, cells, 1), RH_INVALID);
    stop();
}
END_TEST

static uint8_t verdict_of(uint32_t column, uint32_t operator, struct rh_value value)
{
    static const uint32_t conjunct = 0;
    struct rh_node node = {.op = operator, .column = column, .n = 1};
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = RH_TEXT_INIT("docs"),
                             .columns = columns,
                             .n_columns = COUNT(columns),
                             .column_stride = sizeof(columns[0]),
                             .select = all,
                             .n_select = COUNT(all),
                             .conjuncts = &conjunct,
                             .n_conjuncts = 1,
                             .nodes = &node,
                             .n_nodes = 1,
                             .values = &value,
                             .n_values = 1,
                             .limit = RH_NO_LIMIT};
    struct rh_plan plan = {.struct_size = sizeof(plan)};
    uint8_t verdict = 99;
    uint32_t needs[COUNT(columns)];

    plan.verdicts = &verdict;
    plan.needs = needs;
    GOOD(library->connector.plan(conn, &query, &plan, &error));
    return verdict;
}

START_TEST(claims_no_more_than_it_keeps)
{
    char *text_1400 = NULL;

    start();
    text_1400 = rh_arena_alloc(arena, 1402);
    memset(text_1400, 'x', 1401);
    ck_assert_int_eq(verdict_of(2, RH_OP_EQ, rh_kit_int(1)), RH_VERDICT_EXACT);
    ck_assert_int_eq(verdict_of(2, RH_OP_EQ, rh_kit_int(INT64_C(1) << 53)), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict_of(2, RH_OP_LT, rh_kit_int(1)), RH_VERDICT_SUPERSET);
    ck_assert_int_eq(verdict_of(2, RH_OP_GTE, rh_kit_int(1)), RH_VERDICT_EXACT);
    ck_assert_int_eq(verdict_of(2, RH_OP_EQ | RH_OP_NOT, rh_kit_int(1)), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict_of(3, RH_OP_EQ, text("docs/b")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict_of(1, RH_OP_EQ, text("2024")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict_of(0, RH_OP_EQ, text("a")), RH_VERDICT_EXACT);
    ck_assert_int_eq(verdict_of(0, RH_OP_GT, text("a")), RH_VERDICT_EXACT);
    ck_assert_int_eq(verdict_of(0, RH_OP_GT, text("a/b")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict_of(0, RH_OP_GT, text("")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict_of(0, RH_OP_GT, text(text_1400)), RH_VERDICT_EXACT);
    stop();
}
END_TEST

TESTS_MAIN("firestore", keeps_to_the_version_that_was_read, passes_over_what_is_not_there,
           keeps_types_of_its_own, claims_no_more_than_it_keeps)
