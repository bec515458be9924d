/*
 * Tables made and changed.
 */
#pragma once

#include "connection.h"

extern const struct rh_ddl rh_my_ddl;
