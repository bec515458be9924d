/*
 * Conditions: names resolved, literals typed, NOT pushed into the operators.
 *
 * Which operators a type has:
 *     eq in                    all but JSON
 *     lt lte gt gte between    numbers, text, bytes, dates and times, UUID (not bool, interval,
 * JSON) like starts … matches    text has has_all has_any      JSON null exists              all
 *     empty                    all: on text NULL or "", on JSON the source's EMPTY, else NULL
 *
 * Whole-number columns never see another number: a literal that they cannot hold moves a bound
 * (> 1.5 is > 1) or folds the predicate to a constant, which is an AND (true) or OR (false) of
 * nothing. Depth is limited; the parsers' limit is lower.
 */
#include "rows/binder.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/match.h"
#include "rows/bind_number.h"
#include "rows/near.h"
#include "rows/operators.h"
#include "rows/regex.h"

#define MAX_DEPTH 600u

#define BITS(type) (1u << (type))
#define NUMBERS                                                                                    \
    (BITS(RH_TYPE_INT) | BITS(RH_TYPE_UINT) | BITS(RH_TYPE_FLOAT) | BITS(RH_TYPE_DECIMAL))
#define ORDERED                                                                                    \
    (NUMBERS | BITS(RH_TYPE_TEXT) | BITS(RH_TYPE_BYTES) | BITS(RH_TYPE_DATE) |                     \
     BITS(RH_TYPE_TIME) | BITS(RH_TYPE_DATETIME) | BITS(RH_TYPE_TIMESTAMP) | BITS(RH_TYPE_UUID))
#define EQUAL (ORDERED | BITS(RH_TYPE_BOOL) | BITS(RH_TYPE_INTERVAL))

static const uint32_t types_of[RH_N_OPS] = {
    [RH_OP_EQ] = EQUAL,
    [RH_OP_IN] = EQUAL,
    [RH_OP_LT] = ORDERED,
    [RH_OP_LTE] = ORDERED,
    [RH_OP_GT] = ORDERED,
    [RH_OP_GTE] = ORDERED,
    [RH_OP_LIKE] = BITS(RH_TYPE_TEXT),
    [RH_OP_STARTS] = BITS(RH_TYPE_TEXT),
    [RH_OP_ENDS] = BITS(RH_TYPE_TEXT),
    [RH_OP_CONTAINS] = BITS(RH_TYPE_TEXT),
    [RH_OP_MATCHES] = BITS(RH_TYPE_TEXT),
    [RH_OP_NULL] = UINT32_MAX,
    [RH_OP_ABSENT] = UINT32_MAX,
    [RH_OP_EMPTY] = UINT32_MAX,
    [RH_OP_HAS_ALL] = BITS(RH_TYPE_JSON),
    [RH_OP_HAS_ANY] = BITS(RH_TYPE_JSON),
};

/* ---- Making nodes ------------------------------------------------------------------------ */

static struct rh_bnode *make(struct rh_binder *b, uint32_t op, uint32_t column)
{
    struct rh_bnode *node = rh_arena_alloc(b->arena, sizeof(*node));
    if (!node) {
        rh_fail_nomem(b->error);
        return NULL;
    }
    node->op = op;
    node->column = column;
    return node;
}

static struct rh_bnode *constant(struct rh_binder *b, bool truth)
{
    return make(b, truth ? RH_OP_AND : RH_OP_OR, RH_NO_COLUMN);
}

static bool is_constant(const struct rh_bnode *node, bool truth)
{
    return node->op == (truth ? RH_OP_AND : RH_OP_OR) && !node->n_children;
}

/* Adds a child to an AND or OR: one of the same kind gives its children, and the constant that
 * changes nothing is left out. */
static void adopt(struct rh_bnode *parent, struct rh_bnode *child)
{
    if (child->op == parent->op) {
        if (!child->child)
            return;
        if (parent->last)
            parent->last->next = child->child;
        else
            parent->child = child->child;
        parent->last = child->last;
        parent->n_children += child->n_children;
        return;
    }
    if (parent->last)
        parent->last->next = child;
    else
        parent->child = child;
    parent->last = child;
    child->next = NULL;
    parent->n_children++;
}

