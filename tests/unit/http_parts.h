/* What the tests of single parts of core/host/http share, which need no network. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "lib/tests.h"

#include <stdlib.h>
#include <string.h>

static struct rh_arena *arena;

/* An empty error that nobody looks at. */
static inline struct rh_error *fresh(void)
{
    static struct rh_error error;

    error = (struct rh_error)RH_ERROR_INIT;
    return &error;
}
