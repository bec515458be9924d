/* sdk/connector/sql_query.c: order, pages, groups, and one text for one shape. */
#include "sql_fixture.h"

#include "lib/fault.h"

/* ---- order, pages ---- */

START_TEST(orders)
{
    const struct rh_order order[] = {{.column = PRICE},
                                     {.column = NAME, .flags = RH_ORDER_DESC | RH_ORDER_BINARY},
                                     {.column = ID, .flags = RH_ORDER_DESC}};
    struct rh_query query = query_of(NULL, 0, NULL, 0);

    query.order = order;
    query.n_order = COUNT(order);
    query.limit = 10;
    query.offset = 20;
    assert_select(
        &pg, &query,
        "SELECT t0.\"id\" FROM \"orders\" AS t0 ORDER BY t0.\"price\", t0.\"name\" COLLATE "
        "\"C\" DESC NULLS LAST, t0.\"id\" DESC LIMIT 10 OFFSET $1",
        1);
    query.limit = RH_NO_LIMIT;
    query.flags = RH_QUERY_LOCK;
    assert_select(&lite, &query,
                  "SELECT t0.[id] FROM [orders] AS t0 ORDER BY CASE WHEN t0.[price] IS NULL THEN 1 "
                  "ELSE 0 END, t0.[price], t0.[name] DESC, t0.[id] DESC LIMIT ?1 OFFSET ?2",
                  2);
    query.offset = 0;
    query.n_order = 0;
    assert_select(&pg, &query, "SELECT t0.\"id\" FROM \"orders\" AS t0 FOR UPDATE", 0);
    query.n_select = 0;
    query.flags = 0;
    assert_select(&pg, &query, "SELECT 1 FROM \"orders\" AS t0", 0);
}
END_TEST

static void assert_seek(const struct rh_sql_dialect *dialect, const struct rh_order *order,
                        const struct rh_value *values, uint32_t n, const char *expected)
{
    const struct rh_node node = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = n};
    struct rh_query query = query_of(&node, 1, values, n);
    struct rh_sql sql;

    query.order = order;
    query.n_order = n;
    rh_sql_init(&sql, dialect, NULL);
    rh_sql_from_where(&sql, &query);
    ck_assert(!sql.failed);
    ck_assert_str_eq(strstr(rh_sql_string(&sql), "WHERE ") + 6, expected);
    rh_sql_fini(&sql);
}

START_TEST(seeks)
{
    const struct rh_value values[] = {rh_kit_int(5), text("b"), rh_kit_int(7)};
    const struct rh_value nulls[] = {rh_kit_null(), rh_kit_int(7)};
    const struct rh_order same[] = {{.column = ID}, {.column = CITY}};
    const struct rh_order mixed[] = {{.column = ID, .flags = RH_ORDER_DESC}, {.column = NAME}};
    const struct rh_order nullable[] = {{.column = PRICE}, {.column = ID}};
    const struct rh_order first[] = {{.column = PRICE, .flags = RH_ORDER_NULLS_FIRST},
                                     {.column = ID}};

    assert_seek(&pg, same, values, 1, "t0.\"id\" > $1");
    assert_seek(&pg, same, values, 2, "(t0.\"id\", t0.\"ci\"\"ty\") > ($1, $2)");
    assert_seek(&lite, same, values, 2,
                "(t0.[id] >= ?1 AND (t0.[id] > ?2 OR (t0.[id] = ?3 AND (t0.[ci\"ty] > ?4))))");
    assert_seek(&pg, mixed, values, 2,
                "(t0.\"id\" <= $1 AND (t0.\"id\" < $2 OR (t0.\"id\" = $3 AND (t0.\"name\" > $4 OR "
                "t0.\"name\" IS NULL))))");
    assert_seek(&pg, nullable, values, 1, "((t0.\"price\" > $1 OR t0.\"price\" IS NULL))");
    assert_seek(&pg, nullable, nulls, 2,
                "((1 = 0 OR (t0.\"price\" IS NULL AND (t0.\"id\" > $1))))");
    assert_seek(&pg, first, nulls, 2,
                "((t0.\"price\" IS NOT NULL OR (t0.\"price\" IS NULL AND (t0.\"id\" > $1))))");
    assert_seek(&pg, first, (const struct rh_value[]){rh_kit_int(1), rh_kit_int(2)}, 2,
                "(t0.\"price\" >= $1 AND (t0.\"price\" > $2 OR (t0.\"price\" = $3 AND (t0.\"id\" > "
                "$4))))");
}
END_TEST

/* ---- groups ---- */

