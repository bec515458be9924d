/*
 * SQLite's SQL, and what it can say exactly. The state of the hooks is the struct rh_conn.
 */
#pragma once

#include "connector/sql.h"

extern const struct rh_sql_dialect rh_sqlite_dialect;
#define RH_SQLITE_N_OPERATORS 37
extern const struct rh_operator rh_sqlite_operators[RH_SQLITE_N_OPERATORS];

#define RH_SQLITE_SHORT_LIST 16 /* longer ones are bound as one list */

/* DATE, TIME, DATETIME, TIMESTAMP. */
static inline bool rh_sqlite_is_time(const struct rh_column *column)
{
    return column->type >= RH_TYPE_DATE && column->type <= RH_TYPE_TIMESTAMP;
}

/* "date", "time", …: the middle of the names of functions; NULL for types without keys. */
const char *rh_sqlite_key_name(uint32_t type);

/* Hooks of the dialect (see rh_sql_dialect). */
bool rh_sqlite_predicate(struct rh_sql *sql, const struct rh_column *column,
                         const struct rh_node *node, const struct rh_value *values);
bool rh_sqlite_pair_condition(struct rh_sql *sql, const struct rh_column *outer,
                              uint32_t outer_alias, const struct rh_column *inner);
uint32_t rh_sqlite_exact(const void *state, const struct rh_column *column,
                         const struct rh_node *node, const struct rh_value *values, uint32_t upper);
bool rh_sqlite_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
                   uint32_t detail);
enum rh_sql_pair rh_sqlite_pair(const void *state, const struct rh_column *outer,
                                const struct rh_column *inner);
