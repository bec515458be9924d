/*
 * A count of values counts rows.
 * base: sqlite
 * fails: oracle/groups
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_query other = *query;
    struct rh_aggregate *aggregates = calloc((size_t)query->n_aggregates + 1, sizeof(*aggregates));
    int32_t rc;

    if (!aggregates)
        return fail(error, RH_RESOURCE, "out of memory");
    for (uint32_t i = 0; i < query->n_aggregates; i++) {
        aggregates[i] = query->aggregates[i];
        if (aggregates[i].function == RH_AGG_COUNT) {
            aggregates[i].column = RH_NO_COLUMN;
            aggregates[i].distinct = 0;
        }
    }
    other.aggregates = aggregates;
    rc = good->open(conn, op, &other, ret_cursor, error);
    free(aggregates);
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->open = open;
    return RH_OK;
}
