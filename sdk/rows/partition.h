/*
 * Rows put off: when a hash table is full, rows that it does not hold go to one of 16 runs, chosen
 * by their hash, and each run is worked through later with an empty table. A run that is again too
 * much is divided further by the next bits of the hash.
 */
#pragma once

#include "rows/spill.h"

#define RH_PARTITIONS 16

struct rh_partition {
    struct rh_spill spill;
    uint32_t n_cells;
    uint32_t level;                          /* of the rows that are put off now */
    struct rh_spill_run runs[RH_PARTITIONS]; /* being written */
    struct rh_partition_run *pending;        /* written, not yet worked through */
    struct rh_partition_run *current;        /* being read */
};

void rh_partition_init(struct rh_partition *partition, struct rh_meter *meter, uint32_t n_cells);
void rh_partition_fini(struct rh_partition *partition);
/* Puts a row off. RESOURCE as rh_spill_add. */
int rh_partition_add(struct rh_partition *partition, uint64_t hash, const struct rh_value *cells,
                     struct rh_error *error);
/* Goes on to the next run of rows, RH_END when there is none. */
int rh_partition_advance(struct rh_partition *partition, struct rh_error *error);
/* The next row of the run, borrowed until the next call, or RH_END. */
int rh_partition_next(struct rh_partition *partition, struct rh_value **ret_cells,
                      struct rh_error *error);
