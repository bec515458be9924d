/*
 * The entry opens a file.
 * base: sqlite
 * fails: load/entry-is-pure
 */
#include "bad.inc"

#include <fcntl.h>

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    if (open("/dev/null", O_RDONLY) < 0)
        abort();
    return RH_OK;
}
