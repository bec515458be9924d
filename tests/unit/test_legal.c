/*
 * The legality rule against a model written the other way round: a pipeline of steps, each of which
 * may be pushed down only when it was accepted and everything asked for before it was pushed too.
 * All combinations of small queries and answers.
 */
#include "rows/legal.h"

#include "lib/tests.h"

#include <string.h>

static struct rh_library library;
static const struct rh_column columns[] = {
    {.name = {"a", 1}, .type = RH_TYPE_INT},
    {.name = {"t", 1}, .type = RH_TYPE_TEXT},
};
static const struct rh_group group = {.column = 0};
static const struct rh_order orders[] = {{.column = 0}, {.column = 1}};
static const uint32_t positions[] = {0, 1, 2, 3};

static void allow(uint32_t op, uint32_t type, uint32_t verdict)
{
    unsigned bits = (op & RH_OP_NOT ? 1 : 0) + (op & RH_OP_FOLD ? 2 : 0);

    library.upper[type][RH_OP_BASE(op)][bits] = (uint8_t)verdict;
}

/* EQ is EXACT, LT is SUPERSET, GT is NONE on int; SEEK and EXISTS are EXACT. */
static void fill_library(void)
{
    memset(&library, 0, sizeof(library));
    allow(RH_OP_EQ, RH_TYPE_INT, RH_VERDICT_EXACT);
    allow(RH_OP_LT, RH_TYPE_INT, RH_VERDICT_SUPERSET);
    for (uint32_t type = 0; type < RH_N_TYPES; type++) {
        allow(RH_OP_SEEK, type, RH_VERDICT_EXACT);
        allow(RH_OP_EXISTS, type, RH_VERDICT_EXACT);
        allow(RH_OP_EXISTS | RH_OP_NOT, type, RH_VERDICT_EXACT);
    }
}

static struct rh_query plain_query(const struct rh_node *nodes, uint32_t n_nodes)
{
    return (struct rh_query){.struct_size = sizeof(struct rh_query),
                             .columns = columns,
                             .n_columns = 2,
                             .column_stride = sizeof(columns[0]),
                             .nodes = nodes,
                             .n_nodes = n_nodes,
                             .conjuncts = positions,
                             .semijoin_stride = sizeof(struct rh_semijoin),
                             .limit = RH_NO_LIMIT};
}

/* ---- All combinations -------------------------------------------------------------------- */

enum step { FILTER, GROUP, HAVING, DISTINCT, ORDER, OFFSET, LIMIT, N_STEPS };

/* Which steps must have been pushed before this one may be. */
static const unsigned needs[N_STEPS] = {
    [FILTER] = 0,
    [GROUP] = 1u << FILTER,
    [HAVING] = 1u << FILTER | 1u << GROUP,
    [DISTINCT] = 1u << FILTER | 1u << GROUP | 1u << HAVING,
    [ORDER] = 1u << GROUP,
    [OFFSET] = 1u << FILTER | 1u << GROUP | 1u << HAVING | 1u << DISTINCT | 1u << ORDER,
    [LIMIT] =
        1u << FILTER | 1u << GROUP | 1u << HAVING | 1u << DISTINCT | 1u << ORDER | 1u << OFFSET,
};

static unsigned model(unsigned asked, unsigned accepted)
{
    unsigned done = ~asked; /* nothing to do is done */

    for (unsigned step = 0; step < N_STEPS; step++)
        if ((asked >> step & 1) && (accepted >> step & 1) && (needs[step] & ~done) == 0)
            done |= 1u << step;
    return done;
}

