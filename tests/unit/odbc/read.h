/* Tests of conditions, order, slices and groups. */
#pragma once

#include "unit/odbc/target.h"

#include <stdio.h>
#include <string.h>

static const char *const adversarial[] = {
    "",     "a",    "A", "a ", " a",        "b",  "B",  "ab", "aB", "a%b", "a_b",          "a\\b",
    "a[b]", "it's", "ä", "Ä",  "a\xcc\x88", "ß",  "ss", "z",  "Z",  "é",   "\xef\xbf\xbf", "😀",
    "a\tb", "a\nb", "*", "?",  "[",         "\"", "`",  "0",  "10", "9",
};
#define N_ADVERSARIAL (sizeof adversarial / sizeof adversarial[0])

static const struct rh_table *make_rows(void)
{
    char text[512];
    const struct rh_table *table = NULL;
    struct rh_value cells[N_ADVERSARIAL * 4 + 4];
    struct rh_write_result result = {.struct_size = sizeof result};

    drop("odbc_rows");
    (void)snprintf(text, sizeof text,
                   "CREATE TABLE odbc_rows (id INTEGER NOT NULL PRIMARY KEY, t %s, n BIGINT, f %s)",
                   target->text_type, target->double_type);
    sql(text);
    table = table_named("odbc_rows");
    for (uint32_t i = 0; i < N_ADVERSARIAL; i++) {
        cells[i * 4] = int_value((int64_t)i + 1);
        cells[i * 4 + 1] = text_value(adversarial[i]);
        cells[i * 4 + 2] = i % 5 == 0 ? null_value() : int_value((int64_t)(i % 7) - 3);
        cells[i * 4 + 3] =
            i % 6 == 0 ? null_value() : (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = i / 8.0};
    }
    cells[N_ADVERSARIAL * 4] = int_value((int64_t)N_ADVERSARIAL + 1);
    for (uint32_t i = 1; i < 4; i++)
        cells[N_ADVERSARIAL * 4 + i] = null_value();
    const struct rh_write_spec spec = {.struct_size = sizeof spec,
                                       .schema = table->schema,
                                       .table = table->name,
                                       .columns = table->columns,
                                       .n_columns = 4,
                                       .column_stride = table->column_stride,
                                       .n_rows = N_ADVERSARIAL + 1,
                                       .cells = cells,
                                       .returning_stride = sizeof(struct rh_column)};
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, N_ADVERSARIAL + 1);
    return table;
}

/* Whether the host says that it holds, for a text. */
static bool holds(uint32_t operator, const char * text, const char *value)
{
    size_t n = strlen(text), m = strlen(value);
    int order = strcmp(text, value); /* UTF-8: by code point */

    switch (operator) {
    case RH_OP_EQ:
        return order == 0;
    case RH_OP_LT:
        return order < 0;
    case RH_OP_LTE:
        return order <= 0;
    case RH_OP_GT:
        return order > 0;
    case RH_OP_GTE:
        return order >= 0;
    case RH_OP_STARTS:
        return n >= m && memcmp(text, value, m) == 0;
    case RH_OP_ENDS:
        return n >= m && memcmp(text + n - m, value, m) == 0;
    default:
        return strstr(text, value) != NULL;
    }
}

