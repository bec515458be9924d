/*
 * Text from outside for a terminal: on one line, with nothing in it that a terminal would obey.
 * Control characters become spaces, what is not UTF-8 becomes U+FFFD.
 */
#pragma once

#include "base/buf.h"

#include <stdio.h>

void rh_plain_add(struct rh_buf *buf, struct rh_text text);
/* The same, straight to a file, padded with spaces to `width` columns. */
void rh_plain_print(FILE *to, struct rh_text text, size_t width);
/* Columns that a plain text takes on a terminal. */
size_t rh_plain_width(struct rh_text text);
