/*
 * Transactions, and the scope in which one call changes everything or nothing.
 */
#pragma once

#include "connection.h"

extern const struct rh_tx rh_sqlite_tx;

/* CONFLICT when SQLite has ended the open transaction by itself. */
int rh_sqlite_tx_check(const struct rh_conn *conn, struct rh_error *error);
/* Opens a scope: a transaction, or a savepoint in the one that is open. PERMISSION when the
 * operation, the transaction or the file is read-only. */
int rh_sqlite_scope_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* Ends the scope: keeps the changes when rc is RH_OK, else undoes them. Returns rc, or the class of
 * the commit that failed. */
int rh_sqlite_scope_end(struct rh_conn *conn, int rc, struct rh_error *error);
