/* The names of the value types, as users read and write them ("int", "timestamp"). */
#pragma once

#include <rowhouse/value.h>

/* "missing", "null", "bool", …; "?" for what is no type. Static text. [any] */
const char *rh_type_name(uint32_t type);
