/*
 * "Did you mean": collects the names that lie nearest to one that was not found, and writes the
 * hint. Nothing here allocates; names are borrowed. [any]
 */
#pragma once

#include "base/text.h"

#include <rowhouse/error.h>

#define RH_NEAR_MAX 3

struct rh_near {
    struct rh_text wanted;
    struct rh_text names[RH_NEAR_MAX]; /* nearest first */
    unsigned distances[RH_NEAR_MAX];
    unsigned n;
};

void rh_near_init(struct rh_near *near, struct rh_text wanted);
void rh_near_add(struct rh_near *near, struct rh_text candidate);
/* Sets the error's hint to `did you mean "a" or "b"?`; without near names to `otherwise` (may be
 * NULL). Returns the error's class. */
int rh_near_hint(const struct rh_near *near, const char *otherwise, struct rh_error *error);

/* The text, or its beginning when it is too long for a message; never cut within a character. */
struct rh_text rh_near_clip(struct rh_text text);
