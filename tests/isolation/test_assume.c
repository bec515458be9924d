/* Plans that are taken to be as they were: never against what the connector says of a literal. */
#include "rows/read.h"
#include "vandal.h"

#include <jansson.h>

static struct rh_library *library;
static struct visit visit;

static void start(void)
{
    library = loaded(NULL);
    ck_assert_int_eq(enter(&visit, library, "", "", ""), RH_OK);
}

static void stop(void)
{
    leave(&visit);
    rh_library_free(library);
}

/* The query "id = literal", for the connector: with the condition when it is to be pushed. */
static struct rh_query where(const struct rh_value *literal, bool pushed)
{
    static const struct rh_node node = {.op = RH_OP_EQ, .column = 0, .n = 1};
    static const uint32_t conjunct = 0;
    struct rh_query made = query;

    made.nodes = &node;
    made.values = literal;
    made.n_nodes = made.n_values = 1;
    made.conjuncts = &conjunct;
    made.n_conjuncts = pushed ? 1 : 0;
    return made;
}

/* The verdict on "id = literal". */
static uint8_t plan(int64_t literal, uint32_t flags)
{
    struct rh_value value = {.type = RH_TYPE_INT, .as.i = literal};
    struct rh_query asked = where(&value, true);
    struct rh_plan plan = {.struct_size = sizeof(plan), .est_rows = -1};
    uint8_t verdict = 99;
    uint32_t needs[2];

    plan.verdicts = &verdict;
    plan.needs = needs;
    asked.flags = flags;
    ck_assert_int_eq(visit.connector->plan(visit.conn, &asked, &plan, &visit.error), RH_OK);
    return verdict;
}

static int32_t open_and_finish(int64_t literal, bool pushed)
{
    struct rh_value value = {.type = RH_TYPE_INT, .as.i = literal};
    struct rh_query opened = where(&value, pushed);
    struct rh_cursor *cursor = NULL;
    int32_t rc =
        visit.connector->open(visit.conn, op_of(&visit, 20000), &opened, &cursor, &visit.error);

    if (rc == RH_OK)
        visit.connector->finish(cursor);
    return rc;
}

START_TEST(opens_what_is_planned_as_before)
{
    start();
    for (int64_t literal = 2; literal < 100; literal += 2) {
        ck_assert_uint_eq(plan(literal, RH_QUERY_ASSUME), RH_VERDICT_EXACT);
        ck_assert_int_eq(open_and_finish(literal, true), RH_OK);
    }
    stop();
}
END_TEST

START_TEST(refuses_what_is_planned_otherwise)
{
    start();
    ck_assert_uint_eq(plan(2, RH_QUERY_ASSUME), RH_VERDICT_EXACT);
    ck_assert_int_eq(open_and_finish(2, true), RH_OK);
    ck_assert_uint_eq(plan(3, RH_QUERY_ASSUME), RH_VERDICT_EXACT); /* as it was */
    ck_assert_int_eq(open_and_finish(3, true), RH_CONFLICT);
    ck_assert_str_eq(visit.error.code, RH_PLAN_CHANGED);
    ck_assert_uint_eq(plan(3, RH_QUERY_ASSUME), RH_VERDICT_NONE);
    ck_assert_int_eq(open_and_finish(3, false), RH_OK);
    ck_assert_uint_eq(plan(5, RH_QUERY_ASSUME), RH_VERDICT_NONE);
    ck_assert_int_eq(open_and_finish(5, false), RH_OK);
    ck_assert_uint_eq(plan(4, RH_QUERY_ASSUME), RH_VERDICT_NONE);
    ck_assert_int_eq(open_and_finish(4, false), RH_CONFLICT);
    stop();
}
END_TEST

START_TEST(assumes_for_nobody_who_does_not_say_so)
{
    start();
    ck_assert_uint_eq(plan(2, RH_QUERY_ASSUME), RH_VERDICT_EXACT);
    ck_assert_uint_eq(plan(3, 0), RH_VERDICT_NONE);
    ck_assert_uint_eq(plan(4, 0), RH_VERDICT_EXACT);
    ck_assert_int_eq(open_and_finish(4, true), RH_OK);
    stop();
}
END_TEST

/* What was assumed for a query that was given up is no hindrance, nor are more plans than are
 * kept. */
START_TEST(bears_plans_without_an_open)
{
    start();
    for (int64_t literal = 2; literal < 40; literal += 2)
        ck_assert_uint_eq(plan(literal, RH_QUERY_ASSUME), RH_VERDICT_EXACT);
    ck_assert_int_eq(open_and_finish(40, true), RH_OK);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_ne(plan(2 + i % 2, RH_QUERY_ASSUME), 99);
        (void)open_and_finish(2 + i % 2, false);
    }
    ck_assert_uint_eq(plan(2, RH_QUERY_ASSUME), RH_VERDICT_EXACT); /* by now it is always asked */
    ck_assert_uint_eq(plan(3, RH_QUERY_ASSUME), RH_VERDICT_NONE);
    ck_assert_int_eq(open_and_finish(3, false), RH_OK);
    stop();
}
END_TEST

/* ---- Reads ----------------------------------------------------------------------------------- */

static uint64_t count(struct rh_datasource *datasource, const char *condition)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_arena *arena = rh_arena_new((size_t)16 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_read_options options = {0};
    struct rh_read *read = NULL;
    struct rh_session session;
    struct rh_operation op;
    struct rh_spec *spec = NULL;
    uint64_t n = 0;
    int rc;

    rh_operation_init(&op, arena, NULL, rh_clock_us() + 20u * 1000000u);
    ck_assert_int_eq(rh_spec_parse_url(arena, rh_text_of(condition), NULL, &spec, &error), RH_OK);
    ck_assert_int_eq(rh_session_open(datasource, &op, &session, &error), RH_OK);
    rc = rh_read_open(&session, RH_TEXT("t"), spec, &options, &read, &error);
    ck_assert_msg(rc == RH_OK, "%s", error.message);
    while ((rc = rh_read_next(read, &batch, &error)) == RH_OK)
        n += batch.n_rows;
    ck_assert_int_eq(rc, RH_END);
    rh_read_close(read);
    rh_session_close(&session);
    rh_arena_free(arena);
    return n;
}

/* The vandal returns all rows for a condition that it claims, and one that it does not claim the
 * host completes: so the number of rows tells who did it. */
START_TEST(reads_by_the_plan_of_its_own_literals)
{
    struct rh_registry_options options = {.folder = "/nonexistent"};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_datasource *datasource = NULL;
    struct rh_registry *registry = NULL;
    json_t *config = json_object();

    ck_assert_int_eq(rh_registry_new(&options, &registry, &error), RH_OK);
    ck_assert_int_eq(rh_registry_add(registry, loaded(NULL), &error), RH_OK);
    ck_assert_int_eq(rh_datasource_new(registry, "test", RH_TEXT("vandal"), config, NULL, NULL,
                                       &datasource, &error),
                     RH_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(count(datasource, "id=eq.2"), 50);
        ck_assert_uint_eq(count(datasource, "id=eq.4"), 50);
        ck_assert_uint_eq(count(datasource, "id=eq.3"), 1);
        ck_assert_uint_eq(count(datasource, "id=eq.5"), 1);
    }
    rh_datasource_unref(datasource);
    rh_registry_free(registry);
    json_decref(config);
}
END_TEST

TESTS_MAIN("assume", opens_what_is_planned_as_before, refuses_what_is_planned_otherwise,
           assumes_for_nobody_who_does_not_say_so, bears_plans_without_an_open,
           reads_by_the_plan_of_its_own_literals)
