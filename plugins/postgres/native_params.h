/*
 * Parameters of a native statement: texts, whose types the server infers from where they stand.
 */
#pragma once

#include "connection.h"

/* Into conn->params. DATA when a value cannot be said, RESOURCE when there are too many. [conn] */
int rh_pg_native_load(struct rh_conn *conn, const struct rh_native_spec *spec,
                      struct rh_error *error);
/* Makes array literals of the JSON arrays among what was loaded, where the statement has arrays of
 * the server, which is asked for that: not a round trip when there are none. text: the statement's,
 * NUL-terminated. Errors are those that the statement itself would give, or DATA. [conn] */
int rh_pg_native_fit_arrays(struct rh_conn *conn, const struct rh_op *op, const char *text,
                            const struct rh_native_spec *spec, struct rh_error *error);
