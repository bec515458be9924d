/*
 * Answers to questions: running a query through the row SDK, with everything pushed down that may
 * be or with nothing, and comparing what came out, cell by cell, by value.
 */
#pragma once

#include "base/buf.h"
#include "connector/conformance/question.h"
#include "rows/read.h"

struct rh_answer {
    int outcome; /* RH_OK or the class */
    char message[512];
    char plan[256]; /* what was pushed down */
    uint32_t n_columns;
    const struct rh_column *columns;
    uint64_t n_rows;
    struct rh_value *cells;
    int64_t count;
    struct rh_text next, prev;
};

/* Runs the query; rows are copied to the operation's arena. after, before: cursors, or no text.
 * page_size 0: the query's own limit. */
void rh_answer_get(struct rh_session *session, const struct rh_question *question,
                   uint64_t page_size, struct rh_text after, struct rh_text before,
                   bool push_nothing, struct rh_answer *ret_answer);
/* Page by page, forwards to the end and backwards again; the rows as one answer. A page that comes
 * out differently on the way back makes the outcome RH_INTERNAL. */
void rh_answer_get_paged(struct rh_session *session, const struct rh_question *question,
                         uint64_t page_size, bool push_nothing, struct rh_answer *ret_answer);
/* False when they differ; says how, with both answers, at the end of `difference`. */
bool rh_answer_compare(struct rh_arena *arena, const struct rh_answer *expected,
                       const struct rh_answer *actual, bool as_sequence, struct rh_buf *difference);
