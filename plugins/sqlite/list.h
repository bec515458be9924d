/*
 * rh_list(?): a table-valued function over a list that is bound as one parameter, so that an IN
 * list of any length is one text and no limit on parameters applies.
 */
#pragma once

#include <rowhouse/value.h>

#include <sqlite3.h>
#include <stdbool.h>

#define RH_SQLITE_LIST_TAG "rowhouse-list"

struct rh_sqlite_list;

/* Room for n items with n_bytes of text in all. Owned by the caller until bound. */
struct rh_sqlite_list *rh_sqlite_list_new(size_t n, size_t n_bytes);
/* Appends a value: INT, FLOAT, TEXT or BYTES; its bytes are copied. False when that is more than new
 * made room for. */
bool rh_sqlite_list_add(struct rh_sqlite_list *list, const struct rh_value *value);
/* Binds it and gives it away. */
int rh_sqlite_list_bind(sqlite3_stmt *stmt, int index, struct rh_sqlite_list *list);

int rh_sqlite_list_register(sqlite3 *db);
