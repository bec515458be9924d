/*
 * What the server and the library report, as errors of the ABI.
 */
#pragma once

#include "connector/kit.h"

#include <stdbool.h>

/* Sets class, SQLSTATE, native code, constraint, column and message; returns the class. [any] */
int rh_my_fail_code(unsigned code, const char *sqlstate, const char *message,
                    struct rh_error *error);
/* The library's own codes: the server has said nothing. */
static inline bool rh_my_is_client_code(unsigned code)
{
    return (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000);
}
