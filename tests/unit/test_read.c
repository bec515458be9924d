/*
 * Reading through a real connector (SQLite, in a temporary file): pages in both directions, cursors
 * of other queries, counts, budgets, what was pushed down, single rows.
 */
#include "rows/read.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"
#include "rows/jsoncheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define N_ITEMS 1000

static char path[] = "/tmp/test-read-XXXXXX";
static struct rh_registry *registry;
static struct rh_datasource *datasource;
static struct rh_arena *arena;
static struct rh_operation op;
static struct rh_session session;
static struct rh_error error;

/* ---- The source -------------------------------------------------------------------------- */

static void run_sql(const char *text)
{
    struct rh_native_spec spec = {.struct_size = sizeof(spec), .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof(result)};
    int r = session.connector->native->run(session.lease.conn, &op.abi, &spec, &result, &error);

    ck_assert_msg(r == RH_OK, "%s", error.message);
    if (result.cursor)
        session.connector->finish(result.cursor);
}

static void open_source(const struct rh_budget *budget)
{
    json_t *config = json_pack("{s:s}", "path", path);

    arena = rh_arena_new((size_t)1 << 30);
    rh_error_clear(&error);
    rh_operation_init(&op, arena, NULL, rh_clock_us() + UINT64_C(300000000));
    ck_assert_int_eq(rh_registry_new(NULL, &registry, &error), RH_OK);
    ck_assert_msg(rh_datasource_new(registry, "test", RH_TEXT("sqlite"), config, NULL, budget,
                                    &datasource, &error) == RH_OK,
                  "%s", error.message);
    json_decref(config);
    ck_assert_msg(rh_session_open(datasource, &op, &session, &error) == RH_OK, "%s", error.message);
}

static void setup(void)
{
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    open_source(NULL);
    run_sql("CREATE TABLE item (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, name TEXT,"
            " soft TEXT COLLATE NOCASE, price DECIMAL(10,2))");
    run_sql("CREATE TABLE loose (n INTEGER)");
    run_sql("CREATE INDEX item_grp ON item (grp)");
    run_sql(
        "CREATE TABLE odd (id INTEGER PRIMARY KEY, n INTEGER, b BOOLEAN, d DATE, f REAL, t TEXT)");
    run_sql("INSERT INTO odd VALUES (1, 5, 1, '2024-01-01', 1.5, 'x'), (2, 'abc', 0, 'not a date', "
            "'y', 1),"
            " (3, x'00', 7, 5, x'ff', x'61'), (4, 2.5, 'true', NULL, 2, 2.5), (5, NULL, NULL, "
            "'2023-12-31', NULL, NULL),"
            " (6, -1, -1, '2024-01-01', 0, 'a'), (7, 5, 1, x'00', 'z', 'A'), (8, 'ABC', 0.5, "
            "'1582-10-15', 1e300, '')");
    run_sql("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000)"
            " INSERT INTO item SELECT i, i % 10, CASE i % 7 WHEN 0 THEN NULL ELSE 'name ' || (i % "
            "50) END,"
            " CASE i % 2 WHEN 0 THEN 'Ab' ELSE 'aB' END || (i % 3), i / 4.0 FROM c");
    run_sql("INSERT INTO loose SELECT id % 9 FROM item WHERE id <= 25");
    rh_session_close(&session);
    ck_assert_int_eq(rh_datasource_refresh(datasource, &op, &error), RH_OK);
    ck_assert_int_eq(rh_session_open(datasource, &op, &session, &error), RH_OK);
}

static void teardown(void)
{
    rh_session_close(&session);
    rh_datasource_unref(datasource);
    rh_registry_free(registry);
    rh_arena_free(arena);
    unlink(path);
}

/* ---- Reading ----------------------------------------------------------------------------- */

struct result {
    int outcome;
    uint64_t n;
    int64_t first, last; /* first column */
    struct rh_page page;
    char plan[256];
};

static struct result read_with(const char *table, const char *query, struct rh_read_options options,
                               struct rh_text after, struct rh_text before)
{
    struct result result = {0};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_json *json = NULL;
    struct rh_spec *spec = NULL;
    struct rh_read *read = NULL;
    struct rh_buf plan;
    int r;

