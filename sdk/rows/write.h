/*
 * Writing rows: coerce, check, write, return. Atomic unless told otherwise: all rows or none, in
 * one transaction.
 */
#pragma once

#include "rows/read.h"

/* Rows to be written, one after the other, from any format. next: fills the row's object (in the
 * arena, which the writer resets between batches) or RH_END. */
struct rh_row_source {
    int (*next)(struct rh_row_source *source, struct rh_arena *arena, struct rh_json **ret_object,
                struct rh_error *error);
    bool single; /* the input is one object: pointers in errors name no row */
    bool bare;   /* strings are bare text: the column's type decides what they are (CSV) */
};
/* One object or an array of objects / NDJSON / CSV with a header line (RFC 4180; empty unquoted
 * field = NULL). The text is borrowed. Owned by the arena. Errors (also of next): INVALID, codes
 * "invalid-json", "invalid-csv", with the line or row. */
int rh_row_source_json(struct rh_arena *arena, struct rh_text body,
                       struct rh_row_source **ret_source, struct rh_error *error);
int rh_row_source_ndjson(struct rh_arena *arena, struct rh_text body,
                         struct rh_row_source **ret_source, struct rh_error *error);
int rh_row_source_csv(struct rh_arena *arena, struct rh_text body,
                      struct rh_row_source **ret_source, struct rh_error *error);

enum rh_returning { RH_RETURNING_NONE, RH_RETURNING_KEYS, RH_RETURNING_ROWS };

/* Where results go while rows are written; each may be NULL. */
struct rh_write_sink {
    void *context;
    /* Returned rows, in input order; columns as announced. Borrowed for the call. In an atomic
     * write they are final only when that has succeeded. */
    int (*rows)(void *context, const struct rh_column *columns, uint32_t n_columns,
                const struct rh_batch *batch, struct rh_error *error);
    /* Not atomic: the outcome of input row `row` (error NULL: written). */
    int (*status)(void *context, uint64_t row, const struct rh_error *outcome,
                  struct rh_error *error);
    /* Progress: rows done so far. */
    void (*progress)(void *context, uint64_t n_rows);
};

struct rh_write_options {
    enum rh_returning returning;
    bool not_atomic;
    struct rh_text conflict_columns; /* upsert: "a,b"; no text = the primary key */
    uint32_t resolution;             /* RH_RESOLVE_MERGE or IGNORE */
    struct rh_text if_match; /* update, delete, upsert of one row: its ETag; "*" = must exist */
    bool must_be_new;        /* put: there must be no such row, else CONFLICT "stale" */
};

struct rh_write_counts {
    uint64_t n_rows; /* input rows */
    uint64_t n_affected;
    uint64_t n_failed; /* not atomic */
};

/* Pointers in errors: "/<row>/<column>" for arrays, "/<column>" for one object. Errors: binding;
 * CONSTRAINT; UNSUPPORTED when the connector cannot write; CONFLICT "stale" for if_match;
 * UNKNOWN_OUTCOME. */
int rh_write_insert(struct rh_session *session, const struct rh_table *table,
                    struct rh_row_source *rows, const struct rh_write_options *options,
                    const struct rh_write_sink *sink, struct rh_write_counts *ret_counts,
                    struct rh_error *error);
int rh_write_upsert(struct rh_session *session, const struct rh_table *table,
                    struct rh_row_source *rows, const struct rh_write_options *options,
                    const struct rh_write_sink *sink, struct rh_write_counts *ret_counts,
                    struct rh_error *error);
/* One row by key. `set` is an object. NOT_FOUND when there is no such row. */
int rh_write_update_row(struct rh_session *session, const struct rh_table *table,
                        const struct rh_value *key, const struct rh_json *set,
                        const struct rh_write_options *options, const struct rh_write_sink *sink,
                        struct rh_write_counts *ret_counts, struct rh_error *error);
/* PUT: the whole row; creates it when there is none (*ret_created). */
int rh_write_put_row(struct rh_session *session, const struct rh_table *table,
                     const struct rh_value *key, const struct rh_json *row,
                     const struct rh_write_options *options, const struct rh_write_sink *sink,
                     bool *ret_created, struct rh_error *error);
int rh_write_delete_row(struct rh_session *session, const struct rh_table *table,
                        const struct rh_value *key, const struct rh_write_options *options,
                        struct rh_write_counts *ret_counts, struct rh_error *error);
/* All rows that match. Without a condition `all` must be true (INVALID "unconditional-write"). Done
 * by the source where every conjunct is EXACT, else keys are read and written by key. */
int rh_write_update_where(struct rh_session *session, const struct rh_table *table,
                          const struct rh_cond *where, bool all, const struct rh_json *set,
                          const struct rh_write_options *options, const struct rh_write_sink *sink,
                          struct rh_write_counts *ret_counts, struct rh_error *error);
int rh_write_delete_where(struct rh_session *session, const struct rh_table *table,
                          const struct rh_cond *where, bool all,
                          const struct rh_write_options *options, const struct rh_write_sink *sink,
                          struct rh_write_counts *ret_counts, struct rh_error *error);
