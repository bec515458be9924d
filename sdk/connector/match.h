/*
 * Text predicates, with their one meaning (rowhouse/query.h): LIKE, STARTS, ENDS, CONTAINS and
 * their case-insensitive twins under Unicode simple case folding. Invalid UTF-8 bytes count as one
 * code point each and equal only themselves. No allocation; linear or O(n·m) time, never
 * exponential. [any]
 */
#pragma once

#include <rowhouse/query.h>

#include <stdbool.h>
#include <stdint.h>

/* Simple case folding of one code point (CaseFolding.txt, status C and S). */
uint32_t rh_match_fold(uint32_t code_point);
/* All code points that fold to the same one, itself included; returns how many (at most 4). */
unsigned rh_match_fold_class(uint32_t code_point, uint32_t ret_class[4]);
/* Decodes one code point at the front of text (len > 0) and moves text behind it. An invalid byte
 * gives 0x110000 + byte. */
uint32_t rh_match_next(struct rh_text *text);

/* op: RH_OP_LIKE, STARTS, ENDS or CONTAINS, maybe with RH_OP_FOLD; RH_OP_NOT is ignored. */
bool rh_match(uint32_t op, struct rh_text text, struct rh_text pattern);
/* A pattern that ends in a single backslash has no meaning. */
bool rh_match_pattern_is_valid(struct rh_text pattern);