/* AND with a false child is false, OR with a true one true; with one child it is that child. */
static struct rh_bnode *simplify(struct rh_bnode *node)
{
    for (struct rh_bnode *child = node->child; child; child = child->next)
        if (is_constant(child, node->op == RH_OP_OR)) {
            child->next = NULL;
            return child;
        }
    return node->n_children == 1 ? node->child : node;
}

static bool add_value(struct rh_binder *b, struct rh_bnode *node, const struct rh_value *value)
{
    struct rh_value *slot = rh_vec_push(&b->values, b->arena);
    if (!slot) {
        rh_fail_nomem(b->error);
        return false;
    }
    *slot = *value;
    if (!node->n_values)
        node->first_value = b->values.n - 1;
    node->n_values++;
    return true;
}

/* ---- Tests ------------------------------------------------------------------------------- */

/* A test at hand: its column as resolved. */
struct test {
    const struct rh_cond *cond;
    const struct rh_column *column;
    uint32_t position;
    uint32_t op;
};

static int resolve(struct rh_binder *b, const struct rh_cond *cond, struct test *ret_test)
{
    ret_test->cond = cond;
    ret_test->op = cond->op;
    if (b->in_having) {
        ret_test->position = rh_binder_output(b, cond->name);
        if (ret_test->position == RH_NO_COLUMN)
            return rh_binder_no_output(b, cond->name, cond->pointer);
        ret_test->column = &b->outputs[ret_test->position];
        return 0;
    }
    uint32_t position = 0;
    int r = rh_binder_column(b, cond->name, cond->pointer, &position);
    if (r)
        return r;
    ret_test->column = &b->table->columns[position];
    ret_test->position = rh_binder_use(b, position);
    return ret_test->position == RH_NO_COLUMN ? rh_fail_nomem(b->error) : 0;
}

static void fail_type(struct rh_binder *b, const struct test *test)
{
    struct rh_text name = rh_near_clip(test->column->name);
    rh_binder_fail(b, "invalid-filter", test->cond->pointer,
                   "the operator \"%s\" cannot be used on column \"%.*s\"",
                   rh_operator_label(test->op), RH_TEXT_ARG(name));
    uint32_t base = RH_OP_BASE(test->op);
    if (types_of[base] == BITS(RH_TYPE_TEXT))
        rh_error_hint(b->error, "it is for text columns");
    else if (types_of[base] == BITS(RH_TYPE_JSON))
        rh_error_hint(b->error, "it is for JSON columns");
    else if (test->column->type == RH_TYPE_JSON)
        rh_error_hint(b->error, "JSON columns have the operators has, has_all, has_any, empty and "
                                "null");
    else
        rh_error_hint(b->error, "use eq, ne, in, nin or null");
}

/* A comparison of a whole-number column with a number that it cannot hold. `low`: the largest value
 * below the number, for RH_FIT_ABOVE_FLOOR. The result is for the operator without NOT. */
static struct rh_bnode *compare_unfit(struct rh_binder *b, const struct test *test, enum rh_fit fit,
                                      const struct rh_value *low)
{
    uint32_t base = RH_OP_BASE(test->op);
    bool is_upper_bound = base == RH_OP_LT || base == RH_OP_LTE;
    struct rh_bnode *node = NULL;
    if (base == RH_OP_EQ)
        return constant(b, false);
    if (fit == RH_FIT_ABOVE_FLOOR) {
        node = make(b, is_upper_bound ? RH_OP_LTE : RH_OP_GT, test->position);
        return node && add_value(b, node, low) ? node : NULL;
    }
    if (is_upper_bound == (fit == RH_FIT_TOO_LARGE))
        return make(b, RH_OP_NULL | RH_OP_NOT, test->position);
    return constant(b, false);
}

/* Numbers on whole-number columns. *ret_taken: the value is exact and was taken; else the node
 * without NOT is returned. NULL and not taken: error. */
