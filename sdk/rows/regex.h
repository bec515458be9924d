/* Regular expressions of users, bounded: PCRE2 with UTF and UCP, limits on backtracking and memory.
 * Bytes that are no UTF-8 never match. */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

struct rh_regex;

/* INVALID "invalid-filter" with the place and reason. Owned by the caller. */
int rh_regex_new(struct rh_text pattern, struct rh_regex **ret_regex, struct rh_error *error);
void rh_regex_free(struct rh_regex *regex); /* NULL is allowed */
/* 1: found, 0: not; RESOURCE "budget-exceeded" when the match takes too much. One thread at a time.
 */
int rh_regex_find(struct rh_regex *regex, struct rh_text text, struct rh_error *error);
