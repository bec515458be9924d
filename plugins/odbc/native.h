/* Statements in the database's own language. */
#pragma once

#include <rowhouse/connector.h>

extern const struct rh_native rh_odbc_native;
