/*
 * SQLite's codes as error classes.
 */
#pragma once

#include "connection.h"

/* Fills the error from the handle's last error and returns its class. `code` is the extended result
 * code of the call that failed. [conn] */
int rh_sqlite_fail(struct rh_conn *conn, int code, struct rh_error *error);
