/*
 * UTF-8 to UTF-16 (SQLWCHAR, native byte order) and back. No allocation. [any]
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes at most text.len units (never more than the text has bytes). False when the text is not
 * well-formed UTF-8. */
bool rh_odbc_to_utf16(struct rh_text text, uint16_t *to, size_t *ret_units);
/* Writes at most 3 * n bytes and returns how many. A surrogate without its other half becomes
 * U+FFFD. */
size_t rh_odbc_to_utf8(const uint16_t *units, size_t n, char *to);
