/*
 * Conditions: the nodes of a query as text. Two-valued logic: what is written may be NULL where it
 * does not hold, and each negated operator is its own complement (see sql.h).
 */
#include "connector/sql_parts.h"

#include <string.h>

struct rh_sql_scope rh_sql_scope_of(const struct rh_query *query, uint32_t alias)
{
    return (struct rh_sql_scope){.query = query,
                                 .columns = query->columns,
                                 .n_columns = query->n_columns,
                                 .stride = query->column_stride,
                                 .alias = alias};
}

const struct rh_column *rh_sql_scope_column(struct rh_sql *sql, const struct rh_sql_scope *scope,
                                            uint32_t position)
{
    if (position < scope->n_columns)
        return rh_sql_column_at(scope->columns, scope->stride, position);
    sql->failed = true;
    return NULL;
}

/* ---- predicates ---- */

static bool equality_is_exact(const struct rh_sql *sql, const struct rh_column *column)
{
    return sql->having || column->type != RH_TYPE_TEXT ||
           (column->flags & RH_COLUMN_EXACT_EQUAL) != 0;
}

void rh_sql_equal(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value)
{
    const struct rh_node node = {.op = RH_OP_EQ, .n = 1};

    if (sql->dialect->predicate && sql->dialect->predicate(sql, column, &node, value))
        return;
    if (equality_is_exact(sql, column)) {
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, column, value, RH_SQL_PLAIN);
        return;
    }
    /* The first half finds rows through an index, the second keeps those equal by code point. */
    rh_sql_add(sql, "(");
    rh_sql_operand(sql, column, RH_SQL_PLAIN);
    rh_sql_add(sql, " = ");
    rh_sql_value(sql, column, value, RH_SQL_PLAIN);
    rh_sql_add(sql, " AND ");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, " = ");
    rh_sql_value(sql, column, value, RH_SQL_VALUE);
    rh_sql_add(sql, ")");
}

static void add_comparison(struct rh_sql *sql, const struct rh_column *column, const char *sign,
                           const struct rh_value *value, enum rh_sql_form form)
{
    rh_sql_operand(sql, column, form);
    rh_sql_add(sql, sign);
    rh_sql_value(sql, column, value, form);
}

static const char *comparison_sign(uint32_t op)
{
    switch (op) {
    case RH_OP_EQ | RH_OP_NOT:
        return " <> ";
    case RH_OP_LT:
    case RH_OP_GTE | RH_OP_NOT:
        return " < ";
    case RH_OP_LTE:
    case RH_OP_GT | RH_OP_NOT:
        return " <= ";
    case RH_OP_GT:
    case RH_OP_LTE | RH_OP_NOT:
        return " > ";
    case RH_OP_GTE:
    case RH_OP_LT | RH_OP_NOT:
        return " >= ";
    default:
        return NULL;
    }
}

/* As many placeholders as the next power of two, so that lists of many lengths share one text. */
static void add_in_list(struct rh_sql *sql, const struct rh_column *column,
                        const struct rh_value *values, uint32_t n, enum rh_sql_form form)
{
    uint32_t padded = 1;

    if (sql->dialect->in_list) {
        sql->dialect->in_list(sql, column, values, n, form);
        return;
    }
    while (padded < n && padded < (1u << 30))
        padded *= 2;
    rh_sql_add(sql, " IN (");
    for (uint32_t i = 0; i < padded && !sql->failed && !sql->text.failed; i++) {
        if (i)
            rh_sql_add(sql, ", ");
        rh_sql_value(sql, column, &values[i < n ? i : n - 1], form);
    }
    rh_sql_add(sql, ")");
}

static void add_in(struct rh_sql *sql, const struct rh_column *column,
                   const struct rh_value *values, uint32_t n)
{
    if (equality_is_exact(sql, column)) {
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        add_in_list(sql, column, values, n, RH_SQL_PLAIN);
        return;
    }
    rh_sql_add(sql, "(");
    rh_sql_operand(sql, column, RH_SQL_PLAIN);
    add_in_list(sql, column, values, n, RH_SQL_PLAIN);
    rh_sql_add(sql, " AND ");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    add_in_list(sql, column, values, n, RH_SQL_VALUE);
    rh_sql_add(sql, ")");
}

/* The builder's own form of a predicate, without NOT. */
static void add_plain_predicate(struct rh_sql *sql, const struct rh_column *column,
                                const struct rh_node *node, const struct rh_value *values)
{
    enum rh_sql_form form = equality_is_exact(sql, column) ? RH_SQL_PLAIN : RH_SQL_VALUE;

    switch (node->op) {
    case RH_OP_EQ:
        rh_sql_equal(sql, column, values);
        return;
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        add_comparison(sql, column, comparison_sign(node->op), values, RH_SQL_VALUE);
        return;
    case RH_OP_IN:
        add_in(sql, column, values, node->n);
        return;
    case RH_OP_LIKE:
    case RH_OP_STARTS:
    case RH_OP_ENDS:
    case RH_OP_CONTAINS:
        rh_sql_operand(sql, column, form);
        rh_sql_add(sql, " LIKE ");
        rh_sql_value(sql, NULL, rh_sql_pattern(sql, node->op, values), form);
        rh_sql_add(sql, " ESCAPE '\\'");
        return;
    default:
        sql->failed = true; /* planned without a dialect that can say it */
    }
}

