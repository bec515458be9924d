/*
 * Native SQL.
 */
#pragma once

#include "connection.h"

extern const struct rh_native rh_sqlite_native;
