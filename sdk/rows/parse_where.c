/*
 * Conditions in JSON form.
 *
 *     where   {member, …}               all of them must hold; {} holds for every row
 *     member  "and": [where, …]   "or": [where, …]   "not": where
 *             "column": null            the same as {"null": true}
 *             "column": scalar          the same as {"eq": scalar}
 *             "column": {"operator": operand, …}      all of them
 *             "column": {"not": {"operator": operand, …}}
 *             "relation": {"some" | "none" | "every": where}
 *
 * A column that is called "and", "or" or "not" is written "col.and". Refused, each with a hint:
 * null and lists as operands of operators that take one value; lists where a condition should be.
 * Recursion is limited by depth.
 */
#include "rows/spec_build.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/bind.h"
#include "rows/near.h"

static struct rh_cond *parse_where(struct rh_spec_builder *b, const struct rh_json *value,
                                   const char *pointer, unsigned depth);

static bool is_list(const struct rh_json *value)
{
    return value->kind == RH_JSON_ARRAY;
}

static bool is_scalar(const struct rh_json *value)
{
    return value->kind != RH_JSON_ARRAY && value->kind != RH_JSON_OBJECT;
}

static void fail_null(struct rh_spec_builder *b, struct rh_text name, const char *op,
                      const char *pointer)
{
    struct rh_text shown = rh_near_clip(name);
    bool negated = rh_text_is(rh_text_of(op), "ne") || rh_text_is(rh_text_of(op), "nin");
    rh_spec_fail(b, "invalid-filter", pointer, "\"%s\" cannot compare with null", op);
    rh_error_hint(b->error, "write {\"%.*s\": {\"null\": %s}}", RH_TEXT_ARG(shown),
                  negated ? "false" : "true");
}

/* Whether the value can be an operand of that operator. */
static bool may_be_item(const struct rh_operator_name *op, const struct rh_json *value)
{
    return op->form == RH_OPERAND_ITEM || op->form == RH_OPERAND_ITEMS ||
           (is_scalar(value) && value->kind != RH_JSON_NULL);
}

static void fail_operand(struct rh_spec_builder *b, struct rh_text name,
                         const struct rh_operator_name *op, const struct rh_json *value,
                         const char *pointer)
{
    if (value->kind == RH_JSON_NULL) {
        fail_null(b, name, op->name, pointer);
        return;
    }
    rh_spec_fail(b, "invalid-filter", pointer, "\"%s\" takes %s, not an %s", op->name,
                 op->form == RH_OPERAND_ONE ? "one value" : "a list of plain values",
                 rh_json_kind_name(value->kind));
    if (is_list(value) && op->form == RH_OPERAND_ONE)
        rh_error_hint(b->error, "use \"in\" for a list of values");
}

static struct rh_cond *parse_list_test(struct rh_spec_builder *b, struct rh_text name,
                                       const struct rh_operator_name *op,
                                       const struct rh_json *value, const char *pointer)
{
    if (!is_list(value)) {
        rh_spec_fail(b, "invalid-filter", pointer, "\"%s\" takes a list, not %s %s", op->name,
                     value->kind == RH_JSON_OBJECT ? "an" : "a", rh_json_kind_name(value->kind));
        return NULL;
    }
    if (op->form == RH_OPERAND_RANGE && value->n != 2) {
        rh_spec_fail(b, "invalid-filter", pointer, "\"%s\" takes a list of two values, not %u",
                     op->name, value->n);
        return NULL;
    }
    struct rh_literal *operands = rh_arena_array(b->arena, value->n, sizeof(*operands));
    if (!operands) {
        rh_fail_nomem(b->error);
        return NULL;
    }
    uint32_t n = 0;
    for (const struct rh_json *item = value->child; item; item = item->next, n++) {
        if (!may_be_item(op, item)) {
            fail_operand(b, name, op, item, rh_spec_pointer_at(b, pointer, n));
            return NULL;
        }
        rh_bind_literal(item, &operands[n]);
    }
    return rh_spec_test(b, name, op, operands, n, pointer);
}

