/*
 * Cells compared by value: the one order and equality that the host uses for predicates, order,
 * groups and distinct rows.
 *
 * Types fall into classes that compare among themselves: numbers (INT, UINT, FLOAT, DECIMAL) by
 * exact value, everything else with its own type. Between classes the rank decides:
 *
 *     bool < numbers < text < uuid < date < time < datetime < timestamp < interval < bytes < json
 *
 * and NULL and MISSING, equal to each other, come last. NaN equals NaN and is the largest number.
 * Text and bytes compare bytewise (for UTF-8: by code point), JSON by its text, intervals by their
 * length with 30 days to a month (PostgreSQL's rule). Pure. [any]
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stdint.h>

static inline bool rh_cell_is_null(const struct rh_value *cell)
{
    return cell->type <= RH_TYPE_NULL;
}

static inline struct rh_text rh_cell_text(const struct rh_value *cell)
{
    return (struct rh_text){(const char *)cell->as.data, cell->len};
}

/* Whether the payload is at as.data. */
static inline bool rh_cell_has_data(const struct rh_value *cell)
{
    return ((1u << cell->type) &
            ((1u << RH_TYPE_DECIMAL) | (1u << RH_TYPE_TEXT) | (1u << RH_TYPE_BYTES) |
             (1u << RH_TYPE_INTERVAL) | (1u << RH_TYPE_UUID) | (1u << RH_TYPE_JSON))) != 0;
}

static inline bool rh_cell_is_number(const struct rh_value *cell)
{
    return cell->type >= RH_TYPE_INT && cell->type <= RH_TYPE_DECIMAL;
}

/* Rank of the class; two cells are comparable in a predicate when theirs are the same. */
unsigned rh_cell_class(const struct rh_value *cell);
/* <0, 0, >0 in the order above. */
int rh_cell_compare(const struct rh_value *a, const struct rh_value *b);
/* Compare gives 0. */
bool rh_cell_equal(const struct rh_value *a, const struct rh_value *b);
/* Equal cells have equal hashes; seeded per process. */
uint64_t rh_cell_hash(const struct rh_value *cell);
/* The same for n cells side by side. */
bool rh_cells_equal(const struct rh_value *a, const struct rh_value *b, uint32_t n);
uint64_t rh_cells_hash(const struct rh_value *cells, uint32_t n);
