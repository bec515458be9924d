/*
 * The store: Rowhouse's own definitions (apps, datasources, …) as JSON documents with a key and a
 * revision, in a table of any connector that can read and write by key (SQLite by default).
 *
 * Keys are paths of plain words, "tenant/kind/…": "default/apps/shop"; UTF-8, at most 1024 bytes. A
 * revision is a number that grows with each change of the document, from 1. Everything that was
 * acknowledged is durable.
 */
#pragma once

#include "host/op.h"
#include "host/pool.h"

#include <jansson.h>

struct rh_store;

/* To whom a document belongs. */
struct rh_store_place {
    struct rh_text tenant, app, environment;
};
/* Where documents of apps are kept, when not with all others. */
struct rh_store_places {
    /* [any] The pool for this place; borrowed for the store's life. */
    int (*pool_of)(void *context, const struct rh_store_place *place, struct rh_pool **ret_pool,
                   struct rh_error *error);
    void *context;
};

/* pool: of the connector that keeps the documents; borrowed for the store's life. places: those
 * that belong to an app ("tenant/datasources/app/…") are kept elsewhere, by the same connector;
 * NULL: in the pool too. Makes the table "documents" where it is missing. CONFIG: the connector
 * cannot keep it (it must write, and outlive the process), a newer Rowhouse wrote it, or there is a
 * table of that name that is not ours. */
int rh_store_open(struct rh_pool *pool, const struct rh_store_places *places,
                  struct rh_operation *op, struct rh_store **ret_store, struct rh_error *error);
void rh_store_close(struct rh_store *store);

/* Revisions that put and delete expect. */
#define RH_STORE_NEW 0             /* there is none yet: EXISTS otherwise */
#define RH_STORE_ANY ((int64_t)-1) /* whatever there is */

/* [any] NOT_FOUND. ret_body: new reference owned by the caller. ret_revision may be NULL. */
int rh_store_get(struct rh_store *store, struct rh_operation *op, const char *key,
                 json_t **ret_body, int64_t *ret_revision, struct rh_error *error);
/* [any] A document has at most 64 MiB as JSON. EXISTS when it is expected to be new; CONFLICT when
 * the revision is another than expected, or the document is gone. ret_revision may be NULL; a new
 * document's is 1. */
int rh_store_put(struct rh_store *store, struct rh_operation *op, const char *key,
                 const json_t *body, int64_t expected, int64_t *ret_revision,
                 struct rh_error *error);
/* [any] CONFLICT as above; NOT_FOUND when there is none and the revision is ANY or NEW. */
int rh_store_delete(struct rh_store *store, struct rh_operation *op, const char *key,
                    int64_t expected, struct rh_error *error);
/* [any] Calls `each` for every document whose key begins with prefix, by key; a result other than 0
 * ends the walk and is returned. `each` must not use the store: the walk keeps a connection. */
int rh_store_list(struct rh_store *store, struct rh_operation *op, const char *prefix,
                  int (*each)(void *context, const char *key, const json_t *body, int64_t revision,
                              struct rh_error *error),
                  void *context, struct rh_error *error);

/* Several changes in the order given, all or nothing; errors as above. body NULL: delete. Without
 * transactions at the source, others may see some of them for a moment, and a process that is
 * killed meanwhile leaves them; UNKNOWN_OUTCOME when they could not be undone. */
struct rh_store_change {
    const char *key;
    const json_t *body;
    int64_t expected;
};
int rh_store_batch(struct rh_store *store, struct rh_operation *op,
                   const struct rh_store_change *changes, uint32_t n, struct rh_error *error);
