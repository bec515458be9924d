/* Rows put off, by hash. */
#include "rows/partition.h"

#include "base/err.h"

#include <stdlib.h>

/* Bits 63..32 of the hash, four per level; the hash tables use the others. */
#define MAX_LEVEL 7

struct rh_partition_run {
    struct rh_partition_run *next;
    struct rh_spill_run run;
    uint32_t level;
};

void rh_partition_init(struct rh_partition *partition, struct rh_meter *meter, uint32_t n_cells)
{
    *partition = (struct rh_partition){.n_cells = n_cells};
    rh_spill_init(&partition->spill, meter);
    for (uint32_t i = 0; i < RH_PARTITIONS; i++)
        rh_spill_run_init(&partition->runs[i], &partition->spill, n_cells);
}

static void drop_current(struct rh_partition *partition)
{
    if (!partition->current)
        return;
    rh_spill_run_fini(&partition->current->run);
    free(partition->current);
    partition->current = NULL;
}

void rh_partition_fini(struct rh_partition *partition)
{
    do {
        drop_current(partition);
        partition->current = partition->pending;
        if (partition->pending)
            partition->pending = partition->pending->next;
    } while (partition->current);
    for (uint32_t i = 0; i < RH_PARTITIONS; i++)
        rh_spill_run_fini(&partition->runs[i]);
    rh_spill_fini(&partition->spill);
}

int rh_partition_add(struct rh_partition *partition, uint64_t hash, const struct rh_value *cells,
                     struct rh_error *error)
{
    if (partition->level > MAX_LEVEL) {
        rh_fail(error, RH_RESOURCE, "grouping does not fit into the memory that one query may use");
        return rh_error_code(error, "budget-exceeded");
    }
    return rh_spill_add(
        &partition->runs[(hash >> (60 - 4 * partition->level)) & (RH_PARTITIONS - 1)], cells,
        error);
}

/* What was written becomes pending. */
static int close_runs(struct rh_partition *partition, struct rh_error *error)
{
    for (uint32_t i = 0; i < RH_PARTITIONS; i++) {
        struct rh_partition_run *pending;
        int r;

        if (partition->runs[i].n_rows == 0)
            continue;
        r = rh_spill_finish(&partition->runs[i], error);
        if (r < 0)
            return r;
        pending = calloc(1, sizeof(*pending));
        if (!pending)
            return rh_fail_nomem(error);
        pending->run = partition->runs[i];
        pending->level = partition->level;
        pending->next = partition->pending;
        partition->pending = pending;
        rh_spill_run_init(&partition->runs[i], &partition->spill, partition->n_cells);
    }
    return RH_OK;
}

int rh_partition_advance(struct rh_partition *partition, struct rh_error *error)
{
    int r;

    drop_current(partition);
    r = close_runs(partition, error);
    if (r < 0)
        return r;
    if (!partition->pending) {
        partition->level = 0;
        return RH_END;
    }
    partition->current = partition->pending;
    partition->pending = partition->pending->next;
    partition->level = partition->current->level + 1;
    return RH_OK;
}

int rh_partition_next(struct rh_partition *partition, struct rh_value **ret_cells,
                      struct rh_error *error)
{
    return rh_spill_next(&partition->current->run, ret_cells, error);
}
