/*
 * Predicates on cells. A condition becomes a tree of tests with everything looked up; evaluating
 * is a walk over it. The tree's depth is limited when it is compiled.
 */
#include "rows/eval.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "connector/match.h"
#include "rows/cell.h"
#include "rows/regex.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 256
#define SCRATCH_BYTES ((size_t)64 << 20)
/* Up to so many values IN compares one by one. */
#define FEW_VALUES 8

struct test {
    uint32_t op; /* base and FOLD */
    uint32_t cell;
    bool negated;
    uint32_t n;                    /* children or values */
    const struct test *children;   /* AND, OR */
    const struct rh_value *values; /* borrowed from the query */
    uint32_t *slots;               /* IN: hash table of 1 + position in values, or NULL */
    uint32_t mask;
    struct rh_regex *regex;    /* MATCHES */
    struct rh_json **operands; /* HAS_ALL, HAS_ANY */
};

struct rh_eval {
    struct rh_arena *arena;
    struct rh_eval_input input;
    const struct test *tests;
    uint32_t n_tests;
    struct rh_arena *scratch; /* JSON cells; made when first needed */
    struct test *regexes[32]; /* to be freed */
    uint32_t n_regexes;
};

/* ---- Compiling --------------------------------------------------------------------------- */

static int compile_in(struct rh_eval *eval, struct test *test, struct rh_error *error)
{
    uint32_t size = 16;

    if (test->n <= FEW_VALUES)
        return RH_OK;
    while (size < test->n * 2 && size < (1u << 31))
        size *= 2;
    test->slots = rh_arena_array(eval->arena, size, sizeof(*test->slots));
    if (!test->slots)
        return rh_fail_nomem(error);
    test->mask = size - 1;
    for (uint32_t i = 0; i < test->n; i++) {
        uint32_t slot = (uint32_t)rh_cell_hash(&test->values[i]) & test->mask;
        while (test->slots[slot])
            slot = (slot + 1) & test->mask;
        test->slots[slot] = i + 1;
    }
    return RH_OK;
}

static int compile_regex(struct rh_eval *eval, struct test *test, struct rh_error *error)
{
    int r;

    if (eval->n_regexes == sizeof(eval->regexes) / sizeof(eval->regexes[0])) {
        rh_fail(error, RH_INVALID, "a query may use at most %u regular expressions",
                eval->n_regexes);
        return rh_error_code(error, "invalid-filter");
    }
    r = rh_regex_new(rh_cell_text(&test->values[0]), &test->regex, error);
    if (r < 0)
        return r;
    eval->regexes[eval->n_regexes++] = test;
    return RH_OK;
}

static int compile_has(struct rh_eval *eval, struct test *test, struct rh_error *error)
{
    int r;

    test->operands = rh_arena_array(eval->arena, test->n, sizeof(*test->operands));
    if (!test->operands)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < test->n; i++) {
        r = rh_json_parse(eval->arena, rh_cell_text(&test->values[i]), &test->operands[i], error);
        if (r < 0)
            return r;
    }
    return RH_OK;
}

static int compile_one(struct rh_eval *eval, uint32_t position, struct test *test, unsigned depth,
                       struct rh_error *error);

static int compile_children(struct rh_eval *eval, const struct rh_node *node, struct test *test,
                            unsigned depth, struct rh_error *error)
{
    struct test *children = rh_arena_array(eval->arena, node->n, sizeof(*children));
    int r;

    if (!children)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < node->n; i++) {
        r = compile_one(eval, node->first + i, &children[i], depth + 1, error);
        if (r < 0)
            return r;
    }
    test->children = children;
    return RH_OK;
}

static int compile_one(struct rh_eval *eval, uint32_t position, struct test *test, unsigned depth,
                       struct rh_error *error)
{
    const struct rh_query *query = eval->input.query;
    const struct rh_node *node = &query->nodes[position];

