/*
 * Conditions under limits. A query is hostile input: what it may make us allocate is bounded by
 * the number of conditions, by the depth of their nesting, and by the arena.
 */
#include "rows/spec_build.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>

#define POINTER_BYTES (sizeof(((struct rh_error *)0)->pointer) - 1)

int rh_spec_vfail(struct rh_spec_builder *builder, const char *code, const char *pointer,
                  const char *format, va_list args)
{
    rh_vfail(builder->error, RH_INVALID, format, args);
    rh_error_code(builder->error, code);
    return rh_error_pointer(builder->error, pointer);
}

int rh_spec_fail(struct rh_spec_builder *builder, const char *code, const char *pointer,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = rh_spec_vfail(builder, code, pointer, format, args);
    va_end(args);
    return r;
}

struct rh_cond *rh_spec_cond(struct rh_spec_builder *builder, enum rh_cond_kind kind,
                             const char *pointer)
{
    if (builder->n_conditions >= RH_SPEC_MAX_CONDITIONS) {
        rh_spec_fail(builder, "invalid-query", pointer, "the query has more than %d conditions",
                     RH_SPEC_MAX_CONDITIONS);
        rh_error_hint(builder->error, "use \"in\" with a list of values");
        return NULL;
    }
    struct rh_cond *cond = rh_arena_alloc(builder->arena, sizeof(*cond));
    if (!cond) {
        rh_fail_nomem(builder->error);
        return NULL;
    }
    builder->n_conditions++;
    cond->kind = kind;
    cond->pointer = pointer;
    return cond;
}

static struct rh_cond *make_test(struct rh_spec_builder *builder, struct rh_text name, uint32_t op,
                                 const struct rh_literal *operands, uint32_t n_operands,
                                 const char *pointer)
{
    struct rh_cond *cond = rh_spec_cond(builder, RH_COND_TEST, pointer);
    if (!cond)
        return NULL;
    cond->name = name;
    cond->op = op;
    cond->operands = operands;
    cond->n_operands = n_operands;
    return cond;
}

struct rh_cond *rh_spec_test(struct rh_spec_builder *builder, struct rh_text name,
                             const struct rh_operator_name *op, const struct rh_literal *operands,
                             uint32_t n_operands, const char *pointer)
{
    if (op->form == RH_OPERAND_TRUTH) {
        uint32_t negate = operands[0].truth ? 0 : RH_OP_NOT;
        return make_test(builder, name, op->op ^ negate, NULL, 0, pointer);
    }
    if (op->form != RH_OPERAND_RANGE)
        return make_test(builder, name, op->op, operands, n_operands, pointer);
    struct rh_cond *both = rh_spec_cond(builder, RH_COND_AND, pointer);
    struct rh_cond *low = both ? make_test(builder, name, RH_OP_GTE, operands, 1, pointer) : NULL;
    struct rh_cond *high =
        low ? make_test(builder, name, RH_OP_LTE, operands + 1, 1, pointer) : NULL;
    if (!high)
        return NULL;
    both->child = low;
    low->next = high;
    return both;
}

struct rh_cond *rh_spec_all(struct rh_spec_builder *builder, struct rh_cond *chain, uint32_t n,
                            const char *pointer)
{
    if (n == 1)
        return chain;
    struct rh_cond *all = rh_spec_cond(builder, RH_COND_AND, pointer);
    if (all)
        all->child = chain;
    return all;
}

int rh_spec_check_depth(struct rh_spec_builder *builder, unsigned depth, const char *pointer)
{
    if (depth <= RH_SPEC_MAX_DEPTH)
        return 0;
    return rh_spec_fail(builder, "too-deep", pointer, "the query is nested deeper than %d levels",
                        RH_SPEC_MAX_DEPTH);
}

bool rh_spec_count_mode(struct rh_text name, enum rh_count_mode *ret_mode)
{
    if (rh_text_is(name, "none"))
        *ret_mode = RH_COUNT_NONE;
    else if (rh_text_is(name, "exact"))
        *ret_mode = RH_COUNT_EXACT;
    else if (rh_text_is(name, "estimate"))
        *ret_mode = RH_COUNT_ESTIMATE;
    else
        return false;
    return true;
}

int rh_spec_check(struct rh_spec_builder *builder, const struct rh_spec *spec)
{
    if (spec->after.data && spec->before.data)
        return rh_spec_fail(builder, "invalid-query", "/before",
                            "\"after\" and \"before\" exclude each other");
    if (spec->offset && (spec->after.data || spec->before.data))
        return rh_spec_fail(builder, "invalid-query", "/offset",
                            "\"offset\" cannot be combined with \"after\" or \"before\"");
    return 0;
}

const char *rh_spec_pointer(struct rh_spec_builder *builder, const char *parent, struct rh_text key)
{
    size_t len = strlen(parent);
    if (len + 1 >= POINTER_BYTES)
        return parent;
    char text[POINTER_BYTES + 1];
    memcpy(text, parent, len);
    text[len++] = '/';
    for (uint64_t i = 0; i < key.len && len + 2 <= POINTER_BYTES; i++) {
        char c = key.data[i];
        if (c == '~' || c == '/') {
            text[len++] = '~';
            text[len++] = c == '~' ? '0' : '1';
        } else {
            text[len++] = c;
        }
    }
    const char *copy = rh_arena_dup(builder->arena, text, len);
    return copy ? copy : parent;
}

const char *rh_spec_pointer_at(struct rh_spec_builder *builder, const char *parent, uint32_t index)
{
    char digits[16];
    int n = snprintf(digits, sizeof(digits), "%u", index);
    return rh_spec_pointer(builder, parent, rh_text_make(digits, (size_t)n));
}
