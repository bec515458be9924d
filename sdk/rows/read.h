/*
 * Reading rows: plan, open, complete, page.
 *
 *     source cursor → filter → group → having → distinct → sort → offset, limit → project
 *
 * What the connector took over is missing from that chain. A read is pulled batch by batch, in
 * bounded memory. One thread at a time.
 */
#pragma once

#include "rows/bind.h"
#include "rows/session.h"

struct rh_read;

#define RH_READ_MAX_LIMIT 10000 /* rows of a page; streams have no such bound */

struct rh_read_options {
    bool stream;       /* no default limit, no page cursors, no count */
    bool push_nothing; /* the host does everything (oracle, explain) */
    bool explain_only; /* plan, but open nothing: next gives END at once */
    bool lock;         /* RH_QUERY_LOCK */
};

/* limit default 100, at most 10 000 unless streaming (INVALID otherwise). The spec is bound,
 * planned and opened; the first batch is not yet fetched. All memory from the operation's arena and
 * of the read itself. The session must stay open until rh_read_close. Errors of binding;
 * NEEDS_KEYS; "invalid-cursor"; the source's. */
int rh_read_open(struct rh_session *session, struct rh_text table, const struct rh_spec *spec,
                 const struct rh_read_options *options, struct rh_read **ret_read,
                 struct rh_error *error);
/* The next rows of the page, at least one, or RH_END. Borrowed until the next call. */
int rh_read_next(struct rh_read *read, struct rh_batch *ret_batch, struct rh_error *error);
void rh_read_close(struct rh_read *read);

/* Name and type of each output. */
const struct rh_column *rh_read_columns(const struct rh_read *read, uint32_t *ret_n);

/* After RH_END. Texts in the operation's arena; no text = there is no such page. */
struct rh_page {
    struct rh_text next;
    struct rh_text prev;
    int64_t count; /* -1: not asked for */
    bool count_is_estimate;
    bool stable;
    const char
        *text_order; /* "source" (its own collation) or "binary"; NULL: no text is ordered by */
};
int rh_read_page(struct rh_read *read, struct rh_page *ret_page, struct rh_error *error);

/* Writes the value of the Rowhouse-Plan header (one line: pushed=…; completed=…, and behind the end
 * scanned=n; returned=n) and the
 * explain document (JSON object: per condition its verdict and who does it, native text, order
 * collation, rows scanned and returned, milliseconds per stage). */
void rh_read_plan_header(const struct rh_read *read, struct rh_buf *buf);
int rh_read_explain(struct rh_read *read, struct rh_buf *buf, struct rh_error *error);

/* One row by key: its cells in all columns of the table, in the operation's arena. NOT_FOUND. */
int rh_read_row(struct rh_session *session, const struct rh_table *table,
                const struct rh_value *key, bool lock, struct rh_value **ret_cells,
                struct rh_error *error);
/* ETag of a row (without quotes): a keyed hash of its cells. ret_etag has room for 33 bytes. */
void rh_read_etag(const struct rh_table *table, const struct rh_value *cells, char *ret_etag);

/* Secret with which page cursors are authenticated: 32 bytes, set once at start-up (default: random
 * per process). */
void rh_read_set_cursor_key(const uint8_t key[32]);
