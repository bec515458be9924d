/*
 * Diagnostic records of the driver as errors.
 */
#pragma once

#include "connector/kit.h"

#include <sql.h>
#include <sqlext.h>

struct rh_odbc_dialect;

/* All records of the handle (SQL_HANDLE_DBC, SQL_HANDLE_STMT): the first that says what is wrong
 * makes the class; the others are added to the message. dialect may be NULL. Returns the class. */
int rh_odbc_fail(SQLSMALLINT type, SQLHANDLE handle, bool narrow,
                 const struct rh_odbc_dialect *dialect, struct rh_error *error);
/* Whether the class says that the connection is gone. */
bool rh_odbc_is_lost(SQLSMALLINT type, SQLHANDLE handle, bool narrow);
