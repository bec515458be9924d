/*
 * The table "documents" of the store, through the vtable of a borrowed connection: key (text,
 * primary), revision (int), body (text). Internal to the store. One thread at a time per lease; the
 * description is immutable once open. error is not NULL anywhere here.
 */
#pragma once

#include "base/arena.h"
#include "host/pool.h"

#define RH_DOCUMENTS_TABLE "documents"

enum rh_documents_column {
    RH_DOCUMENTS_KEY,
    RH_DOCUMENTS_REVISION,
    RH_DOCUMENTS_BODY,
    RH_DOCUMENTS_N_COLUMNS
};

/* The table as the connector described it. Texts in the arena given to open. */
struct rh_documents {
    struct rh_text schema;
    struct rh_column columns[RH_DOCUMENTS_N_COLUMNS];
    bool has_transactions;
};

/* Finds the table, or makes it. CONFIG when the connector cannot keep it or a table of that name is
 * of another shape. */
int rh_documents_open(struct rh_documents *documents, struct rh_arena *arena,
                      struct rh_lease *lease, struct rh_error *error);

/* Texts are borrowed for the call. A result other than 0 ends the reading and is returned. */
typedef int rh_documents_row_fn(void *context, struct rh_text key, int64_t revision,
                                struct rh_text body, struct rh_error *error);

/* What both reads ask, for the check at open: from alone is a key, from and below a range. */
struct rh_query rh_documents_query(const struct rh_documents *documents,
                                   const struct rh_value *values, uint32_t n_values);
/* Calls `row` for the document with this key, if there is one. */
int rh_documents_find(const struct rh_documents *documents, struct rh_lease *lease,
                      struct rh_text key, rh_documents_row_fn *row, void *context,
                      struct rh_error *error);
/* Calls `row` for each with from <= key < below, by key in the order of code points. */
int rh_documents_walk(const struct rh_documents *documents, struct rh_lease *lease,
                      struct rh_text from, struct rh_text below, rh_documents_row_fn *row,
                      void *context, struct rh_error *error);

/* CONSTRAINT, UNIQUE when the key is taken. */
int rh_documents_insert(const struct rh_documents *documents, struct rh_lease *lease,
                        struct rh_text key, struct rh_text body, int64_t revision,
                        struct rh_error *error);
/* Where the revision is `from`; it becomes `to`. *ret_found: whether there was such a row. */
int rh_documents_update(const struct rh_documents *documents, struct rh_lease *lease,
                        struct rh_text key, struct rh_text body, int64_t from, int64_t to,
                        bool *ret_found, struct rh_error *error);
int rh_documents_delete(const struct rh_documents *documents, struct rh_lease *lease,
                        struct rh_text key, int64_t revision, bool *ret_found,
                        struct rh_error *error);
