/* Initialisers of cells. What they point to is static. */
#pragma once

#include <rowhouse/value.h>

/* Of a type whose value is a number. */
#define X(t, v)                                                                                    \
    {                                                                                              \
        .type = (t), .as.i = (v)                                                                   \
    }
/* Of a type whose value is bytes. */
#define S(t, v)                                                                                    \
    {                                                                                              \
        .type = (t), .len = sizeof(v) - 1, .as.data = (v)                                          \
    }
#define I(v) X(RH_TYPE_INT, v)
#define N(v)                                                                                       \
    {                                                                                              \
        .type = RH_TYPE_UINT, .as.u = (v)                                                          \
    }
#define F(v)                                                                                       \
    {                                                                                              \
        .type = RH_TYPE_FLOAT, .as.f = (v)                                                         \
    }
#define D(v) S(RH_TYPE_DECIMAL, v)
#define T(v) S(RH_TYPE_TEXT, v)
#define J(v) S(RH_TYPE_JSON, v)
#define NULL_CELL X(RH_TYPE_NULL, 0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
