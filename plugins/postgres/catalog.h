/*
 * What the database contains.
 */
#pragma once

#include "connection.h"

/* The vtable's `tables`: four statements in one round trip, whatever the number of tables. */
int rh_pg_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                 struct rh_error *error);
