/*
 * It claims rows for themselves, and refuses all for one.
 * base: sqlite
 * fails: write/atomic-row
 */
#include "bad.inc"

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->atomicity = RH_ATOMIC_ROW;
    return RH_OK;
}
