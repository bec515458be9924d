/*
 * Rows that were cut off are told as their end.
 * base: postgres
 * fails: network/cut-rows
 */
#include "bad.inc"

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    return reclass(good->next(cursor, op, max_rows, ret_batch, error), RH_UNAVAILABLE, RH_END,
                   error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->next = next;
    return RH_OK;
}