    rh_error_clear(&error);
    ck_assert_int_eq(rh_json_parse(arena, rh_text_of(query), &json, &error), RH_OK);
    r = rh_spec_parse_json(arena, json, &spec, &error);
    if (r == RH_OK) {
        if (after.data)
            spec->after = after;
        if (before.data)
            spec->before = before;
        r = rh_read_open(&session, rh_text_of(table), spec, &options, &read, &error);
    }
    while (r == RH_OK && (r = rh_read_next(read, &batch, &error)) == RH_OK) {
        if (result.n == 0)
            result.first = batch.cells[0].as.i;
        result.last = batch.cells[(batch.n_rows - 1) * batch.n_cols].as.i;
        result.n += batch.n_rows;
    }
    if (r == RH_END)
        r = rh_read_page(read, &result.page, &error);
    if (read) {
        rh_buf_init(&plan, 255);
        rh_read_plan_header(read, &plan);
        snprintf(result.plan, sizeof(result.plan), "%.*s", (int)plan.len, plan.data);
        rh_buf_free(&plan);
    }
    rh_read_close(read);
    result.outcome = r;
    return result;
}

static const struct rh_text none = {NULL, 0};

static struct result read_all(const char *table, const char *query)
{
    return read_with(table, query, (struct rh_read_options){0}, none, none);
}

static void check_ok(const struct result *result)
{
    ck_assert_msg(result->outcome == RH_OK, "%s", error.message);
}

START_TEST(limits_of_a_page)
{
    struct result r = read_all("item", "{}");

    check_ok(&r);
    ck_assert_uint_eq(r.n, 100);
    ck_assert(r.page.next.data && !r.page.prev.data && r.page.stable);
    ck_assert_int_eq(r.page.count, -1);
    r = read_all("item", "{\"limit\":10000}");
    ck_assert_uint_eq(r.n, N_ITEMS);
    ck_assert(!r.page.next.data);
    r = read_all("item", "{\"limit\":1000}");
    ck_assert(r.n == N_ITEMS && !r.page.next.data);
    r = read_all("item", "{\"limit\":999}");
    ck_assert(r.n == 999 && r.page.next.data);
    r = read_all("item", "{\"limit\":10001}");
    ck_assert_int_eq(r.outcome, RH_INVALID);
    ck_assert_str_eq(error.pointer, "/limit");
    r = read_with("item", "{\"limit\":20001}", (struct rh_read_options){.stream = true}, none,
                  none);
    check_ok(&r);
    ck_assert_uint_eq(r.n, N_ITEMS);
}
END_TEST

static const struct {
    const char *query;
    bool push_nothing;
} walks[] = {
    {"{\"limit\":37}", false},
    {"{\"limit\":37,\"order\":[\"-name\",\"grp\"]}", false},
    {"{\"limit\":37,\"order\":[\"-name\",\"grp\"]}", true},
    {"{\"limit\":50,\"order\":[\"soft\"],\"select\":[\"id\",\"grp\"]}", false},
    {"{\"limit\":50,\"order\":[\"soft\"]}", true},
    {"{\"limit\":10,\"where\":{\"grp\":{\"in\":[1,2]}},\"order\":[\"price\"]}", false},
    {"{\"limit\":10,\"where\":{\"name\":{\"matches\":\"1\"}},\"order\":[\"-price\"]}", false},
};

/* Forwards to the end, and backwards to the beginning: the same pages. */
START_TEST(pages_are_parts_of_one_sequence)
{
    struct rh_read_options options = {.push_nothing = walks[_i].push_nothing};
    struct result pages[100], r = {0};
    struct rh_text after = none;
    unsigned n = 0;
    uint64_t rows = 0;

    do {
        ck_assert_uint_lt(n, COUNT(pages));
        pages[n] = read_with("item", walks[_i].query, options, after, none);
        check_ok(&pages[n]);
        rows += pages[n].n;
        after = pages[n].page.next;
    } while (pages[n++].page.next.data);
    r = read_with("item", walks[_i].query, options, none, none);
    ck_assert_uint_gt(n, 3);
    ck_assert_int_eq(r.first, pages[0].first);
    for (unsigned i = n - 1; i > 0; i--) {
        ck_assert(pages[i].page.prev.data);
        r = read_with("item", walks[_i].query, options, none, pages[i].page.prev);
        check_ok(&r);
        ck_assert(r.n == pages[i - 1].n && r.first == pages[i - 1].first &&
                  r.last == pages[i - 1].last);
        ck_assert(r.page.next.data && (r.page.prev.data != NULL) == (i > 1));
    }
    r = read_with("item", walks[_i].query, (struct rh_read_options){.stream = true}, none, none);
    ck_assert_int_eq(r.page.count, -1);
    ck_assert_uint_ge(rows, 100);
}
END_TEST

