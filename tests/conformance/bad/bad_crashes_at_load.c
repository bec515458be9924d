/*
 * It crashes while it is loaded.
 * base: sqlite
 * fails: load/loads
 * also: abi introspection cursors hygiene ddl
 */
#include "bad.inc"

__attribute__((constructor)) static void crash(void)
{
    abort();
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{

    return RH_OK;
}
