/*
 * How PostgreSQL spells what the SQL builder writes, and what it can say exactly.
 */
#pragma once

#include "connector/sql.h"

/* The state of the dialect is the struct rh_conn: its encoding decides on some verdicts. */
extern const struct rh_sql_dialect rh_pg_dialect;

/* Its planning hooks; see sql.h. */
uint32_t rh_pg_exact(const void *state, const struct rh_column *column, const struct rh_node *node,
                     const struct rh_value *values, uint32_t upper);
bool rh_pg_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
               uint32_t detail);
enum rh_sql_pair rh_pg_pair(const void *state, const struct rh_column *a,
                            const struct rh_column *b);

/* The upper bound of what can be pushed down. */
#define RH_PG_N_OPERATORS 41
extern const struct rh_operator rh_pg_operators[RH_PG_N_OPERATORS];
