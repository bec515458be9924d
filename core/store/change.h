/*
 * Changes of documents: in one transaction where the connector has them, else one after the other,
 * undone when one fails. Internal to the store. error is not NULL anywhere here.
 */
#pragma once

#include "store/documents.h"
#include "store/store.h"

/* A pool that keeps documents, and its table. Immutable once open. */
struct rh_store_home {
    struct rh_pool *pool;
    struct rh_documents documents;
    struct rh_arena *arena; /* of the description */
    char *name;             /* of the app that it belongs to; NULL: of none */
    struct rh_store_home *next;
};

/* Where the document with this key is, or is to be. Borrowed for the store's life. */
int rh_store_find_home(struct rh_store *store, struct rh_operation *op, const char *key,
                       struct rh_store_home **ret_home, struct rh_error *error);
/* Are all documents in one home whose connector has transactions? */
bool rh_store_has_transactions(const struct rh_store *store);

int rh_store_no_such(const char *key, struct rh_error *error);
/* Gives the connection back and returns the outcome, so that one in doubt is not used again. */
int rh_store_end_lease(struct rh_lease *lease, int outcome);

/* All changes or none. *ret_again: somebody was faster in a way that the caller need not hear of.
 * ret_revision (may be NULL): of the last. UNKNOWN_OUTCOME when some could not be undone. */
int rh_store_change(struct rh_store *store, struct rh_operation *op,
                    const struct rh_store_change *changes, uint32_t n, int64_t *ret_revision,
                    bool *ret_again, struct rh_error *error);
