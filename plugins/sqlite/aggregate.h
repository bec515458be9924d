/*
 * Aggregates that SQLite computes only approximately or with overflow; see functions.h.
 */
#pragma once

#include <sqlite3.h>

/* Returns SQLite's code. */
int rh_sqlite_aggregates_register(sqlite3 *db);
