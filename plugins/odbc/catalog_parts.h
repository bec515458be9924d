/*
 * What catalog.c, catalog_tables.c and catalog_keys.c share: a catalogue that is being made, in the
 * memory of the call.
 */
#pragma once

#include "api.h"
#include "connection.h"
#include "grid.h"

struct rh_json;

#define RH_ODBC_MAX_KEY 64 /* columns of a key */

struct rh_odbc_build {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_error *error;
    struct rh_table *tables;
    uint32_t n_tables;
    struct rh_arena *scratch;
    const struct rh_json *wanted; /* array of schemas, or NULL */
};

/* Memory of the call for n items; NULL, with the error, when there is none. */
void *rh_odbc_build_alloc(struct rh_odbc_build *build, size_t n, size_t size);
/* A copy; no text stays none. */
struct rh_text rh_odbc_build_keep(struct rh_odbc_build *build, struct rh_text text);
/* The table of that name, once tables are built; NULL when it is not shown. */
struct rh_table *rh_odbc_build_find_table(const struct rh_odbc_build *build, struct rh_text schema,
                                          struct rh_text name);
/* Its number, or RH_NO_COLUMN. */
uint32_t rh_odbc_find_column(const struct rh_table *table, struct rh_text name);
/* All that a catalogue function of the driver says, to be given to rh_odbc_grid_fini. */
int rh_odbc_build_fetch(struct rh_odbc_build *build, enum rh_odbc_function function,
                        struct rh_text schema, struct rh_text table, uint32_t n_cols,
                        struct rh_odbc_grid *ret_grid);

/* catalog_tables.c: tables, then their columns, of the schemas that are wanted. */
int rh_odbc_build_tables(struct rh_odbc_build *build);
/* catalog_keys.c: their keys and indexes, and what else a dialect's queries tell of columns. */
int rh_odbc_build_keys(struct rh_odbc_build *build);
