/*
 * Inserting, updating, deleting.
 */
#pragma once

#include "connection.h"

extern const struct rh_write rh_sqlite_write;
