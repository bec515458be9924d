/*
 * Numbers as JSON writes them: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
 *
 * Nothing here allocates, and nothing depends on the locale. [any]
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>

/* 10 to the power of 0 … 19: all that fit into 64 bits. */
#define RH_NUMBER_N_POWERS 20
extern const uint64_t rh_number_powers[RH_NUMBER_N_POWERS];

/* Length of the number at the front of the text, 0 when there is none there. */
size_t rh_number_length(struct rh_text text);
/* Equal by value, exactly: 1.0 = 1e0, -0 = 0. Both must be whole numbers by rh_number_length. */
bool rh_number_equal(struct rh_text a, struct rh_text b);
/* The double nearest to the number that the whole text is. False when it is none, or too large. */
bool rh_number_to_f64(struct rh_text text, double *ret_value);

/* Room for any double, with its NUL. */
#define RH_NUMBER_F64_SIZE 32
/* The shortest text that reads back as this double, which must be finite. Returns its length. */
size_t rh_number_from_f64(double value, char ret_text[RH_NUMBER_F64_SIZE]);