void rh_sql_null_test(struct rh_sql *sql, const struct rh_column *column, bool negated)
{
    if (sql->having)
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
    else
        rh_sql_name(sql, column);
    rh_sql_add(sql, negated ? " IS NOT NULL" : " IS NULL");
}

/* The complement of a predicate that the dialect does not write itself. */
static void add_negated(struct rh_sql *sql, const struct rh_column *column,
                        const struct rh_node *node, const struct rh_value *values)
{
    const struct rh_node positive = {.op = node->op & ~RH_OP_NOT, .n = node->n};
    const char *sign = comparison_sign(node->op);
    bool nullable = !(column->flags & RH_COLUMN_NOT_NULL);
    enum rh_sql_form form = RH_SQL_VALUE;

    if (node->op == (RH_OP_EQ | RH_OP_NOT) && equality_is_exact(sql, column))
        form = RH_SQL_PLAIN;
    if (nullable)
        rh_sql_add(sql, "(");
    if (sign) {
        add_comparison(sql, column, sign, values, form);
    } else {
        rh_sql_add(sql, "NOT (");
        add_plain_predicate(sql, column, &positive, values);
        rh_sql_add(sql, ")");
    }
    if (nullable) {
        rh_sql_add(sql, " OR ");
        rh_sql_null_test(sql, column, false);
        rh_sql_add(sql, ")");
    }
}

static void add_truth(struct rh_sql *sql, bool truth)
{
    rh_sql_add(sql, truth ? "1 = 1" : "1 = 0");
}

static void add_predicate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_node *node, const struct rh_value *values)
{
    bool negated = (node->op & RH_OP_NOT) != 0;
    struct rh_node positive = *node;
    size_t before = sql->text.len;

    positive.op &= ~RH_OP_NOT;
    if (positive.op == RH_OP_NULL) {
        rh_sql_null_test(sql, column, negated);
        return;
    }
    if (positive.op == RH_OP_ABSENT || (positive.op == RH_OP_IN && node->n == 0)) {
        add_truth(sql, negated);
        return;
    }
    if (positive.op == RH_OP_EMPTY && column->type != RH_TYPE_JSON) {
        rh_sql_null_test(sql, column, negated);
        return;
    }
    if (sql->dialect->predicate) {
        bool by_case = sql->dialect->no_truth_test;
        if (negated)
            rh_sql_add(sql, by_case ? "CASE WHEN " : "(");
        if (sql->dialect->predicate(sql, column, &positive, values)) {
            if (negated)
                rh_sql_add(sql, by_case ? " THEN 0 ELSE 1 END = 1" : ") IS NOT TRUE");
            return;
        }
        if (!sql->text.failed)
            sql->text.len = before;
    }
    if (negated)
        add_negated(sql, column, node, values);
    else
        add_plain_predicate(sql, column, node, values);
}

/* ---- the tree ---- */

static void add_node(struct rh_sql *sql, const struct rh_sql_scope *scope, uint32_t position);

static enum rh_sql_pair way_of_pair(const struct rh_sql *sql, const struct rh_column *theirs,
                                    const struct rh_column *ours)
{
    if (sql->dialect->pair)
        return sql->dialect->pair(sql->state, theirs, ours);
    return equality_is_exact(sql, theirs) && equality_is_exact(sql, ours) ? RH_SQL_PAIR_PLAIN
                                                                          : RH_SQL_PAIR_VALUE;
}

static void add_pair_in(struct rh_sql *sql, const struct rh_sql_scope *outer,
                        const struct rh_sql_scope *inner, const struct rh_column *theirs,
                        const struct rh_column *ours, enum rh_sql_form form)
{
    rh_sql_operand(sql, ours, form);
    rh_sql_add(sql, " = ");
    sql->alias = outer->alias;
    rh_sql_operand(sql, theirs, form);
    sql->alias = inner->alias;
}

static void add_pair(struct rh_sql *sql, const struct rh_sql_scope *outer,
                     const struct rh_sql_scope *inner, uint32_t outer_column, uint32_t inner_column)
{
    const struct rh_column *theirs = rh_sql_scope_column(sql, outer, outer_column);
    const struct rh_column *ours = rh_sql_scope_column(sql, inner, inner_column);
    enum rh_sql_pair way;

    if (!theirs || !ours)
        return;
    if (sql->dialect->pair_condition &&
        sql->dialect->pair_condition(sql, theirs, outer->alias, ours))
        return;
    way = way_of_pair(sql, theirs, ours);
    if (way == RH_SQL_PAIR_PLAIN || way == RH_SQL_PAIR_BOTH)
        add_pair_in(sql, outer, inner, theirs, ours, RH_SQL_PLAIN);
    if (way == RH_SQL_PAIR_BOTH)
        rh_sql_add(sql, " AND ");
    if (way != RH_SQL_PAIR_PLAIN)
        add_pair_in(sql, outer, inner, theirs, ours, RH_SQL_VALUE);
}

