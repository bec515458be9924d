/* One line, rewritten in place with a carriage return and "erase to end of line" (ECMA-48 EL). */
#include "cli/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_US 1000000u
#define EVERY_US 100000u

void rh_progress_begin(struct rh_progress *progress, const char *unit, FILE *rows)
{
    *progress = (struct rh_progress){
        .unit = unit,
        .began_us = rh_clock_us(),
        .terminal = isatty(STDERR_FILENO) == 1 && isatty(fileno(rows)) != 1,
    };
}

void rh_progress_set(struct rh_progress *progress, uint64_t done)
{
    if (!progress->terminal)
        return;
    uint64_t now = rh_clock_us();
    uint64_t spent = now - progress->began_us;
    if (spent < FIRST_US || now - progress->shown_us < EVERY_US)
        return;
    progress->shown_us = now;
    fprintf(stderr, "\r%llu %s, %llu per second\033[K", (unsigned long long)done, progress->unit,
            (unsigned long long)((double)done * 1e6 / (double)spent));
}

void rh_progress_end(struct rh_progress *progress)
{
    if (progress->shown_us)
        fputs("\r\033[K", stderr);
}
