/*
 * Progress of long work, on one line of stderr: shown when stderr is a terminal and the rows go
 * elsewhere, after the first second, at most ten times a second, and wiped at the end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct rh_progress {
    const char *unit;
    uint64_t began_us;
    uint64_t shown_us;
    bool terminal;
};

/* rows: where the rows go. */
void rh_progress_begin(struct rh_progress *progress, const char *unit, FILE *rows);
void rh_progress_set(struct rh_progress *progress, uint64_t done);
void rh_progress_end(struct rh_progress *progress);
