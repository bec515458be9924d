/*
 * The names of operators, buckets and aggregates, as both query forms write them. [any]
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/query.h>

#include <stdbool.h>
#include <stdint.h>

/* What stands to the right of an operator. */
enum rh_operand_form {
    RH_OPERAND_ONE,   /* one value, not null */
    RH_OPERAND_LIST,  /* a list of values, none of them null */
    RH_OPERAND_RANGE, /* a list of two values: AND of GTE and LTE */
    RH_OPERAND_TRUTH, /* true or false; false negates */
    RH_OPERAND_ITEM,  /* one JSON value, null allowed */
    RH_OPERAND_ITEMS, /* a list of JSON values, null allowed */
};

struct rh_operator_name {
    const char *name;
    uint32_t op; /* RH_OP_* with bits; RANGE: unused */
    enum rh_operand_form form;
};

/* NULL when there is no such operator. */
const struct rh_operator_name *rh_operator_find(struct rh_text name);
/* INVALID, code "unknown-operator". The hint: near names, else `otherwise`, else (NULL) all names.
 * Always returns the class. */
int rh_operator_unknown(struct rh_text name, const char *pointer, const char *otherwise,
                        struct rh_error *error);
/* The name of an operator, for messages: "eq"; of its base where the negated one has no name. */
const char *rh_operator_label(uint32_t op);

/* RH_BUCKET_NONE and 0 when there is no such name. */
uint32_t rh_bucket_find(struct rh_text name);
uint32_t rh_aggregate_find(struct rh_text name);
int rh_bucket_unknown(struct rh_text name, const char *pointer, struct rh_error *error);
int rh_aggregate_unknown(struct rh_text name, const char *pointer, struct rh_error *error);
