/* Whether a text is one JSON value (RFC 8259, UTF-8, nesting up to RH_JSON_MAX_DEPTH): what a
 * source sends as JSON is passed through unchanged, so it must not be able to break the document
 * around it. No allocation, no recursion. [any] */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>

bool rh_jsoncheck_is_valid(struct rh_text text);