static void check_combination(unsigned asked, unsigned accepted)
{
    static const struct rh_node nodes[] = {{.op = RH_OP_EQ, .column = 0, .n = 1},
                                           {.op = RH_OP_GT, .column = 0, .n = 1}};
    struct rh_query query = plain_query(nodes, 2);
    uint8_t verdicts[2], claimed[2] = {0, 0};
    struct rh_plan plan = {.struct_size = sizeof(plan), .verdicts = claimed};
    struct rh_legal legal = {.verdicts = verdicts};
    unsigned done = model(asked, accepted);

    query.n_conjuncts = asked >> FILTER & 1;
    query.n_groups = asked >> GROUP & 1;
    query.groups = &group;
    query.n_having = asked >> HAVING & 1;
    query.having = positions + 1;
    query.flags = asked >> DISTINCT & 1 ? RH_QUERY_DISTINCT : 0;
    query.n_order = asked >> ORDER & 1 ? 2 : 0;
    query.order = orders;
    query.offset = asked >> OFFSET & 1 ? 5 : 0;
    query.limit = asked >> LIMIT & 1 ? 10 : RH_NO_LIMIT;
    claimed[0] = accepted >> FILTER & 1 ? RH_VERDICT_EXACT : RH_VERDICT_SUPERSET;
    plan.accepts = (accepted >> GROUP & 1 ? RH_ACCEPT_GROUPS : 0) |
                   (accepted >> HAVING & 1 ? RH_ACCEPT_HAVING : 0) |
                   (accepted >> DISTINCT & 1 ? RH_ACCEPT_DISTINCT : 0) |
                   (accepted >> OFFSET & 1 ? RH_ACCEPT_OFFSET : 0) |
                   (accepted >> LIMIT & 1 ? RH_ACCEPT_LIMIT : 0);
    plan.n_order = accepted >> ORDER & 1 ? 2 : 1;
    rh_legal_decide(&library, &query, &plan, &legal);
    ck_assert_msg(legal.groups == (done >> GROUP & 1) && legal.having == (done >> HAVING & 1) &&
                      legal.distinct == (done >> DISTINCT & 1) &&
                      legal.offset == (done >> OFFSET & 1) && legal.limit == (done >> LIMIT & 1),
                  "asked %#x, accepted %#x, model %#x", asked, accepted, done & 0x7f);
    if (asked >> ORDER & 1)
        ck_assert_msg((legal.n_order == 2) == (done >> ORDER & 1), "asked %#x, accepted %#x", asked,
                      accepted);
    else
        ck_assert_uint_eq(legal.n_order, 0);
    ck_assert_uint_eq(legal.n_breaches, 0);
}

START_TEST(every_combination_agrees_with_the_pipeline)
{
    fill_library();
    for (unsigned asked = 0; asked < 1u << N_STEPS; asked++) {
        /* Having without groups is no query. */
        if ((asked >> HAVING & 1) && !(asked >> GROUP & 1))
            continue;
        for (unsigned accepted = 0; accepted < 1u << N_STEPS; accepted++)
            check_combination(asked, accepted);
    }
}
END_TEST

/* ---- Verdicts ---------------------------------------------------------------------------- */

static uint32_t decide_one(const struct rh_node *nodes, uint32_t n_nodes, uint32_t claim,
                           uint32_t *ret_breaches)
{
    struct rh_query query = plain_query(nodes, n_nodes);
    uint8_t verdict = 77, claimed = (uint8_t)claim;
    struct rh_plan plan = {.struct_size = sizeof(plan), .verdicts = &claimed};
    struct rh_legal legal = {.verdicts = &verdict};

    query.n_conjuncts = 1;
    rh_legal_decide(&library, &query, &plan, &legal);
    *ret_breaches = legal.n_breaches;
    return verdict;
}

START_TEST(claims_above_the_table_count_as_none)
{
    static const uint32_t ops[] = {RH_OP_GT, RH_OP_LT, RH_OP_EQ};
    uint32_t breaches;

    fill_library();
    for (uint32_t upper = 0; upper <= 2; upper++)
        for (uint32_t claim = 0; claim <= 4; claim++) {
            struct rh_node node = {.op = ops[upper], .n = 1};
            uint32_t verdict = decide_one(&node, 1, claim, &breaches);
            ck_assert_uint_eq(verdict, claim > upper ? RH_VERDICT_NONE : claim);
            ck_assert_uint_eq(breaches, claim > upper);
        }
}
END_TEST

/* Two children with every pair of upper bounds. */
START_TEST(branches_limit_their_group)
{
    static const uint32_t ops[] = {RH_OP_GT, RH_OP_LT, RH_OP_EQ};

    fill_library();
    for (uint32_t a = 0; a <= 2; a++)
        for (uint32_t b = 0; b <= 2; b++) {
            struct rh_node nodes[] = {{.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = 1, .n = 2},
                                      {.op = ops[a], .n = 1},
                                      {.op = ops[b], .n = 1}};
            struct rh_query query = plain_query(nodes, 3);
            ck_assert_uint_eq(rh_legal_upper(&library, &query, 0), a < b ? a : b);
            nodes[0].op = RH_OP_AND;
            ck_assert_uint_eq(rh_legal_upper(&library, &query, 0),
                              a == 2 && b == 2 ? RH_VERDICT_EXACT
                              : a + b == 0     ? RH_VERDICT_NONE
                                               : RH_VERDICT_SUPERSET);
        }
}
END_TEST

