/* Aggregates, groups, order, estimates. */
#include "postgres_fixture.h"

START_TEST(aggregates_exactly)
{
    const struct rh_table *table = NULL;
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    const struct rh_aggregate aggregates[] = {{RH_AGG_COUNT, RH_NO_COLUMN, 0, RH_TYPE_INT},
                                              {RH_AGG_COUNT, 0, 1, RH_TYPE_INT},
                                              {RH_AGG_SUM, 0, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_AVG, 0, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_AVG, 1, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_MIN, 2, 0, RH_TYPE_TEXT},
                                              {RH_AGG_MAX, 1, 0, RH_TYPE_DECIMAL},
                                              {RH_AGG_MIN, 3, 0, RH_TYPE_UUID},
                                              {RH_AGG_MAX, 4, 0, RH_TYPE_BOOL},
                                              {RH_AGG_SUM, 5, 0, RH_TYPE_FLOAT}};
    struct rh_value expected[] = {int_value(3),
                                  int_value(2),
                                  decimal_value("18446744073709551615"),
                                  decimal_value("6148914691236517205.000000"),
                                  decimal_value("-0.500001"),
                                  text_value("B"),
                                  decimal_value("0"),
                                  data_value(RH_TYPE_UUID, uuid_bytes, 16),
                                  i_value(RH_TYPE_BOOL, 1),
                                  {.type = RH_TYPE_FLOAT, .as.f = 0.75}};

    (void)try_sql(conn, "DROP TABLE IF EXISTS agg_test");
    sql("CREATE TABLE agg_test (i bigint, n numeric, t text, u uuid, b bool, f real)");
    sql("INSERT INTO agg_test VALUES (9223372036854775807, -1.0000010, 'a',"
        " '123e4567-e89b-12d3-a456-426614174000', true, 0.5), (9223372036854775807, 0, 'B',"
        " 'ffffffff-0000-0000-0000-000000000000', false, 0.25), (1, NULL, 'c', NULL, NULL, NULL)");
    table = table_named("agg_test");
    query = select_all(table);
    query.n_select = 0;
    query.aggregates = aggregates;
    query.n_aggregates = sizeof aggregates / sizeof aggregates[0];
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 1);
    for (uint32_t i = 0; i < query.n_aggregates; i++)
        check_same(&expected[i], &batch.cells[i], rh_text_of("aggregate"));
    connector->finish(cursor);
    sql("DELETE FROM agg_test");
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 10, &batch, &error));
    ck_assert_int_eq(batch.cells[0].as.i, 0);
    for (uint32_t i = 2; i < query.n_aggregates; i++)
        ck_assert_uint_eq(batch.cells[i].type, RH_TYPE_NULL);
    connector->finish(cursor);
}
END_TEST

START_TEST(groups_orders_and_limits)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    const struct rh_group groups[] = {{0, RH_BUCKET_NONE}, {0, RH_BUCKET_MONTH}};
    const struct rh_aggregate count = {RH_AGG_COUNT, RH_NO_COLUMN, 0, RH_TYPE_INT};
    const struct rh_order order[] = {{2, RH_ORDER_DESC}, {0, RH_ORDER_BINARY}};
    struct rh_group used[2];
    struct rh_plan plan = {.struct_size = sizeof plan};

    make_people();
    query = select_all(people);
    memcpy(used, groups, sizeof used);
    used[0].column = position_of("m");
    used[1].column = position_of("d");
    query.n_select = 0;
    query.groups = used;
    query.n_groups = 2;
    query.aggregates = &count;
    query.n_aggregates = 1;
    query.order = order;
    query.n_order = 2;
    query.offset = 1;
    query.limit = 3;
    ok(connector->plan(conn, &query, &plan, &error));
    ck_assert_uint_eq(plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(plan.n_order, 2);
    ok(connector->open(conn, op, &query, &cursor, &error));
    ok(connector->next(cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 3);
    ck_assert_uint_eq(batch.n_cols, 3);
    ck_assert_uint_eq(batch.cells[0].type, RH_TYPE_TEXT);
    ck_assert_uint_eq(batch.cells[1].type, RH_TYPE_DATE);
    connector->finish(cursor);
}
END_TEST

START_TEST(estimates_and_explains)
{
    struct rh_query query;
    struct rh_text text = {NULL, 0};
    int64_t rows = 0;

    make_big_table();
    query = select_all(table_named("big_test"));
    ok(connector->estimate(conn, op, &query, &rows, &error));
    ck_assert_int_gt(rows, 900000);
    ck_assert_int_lt(rows, 1100000);
    ok(connector->explain(conn, op, &query, &text, &error));
    ck_assert(rh_text_starts(text, "SELECT t0.\"id\""));
}
END_TEST

POSTGRES_TESTS("postgres_groups", aggregates_exactly, groups_orders_and_limits,
               estimates_and_explains)