/* Values that are not of their column's type: pushed down or not, the rows are the same, in the
 * same order, also page by page. */
static const char *const odd_queries[] = {
    "\"order\":[\"n\"]",
    "\"order\":[\"-n\"]",
    "\"order\":[\"b\"]",
    "\"order\":[\"d\",\"-f\"]",
    "\"order\":[{\"col\":\"f\",\"nulls\":\"first\"}]",
    "\"order\":[\"-t\"],\"collate\":\"binary\"",
    "\"where\":{\"n\":{\"gt\":1}}",
    "\"where\":{\"n\":{\"lte\":5}}",
    "\"where\":{\"not\":{\"n\":{\"gt\":1}}}",
    "\"where\":{\"b\":true}",
    "\"where\":{\"b\":{\"ne\":true}}",
    "\"where\":{\"d\":{\"gte\":\"2000-01-01\"}}",
    "\"where\":{\"d\":{\"ne\":\"2024-01-01\"}}",
    "\"where\":{\"f\":{\"lt\":5}}",
    "\"where\":{\"f\":{\"in\":[2,1.5]}}",
    "\"where\":{\"t\":{\"lt\":\"b\"}}",
    "\"where\":{\"t\":{\"nlike\":\"a%\"}}",
    "\"where\":{\"t\":{\"starts\":\"2\"}}",
};

START_TEST(odd_values_come_the_same_way)
{
    char whole[256], paged[256];
    uint64_t ids[2] = {0, 0};
    struct result r;

    snprintf(whole, sizeof(whole), "{%s}", odd_queries[_i]);
    snprintf(paged, sizeof(paged), "{%s,\"limit\":2}", odd_queries[_i]);
    for (unsigned push_nothing = 0; push_nothing < 2; push_nothing++) {
        struct rh_read_options options = {.push_nothing = push_nothing};
        struct rh_text after = none;
        r = read_with("odd", whole, options, none, none);
        check_ok(&r);
        /* Page by page, the ids become the digits of a number. */
        do {
            r = read_with("odd", paged, options, after, none);
            check_ok(&r);
            if (r.n)
                ids[push_nothing] = ids[push_nothing] * 100 + (uint64_t)(r.first * 10 + r.last);
            after = r.page.next;
        } while (after.data);
    }
    ck_assert_msg(ids[0] == ids[1], "pushed %llu, not %llu; %s", (unsigned long long)ids[0],
                  (unsigned long long)ids[1], r.plan);
}
END_TEST

START_TEST(cursors_are_bound_to_their_query)
{
    struct result first = read_all("item", "{\"limit\":5,\"order\":[\"name\"]}"), r;
    static const char *const others[] = {
        "{\"limit\":5}",
        "{\"limit\":5,\"order\":[\"-name\"]}",
        "{\"limit\":5,\"order\":[\"name\"],\"where\":{\"grp\":1}}",
    };

    for (size_t i = 0; i < COUNT(others); i++) {
        r = read_with("item", others[i], (struct rh_read_options){0}, first.page.next, none);
        ck_assert_int_eq(r.outcome, RH_INVALID);
        ck_assert_str_eq(error.code, "invalid-cursor");
        ck_assert_str_eq(error.pointer, "/after");
    }
    /* Another limit or select is the same sequence. */
    r = read_with("item", "{\"limit\":7,\"order\":[\"name\"],\"select\":[\"grp\"]}",
                  (struct rh_read_options){0}, first.page.next, none);
    check_ok(&r);
    ck_assert_uint_eq(r.n, 7);
    r = read_with("item", "{\"limit\":5,\"order\":[\"name\"]}", (struct rh_read_options){0},
                  first.page.next, first.page.next);
    ck_assert_int_eq(r.outcome, RH_INVALID);
}
END_TEST