static void add_exists(struct rh_sql *sql, const struct rh_sql_scope *scope,
                       const struct rh_node *node)
{
    const struct rh_query *query = scope->query;
    const struct rh_semijoin *join = NULL;

    if (node->first >= query->n_semijoins) {
        sql->failed = true;
        return;
    }
    join = (const struct rh_semijoin *)(const void *)((const char *)query->semijoins +
                                                      (size_t)query->semijoin_stride * node->first);
    struct rh_sql_scope inner = {.query = query,
                                 .columns = join->columns,
                                 .n_columns = join->n_columns,
                                 .stride = join->column_stride,
                                 .alias = sql->n_aliases++};
    sql->alias = inner.alias;
    rh_sql_add(sql, node->op & RH_OP_NOT ? "NOT EXISTS (SELECT 1 FROM " : "EXISTS (SELECT 1 FROM ");
    rh_sql_table(sql, join->schema, join->table);
    rh_sql_alias(sql, inner.alias);
    for (uint32_t i = 0; i < join->n_pairs; i++) {
        rh_sql_add(sql, i ? " AND " : " WHERE ");
        add_pair(sql, scope, &inner, join->outer[i], join->inner[i]);
    }
    if (join->n_conjuncts) {
        rh_sql_add(sql, join->n_pairs ? " AND " : " WHERE ");
        rh_sql_conjuncts(sql, &inner, join->conjuncts, join->n_conjuncts);
    }
    rh_sql_add(sql, ")");
    sql->alias = scope->alias;
}

static void add_group(struct rh_sql *sql, const struct rh_sql_scope *scope, uint32_t position,
                      const struct rh_node *node)
{
    uint32_t n_nodes = scope->query->n_nodes;
    bool is_and = node->op == RH_OP_AND;

    if (node->n == 0) {
        add_truth(sql, is_and);
        return;
    }
    if (node->first <= position || node->first > n_nodes || node->n > n_nodes - node->first) {
        sql->failed = true;
        return;
    }
    rh_sql_add(sql, "(");
    for (uint32_t i = 0; i < node->n && !sql->failed; i++) {
        if (i)
            rh_sql_add(sql, is_and ? " AND " : " OR ");
        add_node(sql, scope, node->first + i);
    }
    rh_sql_add(sql, ")");
}

static void add_leaf(struct rh_sql *sql, const struct rh_sql_scope *scope,
                     const struct rh_node *node)
{
    const struct rh_query *query = scope->query;
    const struct rh_value *values = query->values;
    const struct rh_column *column = NULL;
    struct rh_column room;

    if (node->n && (node->first > query->n_values || node->n > query->n_values - node->first)) {
        sql->failed = true;
        return;
    }
    if (node->n)
        values += node->first;
    if (RH_OP_BASE(node->op) == RH_OP_SEEK) {
        rh_sql_seek(sql, scope, node);
        return;
    }
    if (sql->having) {
        sql->output = node->column;
        column = rh_sql_output_column(query, node->column, &room);
        if (column == &room) /* parameters point to it */
            column = rh_sql_own_bytes(sql, &room, sizeof room);
        sql->failed = sql->failed || !column;
    } else {
        column = rh_sql_scope_column(sql, scope, node->column);
    }
    if (column)
        add_predicate(sql, column, node, values);
}

static void add_node(struct rh_sql *sql, const struct rh_sql_scope *scope, uint32_t position)
{
    const struct rh_node *node = NULL;

    if (sql->text.failed || sql->depth >= RH_SQL_MAX_DEPTH || position >= scope->query->n_nodes)
        sql->failed = true;
    if (sql->failed)
        return;
    node = &scope->query->nodes[position];
    sql->depth++;
    if (node->op == RH_OP_AND || node->op == RH_OP_OR)
        add_group(sql, scope, position, node);
    else if (RH_OP_BASE(node->op) == RH_OP_EXISTS)
        add_exists(sql, scope, node);
    else
        add_leaf(sql, scope, node);
    sql->depth--;
}

void rh_sql_conjuncts(struct rh_sql *sql, const struct rh_sql_scope *scope,
                      const uint32_t *conjuncts, uint32_t n)
{
    for (uint32_t i = 0; i < n && !sql->failed; i++) {
        if (i)
            rh_sql_add(sql, " AND ");
        add_node(sql, scope, conjuncts[i]);
    }
}

void rh_sql_having(struct rh_sql *sql, const struct rh_query *query)
{
    const struct rh_sql_scope scope = rh_sql_scope_of(query, sql->alias);

    sql->having = query;
    rh_sql_conjuncts(sql, &scope, query->having, query->n_having);
    sql->having = NULL;
}
