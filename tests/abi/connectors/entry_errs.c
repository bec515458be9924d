/* Fails in its entry. */
#include "minimal.h"

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &minimal;
    return host_minor < 99 ? RH_INTERNAL : RH_OK;
}
