/*
 * Cells out of SQLite: one output column of a statement, and how its values are read.
 */
#pragma once

#include "connector/rowset.h"

#include <rowhouse/query.h>

#include <sqlite3.h>
#include <stdbool.h>

/* What an output column is; the values may be of another type (SQLite types values). */
struct rh_sqlite_output {
    uint8_t type; /* RH_TYPE_* */
    bool is_key;  /* dates, times and UUIDs come as keys (see functions.h) */
    bool is_free; /* never compared, sorted or paged by: text that is not UTF-8 comes as BYTES */
    bool is_computed; /* a sum or average: the text "NaN" is that number, which SQLite has not */
    uint16_t scale;
};

/* The output that reads a table's column; grouped: in the VALUE form. */
struct rh_sqlite_output rh_sqlite_output_of(const struct rh_column *column, bool grouped);
/* Adds the row that the statement stands on. */
void rh_sqlite_read_row(struct rh_rowset *rows, sqlite3_stmt *stmt,
                        const struct rh_sqlite_output *outputs, uint32_t n);
