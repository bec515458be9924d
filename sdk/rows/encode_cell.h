/* Cells as plain text: what JSON (within quotes or bare) and CSV have in common. */
#pragma once

#include "base/buf.h"

#include <rowhouse/value.h>

#include <stdbool.h>

/* The most bytes that a cell of bounded size takes, with quotes and a comma. */
#define RH_ENCODE_FIXED_MAX 80

/* Whether the text of a cell of this type is bounded. */
static inline bool rh_encode_is_fixed(uint8_t type)
{
    return ((1u << type) & ((1u << RH_TYPE_DECIMAL) | (1u << RH_TYPE_TEXT) | (1u << RH_TYPE_BYTES) |
                            (1u << RH_TYPE_JSON))) == 0;
}

/* Writes a bounded cell and returns where it ends; NULL and MISSING: nothing. Not finite numbers
 * are "NaN", "Infinity", "-Infinity". */
char *rh_encode_fixed(char *to, const struct rh_value *cell);
/* Base 64 with padding. */
void rh_encode_base64(struct rh_buf *buf, struct rh_text bytes);
