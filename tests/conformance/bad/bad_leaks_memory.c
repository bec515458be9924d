/*
 * Each connection leaves memory behind.
 * base: sqlite
 * fails: hygiene/memory
 */
#include "bad.inc"

#define N_LOST 50000u

static void *volatile lost; /* volatile: an optimiser would leave the leak out */

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    lost = malloc(N_LOST);
    if (lost)
        memset(lost, 1, N_LOST);
    return good->connect(host, op, settings, ret_conn, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
