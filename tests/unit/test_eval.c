/* Predicates on cells: each operator, its complement, classes that do not compare. */
#include "rows/eval.h"

#include "base/err.h"
#include "lib/cells.h"
#include "lib/tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct rh_arena *arena;
static struct rh_error error;

static void setup(void)
{
    arena = rh_arena_new((size_t)64 << 20);
    rh_error_clear(&error);
}

static struct rh_query query_of(const struct rh_node *nodes, uint32_t n_nodes,
                                const struct rh_value *values, uint32_t n_values)
{
    return (struct rh_query){.struct_size = sizeof(struct rh_query),
                             .nodes = nodes,
                             .n_nodes = n_nodes,
                             .values = values,
                             .n_values = n_values,
                             .limit = RH_NO_LIMIT};
}

/* One predicate on one cell. */
static int holds(uint32_t op, struct rh_value cell, const struct rh_value *values, uint32_t n)
{
    static const uint32_t conjunct = 0;
    struct rh_node node = {.op = op, .column = 0, .n = n};
    struct rh_query query = query_of(&node, 1, values, n);
    struct rh_eval_input input = {.query = &query, .nodes = &conjunct, .n_nodes = 1};
    struct rh_eval *eval = NULL;
    int r = rh_eval_new(arena, &input, &eval, &error);

    if (r == RH_OK)
        r = rh_eval_row(eval, &cell, &error);
    rh_eval_free(eval);
    return r;
}

static const struct {
    uint32_t op;
    struct rh_value cell, value;
    int want;
} cases[] = {
    {RH_OP_EQ, I(1), I(1), 1},
    {RH_OP_EQ, F(1.0), I(1), 1},
    {RH_OP_EQ, D("1.00"), I(1), 1},
    {RH_OP_EQ, T("1"), I(1), 0},
    {RH_OP_EQ, NULL_CELL, I(1), 0},
    {RH_OP_EQ, F((double)NAN), F((double)NAN), 1},
    {RH_OP_EQ, T("a"), T("A"), 0},
    {RH_OP_EQ, T("a"), T("a "), 0},
    {RH_OP_LT, I(1), I(2), 1},
    {RH_OP_LT, I(2), I(2), 0},
    {RH_OP_LTE, I(2), I(2), 1},
    {RH_OP_GT, F((double)NAN), F(1e300), 1},
    {RH_OP_GT, T("abc"), I(2), 0}, /* other class: does not hold … */
    {RH_OP_LT, T("abc"), I(2), 0}, /* … either way */
    {RH_OP_GTE, D("2.50"), D("2.5"), 1},
    {RH_OP_GT, T("\xc3\xa1"), T("z"), 1},
    {RH_OP_LIKE, T("axb"), T("a_b"), 1},
    {RH_OP_LIKE, T("AXB"), T("a_b"), 0},
    {RH_OP_LIKE | RH_OP_FOLD, T("AXB"), T("a_b"), 1},
    {RH_OP_STARTS, T("abc"), T("ab"), 1},
    {RH_OP_ENDS, T("abc"), T("bc"), 1},
    {RH_OP_CONTAINS, T("abc"), T("d"), 0},
    {RH_OP_CONTAINS | RH_OP_FOLD, T("STRASSE"), T("rass"), 1},
    {RH_OP_CONTAINS, I(12), T("1"), 0},
    {RH_OP_MATCHES, T("abc"), T("^a.c$"), 1},
    {RH_OP_MATCHES, T("\xc3\x81"), T("[[:upper:]]"), 1},
    {RH_OP_MATCHES, T("\xff"), T("."), 0}, /* no UTF-8 */
    {RH_OP_HAS_ALL, J("[1, 2]"), J("1.0"), 1},
    {RH_OP_HAS_ALL, J("[[1]]"), J("1"), 0},
    {RH_OP_HAS_ANY, J("{\"a\": 1}"), J("1"), 0},
    {RH_OP_HAS_ALL, J("broken"), J("1"), 0},
    {RH_OP_HAS_ALL, T("[1]"), J("1"), 0},
};

