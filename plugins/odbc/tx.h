/* Transactions of the host. */
#pragma once

#include <rowhouse/connector.h>

extern const struct rh_tx rh_odbc_tx;