/* Runs the one condition; found[id] tells which rows came. Returns the verdict. */
static uint32_t run_condition(const struct rh_table *table, const struct rh_node *node,
                              const struct rh_value *value, bool found[N_ADVERSARIAL + 2])
{
    const uint32_t conjunct = 0;
    uint8_t verdict = RH_VERDICT_NONE;
    uint32_t needs[8];
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc;

    memset(found, 0, (N_ADVERSARIAL + 2) * sizeof *found);
    query.nodes = node;
    query.n_nodes = 1;
    query.values = value;
    query.n_values = node->n;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    ok(connector->plan(conn, &query, &plan, &error));
    if (verdict == RH_VERDICT_NONE)
        return verdict;
    ok(connector->open(conn, op, &query, &cursor, &error));
    while ((rc = connector->next(cursor, op, 7, &batch, &error)) == RH_OK) {
        for (uint64_t i = 0; i < batch.n_rows; i++)
            found[batch.cells[i * batch.n_cols].as.i] = true;
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    connector->finish(cursor);
    return verdict;
}

START_TEST(compares_texts_by_code_point)
{
    static const uint32_t operators[] = {RH_OP_EQ,  RH_OP_LT,     RH_OP_LTE,  RH_OP_GT,
                                         RH_OP_GTE, RH_OP_STARTS, RH_OP_ENDS, RH_OP_CONTAINS};
    const struct rh_table *table = make_rows();
    unsigned n_exact = 0;

    for (unsigned o = 0; o < sizeof operators / sizeof operators[0] * 2; o++) {
        bool negated = o % 2;
        for (uint32_t v = 0; v < N_ADVERSARIAL; v++) {
            const struct rh_node node = {
                .op = operators[o / 2] | (negated ? RH_OP_NOT : 0), .column = 1, .n = 1};
            const struct rh_value value = text_value(adversarial[v]);
            bool found[N_ADVERSARIAL + 2];
            uint32_t verdict = run_condition(table, &node, &value, found);
            if (verdict == RH_VERDICT_NONE)
                continue;
            n_exact += verdict == RH_VERDICT_EXACT;
            for (uint32_t i = 0; i <= N_ADVERSARIAL; i++) {
                bool wanted = i < N_ADVERSARIAL ? holds(operators[o / 2], adversarial[i],
                                                        adversarial[v]) != negated
                                                : negated;
                ck_assert_msg(found[i + 1] == wanted || (verdict == RH_VERDICT_SUPERSET && !wanted),
                              "operator %#x \"%s\" on row %u: %d", node.op, adversarial[v], i + 1,
                              found[i + 1]);
            }
        }
    }
    ck_assert_msg(!target->text_is_exact || n_exact > 10 * N_ADVERSARIAL, "%u exact", n_exact);
}
END_TEST

START_TEST(compares_numbers)
{
    const struct rh_table *table = make_rows();
    unsigned n_exact = 0;

    for (uint32_t operator= RH_OP_EQ; operator<= RH_OP_GTE; operator++) {
        for (unsigned negated = 0; negated < 2; negated++) {
            for (int64_t v = -4; v <= 4; v++) {
                const struct rh_node node = {
                    .op = operator|(negated ? RH_OP_NOT : 0), .column = 2, .n = 1};
                const struct rh_value value = int_value(v);
                bool found[N_ADVERSARIAL + 2];
                n_exact += run_condition(table, &node, &value, found) == RH_VERDICT_EXACT;
                for (uint32_t i = 0; i <= N_ADVERSARIAL; i++) {
                    bool is_null = i == N_ADVERSARIAL || i % 5 == 0;
                    int64_t cell = (int64_t)(i % 7) - 3;
                    bool wanted = operator== RH_OP_EQ ? cell == v :
                                  operator== RH_OP_LT ? cell < v
                                  :
                                  operator== RH_OP_LTE ? cell <= v
                                  :
                                  operator== RH_OP_GT ? cell > v
                                                      : cell >= v;
                    wanted = is_null ? negated : wanted != negated;
                    ck_assert_msg(found[i + 1] == wanted, "operator %#x %lld on row %u", node.op,
                                  (long long)v, i + 1);
                }
            }
        }
    }
    ck_assert_uint_eq(n_exact, 5 * 2 * 9);
}
END_TEST

START_TEST(takes_lists_and_null_tests)
{
    const struct rh_table *table = make_rows();
    const struct rh_value list[] = {int_value(-3), int_value(2), int_value(99)};
    bool found[N_ADVERSARIAL + 2];
    struct rh_node node = {.op = RH_OP_IN, .column = 2, .n = 3};

    ck_assert_uint_eq(run_condition(table, &node, list, found), RH_VERDICT_EXACT);
    for (uint32_t i = 0; i < N_ADVERSARIAL; i++)
        ck_assert(found[i + 1] == (i % 5 != 0 && (i % 7 == 0 || i % 7 == 5)));
    node.op |= RH_OP_NOT;
    ck_assert_uint_eq(run_condition(table, &node, list, found), RH_VERDICT_EXACT);
    for (uint32_t i = 0; i < N_ADVERSARIAL; i++)
        ck_assert(found[i + 1] == !(i % 5 != 0 && (i % 7 == 0 || i % 7 == 5)));
    node = (struct rh_node){.op = RH_OP_NULL, .column = 1};
    ck_assert_uint_eq(run_condition(table, &node, list, found), RH_VERDICT_EXACT);
    ck_assert(found[N_ADVERSARIAL + 1] && found[1] == target->empty_is_null && !found[2]);
}
END_TEST

/* Every page with the position of the last row of the one before: all rows, in order, once. */
START_TEST(pages_by_position)
{
    const struct rh_table *table = make_rows();

    for (uint32_t flags = 0; flags < 4; flags++) {
        const struct rh_order order[] = {{.column = 2, .flags = flags}, {.column = 0}};
        struct rh_value at[2];
        const struct rh_node node = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 2};
        const uint32_t conjunct = 0;
        struct rh_query query = select_all(table);
        unsigned n = 0;
        query.order = order;
        query.n_order = 2;
        query.limit = 4;
        for (;;) {
            struct rh_cursor *cursor = NULL;
            struct rh_batch batch = {.struct_size = sizeof batch};
            ok(connector->open(conn, op, &query, &cursor, &error));
            int rc = connector->next(cursor, op, 100, &batch, &error);
            if (rc == RH_END) {
                connector->finish(cursor);
                break;
            }
            ok(rc);
            ck_assert_uint_le(batch.n_rows, 4);
            for (uint64_t i = 0; i < batch.n_rows; i++) {
                struct rh_value next[] = {batch.cells[i * 4 + 2], batch.cells[i * 4]};
                if (n) {
                    bool was_null = at[0].type == RH_TYPE_NULL,
                         is_null = next[0].type == RH_TYPE_NULL;
                    bool first = flags & RH_ORDER_NULLS_FIRST, desc = flags & RH_ORDER_DESC;
                    bool same = was_null == is_null && (is_null || at[0].as.i == next[0].as.i);
                    bool before = was_null != is_null ? was_null == first
                                  : desc              ? at[0].as.i > next[0].as.i
                                                      : at[0].as.i < next[0].as.i;
                    ck_assert(same ? at[1].as.i < next[1].as.i : before);
                }
                memcpy(at, next, sizeof at);
                n++;
            }
            connector->finish(cursor);
            query.nodes = &node;
            query.n_nodes = 1;
            query.values = at;
            query.n_values = 2;
            query.conjuncts = &conjunct;
            query.n_conjuncts = 1;
        }
        ck_assert_uint_eq(n, N_ADVERSARIAL + 1);
    }
}
END_TEST

