/*
 * sdk/connector/sql_plan.c: what of a query the source does; and queries that nobody should send.
 */
#include "sql_fixture.h"

/* ---- planning ---- */

#define EXACT RH_VERDICT_EXACT
static const struct rh_operator operators[] = {
    {RH_OP_EQ, 0xffff, EXACT, 0},
    {RH_OP_LIKE, 0xffff, RH_VERDICT_SUPERSET, 0},
    {RH_OP_GT, RH_TYPE_BIT(RH_TYPE_INT), EXACT, 0},
    {RH_OP_IN, 0xffff, EXACT, 0},
    {RH_OP_NULL, 0xffff, EXACT, 0},
    {RH_OP_EXISTS, 0, EXACT, 0},
    {RH_OP_EXISTS | RH_OP_NOT, 0, EXACT, 0},
    {RH_OP_SEEK, 0, EXACT, 0},
};
static const struct rh_limits limits = {.parameters = 100, .in_values = 20};
static const struct rh_connector connector = {.operators = operators,
                                              .n_operators = COUNT(operators),
                                              .operator_stride = sizeof operators[0],
                                              .limits = &limits};

static struct rh_plan plan_of(const struct rh_sql_dialect *dialect, const struct rh_query *query,
                              uint8_t verdicts[8])
{
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = verdicts};
    struct rh_error error = RH_ERROR_INIT;

    memset(verdicts, 0xee, 8);
    ck_assert_int_eq(rh_sql_plan(dialect, NULL, &connector, query, &plan, &error), RH_OK);
    return plan;
}

static uint32_t verdict_of(const struct rh_node *nodes, uint32_t n_nodes)
{
    static const struct rh_value values[64] = {{.type = RH_TYPE_INT}};
    const struct rh_query query = query_of(nodes, n_nodes, values, 64);
    uint8_t verdicts[8];

    plan_of(&pg, &query, verdicts);
    return verdicts[0];
}

START_TEST(predicates_planned)
{
    const struct rh_node unlisted = {.op = RH_OP_MATCHES, .column = NAME, .n = 1};
    const struct rh_node other_type = {.op = RH_OP_GT, .column = NAME, .n = 1};
    const struct rh_node opaque = {.op = RH_OP_LIKE, .column = OPAQUE, .n = 1};
    const struct rh_node opaque_null = {.op = RH_OP_NULL, .column = OPAQUE};
    const struct rh_node no_value = {.op = RH_OP_EQ, .column = ID, .n = 0};
    const struct rh_node no_column = {.op = RH_OP_EQ, .column = 99, .n = 1};
    const struct rh_node outside = {.op = RH_OP_IN, .column = ID, .first = 60, .n = 5};
    const struct rh_node too_many = {.op = RH_OP_IN, .column = ID, .n = 21};
    struct rh_node tree[] = {
        {.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = 1, .n = 3},
        {.op = RH_OP_EQ, .column = ID, .n = 1},
        {.op = RH_OP_NULL, .column = NAME},
        {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 4, .n = 1},
        {.op = RH_OP_LIKE, .column = NAME, .n = 1},
    };

    ck_assert_uint_eq(verdict_of(&unlisted, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&other_type, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&opaque, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&opaque_null, 1), RH_VERDICT_EXACT);
    ck_assert_uint_eq(verdict_of(&no_value, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&no_column, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&outside, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&too_many, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(tree, COUNT(tree)), RH_VERDICT_SUPERSET);
    tree[4].op = RH_OP_EQ;
    ck_assert_uint_eq(verdict_of(tree, COUNT(tree)), RH_VERDICT_EXACT);
    tree[1].op = RH_OP_GTE;
    ck_assert_uint_eq(verdict_of(tree, COUNT(tree)), RH_VERDICT_NONE);
}
END_TEST

START_TEST(planned_semijoins)
{
    static const uint32_t outer[] = {ID}, inner[] = {0}, conjuncts[] = {1}, text_column[] = {1};
    struct rh_node nodes[] = {{.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .n = 1},
                              {.op = RH_OP_LIKE, .column = 1, .n = 1}};
    struct rh_semijoin join = {.table = T("lines"),
                               .columns = lines,
                               .n_columns = 2,
                               .column_stride = sizeof lines[0],
                               .outer = outer,
                               .inner = inner,
                               .n_pairs = 1,
                               .conjuncts = conjuncts,
                               .n_conjuncts = 1};
    const struct rh_value value = text("a%");
    struct rh_query query = query_of(nodes, 2, &value, 1);
    uint8_t verdicts[8];

    query.semijoins = &join;
    query.n_semijoins = 1;
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_SUPERSET);
    nodes[0].op |= RH_OP_NOT; /* more rows inside are fewer outside */
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
    nodes[1].op = RH_OP_EQ;
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_EXACT);
    join.inner = text_column; /* int = text */
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
}
END_TEST

