/*
 * Prepared statements of one connection, kept by their text: the most recently used ones stay.
 */
#pragma once

#include <rowhouse/value.h>

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define RH_SQLITE_STATEMENTS 64

struct rh_sqlite_cached {
    sqlite3_stmt *stmt;
    char *text;
    size_t len;
    uint64_t hash;
    uint64_t used; /* clock of the last use */
    bool taken;
};

struct rh_sqlite_statements {
    struct rh_sqlite_cached items[RH_SQLITE_STATEMENTS];
    uint64_t clock;
};

/* Prepares one statement, or takes it from the cache. Borrowed until put. Returns SQLite's code;
 * SQLITE_TOOBIG for texts above 16 MiB. */
int rh_sqlite_statement_get(struct rh_sqlite_statements *cache, sqlite3 *db, struct rh_text text,
                            sqlite3_stmt **ret_stmt);
/* Resets the statement and gives it back. NULL is allowed. */
void rh_sqlite_statement_put(struct rh_sqlite_statements *cache, sqlite3_stmt *stmt);
void rh_sqlite_statements_fini(struct rh_sqlite_statements *cache);
