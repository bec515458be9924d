/*
 * A cursor that has not ended is not finished.
 * base: sqlite
 * fails: cursors/finish-early
 */
#include "bad.inc"

static int ended;

static int32_t next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error)
{
    int32_t rc = good->next(cursor, op, max_rows, ret_batch, error);

    ended = rc == RH_END;
    return rc;
}

static void finish(struct rh_cursor *cursor)
{
    if (ended)
        good->finish(cursor);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->next = next;
    bad->finish = finish;
    return RH_OK;
}