START_TEST(tables_without_a_key_page_by_offset)
{
    struct rh_text after = none;
    struct result r = {0};
    uint64_t n = 0;

    do {
        r = read_with("loose", "{\"limit\":10,\"order\":[\"n\"],\"count\":\"exact\"}",
                      (struct rh_read_options){0}, after, none);
        check_ok(&r);
        ck_assert(!r.page.stable);
        ck_assert_int_eq(r.page.count, 25);
        n += r.n;
        after = r.page.next;
    } while (after.data);
    ck_assert_uint_eq(n, 25);
    ck_assert_uint_eq(r.n, 5);
    r = read_with("loose", "{\"limit\":10,\"order\":[\"n\"]}", (struct rh_read_options){0}, none,
                  r.page.prev);
    check_ok(&r);
    ck_assert_uint_eq(r.n, 10);
    ck_assert(r.page.prev.data);
    r = read_with("loose", "{\"limit\":20,\"order\":[\"n\"]}", (struct rh_read_options){0}, none,
                  r.page.prev);
    check_ok(&r);
    ck_assert_uint_eq(r.n, 10); /* what there is before it */
    ck_assert(!r.page.prev.data);
}
END_TEST

START_TEST(counts)
{
    struct result r = read_all("item", "{\"limit\":5,\"count\":\"exact\",\"where\":{\"grp\":3}}");

    check_ok(&r);
    ck_assert_int_eq(r.page.count, 100);
    ck_assert(!r.page.count_is_estimate);
    r = read_with("item", "{\"limit\":5,\"count\":\"exact\",\"where\":{\"grp\":3}}",
                  (struct rh_read_options){.push_nothing = true}, r.page.next, none);
    check_ok(&r);
    ck_assert_int_eq(r.page.count, 100);
    r = read_all("item", "{\"limit\":500,\"count\":\"exact\",\"where\":{\"grp\":3},\"offset\":10}");
    ck_assert_int_eq(r.page.count, 100);
    r = read_all("item",
                 "{\"limit\":500,\"count\":\"exact\",\"where\":{\"grp\":3},\"offset\":110}");
    ck_assert_int_eq(r.page.count, 100);
    r = read_all("item", "{\"limit\":3,\"count\":\"exact\",\"group\":[\"grp\"]}");
    ck_assert_int_eq(r.page.count, 10);
    r = read_all("item",
                 "{\"limit\":2,\"count\":\"exact\",\"distinct\":true,\"select\":[\"grp\"]}");
    ck_assert_int_eq(r.page.count, 10);
    r = read_all("item", "{\"limit\":0,\"count\":\"exact\"}");
    ck_assert(r.n == 0 && r.page.count == N_ITEMS);
}
END_TEST

static const struct {
    const char *query, *plan;
} plans[] = {
    {"{\"where\":{\"grp\":1},\"limit\":5}",
     "pushed=where(1/1),order,limit; completed=none; scanned=6; returned=5"},
    {"{\"where\":{\"grp\":1,\"name\":{\"matches\":\"^name 1$\"}},\"limit\":5}",
     "pushed=where(1/2),order; completed=filter,limit; scanned=100; returned=5"},
    {"{\"aggregate\":{\"n\":{\"count\":\"*\"}},\"where\":{\"name\":{\"matches\":\"1\"}}}",
     "pushed=none; completed=filter,group,limit; scanned=1000; returned=1"},
    {"{\"aggregate\":{\"n\":{\"count\":\"*\"}}}",
     "pushed=group,limit; completed=none; scanned=1; returned=1"},
    {"{\"order\":[\"soft\"],\"limit\":1,\"where\":{\"soft\":\"Ab1\"}}",
     "pushed=where(1/1),order,limit; completed=none; scanned=2; returned=1; text-order=source"},
    {"{\"order\":[\"soft\"],\"limit\":1,\"collate\":\"binary\"}",
     "pushed=order,limit; completed=none; scanned=2; returned=1; text-order=binary"},
};

START_TEST(the_header_says_who_did_what)
{
    struct result r = read_all("item", plans[_i].query);

    check_ok(&r);
    ck_assert_str_eq(r.plan, plans[_i].plan);
}
END_TEST

