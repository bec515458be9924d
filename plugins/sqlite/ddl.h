/*
 * Tables made and changed.
 */
#pragma once

#include "connection.h"

extern const struct rh_ddl rh_sqlite_ddl;
