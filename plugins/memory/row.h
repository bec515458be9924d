/*
 * Rows: immutable, counted, one allocation each (cells, then the bytes that they point to, then
 * the key). A change makes a new row; whoever still reads the old one keeps it alive.
 *
 * The counts are plain numbers: the lock of the database guards them.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdbool.h>
#include <stdint.h>

struct mem_row {
    uint32_t refs;
    uint32_t n_cells;
    uint64_t position;  /* in its table's list */
    struct rh_text key; /* encoded primary key; no text when the table has none */
    struct rh_value cells[];
};

/* A row with deep copies of the cells and of the key; one reference, owned by the caller. NULL
 * when out of memory. */
struct mem_row *mem_row_new(const struct rh_value *cells, uint32_t n, struct rh_text key);
struct mem_row *mem_row_ref(struct mem_row *row);
/* NULL is allowed. */
void mem_row_unref(struct mem_row *row);

/* True for the types whose payload is bytes. */
bool mem_value_has_bytes(const struct rh_value *value);
/* Equal by value, both of one column's type; NULL equals nothing. */
bool mem_value_equal(const struct rh_value *a, const struct rh_value *b);
/* Appends bytes that are the same exactly for equal values. False for NULL. */
bool mem_value_encode(struct rh_buf *buf, const struct rh_value *value);
