/*
 * Declared column types, and what Rowhouse makes of them.
 */
#pragma once

#include <rowhouse/query.h>

#include <stdbool.h>

/* rh_column.native_id: the affinity (SQLite, "Datatypes", 3.1) and what the column is known for.
 * Never 0 for a column of a table. */
#define RH_SQLITE_AFFINITY 0x07u
#define RH_SQLITE_BLOB 1u /* none */
#define RH_SQLITE_TEXT 2u
#define RH_SQLITE_NUMERIC 3u
#define RH_SQLITE_INTEGER 4u
#define RH_SQLITE_REAL 5u
#define RH_SQLITE_PURE 0x10u /* holds values of its type only: STRICT table or rowid */

/* Fills type, precision, scale, native_id and RH_COLUMN_OPAQUE from native_type. */
void rh_sqlite_type_set(struct rh_column *column, bool strict);
