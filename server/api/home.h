/*
 * Where the server keeps what is its own: the documents of the store, and the internal datasource
 * of each app, in whose tables users keep rows without any database.
 *
 *                      documents                                  internal tables
 *   embedded           store.db in the data folder                internal/<app>.dev.db
 *   couchdb://…/name   the database <name>; of an app             <name>+default+<app>+dev+tables
 *                      <name>+default+<app>+dev
 *   another URL        that source                                internal/<app>.dev.db
 *
 * Databases and files are made when they are first used.
 */
#pragma once

#include "host/registry.h"
#include "store/store.h"

#include <jansson.h>

struct rh_home;

/* url: the setting `store`; "": embedded. No connection is made. Owned by the caller. */
int rh_home_open(struct rh_registry *registry, const char *data, const char *url,
                 struct rh_home **ret_home, struct rh_error *error);
/* After the store. NULL is allowed. */
void rh_home_close(struct rh_home *home);

/* Opens the store there. */
int rh_home_store(struct rh_home *home, struct rh_operation *op, struct rh_store **ret_store,
                  struct rh_error *error);

/* The name of the internal datasource of every app. */
#define RH_HOME_INTERNAL "internal"
/* The connector of the internal datasource. Static text. */
const char *rh_home_connector(const struct rh_home *home);
/* Its settings for this app, with secrets; new reference, NULL when out of memory. */
json_t *rh_home_config(const struct rh_home *home, struct rh_text app);
/* Deletes the internal tables of an app, if there are any. Nothing may be using them. */
int rh_home_drop(struct rh_home *home, struct rh_operation *op, struct rh_text app,
                 struct rh_error *error);
