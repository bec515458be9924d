/*
 * Tables to test with: columns, keys, and pools of values from which cells, and the literals of
 * queries, are taken. And the dice that do so: the same seed, the same rolls.
 */
#pragma once

#include "base/arena.h"

#include <rowhouse/query.h>

#include <stdbool.h>
#include <stdint.h>

struct rh_dice {
    uint64_t state;
};
uint64_t rh_dice_roll(struct rh_dice *dice);
/* 0 .. n - 1; 0 when n is 0. */
uint32_t rh_dice_below(struct rh_dice *dice, uint32_t n);
/* True in `percent` of 100. */
bool rh_dice_chance(struct rh_dice *dice, uint32_t percent);

struct rh_specimen_pool {
    const struct rh_value *values;
    uint32_t n;
};

struct rh_specimen_column {
    struct rh_column column;
    struct rh_specimen_pool pool;
};

/* The key's columns come first. At most 64 columns. */
struct rh_specimen {
    const char *name;
    const struct rh_specimen_column *columns;
    uint32_t n_columns;
    const uint32_t *key;
    uint32_t n_key;
    uint32_t n_rows;
    bool exact_only;              /* has values that some sources cannot keep: long decimals, NaN */
    const struct rh_value *cells; /* its rows; NULL: they are made from the pools */
};

extern const struct rh_specimen rh_specimens[];
extern const uint32_t rh_n_specimens; /* the last one is exact_only */

/* All cells, row by row, the same in every call. Owned by the arena; NULL when out of memory. */
struct rh_value *rh_specimen_cells(struct rh_arena *arena, const struct rh_specimen *table);
