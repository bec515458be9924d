/*
 * The order of rows: keys with direction and place of NULLs, and positions in that order.
 * Text compares by code point; an order by a source's own collation never gets here. Pure. [any]
 */
#pragma once

#include <rowhouse/query.h>

#include <stdint.h>

/* One key over rows at hand. */
struct rh_order_key {
    uint32_t cell;  /* position in the row */
    uint32_t flags; /* RH_ORDER_DESC, RH_ORDER_NULLS_FIRST */
};

/* Two cells under one key. <0, 0, >0. */
int rh_order_compare_cells(uint32_t flags, const struct rh_value *a, const struct rh_value *b);
/* Two rows. */
int rh_order_compare(const struct rh_order_key *keys, uint32_t n_keys, const struct rh_value *a,
                     const struct rh_value *b);
/* A row against a position (one value per key): > 0 when the row comes strictly after it. */
int rh_order_compare_position(const struct rh_order_key *keys, uint32_t n_keys,
                              const struct rh_value *row, const struct rh_value *position);

/* Sorts pointers to rows, stably; `spare` has room for as many. */
void rh_order_sort(const struct rh_order_key *keys, uint32_t n_keys, struct rh_value **rows,
                   struct rh_value **spare, size_t n_rows);
