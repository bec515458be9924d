/*
 * Aggregates over cells, exact as rowhouse/query.h says: whole numbers and decimals are added up in
 * 128 bits as long as that is enough and in GMP integers after that, never in floating point.
 * Cells that are no numbers (a source with loose types) are left out of SUM and AVG.
 */
#pragma once

#include "rows/rowstore.h"

#include <rowhouse/error.h>
#include <rowhouse/query.h>

#include <gmp.h>
#include <stdbool.h>

/* Zeroed is empty. */
struct rh_accumulator {
    uint64_t n;     /* cells that counted */
    __int128 small; /* sum, times 10^scale, while !is_big */
    mpz_t big;      /* the same, when is_big */
    double f;       /* FLOAT: the sum */
    uint32_t scale;
    bool is_big;
    bool is_nan;          /* a decimal NaN was among them */
    struct rh_value best; /* MIN, MAX; what it points to is in best_data */
    void *best_data;
    size_t best_bytes;
};

/* One cell more. COUNT with RH_NO_COLUMN: cell is NULL. DISTINCT is the caller's. RESOURCE. */
int rh_aggregate_add(const struct rh_aggregate *aggregate, struct rh_accumulator *accumulator,
                     const struct rh_value *cell, struct rh_error *error);
/* The result; text in the store. RESOURCE. */
int rh_aggregate_result(const struct rh_aggregate *aggregate,
                        const struct rh_accumulator *accumulator, struct rh_rowstore *store,
                        struct rh_value *ret_value, struct rh_error *error);
void rh_aggregate_fini(struct rh_accumulator *accumulator);
