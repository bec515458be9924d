/* Built for a later minor whose table is longer, and content with this host. */
#include "minimal.h"

#include <string.h>

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    static struct {
        struct rh_connector known;
        unsigned char later[64];
    } table;

    table.known = minimal;
    table.known.struct_size = sizeof(table);
    table.known.abi_minor = RH_ABI_MINOR + 3;
    table.known.id = (struct rh_text)TEXT("newer");
    memset(table.later, 0xa5, sizeof(table.later));
    *ret_connector = &table.known;
    return RH_OK;
}
