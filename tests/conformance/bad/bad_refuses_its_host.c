/*
 * It refuses the minor that it says it runs on, the second time.
 * base: sqlite
 * fails: abi/older-host
 */
#include "bad.inc"

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    static int calls;

    return ++calls == 2 ? RH_UNSUPPORTED : RH_OK;
}
