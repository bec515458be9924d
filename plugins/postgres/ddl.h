/*
 * Tables made and changed: all changes of a call or none, in one transaction.
 */
#pragma once

#include "connection.h"

extern const struct rh_ddl rh_pg_ddl;
