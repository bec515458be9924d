/* Numbers as they were written, as values of a numeric column type. Internal to binding. [any] */
#pragma once

#include "base/arena.h"

#include <rowhouse/value.h>

/* How a number lies to the values that a whole-number type has. */
enum rh_fit {
    RH_FIT_EXACT,       /* it is the value */
    RH_FIT_ABOVE_FLOOR, /* between the value and the next one */
    RH_FIT_TOO_SMALL,   /* below all values */
    RH_FIT_TOO_LARGE,   /* above all values */
};

#define RH_NUMBER_WRONG (-1) /* no number, or one beyond any reason */
#define RH_NUMBER_NOMEM (-2)

/* type: RH_TYPE_INT or RH_TYPE_UINT. 0 or RH_NUMBER_*. */
int rh_bind_whole(uint32_t type, struct rh_text text, enum rh_fit *ret_fit,
                  struct rh_value *ret_value);
/* Canonical decimal text in the arena; "NaN" is allowed. */
int rh_bind_decimal(struct rh_arena *arena, struct rh_text text, struct rh_value *ret_value);
/* The nearest double; "NaN", "Infinity", "-Infinity" are allowed. */
int rh_bind_float(struct rh_text text, struct rh_value *ret_value);
