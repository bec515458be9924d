/*
 * Tables to test on: the suite's own, made through ddl and write; or those that the source has.
 * And reading them with the vtable alone.
 */
#pragma once

#include "connector/conformance/specimen.h"
#include "connector/conformance/trial.h"

/* Whether the connector makes tables and fills them, and the configuration lets it. */
bool rh_fixture_can_make(const struct rh_trial *t);
/* Skips the test unless it does. */
void rh_fixture_need(struct rh_trial *t);

/* Makes a table for the specimen under a name of the suite's own, and fills it. What the source
 * refuses to hold is left out: *ret_specimen describes what is there. False when it refuses the
 * key's columns. */
bool rh_fixture_make(struct rh_trial *t, struct rh_conn *conn, const struct rh_specimen *specimen,
                     struct rh_specimen *ret_specimen);
/* Only the table, without rows; false when the source has no such table (the class is in
 * t->error). ret_table: as it was asked for. */
bool rh_fixture_create(struct rh_trial *t, struct rh_conn *conn, const struct rh_column *columns,
                       uint32_t n_columns, const uint32_t *key, uint32_t n_key,
                       struct rh_table *ret_table);
/* (id INT, n INT, v TEXT), with the key id, n_rows rows: id 1 .. n_rows, n = id % 10, v = "v<id>".
 * As introspection tells it. */
const struct rh_table *rh_fixture_simple(struct rh_trial *t, struct rh_conn *conn, uint64_t n_rows);
/* The cells of these rows. */
struct rh_value *rh_fixture_simple_cells(struct rh_trial *t, uint64_t n_rows);
/* Drops the tables of the suite, as far as the source lets it; the connector claims ddl. */
void rh_fixture_drop_all(struct rh_trial *t, struct rh_conn *conn);
/* The same in a table that may be written: a simple one when the connector makes tables, else the
 * one that the configuration names (writable.h); unproven when it names none. */
const struct rh_table *rh_fixture_writable(struct rh_trial *t, struct rh_conn *conn,
                                           uint64_t n_rows);
/* A table with rows: simple when it can be made, else the first one of the source that has any;
 * skips when there is none. */
const struct rh_table *rh_fixture_any(struct rh_trial *t, struct rh_conn *conn);
/* What introspection says of a table; fails when it does not know it. */
const struct rh_table *rh_fixture_find(struct rh_trial *t, struct rh_conn *conn,
                                       struct rh_text schema, struct rh_text name);
/* The whole catalogue, checked. */
void rh_fixture_catalog(struct rh_trial *t, struct rh_conn *conn, struct rh_catalog *ret_catalog);
/* Table at a position of the catalogue. */
const struct rh_table *rh_fixture_table(const struct rh_catalog *catalog, uint32_t i);
/* Column at a position of the table. */
const struct rh_column *rh_fixture_column(const struct rh_table *table, uint32_t i);
/* Position of the column with this name; fails when there is none. */
uint32_t rh_fixture_position(struct rh_trial *t, const struct rh_table *table, const char *name);

/* ---- Reading --------------------------------------------------------------------------------- */

struct rh_rows_read {
    struct rh_value *cells; /* copies, in the trial's memory */
    uint64_t n_rows;
    uint32_t n_cols;
};

/* The query of a whole table: all columns, no conditions. Borrows from the table. */
void rh_fixture_query(struct rh_trial *t, const struct rh_table *table, struct rh_query *ret_query);
/* Runs a query to its end in batches of at most max_rows; each is checked. RH_OK or the class. */
int32_t rh_fixture_read(struct rh_trial *t, struct rh_conn *conn, const struct rh_query *query,
                        uint32_t max_rows, struct rh_rows_read *ret_rows);
/* All rows of a table, or fails. Sorted by their cells. */
void rh_fixture_rows(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table,
                     struct rh_rows_read *ret_rows);
/* The number of rows in a table. */
uint64_t rh_fixture_count(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table);
/* Sorts by cells, first column first. */
void rh_fixture_sort(struct rh_rows_read *rows);
/* Fails with `what` unless both have the same rows in the same order. */
void rh_fixture_same(struct rh_trial *t, const char *what, const struct rh_rows_read *a,
                     const struct rh_rows_read *b);

/* ---- Writing --------------------------------------------------------------------------------- */

/* A spec for a table with all of its columns, without rows. */
struct rh_write_spec rh_fixture_spec(const struct rh_table *table);
/* Calls the function of the group and checks outcome and error. result: may be NULL. */
int32_t rh_fixture_write(struct rh_trial *t, struct rh_conn *conn, rh_write_fn *function,
                         const struct rh_write_spec *spec, struct rh_write_result *result);
int32_t rh_fixture_write_as(struct rh_trial *t, struct rh_conn *conn, const struct rh_op *op,
                            rh_write_fn *function, const struct rh_write_spec *spec,
                            struct rh_write_result *result);
