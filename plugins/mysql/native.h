/*
 * Native statements.
 */
#pragma once

#include "connection.h"

extern const struct rh_native rh_my_native;
