/*
 * Conditions as filter expressions.
 *
 * DynamoDB compares by type, texts by their UTF-8 bytes (which is by code point), numbers by value; what
 * is missing or of another type satisfies no comparison, and NOT is the complement: so does Rowhouse, hence
 * nearly all is exact. What is different:
 * - `contains` looks into sets and lists too: it is asked of texts only.
 * - NULL is a value of its own type; NULL here is that or nothing at all.
 * - A Query takes no filter on the attributes of its key.
 * - An expression has limits: 4 KB of text, 300 operators, 2 MB of values.
 *
 * Literals are always bound; `<>` and BETWEEN say nothing that NOT and `<=` do not.
 */
#include "dynamodb.h"

#include <stdio.h>

#define MAX_OPERATORS 280u
#define MAX_TEXT_BYTES 3900u
#define MAX_VALUE_BYTES ((uint64_t)1 << 20)
#define MAX_IN 100u    /* operands of one IN */
#define TERM_BYTES 12u /* "#4294967295," */

#define TEXT RH_TYPE_BIT(RH_TYPE_TEXT)
#define NUMBERS (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define BYTES RH_TYPE_BIT(RH_TYPE_BYTES)
#define ORDERED (TEXT | NUMBERS | BYTES)
#define SCALARS (ORDERED | RH_TYPE_BIT(RH_TYPE_BOOL))
#define ALL 0xffffu

#define BOTH(operator, set, how)                                                                   \
    {.op = (operator), .types = (set), .verdict = (how)},                                          \
    {                                                                                              \
        .op = (operator) | RH_OP_NOT, .types = (set), .verdict = (how)                             \
    }

const struct rh_operator rh_dynamodb_operators[RH_DYNAMODB_N_OPERATORS] = {
    BOTH(RH_OP_EQ, SCALARS, RH_VERDICT_EXACT),
    BOTH(RH_OP_IN, SCALARS, RH_VERDICT_EXACT),
    BOTH(RH_OP_LT, ORDERED, RH_VERDICT_EXACT),
    BOTH(RH_OP_LTE, ORDERED, RH_VERDICT_EXACT),
    BOTH(RH_OP_GT, ORDERED, RH_VERDICT_EXACT),
    BOTH(RH_OP_GTE, ORDERED, RH_VERDICT_EXACT),
    BOTH(RH_OP_STARTS, TEXT, RH_VERDICT_EXACT),
    BOTH(RH_OP_CONTAINS, TEXT, RH_VERDICT_EXACT),
    {.op = RH_OP_ENDS, .types = TEXT, .verdict = RH_VERDICT_SUPERSET},
    BOTH(RH_OP_NULL, ALL, RH_VERDICT_EXACT),
    BOTH(RH_OP_ABSENT, ALL, RH_VERDICT_EXACT),
    BOTH(RH_OP_EMPTY, ALL & ~RH_TYPE_BIT(RH_TYPE_JSON), RH_VERDICT_EXACT),
    {.op = RH_OP_SEEK, .verdict = RH_VERDICT_SUPERSET},
};

/* ---- Verdicts ------------------------------------------------------------------------------ */

static const struct rh_column *column_at(const struct rh_query *query, uint32_t position)
{
    return position < query->n_columns
               ? rh_kit_column(query->columns, query->column_stride, position)
               : NULL;
}

static bool is_claimed(const struct rh_node *node, uint32_t type, uint8_t *ret_verdict)
{
    for (uint32_t i = 0; i < RH_DYNAMODB_N_OPERATORS; i++)
        if (rh_dynamodb_operators[i].op == node->op &&
            rh_dynamodb_operators[i].types & RH_TYPE_BIT(type)) {
            *ret_verdict = (uint8_t)rh_dynamodb_operators[i].verdict;
            return true;
        }
    return false;
}

static uint8_t leaf_verdict(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                            const struct rh_node *node, struct rh_dynamodb_cost *cost)
{
    const struct rh_column *column = column_at(query, node->column);
    bool in_key = scan->way == RH_DYNAMODB_QUERY &&
                  (node->column == scan->hash || node->column == scan->range);
    uint8_t verdict;

    if (!column || !column->native_id || in_key || !is_claimed(node, column->type, &verdict) ||
        (RH_OP_BASE(node->op) == RH_OP_IN && (!node->n || node->n > MAX_IN)))
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        const struct rh_value *value = &query->values[node->first + i];

        if (!rh_dynamodb_is_value(value))
            return RH_VERDICT_NONE;
        cost->value_bytes += value->len;
    }
    cost->operators += 4;
    cost->text_bytes += 64 + (uint64_t)TERM_BYTES * (node->n + 2);
    return verdict;
}

static bool is_group(const struct rh_node *node)
{
    return node->op == RH_OP_AND || node->op == RH_OP_OR;
}

/* A part of an AND may be left out, and makes a superset; a branch of an OR may not. */
static uint8_t verdict(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                       const struct rh_node *node, struct rh_dynamodb_cost *cost)
{
    uint8_t least = RH_VERDICT_EXACT, most = RH_VERDICT_NONE;

    if (!is_group(node))
        return leaf_verdict(query, scan, node, cost);
    if (!node->n)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        uint8_t one = verdict(query, scan, &query->nodes[node->first + i], cost);

        least = one < least ? one : least;
        most = one > most ? one : most;
    }
    cost->operators += node->n + 1;
    cost->text_bytes += 8 + (uint64_t)8 * node->n;
    if (node->op == RH_OP_OR || least)
        return least;
    return most ? RH_VERDICT_SUPERSET : RH_VERDICT_NONE;
}

