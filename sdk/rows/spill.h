/*
 * Rows in a temporary file: any number of sequences ("runs") in one unlinked file, each written
 * once and read once from the front. Nothing is left behind, whatever happens to the process.
 *
 * A run is a list of extents; an extent holds whole rows in their in-memory layout (rowstore.h)
 * with offsets in the place of pointers, so that reading is one pread and one pass over the cells.
 * The file is private to the process and gone with it: no format to keep, nothing to verify.
 */
#pragma once

#include "rows/stage.h"

#include <stddef.h>
#include <sys/types.h>

struct rh_spill {
    struct rh_meter *meter;
    int fd; /* -1 until the first write */
    off_t size;
};

struct rh_spill_extent {
    off_t offset;
    size_t size;
};

struct rh_spill_run {
    struct rh_spill *spill;
    uint32_t n_cells;
    struct rh_spill_extent *extents;
    size_t n_extents, cap_extents;
    char *buffer; /* of the writer, then of the reader */
    size_t n_buffer, cap_buffer;
    size_t at;          /* reader: next row in the buffer */
    size_t next_extent; /* reader */
    uint64_t n_rows;
};

void rh_spill_init(struct rh_spill *spill, struct rh_meter *meter);
void rh_spill_fini(struct rh_spill *spill);

void rh_spill_run_init(struct rh_spill_run *run, struct rh_spill *spill, uint32_t n_cells);
void rh_spill_run_fini(struct rh_spill_run *run);
/* RESOURCE, "budget-exceeded" (spill budget) or "spill-failed" (the disk). */
int rh_spill_add(struct rh_spill_run *run, const struct rh_value *cells, struct rh_error *error);
/* Ends writing and frees the writer's memory. */
int rh_spill_finish(struct rh_spill_run *run, struct rh_error *error);
/* The next row, borrowed until the next call on the run, or RH_END. Only after finish. */
int rh_spill_next(struct rh_spill_run *run, struct rh_value **ret_cells, struct rh_error *error);