static struct rh_bnode *compare_whole(struct rh_binder *b, const struct test *test,
                                      const struct rh_literal *literal, struct rh_value *ret_value,
                                      bool *ret_taken)
{
    enum rh_fit fit = RH_FIT_EXACT;
    int r = RH_NUMBER_WRONG;
    if (literal->kind == RH_LITERAL_NUMBER || literal->kind == RH_LITERAL_STRING ||
        literal->kind == RH_LITERAL_BARE)
        r = rh_bind_whole(test->column->type, literal->text, &fit, ret_value);
    if (r == 0 && fit != RH_FIT_EXACT)
        return compare_unfit(b, test, fit, ret_value);
    if (r == 0)
        *ret_taken = true;
    else if (r == RH_NUMBER_NOMEM)
        rh_fail_nomem(b->error);
    else /* for the message */
        rh_bind_value(b->arena, test->column, literal, test->cond->pointer, ret_value, b->error);
    return NULL;
}

/* The complement of a node that stands for one predicate or a constant. */
static struct rh_bnode *complement(struct rh_bnode *node)
{
    if (node->op == RH_OP_AND || node->op == RH_OP_OR)
        node->op = node->op == RH_OP_AND ? RH_OP_OR : RH_OP_AND;
    else
        node->op ^= RH_OP_NOT;
    return node;
}

static bool is_whole(const struct rh_column *column)
{
    return column->type == RH_TYPE_INT || column->type == RH_TYPE_UINT;
}

static struct rh_bnode *bind_comparison(struct rh_binder *b, const struct test *test)
{
    const struct rh_literal *literal = &test->cond->operands[0];
    struct rh_value value;
    if (is_whole(test->column)) {
        bool taken = false;
        struct rh_bnode *folded = compare_whole(b, test, literal, &value, &taken);
        if (!taken)
            return folded && (test->op & RH_OP_NOT) ? complement(folded) : folded;
    } else if (rh_bind_value(b->arena, test->column, literal, test->cond->pointer, &value,
                             b->error)) {
        return NULL;
    }
    struct rh_bnode *node = make(b, test->op, test->position);
    return node && add_value(b, node, &value) ? node : NULL;
}

/* A value that the column cannot hold equals no row, so it is left out of the list. */
static struct rh_bnode *bind_in(struct rh_binder *b, const struct test *test)
{
    struct rh_bnode *node = make(b, test->op, test->position);
    if (!node)
        return NULL;
    const struct rh_cond *cond = test->cond;
    struct test equal = *test;
    equal.op = RH_OP_EQ;
    for (uint32_t i = 0; i < cond->n_operands; i++) {
        struct rh_value value;
        bool taken = true;
        if (is_whole(test->column)) {
            taken = false;
            if (!compare_whole(b, &equal, &cond->operands[i], &value, &taken) && !taken)
                return NULL;
        } else if (rh_bind_value(b->arena, test->column, &cond->operands[i], cond->pointer, &value,
                                 b->error)) {
            return NULL;
        }
        if (taken && !add_value(b, node, &value))
            return NULL;
    }
    return node->n_values ? node : constant(b, (test->op & RH_OP_NOT) != 0);
}

static struct rh_bnode *bind_text(struct rh_binder *b, const struct test *test)
{
    const struct rh_cond *cond = test->cond;
    struct rh_value value;
    if (rh_bind_value(b->arena, test->column, &cond->operands[0], cond->pointer, &value, b->error))
        return NULL;
    struct rh_text pattern = rh_text_make(value.as.data, value.len);
    uint32_t base = RH_OP_BASE(test->op);
    if (base == RH_OP_LIKE && !rh_match_pattern_is_valid(pattern)) {
        rh_binder_fail(b, "invalid-filter", cond->pointer,
                       "the pattern ends in a single backslash");
        rh_error_hint(b->error, "a backslash itself is written twice");
        return NULL;
    }
    if (base == RH_OP_MATCHES) {
        struct rh_regex *regex = NULL;
        if (rh_regex_new(pattern, &regex, b->error)) {
            rh_error_pointer(b->error, cond->pointer);
            return NULL;
        }
        rh_regex_free(regex);
    }
    struct rh_bnode *node = make(b, test->op, test->position);
    return node && add_value(b, node, &value) ? node : NULL;
}

