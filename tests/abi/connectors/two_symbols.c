/* Exports more than its entry. */
#include "minimal.h"

RH_EXPORT int helper_that_leaked(void);

int helper_that_leaked(void)
{
    return 42;
}

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &minimal;
    return RH_OK;
}
