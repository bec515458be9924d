/*
 * Groups and aggregates, by hashing.
 *
 * When memory is used up the table takes no more groups: rows of groups that it has are added up as
 * before, rows of others are put off (partition.h) and worked through afterwards. Distinct values
 * for aggregates are a set of (aggregate, group, value), put off in the same way and added before
 * the groups are handed out. NULL is a group of its own, and MISSING counts as NULL.
 */
#include "rows/aggregate.h"
#include "rows/cell.h"
#include "rows/partition.h"
#include "rows/rowindex.h"
#include "rows/rowstore.h"
#include "rows/stage.h"

#include "base/err.h"
#include "connector/civil.h"

#include <stdlib.h>
#include <string.h>

#define OUT_ROWS 512
#define CHECK_ROWS 1024
#define SEEN_CELLS 3

enum phase { GATHERING, HANDING_OUT, ENDED };

struct group {
    struct rh_stage stage;
    struct rh_grouping grouping;
    enum phase phase;

    struct rh_rowindex index;       /* keys of the groups */
    struct rh_rowstore store;       /* keys and accumulators */
    struct rh_accumulator **totals; /* per group, n_aggregates of them */
    uint32_t cap_totals;
    uint64_t held;
    uint64_t best_bytes; /* of least and greatest values */
    bool full;
    struct rh_partition put_off; /* rows of the input */
    struct rh_value *key;        /* of the row at hand */

    struct rh_rowindex seen; /* distinct values of aggregates */
    struct rh_rowstore seen_store;
    struct rh_partition seen_put_off;

    uint32_t next_group;
    struct rh_value *out;
    struct rh_rowstore out_store;
};

/* ---- One row ----------------------------------------------------------------------------- */

static void make_key(struct group *group, const struct rh_value *cells)
{
    for (uint32_t i = 0; i < group->grouping.n_groups; i++) {
        const struct rh_group *g = &group->grouping.groups[i];
        struct rh_value *key = &group->key[i];

        *key = cells[g->column];
        if (rh_cell_is_null(key))
            *key = (struct rh_value){.type = RH_TYPE_NULL};
        else if (g->bucket != RH_BUCKET_NONE && key->type == RH_TYPE_DATE)
            key->as.i = rh_civil_bucket_days(key->as.i, g->bucket);
        else if (g->bucket != RH_BUCKET_NONE &&
                 (key->type == RH_TYPE_DATETIME || key->type == RH_TYPE_TIMESTAMP))
            key->as.i = rh_civil_bucket_us(key->as.i, g->bucket);
    }
}

static int new_group(struct group *group, uint64_t hash, struct rh_error *error)
{
    uint32_t n_aggregates = group->grouping.n_aggregates, number = group->index.n;
    size_t bytes = n_aggregates * sizeof(struct rh_accumulator);
    struct rh_value *key;
    struct rh_accumulator *totals;
    void *grown;

    if (number == group->cap_totals) {
        uint32_t cap = group->cap_totals ? group->cap_totals * 2 : 64;
        grown = realloc(group->totals, cap * sizeof(struct rh_accumulator *));
        if (!grown)
            return rh_fail_nomem(error);
        group->totals = grown;
        group->cap_totals = cap;
    }
    key = rh_rowstore_add(&group->store, group->key, group->grouping.n_groups);
    totals = rh_rowstore_alloc(&group->store, bytes);
    if (!key || !totals || !rh_rowindex_add(&group->index, key, hash))
        return rh_fail_nomem(error);
    memset(totals, 0, bytes);
    group->totals[number] = totals;
    return RH_OK;
}

/* One value for one aggregate of one group. */
static int add_value(struct group *group, uint32_t aggregate, uint32_t number,
                     const struct rh_value *cell, struct rh_error *error)
{
    struct rh_accumulator *total = &group->totals[number][aggregate];
    size_t before = total->best_bytes;
    int r = rh_aggregate_add(&group->grouping.aggregates[aggregate], total, cell, error);

    group->best_bytes += total->best_bytes - before;
    return r;
}