static struct rh_bnode *bind_has(struct rh_binder *b, const struct test *test)
{
    const struct rh_cond *cond = test->cond;
    struct rh_bnode *node = make(b, test->op, test->position);
    for (uint32_t i = 0; node && i < cond->n_operands; i++) {
        struct rh_value value;
        if (rh_bind_item(b->arena, &cond->operands[i], &value, b->error) ||
            !add_value(b, node, &value))
            node = NULL;
    }
    return node;
}

static struct rh_bnode *bind_empty(struct rh_binder *b, const struct test *test)
{
    static const struct rh_value none = {.type = RH_TYPE_TEXT, .as.data = ""};
    uint32_t not = test->op & RH_OP_NOT;
    if (test->column->type == RH_TYPE_JSON)
        return make(b, RH_OP_EMPTY | not, test->position);
    struct rh_bnode *null = make(b, RH_OP_NULL | not, test->position);
    if (!null || test->column->type != RH_TYPE_TEXT)
        return null;
    struct rh_bnode *either = make(b, not ? RH_OP_AND : RH_OP_OR, RH_NO_COLUMN);
    struct rh_bnode *equal = either ? make(b, RH_OP_EQ | not, test->position) : NULL;
    if (!equal || !add_value(b, equal, &none))
        return NULL;
    adopt(either, null);
    adopt(either, equal);
    return either;
}

static struct rh_bnode *bind_test(struct rh_binder *b, const struct rh_cond *cond, bool negated)
{
    struct test test = {0};
    if (resolve(b, cond, &test))
        return NULL;
    if (negated)
        test.op ^= RH_OP_NOT;
    uint32_t base = RH_OP_BASE(test.op);
    if (base >= RH_N_OPS || !(types_of[base] & BITS(test.column->type))) {
        fail_type(b, &test);
        return NULL;
    }
    switch (base) {
    case RH_OP_EQ:
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        return bind_comparison(b, &test);
    case RH_OP_IN:
        return bind_in(b, &test);
    case RH_OP_NULL:
    case RH_OP_ABSENT:
        return make(b, test.op, test.position);
    case RH_OP_EMPTY:
        return bind_empty(b, &test);
    case RH_OP_HAS_ALL:
    case RH_OP_HAS_ANY:
        return bind_has(b, &test);
    default:
        return bind_text(b, &test);
    }
}

/* ---- Logic ------------------------------------------------------------------------------- */

static struct rh_bnode *bind_cond(struct rh_binder *b, const struct rh_cond *cond, bool negated,
                                  unsigned depth)
{
    if (depth > MAX_DEPTH) {
        rh_binder_fail(b, "too-deep", cond->pointer, "the condition is nested too deeply");
        return NULL;
    }
    if (cond->kind == RH_COND_TEST)
        return bind_test(b, cond, negated);
    if (cond->kind == RH_COND_NOT)
        return bind_cond(b, cond->child, !negated, depth + 1);
    if (cond->kind == RH_COND_RELATION) {
        rh_binder_no_relation(b, cond->name, cond->pointer);
        return NULL;
    }
    bool is_and = (cond->kind == RH_COND_AND) != negated;
    struct rh_bnode *node = make(b, is_and ? RH_OP_AND : RH_OP_OR, RH_NO_COLUMN);
    for (const struct rh_cond *child = cond->child; node && child; child = child->next) {
        struct rh_bnode *bound = bind_cond(b, child, negated, depth + 1);
        if (!bound)
            return NULL;
        adopt(node, bound);
    }
    return node ? simplify(node) : NULL;
}

struct rh_bnode *rh_binder_cond(struct rh_binder *binder, const struct rh_cond *cond)
{
    return bind_cond(binder, cond, false, 0);
}

