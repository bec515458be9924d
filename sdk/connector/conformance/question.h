/*
 * Random queries over specimens.
 */
#pragma once

#include "connector/conformance/specimen.h"

#define RH_QUESTION_WHERE 0x01u
#define RH_QUESTION_ORDER 0x02u
#define RH_QUESTION_SLICE 0x04u     /* limit, offset, count */
#define RH_QUESTION_GROUPS 0x08u    /* some of them, or all without PLAIN */
#define RH_QUESTION_DISTINCT 0x10u  /* likewise */
#define RH_QUESTION_PLAIN 0x20u     /* some of them neither grouped nor distinct */
#define RH_QUESTION_PAGES 0x40u     /* without any limit, to be read page by page */
#define RH_QUESTION_OWN_ORDER 0x80u /* text in the source's own order in half of them */
#define RH_QUESTION_ALL 0x3fu

struct rh_question {
    const struct rh_specimen *table;
    struct rh_text json; /* the query */
    bool total;          /* its order decides: results are sequences */
    bool native;         /* text in the source's own order: a sequence only within one source */
};

/* parts: what it may consist of, RH_QUESTION_*. tables: the first is asked most. The query lives in
 * the arena. */
void rh_question_make(struct rh_arena *arena, struct rh_dice *dice,
                      const struct rh_specimen *const *tables, uint32_t n_tables, uint32_t parts,
                      struct rh_question *ret_question);
