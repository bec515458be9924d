/* Tables made and changed. */
#pragma once

#include <rowhouse/connector.h>

extern const struct rh_ddl rh_odbc_ddl;
