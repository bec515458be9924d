/*
 * What all writes share: permission, transaction, the call itself, what it returns. Internal to
 * writing. One thread at a time.
 */
#pragma once

#include "rows/write.h"
#include "rows/write_rows.h"

enum rh_write_kind { RH_WRITE_INSERT, RH_WRITE_UPDATE, RH_WRITE_REMOVE, RH_WRITE_UPSERT };

struct rh_writer {
    struct rh_session *session;
    const struct rh_table *table;
    const struct rh_write_options *options;
    const struct rh_write_sink *sink;
    struct rh_write_counts counts;
    const struct rh_column *returning;
    uint32_t n_returning;
    bool owns_transaction;
    bool completes_upserts; /* the connector has said that it cannot */
};

/* options and sink may be NULL. UNSUPPORTED: the connector does not write, the table is read-only.
 */
int rh_writer_init(struct rh_writer *writer, struct rh_session *session,
                   const struct rh_table *table, const struct rh_write_options *options,
                   const struct rh_write_sink *sink, struct rh_error *error);

/* Whether several calls can be made one unit. */
bool rh_writer_has_transactions(const struct rh_writer *writer);
/* Rows that one call may have; UINT64_MAX: any number. */
uint64_t rh_writer_max_rows(const struct rh_writer *writer);
/* Whether a call with several rows is all or nothing by itself. */
bool rh_writer_is_atomic(const struct rh_writer *writer);
/* Starts a transaction unless one is open; UNSUPPORTED when there are none. */
int rh_writer_begin(struct rh_writer *writer, struct rh_error *error);
/* Ends the transaction that begin started: commits when r is 0, else rolls back. Returns what
 * became of it. Does nothing when begin was not called or another transaction was open. */
int rh_writer_end(struct rh_writer *writer, int r, struct rh_error *error);

/* A spec for the writer's table, without rows; returning as asked for. */
struct rh_write_spec rh_writer_spec(const struct rh_writer *writer);
/* One call of the write group. `arena` is for what the connector says about it. Returned rows go to
 * the sink. statuses: room for n_rows or NULL; then a row that failed fails the call. *ret_affected
 * is written then, too: the other rows were. error.row is a row of the spec. */
int rh_writer_call(struct rh_writer *writer, enum rh_write_kind kind,
                   const struct rh_write_spec *spec, struct rh_arena *arena,
                   struct rh_row_status *statuses, uint64_t *ret_affected, struct rh_error *error);

/* An upsert; one that the connector answers with UNSUPPORTED is done by reading and keyed writes
 * (upsert.c), in a transaction that is begun for it unless each row is for itself. `conflict`: the
 * columns of spec->key as positions in the table. */
int rh_writer_upsert(struct rh_writer *writer, const struct rh_write_spec *spec,
                     const uint32_t *conflict, struct rh_arena *arena,
                     struct rh_row_status *statuses, uint64_t *ret_affected,
                     struct rh_error *error);

/* A row of columns that find it (key, n_key of them) and columns that are set, as a spec with one
 * row; in the arena. */
int rh_writer_keyed(const struct rh_writer *writer, struct rh_arena *arena,
                    const struct rh_value *key, const struct rh_rows *set,
                    struct rh_write_spec *ret_spec, struct rh_error *error);

/* The row with this key against If-Match, locked until the transaction ends: NOT_FOUND; CONFLICT
 * "stale". Nothing to do without one. A transaction must be open. */
int rh_writer_match(struct rh_writer *writer, const struct rh_value *key, struct rh_error *error);
/* Whether If-Match names a version (not "*"), which takes a transaction to compare. */
bool rh_writer_must_match(const struct rh_writer *writer);

/* INVALID etc. as rh_fail, with a code. */
int rh_writer_no_key(const struct rh_writer *writer, struct rh_error *error);
