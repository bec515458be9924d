/*
 * The tables of a datasource, checked and indexed by name. Immutable; shared by reference count.
 */
#pragma once

#include "base/arena.h"

#include <rowhouse/error.h>
#include <rowhouse/query.h>

struct rh_tableset;

/* Deep copy of what a connector answered. CONTRACT when the answer is not sound. */
int rh_tableset_new(const struct rh_catalog *catalog, struct rh_tableset **ret_set,
                    struct rh_error *error);
struct rh_tableset *rh_tableset_ref(struct rh_tableset *set); /* [any] */
void rh_tableset_unref(struct rh_tableset *set);              /* [any]; NULL is allowed */

uint32_t rh_tableset_count(const struct rh_tableset *set);
/* Sorted by schema and name. */
const struct rh_table *rh_tableset_at(const struct rh_tableset *set, uint32_t position);
/* "orders" (in the default schema, else where only one schema has it) or "sales.orders". Flat cost.
 * NOT_FOUND, code "unknown-table", with near names. Borrowed from the set. */
int rh_tableset_find(const struct rh_tableset *set, struct rh_text name,
                     const struct rh_table **ret_table, struct rh_error *error);
/* Position of a column, flat cost; RH_NO_COLUMN when there is none. The table must be of the set.
 */
uint32_t rh_tableset_column(const struct rh_tableset *set, const struct rh_table *table,
                            struct rh_text name);
/* INVALID, code "unknown-column", "did you mean". Always returns the class. */
int rh_tableset_no_column(const struct rh_table *table, struct rh_text name, const char *pointer,
                          struct rh_error *error);