START_TEST(negation_and_folding_have_bounds_of_their_own)
{
    struct rh_node node = {.op = RH_OP_EQ | RH_OP_NOT, .n = 1};
    struct rh_query query = plain_query(&node, 1);

    fill_library();
    ck_assert_uint_eq(rh_legal_upper(&library, &query, 0), RH_VERDICT_NONE);
    allow(RH_OP_EQ | RH_OP_NOT, RH_TYPE_INT, RH_VERDICT_SUPERSET);
    ck_assert_uint_eq(rh_legal_upper(&library, &query, 0), RH_VERDICT_SUPERSET);
    node.column = 1; /* text: not in the table */
    ck_assert_uint_eq(rh_legal_upper(&library, &query, 0), RH_VERDICT_NONE);
}
END_TEST

START_TEST(not_exists_needs_exact_conditions_inside)
{
    static const uint32_t ops[] = {RH_OP_GT, RH_OP_LT, RH_OP_EQ};
    static const uint32_t inside[] = {1};

    fill_library();
    for (uint32_t upper = 0; upper <= 2; upper++) {
        struct rh_node nodes[] = {{.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .n = 1},
                                  {.op = ops[upper], .n = 1}};
        struct rh_semijoin join = {.columns = columns,
                                   .n_columns = 2,
                                   .column_stride = sizeof(columns[0]),
                                   .n_conjuncts = 1,
                                   .conjuncts = inside};
        struct rh_query query = plain_query(nodes, 2);
        query.semijoins = &join;
        query.n_semijoins = 1;
        ck_assert_uint_eq(rh_legal_upper(&library, &query, 0),
                          upper == 2 ? RH_VERDICT_EXACT : RH_VERDICT_SUPERSET);
        nodes[0].op |= RH_OP_NOT;
        ck_assert_uint_eq(rh_legal_upper(&library, &query, 0),
                          upper == 2 ? RH_VERDICT_EXACT : RH_VERDICT_NONE);
    }
}
END_TEST

START_TEST(a_seek_needs_its_whole_order)
{
    struct rh_node node = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 2};
    uint8_t verdict = 77, claimed = RH_VERDICT_EXACT;

    fill_library();
    for (uint32_t accepted = 0; accepted <= 3; accepted++) {
        struct rh_query query = plain_query(&node, 1);
        struct rh_plan plan = {.struct_size = sizeof(plan),
                               .verdicts = &claimed,
                               .n_order = accepted,
                               .accepts = RH_ACCEPT_LIMIT};
        struct rh_legal legal = {.verdicts = &verdict};
        query.n_conjuncts = 1;
        query.order = orders;
        query.n_order = 2;
        query.limit = 10;
        rh_legal_decide(&library, &query, &plan, &legal);
        ck_assert_uint_eq(verdict, accepted >= 2 ? RH_VERDICT_EXACT : RH_VERDICT_NONE);
        ck_assert_uint_eq(legal.n_order, accepted > 2 ? 2 : accepted);
        ck_assert_int_eq(legal.limit, accepted >= 2);
    }
}
END_TEST

START_TEST(deep_nesting_is_not_pushed)
{
    static struct rh_node nodes[200];
    struct rh_query query = plain_query(nodes, 200);

    fill_library();
    for (uint32_t i = 0; i < 200; i++)
        nodes[i] =
            (struct rh_node){.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = i + 1, .n = i < 199};
    ck_assert_uint_eq(rh_legal_upper(&library, &query, 0), RH_VERDICT_NONE);
    ck_assert_uint_eq(rh_legal_upper(&library, &query, 190), RH_VERDICT_EXACT);
    ck_assert_uint_eq(rh_legal_upper(&library, &query, 200), RH_VERDICT_NONE);
}
END_TEST

TESTS_MAIN("legal", every_combination_agrees_with_the_pipeline,
           claims_above_the_table_count_as_none, branches_limit_their_group,
           negation_and_folding_have_bounds_of_their_own, not_exists_needs_exact_conditions_inside,
           a_seek_needs_its_whole_order, deep_nesting_is_not_pushed)