/* The same unless the value was there before. */
static int add_distinct(struct group *group, uint32_t aggregate, uint32_t number,
                        const struct rh_value *cell, struct rh_error *error)
{
    struct rh_value cells[SEEN_CELLS] = {
        {.type = RH_TYPE_INT, .as.i = aggregate}, {.type = RH_TYPE_INT, .as.i = number}, *cell};
    uint64_t hash;
    struct rh_value *row;

    if (rh_cell_is_null(cell))
        return RH_OK;
    hash = rh_cells_hash(cells, SEEN_CELLS);
    if (rh_rowindex_find(&group->seen, cells, hash) != RH_NO_ENTRY)
        return RH_OK;
    if (group->full)
        return rh_partition_add(&group->seen_put_off, hash, cells, error);
    row = rh_rowstore_add(&group->seen_store, cells, SEEN_CELLS);
    if (!row || !rh_rowindex_add(&group->seen, row, hash))
        return rh_fail_nomem(error);
    return add_value(group, aggregate, number, cell, error);
}

static int add_row(struct group *group, const struct rh_value *cells, struct rh_error *error)
{
    uint64_t hash;
    uint32_t number;
    int r = RH_OK;

    make_key(group, cells);
    hash = rh_cells_hash(group->key, group->grouping.n_groups);
    number = rh_rowindex_find(&group->index, group->key, hash);
    if (number == RH_NO_ENTRY) {
        if (group->full)
            return rh_partition_add(&group->put_off, hash, cells, error);
        number = group->index.n;
        r = new_group(group, hash, error);
    }
    for (uint32_t i = 0; r == RH_OK && i < group->grouping.n_aggregates; i++) {
        const struct rh_aggregate *a = &group->grouping.aggregates[i];
        const struct rh_value *cell = a->column == RH_NO_COLUMN ? NULL : &cells[a->column];

        if (a->distinct && cell && a->function != RH_AGG_MIN && a->function != RH_AGG_MAX)
            r = add_distinct(group, i, number, cell, error);
        else
            r = add_value(group, i, number, cell, error);
    }
    return r;
}

static void check_memory(struct group *group)
{
    uint64_t now = group->store.bytes + rh_rowindex_bytes(&group->index) + group->best_bytes +
                   group->cap_totals * sizeof(void *) + group->seen_store.bytes +
                   rh_rowindex_bytes(&group->seen);

    group->full |= rh_meter_full(group->stage.meter, &group->held, now);
}

/* ---- Gathering --------------------------------------------------------------------------- */

static int gather_input(struct group *group, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    const struct rh_value *row;
    int r = RH_OK;

    if (group->grouping.n_groups == 0) /* one row, also over no rows */
        r = new_group(group, rh_cells_hash(NULL, 0), error);
    while (r == RH_OK && (r = rh_stage_next(group->stage.input, &batch, error)) == RH_OK) {
        row = batch.cells;
        for (uint64_t i = 0; r == RH_OK && i < batch.n_rows; i++, row += batch.n_cols)
            r = add_row(group, row, error);
        check_memory(group);
    }
    return r < 0 ? r : RH_OK;
}

static int gather_put_off(struct group *group, struct rh_error *error)
{
    struct rh_value *row;
    int r = RH_OK;

    for (uint64_t i = 1; r == RH_OK; i++) {
        r = rh_partition_next(&group->put_off, &row, error);
        if (r == RH_OK)
            r = add_row(group, row, error);
        if (i % CHECK_ROWS == 0)
            check_memory(group);
    }
    return r < 0 ? r : RH_OK;
}

static void forget_seen(struct group *group)
{
    rh_rowindex_clear(&group->seen);
    rh_rowstore_clear(&group->seen_store);
    check_memory(group);
    group->full = false;
}

/* The groups stay, whatever they take: the set gets a part of its own. */
static void check_seen(struct group *group)
{
    check_memory(group);
    group->full = group->seen_store.bytes + rh_rowindex_bytes(&group->seen) >
                  group->stage.meter->memory_limit / 4;
}

static int gather_seen(struct group *group, struct rh_error *error)
{
    struct rh_value *row;
    int r;

    forget_seen(group);
    while ((r = rh_partition_advance(&group->seen_put_off, error)) == RH_OK) {
        for (uint64_t i = 1; r == RH_OK; i++) {
            r = rh_partition_next(&group->seen_put_off, &row, error);
            if (r == RH_OK)
                r = add_distinct(group, (uint32_t)row[0].as.i, (uint32_t)row[1].as.i, &row[2],
                                 error);
            if (i % CHECK_ROWS == 0)
                check_seen(group);
        }
        if (r < 0)
            return r;
        forget_seen(group);
    }
    return r < 0 ? r : RH_OK;
}

