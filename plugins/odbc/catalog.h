/* What the database contains. */
#pragma once

#include <rowhouse/connector.h>

int rh_odbc_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                   struct rh_error *error);
