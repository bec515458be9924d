/*
 * Arrays of native statements: from the text form of results, {1,NULL,"a b"}, to JSON.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* Appends the literal of an array whose elements have that type as a JSON array, as to_json makes
 * it. False, and what was appended is not to be used, when it does not read as such an array, or
 * the buffer failed. [any] */
bool rh_pg_array_to_json(struct rh_buf *to, unsigned element_oid, struct rh_text literal);