struct rh_bnode *rh_binder_search(struct rh_binder *binder, struct rh_text text)
{
    struct rh_bnode *any = make(binder, RH_OP_OR, RH_NO_COLUMN);
    struct rh_value value = {.type = RH_TYPE_TEXT, .as.data = text.data};
    if (!any)
        return NULL;
    if (text.len > UINT32_MAX / 8) {
        rh_binder_fail(binder, "invalid-query", "/search", "the text to search for is too long");
        return NULL;
    }
    value.len = (uint32_t)text.len;
    for (uint32_t i = 0; i < binder->table->n_columns; i++) {
        const struct rh_column *column = &binder->table->columns[i];
        if (column->type != RH_TYPE_TEXT || (column->flags & RH_COLUMN_OPAQUE))
            continue;
        uint32_t position = rh_binder_use(binder, i);
        struct rh_bnode *node =
            position == RH_NO_COLUMN ? NULL : make(binder, RH_OP_CONTAINS | RH_OP_FOLD, position);
        if (!node || !add_value(binder, node, &value)) {
            rh_fail_nomem(binder->error);
            return NULL;
        }
        adopt(any, node);
    }
    if (!any->n_children) {
        rh_binder_fail(binder, "invalid-query", "/search",
                       "the table has no text column to search");
        return NULL;
    }
    return simplify(any);
}

struct rh_bnode *rh_binder_both(struct rh_binder *binder, struct rh_bnode *a, struct rh_bnode *b)
{
    if (!a || !b)
        return a ? a : b;
    struct rh_bnode *both = make(binder, RH_OP_AND, RH_NO_COLUMN);
    if (!both)
        return NULL;
    adopt(both, a);
    adopt(both, b);
    return simplify(both);
}

/* ---- Laying out -------------------------------------------------------------------------- */

/* Appends the nodes of a chain side by side; `trees` remembers which is which. */
static bool lay(struct rh_binder *b, struct rh_vec *trees, const struct rh_bnode *first, uint32_t n)
{
    struct rh_node *nodes = rh_vec_push_n(&b->nodes, b->arena, n);
    const struct rh_bnode **slots = nodes ? rh_vec_push_n(trees, b->arena, n) : NULL;
    if (!slots)
        return false;
    for (uint32_t i = 0; i < n && first; i++, first = first->next) {
        nodes[i] = (struct rh_node){.op = first->op, .column = first->column};
        nodes[i].first = first->first_value;
        nodes[i].n = first->n_values;
        slots[i] = first;
    }
    return true;
}

int rh_binder_flatten(struct rh_binder *binder, struct rh_bnode *root,
                      const uint32_t **ret_conjuncts, uint32_t *ret_n)
{
    struct rh_vec trees = RH_VEC_INIT(const struct rh_bnode *);
    uint32_t start = binder->nodes.n;
    bool is_and = root && root->op == RH_OP_AND;
    uint32_t n = is_and ? root->n_children : root ? 1 : 0;
    *ret_conjuncts = NULL;
    *ret_n = n;
    if (!n)
        return 0;
    uint32_t *conjuncts = rh_arena_array(binder->arena, n, sizeof(*conjuncts));
    if (!conjuncts || !lay(binder, &trees, is_and ? root->child : root, n))
        return rh_fail_nomem(binder->error);
    for (uint32_t i = 0; i < n; i++)
        conjuncts[i] = start + i;
    for (uint32_t i = 0; i < trees.n; i++) {
        const struct rh_bnode *tree = ((const struct rh_bnode **)trees.items)[i];
        if (tree->op != RH_OP_AND && tree->op != RH_OP_OR)
            continue;
        uint32_t first = binder->nodes.n;
        if (tree->n_children && !lay(binder, &trees, tree->child, tree->n_children))
            return rh_fail_nomem(binder->error);
        struct rh_node *node = (struct rh_node *)binder->nodes.items + start + i;
        node->first = first;
        node->n = tree->n_children;
    }
    *ret_conjuncts = conjuncts;
    return 0;
}
