/* sdk/connector/sql_condition.c: predicates, trees of them, semijoins. */
#include "sql_fixture.h"

/* ---- predicates ---- */

START_TEST(comparisons)
{
    const struct rh_value seven = rh_kit_int(7), oslo = text("Oslo");

    assert_where(&pg, RH_OP_EQ, ID, &seven, 1, "t0.\"id\" = $1", 1);
    assert_where(&pg, RH_OP_EQ | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" <> $1", 1);
    assert_where(&pg, RH_OP_EQ, NAME, &oslo, 1, "t0.\"name\" = $1", 1);
    assert_where(&pg, RH_OP_EQ | RH_OP_NOT, NAME, &oslo, 1,
                 "(t0.\"name\" <> $1 OR t0.\"name\" IS NULL)", 1);
    /* Not equal by code point: found by the source's equality, then checked. */
    assert_where(&pg, RH_OP_EQ, CITY, &oslo, 1,
                 "(t0.\"ci\"\"ty\" = $1 AND t0.\"ci\"\"ty\" COLLATE \"C\" = $2)", 2);
    assert_where(&pg, RH_OP_EQ | RH_OP_NOT, CITY, &oslo, 1, "t0.\"ci\"\"ty\" COLLATE \"C\" <> $1",
                 1);
    assert_where(&pg, RH_OP_LT, NAME, &oslo, 1, "t0.\"name\" COLLATE \"C\" < $1", 1);
    assert_where(&pg, RH_OP_LT | RH_OP_NOT, NAME, &oslo, 1,
                 "(t0.\"name\" COLLATE \"C\" >= $1 OR t0.\"name\" IS NULL)", 1);
    assert_where(&pg, RH_OP_LTE | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" > $1", 1);
    assert_where(&pg, RH_OP_GT | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" <= $1", 1);
    assert_where(&pg, RH_OP_GTE | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" < $1", 1);
    assert_where(&lite, RH_OP_GTE, PRICE, &seven, 1, "t0.[price] >= ?1", 1);
}
END_TEST

START_TEST(lists)
{
    const struct rh_value numbers[] = {rh_kit_int(1), rh_kit_int(2), rh_kit_int(3)};
    const struct rh_value names[] = {text("a"), text("b")};

    assert_where(&pg, RH_OP_IN, ID, numbers, 3, "t0.\"id\" = ANY ($1)", 1);
    assert_where(&pg, RH_OP_IN | RH_OP_NOT, NAME, names, 2,
                 "(NOT (t0.\"name\" = ANY ($1)) OR t0.\"name\" IS NULL)", 1);
    assert_where(&pg, RH_OP_IN, CITY, names, 2,
                 "(t0.\"ci\"\"ty\" = ANY ($1) AND t0.\"ci\"\"ty\" COLLATE \"C\" = ANY ($2))", 2);
    /* Padded to a power of two, so that three and four share one text. */
    assert_where(&lite, RH_OP_IN, ID, numbers, 3, "t0.[id] IN (?1, ?2, ?3, ?4)", 4);
    assert_where(&lite, RH_OP_IN | RH_OP_NOT, ID, numbers, 1, "NOT (t0.[id] IN (?1))", 1);
    assert_where(&lite, RH_OP_IN, ID, NULL, 0, "1 = 0", 0);
    assert_where(&lite, RH_OP_IN | RH_OP_NOT, ID, NULL, 0, "1 = 1", 0);
}
END_TEST

