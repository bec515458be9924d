/* Cannot do without what a later minor of the host gives. */
#include "minimal.h"

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    static struct rh_connector table;

    table = minimal;
    table.abi_minor = RH_ABI_MINOR + 3;
    table.min_host_minor = RH_ABI_MINOR + 2;
    *ret_connector = &table;
    return RH_OK;
}
