/*
 * One write of rows on its way, as a command sees it: what was asked of it, its session and table,
 * and its answer.
 */
#pragma once

#include "rows/write.h"
#include "server/api/call.h"
#include "server/api/rows_written.h"

struct rh_row_write {
    struct rh_call *call;
    struct rh_session session;
    const struct rh_table *table;
    struct rh_write_options options;
    struct rh_write_counts counts;
    struct rh_written written;
    struct rh_value *key; /* of a keyed write */
};

/* ---- What was asked ---------------------------------------------------------------------- */

/* From ?returning=, else Prefer, else the fallback. *ret_given: it was asked for. INVALID. */
int rh_row_write_returning(struct rh_call *call, enum rh_returning fallback,
                           enum rh_returning *ret_returning, bool *ret_given,
                           struct rh_error *error);
/* From ?on_conflict= and ?resolution=. *ret_upsert: rows that exist are not an error. INVALID. */
int rh_row_write_conflict(struct rh_call *call, struct rh_write_options *options, bool *ret_upsert,
                          struct rh_error *error);
/* The ETag of If-Match without its quotes, borrowed from the request; no text when none was sent. */
struct rh_text rh_row_write_if_match(struct rh_call *call);

/* ---- Session and answer ------------------------------------------------------------------ */

/* Opens the session and finds the table; with a key in the path, that too. `write` is zeroed but
 * for its options; ended with rh_row_write_close, also after an error. */
int rh_row_write_open(struct rh_row_write *write, struct rh_call *call, struct rh_error *error);
void rh_row_write_close(struct rh_row_write *write);

/* Answers {"data": <row or null>, "meta": …}, with the row's ETag. located: and with its Location.
 * RESOURCE when what came back did not fit. */
int rh_row_write_answer_one(struct rh_row_write *write, unsigned status, bool located,
                            struct rh_error *error);
/* Answers {"data": [rows or statuses], "meta": …}. RESOURCE. */
int rh_row_write_answer_many(struct rh_row_write *write, unsigned status, struct rh_error *error);