/* ---- Handing out ------------------------------------------------------------------------- */

static void forget_groups(struct group *group)
{
    for (uint32_t i = 0; i < group->index.n; i++)
        for (uint32_t a = 0; a < group->grouping.n_aggregates; a++)
            rh_aggregate_fini(&group->totals[i][a]);
    rh_rowindex_clear(&group->index);
    rh_rowstore_clear(&group->store);
    group->best_bytes = 0;
    group->next_group = 0;
    forget_seen(group);
}

static int hand_out(struct group *group, struct rh_batch *ret_batch, struct rh_error *error)
{
    uint32_t n_groups = group->grouping.n_groups, n_aggregates = group->grouping.n_aggregates;
    struct rh_value *to = group->out;
    uint64_t n = 0;
    int r;

    rh_rowstore_clear(&group->out_store);
    for (; n < OUT_ROWS && group->next_group < group->index.n; n++, group->next_group++) {
        if (n_groups)
            memcpy(to, group->index.rows[group->next_group], n_groups * sizeof(*to));
        to += n_groups;
        for (uint32_t a = 0; a < n_aggregates; a++) {
            r = rh_aggregate_result(&group->grouping.aggregates[a],
                                    &group->totals[group->next_group][a], &group->out_store, to++,
                                    error);
            if (r < 0)
                return r;
        }
    }
    *ret_batch = (struct rh_batch){.struct_size = sizeof(*ret_batch),
                                   .n_cols = n_groups + n_aggregates,
                                   .n_rows = n,
                                   .cells = group->out};
    return n ? RH_OK : RH_END;
}

static int pull(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct group *group = (struct group *)stage;
    int r;

    while (group->phase != ENDED) {
        if (group->phase == GATHERING) {
            r = group->put_off.current ? gather_put_off(group, error) : gather_input(group, error);
            if (r == RH_OK)
                r = gather_seen(group, error);
            if (r < 0)
                return r;
            group->phase = HANDING_OUT;
        }
        r = hand_out(group, ret_batch, error);
        if (r != RH_END)
            return r;
        forget_groups(group);
        r = rh_partition_advance(&group->put_off, error);
        if (r < 0)
            return r;
        group->phase = r == RH_END ? ENDED : GATHERING;
    }
    return RH_END;
}

static void close_group(struct rh_stage *stage)
{
    struct group *group = (struct group *)stage;

    forget_groups(group);
    rh_partition_fini(&group->put_off);
    rh_partition_fini(&group->seen_put_off);
    rh_rowstore_clear(&group->out_store);
    rh_meter_full(stage->meter, &group->held, 0);
    free(group->totals);
    free(group->key);
    free(group->out);
    free(group);
}

int rh_group_new(struct rh_stage *input, const struct rh_grouping *grouping,
                 struct rh_stage **ret_stage, struct rh_error *error)
{
    uint32_t width = grouping->n_groups + grouping->n_aggregates;
    struct group *group = calloc(1, sizeof(*group));

    if (!group)
        return rh_fail_nomem(error);
    group->key = calloc((size_t)grouping->n_groups + 1, sizeof(*group->key));
    group->out = calloc((size_t)width * OUT_ROWS, sizeof(*group->out));
    if (!group->key || !group->out) {
        free(group->key);
        free(group->out);
        free(group);
        return rh_fail_nomem(error);
    }
    rh_stage_init(&group->stage, "group", pull, close_group, input, width);
    group->grouping = *grouping;
    rh_rowindex_init(&group->index, grouping->n_groups);
    rh_rowindex_init(&group->seen, SEEN_CELLS);
    rh_rowstore_init(&group->store);
    rh_rowstore_init(&group->seen_store);
    rh_rowstore_init(&group->out_store);
    rh_partition_init(&group->put_off, input->meter, input->n_cells);
    rh_partition_init(&group->seen_put_off, input->meter, SEEN_CELLS);
    *ret_stage = &group->stage;
    return RH_OK;
}
