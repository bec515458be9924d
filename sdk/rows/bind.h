/*
 * From names to positions and from literals to typed values: a spec against a table gives a query
 * of the ABI. What it refuses: unknown names ("did you mean"), operators that the column's type
 * does not have, values that do not fit.
 *
 * Literals end up in exactly the column's type. Where a number cannot (1.5 against an int column)
 * the predicate is rewritten or folded: `int > 1.5` is `int >= 2`, `int = 1.5` holds for no row.
 * NOT is pushed down into the operators (De Morgan), so no condition of the result needs one.
 */
#pragma once

#include "rows/spec.h"
#include "rows/tableset.h"

struct rh_bound {
    struct rh_query query; /* all that was asked, with the primary key appended to the order. Its
                              columns start with the table's columns that are used; limit is the
                              page size, RH_NO_LIMIT when none was given */
    const struct rh_table *table;
    const struct rh_column *outputs; /* name and type of each output, in order */
    uint32_t n_outputs;
    uint32_t n_asked; /* leading keys of query.order that were asked for; the rest only breaks ties,
                         so any total order of their values will do */
    bool stable;      /* the order is total: the page can be resumed by key */
    enum rh_count_mode count;
    struct rh_text after, before;
};

/* Borrows from arena, tables and spec. INVALID or DATA with pointer; codes "unknown-column",
 * "invalid-filter", "invalid-value", "invalid-query". */
int rh_bind_query(struct rh_arena *arena, const struct rh_tableset *tables,
                  const struct rh_table *table, const struct rh_spec *spec,
                  struct rh_bound *ret_bound, struct rh_error *error);
/* Only conditions: query with columns, nodes, values, conjuncts; no select. cond may be NULL. */
int rh_bind_where(struct rh_arena *arena, const struct rh_tableset *tables,
                  const struct rh_table *table, const struct rh_cond *cond,
                  struct rh_query *ret_query, struct rh_error *error);
/* One literal as a value of the column's type (writing, keys): exact or INVALID "invalid-value" —
 * numbers are not rounded, texts not cut. NULL gives NULL. */
int rh_bind_value(struct rh_arena *arena, const struct rh_column *column,
                  const struct rh_literal *literal, const char *pointer, struct rh_value *ret_value,
                  struct rh_error *error);
/* The literal that a JSON value is. */
void rh_bind_literal(const struct rh_json *value, struct rh_literal *ret_literal);
/* Key of a row from its path segment ("7", "a,b"; parts percent-encoded): one value per key column,
 * in the arena. INVALID when the number of parts is wrong; UNSUPPORTED "no-key" without a key. */
int rh_bind_key(struct rh_arena *arena, const struct rh_table *table, struct rh_text segment,
                struct rh_value **ret_values, struct rh_error *error);