    if (depth > MAX_DEPTH) {
        rh_fail(error, RH_INVALID, "the conditions are nested deeper than %u levels", MAX_DEPTH);
        return rh_error_code(error, "invalid-filter");
    }
    test->op = node->op & ~RH_OP_NOT;
    test->negated = (node->op & RH_OP_NOT) != 0;
    test->n = node->n;
    test->cell = node->column;
    if (node->column != RH_NO_COLUMN && eval->input.cell_of)
        test->cell = eval->input.cell_of[node->column];

    switch (RH_OP_BASE(node->op)) {
    case RH_OP_AND:
    case RH_OP_OR:
        return compile_children(eval, node, test, depth, error);
    case RH_OP_EXISTS:
        rh_fail(error, RH_UNSUPPORTED, "this datasource cannot filter by rows of a related table");
        return RH_UNSUPPORTED;
    default:
        test->values = node->n ? query->values + node->first : NULL;
        break;
    }
    switch (RH_OP_BASE(node->op)) {
    case RH_OP_IN:
        return compile_in(eval, test, error);
    case RH_OP_MATCHES:
        return compile_regex(eval, test, error);
    case RH_OP_HAS_ALL:
    case RH_OP_HAS_ANY:
        return compile_has(eval, test, error);
    default:
        return RH_OK;
    }
}

int rh_eval_new(struct rh_arena *arena, const struct rh_eval_input *input,
                struct rh_eval **ret_eval, struct rh_error *error)
{
    struct rh_eval *eval = rh_arena_alloc(arena, sizeof(*eval));
    struct test *tests = rh_arena_array(arena, input->n_nodes, sizeof(*tests));
    int r;

    if (!eval || !tests)
        return rh_fail_nomem(error);
    eval->arena = arena;
    eval->input = *input;
    for (uint32_t i = 0; i < input->n_nodes; i++) {
        r = compile_one(eval, input->nodes[i], &tests[i], 0, error);
        if (r < 0) {
            rh_eval_free(eval);
            return r;
        }
    }
    eval->tests = tests;
    eval->n_tests = input->n_nodes;
    *ret_eval = eval;
    return RH_OK;
}

void rh_eval_free(struct rh_eval *eval)
{
    if (!eval)
        return;
    for (uint32_t i = 0; i < eval->n_regexes; i++)
        rh_regex_free(eval->regexes[i]->regex);
    eval->n_regexes = 0;
    rh_arena_free(eval->scratch);
    eval->scratch = NULL;
}

/* ---- Evaluating -------------------------------------------------------------------------- */

static bool holds_in(const struct test *test, const struct rh_value *cell)
{
    uint32_t slot, at;

    if (!test->slots) {
        for (uint32_t i = 0; i < test->n; i++)
            if (rh_cell_equal(cell, &test->values[i]))
                return true;
        return false;
    }
    for (slot = (uint32_t)rh_cell_hash(cell) & test->mask; (at = test->slots[slot]) != 0;
         slot = (slot + 1) & test->mask)
        if (rh_cell_equal(cell, &test->values[at - 1]))
            return true;
    return false;
}

static bool holds_empty(const struct rh_value *cell)
{
    struct rh_text text;

    if (rh_cell_is_null(cell))
        return true;
    if (cell->type == RH_TYPE_TEXT)
        return cell->len == 0;
    if (cell->type != RH_TYPE_JSON)
        return false;
    text = rh_text_trim(rh_cell_text(cell));
    if (rh_text_is(text, "null") || rh_text_is(text, "\"\""))
        return true;
    if (text.len < 2 || text.data[0] != '[' || text.data[text.len - 1] != ']')
        return false;
    return rh_text_trim(rh_text_make(text.data + 1, text.len - 2)).len == 0;
}

static bool array_has(const struct rh_json *array, const struct rh_json *element)
{
    for (const struct rh_json *child = array->child; child; child = child->next)
        if (rh_json_equal(child, element))
            return true;
    return false;
}

