/*
 * The store: Rowhouse's own definitions (apps, datasources, …) as JSON documents with a key and a
 * revision, in one table of any connector that can read and write by key (SQLite by default).
 *
 * Keys are paths of plain words, "tenant/kind/…": "default/apps/shop". A revision is a number that
 * grows with each change of the document, from 1. Everything that was acknowledged is durable.
 */
#pragma once

#include "host/op.h"
#include "host/pool.h"

#include <jansson.h>

struct rh_store;

/* pool: of the connector that keeps the documents; borrowed for the store's life. Makes the table
 * "documents" when it is missing and migrates it when it is older; refuses (CONFIG) one that is
 * newer. */
int rh_store_open(struct rh_pool *pool, struct rh_operation *op, struct rh_store **ret_store,
                  struct rh_error *error);
void rh_store_close(struct rh_store *store);

/* Revisions that put and delete expect. */
#define RH_STORE_NEW 0             /* there is none yet: EXISTS otherwise */
#define RH_STORE_ANY ((int64_t)-1) /* whatever there is */

/* [any] NOT_FOUND. ret_body: new reference owned by the caller. ret_revision may be NULL. */
int rh_store_get(struct rh_store *store, struct rh_operation *op, const char *key,
                 json_t **ret_body, int64_t *ret_revision, struct rh_error *error);
/* [any] CONFLICT when the revision is another than expected. */
int rh_store_put(struct rh_store *store, struct rh_operation *op, const char *key,
                 const json_t *body, int64_t expected, int64_t *ret_revision,
                 struct rh_error *error);
int rh_store_delete(struct rh_store *store, struct rh_operation *op, const char *key,
                    int64_t expected, struct rh_error *error);
/* [any] Calls `each` for every document whose key begins with prefix, by key; a result other than 0
 * ends the walk and is returned. */
int rh_store_list(struct rh_store *store, struct rh_operation *op, const char *prefix,
                  int (*each)(void *context, const char *key, const json_t *body, int64_t revision,
                              struct rh_error *error),
                  void *context, struct rh_error *error);

/* Several changes, all or nothing. body NULL: delete. */
struct rh_store_change {
    const char *key;
    const json_t *body;
    int64_t expected;
};
int rh_store_batch(struct rh_store *store, struct rh_operation *op,
                   const struct rh_store_change *changes, uint32_t n, struct rh_error *error);
