/* Calls what nobody has. */
#include "minimal.h"

int function_that_nobody_has(void);

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &minimal;
    return function_that_nobody_has();
}
