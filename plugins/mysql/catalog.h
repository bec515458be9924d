/*
 * Introspection.
 */
#pragma once

#include "connection.h"

int rh_my_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                 struct rh_error *error);