static struct rh_cond *parse_test(struct rh_spec_builder *b, struct rh_text name,
                                  const struct rh_operator_name *op, const struct rh_json *value,
                                  const char *pointer)
{
    if (op->form == RH_OPERAND_LIST || op->form == RH_OPERAND_RANGE || op->form == RH_OPERAND_ITEMS)
        return parse_list_test(b, name, op, value, pointer);
    if (op->form == RH_OPERAND_TRUTH && value->kind != RH_JSON_TRUE &&
        value->kind != RH_JSON_FALSE) {
        rh_spec_fail(b, "invalid-filter", pointer, "\"%s\" takes true or false", op->name);
        return NULL;
    }
    struct rh_literal *operand = rh_arena_alloc(b->arena, sizeof(*operand));
    if (!operand) {
        rh_fail_nomem(b->error);
        return NULL;
    }
    if (!may_be_item(op, value)) {
        fail_operand(b, name, op, value, pointer);
        return NULL;
    }
    rh_bind_literal(value, operand);
    return rh_spec_test(b, name, op, operand, 1, pointer);
}

static struct rh_cond *parse_relation(struct rh_spec_builder *b, struct rh_text name,
                                      enum rh_quantifier quantifier, const struct rh_json *value,
                                      const char *pointer, unsigned depth)
{
    struct rh_cond *cond = rh_spec_cond(b, RH_COND_RELATION, pointer);
    if (!cond)
        return NULL;
    cond->name = name;
    cond->quantifier = quantifier;
    cond->child = parse_where(b, value, pointer, depth + 1);
    return cond->child ? cond : NULL;
}

static struct rh_cond *negate(struct rh_spec_builder *b, struct rh_cond *child, const char *pointer)
{
    struct rh_cond *cond = child ? rh_spec_cond(b, RH_COND_NOT, pointer) : NULL;
    if (cond)
        cond->child = child;
    return cond;
}

static struct rh_cond *parse_column(struct rh_spec_builder *b, struct rh_text name,
                                    const struct rh_json *value, const char *pointer,
                                    unsigned depth);

/* One member of the object that stands behind a column's name. */
static struct rh_cond *parse_column_member(struct rh_spec_builder *b, struct rh_text name,
                                           const struct rh_json *value, const char *pointer,
                                           unsigned depth)
{
    static const char *const quantifiers[] = {
        [RH_SOME] = "some", [RH_NONE_OF] = "none", [RH_EVERY] = "every"};
    for (unsigned i = 0; i < sizeof(quantifiers) / sizeof(quantifiers[0]); i++)
        if (rh_text_is(value->key, quantifiers[i]))
            return parse_relation(b, name, (enum rh_quantifier)i, value, pointer, depth);
    if (rh_text_is(value->key, "not")) {
        if (value->kind == RH_JSON_OBJECT)
            return negate(b, parse_column(b, name, value, pointer, depth + 1), pointer);
        rh_spec_fail(b, "invalid-filter", pointer, "\"not\" takes an object of operators");
        rh_error_hint(b->error, "write {\"ne\": value} for \"not equal\"");
        return NULL;
    }
    const struct rh_operator_name *op = rh_operator_find(value->key);
    if (!op) {
        rh_operator_unknown(value->key, pointer, NULL, b->error);
        return NULL;
    }
    return parse_test(b, name, op, value, pointer);
}

