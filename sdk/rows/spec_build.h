/*
 * What the two parsers of queries share: making conditions under the limits of a spec, and errors
 * that point into the input. Internal to the parsers.
 */
#pragma once

#include "rows/operators.h"
#include "rows/spec.h"

#include <stdarg.h>

struct rh_spec_builder {
    struct rh_arena *arena;
    struct rh_error *error;
    uint32_t n_conditions;
};

/* A new condition, or NULL with the error set. */
struct rh_cond *rh_spec_cond(struct rh_spec_builder *builder, enum rh_cond_kind kind,
                             const char *pointer);
/* A test of one operator; RANGE becomes AND of two, TRUTH takes the truth of its operand. The
 * operands have been checked and are in the arena. NULL with the error set. */
struct rh_cond *rh_spec_test(struct rh_spec_builder *builder, struct rh_text name,
                             const struct rh_operator_name *op, const struct rh_literal *operands,
                             uint32_t n_operands, const char *pointer);
/* AND of a chain of n conditions; the condition itself when it is the only one. */
struct rh_cond *rh_spec_all(struct rh_spec_builder *builder, struct rh_cond *chain, uint32_t n,
                            const char *pointer);
/* INVALID "too-deep" when the depth is beyond the limit. */
int rh_spec_check_depth(struct rh_spec_builder *builder, unsigned depth, const char *pointer);
/* A condition in JSON form (parse_where.c). NULL with the error set. */
struct rh_cond *rh_spec_where(struct rh_spec_builder *builder, const struct rh_json *value,
                              const char *pointer);
/* "none", "exact" or "estimate"; false for anything else. */
bool rh_spec_count_mode(struct rh_text name, enum rh_count_mode *ret_mode);
/* Parts that exclude each other. */
int rh_spec_check(struct rh_spec_builder *builder, const struct rh_spec *spec);

/* parent + "/" + key, escaped as RFC 6901 wants it and cut to what an error can hold. Falls back
 * to the parent when out of memory: a pointer only helps. */
const char *rh_spec_pointer(struct rh_spec_builder *builder, const char *parent,
                            struct rh_text key);
const char *rh_spec_pointer_at(struct rh_spec_builder *builder, const char *parent, uint32_t index);

/* INVALID with code and pointer. Returns the class; a hint may follow. */
int rh_spec_fail(struct rh_spec_builder *builder, const char *code, const char *pointer,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
int rh_spec_vfail(struct rh_spec_builder *builder, const char *code, const char *pointer,
                  const char *format, va_list args) __attribute__((format(printf, 4, 0)));
