/*
 * What PostgreSQL and libpq report, as errors of the ABI.
 */
#pragma once

#include "connector/kit.h"

#include <libpq-fe.h>

/* The error of a result that is no success. Sets class, SQLSTATE, constraint, column, message and
 * hint; returns the class. NULL result: out of memory. [any] */
int rh_pg_fail_result(const PGresult *result, struct rh_error *error);
/* Names the column, which may be NULL, in message and error. Returns the error's class. [any] */
int rh_pg_blame_column(const struct rh_column *column, struct rh_error *error);
/* The error of a connection that did not come about. [any] */
int rh_pg_fail_connect(PGconn *pg, struct rh_error *error);
/* True when the result is an error with this SQLSTATE. */
bool rh_pg_has_state(const PGresult *result, const char *sqlstate);
