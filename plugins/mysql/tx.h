/*
 * Transactions of the host.
 */
#pragma once

#include "connection.h"

extern const struct rh_tx rh_my_tx;
