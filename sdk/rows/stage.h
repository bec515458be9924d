/*
 * Stages: what the host does to rows on their way, one after the other, each pulling batches from
 * the one before.
 *
 *     scan → filter → group → filter (having) → distinct → sort → slice → project
 *
 * A batch is borrowed until the next call on the same stage. Only sort, group and distinct keep
 * copies, and count them on the meter; what does not fit goes to temporary files (spill.h).
 */
#pragma once

#include "host/op.h"
#include "rows/eval.h"
#include "rows/order.h"
#include "rows/session.h"

#include <rowhouse/query.h>

#include <stdbool.h>

/* What a read has used of its budget. */
struct rh_meter {
    struct rh_operation *op;
    uint64_t memory_limit, spill_limit, scan_limit;
    uint64_t held;                /* bytes in memory, by all stages */
    uint64_t spilled;             /* bytes in temporary files, all together */
    uint64_t scanned;             /* rows from the source */
    uint64_t returned;            /* rows that left the last stage */
    bool completing;              /* a stage drops or gathers rows: the scan limit applies */
    const struct rh_table *table; /* read for its rows; NULL: to count them */
};

/* Counts what one stage holds now (`own` is the stage's and keeps the last count). True when the
 * memory limit is reached; an eighth of it is every stage's own. */
bool rh_meter_full(struct rh_meter *meter, uint64_t *own, uint64_t now);

struct rh_stage;
typedef int rh_stage_pull_fn(struct rh_stage *stage, struct rh_batch *ret_batch,
                             struct rh_error *error);
typedef void rh_stage_close_fn(struct rh_stage *stage);

struct rh_stage {
    const char *name;
    rh_stage_pull_fn *pull;
    rh_stage_close_fn *close; /* frees the stage, not its input */
    struct rh_stage *input;   /* NULL: the scan */
    struct rh_meter *meter;
    uint32_t n_cells; /* width of what it hands out */
    uint64_t n_rows;  /* handed out so far */
    uint64_t us;      /* spent, its input included */
};

/* Fills a stage in; the meter is the input's (the scan, which has none, sets its own). */
void rh_stage_init(struct rh_stage *stage, const char *name, rh_stage_pull_fn *pull,
                   rh_stage_close_fn *close, struct rh_stage *input, uint32_t n_cells);
/* The next rows, at least one, or RH_END (again and again). */
int rh_stage_next(struct rh_stage *stage, struct rh_batch *ret_batch, struct rh_error *error);
/* Closes it and everything before it. NULL is allowed. */
void rh_stage_close(struct rh_stage *stage);

/* Each constructor takes `input` on success and on failure leaves it alone; the new stage is owned
 * by the caller. What is passed as arrays is borrowed and must outlive the stage. */

/* Opens the query at the source; batches of at most batch_rows. */
int rh_scan_new(struct rh_meter *meter, struct rh_session *session, const struct rh_query *query,
                uint32_t n_cells, uint32_t batch_rows, struct rh_stage **ret_stage,
                struct rh_error *error);
/* Rows for which all predicates hold. Takes eval on success. */
int rh_filter_new(struct rh_stage *input, const char *name, struct rh_eval *eval,
                  struct rh_stage **ret_stage, struct rh_error *error);

struct rh_grouping {
    const struct rh_group *groups; /* columns are positions in the input's cells */
    uint32_t n_groups;
    const struct rh_aggregate *aggregates; /* likewise */
    uint32_t n_aggregates;
};
int rh_group_new(struct rh_stage *input, const struct rh_grouping *grouping,
                 struct rh_stage **ret_stage, struct rh_error *error);
/* Distinct by the first n_keys cells; in order of first appearance while it fits in memory. */
int rh_distinct_new(struct rh_stage *input, uint32_t n_keys, struct rh_stage **ret_stage,
                    struct rh_error *error);
/* top: only so many rows of the sorted sequence will be read (RH_NO_LIMIT: all). */
int rh_sort_new(struct rh_stage *input, const struct rh_order_key *keys, uint32_t n_keys,
                uint64_t top, struct rh_stage **ret_stage, struct rh_error *error);
/* Leaves out `offset` rows, then passes on `limit` (RH_NO_LIMIT: all) and stops pulling. */
int rh_slice_new(struct rh_stage *input, uint64_t offset, uint64_t limit,
                 struct rh_stage **ret_stage, struct rh_error *error);
/* Cells picked by position. */
int rh_project_new(struct rh_stage *input, const uint32_t *cells, uint32_t n_cells,
                   struct rh_stage **ret_stage, struct rh_error *error);