START_TEST(texts_and_nulls)
{
    const struct rh_value value = text("50%_\\");
    struct rh_sql sql;
    const struct rh_value *pattern = NULL;

    assert_where(&pg, RH_OP_LIKE, NAME, &value, 1, "t0.\"name\" LIKE $1 ESCAPE '\\'", 1);
    assert_where(&pg, RH_OP_STARTS, CITY, &value, 1,
                 "t0.\"ci\"\"ty\" COLLATE \"C\" LIKE $1 ESCAPE '\\'", 1);
    assert_where(&pg, RH_OP_ENDS | RH_OP_NOT, NAME, &value, 1,
                 "(NOT (t0.\"name\" LIKE $1 ESCAPE '\\') OR t0.\"name\" IS NULL)", 1);
    assert_where(&pg, RH_OP_CONTAINS | RH_OP_FOLD, NAME, &value, 1,
                 "t0.\"name\" COLLATE \"C\" ~ $1", 1);
    assert_where(&pg, RH_OP_CONTAINS | RH_OP_FOLD | RH_OP_NOT, NAME, &value, 1,
                 "(t0.\"name\" COLLATE \"C\" ~ $1) IS NOT TRUE", 1);
    assert_where(&pg, RH_OP_NULL, NAME, NULL, 0, "t0.\"name\" IS NULL", 0);
    assert_where(&pg, RH_OP_NULL | RH_OP_NOT, NAME, NULL, 0, "t0.\"name\" IS NOT NULL", 0);
    assert_where(&pg, RH_OP_ABSENT, NAME, NULL, 0, "1 = 0", 0);
    assert_where(&pg, RH_OP_ABSENT | RH_OP_NOT, NAME, NULL, 0, "1 = 1", 0);
    assert_where(&pg, RH_OP_EMPTY, NAME, NULL, 0, "t0.\"name\" IS NULL", 0);

    rh_sql_init(&sql, &pg, NULL);
    pattern = rh_sql_pattern(&sql, RH_OP_CONTAINS, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "%50\\%\\_\\\\%"));
    pattern = rh_sql_pattern(&sql, RH_OP_STARTS, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "50\\%\\_\\\\%"));
    pattern = rh_sql_pattern(&sql, RH_OP_ENDS | RH_OP_FOLD, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "%50\\%\\_\\\\"));
    pattern = rh_sql_pattern(&sql, RH_OP_LIKE, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "50%_\\"));
    rh_sql_fini(&sql);
}
END_TEST

START_TEST(trees)
{
    const struct rh_value values[] = {rh_kit_int(1), rh_kit_int(2), text("x")};
    const struct rh_node nodes[] = {
        {.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = 2, .n = 2},
        {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 0, .n = 0},
        {.op = RH_OP_EQ, .column = ID, .first = 0, .n = 1},
        {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 4, .n = 3},
        {.op = RH_OP_GT, .column = ID, .first = 1, .n = 1},
        {.op = RH_OP_EQ, .column = NAME, .first = 2, .n = 1},
        {.op = RH_OP_OR, .column = RH_NO_COLUMN, .n = 0},
    };
    const uint32_t conjuncts[] = {0, 1};
    struct rh_query query = query_of(nodes, COUNT(nodes), values, COUNT(values));

    query.conjuncts = conjuncts;
    query.n_conjuncts = 2;
    assert_select(&pg, &query,
                  "SELECT t0.\"id\" FROM \"orders\" AS t0 WHERE (t0.\"id\" = $1 OR (t0.\"id\" > $2 "
                  "AND t0.\"name\" = $3 AND 1 = 0)) AND 1 = 1",
                  3);
}
END_TEST

START_TEST(semijoins)
{
    static const uint32_t outer[] = {ID, NAME}, inner[] = {0, 1}, deeper[] = {0};
    static const uint32_t inner_conjuncts[] = {1, 2};
    const struct rh_value values[] = {text("x")};
    const struct rh_node nodes[] = {
        {.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .first = 0, .n = 1},
        {.op = RH_OP_EQ, .column = 1, .first = 0, .n = 1},
        {.op = RH_OP_EXISTS | RH_OP_NOT, .column = RH_NO_COLUMN, .first = 1, .n = 1},
    };
    const struct rh_semijoin joins[] = {
        {.schema = T("s"),
         .table = T("lines"),
         .columns = lines,
         .n_columns = 2,
         .column_stride = sizeof lines[0],
         .outer = outer,
         .inner = inner,
         .n_pairs = 2,
         .conjuncts = inner_conjuncts,
         .n_conjuncts = 2},
        {.table = T("lines"),
         .columns = lines,
         .n_columns = 2,
         .column_stride = sizeof lines[0],
         .outer = deeper,
         .inner = deeper,
         .n_pairs = 1},
    };
    struct rh_query query = query_of(nodes, COUNT(nodes), values, 1);

    query.semijoins = joins;
    query.n_semijoins = COUNT(joins);
    assert_select(&pg, &query,
                  "SELECT t0.\"id\" FROM \"orders\" AS t0 WHERE EXISTS (SELECT 1 FROM "
                  "\"s\".\"lines\" AS t1 WHERE t1.\"order_id\" = t0.\"id\" AND t1.\"note\" = "
                  "t0.\"name\" AND t1.\"note\" = $1 AND NOT EXISTS (SELECT 1 FROM \"lines\" AS t2 "
                  "WHERE t2.\"order_id\" = t1.\"order_id\"))",
                  1);
}
END_TEST

TESTS_MAIN("sql_condition", comparisons, lists, texts_and_nulls, trees, semijoins)