START_TEST(predicates_and_their_complements)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        int r = holds(cases[i].op, cases[i].cell, &cases[i].value, 1);
        ck_assert_msg(r == cases[i].want, "case %zu gives %d: %s", i, r, error.message);
        r = holds(cases[i].op | RH_OP_NOT, cases[i].cell, &cases[i].value, 1);
        ck_assert_msg(r == !cases[i].want, "case %zu, negated, gives %d", i, r);
    }
}
END_TEST

START_TEST(null_missing_and_empty)
{
    static const struct {
        struct rh_value cell;
        int null, absent, empty;
    } cells[] = {
        {NULL_CELL, 1, 0, 1}, {{.type = RH_TYPE_MISSING}, 1, 1, 1},
        {T(""), 0, 0, 1},     {T(" "), 0, 0, 0},
        {J("[]"), 0, 0, 1},   {J(" [ \n ] "), 0, 0, 1},
        {J("\"\""), 0, 0, 1}, {J("null"), 0, 0, 1},
        {J("[0]"), 0, 0, 0},  {J("{}"), 0, 0, 0},
        {I(0), 0, 0, 0},      {J("\" \""), 0, 0, 0},
    };

    for (size_t i = 0; i < COUNT(cells); i++) {
        ck_assert_int_eq(holds(RH_OP_NULL, cells[i].cell, NULL, 0), cells[i].null);
        ck_assert_int_eq(holds(RH_OP_ABSENT, cells[i].cell, NULL, 0), cells[i].absent);
        ck_assert_int_eq(holds(RH_OP_EMPTY, cells[i].cell, NULL, 0), cells[i].empty);
        ck_assert_int_eq(holds(RH_OP_EMPTY | RH_OP_NOT, cells[i].cell, NULL, 0), !cells[i].empty);
    }
}
END_TEST

START_TEST(in_looks_values_up)
{
    static struct rh_value values[5000];
    const struct rh_value text = T("4"), in_float = F(4998.0), out_float = F(4998.5),
                          null = NULL_CELL, in_int = I(2), out_int = I(3);

    for (uint32_t n = 0; n <= 5000; n = n < 12 ? n + 1 : n * 3) {
        for (uint32_t i = 0; i < n; i++)
            values[i] = (struct rh_value)I(i * 2);
        ck_assert_int_eq(holds(RH_OP_IN, in_int, values, n), n > 1);
        ck_assert_int_eq(holds(RH_OP_IN, out_int, values, n), 0);
        ck_assert_int_eq(holds(RH_OP_IN | RH_OP_NOT, out_int, values, n), 1);
        ck_assert_int_eq(holds(RH_OP_IN, text, values, n), 0);
        ck_assert_int_eq(holds(RH_OP_IN, null, values, n), 0);
        ck_assert_int_eq(holds(RH_OP_IN | RH_OP_NOT, null, values, n), 1);
        ck_assert_int_eq(holds(RH_OP_IN, in_float, values, n), n > 2499);
        ck_assert_int_eq(holds(RH_OP_IN, out_float, values, n), 0);
    }
}
END_TEST

START_TEST(has_all_and_any_of_several)
{
    static const struct rh_value both[] = {J("1"), J("\"a\"")};
    const struct rh_value one = J("[1]"), two = J("[\"a\", 1.0]"), none = J("[]");

    ck_assert_int_eq(holds(RH_OP_HAS_ALL, one, both, 2), 0);
    ck_assert_int_eq(holds(RH_OP_HAS_ANY, one, both, 2), 1);
    ck_assert_int_eq(holds(RH_OP_HAS_ALL, two, both, 2), 1);
    ck_assert_int_eq(holds(RH_OP_HAS_ANY, none, both, 2), 0);
    ck_assert_int_eq(holds(RH_OP_HAS_ALL, none, both, 0), 1);
    ck_assert_int_eq(holds(RH_OP_HAS_ANY, two, both, 0), 0);
}
END_TEST

