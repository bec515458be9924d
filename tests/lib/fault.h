/*
 * Allocations that fail on purpose.
 *
 * Test programs are linked with --wrap, so malloc, calloc, realloc, strdup and strndup of all code
 * in them come through here; those inside of shared libraries do not.
 */
#pragma once

#include <stdbool.h>

/* Calls run(context) again and again: with the first allocation failing, with the second, … until
 * a run needs no more allocations than that; then all of it once more with every allocation from
 * the n-th on failing. run cleans up after itself and returns whether it succeeded; a run without
 * a failed allocation must. Returns how many allocations a whole run makes. */
unsigned fault_torture(bool (*run)(void *context), void *context);

/* An assertion within run: those of Check allocate, so they would fail themselves. */
#define FAULT_ASSERT(condition)                                                                    \
    ((condition) ? (void)0 : fault_abort(__FILE__, __LINE__, #condition))
_Noreturn void fault_abort(const char *file, int line, const char *condition);
