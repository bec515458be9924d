/*
 * The last stage of a page: lets a page's rows through, notices whether there is one more, and
 * keeps the order values of the first and the last row for the cursors. A page that is read
 * backwards (before a position) is held and turned round.
 */
#pragma once

#include "rows/rowstore.h"
#include "rows/stage.h"

struct rh_page_facts {
    uint64_t n_rows;                     /* of the page */
    bool more;                           /* rows exist behind it, in reading direction */
    const struct rh_value *first, *last; /* one value per key; NULL without rows */
};

/* limit: rows of the page; the input gives at most one more. keys: borrowed; n_keys 0: no cursor
 * values are kept. */
int rh_page_new(struct rh_stage *input, uint64_t limit, bool backward,
                const struct rh_order_key *keys, uint32_t n_keys, struct rh_stage **ret_stage,
                struct rh_error *error);
/* After RH_END. Borrowed from the stage. */
void rh_page_facts(const struct rh_stage *stage, struct rh_page_facts *ret_facts);
