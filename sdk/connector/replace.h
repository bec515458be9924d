/*
 * Writing to stores that replace whole documents, and only the version that was read: what is there is
 * looked up, new documents are made of it and stored, and those that somebody else has changed in
 * between once more, a few times.
 */
#pragma once

#include "connector/kit.h"

#include <stddef.h>

/* What becomes of a row of the input; the first member of the connector's own struct. */
struct rh_replace_row {
    bool due; /* it is to be written */
    bool stored;
    bool conflict; /* somebody else was quicker */
};

struct rh_replace {
    const struct rh_host *host;
    const struct rh_op *op;
    struct rh_write_result *result;
    void *rows; /* each begins with a struct rh_replace_row */
    uint64_t n_rows;
    size_t stride; /* of a row, in bytes */
    bool once;     /* the caller has said which version he means: another one is CONFLICT */
    void *context;
    /* Finds what is there of the rows that are due; those that need not be written are not due any
     * more. NULL: nothing has to be known. */
    int (*look_up)(void *context, struct rh_error *error);
    /* Stores the rows that are due, which they are not any more, each then being stored, in conflict or
     * refused. ret_any: there were any. */
    int (*store)(void *context, bool *ret_any, struct rh_error *error);
};

/* RH_OK, or what a function above failed with. A row that is in conflict to the last is refused with
 * CONFLICT. [conn] */
int rh_replace_run(const struct rh_replace *replace, struct rh_error *error);