/* (a = 1 OR (a > 5 AND b = 2)), over columns that stand elsewhere in the row. */
START_TEST(trees_over_mapped_columns)
{
    static const struct rh_value values[] = {I(1), I(5), I(2)};
    static const struct rh_node nodes[] = {
        {.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = 1, .n = 2},
        {.op = RH_OP_EQ, .column = 0, .first = 0, .n = 1},
        {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 3, .n = 2},
        {.op = RH_OP_GT, .column = 0, .first = 1, .n = 1},
        {.op = RH_OP_EQ, .column = 1, .first = 2, .n = 1},
    };
    static const uint32_t conjunct = 0, cell_of[] = {2, 0};
    struct rh_query query = query_of(nodes, 5, values, 3);
    struct rh_eval_input input = {
        .query = &query, .nodes = &conjunct, .n_nodes = 1, .cell_of = cell_of};
    struct rh_eval *eval = NULL;

    ck_assert_int_eq(rh_eval_new(arena, &input, &eval, &error), RH_OK);
    for (int64_t a = 0; a < 10; a++)
        for (int64_t b = 0; b < 4; b++) {
            struct rh_value row[] = {I(b), I(77), I(a)};
            ck_assert_int_eq(rh_eval_row(eval, row, &error), a == 1 || (a > 5 && b == 2));
        }
    rh_eval_free(eval);
}
END_TEST

START_TEST(seek_is_strictly_after)
{
    static const struct rh_value values[] = {I(3), NULL_CELL};
    static const struct rh_node node = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 2};
    static const uint32_t conjunct = 0;
    static const struct rh_order_key keys[] = {{.cell = 1, .flags = RH_ORDER_DESC},
                                               {.cell = 0, .flags = RH_ORDER_NULLS_FIRST}};
    static const struct {
        struct rh_value row[2];
        int want;
    } rows[] = {
        {{NULL_CELL, I(3)}, 0}, {{I(-9), I(3)}, 1},     {{I(0), I(4)}, 0},
        {{I(0), I(2)}, 1},      {{I(0), NULL_CELL}, 1}, {{NULL_CELL, I(2)}, 1},
    };
    struct rh_query query = query_of(&node, 1, values, 2);
    struct rh_eval_input input = {
        .query = &query, .nodes = &conjunct, .n_nodes = 1, .seek_keys = keys, .n_seek_keys = 2};
    struct rh_eval *eval = NULL;

    ck_assert_int_eq(rh_eval_new(arena, &input, &eval, &error), RH_OK);
    for (size_t i = 0; i < COUNT(rows); i++)
        ck_assert_msg(rh_eval_row(eval, rows[i].row, &error) == rows[i].want, "row %zu", i);
    rh_eval_free(eval);
}
END_TEST

START_TEST(what_it_refuses)
{
    const struct rh_value broken = T("a(b"), slow = T("^(([a-z])+.)+[A-Z]([a-z])+$"),
                          cell = T("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

    ck_assert_int_eq(holds(RH_OP_MATCHES, cell, &broken, 1), RH_INVALID);
    ck_assert_str_eq(error.code, "invalid-filter");
    ck_assert_ptr_nonnull(strstr(error.message, "at character 4"));
    rh_error_clear(&error);
    ck_assert_int_eq(holds(RH_OP_MATCHES, cell, &slow, 1), RH_RESOURCE);
    ck_assert_str_eq(error.code, "budget-exceeded");
    rh_error_clear(&error);
    ck_assert_int_eq(holds(RH_OP_EXISTS, cell, NULL, 0), RH_UNSUPPORTED);
}
END_TEST

TESTS_MAIN_WITH("eval", setup, NULL, predicates_and_their_complements, null_missing_and_empty,
                in_looks_values_up, has_all_and_any_of_several, trees_over_mapped_columns,
                seek_is_strictly_after, what_it_refuses)
