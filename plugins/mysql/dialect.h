/*
 * How MySQL and MariaDB spell what the SQL builder writes, and what they can say exactly.
 */
#pragma once

#include "connector/sql.h"

/* The state of the dialect is the struct rh_conn. */
extern const struct rh_sql_dialect rh_my_dialect;

/* Its planning hooks; see sql.h. */
uint32_t rh_my_exact(const void *state, const struct rh_column *column, const struct rh_node *node,
                     const struct rh_value *values, uint32_t upper);
bool rh_my_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
               uint32_t detail);
enum rh_sql_pair rh_my_pair(const void *state, const struct rh_column *a,
                            const struct rh_column *b);

/* The upper bound of what can be pushed down. */
#define RH_MY_N_OPERATORS 37
extern const struct rh_operator rh_my_operators[RH_MY_N_OPERATORS];
