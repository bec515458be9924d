/*
 * A read from inside: what read.c, read_query.c, read_page.c, read_row.c and explain.c share. See
 * read.h.
 */
#pragma once

#include "rows/page.h"
#include "rows/position.h"
#include "rows/read.h"
#include "rows/strategy.h"

#define RH_READ_DEFAULT_LIMIT 100
#define RH_READ_MAX_STAGES 12

enum rh_paging {
    RH_PAGING_NONE,   /* a stream */
    RH_PAGING_KEYSET, /* positions are order values */
    RH_PAGING_OFFSET, /* positions are row numbers, because the order is not total */
};

struct rh_stage_facts {
    const char *name;
    uint64_t n_rows;
    uint64_t us; /* without its input */
};

struct rh_read {
    struct rh_session *session;
    struct rh_arena *arena;
    struct rh_read_options options;
    struct rh_bound bound;
    uint8_t fingerprint[RH_FINGERPRINT_BYTES];

    enum rh_paging paging;
    bool gathered; /* groups or distinct rows: not rows of the table */
    bool resumed;  /* a cursor was given: `from` is its position */
    bool backward; /* by "before" */
    struct rh_position from;
    uint64_t limit;  /* rows of the page, or RH_NO_LIMIT */
    uint64_t offset; /* rows before the page, by offset */

    struct rh_query query; /* what is planned: bound, with position, direction and limit */
    struct rh_strategy strategy;
    struct rh_meter meter;
    struct rh_stage *top;       /* NULL: not opened, or ended */
    struct rh_stage *page;      /* within top; NULL in a stream */
    struct rh_page_facts facts; /* after the end; values in the arena */
    struct rh_stage_facts stages[RH_READ_MAX_STAGES];
    uint32_t n_stages;
    uint64_t plan_us;
    int outcome; /* of the last next: RH_OK, RH_END or the class it failed with */
};

/* A read of a query that is bound already. Takes nothing of bound but what is in its arena. */
int rh_read_open_bound(struct rh_session *session, const struct rh_bound *bound,
                       const struct rh_read_options *options, struct rh_read **ret_read,
                       struct rh_error *error);
/* Everything before the source is opened: position, query, strategy. INVALID "invalid-query",
 * "invalid-cursor"; errors of planning. */
int rh_read_prepare(struct rh_read *read, struct rh_error *error);
/* Fills a meter with the datasource's budget. */
void rh_read_meter(struct rh_session *session, struct rh_meter *ret_meter);
/* "source", "binary", or NULL when no text is ordered by. */
const char *rh_read_text_order(const struct rh_read *read);
/* The stages' facts up to now; those of an ended read are in read->stages. */
uint32_t rh_read_stage_facts(const struct rh_read *read, struct rh_stage_facts *ret_facts);
