/*
 * A cancelled wait is told as a time-out.
 * base: memory
 * fails: feed/cancel
 */
#include "bad.inc"

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                    struct rh_feed_batch *ret_batch, struct rh_error *error)
{
    return reclass(good->feed->next(cursor, op, max_changes, ret_batch, error), RH_CANCELLED,
                   RH_TIMEOUT, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_feed(bad)->next = next;
    return RH_OK;
}
