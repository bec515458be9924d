/* Its id would not do as a name. */
#include "minimal.h"

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    static struct rh_connector table;

    table = minimal;
    table.id = (struct rh_text)TEXT("Bad-Id");
    *ret_connector = &table;
    return RH_OK;
}
