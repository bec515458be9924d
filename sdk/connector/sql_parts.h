/*
 * What the files of the SQL builder share among themselves; connectors include sql.h only.
 */
#pragma once

#include "connector/sql.h"

/* Columns that nodes refer to, and the alias of the select that they belong to. */
struct rh_sql_scope {
    const struct rh_query *query;
    const struct rh_column *columns;
    uint32_t n_columns;
    uint32_t stride;
    uint32_t alias;
};

struct rh_sql_scope rh_sql_scope_of(const struct rh_query *query, uint32_t alias);
/* NULL (and failed) when the position is none. */
const struct rh_column *rh_sql_scope_column(struct rh_sql *sql, const struct rh_sql_scope *scope,
                                            uint32_t position);

/* " AS t0", behind a table. */
void rh_sql_alias(struct rh_sql *sql, uint32_t alias);
/* The conjuncts joined by AND; n > 0. */
void rh_sql_conjuncts(struct rh_sql *sql, const struct rh_sql_scope *scope,
                      const uint32_t *conjuncts, uint32_t n);
/* "column = value" as the source can say it by value. */
void rh_sql_equal(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value);
/* "column IS NULL" or "IS NOT NULL", of the bare column. */
void rh_sql_null_test(struct rh_sql *sql, const struct rh_column *column, bool negated);
/* The conjuncts of HAVING; n > 0. */
void rh_sql_having(struct rh_sql *sql, const struct rh_query *query);
/* The keyset condition. */
void rh_sql_seek(struct rh_sql *sql, const struct rh_sql_scope *scope, const struct rh_node *node);

/* The column that stands for an output of a grouped query: a group's own, or one made up for an
 * aggregate in *room (for text, equal and ordered by code point). NULL when the position is none.
 */
const struct rh_column *rh_sql_output_column(const struct rh_query *query, uint32_t output,
                                             struct rh_column *room);
/* Whether the column at this position of the spec is of its key. */
bool rh_sql_is_key(const struct rh_write_spec *spec, uint32_t column);
/* An upsert of one row as MERGE, without what it returns. */
void rh_sql_merge(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row);
/* Copies bytes that shall live until rh_sql_clear. NULL when out of memory (failed). */
void *rh_sql_own_bytes(struct rh_sql *sql, const void *data, size_t len);
/* The operand of that output, for SELECT, HAVING, GROUP BY and ORDER BY. */
void rh_sql_output(struct rh_sql *sql, const struct rh_query *query, uint32_t output,
                   enum rh_sql_form form);
