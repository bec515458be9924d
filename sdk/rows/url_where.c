/*
 * Conditions in URL form; the grammar stands in parse_url.c.
 */
#include "rows/url_scan.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "rows/near.h"

#include <stdio.h>

static struct rh_cond *parse_list(struct rh_url_scan *scan, enum rh_cond_kind kind, unsigned depth);

/* A plain value inside of brackets. */
static int take_value(struct rh_url_scan *scan, struct rh_literal *ret_literal)
{
    *ret_literal = (struct rh_literal){.kind = RH_LITERAL_BARE};
    if (rh_url_peek(scan) == '"') {
        ret_literal->quoted = true;
        return rh_url_quoted(scan, &ret_literal->text);
    }
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at != ',' && *scan->at != ')') {
        if (*scan->at == '(' || *scan->at == '"') {
            rh_url_fail(scan, "invalid-filter", "a value with the character '%c' is not quoted",
                        *scan->at);
            return rh_error_hint(scan->builder->error, "put it in double quotes");
        }
        scan->at++;
    }
    ret_literal->text = rh_text_make(start, (size_t)(scan->at - start));
    return 0;
}

/* All that is left, for a test that stands alone. */
static int take_rest(struct rh_url_scan *scan, struct rh_literal *ret_literal)
{
    *ret_literal = (struct rh_literal){.kind = RH_LITERAL_BARE};
    if (rh_url_peek(scan) == '"') {
        ret_literal->quoted = true;
        int r = rh_url_quoted(scan, &ret_literal->text);
        if (r || scan->at == scan->end)
            return r;
        return rh_url_fail(scan, "invalid-filter", "there is text behind the closing quote");
    }
    ret_literal->text = rh_text_make(scan->at, (size_t)(scan->end - scan->at));
    scan->at = scan->end;
    return 0;
}

static int take_values(struct rh_url_scan *scan, const struct rh_operator_name *op,
                       const struct rh_literal **ret_values, uint32_t *ret_n)
{
    struct rh_vec values = RH_VEC_INIT(struct rh_literal);
    if (!rh_url_skip(scan, '(')) {
        rh_url_fail(scan, "invalid-filter", "\"%s\" takes a list", op->name);
        return rh_error_hint(scan->builder->error, "write %s.(a,b)", op->name);
    }
    bool more = !rh_url_skip(scan, ')');
    while (more) {
        struct rh_literal value;
        int r = take_value(scan, &value);
        if (r)
            return r;
        struct rh_literal *item = rh_vec_push(&values, scan->builder->arena);
        if (!item)
            return rh_fail_nomem(scan->builder->error);
        *item = value;
        more = rh_url_skip(scan, ',');
        r = more ? 0 : rh_url_expect(scan, ')');
        if (r)
            return r;
    }
    if (op->form == RH_OPERAND_RANGE && values.n != 2)
        return rh_url_fail(scan, "invalid-filter", "\"%s\" takes two values, not %u", op->name,
                           values.n);
    *ret_values = values.items;
    *ret_n = values.n;
    return 0;
}

static int take_operand(struct rh_url_scan *scan, const struct rh_operator_name *op, bool alone,
                        const struct rh_literal **ret_values, uint32_t *ret_n)
{
    if (op->form == RH_OPERAND_LIST || op->form == RH_OPERAND_RANGE || op->form == RH_OPERAND_ITEMS)
        return take_values(scan, op, ret_values, ret_n);
    struct rh_literal *value = rh_arena_alloc(scan->builder->arena, sizeof(*value));
    if (!value)
        return rh_fail_nomem(scan->builder->error);
    int r = alone ? take_rest(scan, value) : take_value(scan, value);
    if (r)
        return r;
    if (op->form == RH_OPERAND_TRUTH) {
        value->truth = rh_text_is(value->text, "true");
        if (!value->truth && !rh_text_is(value->text, "false"))
            return rh_url_fail(scan, "invalid-filter", "\"%s\" takes true or false", op->name);
    }
    *ret_values = value;
    *ret_n = 1;
    return 0;
}

/* Steps over `word` and the dot behind it. */
static bool skip_word(struct rh_url_scan *scan, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(scan->end - scan->at) <= len || memcmp(scan->at, word, len) != 0 ||
        scan->at[len] != '.')
        return false;
    scan->at += len + 1;
    return true;
}

/* "status=open" and "mail=ann@example.org": most likely "eq." was forgotten. */
static void fail_operator(struct rh_url_scan *scan, struct rh_text name, struct rh_text word,
                          bool has_dot)
{
    char hint[256];
    struct rh_text column = rh_near_clip(name);
    struct rh_text value = rh_near_clip(rh_text_make(scan->at, (size_t)(scan->end - scan->at)));
    bool is_null = rh_text_is(value, "null") || rh_text_is(value, "is.null");
    if (is_null)
        snprintf(hint, sizeof(hint), "write %.*s=null.true", RH_TEXT_ARG(column));
    else
        snprintf(hint, sizeof(hint), "write %.*s=eq.%.*s", RH_TEXT_ARG(column), RH_TEXT_ARG(value));
    if (has_dot && word.len && !is_null) {
        rh_operator_unknown(word, scan->pointer, hint, scan->builder->error);
        return;
    }
    rh_url_fail(scan, "invalid-filter", "the condition on \"%.*s\" has no operator",
                RH_TEXT_ARG(column));
    rh_error_hint(scan->builder->error, "%s", hint);
}

