/*
 * It runs on no host but of its own minor.
 * base: sqlite
 * fails: abi/newer-host
 */
#include "bad.inc"

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    return host_minor > RH_ABI_MINOR ? RH_UNSUPPORTED : RH_OK;
}
