/* One table, in the order of RH_TYPE_*. */
#include "base/type.h"

const char *rh_type_name(uint32_t type)
{
    static const char *const names[RH_N_TYPES] = {
        "missing", "null", "bool", "int",      "uint",      "float",    "decimal", "text",
        "bytes",   "date", "time", "datetime", "timestamp", "interval", "uuid",    "json",
    };
    return type < RH_N_TYPES ? names[type] : "?";
}
