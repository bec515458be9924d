/*
 * Builds batches for connectors whose client library hands out cells one by one: cells and the
 * bytes that they point to live in two growing blocks that are reused from batch to batch, so a
 * scan allocates only until the largest batch has been seen. One thread at a time.
 *
 *     rh_rowset_clear(&rows, max_rows);
 *     while (…another row… && rh_rowset_has_room(&rows)) {
 *         struct rh_value *cells = rh_rowset_row(&rows);       // n_cols cells, MISSING
 *         cells[0] = rh_kit_int(7);
 *         rh_rowset_bytes(&rows, &cells[1], RH_TYPE_TEXT, data, len);
 *     }
 *     return rh_rowset_batch(&rows, ret_batch, error);
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rh_rowset {
    struct rh_value *cells;
    char *bytes;
    size_t n_bytes, cap_bytes;
    uint64_t n_rows, cap_rows;
    uint64_t max_rows; /* of the batch at hand */
    size_t max_bytes;  /* a batch closes when its bytes reach this; one larger value still fits */
    uint32_t n_cols;
    bool failed; /* out of memory; sticky until clear */
};

void rh_rowset_init(struct rh_rowset *rows, uint32_t n_cols, size_t max_bytes);
void rh_rowset_fini(struct rh_rowset *rows);
/* Starts a batch of at most max_rows rows. */
void rh_rowset_clear(struct rh_rowset *rows, uint64_t max_rows);
bool rh_rowset_has_room(const struct rh_rowset *rows);
/* Adds a row of MISSING cells and returns it, valid until the next call; NULL when out of
 * memory. */
struct rh_value *rh_rowset_row(struct rh_rowset *rows);
/* Copies bytes in and makes *cell a value of that type over them. The cell's data pointer is
 * finished by rh_rowset_batch. */
void rh_rowset_bytes(struct rh_rowset *rows, struct rh_value *cell, uint8_t type, const void *data,
                     size_t len);
/* Makes *cell a copy of the value, with the bytes that it may point to. */
void rh_rowset_value(struct rh_rowset *rows, struct rh_value *cell, const struct rh_value *value);
/* The batch, borrowed until the next clear; RH_END when it has no rows; RESOURCE when failed. */
int rh_rowset_batch(struct rh_rowset *rows, struct rh_batch *ret_batch, struct rh_error *error);