/* [not.] operator . operand */
static struct rh_cond *parse_test(struct rh_url_scan *scan, struct rh_text name, bool alone)
{
    bool negated = skip_word(scan, "not");
    const char *dot = scan->at;
    while (dot < scan->end && (*dot == '_' || (*dot >= 'a' && *dot <= 'z')))
        dot++;
    struct rh_text word = rh_text_make(scan->at, (size_t)(dot - scan->at));
    bool has_dot = dot < scan->end && *dot == '.';
    const struct rh_operator_name *op = has_dot ? rh_operator_find(word) : NULL;
    if (!op) {
        fail_operator(scan, name, word, has_dot);
        return NULL;
    }
    scan->at = dot + 1;
    const struct rh_literal *values = NULL;
    uint32_t n = 0;
    if (take_operand(scan, op, alone, &values, &n))
        return NULL;
    struct rh_cond *test = rh_spec_test(scan->builder, name, op, values, n, scan->pointer);
    if (!test || !negated)
        return test;
    struct rh_cond *not = rh_spec_cond(scan->builder, RH_COND_NOT, scan->pointer);
    if (not )
        not ->child = test;
    return not ;
}

/* Whether an operator (or "not") and a dot stand here. */
static bool at_operator(const char *at, const char *end)
{
    const char *dot = at;
    while (dot < end && (*dot == '_' || (*dot >= 'a' && *dot <= 'z')))
        dot++;
    struct rh_text word = rh_text_make(at, (size_t)(dot - at));
    return dot < end && *dot == '.' && (rh_text_is(word, "not") || rh_operator_find(word));
}

/* The column or path in front of a test, and the dot behind it. */
static int take_path(struct rh_url_scan *scan, struct rh_text *ret_name)
{
    if (rh_url_peek(scan) == '"') {
        int r = rh_url_name(scan, "", ret_name);
        return r ? r : rh_url_expect(scan, '.');
    }
    const char *start = scan->at, *at = start;
    while (at < scan->end && !strchr(",()\"", *at)) {
        if (*at++ == '.' && at - start > 1 && at_operator(at, scan->end)) {
            *ret_name = rh_text_make(start, (size_t)(at - 1 - start));
            scan->at = at;
            return 0;
        }
    }
    struct rh_text shown = rh_near_clip(rh_text_make(start, (size_t)(at - start)));
    rh_url_fail(scan, "invalid-filter", "the condition \"%.*s\" has no operator",
                RH_TEXT_ARG(shown));
    return rh_error_hint(scan->builder->error, "write column.operator.value, as in a.eq.1");
}

static struct rh_cond *parse_cond(struct rh_url_scan *scan, unsigned depth)
{
    static const struct {
        const char *word;
        enum rh_cond_kind kind;
    } logic[] = {{"and(", RH_COND_AND}, {"or(", RH_COND_OR}, {"not(", RH_COND_NOT}};

    if (rh_spec_check_depth(scan->builder, depth, scan->pointer))
        return NULL;
    if (skip_word(scan, "not")) {
        struct rh_cond *not = rh_spec_cond(scan->builder, RH_COND_NOT, scan->pointer);
        if (not )
            not ->child = parse_cond(scan, depth + 1);
        return not &&not ->child ? not : NULL;
    }
    for (size_t i = 0; i < sizeof(logic) / sizeof(logic[0]); i++) {
        size_t len = strlen(logic[i].word);
        if ((size_t)(scan->end - scan->at) >= len && !memcmp(scan->at, logic[i].word, len)) {
            scan->at += len - 1;
            return parse_list(scan, logic[i].kind, depth + 1);
        }
    }
    struct rh_text name = {0};
    if (take_path(scan, &name))
        return NULL;
    return parse_test(scan, name, false);
}

/* "(" cond ("," cond)* ")"; NOT: the complement of all of them together. */
static struct rh_cond *parse_list(struct rh_url_scan *scan, enum rh_cond_kind kind, unsigned depth)
{
    struct rh_cond *first = NULL, **link = &first;
    uint32_t n = 0;
    if (rh_url_expect(scan, '(')) {
        rh_error_hint(scan->builder->error,
                      "conditions stand in brackets: (a.gt.1) or (a.gt.1,b.eq.2)");
        return NULL;
    }
    do {
        *link = parse_cond(scan, depth);
        if (!*link)
            return NULL;
        link = &(*link)->next;
        n++;
    } while (rh_url_skip(scan, ','));
    if (rh_url_expect(scan, ')'))
        return NULL;
    if (kind != RH_COND_OR)
        first = rh_spec_all(scan->builder, first, n, scan->pointer);
    if (kind == RH_COND_AND || !first)
        return first;
    struct rh_cond *cond = rh_spec_cond(scan->builder, kind, scan->pointer);
    if (cond)
        cond->child = first;
    return cond;
}

struct rh_cond *rh_url_list(struct rh_url_scan *scan, enum rh_cond_kind kind)
{
    struct rh_cond *cond = parse_list(scan, kind, 1);
    if (cond && scan->at < scan->end) {
        rh_url_fail(scan, "invalid-filter", "there is text behind the closing bracket");
        return NULL;
    }
    return cond;
}

struct rh_cond *rh_url_test(struct rh_url_scan *scan, struct rh_text name)
{
    struct rh_cond *cond = parse_test(scan, name, true);
    if (cond && scan->at < scan->end) {
        rh_url_fail(scan, "invalid-filter", "there is text behind the closing bracket");
        return NULL;
    }
    return cond;
}
