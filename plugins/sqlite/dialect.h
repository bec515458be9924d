/*
 * SQLite's SQL, and what it can say exactly.
 */
#pragma once

#include "connector/sql.h"

extern const struct rh_sql_dialect rh_sqlite_dialect;
#define RH_SQLITE_N_OPERATORS 37
extern const struct rh_operator rh_sqlite_operators[RH_SQLITE_N_OPERATORS];
