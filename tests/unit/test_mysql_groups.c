/* The connector `mysql`: aggregates, groups, orders, estimates. */
#include "mysql_fixture.h"

static void first_rows(const struct rh_query *query, uint64_t n_rows, struct rh_value *ret_cells)
{
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    ok(connector->open(conn, op, query, &cursor, &error));
    ok(connector->next(cursor, op, 100, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, n_rows);
    for (uint64_t i = 0; i < n_rows * batch.n_cols; i++) {
        ret_cells[i] = batch.cells[i];
        if (batch.cells[i].len) {
            void *copy = rh_arena_alloc(arena, batch.cells[i].len);
            memcpy(copy, batch.cells[i].as.data, batch.cells[i].len);
            ret_cells[i].as.data = copy;
        }
    }
    connector->finish(cursor);
}

static void check_aggregate(const char *column, uint32_t function, uint32_t distinct, uint32_t type,
                            struct rh_value expected)
{
    const struct rh_aggregate aggregate = {
        .function = function, .column = position_of(column), .distinct = distinct, .type = type};
    struct rh_query query = select_all(people);
    struct rh_plan plan = {.struct_size = sizeof plan};
    struct rh_value cell;

    query.n_select = 0;
    query.aggregates = &aggregate;
    query.n_aggregates = 1;
    ok(connector->plan(conn, &query, &plan, &error));
    ck_assert_msg(plan.accepts & RH_ACCEPT_GROUPS, "%s: function %u", column, function);
    first_rows(&query, 1, &cell);
    check_same(&expected, &cell, rh_text_of(column));
}

START_TEST(aggregates_exactly)
{
    sql("CREATE OR REPLACE TABLE people (id int PRIMARY KEY, i bigint, u bigint unsigned,"
        " n decimal(20,8), g varchar(10), f double, d date, none int)");
    sql("INSERT INTO people VALUES"
        " (1, 9223372036854775807, 18446744073709551615, 0.00000050, 'b', 1.5, '2024-02-29', NULL),"
        " (2, 9223372036854775807, 18446744073709551615, 0.00000050, 'B', 2.5, '2024-01-31', NULL),"
        " (3, 1, 1, -0.00000250, 'a', 3, '0000-00-00', NULL)");
    people = table_named("people");
    check_aggregate("i", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, decimal_value("18446744073709551615"));
    check_aggregate("i", RH_AGG_SUM, 1, RH_TYPE_DECIMAL, decimal_value("9223372036854775808"));
    check_aggregate("u", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, decimal_value("36893488147419103231"));
    check_aggregate("i", RH_AGG_AVG, 0, RH_TYPE_DECIMAL,
                    decimal_value("6148914691236517205.000000"));
    check_aggregate("u", RH_AGG_AVG, 0, RH_TYPE_DECIMAL,
                    decimal_value("12297829382473034410.333333"));
    check_aggregate("n", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, decimal_value("-0.00000150"));
    check_aggregate("n", RH_AGG_AVG, 0, RH_TYPE_DECIMAL, decimal_value("-0.000001")); /* half up */
    check_aggregate("f", RH_AGG_SUM, 0, RH_TYPE_FLOAT, float_value(7.0));
    check_aggregate("g", RH_AGG_MIN, 0, RH_TYPE_TEXT, text_value("B"));
    check_aggregate("g", RH_AGG_MAX, 0, RH_TYPE_TEXT, text_value("b"));
    check_aggregate("g", RH_AGG_COUNT, 1, RH_TYPE_INT, int_value(3));
    check_aggregate("d", RH_AGG_MAX, 0, RH_TYPE_DATE, i_value(RH_TYPE_DATE, 19782));
    check_aggregate("none", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, null_value());
    check_aggregate("none", RH_AGG_AVG, 0, RH_TYPE_DECIMAL, null_value());
    check_aggregate("none", RH_AGG_COUNT, 0, RH_TYPE_INT, int_value(0));
}
END_TEST

START_TEST(orders_and_groups)
{
    const struct rh_order orders[] = {{.column = 0, .flags = RH_ORDER_BINARY}};
    struct rh_order own[] = {{.column = 0}, {.column = 1, .flags = RH_ORDER_DESC}};
    const struct rh_group group = {.column = 2, .bucket = RH_BUCKET_WEEK};
    const struct rh_aggregate count = {
        .function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT};
    struct rh_value cells[32];
    struct rh_query query;

    sql("CREATE OR REPLACE TABLE people (g varchar(10), ok tinyint(1), dt datetime)");
    sql("INSERT INTO people VALUES ('b', 1, '2024-03-03 23:00'), ('B', 0, '2024-02-26'),"
        " ('a', 7, '2024-03-04'), (NULL, NULL, NULL), ('A', -2, '0000-00-00')");
    people = table_named("people");
    query = select_all(people);
    query.n_select = 1;
    query.order = orders;
    query.n_order = 1;
    first_rows(&query, 5, cells);
    check_same(&(struct rh_value){.type = RH_TYPE_TEXT, .len = 1, .as.data = "A"}, &cells[0],
               rh_text_of("first"));
    check_same(&(struct rh_value){.type = RH_TYPE_TEXT, .len = 1, .as.data = "b"}, &cells[3],
               rh_text_of("fourth"));
    ck_assert_uint_eq(cells[4].type, RH_TYPE_NULL); /* the largest */
    query.order = own;
    query.n_order = 2;
    query.n_select = 2;
    first_rows(&query, 5, cells);
    ck_assert_int_eq(cells[1].as.i, 7); /* a, then A: equal there, so by the second key */
    ck_assert_int_eq(cells[3].as.i, -2);
    own[0] = (struct rh_order){.column = 1}; /* booleans come before numbers */
    query.n_order = 1;
    first_rows(&query, 5, cells);
    ck_assert_uint_eq(cells[1].type, RH_TYPE_BOOL);
    ck_assert_int_eq(cells[1].as.i, 0);
    ck_assert_int_eq(cells[3].as.i, 1);
    ck_assert_int_eq(cells[5].as.i, -2);
    ck_assert_int_eq(cells[7].as.i, 7);
    query = select_all(people);
    query.n_select = 0;
    query.groups = &group;
    query.n_groups = 1;
    query.aggregates = &count;
    query.n_aggregates = 1;
    query.order = orders;
    query.n_order = 1;
    first_rows(&query, 4, cells);
    ck_assert_uint_eq(cells[0].type, RH_TYPE_TEXT); /* a zero date stays */
    ck_assert_uint_eq(cells[2].type, RH_TYPE_DATETIME);
    ck_assert_int_eq(cells[2].as.i, 19779 * INT64_C(86400000000)); /* a Monday */
    ck_assert_int_eq(cells[3].as.i, 2);
    query.limit = RH_NO_LIMIT;
    query.offset = 3;
    first_rows(&query, 1, cells);
    ck_assert_uint_eq(cells[0].type, RH_TYPE_NULL);
}
END_TEST

START_TEST(estimates)
{
    struct rh_query query;
    int64_t rows = 0;

    sql("CREATE OR REPLACE TABLE people (id int PRIMARY KEY, v int)");
    sql("INSERT INTO people SELECT seq, seq FROM seq_1_to_5000");
    sql("ANALYZE TABLE people");
    people = table_named("people");
    ck_assert_int_ge(people->est_rows, 1000);
    query = select_all(people);
    ok(connector->estimate(conn, op, &query, &rows, &error));
    ck_assert_int_ge(rows, 1000);
    const struct rh_value seven = int_value(7);
    const struct rh_node node = {.op = RH_OP_EQ, .column = 0, .n = 1};
    query = query_of(&node, &seven);
    ok(connector->estimate(conn, op, &query, &rows, &error));
    ck_assert_int_eq(rows, 1);
}
END_TEST

MYSQL_TESTS("mysql_groups", aggregates_exactly, orders_and_groups, estimates)
