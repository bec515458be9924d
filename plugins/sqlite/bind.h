/*
 * Values of the ABI as SQLite stores and compares them.
 */
#pragma once

#include "connection.h"

/* A value in one of SQLite's storage classes: NULL, INT, FLOAT, TEXT or BYTES; small results stand
 * in `room`. */
struct rh_sqlite_stored {
    struct rh_value value;
    char room[336]; /* a key, see total.h */
};

/* The value as it is stored in (form WRITE) or compared with (other forms) the column. column may
 * be NULL. DATA when SQLite cannot keep it without loss. value.as.data may point into ret_stored or
 * to the value's own bytes. */
int rh_sqlite_store(const struct rh_column *column, enum rh_sql_form form,
                    const struct rh_value *value, struct rh_sqlite_stored *ret_stored,
                    struct rh_error *error);
/* A decimal as a number that compares (and reads back) exactly so: INT or FLOAT. False when there
 * is none. */
bool rh_sqlite_decimal_is_kept(const struct rh_value *decimal, struct rh_value *ret_number);

/* Binds a parameter of the builder. Its bytes are copied. */
int rh_sqlite_bind(struct rh_conn *conn, sqlite3_stmt *stmt, int index,
                   const struct rh_sql_parameter *parameter, struct rh_error *error);
/* Binds one cell to be written, without copying: its bytes must live until the statement is reset. */
int rh_sqlite_bind_cell(struct rh_conn *conn, sqlite3_stmt *stmt, int index,
                        const struct rh_column *column, const struct rh_value *cell,
                        struct rh_error *error);
