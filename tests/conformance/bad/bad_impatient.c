/*
 * It waits for rows a tenth of a second, whatever the deadline.
 * base: postgres
 * fails: network/slow-drip
 */
#include "bad.inc"

#include <time.h>

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_op soon = *op;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    soon.deadline_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 + 100000;
    return good->open(conn, &soon, query, ret_cursor, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