static struct rh_cond *parse_column(struct rh_spec_builder *b, struct rh_text name,
                                    const struct rh_json *value, const char *pointer,
                                    unsigned depth)
{
    struct rh_text shown = rh_near_clip(name);
    if (rh_spec_check_depth(b, depth, pointer))
        return NULL;
    if (value->kind == RH_JSON_NULL) {
        static const struct rh_literal yes = {.kind = RH_LITERAL_BOOL, .truth = true};
        return rh_spec_test(b, name, rh_operator_find(RH_TEXT("null")), &yes, 1, pointer);
    }
    if (is_scalar(value))
        return parse_test(b, name, rh_operator_find(RH_TEXT("eq")), value, pointer);
    if (is_list(value)) {
        rh_spec_fail(b, "invalid-filter", pointer, "the condition on \"%.*s\" is a list",
                     RH_TEXT_ARG(shown));
        rh_error_hint(b->error, "write {\"%.*s\": {\"in\": [...]}}", RH_TEXT_ARG(shown));
        return NULL;
    }
    if (!value->n) {
        rh_spec_fail(b, "invalid-filter", pointer, "the condition on \"%.*s\" has no operator",
                     RH_TEXT_ARG(shown));
        return NULL;
    }
    struct rh_cond *first = NULL, **link = &first;
    for (const struct rh_json *member = value->child; member; member = member->next) {
        const char *at = rh_spec_pointer(b, pointer, member->key);
        *link = parse_column_member(b, name, member, at, depth);
        if (!*link)
            return NULL;
        link = &(*link)->next;
    }
    return rh_spec_all(b, first, value->n, pointer);
}

static struct rh_cond *parse_logic(struct rh_spec_builder *b, enum rh_cond_kind kind,
                                   const struct rh_json *value, const char *pointer, unsigned depth)
{
    if (!is_list(value)) {
        rh_spec_fail(b, "invalid-filter", pointer, "\"%s\" takes a list of conditions",
                     kind == RH_COND_AND ? "and" : "or");
        return NULL;
    }
    struct rh_cond *cond = rh_spec_cond(b, kind, pointer);
    if (!cond)
        return NULL;
    struct rh_cond **link = &cond->child;
    uint32_t i = 0;
    for (const struct rh_json *item = value->child; item; item = item->next) {
        *link = parse_where(b, item, rh_spec_pointer_at(b, pointer, i++), depth + 1);
        if (!*link)
            return NULL;
        link = &(*link)->next;
    }
    return cond;
}

static struct rh_cond *parse_member(struct rh_spec_builder *b, const struct rh_json *value,
                                    const char *pointer, unsigned depth)
{
    struct rh_text key = value->key;
    if (rh_text_is(key, "and"))
        return parse_logic(b, RH_COND_AND, value, pointer, depth);
    if (rh_text_is(key, "or"))
        return parse_logic(b, RH_COND_OR, value, pointer, depth);
    if (rh_text_is(key, "not"))
        return negate(b, parse_where(b, value, pointer, depth + 1), pointer);
    if (rh_text_starts(key, "col."))
        key = rh_text_make(key.data + 4, key.len - 4);
    return parse_column(b, key, value, pointer, depth + 1);
}

static struct rh_cond *parse_where(struct rh_spec_builder *b, const struct rh_json *value,
                                   const char *pointer, unsigned depth)
{
    if (rh_spec_check_depth(b, depth, pointer))
        return NULL;
    if (value->kind != RH_JSON_OBJECT) {
        rh_spec_fail(b, "invalid-filter", pointer, "a condition is an object, not %s %s",
                     is_list(value) ? "an" : "a", rh_json_kind_name(value->kind));
        if (is_list(value))
            rh_error_hint(b->error, "write {\"and\": [...]} or {\"or\": [...]}");
        return NULL;
    }
    struct rh_cond *first = NULL, **link = &first;
    for (const struct rh_json *member = value->child; member; member = member->next) {
        *link = parse_member(b, member, rh_spec_pointer(b, pointer, member->key), depth);
        if (!*link)
            return NULL;
        link = &(*link)->next;
    }
    return rh_spec_all(b, first, value->n, pointer);
}

struct rh_cond *rh_spec_where(struct rh_spec_builder *b, const struct rh_json *value,
                              const char *pointer)
{
    return parse_where(b, value, pointer, 1);
}

int rh_spec_parse_where(struct rh_arena *arena, const struct rh_json *value, const char *pointer,
                        struct rh_cond **ret_cond, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct rh_spec_builder builder = {.arena = arena, .error = error ? error : &own};
    struct rh_cond *cond = parse_where(&builder, value, pointer, 1);
    if (!cond)
        return builder.error->error_class;
    *ret_cond = cond;
    return 0;
}