uint8_t rh_dynamodb_verdict(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                            uint32_t position, struct rh_dynamodb_cost *cost)
{
    struct rh_dynamodb_cost more = *cost;
    uint8_t one = verdict(query, scan, &query->nodes[position], &more);

    if (one == RH_VERDICT_NONE || more.operators > MAX_OPERATORS ||
        more.text_bytes > MAX_TEXT_BYTES || more.value_bytes > MAX_VALUE_BYTES)
        return RH_VERDICT_NONE;
    *cost = more;
    return one;
}

/* ---- Expressions --------------------------------------------------------------------------- */

void rh_dynamodb_add_name(struct rh_dynamodb_terms *terms, uint32_t column, struct rh_buf *to)
{
    terms->columns[column] = true;
    rh_buf_addf(to, "#%u", column);
}

void rh_dynamodb_add_operand(struct rh_dynamodb_terms *terms, uint32_t value, struct rh_buf *to)
{
    terms->values[value] = true;
    rh_buf_addf(to, ":%u", value);
}

static void add_compare(struct rh_dynamodb_terms *terms, const struct rh_node *node,
                        const char *operator, struct rh_buf * to)
{
    rh_dynamodb_add_name(terms, node->column, to);
    rh_buf_add_str(to, operator);
    rh_dynamodb_add_operand(terms, node->first, to);
}

static void add_in(struct rh_dynamodb_terms *terms, const struct rh_node *node, struct rh_buf *to)
{
    rh_dynamodb_add_name(terms, node->column, to);
    rh_buf_add_str(to, " IN (");
    for (uint32_t i = 0; i < node->n; i++) {
        if (i)
            rh_buf_add_char(to, ',');
        rh_dynamodb_add_operand(terms, node->first + i, to);
    }
    rh_buf_add_char(to, ')');
}

/* begins_with or contains, of texts alone. */
static void add_match(struct rh_dynamodb_terms *terms, const struct rh_node *node,
                      const char *function, struct rh_buf *to)
{
    rh_buf_add_str(to, "(attribute_type(");
    rh_dynamodb_add_name(terms, node->column, to);
    rh_buf_addf(to, ",:S) AND %s(", function);
    rh_dynamodb_add_name(terms, node->column, to);
    rh_buf_add_char(to, ',');
    rh_dynamodb_add_operand(terms, node->first, to);
    rh_buf_add_str(to, "))");
    terms->string = true;
}

static void add_null(struct rh_dynamodb_terms *terms, const struct rh_node *node, bool or_empty,
                     struct rh_buf *to)
{
    rh_buf_add_str(to, "(attribute_not_exists(");
    rh_dynamodb_add_name(terms, node->column, to);
    rh_buf_add_str(to, ") OR ");
    rh_dynamodb_add_name(terms, node->column, to);
    rh_buf_add_str(to, or_empty ? " IN (:null,:text,:list))" : " = :null)");
    terms->null = true;
    terms->empty_text = terms->empty_text || or_empty;
    terms->empty_list = terms->empty_list || or_empty;
}

static void add_leaf(struct rh_dynamodb_terms *terms, const struct rh_node *node, struct rh_buf *to)
{
    static const char *const words[] = {" < ", " <= ", " > ", " >= "};
    uint32_t base = RH_OP_BASE(node->op);

    if (node->op & RH_OP_NOT)
        rh_buf_add_str(to, "NOT ");
    switch (base) {
    case RH_OP_EQ:
        add_compare(terms, node, " = ", to);
        break;
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        add_compare(terms, node, words[base - RH_OP_LT], to);
        break;
    case RH_OP_IN:
        add_in(terms, node, to);
        break;
    case RH_OP_STARTS:
        add_match(terms, node, "begins_with", to);
        break;
    case RH_OP_CONTAINS:
    case RH_OP_ENDS:
        add_match(terms, node, "contains", to);
        break;
    case RH_OP_ABSENT:
        rh_buf_add_str(to, "attribute_not_exists(");
        rh_dynamodb_add_name(terms, node->column, to);
        rh_buf_add_char(to, ')');
        break;
    default:
        add_null(terms, node, base == RH_OP_EMPTY, to);
        break;
    }
}

static bool is_sent(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                    uint32_t position)
{
    struct rh_dynamodb_cost ignored = {0};

    return verdict(query, scan, &query->nodes[position], &ignored) != RH_VERDICT_NONE;
}

/* Parentheses around a single condition would be redundant, which is an error. */
void rh_dynamodb_add_filter(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                            uint32_t position, struct rh_dynamodb_terms *terms, struct rh_buf *to)
{
    const struct rh_node *node = &query->nodes[position];
    uint32_t n_sent = 0, n = 0;

    if (!is_group(node)) {
        add_leaf(terms, node, to);
        return;
    }
    for (uint32_t i = 0; i < node->n; i++)
        n_sent += is_sent(query, scan, node->first + i);
    rh_buf_add_str(to, n_sent > 1 ? "(" : "");
    for (uint32_t i = 0; i < node->n; i++) {
        if (!is_sent(query, scan, node->first + i))
            continue;
        if (n++)
            rh_buf_add_str(to, node->op == RH_OP_AND ? " AND " : " OR ");
        rh_dynamodb_add_filter(query, scan, node->first + i, terms, to);
    }
    rh_buf_add_str(to, n_sent > 1 ? ")" : "");
}
