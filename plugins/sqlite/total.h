/*
 * Exact decimal totals: a fixed-point number with 360 digits before and 360 behind the point, which
 * holds every sum of doubles' shortest decimals and of 64-bit integers.
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RH_SQLITE_LIMBS 80 /* of nine digits; the unit's is the 40th */
#define RH_SQLITE_TOTAL_TEXT_MAX 736
#define RH_SQLITE_TOTAL_KEY_MAX (2 + 4 * RH_SQLITE_LIMBS)

/* Zeroed: nothing yet. */
struct rh_sqlite_total {
    int64_t limbs[RH_SQLITE_LIMBS]; /* least first; not carried until it is read */
    uint64_t n;
};

/* Adds a decimal text ([-]digits[.digits]). False when it has digits outside. */
bool rh_sqlite_total_add(struct rh_sqlite_total *total, struct rh_text decimal);
/* The sum, and the average of n > 0 values rounded half away from zero to 6 digits; return the
 * length. The total stays what it is. */
size_t rh_sqlite_total_sum(const struct rh_sqlite_total *total,
                           char ret_text[RH_SQLITE_TOTAL_TEXT_MAX]);
size_t rh_sqlite_total_average(const struct rh_sqlite_total *total,
                               char ret_text[RH_SQLITE_TOTAL_TEXT_MAX]);
/* What sorts decimals by value, by memcmp; begins with RH_SQLITE_KEY_MARK. False when it has digits
 * outside, or is NaN. */
bool rh_sqlite_key_of_decimal(struct rh_text decimal,
                              unsigned char ret_key[RH_SQLITE_TOTAL_KEY_MAX], unsigned *ret_len);
