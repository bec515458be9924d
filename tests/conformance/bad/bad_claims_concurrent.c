/*
 * It claims CONCURRENT, and has one cursor per connection.
 * base: sqlite
 * fails: threads/concurrent
 */
#include "bad.inc"

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->threads = RH_THREADS_CONCURRENT;
    return RH_OK;
}
