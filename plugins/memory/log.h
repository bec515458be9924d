/*
 * The changes of a database, for change feeds: the last ones, in the order in which they became
 * final. Kept from the first feed on. The lock of the database guards it.
 */
#pragma once

#include "row.h"

#define MEM_LOG_CHANGES 4096u

struct mem_logged {
    uint64_t layout;     /* of the table when it changed */
    struct mem_row *old; /* NULL: an insert; counted */
    struct mem_row *row; /* NULL: a delete; counted */
};

struct mem_log {
    uint64_t epoch;           /* random: tokens of another log are not taken for our own */
    uint64_t end;             /* number of the next change; MEM_LOG_CHANGES before it are kept */
    struct mem_logged *items; /* a ring; NULL until the first feed */
};

/* Begins to keep changes. RESOURCE. */
int mem_log_start(struct mem_log *log, struct rh_error *error);
/* The number of the first change that is still there. */
uint64_t mem_log_begin(const struct mem_log *log);
const struct mem_logged *mem_log_at(const struct mem_log *log, uint64_t number);
/* Never fails; does nothing before start. */
void mem_log_add(struct mem_log *log, uint64_t layout, struct mem_row *old, struct mem_row *row);
