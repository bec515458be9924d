/* Speaks another major of the ABI, which has another entry. */
#include "minimal.h"

RH_EXPORT int32_t rh_connector_v2(uint32_t host_minor, const struct rh_connector **ret_connector);

int32_t rh_connector_v2(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &minimal;
    return RH_OK;
}