START_TEST(skips_and_limits)
{
    const struct rh_table *table = make_rows();
    const struct rh_order order = {.column = 0};

    for (uint64_t offset = 0; offset < 3; offset++) {
        for (unsigned limited = 0; limited < 2; limited++) {
            struct rh_query query = select_all(table);
            struct rh_cursor *cursor = NULL;
            struct rh_batch batch = {.struct_size = sizeof batch};
            uint64_t n = 0;
            int rc;
            query.order = &order;
            query.n_order = 1;
            query.offset = offset;
            query.limit = limited ? 5 : RH_NO_LIMIT;
            ok(connector->open(conn, op, &query, &cursor, &error));
            while ((rc = connector->next(cursor, op, 2, &batch, &error)) == RH_OK) {
                ck_assert_uint_le(batch.n_rows, 2);
                for (uint64_t i = 0; i < batch.n_rows; i++)
                    ck_assert_uint_eq((uint64_t)batch.cells[i * 4].as.i, offset + 1 + n++);
            }
            ck_assert_int_eq(rc, RH_END);
            ck_assert_uint_eq(n, limited ? 5 : N_ADVERSARIAL + 1 - offset);
            connector->finish(cursor);
        }
    }
}
END_TEST

START_TEST(counts_and_groups)
{
    const struct rh_table *table = make_rows();
    const struct rh_group group = {.column = 2};
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT},
        {.function = RH_AGG_MAX, .column = 0, .type = RH_TYPE_INT},
    };
    const struct rh_order order = {.column = 0, .flags = RH_ORDER_NULLS_FIRST};
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint32_t needs[8];
    struct rh_plan plan = {.struct_size = sizeof plan, .needs = needs};
    int64_t n = 0;
    int rc;

    query.select = NULL;
    query.n_select = 0;
    query.groups = &group;
    query.n_groups = 1;
    query.aggregates = aggregates;
    query.n_aggregates = target->dynamic ? 1 : 2;
    query.order = &order;
    query.n_order = 1;
    ok(connector->plan(conn, &query, &plan, &error));
    ck_assert(plan.accepts & RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(plan.n_order, 1);
    ok(connector->open(conn, op, &query, &cursor, &error));
    for (unsigned row = 0; (rc = connector->next(cursor, op, 1, &batch, &error)) == RH_OK; row++) {
        if (row == 0)
            ck_assert_int_eq(batch.cells[0].type, RH_TYPE_NULL);
        else
            ck_assert_int_eq(batch.cells[0].as.i, (int64_t)row - 4);
        n += batch.cells[1].as.i;
    }
    ck_assert_msg(rc == RH_END, "%s", error.message);
    ck_assert_int_eq(n, (int64_t)N_ADVERSARIAL + 1);
    connector->finish(cursor);
}
END_TEST
