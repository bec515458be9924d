/*
 * A required function is missing.
 * base: sqlite
 * fails: load/loads
 * also: abi introspection cursors hygiene ddl
 */
#include "bad.inc"

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->ping = NULL;
    return RH_OK;
}
