/*
 * The connector's table.
 */
#pragma once

#include <rowhouse/connector.h>

extern const struct rh_connector rh_sqlite_connector;
