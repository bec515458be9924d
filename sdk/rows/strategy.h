/*
 * The strategy of a read: the connector is asked what it can do with the query, the legality rule
 * says what may be used of its answer, and the query is divided into the part that is pushed down
 * and the part that the host completes.
 *
 *   - Groups that are not accepted take everything above them along: then the connector gets a
 *     query of plain rows (the columns that are needed) with the conditions it can use.
 *   - An order that is not accepted in full is not pushed at all; nor is one below a DISTINCT that
 *     the host does, whose rows may come out in another order.
 *   - Behind a position, grouped and distinct rows are dropped by the host up to it: a SEEK is a
 *     condition on plain rows. They then come without limit, and the host stops when it has enough.
 *   - A limit that is not pushed travels as row goal, unless a sort or group reads everything.
 */
#pragma once

#include "rows/legal.h"
#include "rows/order.h"
#include "rows/session.h"
#include "rows/stage.h"

struct rh_strategy {
    const struct rh_query *query; /* all that was asked */
    struct rh_query pushed;       /* what `open` gets */
    uint8_t *verdicts;            /* per conjunct of query: used by the connector */
    uint32_t n_cells;             /* width of the pushed query's output */
    uint32_t n_outputs;           /* width of the query's own output */

    /* What the host does, in this order. */
    uint32_t *residual; /* nodes of conjuncts */
    uint32_t n_residual;
    uint32_t *cell_of; /* of each column of the query in the rows of the scan, or RH_NO_COLUMN */
    bool group, having, distinct, sort, offset, limit;
    struct rh_grouping grouping;
    const struct rh_value *position; /* grouped, distinct: only rows behind it; or NULL */
    struct rh_order_key *keys; /* the order, over the rows before they are cut to the outputs */
    uint32_t n_keys;

    uint32_t n_breaches;
    int64_t est_rows; /* the connector's, -1 = not known */
    bool native;      /* text keys are in the source's own collation, as asked */
    bool sound; /* false: such an order cannot be had for this query; ask for RH_ORDER_BINARY */
};

/* Plans `query`, which must outlive the strategy. push_nothing: the host does everything.
 * with_keys: the order's columns are read even if nothing else needs them (for page cursors).
 * position: for a grouped or distinct query one value per order key, or NULL; borrowed.
 * [conn] No I/O. NEEDS_KEYS "needs-filter"; errors of `plan`. */
int rh_strategy_make(struct rh_arena *arena, struct rh_session *session,
                     const struct rh_table *table, const struct rh_query *query, bool push_nothing,
                     bool with_keys, const struct rh_value *position,
                     struct rh_strategy *ret_strategy, struct rh_error *error);
/* The stages of a strategy, opened at the source. The strategy must outlive them. */
int rh_strategy_open(struct rh_arena *arena, struct rh_session *session,
                     const struct rh_strategy *strategy, struct rh_meter *meter,
                     struct rh_stage **ret_top, struct rh_error *error);
/* Whether a key of the order compares as text by the source's collation. */
bool rh_strategy_is_native_order(const struct rh_query *query);
