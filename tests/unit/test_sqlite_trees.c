/* Random trees of conditions. */
#include "lib/random.h"
#include "sqlite_oracle.h"

static uint32_t pick(uint32_t n)
{
    return (uint32_t)(random_u64() % n);
}

/* Fills the node at `at` (its place is reserved) and what is below it. */
static void grow_tree(struct query *q, const struct rows *all, uint32_t at, uint32_t depth)
{
    static const uint32_t ops[] = {RH_OP_EQ,   RH_OP_LT,       RH_OP_LTE,
                                   RH_OP_GT,   RH_OP_GTE,      RH_OP_IN,
                                   RH_OP_NULL, RH_OP_CONTAINS, RH_OP_STARTS | RH_OP_FOLD};
    struct rh_node *node = &q->nodes[at];
    uint32_t n = 2 + pick(2);

    if (depth < 3 && q->abi.n_nodes + n < COUNT(q->nodes) && pick(3)) {
        *node = (struct rh_node){.op = pick(2) ? RH_OP_AND : RH_OP_OR,
                                 .column = RH_NO_COLUMN,
                                 .first = q->abi.n_nodes,
                                 .n = n};
        q->abi.n_nodes += n;
        for (uint32_t i = 0; i < n; i++)
            grow_tree(q, all, node->first + i, depth + 1);
        return;
    }
    *node = (struct rh_node){.op = ops[pick(COUNT(ops))] | (pick(2) ? RH_OP_NOT : 0),
                             .column = pick(q->abi.n_columns),
                             .first = q->abi.n_values};
    node->n = RH_OP_BASE(node->op) == RH_OP_NULL ? 0 : RH_OP_BASE(node->op) == RH_OP_IN ? 3 : 1;
    for (uint32_t i = 0; i < node->n; i++)
        q->values[q->abi.n_values++] =
            all->cells[(size_t)pick(all->n_rows) * all->n_cols + node->column];
}

static bool tree_holds(const struct query *q, const struct rh_node *node,
                       const struct rh_value *row)
{
    if (node->op == RH_OP_AND || node->op == RH_OP_OR) {
        for (uint32_t i = 0; i < node->n; i++) {
            if (tree_holds(q, &q->nodes[node->first + i], row) != (node->op == RH_OP_AND))
                return node->op == RH_OP_OR;
        }
        return node->op == RH_OP_AND;
    }
    return holds_positive(node->op & ~RH_OP_NOT, &row[node->column], &q->values[node->first],
                          node->n) != ((node->op & RH_OP_NOT) != 0);
}

START_TEST(random_trees)
{
    struct session s;
    uint32_t n_pushed = 0;

    fill_awkward(&s, INDEXED);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t round = 0; round < 20000; round++) {
        struct query *q = query_of(table);
        uint32_t ids[COUNT(awkward_values)], n = 0;
        q->abi.n_nodes = 1;
        q->abi.n_conjuncts = 1;
        grow_tree(q, &all, 0, 0);
        plan(&s, q);
        if (q->verdicts[0] != RH_VERDICT_EXACT)
            continue;
        n_pushed++;
        for (uint32_t r = 0; r < all.n_rows; r++) {
            if (tree_holds(q, &q->nodes[0], &all.cells[(size_t)r * all.n_cols]))
                ids[n++] = r;
        }
        q->abi.n_order = 1; /* by id */
        assert_ids(&s, q, ids, n);
    }
    ck_assert_uint_ge(n_pushed, 500);
    rh_arena_free(all.arena);
    stop(&s);
}
END_TEST

START_TEST(literals_that_sqlite_cannot_say)
{
    struct session s;
    const struct rh_value nan = {.type = RH_TYPE_FLOAT, .as.f = __builtin_nan("")};
    struct rh_value decimal = rh_kit_text(rh_text_of("0.12345678901234567891"));
    struct rh_value kept = rh_kit_text(rh_text_of("12345.670"));
    struct rh_value backslash = rh_kit_text(rh_text_of("a\\"));
    struct rh_value invalid = rh_kit_text(rh_text_make("\xff", 1));

    fill_awkward(&s, PLAIN);
    const struct rh_table *t = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(t));
    decimal.type = kept.type = RH_TYPE_DECIMAL;
    ck_assert(!check_predicate(&s, t, &all, RH_OP_LT, column_of(t, "f"), &nan, 1));
    ck_assert(!check_predicate(&s, t, &all, RH_OP_EQ, column_of(t, "d"), &decimal, 1));
    ck_assert(check_predicate(&s, t, &all, RH_OP_EQ, column_of(t, "d"), &kept, 1));
    ck_assert(!check_predicate(&s, t, &all, RH_OP_LIKE, column_of(t, "t"), &backslash, 1));
    ck_assert(!check_predicate(&s, t, &all, RH_OP_STARTS, column_of(t, "t"), &invalid, 1));
    rh_arena_free(all.arena);
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_trees", random_trees, literals_that_sqlite_cannot_say)