START_TEST(groups)
{
    const struct rh_group group[] = {{.column = NAME}, {.column = WHEN, .bucket = RH_BUCKET_MONTH}};
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT},
        {.function = RH_AGG_MAX, .column = CITY, .type = RH_TYPE_TEXT},
        {.function = RH_AGG_COUNT, .column = NAME, .distinct = 1, .type = RH_TYPE_INT}};
    const struct rh_order order[] = {{.column = 2, .flags = RH_ORDER_DESC}, {.column = 0}};
    const struct rh_value values[] = {rh_kit_int(10)};
    const struct rh_node nodes[] = {{.op = RH_OP_GT | RH_OP_NOT, .column = 2, .n = 1},
                                    {.op = RH_OP_NULL, .column = 3}};
    const uint32_t having[] = {0, 1};
    struct rh_query query = query_of(NULL, 0, values, 1);

    query.nodes = nodes;
    query.n_nodes = 2;
    query.groups = group;
    query.n_groups = 2;
    query.aggregates = aggregates;
    query.n_aggregates = 3;
    query.having = having;
    query.n_having = 2;
    query.order = order;
    query.n_order = 2;
    assert_select(
        &pg, &query,
        "SELECT t0.\"name\" COLLATE \"C\", date_trunc('month', t0.\"when\"), count(*), "
        "max(t0.\"ci\"\"ty\" COLLATE \"C\"), count(DISTINCT t0.\"name\" COLLATE \"C\") FROM "
        "\"orders\" AS t0 GROUP BY t0.\"name\" COLLATE \"C\", date_trunc('month', t0.\"when\"), "
        "t0.\"name\" HAVING count(*) <= $1 AND max(t0.\"ci\"\"ty\" COLLATE \"C\") IS NULL ORDER BY "
        "count(*) DESC, t0.\"name\"",
        1);
}
END_TEST

START_TEST(distinct)
{
    const uint32_t select[] = {PRICE, NAME};
    const struct rh_order order[] = {{.column = NAME}, {.column = PRICE}};
    struct rh_query query = query_of(NULL, 0, NULL, 0);

    query.select = select;
    query.n_select = 2;
    query.flags = RH_QUERY_DISTINCT;
    query.order = order;
    query.n_order = 2;
    assert_select(
        &pg, &query,
        "SELECT t0.\"price\"::text, t0.\"name\" COLLATE \"C\" FROM \"orders\" AS t0 GROUP "
        "BY t0.\"price\", t0.\"name\" COLLATE \"C\", t0.\"name\" ORDER BY t0.\"name\", "
        "t0.\"price\"",
        0);
}
END_TEST

START_TEST(text_is_one_for_one_shape)
{
    const struct rh_value small[] = {rh_kit_int(1), rh_kit_int(2), rh_kit_int(3)};
    const struct rh_value large[] = {rh_kit_int(INT64_MAX), rh_kit_int(0), rh_kit_int(-1),
                                     rh_kit_int(4)};
    const struct rh_node three = {.op = RH_OP_IN, .column = ID, .n = 3};
    const struct rh_node four = {.op = RH_OP_IN, .column = ID, .n = 4};
    struct rh_query a = query_of(&three, 1, small, 3), b = query_of(&four, 1, large, 4);
    struct rh_sql left, right;

    a.limit = b.limit = 10;
    a.offset = 1;
    b.offset = 100000;
    rh_sql_init(&left, &lite, NULL);
    rh_sql_init(&right, &lite, NULL);
    rh_sql_select(&left, &a);
    rh_sql_select(&right, &b);
    ck_assert_str_eq(rh_sql_string(&left), rh_sql_string(&right));
    ck_assert_int_eq(left.parameters[4].values->as.i, 1);
    ck_assert_int_eq(right.parameters[4].values->as.i, 100000);
    rh_sql_fini(&left);
    rh_sql_fini(&right);
}
END_TEST

static bool build_once(void *context)
{
    struct rh_sql *sql = context;
    const struct rh_value value = text("x");
    const struct rh_node node = {.op = RH_OP_CONTAINS, .column = NAME, .n = 1};
    struct rh_query query = query_of(&node, 1, &value, 1);
    bool good;

    query.limit = 5;
    rh_sql_init(sql, &pg, NULL);
    rh_sql_select(sql, &query);
    good = rh_sql_check(sql, NULL) == RH_OK;
    rh_sql_fini(sql);
    return good;
}

START_TEST(out_of_memory)
{
    struct rh_sql sql;

    ck_assert_uint_ge(fault_torture(build_once, &sql), 4);
}
END_TEST

TESTS_MAIN("sql_query", orders, seeks, groups, distinct, text_is_one_for_one_shape, out_of_memory)
