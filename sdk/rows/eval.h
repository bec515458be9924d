/*
 * Predicates on cells, with the meaning of rowhouse/query.h: two-valued, compared by value.
 *
 * Compiled once per read: patterns, look-up tables for IN, parsed JSON operands. Evaluating a row
 * allocates nothing but the scratch memory of JSON cells. What it refuses: EXISTS (the rows of
 * other tables are not at hand): UNSUPPORTED; regular expressions that do not compile: INVALID
 * "invalid-filter"; a match that takes more than its limits: RESOURCE "budget-exceeded".
 */
#pragma once

#include "base/arena.h"
#include "rows/order.h"

#include <rowhouse/error.h>
#include <rowhouse/query.h>

struct rh_eval;

struct rh_eval_input {
    const struct rh_query *query; /* nodes and values */
    const uint32_t *nodes;        /* the conjuncts to be evaluated */
    uint32_t n_nodes;
    const uint32_t *cell_of; /* cell of each column; NULL: the positions are the same */
    const struct rh_order_key *seek_keys; /* for SEEK: the order over the cells at hand */
    uint32_t n_seek_keys;
};

/* All that is in `input` must outlive the evaluator. Owned by the caller; its memory is the
 * arena's, free gives back what is not. */
int rh_eval_new(struct rh_arena *arena, const struct rh_eval_input *input,
                struct rh_eval **ret_eval, struct rh_error *error);
void rh_eval_free(struct rh_eval *eval); /* NULL is allowed */
/* 1: all hold; 0: one does not; negative: error. */
int rh_eval_row(struct rh_eval *eval, const struct rh_value *cells, struct rh_error *error);
