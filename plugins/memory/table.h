/*
 * Tables: columns, a list of rows, and a map from primary key to row.
 *
 * Lists are counted and copied on write: a cursor holds the list that it began with, and the first
 * change after that goes to a copy. So reading needs no lock and sees one state. While a
 * transaction has changed a table, `committed` holds the list that all others read.
 *
 * The lock of the database guards everything here.
 */
#pragma once

#include "base/map.h"
#include "column.h"
#include "row.h"

struct mem_rows {
    uint32_t refs;
    uint64_t n; /* with holes */
    uint64_t cap;
    uint64_t n_live;
    struct mem_row **items; /* NULL: a hole that a deleted row left */
};

struct mem_table {
    struct mem_table *next;
    char *name;
    uint64_t layout; /* unique in the database; another one after each change of the columns */
    struct mem_column *columns;
    uint32_t n_columns;
    uint32_t n_key;
    uint32_t *key; /* positions of the primary key's columns */
    struct mem_rows *rows;
    struct mem_rows *committed; /* NULL while `rows` is */
    struct rh_map index;        /* encoded key → struct mem_row; unused without a key */
};

struct mem_rows *mem_rows_new(void);
struct mem_rows *mem_rows_ref(struct mem_rows *rows);
void mem_rows_unref(struct mem_rows *rows);
/* Appends and takes the reference; false when out of memory. */
bool mem_rows_push(struct mem_rows *rows, struct mem_row *row);

/* An empty table as described; RESOURCE, or what is wrong with the description. */
int mem_table_new(const struct rh_table *from, struct mem_table **ret_table,
                  struct rh_error *error);
void mem_table_free(struct mem_table *table);
/* Position of the column, or RH_NO_COLUMN. */
uint32_t mem_table_column(const struct mem_table *table, struct rh_text name);
/* NOT_FOUND names table and column. */
int mem_table_find_column(const struct mem_table *table, struct rh_text name,
                          uint32_t *ret_position, struct rh_error *error);

/* Encodes the primary key of a full row of cells into buf. RESOURCE when it does not fit. */
int mem_table_encode(const struct mem_table *table, const struct rh_value *cells,
                     struct rh_buf *buf, struct rh_error *error);

/* Makes the list its own, so that it may be changed. RESOURCE. */
int mem_table_own(struct mem_table *table, struct rh_error *error);
/* Puts `row` (NULL: a hole) where `old` (NULL: a hole, or the end) stands, in list and index; the
 * list keeps references of its own. The key was checked to be free. RESOURCE, and then nothing has
 * changed; never, when it takes back the last change. */
int mem_table_replace(struct mem_table *table, uint64_t position, struct mem_row *old,
                      struct mem_row *row, struct rh_error *error);
/* The index's half of it: to take changes back when the list is thrown away. */
bool mem_table_index(struct mem_table *table, const struct mem_row *old, struct mem_row *row);
/* Removes the holes when there are many. Only while nothing refers to positions. */
void mem_table_compact(struct mem_table *table);