START_TEST(explain_is_json_and_opens_nothing)
{
    struct rh_read_options options = {.explain_only = true};
    struct rh_json *json = NULL, *document = NULL;
    struct rh_spec *spec = NULL;
    struct rh_read *read = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_buf buf;

    rh_buf_init(&buf, 1 << 20);
    ck_assert_int_eq(
        rh_json_parse(arena,
                      RH_TEXT("{\"where\":{\"or\":[{\"grp\":1},{\"name\":{\"like\":\"a%\"}}]},"
                              "\"order\":[\"-soft\"],\"limit\":3}"),
                      &json, &error),
        RH_OK);
    ck_assert_int_eq(rh_spec_parse_json(arena, json, &spec, &error), RH_OK);
    ck_assert_int_eq(rh_read_open(&session, RH_TEXT("item"), spec, &options, &read, &error), RH_OK);
    ck_assert_int_eq(rh_read_next(read, &batch, &error), RH_END);
    ck_assert_int_eq(rh_read_explain(read, &buf, &error), RH_OK);
    ck_assert_msg(rh_json_parse(arena, rh_buf_text(&buf), &document, &error) == RH_OK, "%s in %.*s",
                  error.message, (int)buf.len, buf.data);
    ck_assert_uint_eq(rh_json_member(document, "conditions")->n, 1);
    ck_assert(rh_text_is(rh_json_member(rh_json_member(document, "conditions")->child, "op")->text,
                         "or"));
    ck_assert(rh_text_starts(rh_json_member(document, "native")->text, "SELECT"));
    ck_assert(
        rh_text_is(rh_json_member(rh_json_member(document, "order"), "text")->text, "source"));
    rh_read_close(read);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(the_scan_budget_names_what_would_help)
{
    struct rh_budget budget;
    struct result r;

    rh_session_close(&session);
    rh_datasource_unref(datasource);
    rh_registry_free(registry);
    rh_arena_free(arena);
    rh_budget_default(&budget);
    budget.scan_rows = 500;
    open_source(&budget);
    r = read_all("item", "{\"where\":{\"name\":{\"matches\":\"nothing\"}}}");
    ck_assert_int_eq(r.outcome, RH_RESOURCE);
    ck_assert_str_eq(error.code, "budget-exceeded");
    ck_assert_ptr_nonnull(strstr(error.hint, "grp"));
    /* What the source does itself costs nothing, and what is returned is not held against it. */
    r = read_all("item", "{\"where\":{\"name\":\"nothing\"}}");
    check_ok(&r);
    r = read_with("item", "{\"where\":{\"name\":{\"matches\":\"(?s).*\"}}}",
                  (struct rh_read_options){.stream = true}, none, none);
    check_ok(&r);
    ck_assert_uint_eq(r.n, 858);
}
END_TEST

START_TEST(one_row_and_its_etag)
{
    const struct rh_table *table = NULL;
    struct rh_value key = {.type = RH_TYPE_INT, .as.i = 7}, *cells = NULL, *again = NULL;
    char tag[33], other[33];

    ck_assert_int_eq(rh_tableset_find(session.tables, RH_TEXT("item"), &table, &error), RH_OK);
    ck_assert_msg(rh_read_row(&session, table, &key, false, &cells, &error) == RH_OK, "%s",
                  error.message);
    ck_assert_int_eq(cells[0].as.i, 7);
    ck_assert_uint_eq(cells[2].type, RH_TYPE_NULL);
    ck_assert_int_eq(rh_read_row(&session, table, &key, true, &again, &error), RH_OK);
    rh_read_etag(table, cells, tag);
    rh_read_etag(table, again, other);
    ck_assert_str_eq(tag, other);
    ck_assert_uint_eq(strlen(tag), 32);
    again[1].as.i++;
    rh_read_etag(table, again, other);
    ck_assert_str_ne(tag, other);
    key.as.i = 70000;
    ck_assert_int_eq(rh_read_row(&session, table, &key, false, &cells, &error), RH_NOT_FOUND);
    rh_error_clear(&error);
    key.type = RH_TYPE_NULL;
    ck_assert_int_eq(rh_read_row(&session, table, &key, false, &cells, &error), RH_NOT_FOUND);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_tableset_find(session.tables, RH_TEXT("loose"), &table, &error), RH_OK);
    ck_assert_int_eq(rh_read_row(&session, table, &key, false, &cells, &error), RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-key");
}
END_TEST

START_TEST(a_read_may_be_closed_at_any_point)
{
    struct rh_json *json = NULL;
    struct rh_spec *spec = NULL;
    struct rh_read *read = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_page page;

    ck_assert_int_eq(rh_json_parse(arena, RH_TEXT("{\"order\":[\"name\"]}"), &json, &error), RH_OK);
    ck_assert_int_eq(rh_spec_parse_json(arena, json, &spec, &error), RH_OK);
    for (unsigned pulls = 0; pulls < 3; pulls++) {
        ck_assert_int_eq(rh_read_open(&session, RH_TEXT("item"), spec, NULL, &read, &error), RH_OK);
        for (unsigned i = 0; i < pulls; i++)
            ck_assert_int_ge(rh_read_next(read, &batch, &error), RH_OK);
        if (pulls < 2) {
            ck_assert_int_eq(rh_read_page(read, &page, &error), RH_INTERNAL);
            rh_error_clear(&error);
        }
        rh_read_close(read);
        rh_read_close(read);
    }
    ck_assert_int_eq(rh_read_open(&session, RH_TEXT("item"), spec, NULL, &read, &error), RH_OK);
    op.abi.deadline_us = rh_clock_us() - 1;
    ck_assert_int_eq(rh_read_next(read, &batch, &error), RH_TIMEOUT);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_read_next(read, &batch, &error), RH_TIMEOUT);
    rh_read_close(read);
}
END_TEST

