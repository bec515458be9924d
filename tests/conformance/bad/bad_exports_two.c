/*
 * A second symbol is exported.
 * base: sqlite
 * fails: load/loads
 * also: abi introspection cursors hygiene ddl
 */
#include "bad.inc"

RH_EXPORT int rh_another_symbol;
RH_EXPORT int rh_another_symbol = 1;

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{

    return RH_OK;
}
