/*
 * How PostgreSQL spells what the SQL builder writes, and what it can say exactly.
 */
#pragma once

#include "connector/sql.h"

/* The state of the dialect is the struct rh_conn: its encoding decides on some verdicts. */
extern const struct rh_sql_dialect rh_pg_dialect;

/* The upper bound of what can be pushed down. */
#define RH_PG_N_OPERATORS 41
extern const struct rh_operator rh_pg_operators[RH_PG_N_OPERATORS];
