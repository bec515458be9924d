/*
 * Decimals as canonical text (rowhouse/value.h): making, checking, comparing. Exact, any length,
 * no allocation. Arithmetic (sums) is the row SDK's business. [any]
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [-]digits[.digits], or "NaN". */
bool rh_decimal_is_valid(struct rh_text text);
/* By value: "1.0" = "1", "-0" = "0"; NaN equals NaN and is above all. Both valid. */
int rh_decimal_compare(struct rh_text a, struct rh_text b);
/* Decimal against double by exact value (0.1 as decimal is less than 0.1 as double). */
int rh_decimal_compare_f64(struct rh_text a, double b);

/* Turns any JSON-style number ("1e3", "-1.50E-2") into canonical text without exponent; keeps all
 * digits given, and drops the sign of zero. Returns the length, or 0 when it is no number or needs
 * more than cap bytes. */
size_t rh_decimal_from_number(char *to, size_t cap, struct rh_text number);
/* Shortest decimal that reads back as the same double, padded with zeros to at least `scale` digits
 * after the point (as far as RH_DECIMAL_F64_MAX bytes go); "NaN" for NaN; 0 for infinities. */
#define RH_DECIMAL_F64_MAX 400
size_t rh_decimal_from_f64(char *to, double value, unsigned scale);
/* True when the text is a whole number within int64; "5.00" is. */
bool rh_decimal_to_i64(struct rh_text text, int64_t *ret_value);
/* Rounded down to a whole number within int64; false when outside, and for NaN. */
bool rh_decimal_floor_i64(struct rh_text text, int64_t *ret_value);
double rh_decimal_to_f64(struct rh_text text);
