/*
 * Changes are of no known kind.
 * base: memory
 * fails: feed/from-now
 */
#include "bad.inc"

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                    struct rh_feed_batch *ret_batch, struct rh_error *error)
{
    int32_t rc = good->feed->next(cursor, op, max_changes, ret_batch, error);

    if (rc == RH_OK && ret_batch->rows.n_rows)
        *(uint32_t *)mutable(ret_batch->kinds) = 7;
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_feed(bad)->next = next;
    return RH_OK;
}
