/* Nothing wrong with the source: linked in a way that is refused (see CMakeLists.txt). */
#include "minimal.h"

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &minimal;
    return RH_OK;
}