START_TEST(accepted)
{
    const struct rh_order order[] = {{.column = ID}, {.column = DATA}, {.column = NAME}};
    const struct rh_order natural = {.column = 1}, binary = {.column = 1, .flags = RH_ORDER_BINARY};
    const struct rh_group bucket = {.column = WHEN, .bucket = RH_BUCKET_MONTH};
    const struct rh_group json = {.column = DATA};
    const struct rh_aggregate max = {.function = RH_AGG_MAX, .column = CITY, .type = RH_TYPE_TEXT};
    const struct rh_aggregate sum = {.function = RH_AGG_SUM, .column = NAME, .type = RH_TYPE_TEXT};
    const struct rh_node node = {.op = RH_OP_LIKE, .column = 1, .n = 1};
    const struct rh_value value = text("x");
    const uint32_t having[] = {0};
    struct rh_query query = query_of(&node, 1, &value, 1);
    uint8_t verdicts[8];
    struct rh_plan plan;

    query.n_conjuncts = 0;
    query.order = order;
    query.n_order = 3;
    query.flags = RH_QUERY_DISTINCT;
    plan = plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(plan.n_order, 1);
    ck_assert_uint_eq(plan.accepts, RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET);
    query.n_order = 1;
    plan = plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(plan.accepts, RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET | RH_ACCEPT_DISTINCT);

    query.flags = 0;
    query.groups = &bucket;
    query.n_groups = 1;
    query.aggregates = &max;
    query.n_aggregates = 1;
    query.having = having;
    query.n_having = 1;
    query.order = &natural;
    plan = plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(plan.accepts & RH_ACCEPT_HAVING, 0); /* a superset is not enough */
    ck_assert_uint_eq(plan.n_order, 0);                    /* its own collation is lost */
    query.order = &binary;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).n_order, 1);
    query.n_having = 0;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    ck_assert_uint_eq(plan_of(&lite, &query, verdicts).accepts & RH_ACCEPT_GROUPS, 0);
    query.aggregates = &sum;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).accepts & RH_ACCEPT_GROUPS, 0);
    query.aggregates = &max;
    query.groups = &json;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).accepts & RH_ACCEPT_GROUPS, 0);
    query.flags = 0x8000;
    ck_assert_int_eq(rh_sql_plan(&pg, NULL, &connector, &query, &plan, NULL), RH_UNSUPPORTED);
}
END_TEST

/* ---- hostile queries ---- */

/* A chain of ANDs of this depth, and whether it could be written and planned. */
static bool can_be_deep(uint32_t depth)
{
    struct rh_node *nodes = calloc(depth + 1, sizeof *nodes);
    const struct rh_value value = rh_kit_int(1);
    struct rh_query query;
    uint8_t verdicts[8];
    struct rh_sql sql;
    bool built;

    for (uint32_t i = 0; i < depth; i++)
        nodes[i] =
            (struct rh_node){.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = i + 1, .n = 1};
    nodes[depth] = (struct rh_node){.op = RH_OP_EQ, .column = ID, .n = 1};
    query = query_of(nodes, depth + 1, &value, 1);
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_select(&sql, &query);
    built = rh_sql_check(&sql, NULL) == RH_OK;
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0] != RH_VERDICT_NONE, built);
    rh_sql_fini(&sql);
    free(nodes);
    return built;
}

START_TEST(depth)
{
    ck_assert(can_be_deep(128));
    ck_assert(can_be_deep(RH_SQL_MAX_DEPTH - 1));
    ck_assert(!can_be_deep(RH_SQL_MAX_DEPTH));
    ck_assert(!can_be_deep(100000));
}
END_TEST

START_TEST(shared_children)
{
    /* Each node has the next two as children: 2^60 leaves. */
    struct rh_node nodes[62];
    const struct rh_value value = rh_kit_int(1);
    struct rh_query query;
    uint8_t verdicts[8];
    struct rh_sql sql;

    for (uint32_t i = 0; i < 60; i++)
        nodes[i] = (struct rh_node){.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = i + 1, .n = 2};
    nodes[60] = nodes[61] = (struct rh_node){.op = RH_OP_EQ, .column = ID, .n = 1};
    query = query_of(nodes, 62, &value, 1);
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_select(&sql, &query);
    ck_assert_int_eq(rh_sql_check(&sql, NULL), RH_RESOURCE);
    rh_sql_fini(&sql);
}
END_TEST

START_TEST(malformed)
{
    const struct rh_node loop = {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 0, .n = 1};
    const struct rh_node beyond = {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 1, .n = 9};
    const struct rh_node exists = {.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .first = 3, .n = 1};
    const struct rh_node seek = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 1};
    const struct rh_node matches = {.op = RH_OP_MATCHES, .column = NAME, .n = 1};
    const struct rh_node column = {.op = RH_OP_EQ, .column = 7, .n = 1};
    const struct rh_node *const nodes[] = {&loop, &beyond, &exists, &seek, &matches, &column};
    const struct rh_value value = rh_kit_int(1);

    for (uint32_t i = 0; i < COUNT(nodes); i++) {
        const struct rh_query query = query_of(nodes[i], 1, &value, 1);
        uint8_t verdicts[8];
        struct rh_sql sql;
        rh_sql_init(&sql, &pg, NULL);
        rh_sql_select(&sql, &query);
        ck_assert_msg(rh_sql_check(&sql, NULL) == RH_RESOURCE, "%u", i);
        rh_sql_fini(&sql);
        plan_of(&pg, &query, verdicts);
        ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
    }
}
END_TEST

TESTS_MAIN("sql_plan", predicates_planned, planned_semijoins, accepted, depth, shared_children,
           malformed)
