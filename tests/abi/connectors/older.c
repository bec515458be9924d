/* Built when the table ended before `explain`. What stands behind is something else, and whoever
 * takes it for functions jumps into nowhere. */
#include "minimal.h"

#include <stddef.h>
#include <string.h>

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    static _Alignas(8) unsigned char table[sizeof(struct rh_connector)];
    const uint32_t size = offsetof(struct rh_connector, explain);
    const struct rh_text id = TEXT("older");

    memset(table, 0xa5, sizeof(table));
    memcpy(table, &minimal, size);
    memcpy(table, &size, sizeof(size));
    memcpy(table + offsetof(struct rh_connector, id), &id, sizeof(id));
    *ret_connector = (const struct rh_connector *)table;
    return RH_OK;
}
