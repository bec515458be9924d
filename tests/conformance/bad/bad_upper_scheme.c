/*
 * A URL scheme is in upper case.
 * base: sqlite
 * fails: load/table
 */
#include "bad.inc"

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->url_schemes = (struct rh_text){"SQLite", 6};
    return RH_OK;
}
