/*
 * plan claims what the operators table does not.
 * base: sqlite
 * fails: oracle/claims
 */
#include "bad.inc"

static int32_t plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error)
{
    int32_t rc = good->plan(conn, query, ret_plan, error);

    memset(ret_plan->verdicts, RH_VERDICT_EXACT, query->n_conjuncts);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->plan = plan;
    return RH_OK;
}
