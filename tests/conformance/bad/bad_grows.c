/*
 * Each query makes its connection larger.
 * base: sqlite
 * fails: hygiene/long-memory
 */
#include "bad.inc"

#define N_LOST 4000u

static void *volatile lost; /* volatile: an optimiser would leave the leak out */

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    lost = malloc(N_LOST);
    if (lost)
        memset(lost, 1, N_LOST);
    return good->open(conn, op, query, ret_cursor, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