/* ---- Without memory ---------------------------------------------------------------------- */

static bool read_once(void *context)
{
    struct rh_read_options options = {.push_nothing = true};
    struct rh_error own = RH_ERROR_INIT;
    struct rh_arena *room = rh_arena_new((size_t)64 << 20);
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_json *json = NULL;
    struct rh_spec *spec = NULL;
    struct rh_read *read = NULL;
    struct rh_page page;
    int r = RH_RESOURCE;

    if (!room)
        return false;
    op.abi.arena = room;
    r = rh_json_parse(room, rh_text_of(context), &json, &own);
    if (r == RH_OK)
        r = rh_spec_parse_json(room, json, &spec, &own);
    if (r == RH_OK)
        r = rh_read_open(&session, RH_TEXT("item"), spec, &options, &read, &own);
    while (r == RH_OK)
        r = rh_read_next(read, &batch, &own);
    if (r == RH_END)
        r = rh_read_page(read, &page, &own);
    rh_read_close(read);
    FAULT_ASSERT(r == RH_OK || r == RH_RESOURCE);
    op.abi.arena = arena;
    rh_arena_free(room);
    return r == RH_OK;
}

START_TEST(every_allocation_may_fail)
{
    static const char sorted[] = "{\"order\":[\"name\"],\"limit\":5,\"count\":\"exact\","
                                 "\"where\":{\"grp\":{\"in\":[1,2]}}}";
    static const char grouped[] = "{\"group\":[\"name\"],\"aggregate\":{\"s\":{\"sum\":\"price\"}},"
                                  "\"having\":{\"s\":{\"gt\":1}}}";
    static const char distinct[] = "{\"select\":[\"grp\"],\"distinct\":true,"
                                   "\"where\":{\"name\":{\"matches\":\"1\"}}}";
    static const char *const queries[] = {sorted, grouped, distinct};

    for (size_t i = 0; i < COUNT(queries); i++) {
        char *query = strdup(queries[i]);
        ck_assert_uint_gt(fault_torture(read_once, query), 10);
        free(query);
    }
}
END_TEST

int main(void)
{
    struct tests tests = tests_new("read", setup, teardown);

    tcase_add_test(tests.tcase, limits_of_a_page);
    tcase_add_loop_test(tests.tcase, pages_are_parts_of_one_sequence, 0, COUNT(walks));
    tcase_add_loop_test(tests.tcase, odd_values_come_the_same_way, 0, COUNT(odd_queries));
    tcase_add_test(tests.tcase, cursors_are_bound_to_their_query);
    tcase_add_test(tests.tcase, tables_without_a_key_page_by_offset);
    tcase_add_test(tests.tcase, counts);
    tcase_add_loop_test(tests.tcase, the_header_says_who_did_what, 0, COUNT(plans));
    tcase_add_test(tests.tcase, explain_is_json_and_opens_nothing);
    tcase_add_test(tests.tcase, the_scan_budget_names_what_would_help);
    tcase_add_test(tests.tcase, one_row_and_its_etag);
    tcase_add_test(tests.tcase, a_read_may_be_closed_at_any_point);
    tcase_add_test(tests.tcase, every_allocation_may_fail);
    return tests_end(&tests);
}