static int holds_has(struct rh_eval *eval, const struct test *test, const struct rh_value *cell,
                     struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_json *array = NULL;
    bool all = RH_OP_BASE(test->op) == RH_OP_HAS_ALL;

    if (cell->type != RH_TYPE_JSON)
        return 0;
    if (!eval->scratch)
        eval->scratch = rh_arena_new(SCRATCH_BYTES);
    if (!eval->scratch)
        return rh_fail_nomem(error);
    rh_arena_reset(eval->scratch);
    switch (rh_json_parse(eval->scratch, rh_cell_text(cell), &array, &ignored)) {
    case RH_OK:
        break;
    case RH_RESOURCE:
        return rh_fail(error, RH_RESOURCE, "a JSON value of %u bytes is too large to look into",
                       cell->len);
    default:
        return 0; /* no JSON text: no array */
    }
    if (array->kind != RH_JSON_ARRAY)
        return 0;
    for (uint32_t i = 0; i < test->n; i++)
        if (array_has(array, test->operands[i]) != all)
            return !all;
    return all;
}

/* The predicate without its negation, on a cell that is not NULL. */
static int holds(struct rh_eval *eval, const struct test *test, const struct rh_value *cell,
                 struct rh_error *error)
{
    const struct rh_value *value = test->values;

    switch (RH_OP_BASE(test->op)) {
    case RH_OP_EQ:
        return rh_cell_equal(cell, value);
    case RH_OP_LT:
        return rh_cell_class(cell) == rh_cell_class(value) && rh_cell_compare(cell, value) < 0;
    case RH_OP_LTE:
        return rh_cell_class(cell) == rh_cell_class(value) && rh_cell_compare(cell, value) <= 0;
    case RH_OP_GT:
        return rh_cell_class(cell) == rh_cell_class(value) && rh_cell_compare(cell, value) > 0;
    case RH_OP_GTE:
        return rh_cell_class(cell) == rh_cell_class(value) && rh_cell_compare(cell, value) >= 0;
    case RH_OP_IN:
        return holds_in(test, cell);
    case RH_OP_LIKE:
    case RH_OP_STARTS:
    case RH_OP_ENDS:
    case RH_OP_CONTAINS:
        return cell->type == RH_TYPE_TEXT &&
               rh_match(test->op, rh_cell_text(cell), rh_cell_text(value));
    case RH_OP_MATCHES:
        return cell->type == RH_TYPE_TEXT ? rh_regex_find(test->regex, rh_cell_text(cell), error)
                                          : 0;
    case RH_OP_HAS_ALL:
    case RH_OP_HAS_ANY:
        return holds_has(eval, test, cell, error);
    default:
        return 0;
    }
}

static int evaluate(struct rh_eval *eval, const struct test *test, const struct rh_value *cells,
                    struct rh_error *error)
{
    const struct rh_value *cell;
    int r;

    switch (test->op) {
    case RH_OP_AND:
    case RH_OP_OR:
        for (uint32_t i = 0; i < test->n; i++) {
            r = evaluate(eval, &test->children[i], cells, error);
            if (r < 0 || r == (test->op == RH_OP_OR))
                return r;
        }
        return test->op == RH_OP_AND;
    case RH_OP_SEEK:
        return rh_order_compare_position(eval->input.seek_keys, eval->input.n_seek_keys, cells,
                                         test->values) > 0;
    default:
        break;
    }
    cell = &cells[test->cell];
    if (test->op == RH_OP_NULL)
        r = rh_cell_is_null(cell);
    else if (test->op == RH_OP_ABSENT)
        r = cell->type == RH_TYPE_MISSING;
    else if (test->op == RH_OP_EMPTY)
        r = holds_empty(cell);
    else
        r = rh_cell_is_null(cell) ? 0 : holds(eval, test, cell, error);
    return r < 0 ? r : (r != 0) != test->negated;
}

int rh_eval_row(struct rh_eval *eval, const struct rh_value *cells, struct rh_error *error)
{
    for (uint32_t i = 0; i < eval->n_tests; i++) {
        int r = evaluate(eval, &eval->tests[i], cells, error);
        if (r <= 0)
            return r;
    }
    return 1;
}
